"""A trigger's event waits for the executor, and no longer: the clocks of worker and triggerer may differ."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider.refresh.report import Report
from airflow_provider.refresh.wait import Purpose, Verdict, Wait
from airflow_provider.triggers.sendkit import SendKitTrainingTrigger
from tests.unit.refresh.scenes import AGENT_ID, agent, waiting


class Ended(SendKitTrainingTrigger):
    """One whose wait is over at once."""

    async def _report(self) -> Report:
        wait: Wait = waiting(Purpose.GATE)
        return Report(wait=wait, verdict=Verdict.DONE, seen=agent(), target=f"agents/{AGENT_ID}")


@pytest.mark.parametrize(("ahead", "least"), [(-5.0, 0.0), (0.5, 0.4), (3600.0, 0.9)])
def test_an_event_is_held_back_as_long_as_the_executor_needs_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, ahead: float, least: float
) -> None:
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")  # so the executor needs one second
    began = time.monotonic()

    async def first() -> None:
        trigger = Ended(conn_id="c", agent_id=AGENT_ID, wait={}, not_before=time.time() + ahead)
        async for event in trigger.run():
            assert event.payload["verdict"] == "done"
            return

    asyncio.run(first())
    assert least <= time.monotonic() - began < 60.0, "an hour ahead is the clock's, not the executor's"
