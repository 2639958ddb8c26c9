"""What a sensor does on a worker: look, stay, defer or reschedule; imported when a task runs."""

from __future__ import annotations

import json
import random
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from airflow_provider.arguments import Checker
from airflow_provider.errors import AgentKnowledgeError, InvalidArgumentError
from airflow_provider.refresh import codec
from airflow_provider.refresh import result as results
from airflow_provider.refresh.observation import Observation, Target
from airflow_provider.refresh.record import Outcome
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.schedule import next_look
from airflow_provider.refresh.wait import Purpose, Verdict, Wait
from airflow_provider.tasks import variables as memory
from airflow_provider.tasks.deferral import defer, executor_lag
from airflow_provider.tasks.events import announce
from airflow_provider.tasks.failures import Teller
from airflow_provider.tasks.watch import Watch

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.sensors.base import RefreshSensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """
    What a sensor's ``since`` says, as checked after templating.

    :param result: an operator's result
    :param time: a vendor time
    """

    result: dict[str, Any] | None = None
    time: str | None = None


def read_since(check: Checker, value: Any) -> Since:
    """Read ``since``: nothing, an operator's result (also as JSON text), or a vendor time."""
    if value is None or value == "":
        return Since()
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            check.problems.append(
                "since is a text that is no JSON: give the operator's .output, not a template of it"
            )
            return Since()
    if isinstance(value, dict):
        if "target" not in value or not isinstance(value.get("proof", ""), (dict, type(None))):
            check.problems.append("since is no result of one of this provider's operators")
            return Since()
        return Since(result=value)
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        check.problems.append(f"since must be an operator's .output or a vendor time, got {value!r:.60}")
        return Since()
    return Since(time=str(value))


