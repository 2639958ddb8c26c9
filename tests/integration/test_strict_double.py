"""Syncs against vendors that refuse whatever the reference pages do not allow, and are nasty wherever they may be."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from airflow_provider.operators.sendkit import SendKitSyncDocumentsOperator
from airflow_provider.operators.sensay import SensayAskReplicaOperator, SensaySyncKnowledgeBaseOperator
from airflow_provider.sync.mark import read_name, read_title
from tests.integration.clock import running_fast
from tests.integration.strict_double import Bent, Fault, World
from tests.integration.syncing import MODES
from tests.integration.task import Outcome, TaskUnderTest

LIST, ENTRY = r"/knowledge-base$", r"/knowledge-base/\d+$"
PAGE = "https://www.example.com/faq"
REFUSED = {"success": False, "error": "Not now", "request_id": "xyz1::reg1"}
WISHES: dict[str, Any] = {
    "poll_interval": 0.3,
    "start_grace": 1,
    "stall_timeout": 5,
    "timeout": 120,
    "delete_missing": True,
    "max_deletes": "100%",
}


@pytest.fixture
def world() -> Iterator[World]:
    with mock.patch.dict(os.environ), running_fast(), World() as world:
        os.environ["AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL"] = "0"
        connect(world)
        yield world


def connect(world: World) -> None:
    for vendor, key, extra in (
        ("sensay", world.secret, {"api": "knowledge-base"}),
        ("sendkit", world.api_key, {}),
    ):
        fields = {"conn_type": vendor, "host": world.vendor, "password": key, "extra": extra}
        os.environ[f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT"] = json.dumps(fields)


def sync(world: World, source: dict[str, Any], **arguments: Any) -> TaskUnderTest:
    items = [
        {"key": key, **(said if isinstance(said, dict) else {"text": said})} for key, said in source.items()
    ]
    given = {"replica_uuid": world.replica, "documents": items, **WISHES, **arguments}
    return TaskUnderTest(lambda: SensaySyncKnowledgeBaseOperator(task_id="sync", **given), retries=3)


def sync_documents(world: World, source: dict[str, Any], **arguments: Any) -> TaskUnderTest:
    items = [{"key": key, "text": text} for key, text in source.items()]
    given = {"agent_id": world.agent, "documents": items, **WISHES, **arguments}
    return TaskUnderTest(lambda: SendKitSyncDocumentsOperator(task_id="sync", **given), retries=3)


def ran(world: World, task: TaskUnderTest, documents: int) -> Outcome:
    """Go to the end; whatever it is, it is told truly, and shortly."""
    world.requests.clear()
    began = time.time()
    ended = task.to_the_end()
    assert time.time() - began < WISHES["timeout"] + 60
    assert world.breaches == []
    if ended.result is not None:
        counts = ended.result["counts"]
        kinds = ("created", "updated", "renamed", "joined", "unchanged", "failed", "skipped")
        assert sum(counts.get(name, 0) for name in kinds) == documents
        assert len(json.dumps(ended.result)) < 2048
    return ended


def brought(world: World, task: TaskUnderTest, documents: int) -> dict[str, Any]:
    ended = ran(world, task, documents)
    assert ended.verdict == ("success", None), ended.told
    return dict(ended.result)


def live(world: World, sync_id: str = "main") -> dict[str, str | None]:
    """What the replica answers from, of what this sync keeps; a twin is an error."""
    found: dict[str, str | None] = {}
    for entry in world.live():
        title, mark = read_title(entry.titles[-1][1])
        if (
            mark is None
            or mark.sync_id != sync_id
            or entry.step(time.time()).status not in ("READY", "VECTOR_CREATED")
        ):
            continue
        assert title not in found, f"{title} is there twice"
        found[title] = entry.text or (entry.bytes_.decode() if entry.bytes_ is not None else entry.url)
    return found


def ours(world: World) -> int:
    return sum(read_title(entry.titles[-1][1])[1] is not None for entry in world.live())


def completed(world: World) -> dict[str, str]:
    """The same of an agent's documents."""
    found: dict[str, str] = {}
    contents = {slot.get("key"): slot["content"].decode() for slot in world.slots.values() if slot["content"]}
    for document in world.shown_documents():
        name, mark = read_name(document["fileName"])
        if mark is not None and document.get("status") == "completed":
            assert name not in found, f"{name} is there twice"
            found[name.removesuffix(".txt")] = contents[document["fileKey"]]
    return found


