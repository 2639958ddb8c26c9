"""Documents that fail, vendors that stall, answers that are lost: what a sync makes of it, and what its retry does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sources import Document
from tests.integration.rig import ENTRIES, Rig
from tests.integration.syncing import MODES, Library
from tests.integration.task import TaskUnderTest
from tests.integration.wire import Wire

#: One entry, or the place that a file is put to.
ENTRY = r"/knowledge-base/\d+$"
STORAGE = r"^/_storage/"

both = pytest.mark.parametrize("library", MODES, indirect=True)


@pytest.fixture
def library(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> Library:
    """A folder to sync; deferrable on request."""
    return Library(rig, tmp_path / "kb", getattr(request, "param", False))


# --- documents that the vendor cannot process ----------------------------------------------------------------


def fail(library: Library, name: str = "odd.md") -> None:
    """Let the vendor fail at one document."""
    library.put(name, "Too odd to read.")
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE", entry_error="It is too odd")


@both
def test_what_failed_is_told_and_what_succeeded_stays(library: Library) -> None:
    library.put_many(3)
    library.bring()
    fail(library)
    ended = library.run()
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert "odd.md: UNPROCESSABLE: It is too odd" in ended.told
    assert "set retry_failed='always'" in ended.told
    assert (len(library.said), library.written) == (3, {"POST": 1})


def test_what_failed_is_not_sent_again_the_next_night_unless_it_changed(library: Library) -> None:
    fail(library)
    assert library.run().state == "failed"
    library.rig.sandbox.options(entry_outcome="READY")
    ended = library.run()
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert library.written == {}
    library.put("odd.md", "Plain.")
    library.bring()
    assert library.is_equal()


def test_what_failed_is_sent_again_on_request_and_its_failed_entry_goes(library: Library) -> None:
    fail(library)
    assert library.run().state == "failed"
    library.rig.sandbox.options(entry_outcome="READY")
    result = library.bring(retry_failed="always")
    assert library.is_equal()
    assert result["counts"] == {"updated": 1, "superseded": 1}
    assert library.written == {"POST": 1, "DELETE": 1}


def test_what_fails_again_and_again_is_sent_once_in_a_run(library: Library) -> None:
    fail(library)
    for _ in range(2):
        assert library.run(retry_failed="always").verdict == ("failed", "DocumentsFailedForGoodError")
        assert library.written["POST"] == 1


def test_failures_may_be_a_warning(library: Library) -> None:
    library.put_many(2)
    library.bring()
    fail(library)
    ended = library.run(on_failed_documents="warn")
    assert ended.verdict == ("success", None)
    assert ended.result["counts"] == {"unchanged": 2, "failed": 1}
    assert ended.result["failed"] == [{"key": "odd.md", "reason": "UNPROCESSABLE: It is too odd"}]


def test_nothing_is_deleted_while_anything_failed(library: Library) -> None:
    library.put_many(8)
    library.bring()
    library.drop("article-000.md")
    fail(library)
    ended = library.run(delete_missing=True, on_failed_documents="warn")
    assert ended.result["counts"] == {"unchanged": 7, "failed": 1, "delete_withheld": 1}
    assert library.written == {"POST": 1}
    library.drop("odd.md")
    library.rig.sandbox.options(entry_outcome="READY")
    assert library.bring(delete_missing=True)["counts"] == {"unchanged": 7, "delete_accepted": 2}
    assert library.is_equal()


def test_a_rewritten_text_that_fails_gets_a_new_entry_once_it_changed(library: Library) -> None:
    library.put("a.md", "One.")
    library.bring()
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    library.put("a.md", "Two.")
    # Neither can the old text be brought back, so it is tried again.
    assert library.run().verdict == ("up_for_retry", "DocumentsFailedError")
    library.rig.sandbox.options(entry_outcome="READY")
    library.put("a.md", "Three.")
    library.bring()
    assert library.is_equal()


# --- entries that do not move --------------------------------------------------------------------------------


@both
def test_an_error_that_stays_beside_an_unfinished_status_is_a_failure_after_a_grace(library: Library) -> None:
    library.rig.sandbox.options(entry_outcome="error", entry_error="crawler broke")
    library.put("a.md", "Text.")
    ended = library.run()
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert "RAW_TEXT: crawler broke" in ended.told


def test_an_entry_stuck_with_an_error_is_written_again_the_next_night(library: Library) -> None:
    library.rig.sandbox.options(entry_outcome="error")
    library.put_many(2)
    assert library.run().state == "up_for_retry"
    library.rig.sandbox.options(entry_outcome="READY")
    library.bring()
    assert library.is_equal()
    assert library.written == {"PATCH": 2}


@both
@pytest.mark.parametrize("status", ["RAW_TEXT"])
def test_what_never_moves_ends_the_wait_and_names_who_it_was(library: Library, status: str) -> None:
    library.put_many(2)
    library.bring()
    library.rig.sandbox.options(entry_stuck=status)
    library.put("stuck.md", "Never to be read.")
    ended = library.run(stall_timeout=3)
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert f"stuck.md: {status}: nothing has moved for 3 s" in ended.told
    library.rig.sandbox.options(entry_stuck=None)
    ended = library.run(stall_timeout=3)
    assert library.written == {}  # joined, not created again
    (entry,) = (entry for entry in library.ours() if entry.title == "stuck.md")
    library.rig.sandbox.set_entry(entry.id, status="READY")
    assert library.bring()["counts"] == {"unchanged": 3}


def test_a_stuck_entry_of_somebody_else_holds_nobody(library: Library) -> None:
    library.seed("Stuck", status="RAW_TEXT")
    library.seed(library.marked("Stuck too", "a.md", "x", sync_id="other"), status="PROCESSED_TEXT")
    library.put_many(2)
    library.bring(stall_timeout=2)
    assert library.is_equal()


@both
def test_the_deadline_leaves_the_vendor_at_work_and_the_retry_joins_it(library: Library) -> None:
    library.rig.sandbox.options(raw_text_seconds=60)
    library.put_many(3)
    task = library.task(timeout=4)
    ended = task.to_the_end()
    assert ended.verdict == ("up_for_retry", "RefreshTimeoutError")
    library.rig.sandbox.advance(120)
    library.forget()
    ended = task.retry().to_the_end()
    assert (ended.verdict, library.written) == (("success", None), {})
    assert library.is_equal()


def test_an_older_text_in_work_ends_before_the_newer_one_is_written(library: Library) -> None:
    library.put("a.md", "One.")
    library.rig.sandbox.options(raw_text_seconds=3)
    assert library.run(wait_for_completion=False).state == "success"
    library.put("a.md", "Two.")
    library.bring()
    assert library.is_equal()
    patch = next(n for n, each in enumerate(library.asked) if each["method"] == "PATCH")
    assert library.asked.index(library.looks[0]) < patch


# --- answers that are lost, refused, late --------------------------------------------------------------------


LOST: dict[str, dict[str, Any]] = {
    "the answer to a create is lost": {"kind": "lose_answer", "method": "POST", "path": ENTRIES},
    "a create never arrives": {"kind": "drop", "method": "POST", "path": ENTRIES},
    "500 after a create": {"kind": "status_after", "status": 500, "method": "POST", "path": ENTRIES},
    "500 in place of a create": {"kind": "status", "status": 500, "method": "POST", "path": ENTRIES},
    "a create answers with no JSON": {"kind": "body", "shape": "not_json", "method": "POST", "path": ENTRIES},
    "the answer to a PATCH is lost": {"kind": "lose_answer", "method": "PATCH", "path": ENTRY},
    "500 after a PATCH": {"kind": "status_after", "status": 500, "method": "PATCH", "path": ENTRY},
    "the answer to a DELETE is lost": {"kind": "lose_answer", "method": "DELETE", "path": ENTRY},
    "500 in place of a DELETE": {"kind": "status", "status": 500, "method": "DELETE", "path": ENTRY},
    "an upload never arrives": {"kind": "drop", "method": "PUT", "path": STORAGE},
    "the answer to an upload is lost": {"kind": "lose_answer", "method": "PUT", "path": STORAGE},
    "500 in place of an upload": {"kind": "status", "status": 500, "method": "PUT", "path": STORAGE},
    "the list is away for a moment": {
        "kind": "status",
        "status": 503,
        "method": "GET",
        "path": ENTRIES,
        "times": 2,
    },
    "429 for a create": {
        "kind": "status",
        "status": 429,
        "retry_after": 1,
        "method": "POST",
        "path": ENTRIES,
    },
    "a storm of 429": {"kind": "status", "status": 429, "retry_after": 1, "every": 2, "times": 12},
    "429 that names no time": {
        "kind": "status",
        "status": 429,
        "method": "POST",
        "path": ENTRIES,
        "times": 3,
    },
}


@pytest.mark.parametrize("fault", LOST)
def test_a_fault_makes_no_twin_and_loses_nothing(library: Library, fault: str) -> None:
    for number in range(3):
        library.put(f"file-{number}.csv", f"a,b\n{number},0\n")
    library.put_many(3)
    library.bring()
    library.seed("By hand")
    before = library.theirs()
    library.put("article-000.md", "Changed.")
    library.put("file-0.csv", "a,b\n9,9\n")
    library.put("new.md", "New.")
    library.put("new.csv", "new\n")
    library.drop("article-002.md")
    kind, *_ = LOST[fault].values()
    library.rig.sandbox.fault(kind, **{name: value for name, value in LOST[fault].items() if name != "kind"})
    task = library.task(delete_missing=True)
    ended = task.to_the_end()
    if ended.state == "up_for_retry":
        ended = task.retry().to_the_end()
    assert ended.verdict == ("success", None), ended.told
    assert library.is_equal()
    assert library.theirs() == before
    assert library.bring(delete_missing=True)["outcome"] == "skipped"


def test_a_file_whose_upload_address_was_lost_is_begun_anew_in_the_same_run(library: Library) -> None:
    library.put("prices.csv", "a,b\n1,2\n")
    library.rig.sandbox.fault("lose_answer", method="POST", path=ENTRIES)
    library.bring()
    assert library.is_equal()
    assert library.written == {"POST": 2, "DELETE": 1, "PUT": 1}


@both
def test_looks_that_fail_say_nothing_of_the_documents(library: Library) -> None:
    library.put_many(2)
    library.rig.sandbox.options(raw_text_seconds=5)
    library.rig.sandbox.fault("status", status=503, method="GET", path=ENTRIES, skip=4, times=60)
    task = library.task(max_read_failures=3)
    ended = task.to_the_end()
    assert ended.verdict == ("up_for_retry", "ReadFailuresError")
    library.rig.sandbox.clear_faults()
    library.forget()
    assert task.retry().to_the_end().state == "success"
    assert (library.written, library.is_equal()) == ({}, True)


def test_a_file_that_the_vendor_does_not_take_is_failed_by_its_own_words(library: Library) -> None:
    library.put("good.md", "Good.")
    library.put("film.mkv", b"\x1aE")
    body = {"success": True, "results": [{"type": "file", "enqueued": False, "error": "No films today"}]}
    library.rig.sandbox.fault("status", status=207, method="POST", path=ENTRIES, body=body)
    ended = library.run(concurrency=1)
    assert ended.state in ("failed", "up_for_retry")
    assert "No films today" in ended.told
    assert len(library.said) == 1


def test_a_quota_ends_creates_and_nothing_else(library: Library) -> None:
    library.put_many(3)
    library.bring()
    for number in range(4):
        library.put(f"new-{number}.md", f"New {number}.")
    library.put("article-000.md", "Changed.")
    library.rig.sandbox.fault(
        "status",
        status=429,
        error_code="KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED",
        method="POST",
        path=ENTRIES,
        times=None,
    )
    ended = library.run(concurrency=1, on_failed_documents="warn")
    assert ended.result["counts"] == {"updated": 1, "unchanged": 2, "failed": 4}
    assert library.written == {"POST": 1, "PATCH": 1}
    assert "quota is used up" in ended.result["failed"][-1]["reason"]


def test_a_vendor_that_fails_ten_times_in_a_row_stops_the_run(library: Library) -> None:
    library.put_many(40)
    library.rig.sandbox.fault("status", status=500, method="POST", path=ENTRIES, times=None)
    ended = library.run(concurrency=1, on_failed_documents="warn")
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")  # stopped: never a mere warning
    assert "the vendor failed 10 times in a row" in ended.told
    assert library.written == {"POST": 10}
    library.rig.sandbox.clear_faults()
    library.bring()
    assert library.is_equal()


def test_documents_that_are_refused_one_by_one_do_not_keep_those_behind_them_out(library: Library) -> None:
    """The vendor reads none of Google's own pages: a fault of each page, and no sign of an ill vendor."""
    bad = [Document(key=f"a-{n:02}", url=f"https://docs.google.com/document/d/{n}") for n in range(25)]
    good = [Document(key=f"b-{n:02}", text=f"Text {n}.") for n in range(20)]
    ended = library.run([*bad, *good], concurrency=1)
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert sorted(library.said) == [each.key for each in good]


