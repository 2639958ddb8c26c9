"""What a sync keeps, whatever the source, the vendor, the workers and people do: each was lost once."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow.sdk.definitions.asset import AssetAlias

from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.http.client import AsyncClient
from airflow_provider.operators.sendkit import SendKitSyncDocumentsOperator
from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator
from airflow_provider.sources import Document, Query
from airflow_provider.sources.files import StoredFile
from airflow_provider.sources.values import Skip, UnusableError
from airflow_provider.sync import run as syncs
from airflow_provider.sync.mark import Mark, digest_of, key_hash, write_title
from tests.integration.rig import ENTRIES, Rig
from tests.integration.syncing import MODES, Library
from tests.integration.task import Outcome, Supervisor, TaskUnderTest, new_dag

both = pytest.mark.parametrize("deferrable", MODES)

LIST = "list knowledge-base entries"


def bent(change: Callable[[Any, Any], Any]) -> Any:
    """Let something change each answer of the vendor before the worker gets it."""
    real = AsyncClient.send

    async def send(self: AsyncClient, call: Any, **more: Any) -> Any:
        return change(call, await real(self, call, **more))

    return mock.patch.object(AsyncClient, "send", send)


def well_again(library: Library) -> Any:
    """Let the vendor process no text that is written over another, and each that is new."""

    real = AsyncClient.send

    async def send(self: AsyncClient, call: Any, **more: Any) -> Any:
        if call.method in ("PATCH", "POST"):
            outcome = "UNPROCESSABLE" if call.method == "PATCH" else "READY"
            library.rig.sandbox.options(entry_outcome=outcome)
        return await real(self, call, **more)

    return mock.patch.object(AsyncClient, "send", send)


def to_its_end(task: TaskUnderTest, most: int = 6) -> Outcome:
    """Run a task, and resume it a few times at most."""
    outcome = task.run()
    for _ in range(most):
        if not outcome.deferred:
            break
        outcome = task.resume(task.fire())
    return outcome


# --- parts of a source ---------------------------------------------------------------------------------------


def test_mapped_parts_of_equal_texts_keep_one_entry_each(library: Library) -> None:
    """None of them claims to know the whole source, so none takes an entry over as renamed."""
    for _ in range(2):
        for shop in ("berlin", "paris", "rome"):
            library.bring([Document(key=shop, title=shop, text="Opening soon.")])
    assert library.said == dict.fromkeys(("berlin", "paris", "rome"), "Opening soon.")


def test_what_an_append_only_source_told_yesterday_stays(library: Library) -> None:
    for day in ("2026-01-01", "2026-01-02"):
        library.bring([Document(key=day, text="No incidents today.")])
    assert sorted(library.said) == ["2026-01-01", "2026-01-02"]


def test_a_part_leaves_alone_what_another_part_is_uploading(library: Library) -> None:
    place = f"sensay:{library.rig.sandbox.replica_uuid}"
    mark = Mark("main", key_hash(place, "big.pdf"), digest_of("file", b"x", ".pdf"))
    hook = SensayHook("sensay_default")
    receipt = hook.create_file(
        library.rig.sandbox.replica_uuid, "big.pdf", title=write_title("big.pdf", mark)
    )
    other = receipt.results[0].knowledge_base_id
    library.run([Document(key="mine", text="Mine.")], stall_timeout=5)
    assert other in [entry.id for entry in library.entries]


def test_a_mapped_sync_runs_one_instance_at_a_time() -> None:
    with new_dag():
        plain = SensaySyncKnowledgeBaseOperator(task_id="a", replica_uuid="x", documents="s3://b/*")
        mapped = SensaySyncKnowledgeBaseOperator.partial(task_id="b", documents="s3://b/*").expand(
            replica_uuid=["1", "2"]
        )
        chosen = SensaySyncKnowledgeBaseOperator.partial(
            task_id="c", documents="s3://b/*", max_active_tis_per_dag=8
        ).expand(replica_uuid=["1", "2"])
    assert [each.max_active_tis_per_dag for each in (plain, mapped, chosen)] == [1, 1, 8]


def test_another_source_of_the_same_sync_id_is_noticed_before_its_documents_go(
    library: Library, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for number in range(5):
        (other / f"faq-{number}.md").write_text(f"FAQ {number}")
    library.put_many(20)
    library.bring()
    library.bring(f"file://{other}/*")
    ended = library.run(delete_missing=True)
    assert ended.verdict == ("failed", "DeletionRefusedError")
    assert "came from another source (faq-" in ended.told
    assert library.written == {}
    assert len(library.ours()) == 25
    library.bring(f"file://{other}/*", sync_id="faq", adopt_from="main")  # as the message says
    library.bring(delete_missing=True)
    assert len(library.ours()) == 20
    assert len(library.ours("faq")) == 5


@both
def test_a_part_of_a_mapped_task_deletes_nothing_of_another_part(library: Library, deferrable: bool) -> None:
    parts = [
        [Document(key=f"{part}-{n}", text=f"{part} {n}") for n in range(size)]
        for part, size in enumerate((12, 3))
    ]

    def run(part: int, **arguments: Any) -> Outcome:
        make = library.make(parts[part], delete_missing=True, deferrable=deferrable, **arguments)
        return TaskUnderTest(make, map_index=part).to_the_end()

    assert run(1).verdict == ("success", None)
    ended = run(0)
    assert ended.verdict == ("failed", "DeletionRefusedError")
    assert "3 entries of this sync_id came from another source" in ended.told
    for _ in range(2):
        for part in (0, 1):
            assert run(part, sync_id=f"shops-{part}").verdict == ("success", None)
    parts[0].pop()
    assert run(0, sync_id="shops-0").result["counts"] == {"unchanged": 11, "delete_accepted": 1}


def test_two_lists_of_one_sync_id_are_two_sources(library: Library) -> None:
    def run(task_id: str, keys: str, **arguments: Any) -> Outcome:
        documents = [Document(key=key, text=f"Text of {key}") for key in keys]
        return library.run(documents, task_id=task_id, **arguments)

    assert run("many", "abcdefghijkl").state == "success"
    assert run("few", "z").state == "success"
    assert run("many", "abcdefghijkl", delete_missing=True).verdict == ("failed", "DeletionRefusedError")
    assert len(library.ours()) == 13


def test_texts_that_are_alike_are_not_deleted_beyond_the_limit(library: Library) -> None:
    shops = [Document(key=f"shop-{n}", title=f"Shop {n}", text="Opening soon.") for n in range(20)]
    library.bring(shops)
    ended = library.run(shops[:1], delete_missing=True)
    assert ended.verdict == ("failed", "DeletionRefusedError")
    assert (library.written, len(library.ours())) == ({}, 20)


def test_a_source_that_moved_elsewhere_is_no_other_source(library: Library, tmp_path: Path) -> None:
    library.put_many(8)
    library.bring(delete_missing=True)
    library.folder.rename(tmp_path / "moved")
    moved = Library(library.rig, tmp_path / "moved")
    moved.drop("article-003.md")
    assert moved.bring(delete_missing=True)["counts"] == {"unchanged": 7, "delete_accepted": 1}


@both
def test_a_sync_is_renamed_without_a_twin_and_split(library: Library, deferrable: bool) -> None:
    library.put_many(4)
    library.bring(sync_id="old")
    library.put("article-000.md", "Changed on the way.")
    library.drop("article-003.md")
    counts = library.bring(sync_id="new", adopt_from="old", deferrable=deferrable, delete_missing=True)[
        "counts"
    ]
    assert counts == {"updated": 1, "renamed": 2}
    assert len(library.ours("new")) == 3
    assert [entry.title for entry in library.ours("old")] == ["article-003.md"]
    assert library.bring(sync_id="new", adopt_from="old")["outcome"] == "skipped"


# --- texts that are written over -----------------------------------------------------------------------------


@both
def test_a_text_that_the_vendor_cannot_process_is_rolled_back(library: Library, deferrable: bool) -> None:
    library.put_many(3)
    library.bring()
    library.put("article-001.md", "A text that breaks the vendor.")
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    with well_again(library):
        ended = library.run(deferrable=deferrable)
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert "1 rolled_back" in ended.told
    live = {entry.title: entry.text for entry in library.ours() if entry.usable}
    assert live["article-001.md"] == "Text of article 1."


def test_an_old_text_that_could_not_be_brought_back_is_brought_back_by_a_retry(library: Library) -> None:
    library.put("a.md", "Good.")
    library.bring()
    library.put("a.md", "Bad.")
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    task = library.task()
    ended = task.to_the_end()
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert "nor could the old text be brought back yet" in ended.told
    library.rig.sandbox.options(entry_outcome="READY")
    task.retry().to_the_end()
    assert [entry.text for entry in library.ours() if entry.usable] == ["Good."]


def test_an_old_text_that_could_not_be_brought_back_is_brought_back_on_another_night(
    library: Library,
) -> None:
    """The vendor processes nothing for a whole night: it holds the old text still, in an entry that failed."""
    library.put("a.md", "Good.")
    library.bring()
    library.put("a.md", "Bad.")
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    library.run()
    library.rig.sandbox.options(entry_outcome="READY")
    assert library.run().state == "failed"
    assert [entry.text for entry in library.ours() if entry.usable] == ["Good."]
    assert library.run().state == "failed"
    assert library.written == {}
    library.put("a.md", "Good again.")
    library.bring()
    library.bring()
    assert library.said == {"a.md": "Good again."}


def test_a_document_that_never_answered_is_not_sent_night_after_night(library: Library) -> None:
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    for number in range(3):
        library.put("a.md", f"Bad {number}.")
        library.run()
    for _ in range(2):
        library.run()
    assert library.written == {}
    assert len(library.ours()) <= 3


def test_what_was_rolled_back_is_not_sent_again_until_it_changes(library: Library) -> None:
    library.put("a.md", "Good.")
    library.bring()
    library.put("a.md", "Bad.")
    with well_again(library):
        assert library.run().verdict == ("failed", "DocumentsFailedForGoodError")
    library.rig.sandbox.options(entry_outcome="READY")
    assert library.run().verdict == ("failed", "DocumentsFailedForGoodError")
    assert library.written == {}
    library.put("a.md", "Good again.")
    library.bring()
    assert {entry.text for entry in library.ours() if entry.usable} == {"Good again."}
    library.bring()
    assert library.said == {"a.md": "Good again."}


def test_a_text_that_the_vendor_shows_in_part_is_replaced_and_not_written_over(library: Library) -> None:
    library.rig.sandbox.options(truncate_raw_text=10)
    library.put("a.md", "A long text, of which a read shows a part.")
    library.bring()
    before = library.entry("a.md").id
    library.put("a.md", "Another long text, of which a read shows a part.")
    library.bring()
    assert library.entry("a.md").id != before
    assert library.written["PATCH"] == 0


def test_nothing_is_written_over_where_nobody_waits_for_the_end(library: Library) -> None:
    library.put("a.md", "Old.")
    library.bring()
    library.put("a.md", "New.")
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    library.run(wait_for_completion=False)
    library.rig.sandbox.advance(60)
    assert [entry.text for entry in library.ours() if entry.usable] == ["Old."]


def test_a_text_costs_one_read_more_when_it_changes(library: Library) -> None:
    library.put_many(5)
    library.bring()
    library.put("article-000.md", "New 0.")
    library.put("article-001.md", "New 1.")
    library.bring()
    singles = [
        each["path"] for each in library.asked if each["method"] == "GET" and "pageSize" not in each["query"]
    ]
    assert library.written == {"PATCH": 2}
    assert len(singles) <= 2 + 5  # one each before the write; the others wait for a sign of it


def test_not_every_text_is_written_over_in_one_night_unless_somebody_says_so(library: Library) -> None:
    library.put_many(20)
    library.bring()
    for number in range(20):
        library.put(f"article-{number:03}.md", f"<html>502 Bad Gateway {number}</html>")
    ended = library.run()
    assert ended.verdict == ("failed", "ChangesRefusedError")
    assert "20 of 20 live documents would get another content; max_changes=50% allows 10" in ended.told
    assert library.written == {}
    dry = library.run(dry_run=True).result
    assert "max_changes" in dry["refused"]
    assert library.bring(max_changes="100%")["counts"]["updated"] == 20


def test_a_few_texts_may_all_change(library: Library) -> None:
    library.put_many(10)
    library.bring()
    for number in range(10):
        library.put(f"article-{number:03}.md", f"New {number}")
    assert library.bring()["counts"]["updated"] == 10


@pytest.mark.parametrize("allowed", [0, 3, "3"])
def test_a_number_of_changes_is_exact(library: Library, allowed: object) -> None:
    library.put_many(5)
    library.bring()
    for number in range(4):
        library.put(f"article-{number:03}.md", f"New {number}")
    assert library.run(max_changes=allowed).verdict == ("failed", "ChangesRefusedError")


# --- titles --------------------------------------------------------------------------------------------------


@both
def test_a_title_that_the_vendor_cuts_in_a_patch_loses_no_entry(library: Library, deferrable: bool) -> None:
    library.bring([Document(key="a", title="Short", text="Old.")])
    number = library.entry("Short").id
    library.rig.sandbox.options(patch_title_cut=60)
    long = "A title so long that no mark stays behind it where titles are cut"
    ended = library.run([Document(key="a", title=long, text="New.")], deferrable=deferrable)
    assert ended.verdict == ("success", None), ended.told
    assert [(entry.id, entry.title, entry.text) for entry in library.ours()] == [(number, "Short", "New.")]
    library.bring([Document(key="a", title="Short", text="New.")])
    assert library.written == {}


def test_a_vendor_that_respells_titles_gets_no_patch_and_fires_no_event_each_night(library: Library) -> None:
    documents = [Document(key="a", title="Terms & prices", text="One."), Document(key="b", text="B")]

    def respelt(call: Any, answer: Any) -> Any:
        if call.name != LIST:
            return answer
        items = tuple(replace(e, title=(e.title or "").replace("&", "&amp;")) for e in answer.items)
        return replace(answer, items=items)

    with bent(respelt):
        library.bring(documents)
        for _ in range(2):
            assert library.bring(documents)["outcome"] == "skipped"
            assert library.written == {}


def test_a_title_that_the_vendor_will_not_keep_is_given_up_after_one_try(library: Library) -> None:
    library.bring([Document(key="a", title="Old", text="One.")])

    def stubborn(call: Any, answer: Any) -> Any:
        if call.name != LIST:
            return answer
        items = tuple(replace(e, title=(e.title or "").replace("New", "Old")) for e in answer.items)
        return replace(answer, items=items)

    with bent(stubborn):
        result = library.bring([Document(key="a", title="New", text="One.")])
    assert (result["counts"], result["outcome"], library.written) == (
        {"unchanged": 1},
        "skipped",
        {"PATCH": 1},
    )


def test_a_page_is_known_however_the_vendor_spells_its_address(library: Library) -> None:
    library.rig.sandbox.options(delete_status=200)

    def respelt(call: Any, answer: Any) -> Any:
        if call.name != LIST:
            return answer
        return replace(answer, items=tuple(replace(e, url=e.url and e.url + "/") for e in answer.items))

    with bent(respelt):
        for version, counts in (("1", "created"), ("2", "updated"), ("2", "unchanged")):
            page = Document(key="home", url="https://www.example.com", version=version)
            assert library.bring([page])["counts"] == {counts: 1}


def test_a_copy_made_by_hand_never_replaces_its_original(library: Library) -> None:
    library.put("a.md", "Ours.")
    library.bring()
    original = library.entry("a.md").id
    library.rig.sandbox.seed(
        entries=[{"title": library.marked("a.md", "a.md", "Ours."), "rawText": "Edited.", "status": "READY"}]
    )
    library.bring()
    assert [(entry.id, entry.text) for entry in library.ours()] == [(original, "Ours.")]


def test_an_entry_whose_title_was_edited_behind_the_mark_is_named(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody may delete it: it may be somebody's copy. But it goes on answering."""
    library.put_many(3)
    library.bring()
    entry = library.entry("article-001.md")
    title = library.marked("article-001.md", "article-001.md", "Text of article 1.")
    library.rig.sandbox.set_entry(entry.id, title=f"{title} (copy)")
    capsys.readouterr()
    assert library.bring(delete_missing=True)["counts"] == {"unchanged": 2, "created": 1}
    assert (
        f"Entries [{entry.id}] bear a mark of sync 'main' that is not at the end" in capsys.readouterr().out
    )
    assert entry.id in [each.id for each in library.entries]


