"""
A clear costs nothing while a run may be at work, whatever Airflow keeps: the record (3.3), nothing but the trace after
a clear (3.4), or no task state at all (3.1, 3.2). Each is played on every Airflow, beside the way of the one at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import httpx
import pytest

from tests.integration import task_state
from tests.integration.rig import NEW_TEXT, RETRAIN, Rig
from tests.integration.task import Killed, Outcome, Supervisor, TaskUnderTest
from tests.integration.test_crashes import each_death

RECORD = "agent_knowledge_record"
MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]
KEEPS = ["3.2", "3.3", "3.4", "here"]


def _supervisor(keeps: str, **kwargs: Any) -> Supervisor:
    has_store = task_state.HAS_STORE if keeps == "here" else keeps != "3.2"
    return Supervisor(is_task_state_available=has_store, **kwargs)


def _task(rig: Rig, keeps: str, make: Any, **kwargs: Any) -> TaskUnderTest:
    return TaskUnderTest(make, supervisor=_supervisor(keeps, **kwargs), retries=2)


def _cleared(task: TaskUnderTest, keeps: str) -> Outcome:
    return task.clear(keep_state=None if keeps == "here" else keeps == "3.3").to_the_end()


def _killed_after(task: TaskUnderTest, requests: int) -> None:
    """Run a worker that is killed once the vendor has so many of its requests; the last one's answer is lost."""
    sent: list[str] = []
    send = httpx.HTTPTransport.handle_request

    def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        answer = send(transport, request)
        if len(sent) == requests:
            answer.read()
            task.supervisor.is_task_dead = True
            raise Killed
        return answer

    with mock.patch.object(httpx.HTTPTransport, "handle_request", handle):
        assert task.run().state == "killed"
    assert sent[:2] == ["GET", "POST"]


def _traces(task: TaskUnderTest) -> list[dict[str, Any]]:
    return [json.loads(text)["run-1"] for name, text in task.supervisor.variables.items() if ".open." in name]


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("ended", [False, True], ids=["still at work", "run ended"])
@pytest.mark.parametrize("deferrable", MODES)
def test_a_wait_that_is_cleared_is_taken_up_again(
    rig: Rig, keeps: str, ended: bool, deferrable: bool
) -> None:
    rig.sandbox.options(training_seconds=10)
    task = _task(rig, keeps, rig.retrain(timeout=2, deferrable=deferrable))
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshTimeoutError")
    if ended:
        rig.sandbox.advance(60)
    task.make = rig.retrain(deferrable=deferrable)
    outcome = _cleared(task, keeps)
    assert (outcome.state, outcome.result["outcome"], rig.paid) == ("success", "reattached", 1), outcome.told
    assert (outcome.result["credits_charged"], outcome.result["credits_confirmed"]) == (10.0, True)


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("ended", [False, True], ids=["still at work", "run ended"])
def test_a_clear_after_a_lost_answer_finds_the_run(rig: Rig, keeps: str, ended: bool) -> None:
    rig.sandbox.options(training_seconds=30, lag=11, pending_seconds=0.1)
    rig.sandbox.fault("lose_answer", method="POST", path=RETRAIN)
    task = _task(rig, keeps, rig.retrain(start_grace=5, on_unknown="fail"))
    assert task.to_the_end().verdict == ("up_for_retry", "AmbiguousWriteError")
    rig.sandbox.advance(100 if ended else 5)
    outcome = _cleared(task, keeps)
    assert (outcome.state, outcome.result["outcome"], rig.paid) == ("success", "adopted", 1), outcome.told
    assert (outcome.result["credits_charged"], outcome.result["credits_confirmed"]) == (10.0, False)


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("ended", [False, True], ids=["still at work", "run ended"])
@pytest.mark.parametrize("requests", [2, 5], ids=["its POST unanswered", "waiting"])
@pytest.mark.parametrize(
    "again", [_cleared, lambda task, _: task.retry().to_the_end()], ids=["clear", "retry"]
)
def test_a_worker_that_was_killed_leaves_what_a_clear_and_a_retry_need(
    rig: Rig, keeps: str, ended: bool, requests: int, again: Callable[[TaskUnderTest, str], Outcome]
) -> None:
    rig.sandbox.options(training_seconds=30)
    task = _task(rig, keeps, rig.retrain())
    _killed_after(task, requests)
    if ended:
        rig.sandbox.advance(3600)
    outcome = again(task, keeps)
    expected = "reattached" if requests > 2 else "adopted"
    assert (outcome.state, outcome.result["outcome"], rig.paid) == ("success", expected, 1), outcome.told


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("ended", [False, True], ids=["still at work", "run ended"])
def test_two_clears_in_a_row_cost_nothing(rig: Rig, keeps: str, ended: bool) -> None:
    rig.sandbox.options(training_seconds=30)
    task = _task(rig, keeps, rig.retrain(deferrable=True))
    assert task.run().deferred
    task.interrupt(after=0.5)
    assert task.clear(keep_state=None if keeps == "here" else keeps == "3.3").run().deferred
    if ended:
        rig.sandbox.advance(3600)
    outcome = _cleared(task, keeps)
    assert (outcome.state, rig.paid) == ("success", 1), outcome.told


