"""What was not sent, or not accepted, leaves nothing behind: no record, no credits, and the version that was there."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider.vendors.sensay import generation as generations
from tests.integration.rig import ENTRIES, ENTRY, NEW_TEXT, RETRAIN, Rig
from tests.integration.task import Supervisor, TaskUnderTest


@dataclass(frozen=True)
class Place:
    """
    One message on the way to the POST.

    :param key: part of the Variable's name, where it is about one
    :param number: which of its kind
    """

    message: str
    key: str = ""
    number: int = 1

    def __str__(self) -> str:
        return f"{self.message} {self.key} {self.number}".strip()

    def away(self) -> Callable[[Any], None]:
        """Break it, once."""
        passed = [0]

        def before(message: Any) -> None:
            if type(message).__name__ == self.message and self.key in str(getattr(message, "key", "")):
                passed[0] += 1
                if passed[0] == self.number:
                    raise RuntimeError("the API server is away for a moment")

        return before


#: Where the way to a retrain's POST may break.
ON_THE_WAY = [
    Place("GetTaskStateStore"),
    Place("GetVariable", ".open."),
    Place("GetVariable", ".delivered."),
    Place("GetVariable", ".credits."),
    Place("GetVariable", ".credits.", 2),
    Place("PutVariable", ".credits."),
    Place("SetTaskStateStore"),
    Place("GetVariable", ".open.", 2),
    Place("PutVariable", ".open."),
    Place("PutVariable", ".delivered."),
]


def _note(rig: Rig, kind: str) -> str:
    return f"agent_knowledge.{kind}.sendkit.agents.{rig.sandbox.agent_id}"


@pytest.mark.parametrize("place", ON_THE_WAY, ids=str)
def test_a_blip_before_the_post_costs_neither_credits_nor_the_next_try(rig: Rig, place: Place) -> None:
    note = json.dumps({"version": "v1"})
    supervisor = Supervisor(variables={_note(rig, "delivered"): note}, before=place.away())
    make = rig.retrain(version="v2", max_credits=10, max_credits_per_day=10, on_unknown="fail")
    task = TaskUnderTest(make, supervisor=supervisor, retries=3)
    first = task.to_the_end()
    assert (first.state, rig.retrains) == ("up_for_retry", 0), first.told
    assert supervisor.task_state == {}
    assert json.loads(supervisor.variables[_note(rig, "delivered")]) == {"version": "v1"}
    assert [name for name in supervisor.variables if ".open." in name] == []
    supervisor.before = lambda message: None
    ended = task.retry().to_the_end()
    assert (ended.state, rig.paid, rig.retrains) == ("success", 1, 1), ended.told


def test_a_connection_that_cannot_be_read_for_a_moment_costs_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One read is all there is before the POST."""
    real, reads = BaseHook.get_connection, [0]

    def blink(conn_id: str) -> Any:
        reads[0] += 1
        if reads[0] in broken:
            raise RuntimeError("the secrets backend is away for a moment")
        return real(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", staticmethod(blink))
    broken = {1}
    task = TaskUnderTest(rig.retrain(max_credits=10, max_credits_per_day=10), retries=3)
    assert task.to_the_end().state == "up_for_retry"
    assert (rig.asked, task.supervisor.task_state) == ([], {})
    ended = task.retry().to_the_end()
    assert (ended.state, rig.paid, reads[0]) == ("success", 1, 2)


@pytest.mark.parametrize("place", [Place("SetTaskStateStore"), Place("PutVariable", ".open.")], ids=str)
@pytest.mark.parametrize("title", ["Hours", None])
def test_a_blip_before_a_create_makes_neither_a_twin_nor_a_dead_end(
    rig: Rig, place: Place, title: str | None
) -> None:
    rig.speak("knowledge-base")
    task = TaskUnderTest(
        rig.create(text=NEW_TEXT, title=title), supervisor=Supervisor(before=place.away()), retries=3
    )
    assert task.to_the_end().state == "up_for_retry"
    assert rig.written == []
    task.supervisor.before = lambda message: None
    assert task.retry().to_the_end().state == "success"
    assert len(rig.entries()) == 2


#: Answers to the POST that say *not accepted*.
REFUSED: dict[str, dict[str, Any]] = {
    "401": {"status": 401},
    "402": {"status": 402},
    "403": {"status": 403},
    "404": {"status": 404},
    "409, skip": {"status": 409},
    "409, fail": {"status": 409},
    "409, adopt": {"status": 409},
    "415": {"status": 415},
    "422": {"status": 422},
    "429 beyond the deadline": {"status": 429, "retry_after": 100_000},
}


@pytest.mark.parametrize("answer", REFUSED)
def test_what_was_delivered_stands_after_a_refusal_and_is_not_paid_again(rig: Rig, answer: str) -> None:
    def run(supervisor: Supervisor, **arguments: Any) -> Any:
        later = Supervisor(variables=supervisor.variables)
        make = rig.retrain(timeout=60, max_credits_per_day=20, **arguments)
        return TaskUnderTest(make, supervisor=later, run_id=str(arguments), retries=0).to_the_end()

    supervisor = Supervisor()
    assert run(supervisor, version="v1").state == "success"
    spent = supervisor.variables[_note(rig, "credits")]
    rig.sandbox.fault("status", method="POST", path=RETRAIN, **REFUSED[answer])
    policy = {"on_running": answer.partition(", ")[2]} if ", " in answer else {}
    refused = run(supervisor, version="v2", **policy)
    assert refused.state in ("failed", "skipped", "success"), refused.told
    assert (rig.paid, supervisor.variables[_note(rig, "credits")]) == (1, spent)
    again = run(supervisor, version="v1")
    assert (again.state, again.result["outcome"], rig.paid) == ("success", "skipped", 1)


@pytest.mark.parametrize("retry_after", [0, 1, "Thu, 01 Jan 1970 00:00:00 GMT"])
@pytest.mark.parametrize("kind", ["retrain", "create"])
def test_a_rate_limit_of_no_time_makes_no_hot_loop(rig: Rig, kind: str, retry_after: int | str) -> None:
    rig.speak("knowledge-base")
    path, method = (RETRAIN, "POST") if kind == "retrain" else (ENTRIES, "POST")
    rig.sandbox.fault(
        "status", method=method, path=path, status=429, headers={"Retry-After": str(retry_after)}, times=None
    )
    make = rig.retrain(timeout=20) if kind == "retrain" else rig.create(text="x", timeout=20)
    ended = TaskUnderTest(make, retries=1).to_the_end()
    assert ended.verdict == ("up_for_retry", "RateLimitedError")
    assert 10 <= len(rig.written) <= 20
    assert (rig.paid, len(rig.entries())) == (0, 1)


def test_another_run_that_stays_queued_is_waited_for_without_a_storm_of_requests(rig: Rig) -> None:
    """``pending`` before and after the 409: only another POST can tell, and each could be paid."""
    rig.sandbox.set_agent(raw={"trainingStatus": "pending"})
    rig.sandbox.fault("status", method="POST", path=RETRAIN, status=409, times=None)
    make = rig.retrain(on_running="wait", poll_interval=1, timeout=200)
    ended = TaskUnderTest(make, retries=1).to_the_end()
    assert ended.verdict == ("up_for_retry", "RefreshTimeoutError")
    assert rig.retrains <= 9


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_the_timeout_holds_before_the_write_and_while_it_is_sent(rig: Rig, method: str) -> None:
    """The client alone would try five times within five minutes."""
    rig.speak("knowledge-base")
    rig.sandbox.fault("status", method=method, path=ENTRY, status=503, retry_after=9, times=None)
    began = time.time()
    ended = TaskUnderTest(rig.update(timeout=20), retries=1).to_the_end()
    assert ended.verdict == ("up_for_retry", "ServerError")
    assert time.time() - began < 25


@pytest.mark.parametrize("ends", ["returned", "refused", "unknown generation"])
def test_a_task_leaves_no_connection_open(rig: Rig, ends: str) -> None:
    """A socket that nobody closed is a warning when it is collected, and that is an error here."""
    if ends == "returned":
        rig.speak("knowledge-base")
        task = TaskUnderTest(rig.update(), retries=1)
        assert task.to_the_end().state == "success"
        assert task.retry().to_the_end().state == "success"
    elif ends == "refused":
        rig.speak("auto")
        ended = TaskUnderTest(rig.create(text=NEW_TEXT, ready_statuses=["SLEEPING"]), retries=0).to_the_end()
        assert ended.verdict == ("failed", "InvalidArgumentError")
    else:
        rig.speak("auto")
        generations.forget()
        rig.sandbox.fault("status", method="GET", path="file-types$", status=418, times=None)
        assert TaskUnderTest(rig.update(), retries=0).to_the_end().state == "failed"
    gc.collect()