# --- the vendor's list ---------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("shown", [0, 4])
def test_a_search_that_leaves_out_what_is_there_sends_nothing_again(
    library: Library, shown: int, deferrable: bool
) -> None:
    library.put_many(20)
    library.bring()
    before = library.ours()
    seen: list[int] = []

    def short(call: Any, answer: Any) -> Any:
        if call.name == LIST and "search" in call.query and call.query.get("pageSize") != "0" and not seen:
            seen.append(1)
            return replace(answer, items=answer.items[:shown], total=shown)
        return answer

    with bent(short):
        result = library.bring(delete_missing=True, deferrable=deferrable)
    assert result["counts"] == {"unchanged": 20}
    assert (library.written, library.ours()) == ({}, before)


@both
def test_a_search_that_leaves_out_what_is_to_be_taken_over_makes_no_twin(
    library: Library, deferrable: bool
) -> None:
    library.put_many(6)
    library.bring(sync_id="old")

    def blind(call: Any, answer: Any) -> Any:
        if call.name == LIST and "kb~old." in str(call.query.get("search")):
            return replace(answer, items=(), total=0)
        return answer

    with bent(blind):
        result = library.bring(sync_id="new", adopt_from="old", deferrable=deferrable)
    assert (result["counts"], len(library.entries)) == ({"renamed": 6}, len(library.theirs("new")) + 6)
    assert library.ours("old") == []


