"""The waits that write nothing: a sensor's gate, ``since``, somebody else's run, a grace; and reads that fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import Observation, later, shorten
from airflow_provider.refresh.record import Outcome
from airflow_provider.refresh.result import RefreshResult
from airflow_provider.refresh.wait import Purpose, ReadFailure, Receipt, Rules, Verdict, Wait
from airflow_provider.vendors.sendkit import agent as sendkit
from airflow_provider.vendors.sensay import entry as sensay
from tests.unit.refresh.scenes import (
    GRACE,
    NEW,
    NEWER,
    OLD,
    TRAINING,
    agent,
    blind_agent,
    entry,
    named,
    own,
    proven,
    result_json,
    shown,
    throughout,
    waiting,
)

DONE, FAILED, WAIT = Verdict.DONE, Verdict.FAILED, Verdict.WAIT


# --- since=None: a gate on the present state --------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "seen", "verdict"),
    [
        (sendkit.RULES, agent("completed"), DONE),
        (sendkit.RULES, agent("failed"), FAILED),
        (sendkit.RULES, agent("training"), WAIT),
        (sendkit.RULES, agent("pending"), WAIT),
        (sendkit.RULES, agent("completed", processing=["a"]), WAIT),
        (sendkit.RULES, agent("odd"), WAIT),
        (sensay.RULES, entry("READY"), DONE),
        (sensay.RULES, entry("VECTOR_CREATED"), DONE),
        (sensay.RULES, entry("VECTOR_CREATED", ready=("READY",)), WAIT),
        (sensay.RULES, entry("UNPROCESSABLE"), FAILED),
        (sensay.RULES, entry("RAW_TEXT"), WAIT),
        (sensay.RULES, entry(None), WAIT),
    ],
    ids=named,
)
def test_a_gate_opens_on_a_terminal_status_at_once(rules: Rules, seen: Observation, verdict: Verdict) -> None:
    assert shown(waiting(Purpose.GATE), rules, (0, seen)) == [verdict]


@pytest.mark.parametrize(
    ("rules", "idle"),
    [
        (sendkit.RULES, agent("pending", None)),
        (sensay.RULES, entry("BLANK", generation=TRAINING)),
        (sensay.RULES, entry("AWAITING_UPLOAD", generation=TRAINING)),
        (sensay.RULES, entry("NEW", kind="file")),
    ],
    ids=named,
)
def test_a_gate_on_what_nobody_ever_started_is_an_error_after_the_grace(
    rules: Rules, idle: Observation
) -> None:
    verdicts = shown(waiting(Purpose.GATE), rules, *throughout(idle, GRACE))
    assert verdicts == [WAIT] * 12 + [Verdict.NEVER_STARTED]


def test_a_gate_does_not_take_a_queued_run_for_one_never_started_once_it_was_seen_training() -> None:
    looks = (0, agent("training")), *throughout(agent("pending"), 10 + GRACE, begin=10)
    assert shown(waiting(Purpose.GATE), sendkit.RULES, *looks)[-1] is WAIT


def test_a_gate_does_not_take_a_pending_agent_with_documents_in_work_for_one_never_started() -> None:
    looks = throughout(agent("pending", processing=["a.pdf"]), GRACE)
    assert shown(waiting(Purpose.GATE), sendkit.RULES, *looks)[-1] is WAIT


def test_a_gate_waits_for_a_pending_run_that_begins_within_the_grace() -> None:
    looks = (0, agent("pending")), (60, agent("training")), (90, agent("completed", NEW))
    assert shown(waiting(Purpose.GATE), sendkit.RULES, *looks) == [WAIT, WAIT, DONE]


@pytest.mark.parametrize(
    ("rules", "seen"), [(sendkit.RULES, blind_agent()), (sensay.RULES, entry("ODD"))], ids=named
)
def test_a_gate_on_a_status_nobody_knows_is_an_error_after_the_grace(rules: Rules, seen: Observation) -> None:
    assert shown(waiting(Purpose.GATE), rules, *throughout(seen, GRACE))[-1] is Verdict.UNKNOWN_STATUS


# --- since=<vendor time> -----------------------------------------------------------------------------------


def since(time: str) -> Wait:
    return waiting(Purpose.SINCE, since=time)


def test_a_marker_later_than_since_opens() -> None:
    assert shown(since(NEW), sendkit.RULES, (0, agent(scraped=NEWER))) == [DONE]
    assert shown(since(NEW), sensay.RULES, (0, entry("READY", NEWER))) == [DONE]


@pytest.mark.parametrize("marker", [NEW, OLD, None])
def test_a_marker_equal_to_since_or_earlier_or_missing_does_not_open(marker: str | None) -> None:
    assert shown(since(NEW), sendkit.RULES, *throughout(agent(scraped=marker), 3600))[-1] is Verdict.TIMED_OUT
    assert shown(since(NEW), sensay.RULES, *throughout(entry("READY", marker), 3600))[-1] is Verdict.TIMED_OUT


def test_an_old_failed_does_not_close_a_wait_for_a_later_run() -> None:
    looks = (0, agent("failed", OLD)), (30, agent("training", OLD)), (60, agent("completed", NEWER))
    assert shown(since(NEW), sendkit.RULES, *looks) == [WAIT, WAIT, DONE]


def test_a_later_run_that_failed_is_a_failure() -> None:
    assert shown(since(NEW), sendkit.RULES, (0, agent("failed", NEWER))) == [FAILED]


def test_a_later_marker_on_a_run_still_at_work_does_not_open() -> None:
    looks = (0, agent("training", NEWER)), (30, agent("completed", NEWER, processing=["a"]))
    assert shown(since(NEW), sendkit.RULES, *looks) == [WAIT, WAIT]


def test_a_time_without_a_zone_is_read_as_utc_and_not_as_no_time_at_all() -> None:
    naive = since("2026-01-02 00:00:00")
    assert shown(naive, sendkit.RULES, (0, agent(scraped=OLD))) == [WAIT]
    assert shown(naive, sendkit.RULES, (0, agent(scraped=NEWER))) == [DONE]


def test_a_marker_that_is_no_time_is_never_later_than_one_that_is() -> None:
    assert shown(since(NEW), sendkit.RULES, (0, agent(scraped="1767225600000"))) == [WAIT]


@pytest.mark.parametrize(
    ("marker", "than", "answer"),
    [
        (NEW, OLD, True),
        (OLD, NEW, False),
        (NEW, NEW, False),
        (NEW, None, True),
        (None, OLD, False),
        (None, None, False),
        ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", False),
        ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00Z", True),
        ("2026-01-02T00:00:00", "2026-01-01T00:00:00Z", True),
        ("2026-01-01T00:00:00", "2026-01-02T00:00:00Z", False),
        ("run-2", "run-1", False),
        ("run-1", None, False),
        ("1767225600000", "2025-12-31T23:59:59Z", True),
        ("1767225600000", "1767225600", False),
        ("1767225600", "1767225601", False),
        ("run-1", "run-1", False),
        ("run-2", OLD, False),
        (NEW, "run-1", False),
    ],
)
def test_vendor_times_are_compared_as_times(marker: str | None, than: str | None, answer: bool) -> None:
    assert later(marker, than) is answer


# --- since=<the operator's result> ------------------------------------------------------------------------


def handed_over(wait: Wait, rules: Rules, *looks: tuple[float, Observation]) -> Wait:
    """The wait that a sensor rebuilds from the result of an operator that did not wait."""
    for now, seen in looks:
        wait, verdict = waits.observe(wait, rules, seen, now)
        assert verdict is WAIT
    result = result_json(
        vendor="sendkit", target="agents/1", seen=seen, outcome=Outcome.REFRESHED, now=now, wait=wait
    )
    begun = RefreshResult.from_json(json.loads(json.dumps(result))).proof
    assert begun is not None
    return begun


def test_a_sensor_goes_on_with_what_the_operator_had_seen() -> None:
    begun = handed_over(own(agent()), sendkit.RULES, (0, agent("pending")), (1, agent("training")))
    assert shown(begun, sendkit.RULES, (600, agent(scraped=NEW))) == [DONE]


def test_a_sensor_given_a_result_does_not_believe_the_status_that_was_there_before() -> None:
    begun = handed_over(own(agent()), sendkit.RULES, (0, agent()), (8, agent()))
    assert shown(begun, sendkit.RULES, (9, agent())) == [WAIT]
    assert shown(begun, sendkit.RULES, *throughout(agent(), 200, begin=9))[-1] is Verdict.UNCONFIRMED


def test_a_sensor_knows_the_operators_first_read_after_the_write() -> None:
    begun = handed_over(own(entry("READY", OLD)), sensay.RULES, (0, entry("READY", NEW)))
    assert shown(begun, sensay.RULES, *throughout(entry("READY", NEW), 200))[-1] is Verdict.UNCONFIRMED
    looks = (10, entry("READY", NEWER)), (20, entry("READY", NEWER))
    assert shown(begun, sensay.RULES, *looks) == [WAIT, DONE]


def test_a_sensor_knows_which_trouble_the_baseline_had() -> None:
    trouble = entry("RAW_TEXT", error="x" * 500)
    begun = handed_over(own(trouble), sensay.RULES, (0, trouble))
    assert proven(begun, sensay.RULES, (1, trouble)) is None
    assert proven(begun, sensay.RULES, (1, entry("RAW_TEXT"))) == "SEEN_IN_PROGRESS"


def test_a_document_in_work_before_is_still_no_evidence_for_the_sensor() -> None:
    before = agent(processing=[f"{n}.pdf" for n in range(100)])
    begun = handed_over(own(before), sendkit.RULES, (0, before), (8, before))
    fewer = agent(processing=[f"{n}.pdf" for n in range(50, 100)])
    assert shown(begun, sendkit.RULES, (9, fewer), *throughout(agent(), 200, begin=10))[-1] is (
        Verdict.UNCONFIRMED
    )


def test_a_skipped_refresh_hands_over_no_proof() -> None:
    result = result_json(vendor="sendkit", target="agents/1", seen=agent(), outcome=Outcome.SKIPPED, now=0.0)
    assert RefreshResult.from_json(result).proof is None


def test_a_proof_of_something_else_is_refused() -> None:
    proof = {"purpose": "own", "started": "yesterday"}
    with pytest.raises(ValueError, match="not a RefreshResult"):
        RefreshResult.from_json({"target": "agents/1", "outcome": "refreshed", "proof": proof})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "no result"),
        ({"outcome": "refreshed"}, "no result"),
        ({"target": "agents/1", "outcome": "refreshed", "sync_id": "main"}, "bringing documents to agents/1"),
        ({"target": "replicas/1/knowledge-base/7", "outcome": "deleted"}, "refreshes nothing"),
    ],
)
def test_what_is_no_result_of_a_refresh_is_refused_by_what_it_is(data: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        RefreshResult.from_json(data)


# --- somebody else's run ----------------------------------------------------------------------------------


def foreign(**fields: float) -> Wait:
    return waiting(Purpose.FOREIGN, **fields)


@pytest.mark.parametrize("ended", [agent("completed"), agent("failed"), agent("pending")], ids=named)
def test_somebody_elses_run_is_over_once_nothing_is_at_work(ended: Observation) -> None:
    looks = (0, agent("training")), (30, agent("completed", processing=["a"])), (60, ended)
    assert shown(foreign(), sendkit.RULES, *looks) == [WAIT, WAIT, DONE]


def test_a_read_that_lags_behind_the_vendors_409_does_not_end_the_wait_for_that_run() -> None:
    looks = (0, agent("completed")), (20, agent("completed")), (31, agent("completed"))
    assert shown(foreign(), sendkit.RULES, *looks) == [WAIT, WAIT, DONE]


def test_somebody_elses_run_that_never_ends_ends_by_the_deadline() -> None:
    assert shown(foreign(), sendkit.RULES, *throughout(agent("training"), 3600))[-1] is Verdict.TIMED_OUT
    assert shown(foreign(), sensay.RULES, *throughout(entry("RAW_TEXT"), 3600))[-1] is Verdict.TIMED_OUT


def test_a_status_nobody_knows_is_not_waited_for_beyond_the_grace() -> None:
    assert shown(foreign(), sendkit.RULES, *throughout(agent("odd"), GRACE))[-1] is Verdict.UNKNOWN_STATUS
    assert shown(foreign(), sensay.RULES, *throughout(entry("ODD"), GRACE))[-1] is Verdict.UNKNOWN_STATUS


def test_an_entry_that_got_stuck_with_an_error_is_not_waited_for() -> None:
    looks = (0, entry("RAW_TEXT")), (40, entry("RAW_TEXT", error="crawler"))
    assert shown(foreign(), sensay.RULES, *looks) == [WAIT, DONE]


# --- a grace before the write -----------------------------------------------------------------------------


def grace(baseline: Observation | None) -> Wait:
    return waiting(Purpose.GRACE, baseline=baseline)


def test_a_grace_ends_at_once_when_a_trace_shows() -> None:
    assert shown(grace(agent()), sendkit.RULES, (0, agent()), (8, agent("training"))) == [WAIT, DONE]
    assert shown(
        grace(agent()), sendkit.RULES, (0, agent()), (8, agent(scraped=NEW)), (9, agent(scraped=NEW))
    ) == [
        WAIT,
        WAIT,
        DONE,
    ]


def test_a_grace_without_a_trace_ends_after_its_time() -> None:
    assert shown(grace(agent()), sendkit.RULES, *throughout(agent(), GRACE)) == [WAIT] * 12 + [DONE]


def test_vector_created_gets_its_grace_to_step_on_to_ready() -> None:
    looks = (0, entry("VECTOR_CREATED")), (10, entry("READY"))
    assert shown(grace(None), sensay.RULES, *looks) == [WAIT, DONE]
    assert shown(grace(None), sensay.RULES, *throughout(entry("VECTOR_CREATED"), GRACE))[-1] is DONE


# --- reads that fail --------------------------------------------------------------------------------------


def test_reads_that_fail_in_a_row_end_the_wait_and_say_that_nobody_could_look() -> None:
    wait = own(agent(), max_read_failures=3)
    verdicts = []
    for now in (0, 30, 60):
        wait, verdict = waits.read_failed(wait, now)
        verdicts.append(verdict)
    assert verdicts == [WAIT, WAIT, Verdict.UNREADABLE]


def test_a_read_that_succeeds_begins_the_count_anew() -> None:
    wait = own(agent(), max_read_failures=2)
    for _ in range(5):
        wait, verdict = waits.read_failed(wait, 1)
        assert verdict is WAIT
        wait, verdict = waits.observe(wait, sendkit.RULES, agent("training"), 1)
        assert verdict is WAIT


def test_a_rate_limit_never_ends_a_wait_before_its_deadline() -> None:
    wait = own(agent(), max_read_failures=1)
    for _ in range(50):
        wait, verdict = waits.read_failed(wait, 10, ReadFailure.RATE_LIMITED)
        assert verdict is WAIT
    assert waits.read_failed(wait, 3600, ReadFailure.RATE_LIMITED)[1] is Verdict.TIMED_OUT


def test_a_read_that_can_never_succeed_ends_the_wait_at_once() -> None:
    assert waits.read_failed(own(agent()), 0, ReadFailure.FINAL)[1] is Verdict.REFUSED


def test_a_failed_read_takes_nothing_from_the_evidence() -> None:
    wait, _ = waits.observe(own(agent()), sendkit.RULES, agent("training", NEW), 0)
    after, _ = waits.read_failed(wait, 1)
    assert replace(after.evidence, failures=0, silent_until=None) == wait.evidence
    assert shown(after, sendkit.RULES, (2, agent(scraped=NEW))) == [DONE]


def test_a_read_that_fails_at_the_deadline_is_a_timeout() -> None:
    assert waits.read_failed(own(agent()), 3600)[1] is Verdict.TIMED_OUT


def test_a_proven_end_at_the_deadline_is_an_end() -> None:
    wait, _ = waits.observe(own(agent()), sendkit.RULES, agent("training"), 0)
    assert shown(wait, sendkit.RULES, (3600, agent(scraped=NEW))) == [DONE]
    assert shown(own(agent(), Receipt.ACTIVE), sendkit.RULES, (3600, agent())) == [Verdict.TIMED_OUT]


# --- words -------------------------------------------------------------------------------------------------


def test_a_long_text_of_the_vendor_is_cut() -> None:
    assert shorten(None) is None
    assert shorten("short") == "short"
    assert shorten("x" * 201) == "x" * 199 + "…"


def test_a_line_about_a_sight_names_what_matters() -> None:
    seen = agent("failed", error="no pages", processing=["a"], trainingProgress=0.5)
    assert str(seen) == "status=failed documents_processing=1 error='no pages' progress=0.5"
    assert str(blind_agent()) == "status=missing"
