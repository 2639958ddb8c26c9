"""Watchers at the sandbox: each change once, whoever made it, across restarts, and never too many requests."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.triggers.sendkit import SendKitAgentTrainedEventTrigger
from airflow_provider.triggers.sensay import SensayKnowledgeBaseChangedEventTrigger
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay import training_endpoints as sensay_training
from tests.integration.rig import AGENT, ENTRIES, Rig
from tests.integration.watching import Process, Triggerer

GENERATIONS = ["knowledge-base", "training"]


class Log:
    """What was logged so far; the task log goes to stdout here."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._read = ""

    @property
    def text(self) -> str:
        self._read += self._capsys.readouterr().out
        return self._read


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


@pytest.fixture
def triggerer() -> Triggerer:
    return Triggerer()


def agent_watcher(rig: Rig) -> SendKitAgentTrainedEventTrigger:
    return SendKitAgentTrainedEventTrigger(agent_id=rig.sandbox.agent_id, poll_interval=2)


def entries_watcher(rig: Rig, entry_id: int | None = None) -> SensayKnowledgeBaseChangedEventTrigger:
    return SensayKnowledgeBaseChangedEventTrigger(
        replica_uuid=rig.sandbox.replica_uuid, entry_id=entry_id, poll_interval=2
    )


def reads(rig: Rig) -> int:
    return len(rig.asked)


def test_somebody_elses_retrain_is_told_once_when_it_has_ended(rig: Rig, triggerer: Triggerer) -> None:
    async def scenario(process: Process) -> None:
        events = process.watch(agent_watcher(rig))
        await process.until(lambda: reads(rig) >= 2)
        assert events == []
        rig.sandbox.set_agent(foreign_run=True)
        await process.until(lambda: events)
        looked = reads(rig)
        await process.until(lambda: reads(rig) >= looked + 4)
        assert [event["target"] for event in events] == [f"agents/{rig.sandbox.agent_id}"]
        assert (events[0]["status"], events[0]["counts"]["pages"] > 0) == ("completed", True)
        assert rig.written == []

    triggerer.run(scenario)


def test_a_restarted_triggerer_tells_what_it_missed_and_nothing_again(rig: Rig, triggerer: Triggerer) -> None:
    async def sees_one_run(process: Process) -> None:
        events = process.watch(agent_watcher(rig))
        await process.until(lambda: triggerer.asset_state)
        rig.sandbox.set_agent(foreign_run=True)
        await process.until(lambda: events)
        kept = triggerer.asset_state["asset"]
        await process.until(lambda: any(each.get("told") for each in kept.values()))

    async def sees_nothing_new(process: Process) -> None:
        events, looked = process.watch(agent_watcher(rig)), reads(rig)
        await process.until(lambda: reads(rig) >= looked + 4)
        assert events == []

    async def sees_what_it_missed(process: Process) -> None:
        events, looked = process.watch(agent_watcher(rig)), reads(rig)
        await process.until(lambda: reads(rig) >= looked + 4)
        assert len(events) == 1

    triggerer.run(sees_one_run)
    triggerer.run(sees_nothing_new)
    rig.sandbox.set_agent(lastScrapedAt="2030-01-01T00:00:00.000Z")
    rig.sandbox.advance(1000)
    for kept in triggerer.asset_state["asset"].values():
        kept["told"] -= 1000  # as much time has passed
    triggerer.run(sees_what_it_missed)


@pytest.mark.parametrize("shared", [True, False])
def test_a_hundred_watchers_look_once(rig: Rig, triggerer: Triggerer, shared: bool) -> None:
    async def scenario(process: Process) -> None:
        found = [process.watch(agent_watcher(rig), f"asset {n}", shared=shared) for n in range(100)]
        await process.until(lambda: len(triggerer.asset_state) == 100)
        rig.sandbox.set_agent(foreign_run=True)
        await process.until(lambda: all(found))
        assert [len(events) for events in found] == [1] * 100

    triggerer.run(scenario)
    assert reads(rig) < 100


