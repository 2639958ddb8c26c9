"""What no sequence of sights may bring about, in whatever order and rhythm they come."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh import codec
from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import Observation, Phase, later, same_time
from airflow_provider.refresh.schedule import next_look
from airflow_provider.refresh.wait import Purpose, Receipt, Rules, Verdict, Wait
from airflow_provider.vendors.sendkit import agent as sendkit
from airflow_provider.vendors.sensay.entry import RULES as SENSAY
from tests.unit.refresh.effort import effort
from tests.unit.refresh.scenes import KB, NEW, NEWER, OLD, TRAINING, agent, entry, named, waiting

SENDKIT = sendkit.RULES

#: Waits that say nothing about whose an end is.
NOT_OURS = (Purpose.FOREIGN, Purpose.GRACE)

#: A failed read between two sights.
Look = Observation | None

#: The same instants in other spellings too; what is no time at all; and none.
markers = st.sampled_from([None, OLD, "2026-01-01T01:00:00.000+01:00", NEW, NEWER, "no time at all"])
errors = st.sampled_from([None, "crawler", "no pages"])
agents = st.builds(
    agent,
    st.sampled_from([None, "pending", "training", "completed", "failed", "odd"]),
    markers,
    processing=st.sets(st.sampled_from("ab")),
    failed=st.sets(st.sampled_from("cd")),
    error=errors,
)
entries = st.one_of(
    st.builds(
        entry,
        st.sampled_from([None, "NEW", "RAW_TEXT", "VECTOR_CREATED", "READY", "UNPROCESSABLE", "ODD"]),
        markers,
        error=errors,
        kind=st.sampled_from(["text", "file"]),
        ready=st.sampled_from([(), ("READY",), ("VECTOR_CREATED",)]),
    ),
    st.builds(
        entry,
        st.sampled_from([None, "BLANK", "AWAITING_UPLOAD", "PROCESSING", "READY", "ERR_X", "ODD"]),
        markers,
        generation=st.just(TRAINING),
    ),
)
vendors: st.SearchStrategy[tuple[Rules, st.SearchStrategy[Observation]]] = st.sampled_from(
    [(SENDKIT, agents), (SENSAY, entries)]
)
#: Seconds between two looks: also longer than anybody meant, when nobody looked.
gaps = st.floats(0.05, 100.0) | st.sampled_from([1.0, 30.0, 300.0, 5000.0])


@st.composite
def stories(draw: st.DrawFn) -> tuple[Rules, Wait, list[tuple[float, Look]]]:
    """A wait of any kind, and what it is shown."""
    rules, sights = draw(vendors)
    wait = waiting(
        draw(st.sampled_from(list(Purpose))),
        receipt=draw(st.sampled_from(list(Receipt))),
        baseline=draw(st.none() | sights),
        since=NEW,
        max_read_failures=draw(st.integers(1, 6)),
    )
    return rules, wait, draw(st.lists(st.tuples(gaps, st.none() | sights), max_size=30))


def told(rules: Rules, wait: Wait, looks: list[tuple[float, Look]]) -> Any:
    """Show one after another until the wait is over; yield each sight with the wait and the verdict after it."""
    now = wait.started
    for gap, seen in looks:
        now += gap
        wait, verdict = (
            waits.read_failed(wait, now) if seen is None else waits.observe(wait, rules, seen, now)
        )
        yield seen, wait, verdict
        if verdict is not Verdict.WAIT:
            return


@effort(quick=80)
@given(story=stories())
def test_only_a_successful_status_is_ever_a_success(
    story: tuple[Rules, Wait, list[tuple[float, Look]]],
) -> None:
    rules, wait, looks = story
    for seen, _, verdict in told(rules, wait, looks):
        if verdict is Verdict.DONE and wait.purpose in (Purpose.OWN, Purpose.GATE, Purpose.SINCE):
            assert seen is not None
            assert seen.phase is Phase.SUCCEEDED


@effort(quick=100)
@given(data=st.data(), vendor=vendors, purpose=st.sampled_from([Purpose.OWN, Purpose.GATE, Purpose.SINCE]))
def test_no_sequence_of_unknown_statuses_is_anything_but_unknown(
    data: st.DataObject, vendor: Any, purpose: Purpose
) -> None:
    rules, sights = vendor
    unknown = sights.filter(lambda seen: seen.phase is Phase.UNKNOWN)
    wait = waiting(purpose, baseline=data.draw(st.none() | sights), since=OLD, deadline=1e9)
    looks = data.draw(st.lists(st.tuples(gaps, unknown), max_size=20))
    for _, _, verdict in told(rules, wait, looks):
        assert verdict in (Verdict.WAIT, Verdict.UNKNOWN_STATUS)


STALE = [
    (SENDKIT, agent("completed", OLD)),
    (SENDKIT, agent("failed", OLD, error="no pages")),
    (SENDKIT, agent("completed", None, processing="a")),
    (SENSAY, entry("READY", OLD)),
    (SENSAY, entry("VECTOR_CREATED", OLD)),
    (SENSAY, entry("READY", OLD, generation=TRAINING)),
]


@pytest.mark.parametrize(("rules", "before"), STALE, ids=named)
@given(data=st.data())
def test_no_rhythm_makes_an_old_terminal_status_ours(
    data: st.DataObject, rules: Rules, before: Observation
) -> None:
    """The same status, no later marker, never active, and a receipt that says nothing."""
    spelt = None if before.marker is None else "2026-01-01T02:00:00.000+02:00"
    earlier = None if before.marker is None else "2025-12-25T00:00:00Z"
    nothing_new = st.sampled_from(
        [
            before,
            replace(before, processing=()),
            replace(before, error="other") if before.phase is not Phase.FAILED else before,
            replace(before, marker=spelt),
            replace(before, marker=earlier),
        ]
    )
    strange = st.sampled_from([None, agent("odd", OLD) if rules is SENDKIT else entry("ODD", OLD)])
    looks = data.draw(st.lists(st.tuples(gaps, st.one_of(nothing_new, nothing_new, strange)), max_size=30))
    wait = waiting(Purpose.OWN, baseline=before, max_read_failures=1000)
    for _, _, verdict in told(rules, wait, looks):
        assert verdict not in (Verdict.DONE, Verdict.FAILED)


@effort(quick=80)
@given(story=stories())
def test_what_reads_just_as_before_the_run_ends_nothing_at_its_first_look(
    story: tuple[Rules, Wait, list[tuple[float, Look]]],
) -> None:
    rules, wait, looks = story
    before, now, last = wait.baseline, wait.started, None
    for (gap, _), (seen, after, verdict) in zip(looks, told(rules, wait, looks), strict=False):
        now += gap
        if seen is None:
            continue
        equal = before is not None and seen.ended and seen.status == before.status
        equal = equal and before is not None and same_time(seen.marker, before.marker)
        if equal and verdict in (Verdict.DONE, Verdict.FAILED) and wait.purpose is Purpose.OWN:
            assert last is not None, "at the first look"
            assert now - last >= wait.poll_interval
        last = (last if last is not None else now) if equal else None
        assert after.evidence.looked_at == now


@effort(quick=80)
@given(story=stories())
def test_a_marker_earlier_than_one_already_seen_is_never_the_end(
    story: tuple[Rules, Wait, list[tuple[float, Look]]],
) -> None:
    rules, wait, looks = story
    latest = wait.baseline.marker if wait.baseline else None
    for seen, _, verdict in told(rules, wait, looks):
        if seen is None:
            continue
        if later(latest, seen.marker) and seen.marker is not None and seen.ended:
            assert verdict not in (Verdict.DONE, Verdict.FAILED) or wait.purpose in NOT_OURS
        if later(seen.marker, latest):
            latest = seen.marker


@effort(quick=80)
@given(story=stories(), silence=st.sampled_from([61.0, 200.0, 3000.0]))
def test_the_first_look_after_a_silence_never_says_that_something_lasted(
    story: tuple[Rules, Wait, list[tuple[float, Look]]], silence: float
) -> None:
    """Nobody looked for longer than two intervals: what is read then may have come about a second ago."""
    rules, wait, looks = story
    wait = replace(wait, deadline=1e9)
    now = wait.started
    for gap, seen in looks:
        if seen is None:
            continue
        _, verdict = waits.observe(wait, rules, seen, now + silence)
        assert verdict not in (Verdict.UNCONFIRMED, Verdict.UNKNOWN_STATUS, Verdict.NEVER_STARTED)
        after, _ = waits.observe(wait, rules, seen, now + silence)
        assert "STOOD_ALL_GRACE" not in (after.evidence.proven or "") or wait.evidence.proven
        now += gap
        wait, verdict = waits.observe(wait, rules, seen, now)
        if verdict is not Verdict.WAIT:
            return


@effort(quick=80)
@given(story=stories())
def test_a_marker_that_moved_once_is_looked_at_once_more(
    story: tuple[Rules, Wait, list[tuple[float, Look]]],
) -> None:
    rules, wait, looks = story
    for _, after, verdict in told(rules, wait, looks):
        if verdict is Verdict.UNCONFIRMED:
            assert after.evidence.marker_moves != 1


@effort(quick=80)
@given(data=st.data(), receipt=st.sampled_from([Receipt.PLAIN, Receipt.ACTIVE]))
def test_the_leftovers_of_somebody_elses_run_are_never_ours(data: st.DataObject, receipt: Receipt) -> None:
    """Their ``training`` and their new marker, in any order, until a terminal read or a fresh ``pending``."""
    theirs = st.builds(
        agent, st.just("training"), st.sampled_from([OLD, NEW]), processing=st.sets(st.sampled_from("ab"))
    )
    wait = waiting(Purpose.OWN, baseline=agent("training", OLD), receipt=receipt)
    looks = data.draw(st.lists(st.tuples(st.floats(1.0, 50.0), theirs), max_size=20))
    ends = st.builds(agent, st.sampled_from(["completed", "failed"]), st.just(NEW))
    end, now = data.draw(ends), 0.0
    for gap, seen in [*looks, (1.0, end), (1.0, end), (30.0, end), (30.0, end)]:
        now += gap
        wait, verdict = waits.observe(wait, SENDKIT, seen, now)
        assert (wait.evidence.proven, verdict) == (None, Verdict.WAIT)
    wait, _ = waits.observe(wait, SENDKIT, agent("training", NEW), now + 1)
    assert wait.evidence.proven == "SEEN_ACTIVE", "after a terminal read, what is at work is ours"


@effort(quick=80)
@given(story=stories())
def test_evidence_only_grows(story: tuple[Rules, Wait, list[tuple[float, Look]]]) -> None:
    rules, wait, looks = story
    before, seen_so_far = wait.evidence, 0
    for seen, after, _ in told(rules, wait, looks):
        evidence = after.evidence
        seen_so_far += seen is not None
        assert evidence.active >= before.active
        assert before.proven in (None, evidence.proven)
        assert evidence.polls == seen_so_far
        assert evidence.failures == (0 if seen is not None else before.failures + 1)
        assert after.baseline == wait.baseline
        if seen is None:
            assert replace(evidence, failures=0, silent_until=None) == replace(
                before, failures=0, silent_until=None
            )
        before = evidence


@effort(quick=100)
@given(story=stories())
def test_a_wait_that_is_stored_between_any_two_looks_comes_to_the_same_end(
    story: tuple[Rules, Wait, list[tuple[float, Look]]],
) -> None:
    """The loop, the trigger and the rescheduling sensor differ in nothing else."""
    rules, wait, looks = story
    stored, now = wait, wait.started
    for (gap, seen), (_, kept, verdict) in zip(looks, told(rules, wait, looks), strict=False):
        now += gap
        again = codec.load(Wait, json.loads(json.dumps(codec.dump(stored))))
        stored, other = (
            waits.read_failed(again, now) if seen is None else waits.observe(again, rules, seen, now)
        )
        assert (stored, other) == (kept, verdict)


@effort(quick=80)
@given(
    data=st.data(),
    vendor=vendors,
    purpose=st.sampled_from(list(Purpose)),
    interval=st.floats(0.1, 1000.0),
    length=st.floats(1.0, 5000.0),
    backoff=st.booleans(),
    longest=st.none() | st.floats(1.0, 1e6),
    asked=st.none() | st.floats(0.1, 1e6),
)
def test_every_wait_is_over_one_look_after_its_deadline(
    data: st.DataObject,
    vendor: Any,
    purpose: Purpose,
    interval: float,
    length: float,
    backoff: bool,
    longest: float | None,
    asked: float | None,
) -> None:
    rules, sights = vendor
    interval = max(interval, length / 200)
    wait = waiting(
        purpose,
        deadline=length,
        poll_interval=interval,
        baseline=data.draw(st.none() | sights),
        since=NEWER,
        backoff=backoff,
        longest_gap=longest,
        max_read_failures=10**9,
    )
    shows = data.draw(st.lists(st.none() | sights, min_size=1, max_size=4))
    now, verdict, looks = 0.0, Verdict.WAIT, 0
    while verdict is Verdict.WAIT:
        gap = next_look(wait, now, 0.5)
        assert gap > 0
        if not backoff and asked is None:
            assert gap <= max(interval, 0.05)
        now += gap
        assert now <= length + 0.1
        seen = shows[looks % len(shows)]
        wait, verdict = (
            waits.read_failed(wait, now) if seen is None else waits.observe(wait, rules, seen, now)
        )
        looks += 1


@pytest.mark.parametrize("generation", [KB, TRAINING])
@pytest.mark.parametrize(
    "purpose", [Purpose.OWN, Purpose.FOREIGN, Purpose.GRACE, Purpose.GATE, Purpose.SINCE]
)
def test_no_status_of_any_table_is_left_without_a_phase(generation: Any, purpose: Purpose) -> None:
    """A status that the vendor's page lists is known in its own generation."""
    listed = {
        KB: (
            "NEW",
            "FILE_UPLOADED",
            "RAW_TEXT",
            "PROCESSED_TEXT",
            "VECTOR_CREATED",
            "READY",
            "UNPROCESSABLE",
        ),
        TRAINING: (
            "BLANK",
            "AWAITING_UPLOAD",
            "SUPABASE_ONLY",
            "PROCESSING",
            "READY",
            "SYNC_ERROR",
            "ERR_FILE_PROCESSING",
            "ERR_TEXT_PROCESSING",
            "ERR_TEXT_TO_VECTOR",
        ),
    }
    for status in listed[generation]:
        seen = entry(status, generation=generation)
        assert seen.phase is not Phase.UNKNOWN
        _, verdict = waits.observe(waiting(purpose, since=NEW), SENSAY, seen, 0.0)
        assert verdict is not Verdict.UNKNOWN_STATUS
