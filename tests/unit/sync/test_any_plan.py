"""What no source, no list of a vendor and no wish may bring about."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.sources.values import Skip
from airflow_provider.sync.documents import Held, Kind, Wanted, version_of
from airflow_provider.sync.plan import (
    OF_DOCUMENTS,
    REMOVALS,
    WRITES,
    Action,
    Method,
    Plan,
    Row,
)
from tests.unit.refresh.effort import effort
from tests.unit.sync.sides import hash_of, held, wanted
from tests.unit.sync.sides import plan as make

NAMES = ["a", "b", "c", "d", "e"]
CONTENTS = ["one", "two", "three"]
KINDS = [Kind.TEXT, Kind.FILE]
STATUSES = ["READY", "VECTOR_CREATED", "NEW", "RAW_TEXT", "PROCESSED_TEXT", "UNPROCESSABLE"]

documents = st.builds(
    wanted,
    st.sampled_from(NAMES),
    st.sampled_from(CONTENTS),
    title=st.none() | st.sampled_from(["T1", "T2"]),
    kind=st.sampled_from(KINDS),
    skip=st.sampled_from([None, None, None, Skip.EMPTY]),
)
sources = st.lists(documents, max_size=5, unique_by=lambda each: each.key)
entries = st.builds(
    held,
    st.integers(1, 99),
    st.sampled_from(NAMES),
    st.sampled_from(CONTENTS),
    st.sampled_from(STATUSES),
    title=st.none() | st.sampled_from(["T1", "T2"]),
    kind=st.sampled_from(KINDS),
    error=st.sampled_from([None, None, "odd"]),
)
lists = st.lists(entries, max_size=8, unique_by=lambda each: each.id)
some_ids = st.frozensets(st.integers(1, 99), max_size=3)
wishes: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    delete_missing=st.booleans(),
    strategy=st.sampled_from(["auto", "update", "replace"]),
    retry_failed=st.sampled_from(["changed", "always"]),
    fresh=st.booleans(),
    proving=some_ids,
    doubted=some_ids,
    distrusted=some_ids,
    tried=st.frozensets(st.sampled_from(NAMES).map(lambda name: wanted(name).key_hash)),
    given_up=st.dictionaries(st.sampled_from(NAMES).map(lambda name: wanted(name).key_hash), st.just("why")),
)


@given(sources, lists, wishes)
@effort(100)
def test_the_plan_has_one_row_for_each_document_and_none_for_an_entry_that_is_not_held(
    source: list[Wanted], entries: list[Held], wish: dict[str, Any]
) -> None:
    plan = make(source, entries, **wish)
    rows = [row for row in plan.rows if row.action in OF_DOCUMENTS]
    assert [row.wanted for row in rows] == source
    assert sum(plan.counts.values()) == len(plan.rows)
    ids = Counter(row.entry.id for row in plan.rows if row.entry)
    assert set(ids) <= {entry.id for entry in entries}
    assert set(ids.values()) <= {1}  # nothing is written and removed, and nothing removed twice


@given(sources, lists, wishes)
@effort(100)
def test_only_what_left_the_source_is_deleted_and_only_with_leave(
    source: list[Wanted], entries: list[Held], wish: dict[str, Any]
) -> None:
    plan = make(source, entries, **wish)
    present = {document.key_hash for document in source}
    deleted = [row for row in plan.of(Action.DELETE) if row.entry]
    assert {row.key_hash for row in deleted}.isdisjoint(present)
    assert wish["delete_missing"] or not deleted
    assert plan.deletions <= plan.live
    if not wish["delete_missing"]:
        lost = [row.entry for row in plan.of(*REMOVALS) if row.entry and row.key_hash not in present]
        assert all(entry.awaits_upload for entry in lost)


@given(sources, lists, wishes)
@effort(100)
def test_what_answers_goes_only_if_another_entry_of_its_document_answers_and_stays(
    source: list[Wanted], entries: list[Held], wish: dict[str, Any]
) -> None:
    plan = make(source, entries, **wish)
    kept = {row.key_hash: row for row in plan.of(Action.UNCHANGED, Action.RENAME)}
    doubtful = wish["proving"] | wish["doubted"] | wish["distrusted"]
    going = {row.entry.id for row in plan.of(*REMOVALS) if row.entry}
    for row in plan.of(Action.SUPERSEDED):
        assert row.entry is not None
        if not row.entry.usable:
            continue
        keeper = kept.get(row.key_hash)
        if keeper is not None:
            assert keeper.entry is not None
            assert keeper.wanted is not None
            assert keeper.entry.usable
            assert keeper.entry.digest == keeper.wanted.digest
            assert keeper.entry.id not in doubtful
            continue
        assert any(
            other.key_hash == row.key_hash
            and other.usable
            and other.age > row.entry.age
            and other.id not in doubtful | going
            for other in entries
        )


@given(sources, lists, wishes)
@effort(100)
def test_what_is_said_to_be_unchanged_is_ready_and_right(
    source: list[Wanted], entries: list[Held], wish: dict[str, Any]
) -> None:
    for row in make(source, entries, **wish).of(Action.UNCHANGED):
        assert row.entry is not None
        assert row.wanted is not None
        assert (row.entry.usable, row.entry.digest) == (True, row.wanted.digest)
        assert row.entry.id not in wish["proving"] | wish["doubted"] | wish["distrusted"]


@given(sources, lists, wishes, st.randoms(use_true_random=False))
@effort(100)
def test_the_order_in_which_things_are_listed_changes_nothing(
    source: list[Wanted], entries: list[Held], wish: dict[str, Any], chance: Any
) -> None:
    other_source, other_entries = source[:], entries[:]
    chance.shuffle(other_source)
    chance.shuffle(other_entries)
    assert make(source, entries, **wish).digest == make(other_source, other_entries, **wish).digest


# --- a vendor that does as it is told ------------------------------------------------------------------------


def written(plan: Plan, entries: list[Held]) -> list[Held]:
    """What the vendor holds once the plan's writes have been done and are ready, and all else has ended."""
    now = {entry.id: entry for entry in entries}
    number = max([100, *(int(entry.id) for entry in entries)])
    for row in plan.writes:
        number += 1
        if row.method is Method.RECREATE and row.entry:
            del now[row.entry.id]
        if row.wanted and (row.action is Action.CREATE or row.method in (Method.REPLACE, Method.RECREATE)):
            now[number] = made(row.wanted, number)
        elif row.entry and row.wanted:
            keeps = row.action is Action.RENAME
            old = now[row.entry.id]
            now[row.entry.id] = replace(
                made(row.wanted, int(row.entry.id)),
                digest=old.digest if keeps else row.wanted.digest,
                kind=old.kind,
            )
    return [ended(entry) for entry in now.values()]


