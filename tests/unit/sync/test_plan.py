"""What is to be done so that a knowledge base equals its source; one test for each thing that may be the case."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider.sources.values import Skip
from airflow_provider.sync.documents import Held, Kind, Wanted
from airflow_provider.sync.mark import UNSEEN
from airflow_provider.sync.planning import adopt
from tests.unit.sync.sides import held, key_of, plan, told, wanted

FILE, URL = Kind.FILE, Kind.URL
PAGE = "https://www.example.com/faq"


def rows(documents: list[Wanted], entries: list[Held], **given: Any) -> list[tuple[Any, ...]]:
    return told(plan(documents, entries, **given))


# --- new, the same, changed ----------------------------------------------------------------------------------


def test_nothing_on_both_sides_is_nothing_to_do() -> None:
    made = plan([], [])
    assert (made.rows, made.settled, made.live, list(made.lines())) == ((), True, 0, ["nothing at all"])


def test_what_the_vendor_lacks_is_created() -> None:
    assert rows([wanted("a")], []) == [("create", "a", None)]


@pytest.mark.parametrize("status", ["READY", "VECTOR_CREATED"])
def test_what_the_vendor_has_ready_is_left_alone(status: str) -> None:
    made = plan([wanted("a")], [held(1, "a", status=status)])
    assert told(made) == [("unchanged", "a", 1)]
    assert made.settled
    assert made.writes == ()


def test_a_changed_text_is_given_to_its_entry() -> None:
    assert rows([wanted("a", "two")], [held(1, "a", "one")]) == [("update", "a", 1, "patch")]


def test_a_changed_text_gets_a_new_entry_if_the_caller_says_replace() -> None:
    made = rows([wanted("a", "two")], [held(1, "a", "one")], strategy="replace")
    assert made == [("update", "a", 1, "replace")]


def test_a_changed_file_gets_a_new_entry() -> None:
    made = rows([wanted("a.pdf", "two", kind=FILE)], [held(1, "a.pdf", "one", kind=FILE)], strategy="update")
    assert made == [("update", "a.pdf", 1, "replace")]


@pytest.mark.parametrize(("now", "before"), [(FILE, Kind.TEXT), (Kind.TEXT, FILE), (Kind.TEXT, URL)])
def test_a_document_of_another_kind_gets_a_new_entry(now: Kind, before: Kind) -> None:
    assert rows([wanted("a", kind=now)], [held(1, "a", kind=before)]) == [("update", "a", 1, "replace")]


def test_the_same_page_in_another_version_is_deleted_and_created_since_the_vendor_takes_it_once() -> None:
    document = wanted("faq", "v2", kind=URL, url=PAGE)
    assert rows([document], [held(1, "faq", "v1", kind=URL, url=PAGE)]) == [("update", "faq", 1, "recreate")]


def test_another_page_under_the_same_key_gets_a_new_entry_first() -> None:
    document = wanted("faq", "v1", kind=URL, url=PAGE + "/new")
    assert rows([document], [held(1, "faq", "v0", kind=URL, url=PAGE)]) == [("update", "faq", 1, "replace")]


def test_a_page_that_moved_to_another_key_in_another_version_takes_its_entry_along() -> None:
    """Created beside the old entry it would be a conflict, every night."""
    document = wanted("new", "v2", kind=URL, url=PAGE)
    assert rows([document], [held(1, "old", "v1", kind=URL, url=PAGE)], delete_missing=True) == [
        ("update", "new", 1, "recreate")
    ]


def test_an_entry_that_failed_is_replaced_once_its_document_changed() -> None:
    made = rows([wanted("a", "two")], [held(1, "a", "one", "UNPROCESSABLE", error="odd")])
    assert made == [("update", "a", 1, "replace")]


# --- titles --------------------------------------------------------------------------------------------------


def test_another_title_is_a_rename() -> None:
    made = plan([wanted("a", title="New")], [held(1, "a", title="Old")])
    assert told(made) == [("rename", "a", 1)]
    assert made.rows[0].reason == "another title"


def test_another_title_and_another_text_are_one_write() -> None:
    made = rows([wanted("a", "two", title="New")], [held(1, "a", "one", title="Old")])
    assert made == [("update", "a", 1, "patch")]


def test_another_title_is_not_seen_where_a_vendor_cannot_change_it() -> None:
    made = rows([wanted("a", title="New")], [held(1, "a", title="Old")], patches=False)
    assert made == [("unchanged", "a", 1)]


def test_a_moved_document_keeps_its_entry() -> None:
    made = plan([wanted("new")], [held(1, "old")], delete_missing=True)
    assert told(made) == [("rename", "new", 1)]
    assert made.deletions == 0


def test_a_moved_document_that_changed_as_well_is_another_one() -> None:
    made = rows([wanted("new", "two")], [held(1, "old", "one")], delete_missing=True)
    assert made == [("create", "new", None), ("delete", "old", 1)]


@pytest.mark.parametrize(
    ("documents", "entries"),
    [(["x", "y"], ["old"]), (["x"], ["old", "older"]), (["x", "y"], ["old", "older"])],
)
def test_a_move_is_believed_only_if_it_is_one_to_one(documents: list[str], entries: list[str]) -> None:
    made = rows(
        [wanted(name) for name in documents],
        [held(n, name) for n, name in enumerate(entries, 1)],
        delete_missing=True,
    )
    assert made == [("create", name, None) for name in documents] + [
        ("delete", name, n) for n, name in enumerate(entries, 1)
    ]


@pytest.mark.parametrize(
    "entry",
    [
        held(1, "old", status="RAW_TEXT"),
        held(1, "old", status="UNPROCESSABLE"),
        held(1, "old", kind=FILE),
        held(1, "old", digest=UNSEEN),
    ],
)
def test_only_a_ready_entry_of_the_same_kind_and_content_is_moved(entry: Held) -> None:
    assert rows([wanted("new")], [entry])[0] == ("create", "new", None)


def test_no_entry_whose_write_is_in_doubt_is_moved() -> None:
    for doubt in ("doubted", "proving"):
        assert rows([wanted("new")], [held(1, "old")], **{doubt: frozenset({1})})[0] == (
            "create",
            "new",
            None,
        )


# --- on its way, stuck, failed -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["NEW", "RAW_TEXT", "PROCESSED_TEXT", "SOMETHING_NEW"])
def test_what_is_on_its_way_is_waited_for_and_not_created_again(status: str) -> None:
    made = plan([wanted("a")], [held(1, "a", status=status)])
    assert told(made) == [("pending", "a", 1)]
    assert not made.settled


def test_an_older_text_in_work_ends_first() -> None:
    made = plan([wanted("a", "two")], [held(1, "a", "one", "RAW_TEXT")])
    assert told(made) == [("update", "a", 1, "later")]
    assert made.writes == ()
    assert not made.settled


def test_an_older_file_in_work_is_not_waited_for() -> None:
    made = rows([wanted("a", "two", kind=FILE)], [held(1, "a", "one", "RAW_TEXT", kind=FILE)])
    assert made == [("update", "a", 1, "replace")]


def test_an_entry_stuck_with_an_error_is_written_again() -> None:
    entry = held(1, "a", status="RAW_TEXT", error="crawler")
    assert rows([wanted("a")], [entry]) == [("update", "a", 1, "patch")]
    assert rows([wanted("a", "two")], [entry]) == [("update", "a", 1, "patch")]


def test_an_entry_that_this_run_wrote_may_still_lose_its_error() -> None:
    entry = held(1, "a", status="RAW_TEXT", error="crawler")
    assert rows([wanted("a")], [entry], tried={key_of("a")}) == [("pending", "a", 1)]


def test_a_file_whose_upload_was_lost_is_removed_and_created() -> None:
    entry = held(1, "a.pdf", status="NEW", kind=FILE)
    made = plan([wanted("a.pdf", kind=FILE)], [entry])
    assert told(made) == [("create", "a.pdf", None), ("superseded", "a.pdf", 1)]
    assert made.deletions == 0


def test_a_lost_upload_never_takes_a_live_version_with_it() -> None:
    entries = [held(1, "a.pdf", "one", kind=FILE), held(2, "a.pdf", "two", "NEW", kind=FILE)]
    assert rows([wanted("a.pdf", "two", kind=FILE)], entries) == [
        ("update", "a.pdf", 1, "replace"),
        ("superseded", "a.pdf", 2),
    ]


def test_a_lost_upload_that_left_the_source_goes_only_if_the_source_is_whole() -> None:
    """Another part of the source may be uploading it this very moment."""
    entry = held(1, "a.pdf", status="NEW", kind=FILE)
    assert rows([], [entry], delete_missing=True) == [("superseded", "a.pdf", 1)]
    assert rows([], [entry]) == [("missing", "a.pdf", 1)]


def test_an_upload_of_this_very_run_is_on_its_way() -> None:
    entry = held(1, "a.pdf", status="NEW", kind=FILE)
    assert rows([wanted("a.pdf", kind=FILE)], [entry], fresh=False) == [("pending", "a.pdf", 1)]


def test_what_the_vendor_could_not_process_is_not_sent_again_every_night() -> None:
    made = plan([wanted("a")], [held(1, "a", status="UNPROCESSABLE", error="too odd")])
    assert told(made) == [("failed", "a", 1)]
    assert made.rows[0].reason == "UNPROCESSABLE: too odd"
    assert made.settled


def test_what_the_vendor_could_not_process_is_sent_again_on_request() -> None:
    entry = held(1, "a", status="UNPROCESSABLE")
    assert rows([wanted("a")], [entry], retry_failed="always") == [("update", "a", 1, "replace")]


def test_a_request_to_send_it_again_means_once_in_a_run() -> None:
    entries = [held(1, "a", status="UNPROCESSABLE"), held(2, "a", status="UNPROCESSABLE")]
    made = rows([wanted("a")], entries, retry_failed="always", tried={key_of("a")})
    assert made == [("failed", "a", 2), ("superseded", "a", 1)]


def test_the_old_version_of_a_failed_document_stays() -> None:
    entries = [held(1, "a.pdf", "one", kind=FILE), held(2, "a.pdf", "two", "UNPROCESSABLE", kind=FILE)]
    assert rows([wanted("a.pdf", "two", kind=FILE)], entries, delete_missing=True) == [("failed", "a.pdf", 2)]


def test_what_this_run_gave_up_is_failed_with_its_reason() -> None:
    made = plan([wanted("a", "two")], [held(1, "a")], given_up={key_of("a"): "no answer"})
    assert told(made) == [("failed", "a", 1)]
    assert made.rows[0].reason == "no answer"
    assert made.settled


def test_what_turned_out_ready_after_all_is_not_failed() -> None:
    assert rows([wanted("a")], [held(1, "a")], given_up={key_of("a"): "no answer"}) == [("unchanged", "a", 1)]


# --- writes that are not proven ------------------------------------------------------------------------------


def test_a_write_that_nothing_proves_yet_is_on_its_way() -> None:
    assert rows([wanted("a")], [held(1, "a")], proving=frozenset({1})) == [("pending", "a", 1)]


def test_a_write_that_an_earlier_try_was_cut_off_in_is_repeated() -> None:
    made = plan([wanted("a")], [held(1, "a")], doubted=frozenset({1}))
    assert told(made) == [("update", "a", 1, "patch")]
    assert "cut off" in made.rows[0].reason


def test_a_doubted_entry_in_work_shows_by_itself_that_it_works() -> None:
    made = rows([wanted("a")], [held(1, "a", status="RAW_TEXT")], doubted=frozenset({1}))
    assert made == [("pending", "a", 1)]


def test_a_write_that_cannot_be_proven_is_replaced_by_another_entry() -> None:
    made = rows([wanted("a")], [held(1, "a")], distrusted=frozenset({1}))
    assert made == [("update", "a", 1, "replace")]


def test_a_distrusted_entry_goes_once_the_other_is_ready() -> None:
    entries = [held(1, "a"), held(2, "a", status="RAW_TEXT")]
    assert rows([wanted("a")], entries, distrusted=frozenset({1})) == [("pending", "a", 2)]
    entries = [held(1, "a"), held(2, "a")]
    assert rows([wanted("a")], entries, distrusted=frozenset({1})) == [
        ("unchanged", "a", 2),
        ("superseded", "a", 1),
    ]


# --- twins ---------------------------------------------------------------------------------------------------


def test_of_twins_the_oldest_stays_since_the_others_may_be_copies_made_by_hand() -> None:
    entries = [held(9, "a"), held(10, "a"), held(8, "a")]
    assert rows([wanted("a")], entries) == [
        ("unchanged", "a", 8),
        ("superseded", "a", 10),
        ("superseded", "a", 9),
    ]


def test_of_twins_the_ready_one_stays() -> None:
    assert rows([wanted("a")], [held(1, "a"), held(2, "a", status="RAW_TEXT")]) == [
        ("unchanged", "a", 1),
        ("superseded", "a", 2),
    ]


def test_an_old_version_goes_only_once_the_new_one_is_ready() -> None:
    old, new = held(1, "a", "one", kind=FILE), held(2, "a", "two", "RAW_TEXT", kind=FILE)
    document = wanted("a", "two", kind=FILE)
    assert rows([document], [old, new]) == [("pending", "a", 2)]
    new = held(2, "a", "two", kind=FILE)
    assert rows([document], [old, new]) == [("unchanged", "a", 2), ("superseded", "a", 1)]


def test_what_is_superseded_is_removed_without_leave_to_delete() -> None:
    made = plan([wanted("a")], [held(1, "a"), held(2, "a")], delete_missing=False)
    assert made.deletions == 0
    assert [row.action for row in made.rows] == ["unchanged", "superseded"]


# --- gone, skipped -------------------------------------------------------------------------------------------


def test_what_left_the_source_stays_unless_the_caller_says_otherwise() -> None:
    made = plan([], [held(1, "a")])
    assert (told(made), made.deletions, made.settled) == ([("missing", "a", 1)], 0, True)


def test_what_left_the_source_is_deleted_if_the_caller_says_so() -> None:
    made = plan([], [held(1, "a"), held(2, "a"), held(3, "b")], delete_missing=True)
    assert told(made) == [("delete", "a", 1), ("delete", "a", 2), ("delete", "b", 3)]
    assert (made.deletions, made.live) == (2, 2)  # documents, not entries


def test_entries_that_failed_are_no_loss() -> None:
    made = plan([], [held(1, "a", status="UNPROCESSABLE")], delete_missing=True)
    assert (made.deletions, made.live) == (0, 0)


@pytest.mark.parametrize("skip", list(Skip))
def test_a_document_that_cannot_be_sent_is_not_absent(skip: Skip) -> None:
    made = plan([wanted("a", skip=skip)], [held(1, "a"), held(2, "a", "zero")], delete_missing=True)
    assert told(made) == [("kept_stale", "a", 2)]
    assert made.rows[0].reason == f"{skip}: so it is"
    assert made.deletions == 0
    assert rows([wanted("a", skip=skip)], []) == [("skipped", "a", None)]


# --- taking over ---------------------------------------------------------------------------------------------


def loose(number: int, title: str) -> Held:
    return held(number, "", title=title, digest=UNSEEN)


def test_an_entry_without_a_mark_is_taken_over_by_its_title() -> None:
    made = adopt(plan([wanted("a", title="Prices")], []), [loose(1, "Prices"), loose(2, "Other")])
    assert told(made) == [("adopt", "a", 1)]
    assert made.settled is False


def test_a_title_is_no_name_unless_it_is_one_to_one() -> None:
    two = adopt(plan([wanted("a", title="Prices")], []), [loose(1, "Prices"), loose(2, "Prices")])
    assert told(two) == [("create", "a", None)]
    both = [wanted("a", title="Prices"), wanted("b", "other", title="Prices")]
    assert told(adopt(plan(both, []), [loose(1, "Prices")])) == [("create", "a", None), ("create", "b", None)]


def test_only_new_documents_take_over() -> None:
    made = adopt(plan([wanted("a", "two", title="Prices")], [held(7, "a")]), [loose(1, "Prices")])
    assert told(made) == [("update", "a", 7, "patch")]


def test_what_was_taken_over_gets_its_text_next() -> None:
    entry = held(1, "a", title="Prices", digest=UNSEEN)
    assert rows([wanted("a", title="Prices")], [entry]) == [("update", "a", 1, "patch")]


# --- the plan as a whole -------------------------------------------------------------------------------------


def _some() -> tuple[list[Wanted], list[Held]]:
    return [wanted("a", "two"), wanted("b"), wanted("c")], [held(1, "a"), held(2, "b"), held(3, "d", "four")]


def test_the_same_plan_has_the_same_name_in_whatever_order_it_was_read() -> None:
    documents, entries = _some()
    one = plan(documents, entries, delete_missing=True)
    other = plan(documents[::-1], entries[::-1], delete_missing=True)
    assert one.digest == other.digest


def test_another_plan_has_another_name() -> None:
    documents, entries = _some()
    names = {
        plan(documents, entries, delete_missing=True).digest,
        plan(documents, entries).digest,
        plan([wanted("a", "three"), *documents[1:]], entries, delete_missing=True).digest,
        plan(documents, entries[1:], delete_missing=True).digest,
        plan([*documents, wanted("e", "five")], entries, delete_missing=True).digest,
    }
    assert len(names) == 5


def test_what_stays_as_it_is_does_not_name_a_plan() -> None:
    documents, entries = _some()
    more = [*documents, wanted("x")], [*entries, held(9, "x")]
    assert plan(*more, delete_missing=True).digest == plan(documents, entries, delete_missing=True).digest


def test_a_plan_tells_its_counts_and_then_what_changes_but_not_thousands_of_lines() -> None:
    documents, entries = _some()
    assert list(plan(documents, entries, delete_missing=True).lines()) == [
        "1 create, 1 update, 1 unchanged, 1 delete",
        "  create c",
        "  update a (entry 1)",
        "  delete d (entry 3)",
    ]
    lines = list(plan([wanted(f"{n}") for n in range(2000)], []).lines())
    assert len(lines) == 52
    assert lines[-1] == "  … and 1950 more to create"
