"""What a run knows, carried over a deferral: told of the documents it was noted for, and of no others."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh import codec
from airflow_provider.sync.documents import Wanted
from airflow_provider.sync.planning import PlanOptions, make_plan
from airflow_provider.sync.saved_state import SavedState, begun_with, dump, load, version_of_source
from airflow_provider.sync.state import DocumentState, Done, SyncState
from tests.unit.refresh.effort import effort
from tests.unit.sync.sides import held, key_of, wanted

NAMES = [f"d{n}" for n in range(8)]

states = st.builds(
    DocumentState,
    done=st.none() | st.sampled_from(Done),
    given_up=st.sampled_from(["", "400: no such type"]),
    final=st.just(False),
)


def by_key(*documents: Wanted) -> dict[str, Wanted]:
    return {document.key_hash: document for document in documents}


def saved(source: dict[str, Wanted], state: SyncState, entries: list[object] | None = None) -> SavedState:
    plan = make_plan(source.values(), entries or [], PlanOptions(delete_missing=True), state)  # type: ignore[arg-type]
    known = dump(
        source, state, plan, digest="p", started=1.0, deadline=2.0, version=version_of_source(source.values())
    )
    return codec.load(SavedState, json.loads(json.dumps(codec.dump(known))))


@given(st.dictionaries(st.sampled_from(NAMES), states))
@effort(100)
def test_what_was_done_and_given_up_comes_back_for_the_same_documents(told: dict[str, DocumentState]) -> None:
    source = by_key(*(wanted(name) for name in NAMES))
    state = SyncState(documents={key_of(name): each for name, each in told.items()})
    back = load(saved(source, state), source)
    for name in NAMES:
        before, after = state.of(key_of(name)), back.of(key_of(name))
        assert (after.done, bool(after.given_up)) == (before.done, bool(before.given_up))


@given(st.dictionaries(st.sampled_from(NAMES), states), st.sampled_from(NAMES))
@effort(100)
def test_nothing_is_told_of_a_document_that_took_another_ones_place(
    told: dict[str, DocumentState], gone: str
) -> None:
    source = by_key(*(wanted(name) for name in NAMES))
    state = SyncState(documents={key_of(name): each for name, each in told.items()})
    known = saved(source, state)
    others = by_key(*(wanted(name) for name in NAMES if name != gone), wanted("new"))
    back = load(known, others)
    for key in others:
        assert back.of(key).given_up in ("", state.of(key).given_up)
        assert back.of(key).done is None


def test_the_first_editions_note_still_loads() -> None:
    old = {
        "started": 1.0,
        "deadline": 2.0,
        "plan": "90ef11d04d8a3fcf",
        "version": "v",
        "done": "eJxLBgAAZABk",
        "given_up": {key_of("d0"): "400"},
        "refused": "eJzLAQAAbQBt",
        "superseded": 2,
        "polls": 7,
    }
    back = codec.load(SavedState, old)
    assert (back.superseded, back.polls, back.keys, back.leaving) == (2, 7, "", ())
    state = load(back, by_key(wanted("d0")))
    assert (state.of(key_of("d0")).done, state.of(key_of("d0")).given_up) == (Done.CREATED, "400")


def test_a_source_that_is_the_same_is_taken_as_it_is() -> None:
    source = by_key(wanted("a"), wanted("b"))
    assert begun_with(saved(source, SyncState()), source, [], SyncState()) == source


def test_of_a_source_that_moved_only_what_was_planned_is_brought_along() -> None:
    source = by_key(wanted("same"), wanted("changed", "one"), wanted("late", "new"), wanted("gone"))
    entries = [
        held(1, "same"),
        held(2, "changed", "one"),
        held(3, "late", "old", "RAW_TEXT"),
        held(4, "gone"),
        held(5, "left"),
    ]
    known = saved(source, SyncState(), entries)  # type: ignore[arg-type]
    assert known.leaving == (key_of("left"),)
    assert known.unsent == {key_of("late"): wanted("late", "new").digest}
    now = by_key(wanted("same"), wanted("changed", "two"), wanted("late", "new"), wanted("fresh"))
    begun = begun_with(known, now, entries, SyncState())
    assert set(begun) == {key_of("same"), key_of("changed"), key_of("late")}
    assert begun[key_of("changed")].digest == wanted("changed", "one").digest
    assert begun[key_of("late")] == wanted("late", "new")


def test_a_state_that_gives_up_again_keeps_the_first_reason() -> None:
    state = SyncState().give_up({"k": "first"}).give_up({"k": "second"})
    assert state.given_up == {"k": "first"}
    assert replace(state, stopped="ill").of("k").given_up == "first"
