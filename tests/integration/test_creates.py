"""A create proves by content what is its own: nobody else's entry is adopted or removed, and no twin is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.vendors.sensay import endpoints
from tests.integration.rig import ENTRIES, ENTRY, Rig
from tests.integration.task import Supervisor, TaskUnderTest

OURS, THEIRS = "Our text: refunds within 30 days", "THEIR text: no refunds"
MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]


def _file(rig: Rig, name: str, content: str) -> str:
    path: Path = rig.scratch / name
    path.write_text(content)
    return str(path)


def _colleague(rig: Rig, **source: Any) -> int:
    ended = TaskUnderTest(rig.create(title="Handbook", **source), run_id="theirs", retries=0).to_the_end()
    assert ended.state == "success"
    return int(ended.result["entry_id"])


def _text_of(rig: Rig, entry_id: int) -> str:
    return str(rig.sandbox.set_entry(entry_id)["rawText"])


# --- whose is it? -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ours", ["text", "url", "path"])
@pytest.mark.parametrize("theirs", ["text", "url", "path"])
def test_a_colleagues_entry_of_the_same_title_is_neither_adopted_nor_removed(
    rig: Rig, ours: str, theirs: str
) -> None:
    rig.speak("knowledge-base")
    mine = {"text": OURS, "url": "https://www.example.com/ours", "path": _file(rig, "o.txt", OURS)}
    other = {"text": THEIRS, "url": "https://www.example.com/theirs", "path": _file(rig, "t.txt", THEIRS)}
    rig.sandbox.fault("drop", method="POST", path=ENTRIES)
    make = rig.create(title="Handbook", start_grace=2, **{ours: mine[ours]})
    task = TaskUnderTest(make, retries=2)
    assert task.to_the_end().verdict == ("up_for_retry", "AmbiguousWriteError")
    entry_id = _colleague(rig, **{theirs: other[theirs]})
    ended = task.retry().to_the_end()
    assert ended.state == "success", ended.told
    assert entry_id in rig.entries()
    assert ended.result["entry_id"] not in (entry_id, rig.sandbox.entry_id)
    assert len(rig.entries()) == 3


def test_a_colleagues_upload_under_way_is_not_removed(rig: Rig) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.options(delete_status=200)
    rig.sandbox.fault("drop", method="POST", path=ENTRIES)
    task = TaskUnderTest(rig.create(title="Handbook", path=_file(rig, "o.txt", OURS)), retries=2)
    assert task.to_the_end().verdict == ("up_for_retry", "AmbiguousWriteError")
    slot = endpoints.create_file(rig.sandbox.replica_uuid, "theirs.pdf", title="Handbook")
    with SensayHook("sensay_default").get_conn() as client:
        client.send(slot)
    (theirs,) = set(rig.entries()) - {rig.sandbox.entry_id}
    ended = task.retry().to_the_end()
    assert ended.state == "success", ended.told
    assert {theirs, ended.result["entry_id"]} <= set(rig.entries())


def test_a_colleagues_text_that_begins_as_ours_is_not_taken_for_ours(rig: Rig) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.fault("drop", method="POST", path=ENTRIES)
    task = TaskUnderTest(rig.create(title="Handbook", text=f"{OURS}. Not on Sundays."), retries=2)
    assert task.to_the_end().verdict == ("up_for_retry", "AmbiguousWriteError")
    theirs = _colleague(rig, text=f"{OURS}.")
    ended = task.retry().to_the_end()
    assert ended.state == "success", ended.told
    assert ended.result["entry_id"] != theirs
    assert _text_of(rig, ended.result["entry_id"]).endswith("Not on Sundays.")


@pytest.mark.parametrize("kind", ["text", "url", "path"])
def test_a_lost_answer_makes_no_twin(rig: Rig, kind: str) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.options(delete_status=200)
    source = {"text": OURS, "url": "https://www.example.com/ours", "path": _file(rig, "o.txt", OURS)}
    rig.sandbox.fault("lose_answer", method="POST", path=ENTRIES)
    ended = TaskUnderTest(rig.create(title="Handbook", **{kind: source[kind]}), retries=2).to_the_end()
    assert ended.state == "success", ended.told
    assert rig.entries() == [rig.sandbox.entry_id, ended.result["entry_id"]]


def test_two_entries_that_read_like_ours_are_named_and_nothing_is_sent(rig: Rig) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.fault("drop", method="POST", path=ENTRIES)
    task = TaskUnderTest(rig.create(title="Handbook", text=OURS, start_grace=2), retries=2)
    task.to_the_end()
    twins = [_colleague(rig, text=OURS) for _ in range(2)]
    ended = task.retry().to_the_end()
    assert ended.verdict == ("failed", "OutcomeUnknownError")
    assert all(str(each) in ended.told for each in twins)
    assert len(rig.entries()) == 3


@pytest.mark.parametrize("again", ["retry", "clear"])
@pytest.mark.parametrize("kind", ["text", "url"])
def test_an_entry_that_failed_and_was_repaired_by_somebody_is_not_removed(
    rig: Rig, kind: str, again: str
) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.options(entry_outcome="UNPROCESSABLE", delete_status=200)
    source = {"text": OURS, "url": "https://www.example.com/ours"}
    task = TaskUnderTest(rig.create(title="Handbook", **{kind: source[kind]}), retries=2)
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshFailedError")
    (failed,) = set(rig.entries()) - {rig.sandbox.entry_id}
    rig.sandbox.options(entry_outcome="READY")
    changed = {"rawText": THEIRS} if kind == "text" else {}
    rig.sandbox.set_entry(failed, status="READY", error=None, **changed)
    ended = (task.retry() if again == "retry" else task.clear()).to_the_end()
    assert ended.state == "success", ended.told
    assert failed in rig.entries()
    # Its own text is there beside the repair; a page that was read after all is there once.
    assert (ended.result["entry_id"] == failed) is (kind == "url")


@pytest.mark.parametrize("again", ["retry", "clear"])
def test_an_entry_that_failed_is_removed_before_its_file_is_sent_again(rig: Rig, again: str) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.options(entry_outcome="UNPROCESSABLE", delete_status=200)
    task = TaskUnderTest(rig.create(title="Handbook", path=_file(rig, "o.txt", OURS)), retries=2)
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshFailedError")
    rig.sandbox.options(entry_outcome="READY")
    ended = (task.retry() if again == "retry" else task.clear()).to_the_end()
    assert ended.state == "success", ended.told
    assert rig.entries() == [rig.sandbox.entry_id, ended.result["entry_id"]]


# --- the source -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["path", "text"])
def test_a_task_that_resumes_needs_neither_its_file_nor_its_text(rig: Rig, kind: str) -> None:
    rig.speak("knowledge-base")
    path = rig.scratch / "handbook.txt"
    path.write_text(OURS)
    source = {"path": str(path)} if kind == "path" else {"text": f"{OURS}, rendered at 10:00:01"}
    task = TaskUnderTest(rig.create(title="Handbook", deferrable=True, **source), retries=2)
    assert task.run().deferred
    event = task.fire()
    path.unlink()
    if kind == "text":
        task.make = rig.create(title="Handbook", deferrable=True, text=f"{OURS}, rendered at 10:00:42")
    ended = task.resume(event)
    assert (ended.state, ended.result["entry_id"]) == ("success", rig.entries()[-1]), ended.told


@pytest.mark.parametrize("deferrable", MODES)
def test_a_retry_after_the_end_or_in_the_wait_reads_no_file(rig: Rig, deferrable: bool) -> None:
    rig.speak("knowledge-base")
    for stuck in (True, False):
        rig.sandbox.options(raw_text_seconds=30 if stuck else 1)
        path = rig.scratch / f"{stuck}.txt"
        path.write_text(OURS)
        make = rig.create(title=f"stuck {stuck}", path=str(path), timeout=3, deferrable=deferrable)
        task = TaskUnderTest(make, retries=3)
        first = task.to_the_end()
        assert first.state == ("up_for_retry" if stuck else "success"), first.told
        path.unlink()
        made = rig.entries()
        rig.sandbox.advance(60)
        ended = task.retry().to_the_end()
        assert (ended.state, rig.entries()) == ("success", made), ended.told


def test_a_file_that_is_not_there_is_looked_for_again_and_nothing_was_sent(rig: Rig) -> None:
    rig.speak("knowledge-base")
    task = TaskUnderTest(rig.create(title="t", path=str(rig.scratch / "late.txt")), retries=2)
    ended = task.to_the_end()
    assert (ended.state, rig.written) == ("up_for_retry", []), ended.told
    _file(rig, "late.txt", OURS)
    assert task.retry().to_the_end().state == "success"


# --- the vendor's silence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_a_404_on_what_was_created_a_moment_ago_is_a_failed_read(
    rig: Rig, generation: str, deferrable: bool
) -> None:
    rig.speak(generation)
    rig.sandbox.fault("status", method="GET", path=ENTRY, status=404, times=3)
    ended = TaskUnderTest(
        rig.create(text=OURS, deferrable=deferrable, start_grace=30), retries=0
    ).to_the_end()
    assert ended.state == "success", ended.told
    assert len(rig.entries()) == 2


def test_a_create_goes_on_after_a_clear_that_deletes_the_tasks_state(rig: Rig) -> None:
    rig.speak("knowledge-base")
    for away in (False, True):
        task = TaskUnderTest(
            rig.create(text=OURS, title=f"t{away}", deferrable=True),
            supervisor=Supervisor(is_task_state_available=not away),
            retries=2,
        )
        assert task.run().deferred
        made = rig.entries()
        ended = task.clear(keep_state=False).to_the_end()
        assert (ended.state, ended.result["outcome"], rig.entries()) == ("success", "reattached", made)
        assert [name for name in task.supervisor.variables if ".open." in name] == []