def test_a_key_that_is_refused_ends_the_run_at_once(library: Library) -> None:
    library.put_many(20)
    library.rig.sandbox.fault("status", status=401, method="POST", path=ENTRIES, times=None)
    ended = library.run(concurrency=1)
    assert ended.verdict == ("failed", "AuthenticationError")
    assert library.written == {"POST": 1}


def test_a_deletion_that_is_refused_does_not_keep_the_others(library: Library) -> None:
    library.put_many(12)
    library.bring()
    for number in range(3):
        library.drop(f"article-{number:03}.md")
    library.rig.sandbox.fault("status", status=409, method="DELETE", path=ENTRY)
    ended = library.run(delete_missing=True, concurrency=1)
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert len(library.ours()) == 10
    assert library.bring(delete_missing=True)["counts"] == {"unchanged": 9, "delete_accepted": 1}


# --- the source moves while it is read -------------------------------------------------------------------------


def test_a_file_that_changes_between_the_passes_is_sent_as_it_is_now(library: Library) -> None:
    library.put("a.md", "One.")
    library.put("b.md", "Bee.")
    with Wire() as wire:
        wire.before = {1: lambda: library.put("a.md", "Two.")}
        task = wire.task(library.make(concurrency=1))
        assert task.to_the_end().state == "success"
    assert library.said["b.md"] == "Bee."
    library.bring()
    assert library.is_equal()


