"""May we create, or is it there already? Row by row, and for any record and any list."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh.create import Found, Shows, decide_create
from airflow_provider.refresh.record import Ending, Identity, Record, Stage
from airflow_provider.refresh.submit import Action, Decision, Policy
from airflow_provider.refresh.wait import Purpose
from tests.unit.refresh.effort import effort
from tests.unit.refresh.scenes import GRACE, own

ME = Identity(target="sensay:replicas/r/knowledge-base/new", body="b", cycle=1)
CLEARED = replace(ME, cycle=2)
FORCED = replace(CLEARED, forced=True)


def policy(**fields: Any) -> Policy:
    return Policy(**{"repeatable": False, "cost": Decimal(0), "start_grace": GRACE, **fields})


def intent(**fields: Any) -> Record:
    return Record(**{"identity": ME, "stage": Stage.INTENT, "at": 0.0, "titled": (3,), **fields})


def submitted(**fields: Any) -> Record:
    return intent(**{"stage": Stage.SUBMITTED, "entry_id": 7, "wait": own(None), **fields})


def ended(ending: Ending, **fields: Any) -> Record:
    return submitted(**{"stage": Stage.ENDED, "ending": ending, **fields})


def found(*shows: Shows) -> tuple[Found, ...]:
    return tuple(Found(entry_id=10 + place, shows=each) for place, each in enumerate(shows))


def still(shows: Shows) -> tuple[Found, ...]:
    return (Found(entry_id=7, shows=shows, failed=True),)


def repaired(shows: Shows) -> tuple[Found, ...]:
    return (Found(entry_id=7, shows=shows),)


def decide(
    record: Record | None,
    seen: tuple[Found, ...] | None = None,
    *,
    identity: Identity = ME,
    now: float = 0.0,
) -> Decision:
    return decide_create(record, identity, policy(force=identity.forced), seen, now)


OURS, OTHERS, NOTHING, EMPTY = Shows.OURS, Shows.OTHERS, Shows.NOTHING, Shows.EMPTY


@pytest.mark.parametrize(
    ("record", "seen", "identity", "now", "expected"),
    [
        pytest.param(None, None, ME, 0, (Action.SUBMIT, None), id="nothing yet"),
        # what an earlier try may have made is looked for first
        pytest.param(intent(), None, ME, 0, (Action.LOOK, None), id="lost, not looked"),
        pytest.param(intent(), (), ME, 0, (Action.WAIT, None), id="lost, nothing shows yet"),
        pytest.param(
            intent(), (), ME, GRACE, (Action.SUBMIT, None), id="lost, nothing shows after the grace"
        ),
        pytest.param(intent(), found(OURS), ME, 0, (Action.ADOPT, 10), id="lost, reads back"),
        pytest.param(intent(), found(OTHERS, OURS), ME, 0, (Action.ADOPT, 11), id="lost, one of two"),
        pytest.param(intent(), found(EMPTY), ME, 0, (Action.FILL, 10), id="lost, waits for our upload"),
        pytest.param(
            intent(), found(EMPTY), ME, GRACE, (Action.SUBMIT, None), id="lost, waits for an upload"
        ),
        pytest.param(intent(), found(OTHERS), ME, 0, (Action.WAIT, None), id="lost, somebody else's"),
        pytest.param(intent(), found(OTHERS), ME, GRACE, (Action.SUBMIT, None), id="somebody else's, grace"),
        pytest.param(intent(), found(NOTHING), ME, GRACE, (Action.REFUSE_UNKNOWN, None), id="shows nothing"),
        pytest.param(intent(), found(OURS, OURS), ME, 0, (Action.REFUSE_UNKNOWN, None), id="two like it"),
        pytest.param(intent(titled=None), None, ME, 0, (Action.REFUSE_UNKNOWN, None), id="no title"),
        # the answer named the entry: it is ours, whatever it shows
        pytest.param(intent(entry_id=7), None, ME, 0, (Action.LOOK, None), id="named, not looked"),
        pytest.param(intent(entry_id=7), found(OTHERS), ME, 0, (Action.ADOPT, 7), id="named"),
        pytest.param(intent(entry_id=7), found(EMPTY), ME, 0, (Action.FILL, 7), id="named, empty"),
        pytest.param(intent(entry_id=7), (), ME, 0, (Action.WAIT, None), id="named, not shown yet"),
        pytest.param(intent(entry_id=7), (), ME, GRACE, (Action.SUBMIT, None), id="named, gone"),
        pytest.param(submitted(), None, ME, 0, (Action.REATTACH, 7), id="created"),
        pytest.param(submitted(), None, CLEARED, 0, (Action.REATTACH, 7), id="created, cleared"),
        # ends
        pytest.param(ended(Ending.OK), None, ME, 0, (Action.RETURN, None), id="ended, retried"),
        pytest.param(
            ended(Ending.OK, noted=False), None, CLEARED, 0, (Action.RETURN, None), id="never green"
        ),
        pytest.param(
            ended(Ending.OK, noted=True), None, CLEARED, 0, (Action.SUBMIT, None), id="green, cleared"
        ),
        pytest.param(ended(Ending.OK), None, CLEARED, 0, (Action.SUBMIT, None), id="of an older version"),
        # what failed is removed only while it shows that, and nothing but what we sent
        pytest.param(ended(Ending.FAILED), None, ME, 0, (Action.LOOK, None), id="failed, not looked"),
        pytest.param(ended(Ending.FAILED), (), ME, 0, (Action.SUBMIT, None), id="failed, gone"),
        pytest.param(ended(Ending.FAILED), still(OURS), ME, 0, (Action.REPLACE, 7), id="failed"),
        pytest.param(ended(Ending.FAILED), still(NOTHING), ME, 0, (Action.REPLACE, 7), id="failed, a file"),
        pytest.param(
            ended(Ending.FAILED), still(OTHERS), ME, 0, (Action.SUBMIT, None), id="failed, rewritten"
        ),
        pytest.param(ended(Ending.FAILED), repaired(OTHERS), ME, 0, (Action.SUBMIT, None), id="repaired"),
        pytest.param(
            ended(Ending.FAILED), repaired(OURS), ME, 0, (Action.ADOPT, 7), id="processed after all"
        ),
        pytest.param(
            ended(Ending.FAILED), repaired(OURS), FORCED, 0, (Action.SUBMIT, None), id="processed, forced"
        ),
        pytest.param(ended(Ending.UNCONFIRMED), None, ME, 0, (Action.REPEAT_ERROR, None), id="unconfirmed"),
        # force gets out of every dead end, and makes no twin of what is on its way
        pytest.param(intent(titled=None), None, FORCED, 0, (Action.SUBMIT, None), id="no title, forced"),
        pytest.param(submitted(), None, FORCED, 0, (Action.SUBMIT, None), id="created, forced"),
        pytest.param(
            ended(Ending.OK, noted=False), None, FORCED, 0, (Action.SUBMIT, None), id="ended, forced"
        ),
        pytest.param(
            submitted(identity=replace(ME, forced=True)),
            (),
            FORCED,
            GRACE,
            (Action.SUBMIT, None),
            id="forced before, the entry is gone, forced again",
        ),
        pytest.param(
            submitted(identity=replace(ME, forced=True)),
            found(OTHERS),
            FORCED,
            GRACE,
            (Action.REATTACH, 7),
            id="forced before, still there",
        ),
        pytest.param(
            intent(titled=None, identity=replace(ME, forced=True)),
            None,
            FORCED,
            0,
            (Action.SUBMIT, None),
            id="forced before, no title, forced again",
        ),
    ],
)
def test_a_create_is_decided_from_the_record_and_from_what_shows(
    record: Record | None,
    seen: tuple[Found, ...] | None,
    identity: Identity,
    now: float,
    expected: tuple[Action, int | None],
) -> None:
    decision = decide(record, seen, identity=identity, now=now)
    assert (decision.action, decision.entry_id) == expected
    if decision.action is Action.WAIT:
        assert decision.purpose is Purpose.GRACE


@pytest.mark.parametrize(
    "record", [intent(), intent(entry_id=7), submitted()], ids=["lost", "named", "created"]
)
@pytest.mark.parametrize(
    "other", [replace(ME, target="sensay:replicas/o/knowledge-base/new"), replace(ME, body="c")]
)
def test_an_open_record_of_another_replica_or_text_is_refused(record: Record, other: Identity) -> None:
    assert decide(record, identity=other).action is Action.REFUSE_MISMATCH
    assert decide(record, identity=replace(other, forced=True)).action is Action.SUBMIT


records = st.one_of(
    st.none(),
    st.builds(
        intent,
        titled=st.sampled_from([None, (), (3,)]),
        entry_id=st.sampled_from([None, 10]),
        identity=st.sampled_from([ME, replace(ME, forced=True)]),
    ),
    st.builds(submitted, identity=st.sampled_from([ME, replace(ME, forced=True)]), entry_id=st.just(10)),
    st.builds(
        ended,
        st.sampled_from(list(Ending)),
        noted=st.sampled_from([None, True, False]),
        entry_id=st.just(10),
    ),
)
sights = st.lists(st.sampled_from(list(Shows)), max_size=3).map(lambda shows: found(*shows))


@given(
    record=records,
    seen=sights,
    identity=st.sampled_from([ME, CLEARED, FORCED, replace(ME, body="c"), replace(FORCED, cycle=1)]),
    now=st.sampled_from([0.0, GRACE - 1, GRACE, 1e6]),
)
@effort(quick=300)
def test_no_sight_makes_somebody_elses_entry_ours_nor_a_twin_of_ours(
    record: Record | None, seen: tuple[Found, ...], identity: Identity, now: float
) -> None:
    if record is not None and record.entry_id is not None:
        seen = seen[:1]
    decision = decide(record, None, identity=identity, now=now)
    if decision.action is Action.LOOK:
        decision = decide(record, seen, identity=identity, now=now)
    assert decision.action is not Action.LOOK, "one look is enough"
    shows = {each.entry_id: each.shows for each in seen}
    named = record.entry_id if record is not None else None
    if decision.action in (Action.ADOPT, Action.FILL, Action.REPLACE) and decision.entry_id != named:
        assert shows[decision.entry_id or 0] in (Shows.OURS, Shows.EMPTY), "taken for ours by its title alone"
    if decision.action is Action.SUBMIT and record is not None and record.open and not identity.forced:
        assert now >= GRACE, "created again while an earlier one may still show"
        # An empty one that no answer named may be somebody's upload under way; it knows nothing.
        twins = {Shows.OURS, Shows.NOTHING} | (set() if named is None else {Shows.EMPTY})
        assert not twins & set(shows.values()), "a twin"
