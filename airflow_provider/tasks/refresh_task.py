"""
One refresh, from its record to its result: *record → decide → act → return, raise or wait*, and round again.

``execute`` and ``execute_complete`` run the same loop. The write happens on a worker, and only once; the record is
written before it (*intent*), after it (*submitted*) and as the last act (*ended*).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider import telemetry
from airflow_provider.errors import (
    AgentKnowledgeError,
    AlreadyRunningError,
    AmbiguousWriteError,
    ApiError,
    BudgetExceededError,
    ConflictError,
    InvalidArgumentError,
    InvalidResponseError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordMismatchError,
    RefreshFailedForGoodError,
    RefreshUnconfirmedError,
    is_ambiguous,
)
from airflow_provider.refresh import submit
from airflow_provider.refresh.observation import Observation, Target
from airflow_provider.refresh.record import Ending, Identity, Outcome, Record, Stage
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.result import RefreshResult
from airflow_provider.refresh.schedule import pause_for
from airflow_provider.refresh.submit import Action, Decision, Policy, Refresh, WriteReceipt
from airflow_provider.refresh.wait import Purpose, Receipt, Verdict, Wait
from airflow_provider.tasks import variables
from airflow_provider.tasks.deferral import defer
from airflow_provider.tasks.failures import operator_error
from airflow_provider.tasks.links import note_link
from airflow_provider.tasks.options import Options
from airflow_provider.tasks.publish import announce, note_result, publish_result
from airflow_provider.tasks.watch import Watch

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.http.call import Call
    from airflow_provider.http.client import Client
    from airflow_provider.tasks.record_store import RecordStore

T = TypeVar("T")

#: Builds the trigger that goes on with a wait for a target; the last argument is its ``not_before``.
MakeTrigger = Callable[[Target, Wait, Record | None, float], "BaseTrigger"]

#: What the first looks may come to without saying anything of the run; whoever waits for its end will see.
_UNDECIDED = (
    Verdict.WAIT,
    Verdict.UNCONFIRMED,
    Verdict.UNKNOWN_STATUS,
    Verdict.UNREADABLE,
    Verdict.TIMED_OUT,
)

_REFUSALS = (
    Action.REFUSE_MISMATCH,
    Action.REFUSE_BLIND,
    Action.REFUSE_BUDGET,
    Action.REFUSE_UNKNOWN,
)


@dataclass(kw_only=True)
class RefreshTask:
    """
    One task instance, its arguments checked.

    :param refresh: what the vendor knows of this refresh
    :param connect: reads the connection and returns a client; called again where a key was refused
    :param opened: a client that is open already, to begin with; closed with the task
    :param name: what the record calls the target
    :param on_running: what to do where the vendor's 409 says that a run is at work; None: it says no such thing
    :param max_credits_per_day: ceiling over all tasks that set it
    :param judge: looks at a proven success once more, since some of it may have failed
    """

    refresh: Refresh
    options: Options
    connect: Callable[[], Client]
    make_trigger: MakeTrigger
    records: RecordStore
    context: Context
    log: Any
    opened: Client | None = None
    on_running: str | None = None
    on_unknown: str | None = None
    max_credits: Decimal | None = None
    max_credits_per_day: Decimal | None = None
    dry_run: bool = False
    judge: Callable[[Observation], AgentKnowledgeError | None] = lambda seen: None
    watch: Watch = field(init=False)
    deadline: float = field(init=False, default=0.0)
    _client: Client | None = field(init=False, default=None)
    _delivered: dict[str, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is read or sent yet."""
        self.identity = Identity(
            target=f"{self.refresh.target.vendor}:{self.name}",
            body=self.refresh.body,
            cycle=int(getattr(self.context["ti"], "max_tries", 0) or 0),
            forced=self.options.force,
        )
        self.policy = Policy(
            repeatable=self.refresh.repeatable,
            cost=self.refresh.cost,
            start_grace=self.options.start_grace,
            waits=self.options.waits,
            on_unknown=self.on_unknown,
            max_credits=self.max_credits,
            version=self.options.version,
            force=self.options.force,
        )
        self.look_at(self.refresh.target)

    @property
    def name(self) -> str:
        """What the record calls the target."""
        return self.refresh.target.key

    @property
    def price(self) -> str:
        """What a write costs, in words that follow others."""
        return f", {self.refresh.cost} credits" if self.refresh.cost else ""

    @property
    def target(self) -> Target:
        """What is looked at."""
        return self._target

    def look_at(self, target: Target) -> None:
        """Take a target in view, through the one client."""
        self._target = target
        self.watch = Watch(self._connect, target, self.refresh.rules, self.log)

    # --- the loop ----------------------------------------------------------------------------------------

    def run(self, record: Record | None, report: Report | None) -> dict[str, Any]:
        """
        Go on from here to a result, an error or a deferral.

        :param record: what an earlier process of this task left in its state
        :param report: what the last wait came to; None at the start of a try
        """
        if report is not None and record is not None:
            self._refuse_another_target(record)
        if record is None:
            record = self.records.trace(self.identity.target)
        self.deadline = report.wait.deadline if report is not None else time.time() + self.options.timeout
        while True:
            if report is not None and report.wait.purpose is Purpose.OWN:
                assert record is not None
                return self._end(record, report)
            if report is not None and report.verdict is not Verdict.DONE:
                raise self._failure(report)
            decision, seen = self.decide(record, report)
            if self.dry_run:
                return self._would(decision, seen)
            self.log.info("%s: %s (%s)", self.target.short, decision.action, decision.reason)
            match decision.action:
                case Action.RETURN if record is not None:
                    return self._publish(record)
                case Action.REPEAT_ERROR if record is not None:
                    final = record.ending is Ending.DEFECTIVE
                    raise (RefreshFailedForGoodError if final else RefreshUnconfirmedError)(decision.reason)
                case Action.SKIP:
                    assert seen is not None
                    result = self._result(None, seen, decision.reason)
                    return publish_result(self.context, self.log, result.to_json())
                case Action.WAIT:
                    following: Record | Wait | None = self._wait_before(decision, record)
                case _ if decision.action in _REFUSALS:
                    raise self.refused(decision)
                case _:
                    following = self.act(decision, record, seen, report)
            match following:
                case None:
                    continue  # nothing was written: see what is there now, and decide again
                case Wait():
                    report = self._wait(following, None)
                case Record():
                    report = self._first_looks(following)
                    record = report.record
                    assert record is not None
                    if not self.options.waits and report.verdict in _UNDECIDED:
                        return self._leave(record, report)
                    if report.verdict is Verdict.WAIT:
                        report = self._wait(report.wait, record)
                        record = report.record

    def decide(self, record: Record | None, report: Report | None) -> tuple[Decision, Observation | None]:
        """Decide from the record, and from what the target shows if that is not enough."""
        policy = self.policy
        ended = submit.settled(record, self.identity, repeatable=policy.repeatable, version=policy.version)
        if ended is not None and not self.dry_run:
            return ended, None
        seen = self.watch.observe(self.deadline)
        self.log.info("%s before: %s", self.target.key, seen)
        if (trouble := self.refresh.refusal(self.watch.answer)) is not None:
            raise InvalidArgumentError(f"{trouble} Nothing was sent.")
        decision = ended or self._decide(record, seen, report)
        return decision, seen

    def _decide(self, record: Record | None, seen: Observation, report: Report | None) -> Decision:
        # Read without a version, too: whatever is written next, the note must not outlive it.
        self._delivered = variables.delivered(self.target)
        policy = replace(
            self.policy,
            delivered=self._delivered.get("version"),
            unchanged=self.refresh.unchanged(self.watch.answer, seen),
        )
        waited = report.wait if report is not None else None
        return submit.decide(record, self.identity, policy, seen, self.refresh.rules, time.time(), waited)

    def act(
        self, decision: Decision, record: Record | None, seen: Observation | None, report: Report | None
    ) -> Record | Wait | None:
        """
        Do what was decided.

        :returns: a record whose run is to be followed; a wait for somebody else's run; or None, to decide again
        """
        assert seen is not None
        match decision.action:
            case Action.SUBMIT:
                return self.submit(record, seen, report)
            case Action.REATTACH if record is not None:
                return self.reattached(record)
            case Action.ADOPT if record is not None:
                return self._adopted(record, Receipt.PLAIN)
        raise AssertionError(f"{decision.action} is no act of this refresh")

    # --- writing -----------------------------------------------------------------------------------------

    def submit(
        self, before: Record | None, seen: Observation, report: Report | None = None
    ) -> Record | Wait | None:
        """
        Note the intent, send once, note what came of it; what was not sent or not accepted is undone.

        :param before: the record as it was
        """
        call = self.refresh.write(seen)  # whatever is wrong with what would be sent is found here
        credits = submit.spent(before, self.identity, self.policy)
        undo = _Undo(self.log)
        try:
            intent, client = self.intent(seen, credits), self.client
            self._reserve(undo)
            undo.note(lambda: self.records.restore(before, self.identity.target))  # it may be half written
            self.records.write(intent)
            self._forget_version(undo, intent.at)
        except Exception:
            undo.all()
            raise
        try:
            receipt = self._sent(client, call)
        except ConflictError as error:
            undo.all()
            return self.conflict(replace(intent, credits=credits), report, error)
        except RateLimitedError as error:
            undo.all()
            self._pause(error)
            return None
        except ApiError as error:
            if not is_ambiguous(error):
                undo.all()
            elif not self.refresh.repeatable:
                return self.settle(intent, error)
            raise
        except AgentKnowledgeError:
            undo.all()  # refused, here or inside the vendor's success
            raise
        return self.accepted(intent, credits, receipt)

    def intent(self, seen: Observation, credits: Decimal) -> Record:
        """Describe what is about to be sent; ``credits`` were spent before."""
        return Record(
            identity=self.identity,
            stage=Stage.INTENT,
            at=time.time(),
            baseline=seen,
            version=self.options.version,
            generation=self.refresh.generation,
            credits=credits + self.refresh.cost,
        )

    def _sent(self, client: Client, call: Call[WriteReceipt]) -> WriteReceipt:
        with telemetry.span("submit", self.target.vendor, self.target.key):
            try:
                # A paid request is sent once, and waited for as long as the connection says.
                return client.send(call, deadline=self.deadline if self.refresh.repeatable else None)
            except InvalidResponseError as error:
                # Accepted is accepted, and paid, however odd the answer is.
                if error.status is None or not 200 <= error.status < 300 or self.refresh.answer_needed:
                    raise
                self.log.warning("Accepted, but the answer cannot be read: %s", error)
                return WriteReceipt()

    def accepted(self, intent: Record, credits: Decimal, receipt: WriteReceipt) -> Record:
        """Note that the vendor took the write, at the page's price where its answer named none."""
        charged = self.refresh.cost if receipt.charged is None else receipt.charged
        vendor = self.target.vendor
        telemetry.count("submits", vendor)
        telemetry.credits_spent(vendor, charged)
        if self.refresh.cost:
            self.log.info(
                "%s: submitted, %s credits%s, jobs %s",
                self.target.short,
                charged,
                "" if receipt.charged is not None else " (the page's price; the answer named none)",
                list(receipt.jobs) or "none named",
            )
        else:
            self.log.info("%s: submitted", self.target.short)
        return replace(
            intent,
            stage=Stage.SUBMITTED,
            charged=charged,
            confirmed=receipt.charged is not None or not self.refresh.cost,
            credits=credits + charged,
            jobs=receipt.jobs,
            wait=self.own_wait(intent.baseline, receipt.receipt),
        )

    def reattached(self, record: Record) -> Record:
        """Take up an earlier try's run."""
        again = submit.reopened(record, self.identity, time.time(), self.options.timeout)
        telemetry.count("reattachments", self.target.vendor)
        return replace(again, outcome=Outcome.REATTACHED) if again.outcome is Outcome.REFRESHED else again

    def _adopted(self, record: Record, receipt: Receipt) -> Record:
        """
        Take a run for this task's.

        After a lost answer it is our own, and paid: no answer confirmed that. After a 409 it is somebody else's.
        """
        telemetry.count("adoptions", self.target.vendor)
        ours = receipt is not Receipt.CONFLICT
        return replace(
            record,
            identity=self.identity,
            stage=Stage.SUBMITTED,
            outcome=Outcome.ADOPTED,
            charged=self.refresh.cost if ours else Decimal(0),
            confirmed=not (ours and self.refresh.cost),
            wait=self.own_wait(record.baseline, receipt),
        )

    def conflict(self, intent: Record, report: Report | None, error: ConflictError) -> Record | Wait | None:
        """409: somebody's run is at work, and nothing was charged."""
        what = f"{self.target.key} is already training; the request was refused and nothing was charged"
        match self.on_running:
            case None:
                raise error
            case "wait":
                self.log.info("%s. Waiting for that run to end (on_running='wait')", what)
                return self._foreign(intent, report)
            case "skip":
                raise AirflowSkipException(f"{what} (on_running='skip')")
            case "fail":
                raise AlreadyRunningError(
                    f"{what} (on_running='fail'). A retry asks again. Use on_running='adopt' to take that run's end "
                    "for this task's, or 'wait' to start another one after it."
                )
        self.log.info("%s. Adopting that run (on_running='adopt')", what)
        return self._adopted(intent, Receipt.CONFLICT)

    def _foreign(self, intent: Record, report: Report | None) -> Wait:
        """Wait for somebody else's run; longer each time, where the status does not show what the 409 says."""
        last = report.wait if report is not None and report.wait.purpose is Purpose.FOREIGN else None
        wait = self.wait_for(Purpose.FOREIGN, baseline=intent.baseline)
        longest = max(600.0, wait.poll_interval)
        return replace(wait, poll_interval=min(2 * last.poll_interval, longest)) if last else wait

    def settle(self, intent: Record, error: ApiError) -> Record:
        """The request's end is unknown: find out by reading, never by sending it again."""
        self.log.warning("The end of the request is unknown, looking for its trace: %s", error)
        wait = self.own_wait(intent.baseline, Receipt.PLAIN)
        report = self.watch.first_looks(wait, lambda look: look.wait.evidence.proven is not None)
        if (proven := report.wait.evidence.proven) is not None:
            self.log.info(
                "%s: the request was accepted after all, proven by %s: %s",
                self.target.short,
                proven,
                report.seen,
            )
            return replace(self._adopted(intent, Receipt.PLAIN), wait=report.wait)
        raise AmbiguousWriteError(
            f"The request to refresh {self.target.key} was sent once and its end is unknown ({error}). No trace "
            f"of a run can be seen yet; it may have been accepted and charged{self.price}. The record keeps the "
            "intent: a retry looks for a trace first, and on_unknown decides if there is none."
        ) from error

    def _reserve(self, undo: _Undo) -> None:
        """Note the credits before they are spent: a task that dies in between counts as having paid."""
        if self.max_credits_per_day is None:
            return
        day, cost = datetime.now(UTC).date().isoformat(), self.refresh.cost
        self._afford(day)
        variables.note_spent(self.target, day, cost)
        undo.note(lambda: variables.note_spent(self.target, day, -cost))

    def _afford(self, day: str) -> None:
        spent, cost = variables.spent_on(self.target, day), self.refresh.cost
        if self.max_credits_per_day is not None and spent + cost > self.max_credits_per_day:
            raise BudgetExceededError(
                f"{self.target.key}: {spent} credits were spent today (UTC), {cost} more would pass "
                f"max_credits_per_day={self.max_credits_per_day}. Nothing was sent. Run again tomorrow, or raise it."
            )

    def _forget_version(self, undo: _Undo, written: float) -> None:
        """Until the write's end is proven, nobody can say which version is there."""
        note = self._delivered
        if note or self.options.version is not None:
            undo.note(lambda: variables.restore_delivered(self.target, note))
            variables.forget_delivered(self.target, written)

    def _pause(self, error: ApiError) -> None:
        """
        Wait as long as the vendor asks.

        :raises ApiError: that would pass the deadline
        """
        left = self.deadline - time.time()
        pause = pause_for(error.retry_after, self.options.poll_interval, left, random.random())
        if pause is None:
            raise error
        self.log.warning("Rate limit: not accepted, nothing charged; again in %.0f s. %s", pause, error)
        time.sleep(pause)

    # --- waiting -----------------------------------------------------------------------------------------

    def wait_for(self, purpose: Purpose, **fields: Any) -> Wait:
        """Begin a wait by the caller's arguments."""
        return Wait(
            purpose=purpose,
            **{"started": time.time(), "deadline": self.deadline, **fields},
            start_grace=self.options.start_grace,
            poll_interval=self.options.poll_interval,
            max_read_failures=self.options.max_read_failures,
            ready_statuses=self.refresh.ready_statuses,
            generation=self.refresh.generation,
        )

    def own_wait(self, baseline: Observation | None, receipt: Receipt) -> Wait:
        """Begin the wait for our own run; its time counts from now."""
        now = time.time()
        return self.wait_for(
            Purpose.OWN,
            started=now,
            deadline=now + self.options.timeout,
            baseline=baseline,
            receipt=receipt,
        )

    def _wait_before(self, decision: Decision, record: Record | None) -> Wait | None:
        trace = record if decision.trace else None
        return self.wait_for(
            decision.purpose or Purpose.FOREIGN,
            started=trace.at if trace else time.time(),
            baseline=trace.baseline if trace else None,
        )

    def _first_looks(self, record: Record) -> Report:
        """Look a few times from here: what only a trigger saw is lost when the triggerer restarts."""
        self.records.write(record)
        assert record.wait is not None
        report = self.watch.first_looks(record.wait, lambda look: look.wait.evidence.proven is not None)
        record = replace(record, wait=report.wait)
        self.records.write(record)
        return replace(report, record=record)

    def _wait(self, wait: Wait, record: Record | None) -> Report:
        """Wait here, or let the triggerer wait and end this process."""
        if self.options.deferrable:
            self.log.info("Waiting in the triggerer until %s at the latest", _clock(wait.deadline))
            defer(wait, lambda not_before: self.make_trigger(self.target, wait, record, not_before))

        def keep(grown: Wait) -> None:
            if record is not None:
                self.records.write(replace(record, wait=grown))

        with telemetry.span("wait", self.target.vendor, self.target.key):
            report = self.watch.until_over(wait, keep)
        return replace(report, record=None if record is None else replace(record, wait=report.wait))

    # --- the end -----------------------------------------------------------------------------------------

    def _leave(self, record: Record, report: Report) -> dict[str, Any]:
        """``wait_for_completion=False``: hand the evidence so far to whoever waits."""
        seen = report.seen or record.baseline
        assert seen is not None
        result = self._result(record, seen, "the end is not awaited", confirmed=False, ended=False)
        return self._finish(record, replace(result, outcome=Outcome.SUBMITTED))

    def _end(self, record: Record, report: Report) -> dict[str, Any]:
        seen, verdict = report.seen, report.verdict
        if verdict is Verdict.DONE and seen is not None:
            trouble = self.judge(seen)
            if trouble is not None:
                return self._fail(record, Ending.DEFECTIVE, trouble)
            return self._deliver(
                record, self._result(record, seen, f"proven by {report.wait.evidence.proven}")
            )
        accept = self.options.on_unconfirmed == "accept"
        if verdict is Verdict.UNCONFIRMED and accept and seen is not None and self._accepts(seen):
            reason = "accepted unproven (on_unconfirmed='accept')"
            return self._deliver(record, self._result(record, seen, reason, confirmed=False))
        error = self._failure(report)
        if verdict is Verdict.FAILED:
            return self._fail(record, Ending.FAILED, error)
        if verdict is Verdict.UNCONFIRMED:
            return self._fail(record, Ending.UNCONFIRMED, error)
        raise error

    def _accepts(self, seen: Observation) -> bool:
        self.watch.observe(self.deadline)
        return self.refresh.accepts(self.watch.answer, seen)

    def _fail(self, record: Record, ending: Ending, error: AgentKnowledgeError) -> dict[str, Any]:
        self.records.write(replace(record, stage=Stage.ENDED, ending=ending, message=str(error)))
        raise error

    def _deliver(self, record: Record, result: RefreshResult) -> dict[str, Any]:
        if record.wait is not None:
            run_id = self.context.get("run_id")
            variables.remember_delivered(self.target, result, record.wait, run_id, written=record.at)
        return self._finish(record, result)

    def _finish(self, record: Record, result: RefreshResult) -> dict[str, Any]:
        """Write ``ENDED``, the last act before returning: Airflow's own success comes later."""
        ended = replace(record, stage=Stage.ENDED, ending=Ending.OK, result=result.to_json())
        if not self.refresh.repeatable:
            ended = replace(ended, noted=False)
        self.records.write(ended)
        return self._publish(ended)

    def _publish(self, record: Record) -> dict[str, Any]:
        with suppress(Exception):  # a link to the console is worth no failure
            self.client  # noqa: B018
        self.records.mark_noted(record)
        return publish_result(self.context, self.log, dict(record.result))

    def _would(self, decision: Decision, seen: Observation | None) -> dict[str, Any]:
        """Say what a dry run would have done; nothing is noted."""
        assert seen is not None
        plan = f"would {decision.action.replace('_', ' ')}: {decision.reason}"
        if decision.action is Action.SUBMIT:
            try:
                self._afford(datetime.now(UTC).date().isoformat())
                plan += f" ({self.price.strip(' ,')})" if self.price else ""
            except BudgetExceededError as error:
                plan = f"would refuse: {error}"
        self.log.info("Dry run, nothing was sent: %s", plan)
        skipped = self._result(None, seen, plan, confirmed=False, ended=False)
        result = replace(skipped, dry_run=True).to_json()
        announce(self.context, result)
        note_result(self.context, result)
        return result

    def _result(
        self,
        record: Record | None,
        seen: Observation,
        reason: str,
        *,
        confirmed: bool = True,
        ended: bool = True,
    ) -> RefreshResult:
        """
        Put the result together.

        :param record: None where nothing was done
        """
        return RefreshResult.of(
            vendor=self.target.vendor,
            target=self.target.key,
            seen=seen,
            outcome=record.outcome if record else Outcome.SKIPPED,
            now=time.time(),
            wait=record.wait if record else None,
            charged=record.charged if record else Decimal(0),
            credits_confirmed=record.confirmed if record else True,
            jobs=record.jobs if record else (),
            reason=reason,
            version=record.version if record else self.options.version,
            generation=self.refresh.generation,
            entry_id=record.entry_id if record else None,
            confirmed=confirmed,
            ended=ended,
        )

    # --- refusals ----------------------------------------------------------------------------------------

    def _refuse_another_target(self, record: Record) -> None:
        """A resumed task goes on with what it sent, whatever its templates render now; to that target alone."""
        mine, now = record.identity, self.identity
        if mine.target != now.target:
            raise self.refused(submit.mismatch(record, now))
        if mine.body != now.body:
            self.log.warning(
                "The text renders otherwise than when it was sent to %s. This task reports on what was sent; run it "
                "again for the other one.",
                self.target.key,
            )

    def refused(self, decision: Decision) -> AgentKnowledgeError:
        """Say why nothing is sent."""
        match decision.action:
            case Action.REFUSE_BUDGET:
                return BudgetExceededError(
                    f"{self.target.key}: {decision.reason}. Nothing was sent. A retry is refused as well; raise the "
                    "ceiling, or clear the task with force=True."
                )
            case Action.REFUSE_MISMATCH:
                return RecordMismatchError(
                    f"{decision.reason}; its run may still be at work. Nothing was sent. Did a template or the order "
                    "of mapped values change between two tries? Wait for that run with a sensor, then clear this "
                    "task with force=True."
                )
            case Action.REFUSE_UNKNOWN:
                return OutcomeUnknownError(
                    f"{self.target.key}: {decision.reason}. It may have been charged{self.price}. Nothing was "
                    "sent now, and no retry will send it. Look at the vendor's console; then clear the task with "
                    "force=True, or set on_unknown='submit'."
                )
        return InvalidArgumentError(
            f"{self.target.key}: {decision.reason}, so nobody could see the end of a refresh{self.price}. Nothing was "
            "sent. Set wait_for_completion=False to refresh without waiting."
        )

    def _failure(self, report: Report) -> AgentKnowledgeError:
        return operator_error(report, self.target, price=self.price, durable=self.records.durable)

    # --- the one client ----------------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The client of this process: one connection read, one TLS handshake."""
        if self._client is None:
            self._client, self.opened = self.opened or self.connect(), None
            self._note_link()
        return self._client

    def _note_link(self) -> None:
        """Say where a person looks, as soon as the connection is read anyway."""
        if self._client is not None:
            note_link(self.context, self._client.settings.console_url, self.target.key)

    def send(self, call: Call[T]) -> T:
        """Send what may be repeated, until the deadline."""
        return self.client.send(call, deadline=self.deadline)

    def _connect(self) -> Client:
        """Return the client for a watch; another one where the last was closed, since its key was refused."""
        if self._client is not None and self._client.is_closed:
            self._client = None
        return self.client

    def close(self) -> None:
        """Close the connection."""
        for client in (self.opened, self._client):
            if client is not None:
                client.close()


class _Undo:
    """What has to be put back if a write is not sent, or not accepted; the last first."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._steps: list[Callable[[], None]] = []

    def note(self, step: Callable[[], None]) -> None:
        """Note one step."""
        self._steps.append(step)

    def all(self) -> None:
        """Put everything back, as far as that is possible."""
        while self._steps:
            try:
                self._steps.pop()()
            except Exception:
                self._log.exception("A note about a write that was not accepted could not be taken back")


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
