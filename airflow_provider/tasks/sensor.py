"""What a sensor does on a worker: look, stay, defer or reschedule; imported when a task runs."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self

from airflow_provider.arguments import Checker
from airflow_provider.errors import AgentKnowledgeError, InvalidArgumentError
from airflow_provider.refresh import codec
from airflow_provider.refresh.observation import Observation, Target
from airflow_provider.refresh.record import Outcome
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.result import RefreshResult
from airflow_provider.refresh.schedule import next_look
from airflow_provider.refresh.wait import Purpose, Receipt, Rules, Verdict, Wait
from airflow_provider.tasks import variables
from airflow_provider.tasks.deferral import defer, executor_lag
from airflow_provider.tasks.failures import sensor_error
from airflow_provider.tasks.publish import announce
from airflow_provider.tasks.task_state import TaskState
from airflow_provider.tasks.watch import Watch

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.http.client import Client

#: Builds the trigger that goes on with a wait; the last argument is its ``not_before``.
MakeTrigger = Callable[[Wait, float], "BaseTrigger"]

#: Looks at a success once more, since some of it may have failed.
Judge = Callable[[Observation], AgentKnowledgeError | None]

#: Seconds after which a rescheduling sensor looks once more by itself, where the marker has moved in one read.
_SECOND_LOOK = 1.0

#: More failed reads than any wait has.
_ANY_NUMBER = 1_000_000_000


class SensorArguments(Protocol):
    """The arguments of a sensor that a wait is made of."""

    since: Any
    start_grace: Any
    max_read_failures: Any
    poke_interval: float
    timeout: float
    silent_fail: bool
    exponential_backoff: Any
    max_wait: timedelta | None

    @property
    def log(self) -> Any:
        """The task's log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """
    The arguments that both sensors have, as checked after templating.

    :param result: the operator's result that ``since`` holds
    :param time: the vendor time that ``since`` holds
    """

    start_grace: float
    max_read_failures: int
    result: RefreshResult | None = None
    time: str | None = None

    @property
    def generation(self) -> str | None:
        """Which API generation the operator found."""
        return self.result.generation if self.result is not None else None

    @property
    def ready_statuses(self) -> tuple[str, ...]:
        """Which statuses the operator took for success."""
        return self.result.proof.ready_statuses if self.result is not None and self.result.proof else ()


def waiting(sensor: SensorArguments, check: Checker) -> Waiting:
    """Read the arguments that both sensors have; of Airflow's own only what no store could hold is refused."""
    for name in ("timeout", "poke_interval"):
        check.at_most(name, float(getattr(sensor, name)))
    result, moment = _since(check, sensor.since)
    return Waiting(
        start_grace=check.seconds("start_grace", sensor.start_grace),
        max_read_failures=check.count("max_read_failures", sensor.max_read_failures),
        result=result,
        time=moment,
    )


def _since(check: Checker, value: Any) -> tuple[RefreshResult | None, str | None]:
    """Read ``since``: nothing, an operator's result (also as JSON text), or a vendor time."""
    if value is None or value == "":
        return None, None
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            check.problems.append(
                "since is a text that is no JSON: give the operator's .output, not a template of it"
            )
            return None, None
    if isinstance(value, dict):
        try:
            return RefreshResult.from_json(value), None
        except ValueError as error:
            check.problems.append(f"since cannot be used: {error}")
            return None, None
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        check.problems.append(f"since must be an operator's .output or a vendor time, got {value!r:.60}")
        return None, None
    return None, str(value)


