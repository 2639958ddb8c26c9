"""
The one road through a task: ``execute`` and ``execute_complete`` both come here.

Decide, act, then return or defer again. The write happens on a worker, and only once; the record is
written before it (*intent*), after it (*submitted*) and as the last act (*ended*).
"""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider import telemetry
from airflow_provider.errors import (
    AgentKnowledgeError,
    BudgetExceededError,
    OutcomeUnknownError,
    RecordMismatchError,
    RefreshFailedForGoodError,
    RefreshUnconfirmedError,
)
from airflow_provider.refresh import result as results
from airflow_provider.refresh import submit
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.record import Ending, Identity, Outcome, Record, Stage
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.submit import Action, Decision, Policy
from airflow_provider.refresh.wait import Purpose, Receipt, Verdict, Wait
from airflow_provider.tasks import variables as memory
from airflow_provider.tasks.deferral import defer
from airflow_provider.tasks.events import announce
from airflow_provider.tasks.failures import Teller
from airflow_provider.tasks.job import Job
from airflow_provider.tasks.publish import hand_over, note_result
from airflow_provider.tasks.submission import Submission

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.tasks.record_store import RecordStore

#: What the first looks may come to without saying anything of the run; whoever waits for its end will see.
_UNDECIDED = (
    Verdict.WAIT,
    Verdict.UNCONFIRMED,
    Verdict.UNKNOWN_STATUS,
    Verdict.UNREADABLE,
    Verdict.TIMED_OUT,
)