def test_an_entry_that_the_list_leaves_out_in_the_middle_of_a_run_is_not_created_again(
    library: Library,
) -> None:
    library.put_many(3)
    library.bring()
    library.rig.sandbox.options(stale_ready=1)
    library.put("article-000.md", "New 0.")
    library.put("article-001.md", "New 1.")
    patched: list[str] = []

    def late(call: Any, answer: Any) -> Any:
        if call.method == "PATCH":
            patched.append(call.path.rsplit("/", 1)[-1])
        if call.name == LIST and call.query.get("pageSize") == "100" and len(patched) == 2:
            patched.append("once")
            items = tuple(each for each in answer.items if str(each.id) not in patched)
            return replace(answer, items=items, total=len(items))
        return answer

    with bent(late):
        result = library.bring()
    assert result["counts"]["updated"] == 2
    assert library.is_equal()
    assert library.written["POST"] == 0


def test_pages_that_overlap_are_read_the_other_way_round(library: Library) -> None:
    """Entries made in the same instant have no order: one may stand on two pages, and another on none."""
    library.put_many(120)
    library.bring()

    def overlapping(call: Any, answer: Any) -> Any:
        if call.name == LIST and call.query.get("sortOrder") == "asc" and call.query.get("page") == "2":
            return replace(answer, items=answer.items[1:])
        return answer

    with bent(overlapping):
        assert library.bring()["counts"] == {"unchanged": 120}


