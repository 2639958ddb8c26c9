"""When a wait looks next: soon after the submit, never later than it was told, and not all together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh.schedule import next_look
from airflow_provider.refresh.wait import Evidence, Purpose, Wait, read_failed

HOUR = 3600.0


def wait(
    interval: float = 30.0,
    *,
    deadline: float = HOUR,
    failures: int = 0,
    polls: int = 0,
    silent_until: float | None = None,
    backoff: bool = False,
    longest_gap: float | None = None,
) -> Wait:
    """A wait begun at 0."""
    return Wait(
        purpose=Purpose.OWN,
        started=0.0,
        deadline=deadline,
        start_grace=60.0,
        poll_interval=interval,
        evidence=Evidence(failures=failures, polls=polls, silent_until=silent_until),
        backoff=backoff,
        longest_gap=longest_gap,
    )


moments = st.floats(0.0, HOUR)
chances = st.floats(0.0, 1.0, exclude_max=True)


@given(st.floats(1.0, 600.0), moments, chances, st.integers(0, 4))
def test_no_gap_is_longer_than_the_interval(interval: float, now: float, rand: float, failures: int) -> None:
    assert 0.0 < next_look(wait(interval, failures=failures), now, rand) <= interval


@given(moments, chances)
def test_looks_come_quicker_right_after_the_submit_and_slow_down_from_there(now: float, rand: float) -> None:
    assert next_look(wait(), now, rand) <= max(1.0, now / 4)
    assert next_look(wait(), now, 0.0) <= next_look(wait(), now + 1.0, 0.0) or now + 1.0 > HOUR - 30.0


@given(st.floats(1.0, 600.0), chances)
def test_once_a_wait_is_old_its_gap_is_the_interval_less_the_jitter(interval: float, rand: float) -> None:
    assert 0.95 * interval <= next_look(wait(interval, deadline=10 * HOUR), HOUR, rand) <= interval


def test_two_waits_of_the_same_moment_do_not_look_together() -> None:
    assert next_look(wait(), HOUR / 2, 0.1) != next_look(wait(), HOUR / 2, 0.9)


def test_after_a_failed_read_even_a_young_wait_takes_the_whole_interval() -> None:
    assert next_look(read_failed(wait(), 1.0)[0], 1.0, 0.0) == 30.0


@given(moments, chances, st.floats(0.0, 900.0))
def test_only_what_the_vendor_asked_for_is_longer_and_the_deadline_is_minded(
    now: float, rand: float, retry_after: float
) -> None:
    gap = next_look(wait(silent_until=now + retry_after), now, rand)
    assert gap >= min(retry_after, HOUR - now) - 1e-6
    assert gap <= max(30.0, retry_after + 1e-6)


@given(st.floats(HOUR - 30.0, 2 * HOUR), chances, st.one_of(st.none(), st.floats(0.0, 900.0)))
def test_the_last_look_is_at_the_deadline(now: float, rand: float, retry_after: float | None) -> None:
    silent_until = None if retry_after is None else now + retry_after
    assert now + next_look(wait(silent_until=silent_until), now, rand) <= max(now, HOUR) + 0.05


@pytest.mark.parametrize(("polls", "gap"), [(0, 30.0), (1, 60.0), (2, 120.0), (3, 200.0), (99, 200.0)])
def test_a_sensors_own_backoff_doubles_the_gap_up_to_its_longest(polls: int, gap: float) -> None:
    assert next_look(wait(polls=polls, backoff=True, longest_gap=200.0), 1.0, 0.0) == gap


def test_a_backoff_without_a_longest_gap_ends_at_the_deadline() -> None:
    assert next_look(wait(polls=2_000, backoff=True), 0.0, 0.0) == HOUR
