"""Looking at a target from a worker: one read, taken into a wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider import telemetry
from airflow_provider.errors import (
    ApiError,
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
)
from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.schedule import FIRST_LOOKS, FIRST_PAUSES, next_look
from airflow_provider.refresh.wait import ReadFailure, Rules, Verdict, Wait

if TYPE_CHECKING:
    from airflow_provider.http.client import Client
    from airflow_provider.refresh.observation import Observation, Target

#: Seconds between two log lines of a wait in which nothing changes.
HEARTBEAT = 300.0


def judge_failure(wait: Wait, error: ApiError, now: float, *, counts: bool = True) -> tuple[Wait, Verdict]:
    """Take a failed read into a wait: one rule for worker and triggerer."""
    return waits.read_failed(wait, now, _read_failure(error), retry_after=error.retry_after, counts=counts)


def _read_failure(error: ApiError) -> ReadFailure:
    """Say what a failed read means for the next one."""
    match error:
        case RateLimitedError():
            return ReadFailure.RATE_LIMITED
        case NotFoundError():
            return ReadFailure.NOT_FOUND
        case ForbiddenError():
            return ReadFailure.FORBIDDEN
        case AirflowFailException():
            return ReadFailure.FINAL
    return ReadFailure.TRANSIENT


class WaitLog:
    """Writes a wait's log: a line when something changed, and a heartbeat otherwise."""

    def __init__(self, target: Target, log: Any) -> None:
        self._target = target
        self._log = log
        self._last: tuple[str, str | None, float] = ("", None, 0.0)

    def observed(self, seen: Observation, wait: Wait) -> None:
        """Take one observation."""
        now, proven = time.monotonic(), wait.evidence.proven
        summary, known, logged_at = self._last
        if seen.summary == summary and proven == known and now - logged_at < HEARTBEAT:
            return
        by = f", ours by {proven}" if proven and proven != known else ""
        self._log.info("%s: %s (look %d%s)", self._target.short, seen, wait.evidence.polls, by)
        self._last = seen.summary, proven, now

    def read_failed(self, error: ApiError, wait: Wait) -> None:
        """Take one failed read."""
        evidence = wait.evidence
        number = (
            f"{evidence.failures} of {wait.max_read_failures} in a row"
            if evidence.failures
            else "(not counted)"
        )
        self._log.warning("%s: read %s failed: %s", self._target.short, number, error)


class Watch:
    """
    The eyes of one task on one target; holds one client, so that a wait opens one connection.

    :param connect: reads the connection anew and returns a client; called again after a 401, since a key may have
        been rotated in the middle of a wait
    """

    def __init__(self, connect: Callable[[], Client], target: Target, rules: Rules, log: Any) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._target = target
        self._rules = rules
        self._log = WaitLog(target, log)
        self._last_seen: Observation | None = None
        #: the vendor's last answer, whole
        self.answer: Any = None

    def observe(self, deadline: float | None = None) -> Observation:
        """Read the target with the client's patience, until a deadline; for the look before a write."""
        return self._seen(self._reach().send(self._target.read(), deadline=deadline))

    def look(self, wait: Wait, *, counts: bool = True) -> Report:
        """
        Read once and take what it showed, or that it failed, into the wait.

        :param counts: False: a failed read is not one of ``max_read_failures``
        """
        try:
            seen = self._read_once()
        except ApiError as error:
            after, verdict = judge_failure(wait, error, time.time(), counts=counts)
            self._log.read_failed(error, after)
            return Report(wait=after, verdict=verdict, seen=self._last_seen, error=error.to_json())
        telemetry.count("polls", self._target.vendor)
        after, verdict = waits.observe(wait, self._rules, seen, time.time())
        self._log.observed(seen, after)
        return Report(wait=after, verdict=verdict, seen=seen)

    def first_looks(self, wait: Wait, until: Callable[[Report], bool]) -> Report:
        """
        Look a few times right after a write: what only a trigger saw is lost when the triggerer restarts.

        The vendor's silence is no error budget here, so a failed look counts for nothing; a ``Retry-After`` is kept.

        :param until: whether a look was the last that is needed
        """
        report = Report(wait=wait, verdict=Verdict.WAIT)
        for pause in FIRST_PAUSES:
            asked = (report.wait.evidence.silent_until or 0.0) - time.time()
            if asked > FIRST_LOOKS[-1]:  # the wait proper keeps to it, in the triggerer if it is deferred
                break
            time.sleep(max(0.0, min(max(pause, asked), wait.deadline - time.time())))
            if report.wait.silenced(time.time()):
                return replace(report, verdict=Verdict.TIMED_OUT)
            report = self.look(report.wait, counts=False)
            if report.verdict is not Verdict.WAIT or until(report):
                break
        return report

    def until_over(self, wait: Wait, changed: Callable[[Wait], None]) -> Report:
        """
        Look until the wait is over.

        :param changed: called when the evidence has grown in a way that a next try should know
        """
        report = Report(wait=wait, verdict=Verdict.WAIT, seen=self._last_seen)
        while True:
            time.sleep(next_look(report.wait, time.time(), random.random()))
            if report.wait.silenced(time.time()):
                return replace(report, verdict=Verdict.TIMED_OUT)
            proven = report.wait.evidence.proven
            report = self.look(report.wait)
            if report.verdict is not Verdict.WAIT:
                return report
            if report.wait.evidence.proven != proven:
                changed(report.wait)

    @property
    def console_url(self) -> str | None:
        """Where the connection says a person looks."""
        return self._reach().settings.console_url

    def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _reach(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _read_once(self) -> Observation:
        try:
            return self._seen(self._reach().send(self._target.read(), retry=False))
        except AuthenticationError:
            # Once for each good read: a wait may last for days, and a key be rotated more than once in it.
            self.close()
            return self._seen(self._reach().send(self._target.read(), retry=False))

    def _seen(self, answer: Any) -> Observation:
        self.answer = answer
        self._last_seen = self._target.observe(answer)
        return self._last_seen