# --- versions ------------------------------------------------------------------------------------------------


def test_old_versions_go_though_nobody_waits_and_something_changes_each_night(library: Library) -> None:
    for night in range(4):
        library.put("prices.csv", f"a,b\n{night},{night}\n")
        library.run(wait_for_completion=False, delete_missing=True)
        library.rig.sandbox.advance(60)
        assert len(library.ours()) <= 2
    assert len([entry for entry in library.ours() if entry.usable]) <= 2


def test_failed_versions_do_not_pile_up_and_the_good_one_stays(library: Library) -> None:
    library.put("prices.csv", "a,b\n0,0\n")
    library.bring()
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    for night in range(1, 5):
        library.put("prices.csv", f"a,b\n{night},{night}\n")
        library.run()
        assert sorted(entry.status for entry in library.ours()) == ["READY", "UNPROCESSABLE"]


@both
def test_one_bad_document_of_another_night_keeps_no_withdrawn_one_live(
    library: Library, deferrable: bool
) -> None:
    library.put_many(6)
    library.bring()
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    library.put("bad.pdf", b"%PDF broken")
    library.run()
    library.rig.sandbox.options(entry_outcome="READY")
    library.drop("article-000.md")
    ended = library.run(delete_missing=True, on_failed_documents="warn", deferrable=deferrable)
    assert ended.result["counts"] == {"unchanged": 5, "failed": 1, "delete_accepted": 1}


