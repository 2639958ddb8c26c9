"""SendKit: which terminal status proves that the run we paid for has ended, and which does not."""

from __future__ import annotations

import pytest

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.wait import Receipt, Verdict
from airflow_provider.vendors.sendkit.agent import RULES
from tests.unit.refresh.scenes import GRACE, NEW, OLD, agent, blind_agent, own, proven, shown, throughout

DONE, FAILED, WAIT, UNCONFIRMED = Verdict.DONE, Verdict.FAILED, Verdict.WAIT, Verdict.UNCONFIRMED


# --- rule 1: a read after the POST showed it active -------------------------------------------------------


def test_completed_after_training_was_seen_is_ours() -> None:
    looks = (0, agent("training")), (30, agent("completed", NEW))
    assert shown(own(agent("completed")), RULES, *looks) == [WAIT, DONE]


def test_failed_after_training_was_seen_is_ours() -> None:
    looks = (0, agent("training")), (30, agent("failed", NEW, error="no pages"))
    assert shown(own(agent("failed")), RULES, *looks) == [WAIT, FAILED]


def test_completed_after_pending_was_seen_is_ours_where_the_baseline_was_not_pending() -> None:
    looks = (0, agent("pending")), (30, agent("completed", NEW))
    assert shown(own(agent("completed")), RULES, *looks) == [WAIT, DONE]


def test_pending_shows_no_run_where_the_baseline_was_pending() -> None:
    never_trained = agent("pending", None)
    (*_, verdict) = shown(own(never_trained), RULES, *throughout(never_trained, 3600))
    assert verdict is Verdict.TIMED_OUT
    assert proven(own(never_trained), RULES, *throughout(never_trained, 3600)) is None


def test_a_document_that_began_to_be_processed_shows_the_run() -> None:
    before = agent("completed", processing=["old.pdf"])
    looks = (0, agent("completed", processing=["old.pdf", "new.pdf"])), (30, agent("completed", NEW))
    assert shown(own(before), RULES, *looks) == [WAIT, DONE]


def test_a_document_that_was_in_work_before_shows_no_run() -> None:
    before = agent("completed", processing=["old.pdf"])
    looks = (0, before), *throughout(agent("completed"), 30 + GRACE, begin=30)
    assert shown(own(before), RULES, *looks)[-1] is UNCONFIRMED


def test_a_run_seen_active_is_remembered_through_statuses_that_say_nothing() -> None:
    looks = (0, agent("training")), (30, agent("indexing")), (60, agent(None)), (90, agent("completed", NEW))
    assert shown(own(agent("completed")), RULES, *looks) == [WAIT, WAIT, WAIT, DONE]


def test_what_the_baseline_itself_showed_is_no_evidence() -> None:
    looks = throughout(agent("completed"), GRACE)
    assert shown(own(agent("training")), RULES, *looks)[-1] is UNCONFIRMED


# --- rule 2: a status that the baseline did not have ------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("failed", "completed", DONE),
        ("completed", "failed", FAILED),
        ("pending", "completed", DONE),
        (None, "completed", DONE),
    ],
)
def test_a_terminal_status_that_the_baseline_did_not_have_is_ours(
    before: str | None, after: str, verdict: Verdict
) -> None:
    assert shown(own(agent(before)), RULES, (0, agent(after))) == [verdict]


def test_completed_after_somebody_elses_training_in_the_baseline_proves_nothing() -> None:
    assert shown(own(agent("training")), RULES, (0, agent("completed"))) == [WAIT]


# --- rule 3: a marker that moved, in two reads in a row ---------------------------------------------------


def test_a_marker_that_moved_in_two_reads_in_a_row_is_ours() -> None:
    looks = (0, agent(scraped=NEW)), (1, agent(scraped=NEW))
    assert shown(own(agent(scraped=OLD)), RULES, *looks) == [WAIT, DONE]


def test_a_first_marker_is_a_moved_one() -> None:
    looks = (0, agent(scraped=NEW)), (1, agent(scraped=NEW))
    assert shown(own(agent(scraped=None)), RULES, *looks) == [WAIT, DONE]


@pytest.mark.parametrize(
    "scraped",
    [
        pytest.param("2026-01-01T00:00:00.000+00:00", id="with an offset"),
        pytest.param("2026-01-01T02:00:00+02:00", id="in another zone"),
        pytest.param("2026-01-01T00:00:00", id="without a zone"),
        pytest.param("1767225600000", id="in milliseconds"),
        pytest.param("2025-12-25T00:00:00Z", id="a week earlier"),
        pytest.param("yesterday", id="no time"),
    ],
)
def test_a_marker_that_only_looks_different_or_went_back_proves_nothing(scraped: str) -> None:
    looks = throughout(agent(scraped=scraped), GRACE)
    assert shown(own(agent(scraped=OLD)), RULES, *looks)[-1] is UNCONFIRMED
    assert proven(own(agent(scraped=OLD)), RULES, *looks) is None