class Road:
    """One task instance on its way from the record to the result."""

    def __init__(self, job: Job, context: Context, store: RecordStore) -> None:
        self.job = job
        self.context = context
        self.log = job.log
        self.store = store
        self.options = job.options
        self.identity = Identity(
            target=f"{job.target.vendor}:{job.name or job.target.key}",
            body=job.body,
            cycle=int(getattr(context["ti"], "max_tries", 0) or 0),
            forced=job.options.force,
        )
        self.submission = Submission(job, self.identity, store, job.log)
        self.teller = Teller(
            vendor=job.target.vendor,
            target=job.target.key,
            submits=True,
            price=job.price,
            durable=self.store.durable,
        )

    # --- deciding ----------------------------------------------------------------------------------------

    def advance(self, report: Report | None) -> dict[str, Any]:
        """
        Go on from here.

        :param report: what the last wait told; None at the start of a try
        :returns: the task's result
        """
        self.job.link(self.context)
        if report is not None and report.wait.purpose is Purpose.OWN and report.record is not None:
            return self._end(replace(report.record, wait=report.wait), report)
        if report is not None and report.verdict is not Verdict.DONE:
            raise self.teller.error(report)
        if report is None and not self.store.durable:
            self.log.info(
                "This Airflow keeps no task state (3.3 and later do): after a worker's death a retry sees only "
                "what the vendor shows. See the docs, 'What happens if'."
            )
        record = self.store.read()
        ended = submit.settled(record, self.identity)
        if ended is not None and record is not None and not self.job.dry_run:
            self.log.info("%s: %s (%s)", self.job.target.key, ended.action, ended.reason)
            if ended.action is Action.RETURN:
                return hand_over(self.context, self.log, dict(record.result))
            final = record.ending is Ending.DEFECTIVE
            raise (RefreshFailedForGoodError if final else RefreshUnconfirmedError)(ended.reason)
        seen = self.job.observe()
        self.log.info("%s before: %s", self.job.target.key, seen)
        policy = self.job.policy(record, seen)
        waited = report.wait if report else None
        decision = submit.decide(record, self.identity, policy, seen, self.job.rules, time.time(), waited)
        self.log.info("%s: %s (%s)", self.job.target.key, decision.action, decision.reason)
        if self.job.dry_run:
            return self._told(ended or decision, seen)
        return self._act(decision, record, seen, policy, report)

    def _act(
        self,
        decision: Decision,
        record: Record | None,
        seen: Observation,
        policy: Policy,
        report: Report | None,
    ) -> dict[str, Any]:
        match decision.action:
            case Action.SUBMIT:
                return self._submit(record, seen, policy, report)
            case Action.WAIT:
                return self._wait_before(decision, record, report)
            case Action.REATTACH if record is not None:
                again = submit.reopened(record, self.identity, time.time(), self.options.timeout)
                telemetry.count("reattachments", self.job.target.vendor)
                if again.outcome is Outcome.REFRESHED:
                    again = replace(again, outcome=Outcome.REATTACHED)
                return self.follow(again)
            case Action.ADOPT if record is not None:
                return self.follow(self.submission.adopted(record, Receipt.PLAIN))
            case Action.SKIP:
                return hand_over(
                    self.context, self.log, self._result(None, seen, Outcome.SKIPPED, decision.reason)
                )
        raise self._refused(decision)

    def _refused(self, decision: Decision) -> AgentKnowledgeError:
        match decision.action:
            case Action.REFUSE_BUDGET:
                return BudgetExceededError(
                    f"{self.job.target.key}: {decision.reason}. Nothing was sent. A retry is refused as well; raise "
                    "the ceiling, or clear the task after a refresh that ended well."
                )
            case Action.REFUSE_MISMATCH:
                return RecordMismatchError(
                    f"{decision.reason}; its run may still be at work. Nothing was sent. Did a template or the order "
                    "of mapped values change between two tries? Wait for that run with a sensor, then clear this "
                    "task with force=True."
                )
            case Action.REFUSE_UNKNOWN:
                return OutcomeUnknownError(
                    f"{self.job.target.key}: {decision.reason}. It may have been charged{self.job.price}. Nothing was "
                    "sent now, and no retry will send it. Look at the vendor's console; then run again with "
                    "force=True, or set on_unknown='submit'."
                )
        return self.job.refusal(decision)

    def _told(self, decision: Decision, seen: Observation) -> dict[str, Any]:
        plan = f"would {decision.action.replace('_', ' ')}: {decision.reason}"
        if decision.action is Action.SUBMIT:
            try:
                self.job.afford()
                plan += f" ({self.job.price.strip(' ,')})" if self.job.price else ""
            except BudgetExceededError as error:
                plan = f"would refuse: {error}"
        self.log.info("Dry run, nothing was sent: %s", plan)
        result = {**self._result(None, seen, Outcome.SKIPPED, plan), "dry_run": True}
        announce(self.context, result)
        note_result(self.context, result)
        return result

    # --- before the write --------------------------------------------------------------------------------

    def _wait_before(
        self, decision: Decision, record: Record | None, report: Report | None
    ) -> dict[str, Any]:
        now = time.time()
        trace = record if decision.trace else None
        wait = self.job.wait(
            decision.purpose or Purpose.FOREIGN,
            started=trace.at if trace else now,
            deadline=report.wait.deadline if report else now + self.options.timeout,
            baseline=trace.baseline if trace else None,
        )
        return self._pass_time(wait, None)

    def _submit(
        self, before: Record | None, seen: Observation, policy: Policy, report: Report | None
    ) -> dict[str, Any]:
        """Write once, and go on from what came of it."""
        deadline = report.wait.deadline if report else time.time() + self.options.timeout
        waited = report.wait if report else None
        sent = self.submission.send(before, seen, policy, deadline, waited)
        if isinstance(sent, Record):
            return self.follow(sent)
        if isinstance(sent, Wait):
            return self._pass_time(sent, None)
        return self._act(sent.decision, before, sent.seen, policy, report)

    # --- waiting -----------------------------------------------------------------------------------------

    def follow(self, record: Record) -> dict[str, Any]:
        """Look a few times from here: what only a trigger saw is lost when the triggerer restarts."""
        self.store.write(record)
        assert record.wait is not None
        report = self.job.watch.first_looks(record.wait, lambda look: look.wait.evidence.proven is not None)
        record = replace(record, wait=report.wait)
        self.store.write(record)
        if not self.options.waits and report.verdict in _UNDECIDED:
            return self._leave(record, report)
        if report.verdict is not Verdict.WAIT:
            return self._end(record, report)
        return self._pass_time(report.wait, record)

    def _pass_time(self, wait: Wait, record: Record | None) -> dict[str, Any]:
        """Wait here, or let the triggerer wait and end this process."""
        if self.options.deferrable:
            self.log.info("Waiting in the triggerer until %s at the latest", _clock(wait.deadline))
            defer(wait, lambda not_before: self.job.trigger(wait, record, not_before))

        def keep(grown: Wait) -> None:
            if record is not None:
                self.store.write(replace(record, wait=grown))

        with telemetry.span("wait", self.job.target.vendor, self.job.target.key):
            report = self.job.watch.until_over(wait, keep)
        return self.advance(replace(report, record=record))

    # --- the end -----------------------------------------------------------------------------------------

    def _leave(self, record: Record, report: Report) -> dict[str, Any]:
        """``wait_for_completion=False``: hand the evidence so far to whoever waits."""
        seen = report.seen or record.baseline
        assert seen is not None
        reason = "submitted; the end is not awaited"
        return self._finish(
            record, self._result(record, seen, record.outcome, reason, confirmed=False, ended=False)
        )

    def _end(self, record: Record, report: Report) -> dict[str, Any]:
        seen, verdict = report.seen, report.verdict
        if verdict is Verdict.DONE and seen is not None:
            trouble = self.job.ended_well(seen)
            if trouble is not None:
                return self._fail(record, Ending.DEFECTIVE, trouble)
            return self._deliver(record, seen, "the end is proven")
        accept = self.options.on_unconfirmed == "accept"
        if verdict is Verdict.UNCONFIRMED and accept and seen is not None and self.job.accepts(seen):
            return self._deliver(record, seen, "accepted unproven (on_unconfirmed='accept')", confirmed=False)
        error = self.teller.error(report)
        if verdict is Verdict.FAILED:
            return self._fail(record, Ending.FAILED, error)
        if verdict is Verdict.UNCONFIRMED:
            return self._fail(record, Ending.UNCONFIRMED, error)
        raise error

    def _fail(self, record: Record, ending: Ending, error: AgentKnowledgeError) -> dict[str, Any]:
        self.store.write(replace(record, stage=Stage.ENDED, ending=ending, message=str(error)))
        raise error

    def _deliver(
        self, record: Record, seen: Observation, reason: str, *, confirmed: bool = True
    ) -> dict[str, Any]:
        result = self._result(record, seen, record.outcome, reason, confirmed=confirmed)
        if record.wait is not None:
            memory.remember_delivered(self.job.target, result, record.wait, self.context.get("run_id"))
        return self._finish(record, result)

    def _finish(self, record: Record, result: dict[str, Any]) -> dict[str, Any]:
        """Write ``ENDED``, the last act before returning: Airflow's own success comes later."""
        self.store.write(replace(record, stage=Stage.ENDED, ending=Ending.OK, result=result))
        return hand_over(self.context, self.log, result)

    def _result(
        self,
        record: Record | None,
        seen: Observation,
        outcome: Outcome,
        reason: str,
        *,
        confirmed: bool = True,
        ended: bool = True,
    ) -> dict[str, Any]:
        return results.build(
            vendor=self.job.target.vendor,
            target=self.job.target.key,
            seen=seen,
            outcome=outcome,
            now=time.time(),
            wait=record.wait if record else None,
            charged=record.charged if record else Decimal(0),
            jobs=record.jobs if record else (),
            reason=reason,
            version=record.version if record else self.options.version,
            generation=self.job.generation,
            confirmed=confirmed,
            ended=ended,
        )


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
