"""Both sensors: one verdict in all three modes, whatever the flags; and what ``since`` proves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.rig import AGENT, ENTRY, Make, Rig
from tests.integration.task import Outcome, Supervisor, TaskUnderTest

MODES = [
    pytest.param({"mode": "poke"}, id="poke"),
    pytest.param({"mode": "reschedule"}, id="reschedule"),
    pytest.param({"deferrable": True}, id="deferrable"),
]
FLAGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "soft_fail": {"soft_fail": True},
    "never_fail": {"never_fail": True},
}


@dataclass(frozen=True)
class Verdict:
    """
    One way a wait ends.

    :param kind: ``done``; ``final``: a verdict or a timeout; ``blind``: could not look
    :param error: class of the error where no flag turns it into a skip
    """

    name: str
    kind: str
    error: str | None
    arrange: Callable[[Rig], object]
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def under(self, flag: str) -> tuple[str, str | None]:
        """State and error that this flag makes of it."""
        if self.kind == "done":
            return "success", None
        if flag == "never_fail" or (flag == "soft_fail" and self.kind == "final"):
            return "skipped", None
        return ("failed" if self.kind == "final" else "up_for_retry"), self.error


def _agent(**fields: Any) -> Callable[[Rig], object]:
    return lambda rig: rig.sandbox.set_agent(**fields)


def _foreign_run(**options: Any) -> Callable[[Rig], object]:
    return lambda rig: (rig.sandbox.options(**options), rig.sandbox.set_agent(foreign_run=True))


def _entry(*steps: tuple[float, str]) -> Callable[[Rig], object]:
    return lambda rig: rig.sandbox.set_entry(
        timeline=[{"after": after, "status": status} for after, status in steps]
    )


def _blind(path: str) -> Callable[[Rig], object]:
    return lambda rig: rig.sandbox.fault("status", method="GET", path=path, status=503, times=None)


def _refused(path: str) -> Callable[[Rig], object]:
    return lambda rig: rig.sandbox.fault("status", method="GET", path=path, status=403, times=None)


AGENTS = [
    Verdict("success", "done", None, _foreign_run()),
    Verdict("success_at_once", "done", None, lambda rig: None),
    Verdict("failure", "final", "RefreshFailedForGoodError", _foreign_run(training_outcome="failed")),
    Verdict("failure_at_once", "final", "RefreshFailedForGoodError", _agent(trainingStatus="failed")),
    Verdict("timeout", "final", "SensorTimeoutError", _foreign_run(stuck="training"), {"timeout": 2}),
    Verdict("never_trained", "final", "NeverTrainedError", _agent(never_trained=True)),
    Verdict("unknown", "final", "UnknownStatusError", _agent(trainingStatus="dreaming")),
    Verdict("refused", "final", "ForbiddenError", _refused(AGENT)),
    Verdict("blind", "blind", "ReadFailuresError", _blind(AGENT), {"max_read_failures": 2}),
]
ENTRIES = [
    Verdict("success", "done", None, _entry((0, "PROCESSING"), (2, "READY"))),
    Verdict("failure", "final", "RefreshFailedForGoodError", _entry((0, "PROCESSING"), (2, "SYNC_ERROR"))),
    Verdict("timeout", "final", "SensorTimeoutError", _entry((0, "PROCESSING")), {"timeout": 2}),
    Verdict("unknown", "final", "UnknownStatusError", _entry((0, "DREAMING"))),
    Verdict("blind", "blind", "ReadFailuresError", _blind(ENTRY), {"max_read_failures": 2}),
]


def _run(rig: Rig, make: Make, verdict: Verdict) -> Outcome:
    verdict.arrange(rig)
    return TaskUnderTest(make).to_the_end()


#: Where the flags are tried: one verdict of each kind, and one that the first look brings.
_FLAGGED = ("success", "failure", "failure_at_once", "timeout", "blind")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("verdict", "flag"),
    [
        pytest.param(verdict, flag, id=f"{verdict}-{flag}")
        for verdict in AGENTS
        for flag in FLAGS
        if flag == "plain" or verdict.name in _FLAGGED
    ],
)
def test_the_agent_sensor_gives_one_verdict_in_all_modes(
    rig: Rig, verdict: Verdict, flag: str, mode: dict[str, Any]
) -> None:
    ended = _run(rig, rig.agent_sensor(**mode, **FLAGS[flag], **verdict.arguments), verdict)
    assert ended.verdict == verdict.under(flag), ended.told
    assert rig.written == []
    if verdict.kind == "done":
        assert (ended.result["outcome"], ended.result["status"]) == ("observed", "completed")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("flag", "generation"), [*((flag, "knowledge-base") for flag in FLAGS), ("plain", "training")]
)
@pytest.mark.parametrize("verdict", ENTRIES, ids=str)
def test_the_entry_sensor_gives_one_verdict_in_all_modes(
    rig: Rig, verdict: Verdict, flag: str, mode: dict[str, Any], generation: str
) -> None:
    rig.speak(generation)
    ended = _run(rig, rig.entry_sensor(**mode, **FLAGS[flag], **verdict.arguments), verdict)
    assert ended.verdict == verdict.under(flag), ended.told
    assert rig.written == []
    if verdict.kind == "done":
        assert ended.result["status"] == "READY"
        assert ended.result["generation"] == generation


# --- the deferral itself ---------------------------------------------------------------------------------


def _deferred_sensor(rig: Rig, **arguments: Any) -> TaskUnderTest:
    rig.sandbox.set_agent(foreign_run=True)
    sensor = TaskUnderTest(rig.agent_sensor(deferrable=True, **arguments))
    assert sensor.run().deferred
    return sensor


@pytest.mark.parametrize(
    ("flag", "verdict"),
    [
        ("plain", ("failed", "AirflowSensorTimeout")),
        ("soft_fail", ("skipped", None)),
        ("never_fail", ("skipped", None)),
    ],
)
def test_a_deferral_that_timed_out_is_a_sensor_timeout(
    rig: Rig, flag: str, verdict: tuple[str, str | None]
) -> None:
    assert _deferred_sensor(rig, **FLAGS[flag]).fail_deferral("Trigger timeout").verdict == verdict


@pytest.mark.parametrize(
    ("flag", "verdict"),
    [
        ("plain", ("up_for_retry", "TaskDeferralError")),
        ("soft_fail", ("up_for_retry", "TaskDeferralError")),
        ("never_fail", ("skipped", None)),
    ],
)
def test_a_trigger_that_broke_is_could_not_look(rig: Rig, flag: str, verdict: tuple[str, str | None]) -> None:
    assert _deferred_sensor(rig, **FLAGS[flag]).fail_deferral("Trigger failure").verdict == verdict


@pytest.mark.parametrize("event", [None, "completed", {}, {"schema": 99}, {"schema": 1, "verdict": "done"}])
@pytest.mark.parametrize(
    ("flag", "verdict"),
    [("plain", ("up_for_retry", "AgentKnowledgeError")), ("never_fail", ("skipped", None))],
)
def test_an_event_that_is_no_report_is_never_a_success(
    rig: Rig, event: Any, flag: str, verdict: tuple[str, str | None]
) -> None:
    assert _deferred_sensor(rig, **FLAGS[flag]).resume(event).verdict == verdict


def test_silent_fail_outlasts_any_number_of_failed_reads(rig: Rig) -> None:
    rig.sandbox.fault("status", method="GET", path=AGENT, status=500, times=12)
    for mode in ({"mode": "poke"}, {"deferrable": True}):
        sensor = rig.agent_sensor(silent_fail=True, max_read_failures=2, **mode)
        assert TaskUnderTest(sensor).to_the_end().state == "success"


def test_silent_fail_does_not_outlast_a_key_that_is_refused(rig: Rig) -> None:
    rig.sandbox.fault("status", method="GET", path=AGENT, status=401, times=None)
    for mode in ({"mode": "poke"}, {"deferrable": True}, {"mode": "reschedule"}):
        ended = TaskUnderTest(rig.agent_sensor(silent_fail=True, **mode)).to_the_end()
        assert ended.verdict == ("failed", "AuthenticationError")


@pytest.mark.parametrize("mode", MODES)
def test_exponential_backoff_looks_less_often_up_to_max_wait(rig: Rig, mode: dict[str, Any]) -> None:
    looks = {}
    for backoff in (False, True):
        rig.reset(training_seconds=8)
        rig.sandbox.set_agent(foreign_run=True)
        sensor = rig.agent_sensor(
            **mode, exponential_backoff=backoff, max_wait=timedelta(seconds=4) if backoff else None
        )
        ended = TaskUnderTest(sensor).to_the_end()
        assert ended.state == "success", ended.told
        looks[backoff] = ended.result["polls"]
    assert 3 <= looks[True] < looks[False]


# --- since -----------------------------------------------------------------------------------------------


def _submitted(rig: Rig, make: Make) -> Any:
    ended = TaskUnderTest(make).to_the_end()
    assert ended.state == "success", ended.told
    assert not ended.result["confirmed"]
    return ended.result


@pytest.mark.parametrize("mode", MODES)
def test_the_sensor_proves_the_end_of_the_retrain_that_did_not_wait(rig: Rig, mode: dict[str, Any]) -> None:
    rig.sandbox.options(training_seconds=5)
    result = _submitted(rig, rig.retrain(wait_for_completion=False, version="v7"))
    assert result["status"] in ("pending", "training")
    ended = TaskUnderTest(rig.agent_sensor(since=result, **mode)).to_the_end()
    assert ended.state == "success", ended.told
    assert (ended.result["status"], ended.result["version"]) == ("completed", "v7")
    assert ended.result["outcome"] == "refreshed"
    assert rig.paid == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_sensor_does_not_take_the_completed_that_stood_there_before(
    rig: Rig, mode: dict[str, Any]
) -> None:
    rig.sandbox.options(lag=100_000, retrain_answer_status="completed")
    result = _submitted(rig, rig.retrain(wait_for_completion=False, start_grace=60))
    assert result["status"] == "completed"
    ended = TaskUnderTest(rig.agent_sensor(since=result, **mode)).to_the_end()
    assert ended.verdict == ("failed", "RefreshUnconfirmedError")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_the_entry_sensor_goes_on_where_the_update_stopped(
    rig: Rig, mode: dict[str, Any], generation: str
) -> None:
    rig.speak(generation)
    result = _submitted(rig, rig.update(wait_for_completion=False))
    ended = TaskUnderTest(rig.entry_sensor(since=result, **mode)).to_the_end()
    assert ended.state == "success", ended.told
    assert ended.result["generation"] == generation
    assert ended.result["confirmed"]


@pytest.mark.parametrize("mode", MODES)
def test_the_entry_sensor_does_not_believe_a_ready_that_never_moves(rig: Rig, mode: dict[str, Any]) -> None:
    rig.sandbox.options(stale_ready=100_000)
    result = _submitted(rig, rig.update(wait_for_completion=False, start_grace=60))
    ended = TaskUnderTest(rig.entry_sensor(since=result, **mode)).to_the_end()
    assert ended.verdict == ("failed", "RefreshUnconfirmedError")


def test_since_may_be_the_result_as_a_template_renders_it(rig: Rig) -> None:
    result = _submitted(rig, rig.retrain(wait_for_completion=False))
    assert TaskUnderTest(rig.agent_sensor(since=json.dumps(result))).to_the_end().state == "success"


def test_since_a_skipped_retrain_is_a_gate_on_the_present_state(rig: Rig) -> None:
    supervisor = Supervisor()
    TaskUnderTest(rig.retrain(version="v1"), supervisor=supervisor).to_the_end()
    skipped = TaskUnderTest(
        rig.retrain(version="v1"), supervisor=Supervisor(variables=supervisor.variables)
    ).to_the_end()
    assert skipped.result["outcome"] == "skipped"
    ended = TaskUnderTest(rig.agent_sensor(since=skipped.result)).to_the_end()
    assert (ended.state, ended.result["outcome"]) == ("success", "skipped")


@pytest.mark.parametrize("mode", MODES)
def test_since_a_result_of_another_target_is_refused_before_any_request(
    rig: Rig, mode: dict[str, Any]
) -> None:
    result = _submitted(rig, rig.retrain(wait_for_completion=False))
    asked = len(rig.asked)
    other = rig.agent_sensor(agent_id="664a1b2c3d4e5f6a7b8c9dff", since=result, **mode)
    ended = TaskUnderTest(other).to_the_end()
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "since is the result of agents/664a1b2c3d4e5f6a7b8c9d0e" in ended.told
    assert len(rig.asked) == asked


@pytest.mark.parametrize(
    "since",
    [
        "yesterday",
        {"outcome": "refreshed"},
        "{not json",
        ["a"],
        "{{ 1 + 1 }}",
        True,
        {"target": "x", "proof": 3},
    ],
)
def test_since_something_else_is_refused_before_any_request(rig: Rig, since: Any) -> None:
    for make in (rig.agent_sensor(since=since), rig.entry_sensor(since=since)):
        ended = TaskUnderTest(make).to_the_end()
        assert ended.verdict == ("failed", "InvalidArgumentError"), ended.told
        assert "since" in ended.told
    assert rig.asked == []


@pytest.mark.parametrize("mode", MODES)
def test_since_a_vendor_time_waits_for_a_marker_that_is_later(rig: Rig, mode: dict[str, Any]) -> None:
    marker = rig.sandbox.set_agent()["knowledgeBase"]["lastScrapedAt"]
    still = TaskUnderTest(rig.agent_sensor(since=marker, timeout=2, **mode)).to_the_end()
    assert still.verdict == ("failed", "SensorTimeoutError")
    rig.sandbox.set_agent(foreign_run=True)
    ended = TaskUnderTest(rig.agent_sensor(since=marker, **mode)).to_the_end()
    assert ended.state == "success", ended.told
    assert ended.result["marker"] > marker


def test_since_a_vendor_time_before_the_marker_is_done_at_once(rig: Rig) -> None:
    for make in (
        rig.agent_sensor(since="2026-01-01T00:00:00Z"),
        rig.entry_sensor(since="2026-01-01 00:00:00"),
    ):
        ended = TaskUnderTest(make).to_the_end()
        assert (ended.state, ended.result["polls"]) == ("success", 1)


@pytest.mark.parametrize("mode", MODES)
def test_an_idle_entry_is_an_error_after_the_grace(rig: Rig, mode: dict[str, Any]) -> None:
    rig.speak("training")
    rig.sandbox.set_entry(status="BLANK")
    ended = TaskUnderTest(rig.entry_sensor(**mode)).to_the_end()
    assert ended.verdict == ("failed", "NeverTrainedError")


def test_ready_statuses_can_ask_for_ready_alone(rig: Rig) -> None:
    rig.sandbox.set_entry(
        timeline=[{"after": 0, "status": "VECTOR_CREATED"}, {"after": 4, "status": "READY"}]
    )
    either = TaskUnderTest(rig.entry_sensor()).to_the_end()
    only = TaskUnderTest(rig.entry_sensor(ready_statuses=["READY"])).to_the_end()
    assert (either.result["status"], only.result["status"]) == ("VECTOR_CREATED", "READY")


def test_a_rescheduled_sensor_remembers_what_it_saw_active(rig: Rig) -> None:
    result = _submitted(rig, rig.retrain(wait_for_completion=False))
    sensor = TaskUnderTest(rig.agent_sensor(since=result, mode="reschedule"))
    assert sensor.run().state == "up_for_reschedule"
    assert [key for key in sensor.supervisor.task_state if key.startswith("agent_knowledge_wait_")]


@pytest.mark.parametrize("policy", ["fail", "warn", "ignore"])
@pytest.mark.parametrize("mode", MODES)
def test_failed_documents_are_a_policy_of_the_sensor(rig: Rig, mode: dict[str, Any], policy: str) -> None:
    rig.sandbox.set_agent(trainingStatus="completed", documents=[{"fileName": "bad.pdf", "status": "failed"}])
    ended = TaskUnderTest(rig.agent_sensor(on_failed_documents=policy, **mode)).to_the_end()
    if policy == "fail":
        assert ended.verdict == ("failed", "RefreshFailedForGoodError")
        assert "bad.pdf" in ended.told
    else:
        assert ended.state == "success"


def test_completed_with_a_document_in_work_is_not_the_end(rig: Rig) -> None:
    rig.sandbox.set_agent(
        trainingStatus="completed", documents=[{"fileName": "a.pdf", "status": "processing", "after": 3}]
    )
    ended = TaskUnderTest(rig.agent_sensor()).to_the_end()
    assert (ended.state, ended.result["polls"] > 1) == ("success", True)