@pytest.mark.parametrize("keeps", ["3.2", "3.4"])
@pytest.mark.parametrize(("deferrable", "ended"), [(False, False), (True, True)], ids=["sync", "deferrable"])
def test_wherever_a_worker_dies_a_clear_pays_again_only_if_the_task_was_green(
    rig: Rig, keeps: str, deferrable: bool, ended: bool
) -> None:
    rows = []
    deaths = each_death(
        rig, lambda: rig.retrain(deferrable=deferrable), supervisor=partial(_supervisor, keeps)
    )
    for task, message in deaths:
        was_green = any(type(each).__name__ == "SucceedTask" for each in task.supervisor.sent)
        if ended:
            rig.sandbox.advance(3600)
        outcome = _cleared(task, keeps)
        rows.append((message, was_green, rig.paid, *outcome.verdict))
    wrong = [row for row in rows if row[3:] != ("success", None) or not 1 <= row[2] <= (2 if row[1] else 1)]
    assert wrong == []


@pytest.mark.parametrize("keeps", KEEPS)
def test_a_run_that_failed_while_its_task_was_cleared_is_told_before_a_retry_pays(
    rig: Rig, keeps: str
) -> None:
    rig.sandbox.options(training_seconds=30, training_outcome="failed")
    task = _task(rig, keeps, rig.retrain(deferrable=True))
    assert task.run().deferred
    rig.sandbox.advance(3600)
    assert _cleared(task, keeps).verdict == ("up_for_retry", "RefreshFailedError")
    assert rig.paid == 1
    rig.sandbox.options(training_outcome="completed", training_seconds=1)
    assert task.retry().to_the_end().state == "success"
    assert rig.paid == 2


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("ended", [False, True], ids=["in work", "ready"])
def test_a_create_that_is_cleared_leaves_one_entry(rig: Rig, keeps: str, ended: bool) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.options(raw_text_seconds=30)
    task = _task(rig, keeps, rig.create(text=NEW_TEXT, title="Hours", deferrable=True))
    assert task.run().deferred
    if ended:
        rig.sandbox.advance(3600)
    outcome = _cleared(task, keeps)
    assert outcome.state == "success", outcome.told
    assert rig.entries() == [rig.sandbox.entry_id, outcome.result["entry_id"]]


@pytest.mark.parametrize("keeps", KEEPS)
def test_a_clear_of_a_green_task_asks_for_another_refresh(rig: Rig, keeps: str) -> None:
    task = _task(rig, keeps, rig.retrain())
    assert task.to_the_end().state == "success"
    (trace,) = _traces(task)
    assert (trace["stage"], trace["noted"], "wait" in trace, "baseline" in trace) == (
        "ended",
        True,
        False,
        False,
    )
    assert _cleared(task, keeps).state == "success"
    assert rig.paid == 2


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("deferrable", MODES)
def test_a_refresh_that_ended_though_its_task_is_red_is_not_paid_again(
    rig: Rig, keeps: str, deferrable: bool
) -> None:
    """The API server is away between the end and the XCom push, and the tries are used up."""

    def away(message: Any) -> None:
        if type(message).__name__ == "SetXCom":
            raise RuntimeError("the API server is away")

    make = rig.retrain(deferrable=deferrable, max_credits=10, version="v1")
    task = _task(rig, keeps, make, before=away)
    assert task.to_the_end().state == "up_for_retry"
    task.supervisor.before = lambda message: None
    outcome = _cleared(task, keeps)
    assert (outcome.state, outcome.result["outcome"], rig.paid) == ("success", "refreshed", 1), outcome.told
    # Now that Airflow has noted the end, a clear asks for another one; max_credits counts both.
    outcome = _cleared(task, keeps)
    assert outcome.verdict in (("failed", "BudgetExceededError"), ("success", None))
    assert rig.paid == 1
    task.make = rig.retrain(deferrable=deferrable, max_credits=10, force=True)
    assert _cleared(task, keeps).state == "success"
    assert rig.paid == 2


