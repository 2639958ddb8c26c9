"""SendKit: which terminal status proves that the run we paid for has ended, and which does not."""

from __future__ import annotations

import pytest

from airflow_provider.refresh.observation import Phase
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