def test_a_file_that_vanishes_between_the_passes_is_skipped_and_what_was_there_stays(
    library: Library,
) -> None:
    library.put_many(3)
    library.bring()
    library.put("article-000.md", "Changed.")
    library.put("article-001.md", "Changed as well.")
    with Wire() as wire:
        wire.before = {2: lambda: library.drop("article-001.md")}
        ended = wire.task(library.make(concurrency=1, delete_missing=True)).to_the_end()
    assert ended.verdict == ("success", None)
    assert ended.result["counts"] == {"updated": 1, "skipped": 1, "unchanged": 1}
    assert library.said["article-001.md"] == "Text of article 1."


def test_a_generator_is_read_once_and_its_texts_wait_in_the_spool(library: Library) -> None:
    read = []

    def articles() -> Any:
        read.append(1)
        for number in range(5):
            yield Document(key=f"{number}", title=f"Article {number}", text=f"Text {number}")

    library.rig.sandbox.fault("status", status=500, method="POST", path=ENTRIES)
    result = library.bring(articles)
    assert (result["counts"], len(read)) == ({"created": 5}, 1)
    assert library.said == {f"Article {number}": f"Text {number}" for number in range(5)}


# --- what proves that a text over a ready one was processed -----------------------------------------------------


def changed(library: Library, **bent: Any) -> Library:
    library.put_many(3)
    library.bring()
    library.rig.sandbox.options(**bent)
    library.put("article-001.md", "Another text.")
    return library