@pytest.mark.parametrize("keeps", KEEPS)
@pytest.mark.parametrize("deferrable", MODES)
def test_a_clear_of_a_red_task_that_asks_for_another_version_gets_that_one(
    rig: Rig, keeps: str, deferrable: bool
) -> None:
    def away(message: Any) -> None:
        if type(message).__name__ == "SetXCom":
            raise RuntimeError("the API server is away")

    task = _task(rig, keeps, rig.retrain(version="v1", deferrable=deferrable), before=away)
    assert task.to_the_end().state == "up_for_retry"
    task.supervisor.before = lambda message: None
    task.make = rig.retrain(version="v2", deferrable=deferrable)
    outcome = _cleared(task, keeps)
    assert (outcome.state, outcome.result["version"], rig.paid) == ("success", "v2", 2), outcome.told


@pytest.mark.parametrize("keeps", KEEPS)
def test_a_forced_clear_of_a_red_task_that_had_ended_refreshes_again(rig: Rig, keeps: str) -> None:
    def away(message: Any) -> None:
        if type(message).__name__ == "SetXCom":
            raise RuntimeError("the API server is away")

    task = _task(rig, keeps, rig.retrain(version="v1"), before=away)
    assert task.to_the_end().state == "up_for_retry"
    task.supervisor.before = lambda message: None
    task.make = rig.retrain(version="v1", force=True)
    assert _cleared(task, keeps).state == "success"
    assert rig.paid == 2


def test_a_record_of_a_version_that_did_not_note_the_end_is_cleared_as_before(rig: Rig) -> None:
    task = _task(rig, "3.3", rig.retrain())
    assert task.to_the_end().state == "success"
    record = task.supervisor.task_state[RECORD]
    assert record.pop("noted") is True
    assert _cleared(task, "3.3").state == "success"
    assert rig.paid == 2


@pytest.mark.parametrize("keeps", KEEPS)
def test_another_run_of_the_task_is_reported_and_left_alone(
    rig: Rig, keeps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.sandbox.options(training_seconds=60)
    first = _task(rig, keeps, rig.retrain(timeout=2))
    assert first.to_the_end().state == "up_for_retry"
    rig.sandbox.advance(100)
    rig.sandbox.options(training_seconds=1)
    supervisor = _supervisor(keeps, variables=first.supervisor.variables)
    second = TaskUnderTest(rig.retrain(), supervisor=supervisor, run_id="run-2", retries=0)
    assert second.to_the_end().state == "success"
    assert "Run run-1 of this task has a refresh" in capsys.readouterr().out
    assert rig.paid == 2
    first.supervisor.variables.update(supervisor.variables)
    assert _cleared(first, keeps).result["outcome"] == "reattached"
    assert rig.paid == 2


def test_the_trace_of_many_runs_stays_small(rig: Rig) -> None:
    variables: dict[str, str] = {}
    for number in range(8):
        supervisor = Supervisor(variables=variables)
        run = TaskUnderTest(
            rig.retrain(version="v"), supervisor=supervisor, run_id=f"run-{number}", retries=0
        )
        run.make = rig.retrain(version=str(number))
        assert run.to_the_end().state == "success"
    (text,) = [text for name, text in variables.items() if ".open." in name]
    assert list(json.loads(text)) == ["run-4", "run-5", "run-6", "run-7"]
    assert len(text) < 10_000


@pytest.mark.parametrize("value", ["", "[]", "spoilt", '{"run-1": 7}', '{"run-1": {"schema": 99}}'])
def test_a_trace_that_cannot_be_read_is_not_an_absent_one(rig: Rig, value: str) -> None:
    task = _task(rig, "3.4", rig.retrain(timeout=2))
    rig.sandbox.options(training_seconds=60)
    assert task.to_the_end().state == "up_for_retry"
    (name,) = [name for name in task.supervisor.variables if ".open." in name]
    task.supervisor.variables[name] = value or "null"
    outcome = _cleared(task, "3.4")
    assert outcome.verdict == ("up_for_retry", "RecordUnreadableError")
    assert name in outcome.told
    assert rig.paid == 1


@pytest.mark.parametrize("value", ["spoilt", '{"today": "many"}'])
def test_a_spoilt_note_of_the_days_credits_does_not_open_the_ceiling(rig: Rig, value: str) -> None:
    from datetime import UTC, datetime

    value = value.replace("today", datetime.now(UTC).date().isoformat())
    name = f"agent_knowledge.credits.sendkit.agents.{rig.sandbox.agent_id}"
    task = _task(rig, "3.3", rig.retrain(max_credits_per_day=10))
    task.supervisor.variables[name] = value
    outcome = task.to_the_end()
    assert outcome.verdict == ("up_for_retry", "RecordUnreadableError")
    assert name in outcome.told
    assert rig.retrains == 0