def test_a_marker_that_moved_in_one_read_only_proves_nothing() -> None:
    looks = (0, agent(scraped=NEW)), (1, agent(scraped=OLD)), (2, agent(scraped=NEW))
    assert shown(own(agent(scraped=OLD)), RULES, *looks) == [WAIT, WAIT, WAIT]


def test_a_marker_that_vanished_is_not_a_moved_one() -> None:
    assert shown(own(agent(scraped=OLD)), RULES, *throughout(agent(scraped=None), GRACE))[-1] is UNCONFIRMED


def test_a_marker_stamped_at_the_start_does_not_end_a_run_that_is_still_training() -> None:
    looks = (0, agent("training", NEW)), (1, agent("training", NEW)), (2, agent("completed", NEW))
    assert shown(own(agent()), RULES, *looks) == [WAIT, WAIT, DONE]


# --- rule 4: the POST's answer, and a status that stood throughout the grace ------------------------------


@pytest.mark.parametrize("receipt", [Receipt.ACTIVE, Receipt.CONFLICT])
@pytest.mark.parametrize(("status", "verdict"), [("completed", DONE), ("failed", FAILED)])
def test_a_status_that_stood_throughout_the_grace_is_ours_if_the_vendor_said_that_a_run_is_on_its_way(
    receipt: Receipt, status: str, verdict: Verdict
) -> None:
    verdicts = shown(own(agent(status), receipt), RULES, *throughout(agent(status), GRACE))
    assert verdicts[-1] is verdict
    assert set(verdicts[:-1]) == {WAIT}
    assert len(verdicts) == 13, "not before the whole grace has passed"


def test_the_posts_answer_alone_ends_no_wait() -> None:
    assert shown(own(agent(), Receipt.ACTIVE), RULES, (0, agent()), (GRACE - 1, agent())) == [WAIT, WAIT]


def test_the_grace_begins_anew_when_the_status_changed_in_between() -> None:
    looks = (0, agent()), (60, agent("indexing")), (GRACE, agent()), (GRACE + 60, agent())
    assert shown(own(agent(), Receipt.ACTIVE), RULES, *looks) == [WAIT] * 4


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_stale_status_after_an_answer_that_said_nothing_is_unconfirmed(status: str) -> None:
    verdicts = shown(own(agent(status)), RULES, *throughout(agent(status), GRACE))
    assert verdicts == [WAIT] * 12 + [UNCONFIRMED]


def test_without_a_baseline_only_what_was_seen_since_counts() -> None:
    assert shown(own(None), RULES, *throughout(agent(), GRACE))[-1] is UNCONFIRMED
    assert shown(own(None), RULES, (0, agent("training")), (1, agent())) == [WAIT, DONE]


# --- the laws that hold for every vendor ------------------------------------------------------------------


def test_a_terminal_read_just_as_before_ends_nothing_until_it_stood_for_an_interval() -> None:
    looks = (0, agent("training")), (1, agent()), (2, agent()), (30, agent()), (31, agent())
    assert shown(own(agent()), RULES, *looks) == [WAIT] * 4 + [DONE]


def test_a_read_of_the_run_in_between_begins_that_interval_anew() -> None:
    looks = (0, agent("training")), (1, agent()), (20, agent("training")), (32, agent()), (40, agent())
    assert shown(own(agent()), RULES, *looks) == [WAIT] * 5


def test_a_marker_earlier_than_one_already_seen_is_stale() -> None:
    looks = [(0, agent("training", NEW)), *throughout(agent(scraped=OLD), 40, begin=1)]
    assert set(shown(own(agent("failed", OLD)), RULES, *looks)) == {WAIT}
    assert shown(own(agent("failed", OLD)), RULES, *looks, (41, agent(scraped=NEW)))[-1] is DONE


@pytest.mark.parametrize("silence", [61.0, 300.0, 100_000.0])
@pytest.mark.parametrize(("status", "verdict"), [("completed", DONE), ("failed", FAILED)])
def test_the_first_look_after_a_silence_is_not_judged_as_if_somebody_had_looked(
    silence: float, status: str, verdict: Verdict
) -> None:
    """The worker still saw the old status; then the triggerer restarted, or the sensor was queued."""
    wait = own(agent("completed"), deadline=1e6)
    looks = (0, agent()), (8, agent()), (8 + silence, agent(status, NEW)), (9 + silence, agent(status, NEW))
    assert shown(wait, RULES, *looks) == (
        [WAIT] * 3 + [verdict] if status == "completed" else [WAIT] * 2 + [verdict]
    )


@pytest.mark.parametrize("receipt", list(Receipt))
def test_nothing_has_stood_all_through_a_grace_in_which_nobody_looked(receipt: Receipt) -> None:
    wait = own(agent(), receipt, deadline=1e6)
    assert shown(wait, RULES, (0, agent()), (8, agent()), (8 + GRACE, agent())) == [WAIT] * 3


# --- somebody else's run in the baseline ------------------------------------------------------------------


def test_a_foreign_runs_new_marker_is_not_ours() -> None:
    """Their run ended before our POST, which is queued: rule 3 saw a marker later than the baseline's."""
    looks = throughout(agent("completed", NEW), GRACE)
    assert shown(own(agent("training", OLD)), RULES, *looks)[-1] is UNCONFIRMED


