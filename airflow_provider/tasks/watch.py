"""Looking at a target from a worker: one read, taken into a wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider import telemetry
from airflow_provider.errors import ApiError, AuthenticationError, RateLimitedError
from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.schedule import next_look
from airflow_provider.refresh.wait import Rules, Verdict, Wait
from airflow_provider.sync import progress
from airflow_provider.sync.progress import SyncWait

if TYPE_CHECKING:
    from airflow_provider.http.client import Client
    from airflow_provider.refresh.observation import Observation, Target

#: Seconds between two log lines of a wait in which nothing changes.
HEARTBEAT = 300.0


def judge_failure(wait: Wait, error: ApiError, now: float) -> tuple[Wait, Verdict]:
    """Take a failed read into a wait: one rule for worker and triggerer."""
    return waits.miss(wait, now, **_weight(error))


def judge_failed_tally(wait: SyncWait, error: ApiError, now: float) -> tuple[SyncWait, progress.Verdict]:
    """Take a failed look into the wait of a whole sync, by the same rule."""
    return progress.miss(wait, now, **_weight(error))


def _weight(error: ApiError) -> dict[str, bool]:
    return {
        "final": isinstance(error, AirflowFailException),
        "counts": not isinstance(error, RateLimitedError),
    }


class Narrator:
    """Writes a wait's log: a line when something changed, and a heartbeat otherwise."""

    def __init__(self, target: Target, log: Any) -> None:
        self._target = target
        self._log = log
        self._told = ("", 0.0)

    def tell(self, seen: Observation, wait: Wait) -> None:
        """Take one observation."""
        now = time.monotonic()
        if seen.headline != self._told[0] or now - self._told[1] >= HEARTBEAT:
            self._log.info("%s: %s (look %d)", self._target.key, seen, wait.evidence.polls)
            self._told = (seen.headline, now)

    def missed(self, error: ApiError, wait: Wait) -> None:
        """Take one failed read."""
        self._log.warning(
            "%s: read %d of %d in a row failed: %s",
            self._target.key,
            wait.evidence.failures,
            wait.max_read_failures,
            error,
        )


class Watch:
    """
    The eyes of one task on one target; holds one client, so that a wait opens one connection.

    :param connect: reads the connection anew and returns a client; called again once after a 401, since a
        key may have been rotated in the middle of a wait
    """

    def __init__(self, connect: Callable[[], Client], target: Target, rules: Rules, log: Any) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._rotated = False
        self._target = target
        self._rules = rules
        self._narrator = Narrator(target, log)
        #: the vendor's last answer, whole
        self.answer: Any = None

    def observe(self) -> Observation:
        """Read the target with the client's patience; for the look before a write."""
        return self._seen(self._reach().send(self._target.read()))

    def look(self, wait: Wait) -> Report:
        """Read once and take what it told, or that it failed, into the wait."""
        try:
            seen = self._read_once()
        except ApiError as error:
            after, verdict = judge_failure(wait, error, time.time())
            self._narrator.missed(error, after)
            return Report(wait=after, verdict=verdict, error=error.to_json())
        telemetry.count("polls", self._target.vendor)
        after, verdict = waits.look(wait, self._rules, seen, time.time())
        self._narrator.tell(seen, after)
        return Report(wait=after, verdict=verdict, seen=seen)

    def until_over(self, wait: Wait, changed: Callable[[Wait], None]) -> Report:
        """
        Look until the wait is over.

        :param changed: called when the evidence has grown in a way that a next try should know
        """
        retry_after: float | None = None
        while True:
            time.sleep(next_look(wait, time.time(), random.random(), retry_after))
            report = self.look(wait)
            if report.verdict is not Verdict.WAIT:
                return report
            if report.wait.evidence.active and not wait.evidence.active:
                changed(report.wait)
            retry_after = report.error.get("retry_after") if report.error else None
            wait = report.wait

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
            if self._rotated:
                raise
            self._rotated = True
            self.close()
            return self._seen(self._reach().send(self._target.read(), retry=False))

    def _seen(self, answer: Any) -> Observation:
        self.answer = answer
        return self._target.observe(answer)