#: A vendor whose rewritten entries read READY all along, and whose updatedAt tells of the write only.
SIGNLESS = {
    "stamp_updated_at": "write",
    "stale_ready": 0.5,
    "raw_text_seconds": 0,
    "processed_text_seconds": 0,
    "vector_created_seconds": 0,
}


@pytest.mark.parametrize("stale", [1.5, 4])
def test_an_old_ready_is_not_believed_however_long_it_stays(library: Library, stale: float) -> None:
    changed(library, stale_ready=stale)
    library.bring(start_grace=8)
    assert library.is_equal()
    entry = next(entry for entry in library.ours() if entry.title == "article-001.md")
    state = {each["id"]: each for each in library.rig.sandbox.state()["entries"]}[entry.id]
    assert state["rawText"] == "Another text."
    assert library.written == {"PATCH": 1}


@both
def test_a_vendor_that_shows_no_sign_gets_a_new_entry_whose_end_can_be_proven(library: Library) -> None:
    changed(library, **SIGNLESS)
    result = library.bring()
    assert library.is_equal()
    assert library.written == {"PATCH": 1, "POST": 1, "DELETE": 1}
    assert result["counts"] == {"updated": 1, "unchanged": 2, "superseded": 1}


@both
def test_a_vendor_that_shows_no_sign_is_unconfirmed_if_entries_have_to_stay(library: Library) -> None:
    changed(library, **SIGNLESS)
    ended = library.run(strategy="update")
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert "article-001.md: unconfirmed" in ended.told
    assert library.written == {"PATCH": 1}


def test_what_is_unconfirmed_is_not_believed_by_the_retry(library: Library) -> None:
    changed(library, **SIGNLESS)
    task = library.task(strategy="update")
    assert task.to_the_end().state == "up_for_retry"
    ended = task.retry().to_the_end()
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    library.rig.sandbox.options(stamp_updated_at="both", raw_text_seconds=1, identical_text="reprocess")
    assert task.retry().to_the_end().verdict == ("success", None)


def test_whoever_replaces_needs_no_sign(library: Library) -> None:
    changed(library, **SIGNLESS)
    library.bring(strategy="replace")
    assert library.is_equal()
    assert library.written == {"POST": 1, "DELETE": 1}