@dataclass(kw_only=True)
class Lookout(ABC):
    """
    One sensor at work, its arguments checked.

    :param wait: the wait as it begins now
    """

    sensor: RefreshSensor
    context: Context
    target: Target
    watch: Watch
    wait: Wait
    log: Any
    since: Since
    generation: str | None = None

    @abstractmethod
    def trigger(self, wait: Wait, not_before: float) -> BaseTrigger:
        """Build the trigger that goes on with a wait."""

    def ended_well(self, seen: Observation) -> AgentKnowledgeError | None:
        """Look at a success once more: some of it may have failed."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.close()

    def look(self, wait: Wait) -> Report:
        """Look once."""
        return self.watch.look(wait)

    @staticmethod
    def over(report: Report) -> bool:
        """Is the wait over?"""
        return report.verdict is not Verdict.WAIT

    def stay(self) -> dict[str, Any]:
        """Wait here, holding the worker slot."""
        report = self.look(self.wait)
        if not self.over(report):
            report = self.watch.until_over(report.wait, lambda _: None)
        return self.end(report)

    def defer(self) -> dict[str, Any]:
        """Look once, then wait in the triggerer."""
        report = self.look(self.wait)
        if not self.over(report):
            defer(report.wait, lambda not_before: self.trigger(report.wait, not_before))
        return self.end(report)

    def reschedule(self) -> dict[str, Any]:
        """Look once, then give the worker slot back until the next look."""
        memory = _Memory(self.context, self.log)
        wait = memory.read() or self._first_of_this_try()
        wait = replace(wait, poll_interval=max(wait.poll_interval, executor_lag()))
        report = self.look(wait)
        if not self.over(report):
            memory.write(report.wait)
            self._come_back(report)
        return self.end(report)

    def _first_of_this_try(self) -> Wait:
        """Without a memory, the first reschedule is all that tells when this try began."""
        first = self.context["ti"].get_first_reschedule_date(self.context)
        if first is None:
            return self.wait
        began = first.timestamp()
        return replace(self.wait, started=began, deadline=began + float(self.sensor.timeout))

    def _come_back(self, report: Report) -> NoReturn:
        from airflow_provider.tasks.airflow_exceptions import AirflowRescheduleException

        gap, least = next_look(report.wait, time.time(), random.random()), executor_lag()
        if gap < least:
            # An executor may report this process's end late; a task queued again before that fails.
            self.log.info("Coming back in %.1f s in place of %.1f: the executor needs that long", least, gap)
            gap = least
        raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=gap))

    def end(self, report: Report) -> dict[str, Any]:
        """Return the result of a wait that ended well, or raise what it came to."""
        if report.verdict is Verdict.DONE and report.seen is not None:
            trouble = self.ended_well(report.seen)
            if trouble is not None:
                raise trouble
            self.log.info("%s is ready: %s", self.target.key, report.seen)
            result = self._result(report, report.seen)
            memory.remember_delivered(self.target, result, report.wait, self.context.get("run_id"))
            announce(self.context, result)
            return result
        raise Teller(vendor=self.target.vendor, target=self.target.key, submits=False).error(report)

    def _result(self, report: Report, seen: Observation) -> dict[str, Any]:
        before = self.since.result or {}
        return results.build(
            vendor=self.target.vendor,
            target=self.target.key,
            wait=report.wait,
            seen=seen,
            now=time.time(),
            version=before.get("version"),
            generation=self.generation,
            outcome=Outcome(before.get("outcome", Outcome.OBSERVED)),
        )


def first_wait(
    sensor: RefreshSensor,
    *,
    since: Since,
    target: Target,
    start_grace: float,
    max_read_failures: int,
    ready_statuses: tuple[str, ...] = (),
    generation: str | None = None,
) -> Wait:
    """
    Build the wait that a sensor begins with.

    :raises InvalidArgumentError: ``since`` is the result of another target
    """
    now = time.time()
    if sensor.silent_fail:
        max_read_failures = 1_000_000_000
    longest = sensor.max_wait.total_seconds() if sensor.max_wait is not None else None
    fresh = Wait(
        purpose=Purpose.GATE if since.time is None else Purpose.SINCE,
        started=now,
        deadline=now + float(sensor.timeout),
        start_grace=start_grace,
        poll_interval=max(float(sensor.poke_interval), 0.05),
        max_read_failures=max_read_failures,
        since=since.time,
        ready_statuses=ready_statuses,
        generation=generation,
        backoff=sensor.exponential_backoff,
        longest_gap=longest,
    )
    if since.result is None:
        return fresh
    if since.result["target"] != target.key:
        raise InvalidArgumentError(
            f"since is the result of {since.result['target']}, but this sensor looks at {target.key}. Nothing was "
            "sent. With mapped tasks, map the sensor over the operator's output in the same order."
        )
    try:
        begun = results.wait_from(since.result)
    except ValueError as error:
        raise InvalidArgumentError(
            f"since is no result of this provider: {error}. Nothing was sent."
        ) from None
    if begun is None:
        return fresh
    return replace(
        fresh,
        purpose=begun.purpose,
        started=begun.started,
        receipt=begun.receipt,
        ready_statuses=ready_statuses or begun.ready_statuses,
        baseline=begun.baseline,
        first_read=begun.first_read,
        evidence=begun.evidence,
    )


class _Memory:
    """What a rescheduling sensor remembers between two looks of one try (Airflow 3.3 and later)."""

    def __init__(self, context: Context, log: Any) -> None:
        self._store: Any = context.get("task_state_store")
        self._key = f"agent_knowledge_wait_{getattr(context['ti'], 'try_number', 0)}"
        if self._store is None:
            log.info(
                "This Airflow keeps no task state (3.3 and later do): a rescheduling sensor knows only 'since' and "
                "the marker, not what it saw at earlier looks."
            )

    def read(self) -> Wait | None:
        data = self._store.get(self._key) if self._store is not None else None
        try:
            return codec.load(Wait, data) if data is not None else None
        except ValueError:
            return None

    def write(self, wait: Wait) -> None:
        if self._store is not None:
            self._store.set(self._key, codec.dump(wait))