@pytest.mark.parametrize(("anyway", "outcome"), [(False, "delete_withheld"), (True, "delete_accepted")])
def test_a_file_that_could_not_be_read_withholds_deletions_unless_the_caller_says_otherwise(
    library: Library, anyway: bool, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.put_many(8)
    library.bring()
    library.drop("article-000.md")
    real = StoredFile.read

    def read(self: StoredFile, *arguments: Any) -> bytes:
        if self.name == "article-001.md":
            raise UnusableError(Skip.UNREADABLE, "Input/output error")
        return real(self, *arguments)

    monkeypatch.setattr(StoredFile, "read", read)
    ended = library.run(delete_missing=True, delete_on_failure=anyway, on_failed_documents="warn")
    assert ended.result["counts"].get(outcome) == 1, ended.result
    assert any(entry.title == "article-001.md" for entry in library.ours())


def test_a_reorganised_folder_of_an_agent_is_no_mass_deletion(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "kb"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.pdf").write_bytes(b"%PDF " + str(number).encode())
    rig.sandbox.set_agent(documents=[])

    def make() -> SendKitSyncDocumentsOperator:
        return SendKitSyncDocumentsOperator(
            task_id="sync",
            agent_id=rig.sandbox.agent_id,
            documents=f"file://{folder}/**/*",
            delete_missing=True,
            poll_interval=0.5,
            start_grace=2,
        )

    assert TaskUnderTest(make).to_the_end().state == "success"
    (folder / "eu").mkdir()
    for number in range(6):
        (folder / f"{number}.pdf").rename(folder / "eu" / f"{number}.pdf")
    ended = TaskUnderTest(make).to_the_end()
    assert ended.verdict == ("success", None), ended.told
    assert ended.result["counts"] == {"created": 6, "deleted": 6}


def test_moved_files_of_equal_content_are_no_mass_deletion(library: Library) -> None:
    for number in range(6):
        library.put(f"{number}.csv", "a,b\n1,2\n")
    library.bring(delete_missing=True)
    for number in range(6):
        library.move(f"{number}.csv", f"moved-{number}.csv")
    library.bring(delete_missing=True)
    assert library.is_equal()


# --- a source that moves while the task is deferred ------------------------------------------------------------


@both
def test_a_text_that_differs_at_each_reading_is_sent_once_in_either_mode(
    library: Library, deferrable: bool
) -> None:
    calls: list[int] = []

    def documents() -> list[Document]:
        calls.append(1)
        return [Document(key="status", text=f"As of call {len(calls)} all is well.")]

    library.deferrable = deferrable
    library.rig.sandbox.options(raw_text_seconds=8)
    library.forget()
    outcome = to_its_end(library.task(documents, timeout=600))
    assert outcome.verdict == ("success", None), outcome.told
    assert library.written == {"POST": 1}
    assert outcome.result["counts"] == {"created": 1}
    assert outcome.result["status"] == "in_sync"


@both
def test_a_busy_table_ends_with_what_it_began_with(
    library: Library, tmp_path: Path, deferrable: bool
) -> None:
    place = tmp_path / "a.db"
    os.environ["AIRFLOW_CONN_ARTICLES"] = json.dumps({"conn_type": "sqlite", "host": str(place)})
    with closing(sqlite3.connect(place)) as table:
        table.execute("create table a (id text, body text)")
        table.executemany("insert into a values (?,?)", [(f"k{n}", f"Text {n}") for n in range(6)])
        table.commit()
        library.deferrable = deferrable
        library.rig.sandbox.options(raw_text_seconds=8)
        task = library.task(
            Query("SELECT id AS key, body AS text FROM a", "articles"), timeout=600, delete_missing=True
        )
        outcome = task.run()
        for number in range(4):
            if not outcome.deferred:
                break
            event = task.fire()
            table.execute("update a set body = ? where id = ?", (f"Edited {number}", f"k{number}"))
            table.execute("delete from a where id = 'k5'")
            table.execute("insert into a values (?, 'New')", (f"n{number}",))
            table.commit()
            outcome = task.resume(event)
    assert outcome.verdict == ("success", None), outcome.told
    assert library.written == {"POST": 6}
    assert sorted(library.said) == [f"k{n}" for n in range(6)]


def test_what_was_given_up_is_told_of_no_other_document(library: Library) -> None:
    place = f"sensay:{library.rig.sandbox.replica_uuid}"
    order = sorted((f"d{n}" for n in range(40)), key=lambda key: key_hash(place, key))
    gone, bad, innocent, rest, new = order[0], order[1], order[2], order[3:8], order[20]
    keys = [gone, bad, innocent, *rest]

    def documents() -> Iterator[Document]:
        for key in keys:
            if key == bad:
                yield Document(key=key, url="https://docs.google.com/document/d/1")
            else:
                yield Document(key=key, text=f"Text of {key}.")

    library.deferrable = True
    library.rig.sandbox.options(raw_text_seconds=8)
    task = library.task(documents, on_failed_documents="warn")
    task.run()
    event = task.fire()
    keys[:] = [bad, innocent, *rest, new]
    outcome = task.resume(event)
    assert outcome.verdict == ("success", None), outcome.told
    assert [each["key"] for each in outcome.result["failed"]] == [bad]


def test_a_worker_that_sees_other_files_sends_nothing_and_says_which_worker_saw_what(
    library: Library,
) -> None:
    library.put_many(6)
    library.bring()
    old = dict(library.wanted)
    for number in range(3):
        library.put(f"article-{number:03}.md", f"Newer {number}.")
    library.rig.sandbox.options(raw_text_seconds=8)
    task = library.task(deferrable=True, delete_missing=True)
    assert task.run().deferred
    event = task.fire()
    for name, text in old.items():  # the other worker's copy is older, and lacks one
        library.put(name, text)
    library.drop("article-005.md")
    before = library.ours()
    library.forget()
    with mock.patch.object(syncs, "_worker", return_value="w2"):
        outcome = task.resume(event)
    assert outcome.verdict == ("up_for_retry", "SourceIncompleteError")
    assert "the source on worker w2 is not the one that worker" in outcome.told
    assert library.written == {}
    assert [entry.id for entry in library.ours()] == [entry.id for entry in before]


# --- plans and approvals -------------------------------------------------------------------------------------


def test_a_plan_is_named_by_titles_and_methods_too(library: Library) -> None:
    documents = [Document(key="a", title="Prices", text="One."), Document(key="b", text="B")]
    library.bring(documents)

    def name(document: Document, **arguments: Any) -> str:
        return str(library.run([document, documents[1]], dry_run=True, **arguments).result["plan"])

    approved = name(Document(key="a", title="Prices 2026", text="One."))
    beer = Document(key="a", title="FREE BEER", text="One.")
    names = {
        approved,
        name(beer),
        name(Document(key="a", title="Prices", text="Two.")),
        name(Document(key="a", title="Prices", text="Two."), strategy="replace"),
    }
    assert len(names) == 4
    ended = library.run([beer, documents[1]], expect_plan=approved)
    assert ended.verdict == ("failed", "PlanChangedError")
    assert library.written == {}


def test_an_approval_ends_with_its_cycle(library: Library) -> None:
    library.put_many(4)
    plan = library.run(dry_run=True, delete_missing=True).result["plan"]
    apply = library.task(expect_plan=plan, delete_missing=True, max_deletes="50%")
    assert apply.to_the_end().state == "success"
    library.put("new-1.md", "N1")
    library.put("new-2.md", "N2")
    library.bring()
    library.drop("new-1.md")
    library.drop("new-2.md")
    ended = apply.clear().to_the_end()
    assert ended.verdict == ("failed", "PlanChangedError")
    assert len(library.ours()) == 6


# --- time ----------------------------------------------------------------------------------------------------


@both
def test_a_timeout_holds_while_documents_are_sent(library: Library, deferrable: bool) -> None:
    library.put_many(3)
    library.rig.sandbox.fault("status", status=429, method="POST", path=ENTRIES, times=1, retry_after=600)
    ended = library.run(timeout=20, concurrency=1, deferrable=deferrable)
    assert ended.verdict == ("up_for_retry", "RefreshTimeoutError")
    library.rig.sandbox.clear_faults()
    library.bring()
    assert library.is_equal()


@both
def test_a_grace_that_is_no_shorter_than_the_timeout_hides_no_verdict(
    library: Library, deferrable: bool
) -> None:
    library.put("a.pdf", b"%PDF broken")
    library.rig.sandbox.options(entry_outcome="UNPROCESSABLE")
    ended = library.run(timeout=30, start_grace=60, on_failed_documents="warn", deferrable=deferrable)
    assert ended.verdict == ("success", None), ended.told
    assert ended.result["counts"] == {"failed": 1}


# --- events, reports -----------------------------------------------------------------------------------------


def events(outcome: Outcome) -> int:
    return len(outcome.message.outlet_events or ())


def test_a_change_that_a_killed_try_made_is_told_by_the_next_one(library: Library) -> None:
    from tests.integration.task import Killed

    library.put_many(3)
    supervisor = Supervisor()

    def die(message: Any) -> None:
        if type(message).__name__ == "SetXCom" and message.key == "plan":
            raise Killed

    supervisor.before = die
    task = TaskUnderTest(library.make(outlets=[AssetAlias("kb")]), supervisor=supervisor, retries=3)
    assert task.to_the_end().state == "killed"
    supervisor.before = lambda message: None
    ended = task.retry().to_the_end()
    assert (ended.result["outcome"], events(ended)) == ("refreshed", 1)
    again = TaskUnderTest(library.make(outlets=[AssetAlias("kb")]), supervisor=supervisor).to_the_end()
    assert (again.result["outcome"], events(again)) == ("skipped", 0)


def test_a_failed_document_does_not_swallow_the_event_of_the_others(library: Library) -> None:
    library.put_many(3)
    library.put("bad.pdf", b"%PDF broken")
    library.rig.sandbox.fault("status", status=400, method="POST", path=ENTRIES, times=1)
    supervisor = Supervisor()
    make = library.make(outlets=[AssetAlias("kb")], concurrency=1)
    one = TaskUnderTest(make, supervisor=supervisor, retries=0).to_the_end()
    assert one.state == "failed"
    library.rig.sandbox.clear_faults()
    library.drop(min(set(library.wanted) - set(library.said)))
    next_night = TaskUnderTest(make, supervisor=supervisor).to_the_end()
    assert next_night.verdict == ("success", None)
    assert events(next_night) == 1


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_sent(library: Library) -> None:
    library.put_many(2)
    ended = library.run(report="file:///proc/nowhere/x.jsonl")
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "Nothing was sent" in ended.told
    assert library.written == {}


def test_a_report_that_can_be_written_no_more_at_the_end_is_a_warning(
    library: Library, tmp_path: Path
) -> None:
    library.put_many(2)
    place = tmp_path / "report.jsonl"

    def gone(call: Any, answer: Any) -> Any:
        if call.method == "POST" and place.is_file():
            place.unlink()
            place.mkdir()
        return answer

    with bent(gone):
        ended = library.run(report=f"file://{place}")
    assert ended.verdict == ("success", None)
