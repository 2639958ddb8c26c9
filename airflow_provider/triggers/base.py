"""A wait in the triggerer; what both vendors' triggers share."""

from __future__ import annotations

import asyncio
import random
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from airflow_provider.hooks.base import KnowledgeHook
    from airflow_provider.refresh.observation import Target
    from airflow_provider.refresh.report import Report
    from airflow_provider.refresh.wait import Rules
    from airflow_provider.sync.saved_state import SyncReport

#: Seconds past the deadline after which a wait ends whose last look the vendor, or a rate limit, holds up.
LATE = 20.0


class WaitTrigger(BaseTrigger):
    """
    Wait in the triggerer, then send one event; reads only, and never cancels anything.

    Its arguments are plain JSON without a secret. They cannot be written back, so a restarted triggerer
    begins again from what the worker had seen.

    :param conn_id: the connection; read here, in the triggerer
    :param wait: the wait, as JSON
    :param not_before: seconds since the epoch before which no event is sent
    """

    #: What becomes of the remote side when a person ends the wait.
    _killed = (
        "The task was marked or cleared while it waited. The run at the vendor goes on and is not refunded."
    )

    def __init__(self, *, conn_id: str, wait: dict[str, Any], not_before: float = 0.0, **_: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.wait = wait
        self.not_before = not_before

    @abstractmethod
    def _hook(self) -> KnowledgeHook:
        """The vendor's hook."""

    @abstractmethod
    def _own_arguments(self) -> dict[str, Any]:
        """The arguments that a vendor's trigger adds."""

    @abstractmethod
    async def _report(self) -> Report | SyncReport:
        """Look until the wait is over."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "conn_id": self.conn_id,
            "wait": self.wait,
            "not_before": self.not_before,
            **self._own_arguments(),
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the wait is over, then send one event."""
        from airflow_provider.tasks.deferral import executor_lag

        report = await self._report()
        if (early := self.not_before - time.time()) > 0:
            # No longer than the worker meant: the two clocks may differ by more than that.
            await asyncio.sleep(min(early, executor_lag()))
        yield TriggerEvent(report.to_event())

    async def on_kill(self) -> None:
        """Say what becomes of the remote side; there is no call that cancels it."""
        self.log.warning(self._killed)

    @property
    def _dag_id(self) -> str | None:
        """Whose wait it is, as the triggerer says; None outside of one."""
        return getattr(self.task_instance, "dag_id", None)


class RefreshTrigger(WaitTrigger):
    """
    Wait for the end of a refresh.

    :param record: the worker's record, as JSON; comes back in the event untouched
    """

    def __init__(self, *, record: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record = record

    @abstractmethod
    def _target(self) -> Target:
        """What is waited for."""

    @abstractmethod
    def _rules(self) -> Rules:
        """The vendor's rules."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        path, arguments = super().serialize()
        return path, arguments | {"record": self.record}

    async def _report(self) -> Report:
        from airflow_provider.telemetry import span

        target = self._target()
        with span("wait", target.vendor, target.key):
            return await self._wait(target)

    async def _wait(self, target: Target) -> Report:
        from airflow_provider import telemetry
        from airflow_provider.errors import ApiError
        from airflow_provider.refresh import codec
        from airflow_provider.refresh import wait as waits
        from airflow_provider.refresh.record import Record
        from airflow_provider.refresh.report import Report
        from airflow_provider.refresh.schedule import next_look
        from airflow_provider.refresh.wait import Verdict, Wait
        from airflow_provider.tasks.watch import WaitLog, judge_failure
        from airflow_provider.triggerer.reads import WaitReads

        wait = codec.load(Wait, self.wait)
        record = Record.from_json(self.record) if self.record is not None else None
        rules, log = self._rules(), WaitLog(target, self.log)
        report = Report(wait=wait, verdict=Verdict.WAIT, record=record, target=target.key)
        evidence = wait.evidence
        async with WaitReads(
            self._hook(), self._dag_id, (target,), evidence.status, evidence.marker
        ) as reads:
            while report.verdict is Verdict.WAIT:
                now, wait = time.time(), report.wait
                pause = next_look(wait, now, random.random())
                if wait.silenced(now + pause):
                    await asyncio.sleep(pause)
                    return replace(report, verdict=Verdict.TIMED_OUT)
                try:
                    (seen,) = await reads.look(pause, max(pause, wait.deadline - now) + LATE)
                except ApiError as error:
                    wait, verdict = judge_failure(wait, error, time.time())
                    log.read_failed(error, wait)
                    report = replace(report, wait=wait, verdict=verdict, error=error.to_json())
                else:
                    telemetry.count("polls", target.vendor)
                    wait, verdict = waits.observe(wait, rules, seen, time.time())
                    log.observed(seen, wait)
                    report = replace(report, wait=wait, verdict=verdict, seen=seen, error=None)
        return report