@dataclass(kw_only=True)
class SensorTask:
    """
    One sensor at work, its arguments checked; nothing is read yet.

    :param connect: reads the connection and returns a client
    :param generation: which API generation is spoken, where the vendor has more than one
    """

    sensor: SensorArguments
    context: Context
    target: Target
    rules: Rules
    arguments: Waiting
    connect: Callable[[], Client]
    make_trigger: MakeTrigger
    judge: Judge = lambda seen: None
    generation: str | None = None
    ready_statuses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """
        Make the wait that begins now.

        :raises InvalidArgumentError: ``since`` is the result of another target
        """
        self.log = self.sensor.log
        self.watch = Watch(self.connect, self.target, self.rules, self.log)
        self.wait = self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.close()

    # --- three modes -------------------------------------------------------------------------------------

    def look(self) -> Report:
        """Look once."""
        return self.watch.look(self.wait)

    def stay(self) -> dict[str, Any]:
        """Wait here, holding the worker slot."""
        report = self.look()
        if report.verdict is Verdict.WAIT:
            report = self.watch.until_over(report.wait, lambda _: None)
        return self.end(report)

    def defer(self) -> dict[str, Any]:
        """Look once, then wait in the triggerer."""
        report = self.look()
        if report.verdict is Verdict.WAIT:
            defer(report.wait, lambda not_before: self.make_trigger(report.wait, not_before))
        return self.end(report)

    def reschedule(self, memory: SensorMemory) -> dict[str, Any]:
        """Look once, then give the worker slot back until the next look."""
        wait = memory.read() or self._first_of_this_try()
        wait = replace(wait, poll_interval=max(wait.poll_interval, executor_lag()))
        if wait.silenced(time.time()):
            return self.end(Report(wait=wait, verdict=Verdict.TIMED_OUT))
        report = self.watch.look(wait)
        if report.verdict is Verdict.WAIT and report.wait.evidence.marker_moves == 1 and report.error is None:
            # Only two reads in a row count, and where no state is kept the first of them would be forgotten.
            time.sleep(_SECOND_LOOK)
            report = self.watch.look(report.wait)
        if report.verdict is Verdict.WAIT:
            memory.write(report.wait)
            self._come_back(report.wait)
        return self.end(report)

    def _first_of_this_try(self) -> Wait:
        """Without a memory, the first reschedule is all that says when this try began."""
        first = self.context["ti"].get_first_reschedule_date(self.context)
        if first is None:
            return self.wait
        began = first.timestamp()
        started = self.wait.started if self.wait.purpose is Purpose.OWN else began
        return replace(self.wait, started=started, deadline=began + float(self.sensor.timeout))

    def _come_back(self, wait: Wait) -> NoReturn:
        from airflow_provider.tasks.airflow_exceptions import AirflowRescheduleException

        gap, least = next_look(wait, time.time(), random.random()), executor_lag()
        if gap < least:
            # An executor may report this process's end late; a task queued again before that fails.
            self.log.info("Coming back in %.1f s in place of %.1f: the executor needs that long", least, gap)
            gap = least
        raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=gap))

    # --- the end -----------------------------------------------------------------------------------------

    def end(self, report: Report) -> dict[str, Any]:
        """
        Return the result of a wait that ended well, or raise what it came to.

        :raises InvalidArgumentError: the report is of another target: a template renders otherwise now
        """
        if report.target is not None and report.target != self.target.key:
            raise InvalidArgumentError(
                f"The wait was for {report.target}, but this sensor now asks for {self.target.key}: a template renders "
                "otherwise than when the wait began. Nothing was sent. Clear the task to wait for the other one."
            )
        if report.verdict is not Verdict.DONE or report.seen is None:
            raise sensor_error(report, self.target)
        if (trouble := self.judge(report.seen)) is not None:
            raise trouble
        self.log.info("%s is ready: %s", self.target.key, report.seen)
        result = self._result(report.wait, report.seen)
        run_id = self.context.get("run_id")
        variables.remember_delivered(self.target, result, report.wait, run_id, written=report.wait.started)
        announce(self.context, result.to_json())
        return result.to_json()

    def _result(self, wait: Wait, seen: Observation) -> RefreshResult:
        proven = wait.evidence.proven
        return RefreshResult.of(
            vendor=self.target.vendor,
            target=self.target.key,
            seen=seen,
            outcome=self._outcome(wait),
            now=time.time(),
            wait=wait,
            version=self.arguments.result.version if self.arguments.result else None,
            generation=self.generation,
            # What stands there now is no proof of any refresh: nobody compared it with anything.
            confirmed=wait.purpose is Purpose.SINCE or (wait.purpose is Purpose.OWN and proven is not None),
            reason=_REASONS.get(wait.purpose) or f"proven by {proven}",
        )

    def _outcome(self, wait: Wait) -> Outcome:
        before = self.arguments.result
        if before is None:
            return Outcome.OBSERVED
        if before.outcome is not Outcome.SUBMITTED:
            return before.outcome
        return Outcome.ADOPTED if wait.receipt is Receipt.CONFLICT else Outcome.REFRESHED

    # --- the wait ----------------------------------------------------------------------------------------

    def _begin(self) -> Wait:
        now, sensor, before = time.time(), self.sensor, self.arguments.result
        fresh = Wait(
            purpose=Purpose.GATE if self.arguments.time is None else Purpose.SINCE,
            started=now,
            deadline=now + float(sensor.timeout),
            start_grace=self.arguments.start_grace,
            poll_interval=max(float(sensor.poke_interval), 0.05),
            max_read_failures=_ANY_NUMBER if sensor.silent_fail else self.arguments.max_read_failures,
            since=self.arguments.time,
            ready_statuses=self.ready_statuses or self.arguments.ready_statuses,
            generation=self.generation,
            backoff=bool(sensor.exponential_backoff),
            longest_gap=sensor.max_wait.total_seconds() if sensor.max_wait is not None else None,
        )
        if before is None:
            return fresh
        if before.target != self.target.key:
            raise InvalidArgumentError(
                f"since is the result of {before.target}, but this sensor looks at {self.target.key}. Nothing was "
                "sent. With mapped tasks, map the sensor over the operator's output in the same order."
            )
        if before.proof is None:  # nothing was submitted or taken over: the present state is all there is
            return fresh
        return replace(
            fresh,
            purpose=before.proof.purpose,
            started=before.proof.started,
            receipt=before.proof.receipt,
            baseline=before.proof.baseline,
            first_read=before.proof.first_read,
            since=before.proof.since,
            evidence=before.proof.evidence,
            polls_before=before.proof.evidence.polls,
        )


_REASONS = {
    Purpose.GATE: "the present state, whichever run it is of",
    Purpose.SINCE: "the marker is later than since",
}


class SensorMemory:
    """What a rescheduling sensor remembers between two looks of one try (Airflow 3.3 and later)."""

    def __init__(self, context: Context, log: Any) -> None:
        number = getattr(context["ti"], "try_number", 0)
        self._state = TaskState(context, f"agent_knowledge_wait_{number}")
        if not self._state.durable:
            log.info(
                "This Airflow keeps no task state (3.3 and later do): a rescheduling sensor knows only 'since' and "
                "the marker, not what it saw at earlier looks."
            )

    def read(self) -> Wait | None:
        """Return the wait as the look before left it; None: there is none, or none that can be read."""
        data = self._state.read()
        try:
            return codec.load(Wait, data) if data is not None else None
        except ValueError:
            return None

    def write(self, wait: Wait) -> None:
        """Keep the wait for the next look."""
        self._state.write(codec.dump(wait))
