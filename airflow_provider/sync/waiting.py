"""Waiting until nothing of a sync is on its way: here, or in the triggerer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider.errors import (
    ApiError,
    AuthenticationError,
    RateLimitedError,
    ReadFailuresError,
    RefreshTimeoutError,
)
from airflow_provider.sync import progress
from airflow_provider.sync.progress import SyncWait, Verdict
from airflow_provider.sync.saved_state import SavedState, SyncReport
from airflow_provider.tasks.deferral import defer
from airflow_provider.texts import number_of

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.sync.options import SyncOptions
    from airflow_provider.sync.session import Session


#: Builds the trigger that goes on with a wait, not before a time.
MakeTrigger = Callable[[SyncWait, SavedState, float], "BaseTrigger"]


class Waiter:
    """
    Waits by totals.

    :param make_trigger: builds the trigger that goes on with the wait
    """

    def __init__(
        self, session: Session, make_trigger: MakeTrigger, options: SyncOptions, deadline: float, log: Any
    ) -> None:
        self._session = session
        self._make_trigger = make_trigger
        self._options = options
        self._deadline = deadline
        self._log = log
        self._rotated = False

    def wait(self, save: Callable[[], SavedState]) -> SyncReport:
        """
        Wait here, or end this process and let the triggerer wait.

        :param save: what this run has to remember
        """
        now = time.time()
        wait = SyncWait(
            started=now,
            deadline=self._deadline,
            stall_timeout=self._options.stall_timeout,
            start_grace=self._options.start_grace,
            poll_interval=self._options.poll_interval,
            max_read_failures=self._options.max_read_failures,
        )
        wait, verdict, error = self._step(wait)
        if verdict is Verdict.WAIT and self._options.deferrable:
            self._log.info("Waiting in the triggerer, %.0f s at most", self._deadline - now)
            saved = save()
            defer(wait, lambda not_before: self._make_trigger(wait, saved, not_before))
        while verdict is Verdict.WAIT:
            asked = error.retry_after if error else None
            time.sleep(progress.next_look(wait, time.time(), random.random(), asked))
            wait, verdict, error = self._step(wait)
        return SyncReport(
            wait=wait, verdict=verdict, carried=save(), error=error.to_json() if error else None
        )

    def _step(self, wait: SyncWait) -> tuple[SyncWait, Verdict, ApiError | None]:
        before = wait.last
        try:
            seen = self._session.tally()
        except ApiError as error:
            if isinstance(error, AuthenticationError) and not self._rotated:
                self._rotated = True  # a key may have been rotated in the middle of the wait
                self._session.reconnect()
                return self._step(wait)
            wait, verdict = read_failed(wait, error, time.time())
            self._log.warning("Look %d in a row failed: %s", wait.failures, error)
            return wait, verdict, error
        self._rotated = False  # and once more after each good read: a wait may last for days
        wait, verdict = progress.look(wait, seen, time.time())
        if seen != before:
            self._log.info("%s", wait)
        return wait, verdict, None


def read_failed(wait: SyncWait, error: ApiError, now: float) -> tuple[SyncWait, Verdict]:
    """Take a failed look into the wait of a whole sync: one rule for worker and triggerer."""
    final = isinstance(error, AirflowFailException)
    return progress.miss(wait, now, final=final, counts=not isinstance(error, RateLimitedError))


def failure(report: SyncReport, key: str) -> Exception | None:
    """
    Say why a wait ended without telling anything of the documents; None: look at them.

    :param key: names the destination
    """
    working = number_of(report.wait.last.working, "entry", "entries") if report.wait.last else "some entries"
    match report.verdict:
        case Verdict.TIMED_OUT:
            return RefreshTimeoutError(
                f"{key}: still in work at the deadline: {working}. The vendor goes on with them. A retry "
                "plans anew and joins them; what is done is not sent again."
            )
        case Verdict.UNREADABLE:
            return ReadFailuresError(
                f"{key}: {report.wait.failures} looks in a row failed, the last with: "
                f"{(report.error or {}).get('message')}. That says nothing of the entries. A retry plans anew."
            )
        case Verdict.REFUSED:
            return ApiError.from_json(report.error or {})
    return None
