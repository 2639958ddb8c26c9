"""
The write: intent, send once, note what came of it.

The record is written before the request (*intent*) and what is sent is sent once; an end that is unknown is settled
by reading.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider import telemetry
from airflow_provider.errors import (
    AlreadyRunningError,
    AmbiguousWriteError,
    ApiError,
    ConflictError,
    RateLimitedError,
    is_ambiguous,
)
from airflow_provider.refresh import submit
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.record import Identity, Outcome, Record, Stage
from airflow_provider.refresh.submit import Action, Decision, Policy
from airflow_provider.refresh.wait import Purpose, Receipt, Wait
from airflow_provider.tasks import variables as memory
from airflow_provider.tasks.job import Job

if TYPE_CHECKING:
    from airflow_provider.tasks.record_store import RecordStore


@dataclass(frozen=True, slots=True)
class Otherwise:
    """The world changed while a rate limit was waited out: this is to be done in place of the write."""

    decision: Decision
    seen: Observation


#: A record whose run is to be followed; a wait for somebody else's run; or another decision.
Sent: TypeAlias = Record | Wait | Otherwise


class Submission:
    """The write of one task instance."""

    def __init__(self, job: Job, identity: Identity, store: RecordStore, log: Any) -> None:
        self.job = job
        self.identity = identity
        self.store = store
        self.log = log
        self.options = job.options

    def send(
        self,
        before: Record | None,
        seen: Observation,
        policy: Policy,
        deadline: float,
        waited: Wait | None,
    ) -> Sent:
        """
        Write the intent, send once, say what came of it.

        :param before: the record as it was
        :param deadline: until when rate limits, and somebody else's run, are waited for
        :param waited: what was waited for already
        """
        spent = submit.spent(before, self.identity)
        self.job.reserve()
        if policy.delivered is not None:
            memory.forget_delivered(self.job.target)
        while True:
            intent = Record(
                identity=self.identity,
                stage=Stage.INTENT,
                at=time.time(),
                baseline=seen,
                version=self.options.version,
                generation=self.job.generation,
                credits=spent + policy.cost,
            )
            self.store.write(intent)
            try:
                with telemetry.span("submit", self.job.target.vendor, self.job.target.key):
                    written = self.job.write()
                break
            except ConflictError:
                self._undo(before)
                return self._conflict(replace(intent, credits=spent), deadline)
            except RateLimitedError as error:
                # Not accepted, nothing charged. While we pause a run may end: ours, which an earlier try asked for,
                # or another's. So look again, and decide again.
                if not self._paused(error, deadline):
                    self._undo(before)
                    raise
                seen = self._seen_again(before)
                again = submit.decide(
                    before, self.identity, policy, seen, self.job.rules, time.time(), waited
                )
                if again.action is not Action.SUBMIT:
                    self._undo(before)
                    return Otherwise(again, seen)
            except ApiError as error:
                if not is_ambiguous(error):
                    self._undo(before)
                    raise
                if policy.repeatable:
                    raise
                return self._settle(intent, error)
        record = replace(
            intent,
            stage=Stage.SUBMITTED,
            charged=written.charged,
            credits=spent + written.charged,
            jobs=written.jobs,
            wait=self._own_wait(seen, written.receipt),
        )
        telemetry.count("submits", self.job.target.vendor)
        telemetry.credits_spent(self.job.target.vendor, written.charged)
        self.log.info(
            "%s: submitted, %s credits, jobs %s",
            self.job.target.key,
            written.charged,
            list(written.jobs) or "none named",
        )
        return record

    def adopted(self, record: Record, receipt: Receipt) -> Record:
        """Take a run for this task's: nothing was charged for that, as far as anybody confirmed."""
        telemetry.count("adoptions", self.job.target.vendor)
        return replace(
            record,
            identity=self.identity,
            stage=Stage.SUBMITTED,
            outcome=Outcome.ADOPTED,
            wait=self._own_wait(record.baseline, receipt),
        )

    def _seen_again(self, before: Record | None) -> Observation:
        try:
            return self.job.observe()
        except ApiError:
            self._undo(before)
            raise

    def _paused(self, error: RateLimitedError, deadline: float) -> bool:
        """Wait as long as the vendor asks; False if that would pass the deadline."""
        pause = error.retry_after if error.retry_after is not None else self.options.poll_interval
        if time.time() + pause > deadline:
            return False
        self.log.warning("Rate limit: not accepted, nothing charged; again in %.0f s. %s", pause, error)
        time.sleep(pause)
        return True

    def _undo(self, before: Record | None) -> None:
        self.store.restore(before)
        self.job.release()

    def _conflict(self, intent: Record, deadline: float) -> Record | Wait:
        """409: somebody's run is active, and nothing was charged."""
        what = f"{self.job.target.key} is already training; nothing was sent or charged"
        match self.job.on_running:
            case "wait":
                self.log.info("%s. Waiting for that run to end (on_running='wait')", what)
                return self.job.wait(
                    Purpose.FOREIGN, started=time.time(), deadline=deadline, baseline=intent.baseline
                )
            case "skip":
                raise AirflowSkipException(f"{what} (on_running='skip')")
            case "fail":
                raise AlreadyRunningError(
                    f"{what} (on_running='fail'). A retry asks again. Use on_running='adopt' to take that run's end "
                    "for this task's, or 'wait' to start another one after it."
                )
        self.log.info("%s. Adopting that run (on_running='adopt')", what)
        return self.adopted(intent, Receipt.CONFLICT)

    def _settle(self, intent: Record, error: ApiError) -> Record:
        """The request's end is unknown: find out by reading, never by sending it again."""
        self.log.warning("The end of the request is unknown, looking for its trace: %s", error)
        wait = self._own_wait(intent.baseline, Receipt.PLAIN)
        report = self.job.watch.first_looks(wait, lambda look: look.wait.evidence.proven is not None)
        if (proven := report.wait.evidence.proven) is not None:
            self.log.info(
                "%s: the request was accepted after all, proven by %s: %s",
                self.job.target.key,
                proven,
                report.seen,
            )
            return replace(self.adopted(intent, Receipt.PLAIN), wait=report.wait)
        again = (
            "The record keeps the intent: a retry looks for a trace first, and on_unknown decides if there is none."
            if self.store.durable
            else f"There is no record below Airflow 3.3: a retry finds the run only while it is active, and else "
            f"starts a new one{self.job.price}."
        )
        raise AmbiguousWriteError(
            f"The request to refresh {self.job.target.key} was sent once and its end is unknown ({error}). No trace "
            f"of a run can be seen yet; it may have been accepted and charged{self.job.price}. {again}"
        ) from error

    def _own_wait(self, baseline: Observation | None, receipt: Receipt) -> Wait:
        now = time.time()
        return self.job.wait(
            Purpose.OWN, started=now, deadline=now + self.options.timeout, baseline=baseline, receipt=receipt
        )