@pytest.mark.parametrize("generation", GENERATIONS)
def test_an_entry_that_was_rewritten_is_told_once_it_is_ready(
    rig: Rig, triggerer: Triggerer, generation: str
) -> None:
    rig.speak(generation)

    async def scenario(process: Process) -> None:
        events = process.watch(entries_watcher(rig, rig.sandbox.entry_id))
        await process.until(lambda: triggerer.asset_state)
        rig.sandbox.set_entry(
            timeline=[
                {"after": 0, "status": "PROCESSING"},
                {"after": 6, "status": "READY"},
            ]
        )
        await process.until(lambda: events)
        looked = reads(rig)
        await process.until(lambda: reads(rig) >= looked + 4)
        assert [event["entries"] for event in events] == [[rig.sandbox.entry_id]]

    triggerer.run(scenario)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_knowledge_base_tells_new_and_deleted_entries(
    rig: Rig, triggerer: Triggerer, generation: str
) -> None:
    rig.speak(generation)
    rig.sandbox.seed(many={"count": 150})

    async def scenario(process: Process) -> None:
        events = process.watch(entries_watcher(rig))
        await process.until(lambda: triggerer.asset_state)
        (new,) = rig.sandbox.seed(entries=[{"title": "New", "rawText": "new", "status": "READY"}])["entries"]
        await process.until(lambda: events)
        assert (events[0]["entries"], events[0]["number"], events[0]["deleted"]) == ([new], 1, False)
        delete = (
            sensay_training.delete_entry(new)
            if generation == "training"
            else sensay.delete_entry(rig.sandbox.replica_uuid, new)
        )
        await SensayHook().asend(delete)
        await process.until(lambda: len(events) == 2)
        assert (events[1]["entries"], events[1]["deleted"]) == ([], True)

    triggerer.run(scenario)


def test_failures_are_waited_out_with_longer_pauses(rig: Rig, triggerer: Triggerer, log: Log) -> None:
    rig.sandbox.fault("status", method="GET", path=AGENT, status=500, times=3)

    async def scenario(process: Process) -> None:
        events = process.watch(agent_watcher(rig))
        await process.until(lambda: triggerer.asset_state)
        rig.sandbox.set_agent(foreign_run=True)
        await process.until(lambda: events)
        assert process.ended == []

    triggerer.run(scenario)
    assert "look 3 in a row failed" in log.text


@pytest.mark.parametrize(
    ("vendor", "path"), [("sendkit", AGENT), ("sensay", ENTRIES)], ids=["sendkit", "sensay"]
)
def test_a_key_without_the_right_is_reported_and_not_hammered_with(
    rig: Rig, triggerer: Triggerer, log: Log, vendor: str, path: str
) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.fault("status", method="GET", path=path, status=403, times=None)

    async def scenario(process: Process) -> None:
        watcher = agent_watcher(rig) if vendor == "sendkit" else entries_watcher(rig)
        process.watch(watcher)
        await process.until(lambda: "cannot be watched" in log.text)
        looked = reads(rig)
        await asyncio.sleep(60)
        assert reads(rig) == looked
        assert process.ended == []

    triggerer.run(scenario)
    assert "No event will come until that is put right" in log.text


def test_a_connection_that_does_not_exist_ends_nothing(rig: Rig, triggerer: Triggerer, log: Log) -> None:
    async def scenario(process: Process) -> None:
        process.watch(
            SendKitAgentTrainedEventTrigger(agent_id="a" * 24, sendkit_conn_id="nobody", poll_interval=2)
        )
        await process.until(lambda: "cannot be watched" in log.text)
        assert process.ended == []

    triggerer.run(scenario)
    assert "nobody" in log.text


def test_a_rotated_key_is_picked_up_in_the_middle_of_a_watch(rig: Rig, triggerer: Triggerer) -> None:
    async def scenario(process: Process) -> None:
        events = process.watch(agent_watcher(rig))
        await process.until(lambda: triggerer.asset_state)
        rig.sandbox.fault("status", method="GET", path=AGENT, status=401, times=1)
        rig.sandbox.set_agent(foreign_run=True)
        await process.until(lambda: events)

    triggerer.run(scenario)


def test_an_author_learns_of_wrong_arguments_when_the_dag_is_parsed(rig: Rig) -> None:
    for make in (
        lambda: SendKitAgentTrainedEventTrigger(agent_id=""),
        lambda: SendKitAgentTrainedEventTrigger(agent_id="a" * 24, poll_interval=0),
        lambda: SensayKnowledgeBaseChangedEventTrigger(replica_uuid="nobody"),
        lambda: SensayKnowledgeBaseChangedEventTrigger(
            replica_uuid=rig.sandbox.replica_uuid, entry_id="first"
        ),
    ):
        with pytest.raises(InvalidArgumentError):
            make()
