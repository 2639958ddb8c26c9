"""What a sync refuses to do, before it sends anything; and a plan that somebody else has to approve."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sources import Document
from tests.integration.rig import ENTRIES, Rig
from tests.integration.syncing import MODES, Library, report_of
from tests.integration.task import Outcome
from tests.integration.wire import Wire


@pytest.fixture
def eight(library: Library) -> Library:
    """A folder of eight texts that was synced once."""
    library.put_many(8)
    library.bring()
    return library


def refused(library: Library, error: str, *, state: str = "failed", **arguments: Any) -> Outcome:
    """One sync that has to end so, without having written anything."""
    before = library.entries
    ended = library.run(**arguments)
    assert ended.verdict == (state, error), ended.told
    assert library.written == {}
    assert library.entries == before
    return ended


# --- the source ----------------------------------------------------------------------------------------------


def test_an_empty_folder_is_no_reason_to_delete_everything(eight: Library) -> None:
    for path in eight.folder.iterdir():
        path.unlink()
    for arguments in ({}, {"delete_missing": True, "max_deletes": "100%"}):
        ended = refused(eight, "EmptySourceError", state="up_for_retry", **arguments)
        assert "holds 8 entries" in ended.told


def test_a_folder_that_is_meant_to_be_empty_empties_the_replica_by_explicit_leave_only(
    eight: Library,
) -> None:
    for path in eight.folder.iterdir():
        path.unlink()
    meant: dict[str, Any] = {"on_empty_source": "allow", "delete_missing": True}
    refused(eight, "DeletionRefusedError", **meant)
    refused(eight, "DeletionRefusedError", max_deletes="99%", **meant)
    assert eight.bring(max_deletes="100%", **meant)["counts"] == {"delete_accepted": 8}
    assert eight.ours() == []


def test_a_folder_that_is_not_there_is_no_empty_one(eight: Library) -> None:
    shutil.rmtree(eight.folder)
    for arguments in ({}, {"on_empty_source": "allow", "delete_missing": True, "max_deletes": "100%"}):
        refused(eight, "SourceIncompleteError", state="up_for_retry", **arguments)


def test_a_source_that_breaks_off_in_the_middle_deletes_nothing(eight: Library) -> None:
    def half() -> Any:
        for number in range(7):
            yield Document(key=f"article-{number:03}.md", text=f"Text of article {number}.")
        raise ConnectionError("the database went away")

    refused(eight, "ConnectionError", state="up_for_retry", documents=half, delete_missing=True)


def test_two_documents_of_one_key_are_refused(eight: Library) -> None:
    documents = [
        Document(key=unicodedata.normalize(form, "größe"), title=form, text=form) for form in ("NFC", "NFD")
    ]
    ended = refused(eight, "DuplicateKeyError", documents=documents)
    assert "NFC" in ended.told
    assert "NFD" in ended.told


# --- deletions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "gone"), [("25%", 3), ("10%", 2), (2, 3), ("2", 3), (0, 1)])
def test_too_many_deletions_are_refused_before_anything_is_written(
    eight: Library, most: Any, gone: int
) -> None:
    for number in range(gone):
        eight.drop(f"article-{number:03}.md")
    eight.put("article-007.md", "Changed as well.")
    eight.put("new.md", "And a new one.")
    ended = refused(eight, "DeletionRefusedError", delete_missing=True, max_deletes=most)
    assert f"{gone} of 8 live documents" in ended.told
    assert "raise max_deletes" in ended.told


def test_a_quarter_may_go_by_default(eight: Library) -> None:
    for number in range(2):
        eight.drop(f"article-{number:03}.md")
    assert eight.bring(delete_missing=True)["counts"] == {"unchanged": 6, "delete_accepted": 2}


def test_a_source_of_which_nothing_can_be_sent_is_an_empty_one(eight: Library) -> None:
    for number in range(8):
        eight.put(f"article-{number:03}.md", b"\xff" if number % 2 else b"")
    most: dict[str, Any] = {"delete_missing": True, "max_deletes": "100%"}
    ended = refused(eight, "EmptySourceError", state="up_for_retry", **most)
    assert (
        "holds 8 documents of which none can be sent (4 empty, 4 undecodable; first article-000.md)"
        in ended.told
    )
    before = eight.ours()
    result = eight.run(on_empty_source="allow", **most).result
    assert result["status"] == "incomplete"  # what the vendor holds is older than the source
    assert (result["counts"], result["outcome"]) == ({"skipped": 8}, "skipped")
    assert (eight.written, eight.ours()) == ({}, before)


# --- the list ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [9, 7, 0, 1000, None])
def test_a_list_that_does_not_add_up_proves_nothing(eight: Library, total: int | None) -> None:
    eight.drop("article-000.md")
    eight.put("new.md", "New.")
    items = [{"id": entry.id, "title": entry.title, "status": "READY"} for entry in eight.ours()]
    body = {"success": True, "items": items, "total": total}
    eight.rig.sandbox.fault("body", shape="wrong_shape", method="GET", path=ENTRIES, times=None, body=body)
    ended = refused(eight, "ListIncompleteError", state="up_for_retry", delete_missing=True)
    assert "does not add up" in ended.told


def test_a_list_that_lied_once_is_read_again(eight: Library) -> None:
    body = {"success": True, "items": [], "total": 8}
    eight.rig.sandbox.fault("body", shape="wrong_shape", method="GET", path=ENTRIES, body=body)
    assert eight.bring()["counts"] == {"unchanged": 8}


def test_an_older_generation_is_refused_by_name(eight: Library) -> None:
    eight.rig.speak("training")
    ended = refused(eight, "InvalidArgumentError")
    assert "needs generation 'knowledge-base'" in ended.told
    assert "no title" in ended.told


# --- arguments -----------------------------------------------------------------------------------------------


def test_all_that_is_wrong_with_the_arguments_is_said_at_once(eight: Library) -> None:
    wrong: dict[str, Any] = {
        "sync_id": "Not so",
        "max_deletes": "a few",
        "strategy": "{{ 'hope' }}",
        "on_empty_source": "{{ 'panic' }}",
        "retry_failed": "{{ 'never' }}",
        "on_failed_documents": "{{ 'cry' }}",
        "adopt": "{{ 'everything' }}",
        "encoding": "utf-9",
        "concurrency": 0,
        "stall_timeout": "soon",
    }
    ended = refused(eight, "InvalidArgumentError", **wrong)
    assert [name for name in wrong if name not in ended.told] == []
    assert eight.asked == []


# --- a plan that somebody approves -----------------------------------------------------------------------------


def changed(library: Library) -> None:
    library.put("article-000.md", "Changed.")
    library.put("new.md", "New.")
    library.put("newer.csv", "a,b\n")
    library.drop("article-007.md")


def planned(library: Library, **arguments: Any) -> str:
    """The digest of a plan that was made and not applied."""
    before = library.entries
    ended = library.run(delete_missing=True, dry_run=True, **arguments)
    assert ended.state == "success"
    assert (library.written, library.looks, library.entries) == ({}, [], before)
    assert ended.result["dry_run"]
    return str(ended.result["plan"])


def test_a_dry_run_tells_the_plan_and_sends_nothing(eight: Library, tmp_path: Path) -> None:
    changed(eight)
    planned(eight, report=f"file://{tmp_path}/plan.jsonl")
    run, lines = report_of(tmp_path / "plan.jsonl")
    assert run["counts"] == {"create": 2, "update": 1, "unchanged": 6, "delete": 1}
    assert (run["changes"], run["refused"], run["outcome"]) == (True, None, "skipped")
    assert {line["key"]: line["action"] for line in lines if line["action"] != "unchanged"} == {
        "article-000.md": "update",
        "new.md": "create",
        "newer.csv": "create",
        "article-007.md": "delete",
    }


def test_a_dry_run_says_that_its_plan_would_be_refused(eight: Library) -> None:
    for number in range(4):
        eight.drop(f"article-{number:03}.md")
    result = eight.run(delete_missing=True, dry_run=True).result
    assert "4 of 8 live documents" in result["refused"]
    assert eight.run(dry_run=True).result["changes"] is False


@pytest.mark.parametrize("deferrable", MODES)
def test_the_plan_that_was_approved_is_applied(eight: Library, deferrable: bool) -> None:
    changed(eight)
    plan = planned(eight)
    result = eight.bring(delete_missing=True, expect_plan=plan, deferrable=deferrable)
    assert eight.is_equal()
    assert result["plan"] == plan


@pytest.mark.parametrize("what", ["source", "replica", "wish"])
def test_a_plan_that_changed_since_is_refused(eight: Library, what: str) -> None:
    changed(eight)
    plan = planned(eight)
    if what == "source":
        eight.put("article-001.md", "Changed since.")
    elif what == "replica":
        eight.rig.sandbox.set_entry(eight.entry("article-003.md").id, status="UNPROCESSABLE")
    ended = refused(eight, "PlanChangedError", delete_missing=what != "wish", expect_plan=plan)
    assert plan in ended.told


@pytest.mark.parametrize("deferrable", MODES)
def test_an_approved_plan_that_was_begun_is_finished_by_the_retry(eight: Library, deferrable: bool) -> None:
    """Half of it done, the plan of the rest is another one; it is still what was approved."""
    changed(eight)
    plan = planned(eight)
    with Wire() as wire:
        task = wire.task(
            eight.make(delete_missing=True, expect_plan=plan, deferrable=deferrable, concurrency=1)
        )
        wire.die_after(3)
        assert task.to_the_end().state == "killed"
        assert eight.written
        ended = task.retry().to_the_end()
    assert ended.verdict == ("success", None), ended.told
    assert eight.is_equal()


def test_an_approved_plan_is_not_finished_with_another_source(eight: Library) -> None:
    changed(eight)
    plan = planned(eight)
    with Wire() as wire:
        task = wire.task(eight.make(delete_missing=True, expect_plan=plan, concurrency=1))
        wire.die_after(3)
        assert task.to_the_end().state == "killed"
        eight.put("article-001.md", "Changed since.")
        assert task.retry().to_the_end().verdict == ("failed", "PlanChangedError")


@pytest.mark.parametrize("deferrable", MODES)
def test_what_changed_after_its_plan_was_approved_is_not_sent(eight: Library, deferrable: bool) -> None:
    """Between the reading that the plan was made from, and the one that is sent."""
    changed(eight)
    plan = planned(eight)
    text = eight.said["article-000.md"]
    with Wire() as wire:
        wire.before = {2: lambda: eight.put("article-000.md", "Free beer.")}
        make = eight.make(delete_missing=True, expect_plan=plan, deferrable=deferrable, concurrency=1)
        task = wire.task(make)
        ended = task.to_the_end()
        assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
        assert "article-000.md: it changed after its plan was approved" in ended.told
        assert task.retry().to_the_end().verdict == ("failed", "PlanChangedError")
    assert eight.said["article-000.md"] == text


# --- what Airflow keeps --------------------------------------------------------------------------------------


def test_a_wait_for_two_thousand_documents_is_small(rig: Rig, tmp_path: Path) -> None:
    library = Library(rig, tmp_path / "kb", deferrable=True)
    rig.sandbox.options(raw_text_seconds=60)
    documents = [Document(key=f"articles/{number}", text=f"Text {number}") for number in range(2000)]
    marks = [
        {"title": library.marked(each.key, each.key, str(each.text)), "status": "READY"} for each in documents
    ]
    rig.sandbox.seed(entries=[each for number, each in enumerate(marks) if number % 7])
    task = library.task(documents, concurrency=16)
    assert task.run().deferred
    assert len(task.deferral.model_dump_json()) < 16_000
    rig.sandbox.advance(120)
    ended = task.resume(task.fire())
    assert ended.verdict == ("success", None)
    assert ended.result["counts"] == {"created": 286, "unchanged": 1714}
    assert all(entry.usable for entry in library.ours())


def test_the_result_stays_small_with_fifty_failures(library: Library) -> None:
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE", entry_error="It could not be read. " * 40)
    for number in range(50):
        library.put(f"{'long-name-' * 12}{number:03}.md", f"Text {number}")
    ended = library.run(on_failed_documents="warn")
    assert ended.verdict == ("success", None)
    assert ended.result["counts"] == {"failed": 50}
    assert len(json.dumps(ended.result)) < 2_000
    assert ended.result["failed"][0]["reason"].startswith("UNPROCESSABLE: It could not be read.")
