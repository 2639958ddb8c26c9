"""
A worker that dies at any message to its supervisor, in both modes, and then a retry or a clear.

The process is dead from that message on, as after a SIGKILL: what it had sent stays, nothing follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.rig import Make, Rig
from tests.integration.task import Killed, Supervisor, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]


@dataclass
class Death:
    """Kills the process in place of the n-th message that anybody keeps; notes which one that was."""

    at: int
    message: str = ""
    passed: int = 0

    def __call__(self, message: Any) -> None:
        if type(message).__name__ in ("MaskSecret", "GetConnection"):
            return
        self.passed += 1
        if self.passed == self.at:
            self.message = _name(message)
            raise Killed


def _name(message: Any) -> str:
    kind = type(message).__name__
    if kind == "SetTaskStateStore":
        return f"{kind}({message.value.get('stage')})"
    return f"{kind}({message.key})" if kind == "SetXCom" else kind


def each_death(
    rig: Rig,
    make: Callable[[], Make],
    bent: dict[str, Any] | None = None,
    supervisor: Callable[..., Supervisor] = Supervisor,
) -> Any:
    """Yield a task for every message at which its process died; fresh world each."""
    for at in range(1, 200):
        rig.reset(**bent or {})
        death = Death(at)
        task = TaskUnderTest(make(), supervisor=supervisor(before=death), retries=3)
        if task.to_the_end().state != "killed":
            assert at > 5
            return
        yield task, death.message
    raise AssertionError("the task never came to its end")


def _record(task: TaskUnderTest) -> dict[str, Any]:
    """What the next try goes on from: the trace is written first, so it is never behind."""
    traces = [text for name, text in task.supervisor.variables.items() if ".open." in name]
    trace = json.loads(traces[0]).get("run-1") if traces else None
    record: dict[str, Any] = trace or task.supervisor.task_state.get("agent_knowledge_record") or {}
    return record


def _stage(task: TaskUnderTest) -> str | None:
    return _record(task).get("stage")


@pytest.mark.parametrize("while_away", ["still at work", "finished"])
@pytest.mark.parametrize("deferrable", MODES)
def test_a_retrain_is_paid_once_wherever_the_worker_dies(rig: Rig, deferrable: bool, while_away: str) -> None:
    rows = []
    for task, message in each_death(rig, lambda: rig.retrain(deferrable=deferrable, version="v1")):
        stage = _stage(task) if rig.retrains else None
        if while_away == "finished":
            rig.sandbox.advance(3600)
        ended = task.retry().to_the_end()
        rows.append((message, stage, rig.paid, *ended.verdict, (ended.result or {}).get("outcome")))
        assert task.supervisor.xcoms.get("version") == "v1", rows[-1]
    assert [row for row in rows if row[2:5] != (1, "success", None)] == []
    outcomes = {
        stage: {row[-1] for row in rows if row[1] == stage}
        for stage in (None, "intent", "submitted", "ended")
    }
    assert outcomes[None] == {"refreshed"}
    assert outcomes["intent"] <= {"adopted"}
    assert outcomes["submitted"] == {"reattached"}
    assert outcomes["ended"] <= {"refreshed", "reattached"}  # the state may be a step behind the trace


def test_a_clear_pays_nothing_before_airflow_has_noted_the_end(rig: Rig) -> None:
    """Once it has, a death before the provider could note that as well may leave the recorded result, or pay."""
    rows = []
    for task, message in each_death(rig, lambda: rig.retrain(deferrable=True)):
        stage = _stage(task)
        is_green = any(type(each).__name__ == "SucceedTask" for each in task.supervisor.sent)
        ended = task.clear().to_the_end()
        rows.append((message, stage, is_green, rig.paid, *ended.verdict))
    assert {row[1] for row in rows} == {None, "intent", "submitted", "ended"}
    assert {row[2] for row in rows} == {False, True}
    assert {row[3] for row in rows if not row[2]} == {1}
    assert {row[3] for row in rows if row[2]} <= {1, 2}
    assert {row[4:] for row in rows} == {("success", None)}


def test_two_deaths_in_a_row_are_paid_once(rig: Rig) -> None:
    rows = []
    for task, message in each_death(rig, lambda: rig.retrain(deferrable=True)):
        if "TaskState" not in message and "Defer" not in message:
            continue
        for at in (3, 4, 5, 6):
            task.supervisor.before = Death(at)
            if task.retry().to_the_end().state != "killed":
                break
        task.supervisor.before = lambda _: None
        ended = task.retry().to_the_end()
        rows.append((message, rig.paid, *ended.verdict))
    assert rows
    assert [row for row in rows if row[1:] != (1, "success", None)] == []


@pytest.mark.parametrize("deferrable", MODES)
def test_what_cannot_be_seen_stops_instead_of_paying_again(rig: Rig, deferrable: bool) -> None:
    """The POST landed, the run ended before the retry, and no marker moved: on_unknown='fail' stops."""
    hidden = {"last_scraped_at": "never"}
    stopped = 0
    for task, message in each_death(
        rig, lambda: rig.retrain(deferrable=deferrable, on_unknown="fail", start_grace=2), hidden
    ):
        if _stage(task) != "intent" or rig.paid == 0:
            continue
        rig.sandbox.advance(3600)
        ended = task.retry().to_the_end()
        assert ended.verdict == ("failed", "OutcomeUnknownError"), message
        assert "on_unknown='submit'" in ended.told
        assert rig.paid == 1
        stopped += 1
    assert stopped >= 1


@pytest.mark.parametrize("deferrable", MODES)
def test_an_xcom_push_that_fails_after_the_end_pays_nothing(rig: Rig, deferrable: bool) -> None:
    for key in ("version", "return_value"):
        rig.reset()

        def refuse(message: Any, key: str = key) -> None:
            if type(message).__name__ == "SetXCom" and message.key == key:
                raise RuntimeError("the API server is away")

        task = TaskUnderTest(
            rig.retrain(deferrable=deferrable, version="v1"),
            supervisor=Supervisor(before=refuse),
        )
        assert task.to_the_end().state == "up_for_retry"
        asked = len(rig.asked)
        task.supervisor.before = lambda _: None
        ended = task.retry().to_the_end()
        assert (ended.state, ended.result["outcome"], ended.result["credits_charged"]) == (
            "success",
            "refreshed",
            10.0,
        )
        assert (rig.paid, len(rig.asked)) == (1, asked)
        assert task.supervisor.xcoms["version"] == "v1"


@pytest.mark.parametrize(("deferrable", "generation"), [(False, "knowledge-base"), (True, "training")])
def test_an_update_is_proven_wherever_the_worker_dies(rig: Rig, deferrable: bool, generation: str) -> None:
    rig.speak(generation)
    rows = []
    bent = {"identical_text": "reprocess"}
    for task, message in each_death(rig, lambda: rig.update(deferrable=deferrable, version="v1"), bent):
        ended = task.retry().to_the_end()
        confirmed = (ended.result or {}).get("confirmed")
        rows.append((message, *ended.verdict, confirmed, task.supervisor.xcoms.get("version")))
    assert [row for row in rows if row[1:] != ("success", None, True, "v1")] == []


@pytest.mark.parametrize("on_unconfirmed", ["fail", "accept"])
def test_a_repeated_write_that_the_vendor_ignores_is_not_taken_for_proof(
    rig: Rig, on_unconfirmed: str
) -> None:
    """The write landed, nobody looked, and all was over before the retry: the same text again starts nothing."""
    rig.speak("knowledge-base")
    rows = []
    bent = {"identical_text": "ignore"}
    for task, message in each_death(rig, lambda: rig.update(on_unconfirmed=on_unconfirmed), bent):
        record = task.supervisor.task_state.get("agent_knowledge_record") or {}
        looks = ((record.get("wait") or {}).get("evidence") or {}).get("polls", 0)
        unseen = len(rig.written) == 1 and looks == 0
        rig.sandbox.advance(60)
        ended = task.retry().to_the_end()
        rows.append((message, unseen, *ended.verdict, (ended.result or {}).get("confirmed")))
    assert [row for row in rows if not row[1] and row[2:] != ("success", None, True)] == []
    unproven = [row[2:] for row in rows if row[1]]
    failed, accepted = ("failed", "RefreshUnconfirmedError", None), ("success", None, False)
    assert unproven == [failed if on_unconfirmed == "fail" else accepted] * 2


@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_a_submitted_update_is_followed_while_the_entry_is_in_work(rig: Rig, generation: str) -> None:
    rig.speak(generation)
    followed = 0
    bent = {"identical_text": "ignore", "stale_ready": 0, "raw_text_seconds": 5}
    for task, message in each_death(rig, rig.update, bent):
        if _stage(task) == "submitted":
            ended = task.retry().to_the_end()
            assert (ended.state, ended.result["outcome"]) == ("success", "reattached"), message
            assert len(rig.written) == 1
            followed += 1
    assert followed >= 2


@pytest.mark.parametrize(("kind", "deferrable"), [("text", False), ("url", True), ("path", True)])
def test_a_titled_create_makes_one_entry_wherever_the_worker_dies(
    rig: Rig, deferrable: bool, kind: str
) -> None:
    rig.speak("knowledge-base")
    (rig.scratch / "faq.txt").write_text("When do you open? At nine.")
    source = {
        "text": "When do you open? At nine.",
        "url": "https://www.example.com/faq",
        "path": str(rig.scratch / "faq.txt"),
    }[kind]
    rows = []
    for task, message in each_death(
        rig,
        lambda: rig.create(**{kind: source}, title="Opening hours", deferrable=deferrable, start_grace=2),
        {"delete_status": 200},
    ):
        ended = task.retry().to_the_end()
        made = [each for each in rig.entries() if each != rig.sandbox.entry_id]
        rows.append((message, *ended.verdict, len(made), (ended.result or {}).get("entry_id") in made))
    assert [row for row in rows if row[1:] != ("success", None, 1, True)] == []


@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_an_untitled_create_stops_rather_than_making_two(rig: Rig, generation: str) -> None:
    rig.speak(generation)
    stopped = 0
    for task, message in each_death(rig, lambda: rig.create(text="When do you open? At nine.")):
        lost = _stage(task) == "intent" and "entry_id" not in _record(task)
        sent = len(rig.written)
        ended = task.retry().to_the_end()
        made = [each for each in rig.entries() if each != rig.sandbox.entry_id]
        assert len(made) == (1 if sent or not lost else 0), message
        assert ended.verdict == (("failed", "OutcomeUnknownError") if lost else ("success", None)), message
        stopped += lost
    assert stopped >= 1