def test_a_foreign_runs_leftover_training_is_not_ours() -> None:
    """Reads are a few seconds behind: what shows after the POST is still theirs."""
    looks = (0, agent("training", OLD)), (1, agent("training", OLD)), (2, agent("completed", NEW))
    assert shown(own(agent("training", OLD)), RULES, *looks) == [WAIT] * 3
    assert proven(own(agent("training", OLD)), RULES, *looks) is None


@pytest.mark.parametrize(
    ("sign", "rule"),
    [
        (agent("training", NEW), "SEEN_ACTIVE"),
        (agent("pending", NEW), "SEEN_ACTIVE"),
        (agent("failed", NEW), "OTHER_STATUS"),
    ],
    ids=str,
)
def test_after_the_foreign_runs_end_was_read_the_rules_count_from_there(sign: Observation, rule: str) -> None:
    looks = (0, agent("training", OLD)), (1, agent("completed", NEW)), (2, sign)
    assert proven(own(agent("training", OLD)), RULES, *looks) == rule


def test_a_fresh_pending_is_ours_even_before_the_foreign_runs_end_was_read() -> None:
    looks = (0, agent("training", OLD)), (1, agent("pending", NEW))
    assert proven(own(agent("training", OLD)), RULES, *looks) == "SEEN_ACTIVE"


def test_a_run_that_a_409_told_of_is_the_one_in_the_baseline() -> None:
    looks = (0, agent("training", OLD)), (1, agent("completed", NEW))
    assert shown(own(agent("training", OLD), Receipt.CONFLICT), RULES, *looks) == [WAIT, DONE]


# --- documents ---------------------------------------------------------------------------------------------


def test_completed_while_a_document_is_processing_is_not_the_end() -> None:
    half = agent("completed", NEW, processing=["a.pdf"])
    assert shown(own(agent("pending")), RULES, (0, half), (30, agent("completed", NEW))) == [WAIT, DONE]


def test_a_document_that_is_processed_for_ever_ends_in_a_timeout() -> None:
    half = agent("completed", NEW, processing=["a.pdf"])
    assert shown(own(agent("pending")), RULES, *throughout(half, 3600))[-1] is Verdict.TIMED_OUT


def test_failed_is_the_end_even_while_a_document_is_processing() -> None:
    assert shown(own(agent()), RULES, (0, agent("failed", processing=["a.pdf"]))) == [FAILED]


def test_a_failed_document_is_named_and_does_not_make_the_training_a_failure() -> None:
    seen = agent("completed", failed=["a.pdf"], indexed=["b.pdf"])
    assert (seen.phase, seen.failed_documents) == (Phase.SUCCEEDED, ("a.pdf",))
    assert seen.counts == {"pages": 3, "documents": 2}


# --- statuses that nobody listed --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [None, "indexing", "", "COMPLETED", "complete"])
def test_a_missing_or_unknown_status_is_no_success_and_an_error_after_the_grace(status: str | None) -> None:
    strange = agent(status, NEW)
    assert strange.phase is Phase.UNKNOWN
    verdicts = shown(own(agent()), RULES, *throughout(strange, GRACE))
    assert verdicts == [WAIT] * 12 + [Verdict.UNKNOWN_STATUS]


def test_a_status_that_vanishes_in_the_middle_of_a_run_is_an_error_after_the_grace() -> None:
    looks = (0, agent("training")), *throughout(blind_agent(), 10 + GRACE, begin=10)
    assert shown(own(agent()), RULES, *looks)[-1] is Verdict.UNKNOWN_STATUS


def test_unknown_statuses_that_change_among_each_other_still_end_after_one_grace() -> None:
    looks = [(now, agent("odd" if now % 20 else None)) for now in range(0, 200, 10)]
    assert len(shown(own(agent()), RULES, *looks)) == 13


def test_a_known_status_in_between_begins_the_grace_of_unknown_ones_anew() -> None:
    looks = (0, agent("odd")), (60, agent("training")), (GRACE, agent("odd")), (GRACE + 60, agent("odd"))
    assert shown(own(agent()), RULES, *looks) == [WAIT] * 4


def test_an_error_text_left_over_from_an_earlier_run_is_read_with_failed_only() -> None:
    assert agent("training", error="old trouble").error is None
    assert agent("completed", error="old trouble").error is None
    assert agent("failed", error="no pages").error == "no pages"


def test_progress_decides_nothing() -> None:
    done = agent("training", trainingProgress=100)
    assert shown(own(agent()), RULES, (0, done), (30, done)) == [WAIT, WAIT]
    assert done.progress == 100.0


def test_a_progress_that_json_cannot_hold_is_dropped() -> None:
    assert agent("training", trainingProgress=float("inf")).progress is None
    assert agent("training", trainingProgress=3.14).progress == 3.14


def test_null_members_are_readable_and_absent_ones_are_not() -> None:
    assert agent(None, None).readable
    assert not blind_agent().readable
