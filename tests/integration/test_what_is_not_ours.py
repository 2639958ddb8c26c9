"""What a vendor answers that is not of our run, or not of our target: never the end, in no mode."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.vendors.sensay import generation as generations
from tests.integration.rig import AGENT, ENTRY, Make, Rig
from tests.integration.task import Outcome, Supervisor, TaskUnderTest

MODES = [
    pytest.param({}, id="sync"),
    pytest.param({"deferrable": True}, id="deferrable"),
]
SENSOR_MODES = [
    pytest.param({"mode": "poke"}, id="poke"),
    pytest.param({"mode": "reschedule"}, id="reschedule"),
    pytest.param({"deferrable": True}, id="deferrable"),
]


def spoil(rig: Rig, path: str, kind: str, *, skip: int = 0, times: int | None = None, **fields: Any) -> None:
    rig.sandbox.fault(kind, method="GET", path=path, skip=skip, times=times, **fields)


def ran(make: Make, **kwargs: Any) -> Outcome:
    return TaskUnderTest(make, **kwargs).to_the_end()


# --- another spelling, an earlier time, another run --------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"marker_style": "offset"}, id="the same instant with an offset"),
        pytest.param({"marker_style": "no_zone"}, id="the same instant without a zone"),
        pytest.param({"marker_shift": -7 * 86400.0}, id="a week earlier"),
        pytest.param({"members": {"data.knowledgeBase.lastScrapedAt": None}}, id="no time at all"),
    ],
)
def test_a_marker_that_is_no_later_proves_no_run(
    rig: Rig, mode: dict[str, Any], edit: dict[str, Any]
) -> None:
    rig.sandbox.options(lag=100_000, retrain_answer_status="completed")
    spoil(rig, AGENT, "edit", skip=1, **edit)  # the baseline is as it is
    ended = ran(rig.retrain(**mode))
    assert ended.verdict == ("failed", "RefreshUnconfirmedError"), ended.told
    assert rig.paid == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_leftovers_of_somebody_elses_run_are_not_ours(rig: Rig, mode: dict[str, Any]) -> None:
    """The baseline is their run in its last second; ours is queued, and fails."""
    rig.sandbox.options(training_seconds=1, pending_seconds=0)
    rig.sandbox.set_agent(foreign_run=True)
    spoil(rig, AGENT, "stale", times=1, seconds=0)
    rig.sandbox.options(
        lag=4, training_seconds=6, training_outcome="failed", retrain_answer_status="completed"
    )
    task = TaskUnderTest(rig.retrain(on_running="wait", poll_interval=0.5, start_grace=60, **mode))
    ended = task.to_the_end()
    assert ended.verdict == ("up_for_retry", "RefreshFailedError"), ended.told
    assert rig.paid == 1


@pytest.mark.parametrize("mode", MODES)
def test_an_old_completed_between_reads_of_the_running_training_is_not_its_end(
    rig: Rig, mode: dict[str, Any]
) -> None:
    rig.sandbox.options(training_seconds=12, training_outcome="failed")
    for skip in (3, 6):
        spoil(rig, AGENT, "stale", skip=skip, times=1, seconds=10_000)
    ended = ran(rig.retrain(poll_interval=1, **mode))
    assert ended.verdict == ("up_for_retry", "RefreshFailedError"), ended.told


# --- another object -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_the_answer_of_another_agent_is_a_failed_read(rig: Rig, mode: dict[str, Any]) -> None:
    rig.sandbox.options(training_seconds=12, training_outcome="failed")
    edit = {"members": {"data._id": "664a1b2c3d4e5f6a7b8c9dff", "data.trainingStatus": "completed"}}
    spoil(rig, AGENT, "edit", skip=3, times=2, **edit)
    ended = ran(rig.retrain(poll_interval=1, **mode))
    assert ended.verdict == ("up_for_retry", "RefreshFailedError"), ended.told


@pytest.mark.parametrize("mode", SENSOR_MODES)
def test_the_answer_of_another_entry_is_a_failed_read(rig: Rig, mode: dict[str, Any]) -> None:
    rig.sandbox.set_entry(
        timeline=[{"after": 0, "status": "PROCESSING"}, {"after": 8, "status": "SYNC_ERROR"}]
    )
    spoil(rig, ENTRY, "edit", skip=1, times=2, members={"id": 99, "status": "READY"})
    ended = ran(rig.entry_sensor(poke_interval=1, **mode))
    assert ended.verdict == ("failed", "RefreshFailedForGoodError"), ended.told


# --- reads that fail ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", SENSOR_MODES)
def test_a_key_may_be_rotated_more_than_once_in_one_wait(rig: Rig, mode: dict[str, Any]) -> None:
    rig.sandbox.options(training_seconds=14)
    rig.sandbox.set_agent(foreign_run=True)
    for skip in (1, 4):
        spoil(rig, AGENT, "status", skip=skip, times=1, status=401)
    assert ran(rig.agent_sensor(poke_interval=2, **mode)).state == "success"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(("times", "verdict"), [(1, ("success", None)), (None, "failed")])
def test_one_refusal_in_the_middle_of_a_wait_is_a_failed_read_and_two_are_the_end(
    rig: Rig, mode: dict[str, Any], status: int, times: int | None, verdict: Any
) -> None:
    rig.sandbox.options(training_seconds=14)
    spoil(rig, AGENT, "status", skip=6, times=times, status=status)
    ended = ran(rig.retrain(poll_interval=2, start_grace=1, **mode))
    assert (ended.verdict if times else ended.state) == verdict, ended.told
    assert rig.paid == 1


@pytest.mark.parametrize("mode", MODES)
def test_an_entry_that_is_not_found_right_after_our_write_is_looked_at_again(
    rig: Rig, mode: dict[str, Any]
) -> None:
    rig.sandbox.options(raw_text_seconds=20)
    spoil(rig, ENTRY, "status", skip=1, times=3, status=404)
    ended = ran(rig.update(start_grace=30, **mode))
    assert ended.state == "success", ended.told


@pytest.mark.parametrize("mode", MODES)
def test_a_vendor_that_is_silent_right_after_the_write_uses_up_no_failed_reads(
    rig: Rig, mode: dict[str, Any]
) -> None:
    rig.sandbox.options(training_seconds=30)
    spoil(rig, AGENT, "status", skip=1, times=5, status=503)
    ended = ran(rig.retrain(poll_interval=5, max_read_failures=2, **mode))
    assert (ended.state, rig.paid) == ("success", 1), ended.told


@pytest.mark.parametrize("mode", [*MODES, pytest.param({"mode": "reschedule"}, id="reschedule")])
def test_a_retry_after_beyond_the_deadline_is_kept(rig: Rig, mode: dict[str, Any]) -> None:
    rig.sandbox.set_agent(foreign_run=True, trainingStatus="training")
    spoil(rig, AGENT, "status", skip=1, times=None, status=429, retry_after=3600)
    sensor = rig.agent_sensor(timeout=15, poke_interval=1, **mode)
    ended = ran(sensor)
    assert ended.verdict == ("failed", "SensorTimeoutError"), ended.told
    assert sum("agents" in each for each in rig.asked) == 2, "one good read, one 429, and no further request"


# --- what a resumed sensor knows ------------------------------------------------------------------------------


def test_no_process_of_a_sensor_asks_for_the_generation_again(rig: Rig) -> None:
    for mode in ({"deferrable": True}, {"mode": "reschedule"}):
        rig.reset()
        rig.connect("sensay", {"api": "auto"})
        generations.forget()
        rig.sandbox.set_entry(
            timeline=[{"after": 0, "status": "PROCESSING"}, {"after": 10, "status": "READY"}]
        )
        task = TaskUnderTest(rig.entry_sensor(**mode))
        outcome = task.run()
        rig.sandbox.fault("status", method="GET", path="file-types", status=503, times=None)
        while outcome.state != "success":
            event = task.fire() if outcome.deferred else None
            generations.forget()  # another process
            outcome = task.resume(event) if outcome.deferred else task.come_back(outcome).run()
            assert outcome.state in ("success", "up_for_reschedule"), outcome.told
        assert sum("file-types" in each for each in rig.asked) == 1
        assert SensayHook("sensay_default").conn_id == "sensay_default"


def test_a_resumed_sensor_refuses_the_event_of_another_target(rig: Rig) -> None:
    rig.sandbox.set_agent(foreign_run=True)
    task = TaskUnderTest(rig.agent_sensor(deferrable=True))
    assert task.run().deferred
    event = task.fire()
    task.make = rig.agent_sensor(deferrable=True, agent_id="664a1b2c3d4e5f6a7b8c9dff")
    ended = task.resume(event)
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "664a1b2c3d4e5f6a7b8c9d0e" in ended.told
    assert "664a1b2c3d4e5f6a7b8c9dff" in ended.told


@pytest.mark.parametrize("mode", SENSOR_MODES)
def test_a_gate_behind_a_dry_run_notes_no_version(rig: Rig, mode: dict[str, Any]) -> None:
    supervisor = Supervisor()
    dry = ran(rig.retrain(version="v2", dry_run=True, wait_for_completion=False), supervisor=supervisor)
    assert dry.result["reason"].startswith("would submit")
    gate = ran(
        rig.agent_sensor(since=dry.result, **mode), supervisor=Supervisor(variables=supervisor.variables)
    )
    assert (gate.state, gate.result["confirmed"], gate.result["proven_by"]) == ("success", False, None)
    real = ran(rig.retrain(version="v2"), supervisor=Supervisor(variables=supervisor.variables))
    assert (real.result["outcome"], rig.paid) == ("refreshed", 1)


# --- completed, and empty ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", SENSOR_MODES)
@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"data.isActive": False}, "switched off (isActive: false)"),
        (
            {
                "data.knowledgeBase.totalPages": 0,
                "data.knowledgeBase.totalChunks": 0,
                "data.uploadedDocuments": [],
            },
            "0 pages, 0 chunks, 0 documents",
        ),
    ],
    ids=["switched off", "empty"],
)
def test_a_completed_agent_that_answers_nobody_is_a_policy(
    rig: Rig, mode: dict[str, Any], members: dict[str, Any], words: str
) -> None:
    spoil(rig, AGENT, "edit", members=members)
    failed = ran(rig.agent_sensor(on_empty="fail", **mode))
    assert failed.verdict == ("failed", "RefreshFailedForGoodError")
    assert words in failed.told
    assert ran(rig.agent_sensor(**mode)).state == "success"


@pytest.mark.parametrize("mode", MODES)
def test_the_first_looks_keep_to_a_retry_after(rig: Rig, mode: dict[str, Any]) -> None:
    rig.sandbox.options(training_seconds=10)
    spoil(rig, AGENT, "status", skip=1, times=1, status=429, retry_after=30)
    ended = ran(rig.retrain(poll_interval=1, **mode))
    assert (ended.state, rig.paid) == ("success", 1), ended.told
    reads = sum(each.startswith("GET") and "agents" in each for each in rig.asked)
    assert reads <= 5, "one before the POST, the 429, and what proves the end after half a minute"


def test_a_rescheduling_sensor_without_a_memory_looks_twice_where_the_marker_has_moved(rig: Rig) -> None:
    """Below Airflow 3.3 nothing is kept between two looks, and one look at a later marker proves nothing."""
    rig.sandbox.options(lag=30, retrain_answer_status="completed")
    result = ran(rig.retrain(wait_for_completion=False)).result
    assert (result["outcome"], result["proven_by"]) == ("submitted", None)
    rig.sandbox.advance(60)
    ended = ran(
        rig.agent_sensor(since=result, mode="reschedule", start_grace=60),
        supervisor=Supervisor(is_task_state_available=False),
    )
    assert (ended.state, ended.result["proven_by"]) == ("success", "MARKER_LATER"), ended.told
    assert ended.result["outcome"] == "refreshed"