def said(source: dict[str, Any]) -> dict[str, Any]:
    return {key: text["url"] if isinstance(text, dict) else text for key, text in source.items()}


#: What the pages leave open, and in which modes it is tried: where the worker alone is concerned, one is enough.
BENDS = {
    "ready in the wake of the POST": (Bent(instant=True), MODES),
    "READY lingers for less than the grace": (Bent(linger=0.5), MODES),
    "READY lingers for longer": (Bent(linger=2.5), MODES[1:]),
    "READY never leaves": (Bent(unmoved=True), MODES[:1]),
    "the list is late": (Bent(list_lag=0.5), MODES),
    "the list is later than the grace": (Bent(list_lag=2.0, instant=True), MODES[:1]),
    "newest first, and strangers between": (Bent(newest_first=True, strangers=4), MODES[:1]),
    "the total is off for a while": (Bent(total_off=2), MODES[:1]),
    "search by the beginnings of words": (Bent(search="prefix"), MODES[1:]),
    "titles of 100 characters": (Bent(title_cut=100), MODES[:1]),
    "deletes are accepted only": (Bent(accepts_deletes=10_000.0), MODES[:1]),
}


@pytest.mark.parametrize(
    ("bent", "deferrable"),
    [
        pytest.param(bent, *mode.values, id=f"{name}, {mode.id}")
        for name, (bent, modes) in BENDS.items()
        for mode in modes
    ],
)
def test_a_replica_equals_its_source_whatever_the_pages_leave_open(
    world: World, bent: Bent, deferrable: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    world.bent = bent
    for title in ("By hand", "Bad [kb~other.aaaaaaaaaa.bbbbbbbb]", "kb~main. is no mark"):
        world.seed(title)
    world.seed("Stuck since ever", status="RAW_TEXT")
    strangers = {entry.id: entry.titles[-1][1] for entry in world.live()}
    source: dict[str, Any] = {"a": "Text of a", "b": "Text of b", "c": "Text of c", "page": {"url": PAGE}}
    brought(world, sync(world, source, deferrable=deferrable), 4)
    assert live(world) == said(source)
    time.sleep(bent.list_lag)
    source |= {"a": "New text of a", "new": "Text of new"}
    del source["b"]
    brought(world, sync(world, source, deferrable=deferrable), 4)
    assert live(world) == said(source)
    time.sleep(bent.list_lag)
    brought(world, sync(world, source, deferrable=deferrable), 4)
    assert live(world) == said(source)
    assert len(world.requests) <= 4
    assert [each for each in world.requests if each.method not in ("GET", "DELETE")] == []
    assert {entry.id: entry.titles[-1][1] for entry in world.live() if entry.id in strangers} == strangers
    told = "".join(capfd.readouterr())
    assert world.secret not in told
    assert "token=signed" not in told


@pytest.mark.parametrize(
    ("bent", "why"),
    [
        (Bent(title_cut=20), "changed or cut"),
        (Bent(search="blind"), "did not show them"),
    ],
    ids=["titles of 20 characters", "a search that finds no marks"],
)
def test_what_nobody_would_know_again_is_taken_back(world: World, bent: Bent, why: str) -> None:
    world.bent = bent
    before = len(world.live())
    for _ in range(2):
        ended = ran(world, sync(world, {"a": "Text of a", "b": "Text of b"}), 2)
        assert ended.verdict == ("failed", "MarkLostError")
        assert why in ended.told
        assert len(world.live()) == before


FAULTS = {
    "429 with a time": Fault("POST", LIST, 429, REFUSED, {"Retry-After": "1"}, 2),
    "429 without": Fault("PATCH", ENTRY, 429, REFUSED, {}, 2),
    "a page of HTML": Fault("GET", LIST, 502, "<html>Bad gateway</html>", {}, 2),
    "no answer to a create": Fault("POST", LIST, "reset_after", times=2),
    "a create that never came": Fault("POST", LIST, "reset_before", times=2),
    "no answer to a change": Fault("PATCH", ENTRY, "reset_after"),
    "no answer to a delete": Fault("DELETE", ENTRY, "reset_after"),
    "no answer to an upload": Fault("PUT", "storage", "reset_after"),
    "an upload URL that has expired": Fault("PUT", "storage", 403),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_costs_nothing_but_time(world: World, tmp_path: Path, fault: Fault) -> None:
    file = tmp_path / "table.csv"
    file.write_text("a,b")
    source: dict[str, Any] = {"a": "Text of a", "b": "Text of b", "table.csv": {"file": str(file)}}
    brought(world, sync(world, source), 3)
    file.write_text("a,b,c")
    source |= {"a": "New text of a", "new": "Text of new"}
    del source["b"]
    fault = Fault(fault.method, fault.path, fault.how, fault.body, fault.headers, fault.times)
    world.faults.append(fault)
    brought(world, sync(world, source, deferrable=fault.method == "POST"), 3)
    assert fault.times == 0
    assert live(world) == {"a": "New text of a", "new": "Text of new", "table.csv": "a,b,c"}
    assert ours(world) == 3


@pytest.mark.parametrize("deferrable", MODES)
def test_a_quota_that_is_used_up_is_no_matter_of_waiting(world: World, deferrable: bool) -> None:
    quota = {**REFUSED, "error_code": "KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED"}
    world.faults.append(Fault("POST", LIST, 429, quota, {}, -1, skip=1))
    ended = ran(world, sync(world, {"a": "a", "b": "b", "c": "c"}, deferrable=deferrable, concurrency=1), 3)
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert world.count("POST", LIST) == 2
    assert len(live(world)) == 1


@pytest.mark.parametrize("deferrable", MODES)
def test_many_refusals_before_a_wait_are_known_after_it(world: World, deferrable: bool) -> None:
    world.bent = Bent(not_enqueued="bad", step=1.0)
    source = {f"{number:02}": "bad" if number % 2 else f"Text {number}" for number in range(60)}
    ended = ran(world, sync(world, source, deferrable=deferrable, concurrency=1), 60)
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert world.count("POST", LIST) == 60
    assert len(live(world)) == 30


@pytest.mark.parametrize("deferrable", MODES)
def test_a_look_is_put_together_where_one_request_at_a_time_is_allowed(
    world: World, deferrable: bool
) -> None:
    allowed = 0.0

    def limit(seen: Any) -> None:
        nonlocal allowed
        counts = seen.method == "GET" and ("pageSize", "0") in seen.query
        world.faults[:] = [Fault("GET", LIST, 429, REFUSED)] if counts and seen.at < allowed else []
        allowed = seen.at + 0.2 if counts and not world.faults else allowed

    world.hooks.append(limit)
    source = {"a": "Text of a"}
    brought(world, sync(world, source, deferrable=deferrable), 1)
    assert live(world) == source


@pytest.mark.parametrize(
    ("end", "deferrable"), [("UNPROCESSABLE", False), ("STUCK", True), ("SLEEPING", False)]
)
def test_an_end_that_is_no_success_is_told_and_mended_by_another_text(
    world: World, end: str, deferrable: bool
) -> None:
    world.bent = Bent(ends={"bad": end})
    source = {"a": "Text of a", "b": "bad"}
    ended = ran(world, sync(world, source, deferrable=deferrable), 2)
    kind = "DocumentsFailedForGoodError" if end == "UNPROCESSABLE" else "DocumentsFailedError"
    assert ended.verdict[1] == kind
    result = brought(world, sync(world, source, on_failed_documents="warn"), 2)
    assert (result["status"], result["counts"]["failed"]) == ("incomplete", 1)
    source["b"] = "good"
    brought(world, sync(world, source, deferrable=deferrable), 2)
    assert live(world) == source
    assert ours(world) == 2


@pytest.mark.parametrize("success", [True, False])
def test_a_refusal_inside_a_multi_status_is_the_documents_own(world: World, success: bool) -> None:
    world.bent = Bent(not_enqueued="bad", top_success=success)
    ended = ran(world, sync(world, {"a": "Text of a", "b": "bad"}), 2)
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert "the vendor would not" in ended.told
    assert live(world) == {"a": "Text of a"}


@pytest.mark.parametrize("at", [3, 8])
def test_a_key_that_is_rotated_in_the_middle_is_read_anew(world: World, at: int) -> None:
    def rotate(_: Any) -> None:
        if len(world.requests) == at:
            world.secret = "another-secret"
            connect(world)

    world.hooks.append(rotate)
    source = {"a": "Text of a", "b": "Text of b", "c": "Text of c"}
    brought(world, sync(world, source), 3)
    assert live(world) == source


def test_two_syncs_of_one_replica_do_not_see_each_other(world: World) -> None:
    one, other = {"a": "Text of a", "b": "b"}, {"a": "Another text of a", "c": "c"}
    brought(world, sync(world, one), 2)
    brought(world, sync(world, other, sync_id="main-2"), 2)
    del one["b"]
    brought(world, sync(world, one), 1)
    assert (live(world), live(world, "main-2")) == (one, other)


def test_a_long_text_goes_as_a_file(world: World) -> None:
    source = {"long": "ä" * 2_400_000, "escaped": "\x01" * 900_000}
    brought(world, sync(world, source), 2)
    assert live(world) == source
    assert max(len(each.body) for each in world.requests if each.method != "PUT") <= world.bent.max_body


# --- documents of an agent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bent", "deferrable"),
    [
        pytest.param(Bent(), True, id="plain"),
        pytest.param(Bent(documents="null", slash_keys=False), False, id="null for none"),
        pytest.param(Bent(document_lag=2.0), True, id="shown late"),
        pytest.param(Bent(delete_404=True), False, id="gone before it is deleted"),
    ],
)
def test_an_agent_has_its_documents_and_those_of_others(world: World, bent: Bent, deferrable: bool) -> None:
    world.bent = bent
    foreign = [
        world.seed_document("theirs.pdf", status)
        for status in (() if bent.documents == "null" else ("completed", "processing", "odd", None))
    ]
    source = {"a": "Text of a", "b": "Text of b"}
    brought(world, sync_documents(world, source, deferrable=deferrable), 2)
    assert completed(world) == source
    source |= {"a": "New text of a", "new": "Text of new"}
    del source["b"]
    brought(world, sync_documents(world, source, deferrable=deferrable), 2)
    assert completed(world) == source
    brought(world, sync_documents(world, source, deferrable=deferrable), 2)
    assert [each.method for each in world.requests] == ["GET"]
    assert [each for each in foreign if each not in world.documents] == []


def test_an_agent_that_never_shows_its_documents_is_left_with_none(world: World) -> None:
    world.bent = Bent(documents="always null")
    assert ran(world, sync_documents(world, {"a": "a"}), 1).verdict == ("failed", "MarkLostError")
    assert world.documents == []
    world.bent = Bent(documents="missing")
    assert ran(world, sync_documents(world, {"a": "a"}), 1).verdict == ("failed", "InvalidArgumentError")
    assert [each.method for each in world.requests] == ["GET"]


@pytest.mark.parametrize(
    ("step", "how"),
    [
        ("upload-document", "reset_after"),
        ("upload-document", 429),
        ("process-document", "reset_before"),
        ("process-document", "reset_after"),
        ("process-document", "html_after"),
        ("process-document", 429),
    ],
)
def test_a_fault_between_upload_and_processing_makes_no_twin(world: World, step: str, how: int | str) -> None:
    world.faults.append(Fault("POST", step, how, {"error": "Error", "message": "m", "code": how}, {}, 2))
    source = {"a": "Text of a", "b": "Text of b"}
    brought(world, sync_documents(world, source), 2)
    assert completed(world) == source
    assert len(world.documents) == 2


# --- the gate ----------------------------------------------------------------------------------------------


def test_a_question_is_asked_as_the_pages_say(world: World) -> None:
    world.faults.append(Fault("POST", "completions", 429, REFUSED, {"Retry-After": "1"}, 1))
    questions = [{"question": "When do you open?", "contains": "when do you open"}]
    task = TaskUnderTest(
        lambda: SensayAskReplicaOperator(task_id="ask", replica_uuid=world.replica, questions=questions)
    )
    ended = task.to_the_end()
    assert (ended.verdict, ended.result["passed"], world.breaches) == (("success", None), 1, [])
