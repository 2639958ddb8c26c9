"""The one wait of a whole sync, by totals."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh import codec
from airflow_provider.sync.progress import SyncWait, Tally, Verdict, look, miss, next_look
from tests.unit.refresh.effort import effort

START = 1000.0
WAIT = SyncWait(
    started=START,
    deadline=START + 3600,
    stall_timeout=600,
    start_grace=60,
    poll_interval=10,
    max_read_failures=3,
)

BUSY, QUIET = Tally(working=3), Tally(working=0)


def shown(wait: SyncWait, *looks: tuple[float, Tally]) -> list[Verdict]:
    verdicts = []
    for after, seen in looks:
        wait, verdict = look(wait, seen, START + after)
        verdicts.append(verdict)
    return verdicts


def test_it_is_over_as_soon_as_nothing_is_on_its_way() -> None:
    assert shown(WAIT, (0, BUSY), (10, Tally(working=1)), (20, QUIET)) == [
        Verdict.WAIT,
        Verdict.WAIT,
        Verdict.DONE,
    ]


def test_nothing_on_its_way_at_the_first_look_is_the_end_too() -> None:
    assert shown(WAIT, (0, QUIET)) == [Verdict.DONE]


def test_an_error_may_still_go_away_within_the_grace() -> None:
    hurt = Tally(working=0, troubled=1)
    assert shown(WAIT, (0, hurt), (59, hurt), (60, hurt)) == [Verdict.WAIT, Verdict.WAIT, Verdict.DONE]
    assert shown(WAIT, (0, hurt), (30, QUIET)) == [Verdict.WAIT, Verdict.DONE]


def test_the_grace_of_an_error_begins_anew_when_anything_moves() -> None:
    one, two = Tally(working=0, troubled=1), Tally(working=0, troubled=2)
    assert shown(WAIT, (0, one), (50, two), (100, two), (110, two)) == [
        Verdict.WAIT,
        Verdict.WAIT,
        Verdict.WAIT,
        Verdict.DONE,
    ]


def test_old_errors_do_not_end_a_wait_for_others() -> None:
    assert shown(WAIT, (0, Tally(working=2, troubled=5)), (100, Tally(working=1, troubled=5))) == [
        Verdict.WAIT,
        Verdict.WAIT,
    ]


def test_ten_minutes_without_any_movement_are_a_stall() -> None:
    assert shown(WAIT, (0, BUSY), (599, BUSY), (600, BUSY)) == [Verdict.WAIT, Verdict.WAIT, Verdict.STALLED]


def test_whoever_moves_has_not_stalled() -> None:
    looks = [(500.0 * n, Tally(working=7 - n)) for n in range(7)]
    assert shown(WAIT, *looks) == [Verdict.WAIT] * 7


def test_more_on_its_way_than_before_is_movement_too() -> None:
    assert shown(WAIT, (0, Tally(working=1)), (590, Tally(working=2)), (700, Tally(working=2))) == [
        Verdict.WAIT,
        Verdict.WAIT,
        Verdict.WAIT,
    ]


def test_the_deadline_ends_it_however_it_moves() -> None:
    assert shown(WAIT, (3590, Tally(working=2)), (3600, Tally(working=1)))[-1] is Verdict.TIMED_OUT


def test_an_end_at_the_deadline_is_an_end() -> None:
    assert shown(WAIT, (3601, QUIET)) == [Verdict.DONE]


def test_some_failed_looks_in_a_row_end_it_and_a_good_one_between_them_forgives() -> None:
    wait, verdict = miss(WAIT, START)
    wait, verdict = miss(wait, START)
    assert verdict is Verdict.WAIT
    wait, verdict = look(wait, BUSY, START)
    assert wait.failures == 0
    for expected in (Verdict.WAIT, Verdict.WAIT, Verdict.UNREADABLE):
        wait, verdict = miss(wait, START)
        assert verdict is expected


def test_a_rate_limit_never_ends_it() -> None:
    wait = WAIT
    for _ in range(100):
        wait, verdict = miss(wait, START + 10, counts=False)
        assert verdict is Verdict.WAIT
    assert miss(wait, START + 3600, counts=False)[1] is Verdict.TIMED_OUT


def test_a_refusal_ends_it_at_once() -> None:
    assert miss(WAIT, START, final=True)[1] is Verdict.REFUSED


def test_looks_are_quick_at_first_and_then_steady() -> None:
    gaps = [next_look(WAIT, START + after, 0.0) for after in (0, 4, 8, 20, 40, 400)]
    assert gaps == [1.0, 1.0, 2.0, 5.0, 10.0, 10.0]
    assert all(a <= b for a, b in pairwise(gaps))


def test_a_failed_look_is_not_repeated_at_once() -> None:
    assert next_look(replace(WAIT, failures=1), START, 0.0) == 10.0


def test_the_vendors_wish_is_kept_to_as_far_as_the_deadline() -> None:
    assert next_look(WAIT, START, 0.0, retry_after=77.0) == 77.0
    assert next_look(WAIT, START + 3590, 0.0, retry_after=77.0) == 10.0


@given(
    st.floats(0, 5000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e5), st.integers(0, 3)
)
@effort(200)
def test_no_look_is_further_away_than_the_deadline_nor_in_the_past(
    after: float, rand: float, asked: float | None, failures: int
) -> None:
    gap = next_look(replace(WAIT, failures=failures), START + after, rand, asked)
    assert 0.05 <= gap <= max(0.05, WAIT.deadline - (START + after))


tallies = st.builds(Tally, working=st.integers(0, 3), troubled=st.integers(0, 2))


@given(st.lists(st.tuples(st.floats(0.1, 400), st.none() | tallies), min_size=1, max_size=40))
@effort(200)
def test_whatever_is_shown_it_is_done_only_with_nothing_on_its_way_and_ends_by_its_deadline(
    story: list[tuple[float, Tally | None]],
) -> None:
    wait, now = WAIT, START
    for gap, seen in story:
        now += gap
        wait, verdict = miss(wait, now) if seen is None else look(wait, seen, now)
        assert codec.load(SyncWait, codec.dump(wait)) == wait
        if verdict is Verdict.DONE:
            assert seen is not None
            assert seen.working == 0
        if verdict is Verdict.WAIT:
            assert now < wait.deadline
        else:
            return


def test_a_wait_tells_how_many_are_through() -> None:
    wait, _ = look(WAIT, Tally(working=5), START)
    wait, _ = look(wait, Tally(working=3, troubled=1), START + 1)
    assert str(wait) == "3 entries on the way, 2 through, 1 with an error"