@pytest.mark.parametrize("identical", ["reprocess", "ignore"])
@pytest.mark.parametrize("processed", ["while it was dead", "later"])
def test_a_write_that_a_dead_process_never_saw_proven_is_repeated(
    library: Library, identical: str, processed: str
) -> None:
    changed(library, identical_text=identical)
    with Wire() as wire:
        task = wire.task(library.make())
        wire.die_after(2)  # the list, then the PATCH
        assert task.to_the_end().state == "killed"
        wire.die_after(None)
        if processed == "while it was dead":
            library.rig.sandbox.advance(60)
        ended = task.retry().to_the_end()
    assert ended.verdict == ("success", None), ended.told
    assert library.is_equal()


def test_an_entry_deleted_by_hand_in_the_middle_of_the_wait_is_created_again(library: Library) -> None:
    library.rig.sandbox.options(raw_text_seconds=5)
    library.deferrable = True
    library.put_many(2)
    task = library.task()
    assert task.run().deferred
    (gone, _) = library.ours()
    delete = library.rig.delete(entry_id=gone.id)
    assert TaskUnderTest(delete).to_the_end().state == "success"
    ended = task.resume(task.fire())
    while ended.deferred:
        ended = task.resume(task.fire())
    assert ended.verdict == ("success", None)
    assert library.is_equal()


def test_an_interrupted_triggerer_costs_nothing(library: Library) -> None:
    library.rig.sandbox.options(raw_text_seconds=5)
    library.deferrable = True
    library.put_many(2)
    task = library.task()
    assert task.run().deferred
    task.interrupt(after=1.0)
    library.forget()
    assert task.resume(task.fire()).verdict == ("success", None)
    assert library.written == {}


@pytest.mark.parametrize("event", [None, {"schema": 99}])
def test_a_lost_event_is_planned_anew_by_the_retry(library: Library, event: Any) -> None:
    library.deferrable = True
    library.rig.sandbox.options(raw_text_seconds=5)
    library.put_many(2)
    task = library.task()
    assert task.run().deferred
    assert task.resume(event).verdict == ("up_for_retry", "AgentKnowledgeError")
    library.forget()
    assert task.retry().to_the_end().verdict == ("success", None)
    assert library.written == {}


# --- keys, marks, neighbours ---------------------------------------------------------------------------------


@both
def test_a_key_that_is_rotated_in_the_middle_of_the_wait_is_read_anew(library: Library) -> None:
    library.rig.sandbox.options(raw_text_seconds=4)
    library.put_many(2)
    library.rig.sandbox.fault("status", status=401, method="GET", path=ENTRIES, skip=8)
    library.bring()
    assert library.is_equal()


@both
def test_a_key_that_is_refused_in_the_middle_of_the_wait_ends_it(library: Library) -> None:
    library.rig.sandbox.options(raw_text_seconds=10)
    library.put_many(2)
    library.rig.sandbox.fault("status", status=401, method="GET", path=ENTRIES, skip=8, times=None)
    assert library.run().verdict == ("failed", "AuthenticationError")


@pytest.mark.parametrize(("documents", "sent"), [(3, 3), (101, 1)])
def test_a_vendor_that_loses_marks_is_noticed_before_hundreds_are_sent(
    library: Library, documents: int, sent: int
) -> None:
    library.put_many(documents)

    def strip() -> None:
        for entry in library.ours():
            library.rig.sandbox.set_entry(entry.id, title=entry.title)

    with Wire() as wire:
        wire.before = dict.fromkeys(range(sent + 2, 40), strip)
        library.forget()
        ended = wire.task(library.make(stall_timeout=3)).to_the_end()
    assert ended.verdict == ("failed", "MarkLostError")
    assert "Shorten the documents' titles" in ended.told
    assert library.written["POST"] == sent


def test_two_runs_at_once_make_no_twin_that_lasts(library: Library) -> None:
    library.rig.sandbox.options(raw_text_seconds=3)
    library.deferrable = True
    library.put_many(4)
    mine, other = library.task(), library.task()
    assert mine.run().deferred
    assert other.to_the_end().state == "success"
    assert mine.resume(mine.fire()).state == "success"
    assert library.is_equal()


def test_what_another_run_created_at_the_same_time_is_healed(library: Library) -> None:
    library.put_many(3)

    def another_run() -> None:
        for key, text in library.wanted.items():
            library.seed(library.marked(key, key, text), text)

    with Wire() as wire:
        wire.before = {2: another_run}
        assert wire.task(library.make()).to_the_end().state == "success"
    assert library.is_equal()
