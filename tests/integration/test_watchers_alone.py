"""Watchers as Airflow 3.1 and 3.2 run them: each by itself, and remembering only while it runs."""

from __future__ import annotations

import pytest

from airflow_provider.triggers.sendkit import SendKitAgentTrainedEventTrigger
from airflow_provider.triggers.sensay import SensayKnowledgeBaseChangedEventTrigger
from tests.integration.rig import Rig
from tests.integration.watching import Process, Triggerer


@pytest.fixture
def triggerer() -> Triggerer:
    without = Triggerer()
    without.is_asset_state_available = False
    return without


def agent_watcher(rig: Rig) -> SendKitAgentTrainedEventTrigger:
    return SendKitAgentTrainedEventTrigger(agent_id=rig.sandbox.agent_id, poll_interval=2)


def test_a_training_is_told_once_and_a_restarted_watcher_begins_with_what_it_finds(
    rig: Rig, triggerer: Triggerer
) -> None:
    async def sees_a_run(process: Process) -> None:
        events = process.watch(agent_watcher(rig), shared=False)
        await process.until(lambda: len(rig.asked) >= 2)
        rig.sandbox.set_agent(foreign_run=True)
        await process.until(lambda: events)

    async def begins_anew(process: Process) -> None:
        events, looked = process.watch(agent_watcher(rig), shared=False), len(rig.asked)
        await process.until(lambda: len(rig.asked) >= looked + 4)
        assert events == []

    triggerer.run(sees_a_run)
    triggerer.run(begins_anew)
    assert triggerer.asset_state == {}


def test_many_watchers_of_one_agent_share_its_looks_at_the_poller(rig: Rig, triggerer: Triggerer) -> None:
    async def scenario(process: Process) -> None:
        found = [process.watch(agent_watcher(rig), f"asset {n}", shared=False) for n in range(20)]
        await process.until(lambda: len(rig.asked) >= 3)
        rig.sandbox.set_agent(foreign_run=True)
        await process.until(lambda: all(found))
        assert [len(events) for events in found] == [1] * 20

    triggerer.run(scenario)
    assert len(rig.asked) < 100


def test_a_rewritten_entry_is_told(rig: Rig, triggerer: Triggerer) -> None:
    async def scenario(process: Process) -> None:
        watcher = SensayKnowledgeBaseChangedEventTrigger(
            replica_uuid=rig.sandbox.replica_uuid, entry_id=rig.sandbox.entry_id, poll_interval=2
        )
        events, asked = process.watch(watcher, shared=False), len(rig.asked)
        await process.until(lambda: len(rig.asked) >= asked + 3)
        rig.sandbox.set_entry(
            timeline=[{"after": 0, "status": "PROCESSING"}, {"after": 6, "status": "READY"}]
        )
        await process.until(lambda: events)
        assert events[0]["entries"] == [rig.sandbox.entry_id]

    triggerer.run(scenario)
