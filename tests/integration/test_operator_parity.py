"""Each operator ends alike whether it waits on the worker or in the triggerer: state, error, XCom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.rig import AGENT, ENTRY, Make, Rig
from tests.integration.task import Outcome, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]
GENERATIONS = ["knowledge-base", "training"]
FOREVER = 100_000.0

#: Members that tell of the moment, and therefore differ between two runs.
_OF_THE_MOMENT = {"marker", "started", "finished", "seconds", "polls", "proof", "jobs", "counts"}


@dataclass(frozen=True)
class Ending:
    """
    One way a wait ends.

    :param state: what Airflow makes of it
    :param error: class of the error, None for a success
    :param says: what the message must hold, beside the target
    """

    name: str
    state: str
    error: str | None
    arrange: Callable[[Rig], object]
    says: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def _unreadable(path: str, skip: int) -> Callable[[Rig], object]:
    return lambda rig: rig.sandbox.fault("status", method="GET", path=path, status=500, times=None, skip=skip)


def _options(**options: Any) -> Callable[[Rig], object]:
    return lambda rig: rig.sandbox.options(**options)


def _nothing(rig: Rig) -> None:
    pass


SUCCESS = Ending("success", "success", None, _nothing)

RETRAINS = [
    SUCCESS,
    Ending(
        "failed",
        "up_for_retry",
        "RefreshFailedError",
        _options(training_outcome="failed"),
        ("The website could not be crawled", "charged", "A retry starts a new run, 10 credits"),
    ),
    Ending(
        "timeout",
        "up_for_retry",
        "RefreshTimeoutError",
        _options(stuck="training"),
        ("did not end in time", "The remote run goes on", "re-attaches"),
        {"timeout": 2},
    ),
    Ending(
        "unconfirmed",
        "failed",
        "RefreshUnconfirmedError",
        _options(lag=FOREVER, retrain_answer_status="completed"),
        ("nothing ties it to this refresh", "charged", "on_unconfirmed='accept'"),
    ),
    Ending(
        "unreadable",
        "up_for_retry",
        "ReadFailuresError",
        _unreadable(AGENT, 1),
        ("could not be read 3 times in a row", "left alone", "re-attaches"),
        {"max_read_failures": 3},
    ),
    Ending(
        "unknown_status",
        "failed",
        "UnknownStatusError",
        lambda rig: rig.sandbox.set_agent(raw={"trainingStatus": "dreaming"}),
        ("'dreaming'", "never taken for success"),
    ),
]

UPDATES = [
    SUCCESS,
    Ending(
        "failed",
        "up_for_retry",
        "RefreshFailedError",
        _options(entry_outcome="UNPROCESSABLE"),
        ("failed", "A retry starts a new run"),
    ),
    Ending(
        "timeout",
        "up_for_retry",
        "RefreshTimeoutError",
        _options(entry_stuck="RAW_TEXT"),
        ("did not end in time", "re-attaches"),
        {"timeout": 2},
    ),
    Ending(
        "unconfirmed",
        "failed",
        "RefreshUnconfirmedError",
        _options(stale_ready=FOREVER),
        ("nothing ties it to this refresh",),
    ),
    Ending(
        "unreadable",
        "up_for_retry",
        "ReadFailuresError",
        _unreadable(ENTRY, 1),
        ("could not be read 3 times in a row", "re-attaches"),
        {"max_read_failures": 3},
    ),
]

#: A new entry has no older status that could be taken for its own.
CREATES = [
    Ending(**{**vars(ending), "arrange": _unreadable(ENTRY, 0)}) if ending.name == "unreadable" else ending
    for ending in UPDATES
    if ending.name != "unconfirmed"
]


def _run(rig: Rig, make: Make, ending: Ending) -> tuple[TaskUnderTest, Outcome]:
    ending.arrange(rig)
    task = TaskUnderTest(make)
    return task, task.to_the_end()


def _check(task: TaskUnderTest, ended: Outcome, ending: Ending, deferrable: bool, **members: Any) -> None:
    assert ended.verdict == (ending.state, ending.error), ended.told
    if ending.error is not None:
        assert [words for words in ending.says if words not in ended.told] == [], ended.told
        assert ended.result is None
    else:
        assert {name: ended.result[name] for name in members} == members
        assert set(ended.result) == RESULT | ({"entry_id"} if "entry_id" in members else set())
    deferrals = [message for message in task.supervisor.sent if type(message).__name__ == "DeferTask"]
    assert len(deferrals) <= 1
    assert not deferrals or deferrable


#: What every result holds, whatever the path that led to it.
RESULT = _OF_THE_MOMENT | {
    "vendor",
    "target",
    "outcome",
    "status",
    "credits_charged",
    "credits_confirmed",
    "proven_by",
    "version",
    "confirmed",
    "reason",
    "generation",
    "ended",
}


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("ending", RETRAINS, ids=str)
def test_a_retrain_ends_alike_in_both_modes(rig: Rig, ending: Ending, deferrable: bool) -> None:
    make = rig.retrain(deferrable=deferrable, version="v1", **ending.arguments)
    task, outcome = _run(rig, make, ending)
    _check(
        task,
        outcome,
        ending,
        deferrable,
        vendor="sendkit",
        target=f"agents/{rig.sandbox.agent_id}",
        outcome="refreshed",
        status="completed",
        credits_charged=10.0,
        version="v1",
        confirmed=True,
    )
    assert rig.paid == 1
    if ending is SUCCESS:
        assert task.supervisor.xcoms["version"] == "v1"
        assert outcome.result["counts"] == {"pages": 25, "chunks": 42, "documents": 1}
        assert len(outcome.result["jobs"]) == 2
    else:
        assert "version" not in task.supervisor.xcoms


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("ending", UPDATES, ids=str)
def test_an_update_ends_alike_in_both_modes_and_generations(
    rig: Rig, ending: Ending, deferrable: bool, generation: str
) -> None:
    rig.speak(generation)
    make = rig.update(deferrable=deferrable, version="v1", **ending.arguments)
    task, outcome = _run(rig, make, ending)
    _check(
        task,
        outcome,
        ending,
        deferrable,
        vendor="sensay",
        target=f"replicas/{rig.sandbox.replica_uuid}/knowledge-base/{rig.sandbox.entry_id}",
        outcome="refreshed",
        credits_charged=0.0,
        version="v1",
        confirmed=True,
        generation=generation,
    )
    assert len(rig.written) == 1
    if ending is SUCCESS:
        assert task.supervisor.xcoms["version"] == "v1"
        assert rig.sandbox.set_entry()["rawText"].startswith("We open at nine")


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize(
    ("kind", "generation"),
    [
        ("text", "knowledge-base"),
        ("url", "knowledge-base"),
        ("path", "knowledge-base"),
        ("text", "training"),
        ("path", "training"),
    ],
)
@pytest.mark.parametrize("ending", CREATES, ids=str)
def test_a_create_ends_alike_in_both_modes_and_generations(
    rig: Rig, ending: Ending, deferrable: bool, kind: str, generation: str
) -> None:
    rig.speak(generation)
    before = rig.entries()
    make = rig.create(deferrable=deferrable, **_source(rig, kind), **ending.arguments)
    task, outcome = _run(rig, make, ending)
    made = [entry for entry in rig.entries() if entry not in before]
    assert len(made) == 1
    _check(
        task,
        outcome,
        ending,
        deferrable,
        vendor="sensay",
        target=f"replicas/{rig.sandbox.replica_uuid}/knowledge-base/{made[0]}",
        outcome="refreshed",
        credits_charged=0.0,
        confirmed=True,
        generation=generation,
        entry_id=made[0],
    )


def _source(rig: Rig, kind: str) -> dict[str, str]:
    if kind == "path":
        file = rig.scratch / "faq.txt"
        file.write_text("When do you open? At nine.")
        return {"path": str(file)}
    return {kind: "When do you open? At nine." if kind == "text" else "https://www.example.com/faq"}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "deleted"), (202, "delete_accepted"), (404, "absent")], ids=str
)
def test_a_delete_says_how_far_it_got(rig: Rig, generation: str, status: int, outcome: str) -> None:
    rig.speak(generation)
    rig.sandbox.options(delete_status=status if status != 404 else 200)
    arguments = {"entry_id": 999_999} if status == 404 else {}
    ended = TaskUnderTest(rig.delete(**arguments)).to_the_end()
    assert ended.state == "success"
    if generation == "training" and status == 202:
        outcome = "deleted"  # the older generation deletes at once
    assert ended.result["outcome"] == outcome
    assert ended.result["generation"] == generation
    if status != 404:
        assert TaskUnderTest(rig.delete()).to_the_end().result["outcome"] == "absent"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_404_means_absent_only_beside_a_list_that_can_be_read(rig: Rig, generation: str) -> None:
    """A page of nginx, a mistyped replica and the wrong generation say 404 as well."""
    rig.speak(generation)
    rig.sandbox.fault("status", path="/v1/", status=404, body="<html>nginx</html>", times=None)
    ended = TaskUnderTest(rig.delete(), retries=2).to_the_end()
    assert ended.verdict == ("failed", "NotFoundError"), ended.told
    rig.sandbox.clear_faults()
    assert rig.entries() == [rig.sandbox.entry_id]
    if generation == "knowledge-base":
        nobodys = "11111111-2222-4333-8444-555555555555"
        ended = TaskUnderTest(rig.delete(replica_uuid=nobodys), retries=2).to_the_end()
        assert ended.verdict == ("failed", "NotFoundError"), ended.told
    assert rig.entries() == [rig.sandbox.entry_id]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_delete_outlasts_a_passing_failure(rig: Rig, generation: str) -> None:
    rig.speak(generation)
    rig.sandbox.fault("status_after", method="DELETE", status=503)
    assert TaskUnderTest(rig.delete()).to_the_end().result["outcome"] in ("absent", "deleted")


@pytest.mark.parametrize("deferrable", MODES)
def test_every_way_to_a_result_gives_the_same_members(rig: Rig, deferrable: bool) -> None:
    members: dict[str, set[str]] = {}

    def run(name: str, task: TaskUnderTest) -> None:
        outcome = task.to_the_end()
        assert outcome.state == "success", outcome.told
        assert task.supervisor.xcoms["version"] == "v1"
        members[outcome.result["outcome"]] = set(outcome.result)
        assert outcome.result["outcome"] == name

    fresh = TaskUnderTest(rig.retrain(deferrable=deferrable, version="v1"))
    run("refreshed", fresh)
    run(
        "skipped",
        TaskUnderTest(rig.retrain(deferrable=deferrable, version="v1"), supervisor=fresh.supervisor).clear(),
    )

    rig.sandbox.options(training_seconds=5)
    rig.sandbox.set_agent(foreign_run=True)
    run("adopted", TaskUnderTest(rig.retrain(deferrable=deferrable, version="v1")))

    rig.sandbox.options(stuck="training")
    late = TaskUnderTest(rig.retrain(deferrable=deferrable, version="v1", timeout=2))
    assert late.to_the_end().verdict == ("up_for_retry", "RefreshTimeoutError")
    rig.sandbox.set_agent(trainingStatus="completed", lastScrapedAt="2099-01-01T00:00:00Z")
    run("reattached", late.retry())
    assert set(map(frozenset, members.values())) == {frozenset(RESULT)}
    assert set(members) == {"refreshed", "skipped", "adopted", "reattached"}
    assert rig.paid == 2
