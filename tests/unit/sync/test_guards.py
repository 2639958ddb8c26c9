"""What a sync refuses to do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider.arguments import Checker
from airflow_provider.sources.values import Skip
from airflow_provider.sync.documents import Kind, Wanted
from airflow_provider.sync.guards import (
    IN_A_ROW,
    Breaker,
    Ceiling,
    ceiling,
    nothing_usable,
    too_many_changes,
    too_many_deletions,
)
from airflow_provider.sync.plan import Plan
from tests.unit.sync.sides import held, plan, wanted


def losing(gone: int, live: int) -> Plan:
    """A plan that would delete some of the live documents."""
    documents = [wanted(f"{n}", f"{n}") for n in range(gone, live)]
    entries = [held(n + 1, f"{n}", f"{n}") for n in range(live)]
    made = plan(documents, entries, delete_missing=True)
    assert (made.deletions, made.live) == (gone, live)
    return made


@pytest.mark.parametrize(
    ("said", "live", "allowed"),
    [
        ("25%", 100, 25),
        ("25%", 10, 3),
        ("25%", 3, 1),
        ("25%", 2, 1),
        ("25%", 1, 0),  # never all of them
        ("25%", 0, 0),
        ("99%", 10, 9),
        ("99.9%", 10, 9),
        ("100%", 10, 10),
        ("100%", 1, 1),
        ("0%", 10, 0),
        (" 50 %", 10, 5),
        (10, 4, 10),
        ("10", 400, 10),
        (0, 10, 0),
    ],
)
def test_so_many_may_be_deleted(said: object, live: int, allowed: int) -> None:
    check = Checker()
    assert ceiling(check, "max_deletes", said).of(live) == allowed
    assert check.problems == []


@pytest.mark.parametrize("said", ["-1%", "101%", "many", "many%", -1, "", None, "nan%", "inf%"])
def test_a_ceiling_that_is_none_is_named_and_allows_nothing(said: object) -> None:
    check = Checker()
    assert ceiling(check, "max_deletes", said).of(1000) == 0
    assert len(check.problems) == 1
    assert "max_deletes" in check.problems[0]


def test_a_quarter_is_let_through_and_one_more_is_not() -> None:
    quarter = Ceiling(percent=Decimal("0.25") * 100)
    assert too_many_deletions(losing(25, 100), quarter) is None
    assert too_many_deletions(losing(26, 100), quarter) == (
        "26 of 100 live documents are missing from the source and would be deleted; max_deletes=25% allows 25"
    )


def test_the_last_document_is_lost_only_by_explicit_leave() -> None:
    everything = losing(1, 1)
    assert too_many_deletions(everything, Ceiling(percent=Decimal("0.99") * 100)) is not None
    assert too_many_deletions(everything, Ceiling(percent=Decimal(100))) is None
    assert too_many_deletions(everything, Ceiling(count=1)) is None


def test_a_number_that_is_larger_than_the_knowledge_base_never_means_all_of_it() -> None:
    assert too_many_deletions(losing(5, 5), Ceiling(count=10)) is not None
    assert too_many_deletions(losing(4, 5), Ceiling(count=10)) is None
    assert too_many_deletions(losing(5, 5), Ceiling(count=5)) is None


@pytest.mark.parametrize(
    ("said", "live", "allowed"),
    [("7%", 100, 7), ("14%", 50, 7), ("28%", 25, 7), ("29%", 100, 29), ("55%", 100, 55)],
)
def test_a_share_is_counted_exactly(said: str, live: int, allowed: int) -> None:
    assert ceiling(Checker(), "max_deletes", said).of(live) == allowed


def test_changes_are_counted_by_live_documents_and_a_few_always_may() -> None:
    documents = [wanted(f"{n}", f"new {n}") for n in range(20)]
    entries = [held(n + 1, f"{n}", f"old {n}") for n in range(20)]
    made = plan(documents, entries)
    assert too_many_changes(made, Ceiling(percent=Decimal(50))) == (
        "20 of 20 live documents would get another content; max_changes=50% allows 10"
    )
    assert too_many_changes(made, Ceiling(percent=Decimal(100))) is None
    assert too_many_changes(made, None) is None
    assert too_many_changes(plan(documents[:10], entries[:10]), Ceiling(percent=Decimal(10))) is None
    assert too_many_changes(plan(documents[:3], entries[:3]), Ceiling(count=2)) is not None


def test_what_moved_is_no_deletion_wherever_it_went() -> None:
    documents = [wanted(f"eu/{n}", f"{n}", kind=Kind.FILE) for n in range(6)]
    entries = [held(n + 1, f"{n}", f"{n}", kind=Kind.FILE) for n in range(6)]
    made = plan(documents, entries, delete_missing=True, patches=False)
    assert (len(made.rows), made.deletions) == (12, 0)


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (20, range(1), 18),  # one that stays stands for one that goes, as that may have moved
        (20, range(100, 101), 19),
        (20, range(0), 20),
        (6, range(100, 106), 0),  # all of them moved
        (6, range(100, 103), 3),
        (6, range(6), 0),
    ],
)
def test_one_document_does_not_stand_for_all_that_say_the_same(before: int, after: range, lost: int) -> None:
    entries = [held(n + 1, f"{n}", "Opening soon.", kind=Kind.FILE) for n in range(before)]
    documents = [wanted(f"{n}", "Opening soon.", kind=Kind.FILE) for n in after]
    for patches in (True, False):
        assert plan(documents, entries, delete_missing=True, patches=patches).deletions == lost


def test_moves_and_twins_and_failures_cost_nothing() -> None:
    documents = [wanted("new", "moved"), wanted("a")]
    entries = [
        held(1, "old", "moved"),
        held(2, "a"),
        held(3, "a", "zero"),
        held(4, "dead", status="UNPROCESSABLE"),
    ]
    made = plan(documents, entries, delete_missing=True)
    assert too_many_deletions(made, Ceiling(count=0)) is None


def test_failed_entries_do_not_stretch_the_share() -> None:
    entries = [held(n, f"{n}", f"{n}", "UNPROCESSABLE") for n in range(90)]
    entries += [held(100 + n, f"live {n}", f"live {n}") for n in range(10)]
    made = plan([], entries, delete_missing=True)
    assert (made.deletions, made.live) == (10, 10)
    assert too_many_deletions(made, Ceiling(percent=Decimal("0.25") * 100)) is not None


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        ([], "holds no document at all"),
        (
            [
                wanted("a.svg", skip=Skip.UNSUPPORTED),
                wanted("b", skip=Skip.EMPTY),
                wanted("c", skip=Skip.EMPTY),
            ],
            "holds 3 documents of which none can be sent (1 unsupported, 2 empty; first a.svg: so it is)",
        ),
        ([wanted("a", skip=Skip.EMPTY), wanted("b")], None),
    ],
)
def test_a_source_of_which_nothing_can_be_sent_is_an_empty_one(
    documents: list[Wanted], reason: str | None
) -> None:
    assert nothing_usable(documents) == reason


def test_a_run_stops_when_ten_documents_fail_one_after_the_other() -> None:
    breaker = Breaker()
    for _ in range(IN_A_ROW - 1):
        breaker.note(failed=True)
    assert not breaker.tripped
    breaker.note(failed=False)
    for _ in range(IN_A_ROW):
        assert not breaker.tripped
        breaker.note(failed=True)
    assert breaker.tripped
