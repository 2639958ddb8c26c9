"""What a task reports belongs to the target that it wrote to, whatever its templates render later; and what it cost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.rig import AGENT, NEW_TEXT, RETRAIN, Rig
from tests.integration.task import Supervisor, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]


def test_a_resumed_retrain_that_renders_another_agent_names_both_and_tells_nobody_of_a_refresh(
    rig: Rig,
) -> None:
    (other,) = rig.sandbox.seed(agents=[{"name": "Other", "trainingStatus": "completed"}])["agents"]
    task = TaskUnderTest(rig.retrain(version="v2", deferrable=True), retries=2)
    assert task.run().deferred
    event = task.fire()
    task.make = rig.retrain(version="v2", deferrable=True, agent_id=other)
    ended = task.resume(event)
    assert ended.verdict == ("failed", "RecordMismatchError")
    assert rig.sandbox.agent_id in ended.told
    assert other in ended.told
    notes = [text for name, text in task.supervisor.variables.items() if ".delivered." in name]
    assert not any("version" in json.loads(text) for text in notes)
    # With the right agent again, its run is taken up.
    task.make = rig.retrain(version="v2", deferrable=True)
    again = task.clear(keep_state=True).to_the_end()
    assert (again.state, again.result["target"], rig.paid) == (
        "success",
        f"agents/{rig.sandbox.agent_id}",
        1,
    )


def test_a_resumed_update_that_renders_another_entry_names_both(rig: Rig) -> None:
    rig.speak("knowledge-base")
    (other,) = rig.sandbox.seed(entries=[{"title": "Other", "rawText": "other"}])["entries"]
    task = TaskUnderTest(rig.update(deferrable=True), retries=2)
    assert task.run().deferred
    event = task.fire()
    task.make = rig.update(deferrable=True, entry_id=other)
    ended = task.resume(event)
    assert ended.verdict == ("failed", "RecordMismatchError")
    assert str(other) in ended.told
    assert str(rig.sandbox.entry_id) in ended.told
    assert len(rig.written) == 1


def test_a_resumed_update_whose_text_renders_otherwise_reports_on_what_was_sent(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.speak("knowledge-base")
    task = TaskUnderTest(rig.update(deferrable=True, version="v1"), retries=2)
    assert task.run().deferred
    event = task.fire()
    task.make = rig.update(deferrable=True, raw_text="another text", version="v2")
    ended = task.resume(event)
    assert (ended.state, ended.result["version"]) == ("success", "v1")
    assert rig.sandbox.set_entry()["rawText"] == NEW_TEXT
    assert "renders otherwise" in capsys.readouterr().out


def test_a_dry_run_notes_nothing_not_even_through_a_sensor(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = Supervisor()
    dry = TaskUnderTest(
        rig.retrain(version="v2", dry_run=True, wait_for_completion=False), supervisor=supervisor
    ).to_the_end()
    assert dry.result["dry_run"] is True
    assert dry.result["reason"].startswith("would submit")
    out = capsys.readouterr().out
    assert "would submit" in out
    assert ": submit (" not in out
    TaskUnderTest(rig.agent_sensor(since=dry.result), supervisor=supervisor, run_id="sensor").to_the_end()
    assert (supervisor.variables, rig.written) == ({}, [])
    real = TaskUnderTest(rig.retrain(version="v2"), supervisor=supervisor, run_id="real").to_the_end()
    assert (real.result["outcome"], rig.paid) == ("refreshed", 1)


#: How an accepted request may be answered, and what the result says of its cost.
COSTS: list[tuple[str, dict[str, Any], tuple[str, float, bool]]] = [
    ("as documented", {}, ("refreshed", 10.0, True)),
    ("lost", {"kind": "lose_answer"}, ("adopted", 10.0, False)),
    ("500 after acceptance", {"kind": "status_after", "status": 500}, ("adopted", 10.0, False)),
    ("202 without a body", {"kind": "body", "shape": "empty"}, ("refreshed", 10.0, False)),
    ("cut off", {"kind": "body", "shape": "cut_connection"}, ("refreshed", 10.0, False)),
    ("no JSON", {"kind": "body", "shape": "not_json"}, ("refreshed", 10.0, False)),
]


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize(("fault", "cost"), [each[1:] for each in COSTS], ids=[each[0] for each in COSTS])
def test_what_was_accepted_is_paid_and_the_result_says_whether_anybody_confirmed_it(
    rig: Rig, fault: dict[str, Any], cost: tuple[str, float, bool], deferrable: bool
) -> None:
    if fault:
        members = dict(fault)
        rig.sandbox.fault(members.pop("kind"), method="POST", path=RETRAIN, **members)
    ended = TaskUnderTest(rig.retrain(deferrable=deferrable), retries=0).to_the_end()
    assert ended.state == "success", ended.told
    result = ended.result
    assert (result["outcome"], result["credits_charged"], result["credits_confirmed"]) == cost
    assert (rig.paid, rig.retrains) == (1, 1)


def test_a_run_that_somebody_else_started_cost_this_task_nothing(rig: Rig) -> None:
    rig.sandbox.options(training_seconds=5)
    rig.sandbox.set_agent(foreign_run=True)
    ended = TaskUnderTest(rig.retrain(), retries=0).to_the_end()
    assert (ended.result["outcome"], ended.result["credits_charged"], ended.result["credits_confirmed"]) == (
        "adopted",
        0.0,
        True,
    )


def test_a_refresh_whose_end_nobody_awaits_was_submitted(rig: Rig) -> None:
    ended = TaskUnderTest(rig.retrain(wait_for_completion=False), retries=0).to_the_end()
    assert (ended.result["outcome"], ended.result["ended"], ended.result["confirmed"]) == (
        "submitted",
        False,
        False,
    )


@pytest.mark.parametrize("deferrable", MODES)
def test_eight_seconds_of_silence_after_the_post_are_no_error_budget(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.fault("status", method="GET", path=AGENT, status=503, times=5, skip=1)
    ended = TaskUnderTest(rig.retrain(deferrable=deferrable, max_read_failures=2), retries=0).to_the_end()
    assert (ended.state, rig.paid) == ("success", 1), ended.told


@pytest.mark.parametrize("deferrable", MODES)
def test_the_first_looks_leave_the_vendor_alone_for_as_long_as_it_asks(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(training_seconds=40)
    rig.sandbox.fault("status", method="GET", path=AGENT, status=429, retry_after=20, times=1, skip=1)
    ended = TaskUnderTest(rig.retrain(deferrable=deferrable, poll_interval=5), retries=0).to_the_end()
    assert ended.state == "success", ended.told
    times = [each["at"] for each in rig.sandbox.requests if each["method"] == "GET"]
    assert times[2] - times[1] >= 20 / 10.5
