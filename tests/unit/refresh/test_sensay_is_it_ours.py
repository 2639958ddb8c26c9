"""Sensay: which usable status proves that what we wrote has been taken in, and which does not."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.wait import Purpose, Receipt, Verdict
from airflow_provider.vendors.sensay.entry import RULES, EntryTarget, Generation, reads_back, ready_argument
from tests.unit.refresh.scenes import (
    GRACE,
    KB,
    NEW,
    NEWER,
    OLD,
    REPLICA,
    TRAINING,
    entry,
    own,
    proven,
    shown,
    throughout,
)

DONE, FAILED, WAIT, UNCONFIRMED = Verdict.DONE, Verdict.FAILED, Verdict.WAIT, Verdict.UNCONFIRMED


# --- rule 1: a read after the write showed it in progress -------------------------------------------------


@pytest.mark.parametrize("step", ["NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT", "PROCESSING"])
@pytest.mark.parametrize("end", ["READY", "VECTOR_CREATED"])
def test_a_usable_status_after_a_step_was_seen_is_ours(step: str, end: str) -> None:
    assert shown(own(entry()), RULES, (0, entry(step, NEW)), (5, entry(end, NEW))) == [WAIT, DONE]


def test_the_first_read_after_the_write_counts_as_one_that_showed_it() -> None:
    looks = (0, entry("RAW_TEXT", NEW)), (1, entry("READY", NEW))
    assert shown(own(entry()), RULES, *looks) == [WAIT, DONE]


@pytest.mark.parametrize("step", ["PROCESSING", "SUPABASE_ONLY"])
def test_the_older_generations_steps_show_it_too(step: str) -> None:
    looks = (0, entry(step, NEW, generation=TRAINING)), (5, entry("READY", NEW, generation=TRAINING))
    assert shown(own(entry(generation=TRAINING)), RULES, *looks) == [WAIT, DONE]


def test_what_waits_for_its_caller_is_not_in_progress() -> None:
    for idle in (entry("BLANK", generation=TRAINING), entry("AWAITING_UPLOAD", generation=TRAINING)):
        assert idle.idle
        assert proven(own(entry()), RULES, (0, idle)) is None
    upload = entry("NEW", kind="file")
    assert upload.idle
    assert upload.phase is Phase.QUEUED
    assert proven(own(entry()), RULES, (0, upload)) is None
    assert not entry("NEW").idle


def test_an_old_trouble_that_still_stands_is_not_our_run() -> None:
    stuck = entry("RAW_TEXT", error="extraction failed")
    assert shown(own(stuck), RULES, (0, stuck)) == [WAIT]
    assert proven(own(stuck), RULES, (0, stuck)) is None
    began_anew = entry("RAW_TEXT", NEW)  # the write cleared the error
    assert proven(own(stuck), RULES, (0, began_anew)) == "SEEN_IN_PROGRESS"


# --- rule 2: it was not usable, and now it is -------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        entry("UNPROCESSABLE"),
        entry("RAW_TEXT", error="stuck"),
        entry("BLANK", generation=TRAINING),
        entry("ERR_TEXT_TO_VECTOR", generation=TRAINING),
        entry("SYNC_ERROR", generation=TRAINING),
    ],
    ids=str,
)
def test_a_usable_status_where_there_was_none_is_ours(before: Observation) -> None:
    assert shown(own(before), RULES, (0, entry("READY", NEW))) == [DONE]


# --- rule 3: READY stepped back ---------------------------------------------------------------------------


def test_ready_that_stepped_back_to_vector_created_is_ours() -> None:
    assert shown(own(entry("READY")), RULES, (0, entry("READY")), (5, entry("VECTOR_CREATED"))) == [
        WAIT,
        DONE,
    ]


def test_vector_created_that_steps_on_to_ready_is_only_the_old_run() -> None:
    looks = (0, entry("VECTOR_CREATED", NEW)), *throughout(entry("READY", NEWER), 5 + GRACE, begin=5)
    assert shown(own(entry("VECTOR_CREATED")), RULES, *looks)[-1] is UNCONFIRMED


def test_a_ready_that_may_be_the_old_runs_last_step_has_to_stand_even_after_ours_was_seen() -> None:
    """Two replicas: one shows our step, the other is behind and shows the last step of the text before."""
    looks = [(0, entry("RAW_TEXT", OLD)), *throughout(entry("READY", NEW), 40, begin=5)]
    assert shown(own(entry("VECTOR_CREATED", OLD)), RULES, *looks) == [WAIT] * 4 + [DONE]


def test_ready_seen_after_it_stepped_back_is_ours() -> None:
    looks = (
        (0, entry("READY", ready=("READY",))),
        (5, entry("VECTOR_CREATED", ready=("READY",))),
        (9, entry("READY", NEW, ready=("READY",))),
    )
    assert shown(own(entry("READY")), RULES, *looks) == [WAIT, WAIT, DONE]


# --- rule 4: updatedAt past the first read after the write, in two reads in a row -------------------------


@pytest.mark.parametrize("status", ["READY", "VECTOR_CREATED"])
def test_a_time_past_the_first_read_after_the_write_twice_in_a_row_is_ours(status: str) -> None:
    looks = (0, entry(status, NEW)), (5, entry(status, NEWER)), (10, entry(status, NEWER))
    assert shown(own(entry(status, OLD)), RULES, *looks) == [WAIT, WAIT, DONE]


def test_the_time_that_the_write_itself_stamped_proves_nothing() -> None:
    assert shown(own(entry("READY", OLD)), RULES, *throughout(entry("READY", NEW), GRACE))[-1] is UNCONFIRMED


def test_a_read_from_before_the_write_is_not_the_first_read_after_it() -> None:
    """Reads lag: the first still carries the baseline's time, so the write's own stamp comes after it."""
    looks = [(0, entry("READY", OLD)), *throughout(entry("READY", NEW), 1 + GRACE, begin=1)]
    assert shown(own(entry("READY", OLD)), RULES, *looks)[-1] is UNCONFIRMED
    spelt = entry("READY", "2026-01-01T01:00:00+01:00")
    assert proven(own(entry("READY", OLD)), RULES, (0, spelt), *looks) is None
    later = (0, spelt), (1, entry("READY", NEW)), (2, entry("READY", NEWER)), (3, entry("READY", NEWER))
    assert proven(own(entry("READY", OLD)), RULES, *later) == "MARKER_LATER"


def test_a_ready_older_than_the_first_read_after_the_write_is_never_the_end() -> None:
    looks = [(0, entry("RAW_TEXT", NEW)), *throughout(entry("READY", OLD), 60, begin=1)]
    assert set(shown(own(entry("READY", OLD)), RULES, *looks)) == {WAIT}
    assert shown(own(entry("READY", OLD)), RULES, *looks, (61, entry("READY", NEWER)))[-1] is DONE


def test_a_moved_time_in_one_read_only_proves_nothing() -> None:
    looks = (0, entry("READY", NEW)), (5, entry("READY", NEWER)), (10, entry("READY", NEW))
    assert shown(own(entry("READY", OLD)), RULES, *looks) == [WAIT] * 3


def test_a_time_that_went_back_is_not_a_moved_one() -> None:
    looks = (0, entry("READY", NEW)), *throughout(entry("READY", OLD), 5 + GRACE, begin=5)
    assert shown(own(entry("READY", OLD)), RULES, *looks)[-1] is UNCONFIRMED


# --- rule 5: the older API's vectorEntryId ----------------------------------------------------------------


def test_a_write_with_a_vector_entry_id_is_ready_at_once_if_its_time_moved() -> None:
    before = entry("READY", OLD, generation=TRAINING)
    after = entry("READY", NEW, generation=TRAINING)
    assert shown(own(before, Receipt.VECTOR), RULES, (0, after)) == [DONE]


def test_a_write_with_a_vector_entry_id_whose_time_did_not_move_proves_nothing() -> None:
    before = entry("READY", OLD, generation=TRAINING)
    assert shown(own(before, Receipt.VECTOR), RULES, *throughout(before, GRACE))[-1] is UNCONFIRMED


# --- a stale status ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["READY", "VECTOR_CREATED"])
def test_a_usable_status_that_never_moved_is_unconfirmed_after_the_grace(status: str) -> None:
    verdicts = shown(own(entry(status)), RULES, *throughout(entry(status), GRACE))
    assert verdicts == [WAIT] * 12 + [UNCONFIRMED]


@pytest.mark.parametrize("receipt", list(Receipt))
def test_no_receipt_makes_an_old_ready_ours(receipt: Receipt) -> None:
    assert shown(own(entry(), receipt), RULES, *throughout(entry(), GRACE))[-1] is UNCONFIRMED


def test_a_failed_status_that_was_there_before_counts_after_the_grace_only() -> None:
    failed = entry("UNPROCESSABLE")
    assert shown(own(failed), RULES, *throughout(failed, GRACE)) == [WAIT] * 12 + [FAILED]


def test_a_failed_status_that_was_there_before_counts_once_a_step_was_seen() -> None:
    failed, again = entry("UNPROCESSABLE"), entry("UNPROCESSABLE", NEW)
    assert shown(own(failed), RULES, (0, entry("RAW_TEXT", NEW)), (5, again)) == [WAIT, FAILED]


def test_a_failed_status_that_was_there_before_counts_once_its_time_moved_twice() -> None:
    looks = [(now, entry("UNPROCESSABLE", at)) for now, at in ((0, NEW), (5, NEWER), (10, NEWER))]
    assert shown(own(entry("UNPROCESSABLE")), RULES, *looks) == [WAIT, WAIT, FAILED]


@pytest.mark.parametrize("status", ["UNPROCESSABLE", "SYNC_ERROR", "ERR_FILE_PROCESSING", "ERR_NEVER_SEEN"])
def test_a_failed_status_that_was_not_there_before_is_ours(status: str) -> None:
    assert shown(own(entry()), RULES, (0, entry(status, NEW))) == [FAILED]


# --- an error beside the status ---------------------------------------------------------------------------


def test_an_error_on_an_unfinished_entry_is_a_failure_only_if_it_outlasts_the_grace() -> None:
    stuck = entry("RAW_TEXT", NEW, error="crawler")
    assert shown(own(entry()), RULES, *throughout(stuck, GRACE)) == [WAIT] * 12 + [FAILED]


def test_an_error_that_the_vendor_clears_within_the_grace_is_no_failure() -> None:
    looks = (0, entry("RAW_TEXT", error="busy")), (60, entry("RAW_TEXT")), (GRACE, entry("READY", NEW))
    assert shown(own(entry()), RULES, *looks) == [WAIT, WAIT, DONE]


def test_an_error_beside_a_usable_status_leaves_the_entry_usable() -> None:
    looks = (0, entry("RAW_TEXT")), (5, entry("VECTOR_CREATED", NEW, error="optimisation failed"))
    assert shown(own(entry()), RULES, *looks) == [WAIT, DONE]


@pytest.mark.parametrize(
    "idle",
    [
        entry("BLANK", generation=TRAINING),
        entry("AWAITING_UPLOAD", generation=TRAINING),
        entry("NEW", kind="file"),
    ],
    ids=str,
)
def test_an_entry_that_waits_for_its_caller_ends_by_the_deadline(idle: Observation) -> None:
    assert shown(own(idle), RULES, *throughout(idle, 3600))[-1] is Verdict.TIMED_OUT


@pytest.mark.parametrize("status", [None, "ARCHIVED", "ready", "VECTOR_CREATED "])
def test_a_missing_or_unknown_status_is_no_success_and_an_error_after_the_grace(status: str | None) -> None:
    assert entry(status).phase is Phase.UNKNOWN
    assert shown(own(entry()), RULES, *throughout(entry(status, NEW), GRACE))[-1] is Verdict.UNKNOWN_STATUS


def test_vector_created_is_no_status_of_the_older_generation() -> None:
    assert entry("VECTOR_CREATED", generation=TRAINING).phase is Phase.UNKNOWN
    assert entry("UNPROCESSABLE", generation=TRAINING).phase is Phase.UNKNOWN
    assert entry("BLANK", generation=KB).phase is Phase.UNKNOWN


# --- which statuses count ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ready", "generation", "status", "phase"),
    [
        ((), KB, "READY", Phase.SUCCEEDED),
        ((), KB, "VECTOR_CREATED", Phase.SUCCEEDED),
        ((), TRAINING, "READY", Phase.SUCCEEDED),
        (("READY",), KB, "READY", Phase.SUCCEEDED),
        (("READY",), KB, "VECTOR_CREATED", Phase.RUNNING),
        (("VECTOR_CREATED",), KB, "VECTOR_CREATED", Phase.SUCCEEDED),
    ],
)
def test_the_caller_may_choose_which_usable_statuses_count(
    ready: tuple[str, ...], generation: Generation, status: str, phase: Phase
) -> None:
    assert entry(status, generation=generation, ready=ready).phase is phase


def test_an_entry_that_stays_at_vector_created_times_out_where_ready_is_asked_for() -> None:
    def at(status: str) -> Observation:
        return entry(status, NEW, ready=("READY",))

    looks = (0, at("RAW_TEXT")), *throughout(at("VECTOR_CREATED"), 3600, begin=10)
    assert shown(own(entry()), RULES, *looks)[-1] is Verdict.TIMED_OUT


def test_an_old_ready_is_not_in_progress_where_vector_created_alone_is_asked_for() -> None:
    ready = entry("READY", ready=("VECTOR_CREATED",))
    assert proven(own(ready), RULES, (0, ready)) is None
    assert RULES.before_write(ready) is None
    looks = (0, ready), (5, ready)
    assert DONE not in shown(own(ready), RULES, *looks)


def test_ready_is_more_than_vector_created_and_counts_where_that_was_asked_for() -> None:
    looks = (0, entry("RAW_TEXT")), (5, entry("READY", NEW, ready=("VECTOR_CREATED",)))
    assert shown(own(entry()), RULES, *looks) == [WAIT, DONE]


def test_a_status_that_is_no_success_of_the_generation_cannot_be_asked_for() -> None:
    problems: list[str] = []
    assert ready_argument(problems, "READY", KB) == ("READY",)
    assert ready_argument(problems, None, KB) == ()
    assert problems == []
    ready_argument(problems, ["READY", "VECTOR_CREATED", "done"], TRAINING)
    assert len(problems) == 2


# --- before the write -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "purpose"),
    [
        (entry("READY"), None),
        (entry("UNPROCESSABLE"), None),
        (entry("RAW_TEXT"), Purpose.FOREIGN),
        (entry("NEW"), Purpose.FOREIGN),
        (entry("ODD"), Purpose.FOREIGN),
        (entry(None), Purpose.FOREIGN),
        (entry("NEW", kind="file"), None),
        (entry("RAW_TEXT", error="stuck"), None),
        (entry("VECTOR_CREATED"), Purpose.GRACE),
        (entry("VECTOR_CREATED", ready=("READY",)), Purpose.GRACE),
        (entry("BLANK", generation=TRAINING), None),
        (entry("AWAITING_UPLOAD", generation=TRAINING), None),
        (entry("PROCESSING", generation=TRAINING), Purpose.FOREIGN),
    ],
    ids=str,
)
def test_an_entry_in_progress_ends_before_it_is_written(before: Observation, purpose: Purpose | None) -> None:
    assert RULES.before_write(before) is purpose


# --- what was read ----------------------------------------------------------------------------------------


def test_an_error_object_without_words_is_an_error() -> None:
    from airflow_provider.vendors.sensay.values import Entry

    wordless = Entry(id=7, status="RAW_TEXT", has_error=True)
    assert EntryTarget(REPLICA, 7, KB).observe(wordless).error


@pytest.mark.parametrize(
    ("sent", "back", "same"),
    [
        ("We open at nine.", "We open at nine.", True),
        ("We open at nine.", "We open", False),
        ("We open at nine. Not on Sundays.", "We open at nine.", False),
        ("We open at nine... or ten.", "We open at nine.", False),
        ("word " * 2_001, "word " * 2_000, True),
        ("word " * 2_000, "word " * 1_999, False),
        ("word " * 2_001, "ward " * 2_000, False),
        ("We open at nine.", "We open…", True),
        ("We open at nine.", "We open...", True),
        ("We open at nine.", "We open at ten.", False),
        ("We open", "We open at nine.", False),
        ("We open at nine.", "", False),
        ("We open at nine.", None, False),
        ("We open at nine.", "…", False),
    ],
)
def test_a_text_reads_back_whole_or_cut_short_where_it_may_be(
    sent: str, back: str | None, same: bool
) -> None:
    assert reads_back(sent, back) is same


def test_a_target_has_one_key_in_both_generations() -> None:
    keys: set[Any] = {EntryTarget(REPLICA, 7, generation).key for generation in Generation}
    assert keys == {f"replicas/{REPLICA}/knowledge-base/7"}
