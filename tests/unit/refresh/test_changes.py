"""What a watcher tells, look by look: each change once, whoever made it, and nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh import codec
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.schedule import LONGEST_GAP, REST, next_watch
from airflow_provider.vendors.sendkit.changes import SETTLE, AgentCursor, agent_trained
from airflow_provider.vendors.sensay.changes import Changes, EntriesCursor, entries_changed
from airflow_provider.vendors.sensay.entry import Generation, phase_of

MONDAY, TUESDAY, WEDNESDAY = "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z"

PHASES = {
    "pending": Phase.QUEUED,
    "training": Phase.RUNNING,
    "completed": Phase.SUCCEEDED,
    "failed": Phase.FAILED,
    "dreaming": Phase.UNKNOWN,
}


def agent(status: str, marker: str | None = MONDAY, *, processing: tuple[str, ...] = ()) -> Observation:
    return Observation(status=status, phase=PHASES[status], marker=marker, processing=processing)


def told(looks: list[Observation], every: float = 60.0, cursor: AgentCursor | None = None) -> list[int]:
    """Which of these looks are told, by position."""
    events, now = [], 1_000_000.0
    for number, seen in enumerate(looks):
        cursor, ended = agent_trained(cursor, seen, now)
        if ended:
            events.append(number)
        now += every
    return events


def test_what_a_watcher_finds_at_its_first_look_is_no_news() -> None:
    assert told([agent("completed"), agent("completed")]) == []


def test_a_run_that_was_seen_at_work_is_told_once_when_it_has_ended() -> None:
    looks = [agent("completed"), agent("training"), agent("training"), agent("completed", TUESDAY)]
    assert told([*looks, agent("completed", TUESDAY)]) == [3]


def test_a_run_at_work_at_the_first_look_is_told_too() -> None:
    assert told([agent("training"), agent("completed", TUESDAY)]) == [1]


def test_a_run_that_fell_between_two_looks_shows_by_its_marker() -> None:
    assert told([agent("completed"), agent("completed", TUESDAY), agent("completed", TUESDAY)]) == [1]


def test_a_marker_that_comes_late_is_not_a_second_run() -> None:
    looks = [agent("training"), agent("completed", MONDAY), agent("completed", TUESDAY)]
    assert told(looks) == [1]
    assert told([*looks, agent("completed", WEDNESDAY)], every=SETTLE + 1) == [1, 2, 3]


def test_a_marker_that_goes_back_or_is_left_out_is_no_news() -> None:
    assert told([agent("completed", TUESDAY), agent("completed", MONDAY), agent("completed", None)]) == []


def test_a_failed_run_is_not_told_and_the_next_good_one_is() -> None:
    looks = [agent("completed"), agent("training"), agent("failed"), agent("failed"), agent("training")]
    assert told([*looks, agent("completed", TUESDAY)]) == [5]


def test_a_repair_between_two_looks_is_told() -> None:
    assert told([agent("failed"), agent("completed")]) == [1]


def test_a_document_in_work_is_a_run() -> None:
    looks = [agent("completed"), agent("completed", processing=("1234",)), agent("completed")]
    assert told(looks) == [2]


def test_a_queued_run_whose_work_was_never_seen_is_told() -> None:
    assert told([agent("completed"), agent("pending"), agent("completed")]) == [2]


def test_a_status_nobody_listed_says_nothing() -> None:
    assert told([agent("dreaming"), agent("completed"), agent("dreaming"), agent("completed")]) == []


@given(st.lists(st.builds(agent, st.sampled_from(sorted(PHASES)), st.sampled_from([None, MONDAY, TUESDAY]))))
def test_an_agent_at_rest_is_never_told_again_and_a_restart_changes_nothing(looks: list[Observation]) -> None:
    cursor, now = None, 1_000_000.0
    for seen in [*looks, agent("completed", WEDNESDAY)]:
        now += 60
        cursor, _ = agent_trained(cursor, seen, now)
    assert cursor is not None
    kept = codec.load(AgentCursor, codec.dump(cursor))
    assert kept == cursor
    assert told([agent("completed", WEDNESDAY)] * 5, cursor=kept) == []


# --- entries ---------------------------------------------------------------------------------------------


def entry(status: str, marker: str = MONDAY, error: str | None = None) -> Observation:
    phase = phase_of(status, Generation.KNOWLEDGE_BASE, ("READY", "VECTOR_CREATED"))
    return Observation(status=status, phase=phase, marker=marker, error=error)


def changes(*looks: dict[int, Observation]) -> list[tuple[list[int], bool]]:
    """What each look tells, the cursor kept as JSON between them."""
    cursor: EntriesCursor | None = None
    found = []
    for look in looks:
        cursor, news = entries_changed(cursor, look)
        cursor = codec.load(EntriesCursor, codec.dump(cursor))
        found.append((list(news.entries), news.deleted))
    return found


NOTHING: tuple[list[int], bool] = ([], False)


def test_a_knowledge_base_as_it_is_found_is_no_news() -> None:
    same = {1: entry("READY"), 2: entry("READY", TUESDAY)}
    assert changes(same, same, same) == [NOTHING] * 3


def test_an_entry_is_told_once_when_it_is_ready_and_not_while_it_is_in_work() -> None:
    looks = [{1: entry(status, marker)} for status, marker in (
        ("READY", MONDAY),
        ("RAW_TEXT", TUESDAY),
        ("PROCESSED_TEXT", TUESDAY),
        ("READY", WEDNESDAY),
        ("READY", WEDNESDAY),
    )]  # fmt: skip
    assert changes(*looks) == [NOTHING, NOTHING, NOTHING, ([1], False), NOTHING]


def test_vector_created_and_then_ready_are_one_change() -> None:
    looks = [{1: entry(status, marker)} for status, marker in (
        ("READY", MONDAY),
        ("PROCESSED_TEXT", TUESDAY),
        ("VECTOR_CREATED", TUESDAY),
        ("READY", WEDNESDAY),
        ("READY", WEDNESDAY),
    )]  # fmt: skip
    assert changes(*looks) == [NOTHING, NOTHING, ([1], False), NOTHING, NOTHING]


def test_an_entry_that_ends_behind_a_later_one_is_not_missed() -> None:
    looks = [
        {1: entry("READY"), 2: entry("READY")},
        {1: entry("RAW_TEXT", TUESDAY), 2: entry("READY", WEDNESDAY)},
        {1: entry("READY", TUESDAY), 2: entry("READY", WEDNESDAY)},
    ]
    assert changes(*looks) == [NOTHING, ([2], False), ([1], False)]


def test_a_new_entry_is_told_when_it_is_ready() -> None:
    assert changes({}, {7: entry("NEW", TUESDAY)}, {7: entry("READY", TUESDAY)})[1:] == [
        NOTHING,
        ([7], False),
    ]


def test_a_deleted_entry_is_told_once() -> None:
    both, one = {1: entry("READY"), 2: entry("READY")}, {1: entry("READY")}
    assert changes(both, one, one) == [NOTHING, ([], True), NOTHING]


def test_deleting_one_and_adding_another_at_once_is_both() -> None:
    looks = [{1: entry("READY"), 2: entry("READY")}, {1: entry("READY"), 3: entry("READY", TUESDAY)}]
    assert changes(*looks) == [NOTHING, ([3], True)]


def test_a_failed_entry_is_not_told_and_its_repair_is() -> None:
    looks = [{1: entry("READY")}, {1: entry("UNPROCESSABLE", TUESDAY)}, {1: entry("READY", WEDNESDAY)}]
    assert changes(*looks) == [NOTHING, NOTHING, ([1], False)]


def test_what_is_kept_and_what_is_told_stays_small() -> None:
    many = {number: entry("RAW_TEXT", TUESDAY) for number in range(5000)}
    cursor, _ = entries_changed(None, many)
    assert len(str(codec.dump(cursor))) < 8_000
    assert len(Changes(entries=tuple(range(5000))).named) == 50


@given(st.lists(st.dictionaries(
    st.integers(1, 4),
    st.builds(entry, st.sampled_from(["NEW", "RAW_TEXT", "VECTOR_CREATED", "READY", "SYNC_ERROR", "?"]),
              st.sampled_from([MONDAY, TUESDAY, WEDNESDAY])),
)))  # fmt: skip
def test_what_stands_still_is_told_at_most_once(looks: list[dict[int, Observation]]) -> None:
    last = looks[-1] if looks else {}
    found = changes(*looks, last, last, last)
    assert found[-2:] == [NOTHING, NOTHING]


# --- when next -------------------------------------------------------------------------------------------


def test_a_watcher_backs_off_up_to_a_quarter_of_an_hour() -> None:
    assert [next_watch(60, failures, 0.0) for failures in range(6)] == [60, 120, 240, 480, 900, 900]
    assert next_watch(3600, 5, 0.0) == 3600


def test_a_watcher_minds_retry_after() -> None:
    assert next_watch(60, 1, 0.0, retry_after=1000) == 1000


@pytest.mark.parametrize("interval", [1.0, 60.0])
def test_a_watcher_rests_after_what_will_not_heal(interval: float) -> None:
    assert next_watch(interval, 2, 0.0, final=True) == REST
    assert REST <= LONGEST_GAP


def test_an_answer_without_the_fields_says_nothing() -> None:
    unreadable = replace(agent("completed", TUESDAY), readable=False)
    assert told([agent("completed"), unreadable, agent("completed")]) == []