def made(document: Wanted, number: int) -> Held:
    entry = held(number, document.key, title=document.title, kind=document.kind, url=document.url)
    return replace(entry, digest=document.digest)


def ended(entry: Held) -> Held:
    """An entry some time later: a file that awaits its upload waits for ever, an error stays."""
    if not entry.working or entry.awaits_upload:
        return entry
    return replace(entry, seen=held(1, "x").seen)


def removed(plan: Plan, entries: list[Held]) -> list[Held]:
    gone = {row.entry.id for row in plan.of(*REMOVALS) if row.entry}
    return [entry for entry in entries if entry.id not in gone]


def is_lost(row: Row) -> bool:
    return row.action is Action.SUPERSEDED and row.entry is not None and row.entry.awaits_upload


@given(sources, lists, st.booleans(), st.sampled_from(["auto", "replace"]))
@effort(100)
def test_from_anywhere_a_few_rounds_lead_to_nothing_left_to_do(
    source: list[Wanted], entries: list[Held], delete_missing: bool, strategy: str
) -> None:
    wish = {"delete_missing": delete_missing, "strategy": strategy}
    answering = {entry.key_hash for entry in entries if entry.usable}
    present = {document.key_hash for document in source}
    for _ in range(6):
        plan = make(source, entries, **wish)
        lost = {row.entry.id for row in plan.rows if is_lost(row) and row.entry}
        entries = [entry for entry in entries if entry.id not in lost]
        if plan.settled:
            entries = removed(plan, entries)
            break
        entries = written(plan, entries)
        assert answering & present <= {entry.key_hash for entry in entries if entry.usable}
    plan = make(source, entries, **wish)
    at_rest = {Action.UNCHANGED, Action.FAILED, Action.SKIPPED, Action.KEPT_STALE, Action.MISSING}
    assert {row.action for row in plan.rows} <= at_rest
    assert not any(row.action in WRITES | REMOVALS for row in plan.rows)
    good = [document for document in source if document.skip is None]
    failed = {row.key_hash for row in plan.of(Action.FAILED)}
    for document in good:
        if document.key_hash not in failed:
            mine = [entry for entry in entries if entry.key_hash == document.key_hash]
            assert [(entry.digest, entry.title, entry.usable) for entry in mine] == [
                (document.digest, document.title, True)
            ]
    if delete_missing:
        assert {entry.key_hash for entry in entries} <= present


@given(sources)
@effort(100)
def test_what_was_brought_along_once_is_unchanged_the_next_night(source: list[Wanted]) -> None:
    good = [document for document in source if document.skip is None]
    entries = written(make(good, []), [])
    assert make(good, entries, delete_missing=True).counts == ({"unchanged": len(good)} if good else {})


@given(sources, st.randoms(use_true_random=False))
@effort(50)
def test_a_version_names_keys_and_contents_in_whatever_order(source: list[Wanted], chance: Any) -> None:
    pairs = [(document.key_hash, document.digest) for document in source]
    other = pairs[:]
    chance.shuffle(other)
    assert version_of(pairs) == version_of(other)
    assert version_of([*pairs, (wanted("new").key_hash, hash_of("new"))]) != version_of(pairs)
