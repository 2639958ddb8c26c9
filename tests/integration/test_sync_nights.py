"""Ordinary nights of a synced folder: what is sent, what is live in the end, what is never touched."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.definitions.asset import AssetAlias

from airflow_provider.assets.sensay import knowledge_base_asset
from airflow_provider.sources import Document
from tests.integration.rig import Rig
from tests.integration.syncing import MODES, PAGE, Library, report_of

both = pytest.mark.parametrize("library", MODES, indirect=True)


@pytest.fixture
def library(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> Library:
    """A folder to sync; deferrable on request."""
    return Library(rig, tmp_path / "kb", getattr(request, "param", False))


@pytest.fixture
def some(library: Library) -> Library:
    """A folder of four texts and two files that was synced once."""
    library.put_many(4)
    library.put("eu/prices.csv", "a,b\n1,2\n")
    library.put("terms.html", "<p>Terms</p>")
    library.bring()
    assert library.is_equal()
    return library


# --- the first night, and one on which nothing changed -------------------------------------------------------


@both
def test_the_first_sync_makes_every_document_live(library: Library) -> None:
    library.put_many(5)
    library.put("eu/article-001.md", "The same name in another folder.")
    library.put("prices.csv", "a,b\n1,2\n")
    result = library.bring()
    assert library.is_equal()
    assert result["counts"] == {"created": 7}
    assert (result["outcome"], result["documents"], result["credits_charged"]) == ("refreshed", 7, 0.0)
    assert library.written == {"POST": 7, "PUT": 1}


def test_the_first_sync_keeps_to_its_budget(library: Library) -> None:
    count = 130
    library.put_many(count)
    library.bring()
    assert library.is_equal()
    assert library.written == {"POST": count}
    assert library.pages <= 3 * ceil(count / 100)


@both
def test_a_night_on_which_nothing_changed_reads_the_list_and_no_more(library: Library) -> None:
    count = 130
    library.put_many(count)
    version = library.bring()["version"]
    library.seed("Somebody's")
    result = library.bring()
    assert len(library.asked) == library.pages == ceil(count / 100)
    assert library.written == {}
    assert result["counts"] == {"unchanged": count}
    assert (result["outcome"], result["version"]) == ("skipped", version)


def test_the_version_names_what_is_live_and_comes_back_with_it(some: Library) -> None:
    first = some.bring()["version"]
    some.put("article-001.md", "Another text.")
    task = some.task()
    second = task.to_the_end().result["version"]
    assert task.supervisor.xcoms["version"] == second != first
    some.put("article-001.md", "Text of article 1.")
    assert some.bring()["version"] == first


# --- one thing changed ---------------------------------------------------------------------------------------


@both
def test_a_changed_text_keeps_its_entry_and_costs_one_write(some: Library) -> None:
    before = {entry.title: entry.id for entry in some.ours()}
    some.put("article-002.md", "Quite another text.")
    result = some.bring()
    assert some.is_equal()
    assert some.written == {"PATCH": 1}
    assert result["counts"] == {"updated": 1, "unchanged": 5}
    assert {entry.title: entry.id for entry in some.ours()} == before


@both
def test_a_changed_file_gets_a_new_entry_and_the_old_one_goes_once_the_new_one_is_ready(
    some: Library,
) -> None:
    some.put("eu/prices.csv", "a,b\n3,4\n")
    result = some.bring()
    assert some.is_equal()
    assert some.written == {"POST": 1, "PUT": 1, "DELETE": 1}
    assert [each["method"] for each in some.asked if each["method"] != "GET"][-1] == "DELETE"
    last_look = max(n for n, each in enumerate(some.asked) if each in some.looks)
    assert last_look < max(n for n, each in enumerate(some.asked) if each["method"] == "DELETE")
    assert result["counts"] == {"updated": 1, "unchanged": 5, "superseded": 1}
    assert result["still_answering"] == 1


@both
def test_a_new_file_that_fails_leaves_the_old_one_where_it_is(some: Library) -> None:
    (old,) = (entry for entry in some.ours() if entry.title == "eu/prices.csv")
    some.put("eu/prices.csv", "a,b\n3,4\n")
    some.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    ended = some.run()
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert some.written == {"POST": 1, "PUT": 1}
    assert old in some.ours()
    some.rig.sandbox.options(entry_outcome="READY")
    some.put("eu/prices.csv", "a,b\n5,6\n")
    some.bring()
    assert some.is_equal()


@both
def test_a_moved_file_is_one_write_and_no_deletion(some: Library) -> None:
    before = {entry.id for entry in some.ours()}
    some.move("article-000.md", "moved.md")
    result = some.bring(delete_missing=True, max_deletes=0)
    assert some.is_equal()
    assert some.written == {"PATCH": 1}
    assert result["counts"] == {"renamed": 1, "unchanged": 5}
    assert {entry.id for entry in some.ours()} == before


def test_another_title_is_one_write_of_the_title_alone(library: Library) -> None:
    def articles(title: str) -> list[Document]:
        return [Document(key="a", title=title, text="One."), Document(key="b", title="B", text="Two.")]

    library.bring(articles("A [draft]"))
    (one, two) = library.ours()
    result = library.bring(articles("A [final]"))
    assert library.written == {"PATCH": 1}
    assert result["counts"] == {"renamed": 1, "unchanged": 1}
    assert library.said == {"A [final]": "One.", "B": "Two."}
    assert {entry.id for entry in library.ours()} == {one.id, two.id}


@both
def test_what_left_the_folder_is_kept_unless_the_caller_says_otherwise(some: Library) -> None:
    some.drop("article-000.md")
    assert some.bring()["counts"] == {"unchanged": 5, "missing": 1}
    assert some.written == {}
    result = some.bring(delete_missing=True)
    assert some.is_equal()
    assert some.written == {"DELETE": 1}
    assert result["counts"] == {"unchanged": 5, "delete_accepted": 1}
    assert (result["outcome"], result["still_answering"]) == ("refreshed", 1)


def test_a_deletion_that_is_done_at_once_is_told_as_such(some: Library) -> None:
    some.rig.sandbox.options(delete_status=200)
    some.drop("article-000.md")
    result = some.bring(delete_missing=True)
    assert (result["counts"], result["still_answering"]) == ({"unchanged": 5, "deleted": 1}, 0)


@both
def test_all_of_it_in_one_night(some: Library) -> None:
    some.put("article-000.md", "Changed.")
    some.move("article-001.md", "moved.md")
    some.drop("article-002.md")
    some.put("new.md", "New.")
    some.put("eu/prices.csv", "a,b\n3,4\n")
    result = some.bring(delete_missing=True)
    assert some.is_equal()
    assert result["counts"] == {
        "created": 1,
        "updated": 2,
        "renamed": 1,
        "unchanged": 2,
        "delete_accepted": 1,
        "superseded": 1,
    }
    assert some.bring(delete_missing=True)["counts"] == {"unchanged": 6}


# --- pages ---------------------------------------------------------------------------------------------------


def page(version: str, key: str = "faq") -> list[Document]:
    return [Document(key=key, url=PAGE, version=version)]


@both
def test_a_page_is_read_again_when_its_version_changes_and_at_no_other_time(library: Library) -> None:
    library.rig.sandbox.options(delete_status=200)
    library.bring(page("1"))
    (first,) = library.ours()
    assert library.bring(page("1"))["counts"] == {"unchanged": 1}
    result = library.bring(page("2"))
    assert (library.written, result["counts"]) == ({"DELETE": 1, "POST": 1}, {"updated": 1})
    (second,) = library.ours()
    assert (second.title, second.usable, second.id != first.id) == ("faq", True, True)


def test_a_page_that_the_vendor_has_not_let_go_of_waits_for_a_later_run(library: Library) -> None:
    library.rig.sandbox.options(delete_seconds=60)
    library.bring(page("1"))
    ended = library.run(page("2"))
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert "pending_delete" in ended.told
    library.rig.sandbox.advance(60)
    library.bring(page("2"))
    assert [entry.usable for entry in library.ours()] == [True]


def test_a_page_that_moves_to_another_key_takes_its_place(library: Library) -> None:
    library.rig.sandbox.options(delete_status=200)
    library.bring(page("1"))
    library.bring(page("2", key="questions"), delete_missing=True)
    assert [(entry.title, entry.usable) for entry in library.ours()] == [("questions", True)]


# --- other people's entries ----------------------------------------------------------------------------------


@both
def test_nobody_elses_entry_is_ever_touched(some: Library) -> None:
    some.seed("By hand")
    some.seed("article-000.md")
    some.seed("Cut off [kb~main.abcdefghij.abcd")
    some.seed(some.marked("Of another sync", "article-000.md", "x", sync_id="other"))
    some.seed(some.marked("Of a longer name", "article-000.md", "x", sync_id="main-2"))
    some.seed("Stuck", status="RAW_TEXT")
    some.seed("Failed", status="UNPROCESSABLE", error="odd")
    before = some.theirs()
    assert len(before) == 8
    for number in range(4):
        some.put(f"article-{number:03}.md", f"Changed {number}.")
    some.drop("terms.html")
    some.put("eu/prices.csv", "a,b\n3,4\n")
    some.bring(delete_missing=True)
    assert some.is_equal()
    assert some.theirs() == before


def test_two_syncs_share_a_replica(library: Library, tmp_path: Path) -> None:
    other = Library(library.rig, tmp_path / "other", library.deferrable)
    library.put_many(3)
    other.put_many(2)
    library.bring(delete_missing=True, max_deletes="100%")
    other.bring(delete_missing=True, max_deletes="100%", sync_id="other")
    library.put("article-000.md", "Changed.")
    library.bring(delete_missing=True, max_deletes="100%")
    assert library.is_equal()
    assert {entry.title: entry.text for entry in library.ours("other")} == other.wanted


@both
def test_what_was_created_by_hand_is_taken_over_by_its_title_once(library: Library) -> None:
    library.put("Opening hours.md", "We open at nine.")
    mine = library.seed("Opening hours.md", "We open at ten.")
    twins = [library.seed("Twice.md"), library.seed("Twice.md")]
    library.put("Twice.md", "Which one?")
    result = library.bring(adopt="title")
    assert result["counts"] == {"updated": 1, "created": 1}
    taken = {entry.title: entry for entry in library.ours()}
    assert (taken["Opening hours.md"].id, taken["Opening hours.md"].text) == (mine, "We open at nine.")
    assert taken["Twice.md"].id not in twins
    assert set(twins) <= {entry.id for entry in library.theirs()}
    assert library.bring(adopt="title")["counts"] == {"unchanged": 2}


# --- what the next task gets ---------------------------------------------------------------------------------


def events(library: Library, **arguments: Any) -> list[Any]:
    """The asset events that one sync through an alias brings about."""
    task = library.task(outlets=[AssetAlias("bases")], **arguments)
    assert task.to_the_end().state == "success"
    done = [message for message in task.supervisor.sent if type(message).__name__ == "SucceedTask"]
    return list(done[-1].outlet_events)


@both
def test_the_replicas_asset_hears_of_a_change_and_of_nothing_else(library: Library) -> None:
    library.put_many(2)
    (told,) = events(library)
    assert told["dest_asset_key"]["uri"] == knowledge_base_asset(library.rig.sandbox.replica_uuid).uri
    assert told["extra"]["counts"] == {"created": 2}
    assert events(library) == []
    assert events(library, dry_run=True) == []
    library.drop("article-000.md")
    assert events(library) == []
    (told,) = events(library, delete_missing=True)
    assert told["extra"]["counts"] == {"unchanged": 1, "delete_accepted": 1}


@both
def test_every_outcome_is_told_in_the_report_and_the_counts_add_up(some: Library, tmp_path: Path) -> None:
    some.put("article-000.md", "Changed.")
    some.drop("article-001.md")
    some.put("bad.md", b"\xff")
    some.put("empty.md", "")
    some.put("eu/prices.csv", "a,b\n3,4\n")
    result = some.bring(delete_missing=True, report=f"file://{tmp_path}/out/report.jsonl")
    run, lines = report_of(tmp_path / "out" / "report.jsonl")
    assert run == result
    outcomes = [line["outcome"] for line in lines]
    assert {name: outcomes.count(name) for name in outcomes} == result["counts"]
    of_documents = [line["key"] for line in lines if line["outcome"] not in ("delete_accepted", "superseded")]
    assert sorted(of_documents) == sorted(some.wanted)
    told = {line["key"]: line for line in lines if line["outcome"] == "skipped"}
    assert told["bad.md"]["reason"].startswith("undecodable")
    assert told["empty.md"]["reason"] == "empty"


def test_a_sync_that_does_not_wait_says_what_is_on_its_way_and_deletes_what_left(some: Library) -> None:
    some.put("article-000.md", "Changed.")
    some.put("eu/prices.csv", "a,b\n3,4\n")
    some.drop("terms.html")
    some.rig.sandbox.options(raw_text_seconds=30)
    ended = some.run(wait_for_completion=False, delete_missing=True)
    assert ended.state == "success"
    assert (ended.result["status"], ended.result["ended"]) == ("in_work", False)
    assert some.written["DELETE"] == 1  # not the old versions of what is on its way
    assert some.looks == []
    some.rig.sandbox.advance(60)
    result = some.bring(delete_missing=True)
    assert some.is_equal()
    assert some.written == {"DELETE": 2}  # a text that nobody waits for is not written over either
    assert result["counts"] == {"unchanged": 5, "superseded": 2}
