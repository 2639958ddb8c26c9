"""May we pay, and do we have to? The protocol of a paid submit, row by row; and what an idempotent write may."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider.refresh import submit
from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.record import Ending, Identity, Outcome, Record, Stage, fingerprint
from airflow_provider.refresh.submit import Action, Decision, Policy
from airflow_provider.refresh.wait import Purpose, Receipt, Rules, Verdict, Wait
from airflow_provider.vendors.sendkit import agent as sendkit
from airflow_provider.vendors.sensay import entry as sensay
from tests.unit.refresh.scenes import (
    GRACE,
    NEW,
    OLD,
    TRAINING,
    agent,
    blind_agent,
    entry,
    own,
    waiting,
)

ME = Identity(target="sendkit:agents/1", body="b", cycle=1)
CLEARED = replace(ME, cycle=2)
TEN = Decimal(10)


def paid(**fields: Any) -> Policy:
    return Policy(**{"repeatable": False, "cost": TEN, "start_grace": GRACE, **fields})


def free(**fields: Any) -> Policy:
    return Policy(**{"repeatable": True, "cost": Decimal(0), "start_grace": GRACE, **fields})


def intent(baseline: Observation | None, identity: Identity = ME, **fields: Any) -> Record:
    """An earlier try stopped at 0, somewhere around its POST."""
    usual = {"credits": TEN, "at": 0.0}
    return Record(identity=identity, stage=Stage.INTENT, baseline=baseline, **{**usual, **fields})


def submitted(identity: Identity = ME, baseline: Observation | None = None, **fields: Any) -> Record:
    before = baseline or agent()
    usual = {"credits": TEN, "charged": TEN, "at": 0.0, "wait": own(before)}
    return Record(identity=identity, stage=Stage.SUBMITTED, baseline=before, **{**usual, **fields})


def ended(ending: Ending, identity: Identity = ME, **fields: Any) -> Record:
    record = submitted(identity)
    return replace(record, stage=Stage.ENDED, ending=ending, message="what went wrong", **fields)


def decide(
    record: Record | None,
    seen: Observation,
    policy: Policy | None = None,
    *,
    identity: Identity = ME,
    now: float = 0.0,
    waited: Wait | None = None,
    rules: Rules = sendkit.RULES,
) -> Decision:
    return submit.decide(record, identity, policy or paid(), seen, rules, now, waited)


def action(*args: Any, **kwargs: Any) -> Action:
    return decide(*args, **kwargs).action


# --- no record --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        agent("pending", None),
        agent("training"),
        agent("completed"),
        agent("failed"),
        agent("odd"),
        agent(None),
    ],
    ids=str,
)
def test_without_a_record_it_is_sent_whatever_the_status_says(before: Observation) -> None:
    assert action(None, before) is Action.SUBMIT


# --- an intent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(agent("completed"), agent("failed"), id="status changed"),
        pytest.param(agent("completed"), agent("training"), id="training"),
        pytest.param(agent("completed"), agent("pending"), id="pending"),
        pytest.param(agent("pending"), agent("training"), id="pending, now training"),
        pytest.param(agent("pending"), agent("completed"), id="pending, now completed"),
        pytest.param(agent(), agent(processing=["a.pdf"]), id="a document in work"),
    ],
)
@pytest.mark.parametrize("identity", [ME, CLEARED], ids=["retried", "cleared"])
def test_an_intent_whose_request_left_a_trace_is_adopted(
    before: Observation, now: Observation, identity: Identity
) -> None:
    assert action(intent(before), now, identity=identity) is Action.ADOPT


@pytest.mark.parametrize("scraped", [OLD, None], ids=["marker moved", "first marker"])
@pytest.mark.parametrize("now", [30.0, GRACE + 1], ids=["within the grace", "after it"])
def test_a_marker_that_moved_is_a_trace_only_once_a_second_look_says_so(
    scraped: str | None, now: float
) -> None:
    before, moved = agent(scraped=scraped), agent(scraped=NEW)
    first = decide(intent(before), moved, now=now)
    assert (first.action, first.purpose, first.trace) == (Action.WAIT, Purpose.GRACE, True)
    grace = waiting(Purpose.GRACE, baseline=before)
    looked, verdict = waits.observe(grace, sendkit.RULES, moved, now)
    assert verdict is Verdict.WAIT, "moved once: never the end, not even after the grace"
    assert action(intent(before), moved, now=now + 1, waited=looked) is Action.ADOPT
    assert action(intent(before), before, now=now + 1, waited=looked) is not Action.ADOPT


@pytest.mark.parametrize("marker", ["2025-12-31T00:00:00Z", "2026-01-01T00:00:00.000+00:00", None])
def test_a_marker_that_only_looks_different_or_went_back_is_no_trace(marker: str | None) -> None:
    same = agent(scraped=marker)
    looked, _ = waits.observe(waiting(Purpose.GRACE, baseline=agent(scraped=OLD)), sendkit.RULES, same, 1)
    assert action(intent(agent(scraped=OLD)), same, now=2, waited=looked) is Action.WAIT


def test_an_adopted_intent_costs_nothing_even_where_the_budget_is_spent() -> None:
    assert action(intent(agent()), agent("training"), paid(max_credits=TEN)) is Action.ADOPT


@pytest.mark.parametrize("marker", [OLD, NEW])
def test_a_run_that_was_active_before_and_is_active_now_is_asked_for_again(marker: str) -> None:
    """Only a 409 can come of it, and ``on_running`` decides what follows."""
    assert action(intent(agent("training")), agent("training", marker)) is Action.SUBMIT


@pytest.mark.parametrize("seconds", [0.0, GRACE - 1])
def test_an_intent_without_a_trace_gets_a_grace_first(seconds: float) -> None:
    decision = decide(intent(agent()), agent(), now=seconds)
    assert (decision.action, decision.purpose) == (Action.WAIT, Purpose.GRACE)


@pytest.mark.parametrize(
    ("on_unknown", "before", "expected"),
    [
        (None, agent(scraped=OLD), Action.SUBMIT),
        (None, agent(scraped=None), Action.REFUSE_UNKNOWN),
        ("submit", agent(scraped=OLD), Action.SUBMIT),
        ("submit", agent(scraped=None), Action.SUBMIT),
        ("fail", agent(scraped=OLD), Action.REFUSE_UNKNOWN),
        ("fail", agent(scraped=None), Action.REFUSE_UNKNOWN),
    ],
)
def test_on_unknown_decides_about_an_intent_without_a_trace(
    on_unknown: str | None, before: Observation, expected: Action
) -> None:
    assert action(intent(before), before, paid(on_unknown=on_unknown), now=GRACE) is expected


@pytest.mark.parametrize(
    ("on_unknown", "expected"),
    [(None, Action.REFUSE_UNKNOWN), ("submit", Action.SUBMIT), ("fail", Action.REFUSE_UNKNOWN)],
)
def test_a_marker_that_somebody_elses_run_may_have_moved_shows_neither_that_ours_ran_nor_that_it_did_not(
    on_unknown: str | None, expected: Action
) -> None:
    before, now = agent("training", OLD), agent("completed", NEW)
    assert action(intent(before), now, paid(on_unknown=on_unknown), now=GRACE) is expected


def test_a_marker_that_nobody_moved_shows_that_ours_did_not_run_even_if_somebody_elses_did() -> None:
    before, now = agent("training", OLD), agent("completed", OLD)
    assert action(intent(before), now, now=GRACE) is Action.SUBMIT


def test_a_marker_that_vanished_shows_nothing() -> None:
    assert action(intent(agent(scraped=OLD)), agent(scraped=None), now=GRACE) is Action.REFUSE_UNKNOWN


def test_a_second_request_after_the_grace_counts_the_first_as_paid() -> None:
    assert action(intent(agent()), agent(), paid(max_credits=TEN), now=GRACE) is Action.REFUSE_BUDGET
    assert action(intent(agent()), agent(), paid(max_credits=Decimal(20)), now=GRACE) is Action.SUBMIT


def test_an_intent_without_a_baseline_begins_anew() -> None:
    assert action(intent(None), agent()) is Action.SUBMIT


# --- submitted --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [agent(), agent("training"), agent("failed", NEW), blind_agent()], ids=str)
@pytest.mark.parametrize("identity", [ME, CLEARED], ids=["retried", "cleared"])
@pytest.mark.parametrize("now", [0.0, 1e6], ids=["soon", "long after the deadline"])
def test_a_submitted_run_is_reattached(seen: Observation, identity: Identity, now: float) -> None:
    assert action(submitted(), seen, paid(max_credits=Decimal(0)), identity=identity, now=now) is (
        Action.REATTACH
    )


def test_a_submitted_run_taken_up_before_its_deadline_keeps_it() -> None:
    assert submit.reopened(submitted(), CLEARED, now=100.0, timeout=60.0).wait == submitted().wait


def test_a_submitted_run_taken_up_after_its_deadline_gets_a_fresh_one() -> None:
    again = submit.reopened(submitted(), CLEARED, now=3600.0, timeout=60.0)
    assert again.wait is not None
    assert again.wait.deadline == 3660.0
    assert again.identity == CLEARED


def test_a_submitted_run_taken_up_again_forgets_failed_reads_and_nothing_else() -> None:
    wait, _ = waits.observe(own(agent()), sendkit.RULES, agent("training"), 5)
    missed, _ = waits.read_failed(wait, 10)
    again = submit.reopened(submitted(wait=missed), ME, now=20.0, timeout=60.0)
    assert again.wait == wait
    assert again.credits == TEN


# --- ended ------------------------------------------------------------------------------------------------


def test_a_retry_after_a_good_end_returns_the_recorded_result() -> None:
    record = ended(Ending.OK)
    settled = submit.settled(record, ME)
    assert settled is not None
    assert settled.action is Action.RETURN
    assert action(record, agent()) is Action.RETURN


def test_a_clear_after_a_good_end_starts_over() -> None:
    record = ended(Ending.OK)
    assert submit.settled(record, CLEARED) is None
    assert action(record, agent(), identity=CLEARED) is Action.SUBMIT


@pytest.mark.parametrize("identity", [ME, CLEARED], ids=["retried", "cleared"])
def test_a_failed_run_is_followed_by_a_new_one_within_the_budget(identity: Identity) -> None:
    record = ended(Ending.FAILED)
    assert submit.settled(record, identity) is None
    assert action(record, agent("failed"), identity=identity) is Action.SUBMIT
    within, beyond = paid(max_credits=Decimal(20)), paid(max_credits=Decimal("19.5"))
    assert action(record, agent("failed"), within, identity=identity) is Action.SUBMIT
    assert action(record, agent("failed"), beyond, identity=identity) is Action.REFUSE_BUDGET


def test_a_retry_after_an_unconfirmed_end_repeats_the_error() -> None:
    record = ended(Ending.UNCONFIRMED)
    settled = submit.settled(record, ME)
    assert settled is not None
    assert (settled.action, settled.reason) == (Action.REPEAT_ERROR, "what went wrong")
    assert action(record, agent("completed", NEW)) is Action.REPEAT_ERROR


def test_a_clear_after_an_unconfirmed_end_is_a_new_submit() -> None:
    record = ended(Ending.UNCONFIRMED)
    assert submit.settled(record, CLEARED) is None
    assert action(record, agent(), identity=CLEARED) is Action.SUBMIT


def test_nothing_is_settled_without_a_record_or_while_one_is_open() -> None:
    assert submit.settled(None, ME) is None
    assert submit.settled(intent(agent()), ME) is None
    assert submit.settled(submitted(), ME) is None


# --- another target, another body -------------------------------------------------------------------------


@pytest.mark.parametrize("other", [replace(ME, target="sendkit:agents/2"), replace(ME, body="c")])
@pytest.mark.parametrize("record", [intent(agent()), submitted()], ids=["intent", "submitted"])
def test_an_open_record_of_another_target_or_body_is_refused(record: Record, other: Identity) -> None:
    decision = decide(record, agent(), identity=other)
    assert decision.action is Action.REFUSE_MISMATCH
    assert record.identity.target in decision.reason
    assert other.target in decision.reason


@pytest.mark.parametrize("ending", list(Ending))
def test_an_ended_record_of_another_target_is_another_cycle_with_a_budget_of_its_own(ending: Ending) -> None:
    other = replace(ME, target="sendkit:agents/2")
    assert submit.settled(ended(ending), other) is None
    assert action(ended(ending), agent(), paid(max_credits=TEN), identity=other) is Action.SUBMIT


# --- force ------------------------------------------------------------------------------------------------


FORCED = replace(ME, forced=True)


@pytest.mark.parametrize(
    "record", [intent(agent()), submitted(), ended(Ending.OK), ended(Ending.UNCONFIRMED)]
)
def test_force_begins_anew_whatever_an_unforced_try_left(record: Record) -> None:
    assert submit.settled(record, FORCED) is None
    assert action(record, agent(), paid(force=True), identity=FORCED) is Action.SUBMIT


def test_force_gets_past_the_open_record_of_another_target() -> None:
    other = replace(FORCED, target="sendkit:agents/2")
    assert action(submitted(), agent(), paid(force=True), identity=other) is Action.SUBMIT


def test_a_retry_of_a_forced_refresh_does_not_force_another_one() -> None:
    policy = paid(force=True)
    assert action(submitted(FORCED), agent(), policy, identity=FORCED) is Action.REATTACH
    assert action(intent(agent(), FORCED), agent("training"), policy, identity=FORCED) is Action.ADOPT
    settled = submit.settled(ended(Ending.OK, FORCED), FORCED)
    assert settled is not None
    assert settled.action is Action.RETURN


def test_force_overrides_a_delivered_version_and_an_unchanged_text() -> None:
    same = {"version": "v1", "delivered": "v1", "unchanged": True, "force": True}
    assert action(None, agent(), paid(**same), identity=FORCED) is Action.SUBMIT
    assert action(None, entry(), free(**same), identity=FORCED, rules=sensay.RULES) is Action.SUBMIT


def test_force_does_not_override_the_budget_nor_blindness() -> None:
    broke = paid(force=True, max_credits=Decimal(5))
    assert action(None, agent(), broke, identity=FORCED) is Action.REFUSE_BUDGET
    assert action(None, blind_agent(), paid(force=True), identity=FORCED) is Action.REFUSE_BLIND


# --- what is refused before it costs anything -------------------------------------------------------------


def test_an_end_that_nobody_could_see_is_refused_unless_nobody_waits_for_it() -> None:
    assert action(None, blind_agent()) is Action.REFUSE_BLIND
    assert action(None, blind_agent(), paid(waits=False)) is Action.SUBMIT
    assert action(None, agent(None, None)) is Action.SUBMIT, "null is not absent"


@pytest.mark.parametrize(
    ("ceiling", "expected"),
    [
        (None, Action.SUBMIT),
        ("10", Action.SUBMIT),
        ("9.99", Action.REFUSE_BUDGET),
        ("0", Action.REFUSE_BUDGET),
    ],
)
def test_a_ceiling_is_kept_before_the_post(ceiling: str | None, expected: Action) -> None:
    policy = paid(max_credits=None if ceiling is None else Decimal(ceiling))
    assert action(None, agent(), policy) is expected


@pytest.mark.parametrize(
    ("record", "identity", "spent"),
    [
        pytest.param(None, ME, 0, id="nothing yet"),
        pytest.param(intent(agent()), ME, 10, id="a charge that nobody confirmed counts"),
        pytest.param(intent(agent()), CLEARED, 10, id="also after a clear"),
        pytest.param(submitted(), CLEARED, 10, id="submitted"),
        pytest.param(ended(Ending.OK), ME, 10, id="ended well"),
        pytest.param(ended(Ending.OK), CLEARED, 10, id="a clear after a good end counts as well"),
        pytest.param(ended(Ending.FAILED), CLEARED, 10, id="and after a failure"),
        pytest.param(ended(Ending.UNCONFIRMED), CLEARED, 10, id="and after an unconfirmed end"),
        pytest.param(submitted(), replace(ME, target="sendkit:agents/2"), 0, id="another target"),
    ],
)
def test_what_counts_as_spent(record: Record | None, identity: Identity, spent: int) -> None:
    assert submit.spent(record, identity, paid()) == Decimal(spent)


# --- skipping ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "delivered", "expected"),
    [
        ("v2", "v2", Action.SKIP),
        ("v2", "v1", Action.SUBMIT),
        ("v2", None, Action.SUBMIT),
        (None, None, Action.SUBMIT),
        (None, "v1", Action.SUBMIT),
    ],
)
def test_a_delivered_version_is_not_delivered_again(
    version: str | None, delivered: str | None, expected: Action
) -> None:
    assert action(None, agent(), paid(version=version, delivered=delivered)) is expected


def test_the_reason_names_what_changed() -> None:
    assert decide(None, agent(), paid(version="c3", delivered="a1")).reason == "version changed a1 → c3"
    assert "never delivered" in decide(None, agent(), paid(version="c3")).reason
    assert "every run" in decide(None, agent()).reason
    assert decide(None, agent(), paid(force=True)).reason == "forced"


def test_a_delivered_version_does_not_hide_an_open_run() -> None:
    same = paid(version="v1", delivered="v1")
    assert action(submitted(), agent(), same) is Action.REATTACH
    assert action(intent(agent()), agent("training"), same) is Action.ADOPT


def test_a_retry_after_a_failure_is_skipped_if_another_task_delivered_the_version_meanwhile() -> None:
    record = ended(Ending.FAILED, version="v1")
    assert action(record, agent(), paid(version="v1", delivered="v1")) is Action.SKIP


def test_an_unfinished_refresh_of_another_version_makes_the_delivered_one_uncertain() -> None:
    policy = {"version": "v1", "delivered": "v1"}
    for record in (ended(Ending.FAILED, version="v2"), ended(Ending.UNCONFIRMED, version="v2")):
        assert action(record, agent(), paid(**policy), identity=CLEARED) is Action.SUBMIT
    half_done = intent(entry(), version="v2")
    other_text = replace(ME, body="c")
    assert (
        action(half_done, entry(), free(**policy), identity=other_text, rules=sensay.RULES) is Action.SUBMIT
    )


# --- an idempotent write ----------------------------------------------------------------------------------


def sensay_action(record: Record | None, seen: Observation, policy: Policy, **kwargs: Any) -> Action:
    return action(record, seen, policy, rules=sensay.RULES, **kwargs)


def test_a_text_that_is_there_already_is_not_written_again() -> None:
    assert sensay_action(None, entry(), free(unchanged=True)) is Action.SKIP
    assert sensay_action(ended(Ending.OK), entry(), free(unchanged=True), identity=CLEARED) is Action.SKIP


@pytest.mark.parametrize(
    "unfinished",
    [
        intent(entry()),
        submitted(baseline=entry(), wait=own(entry())),
        ended(Ending.FAILED),
        ended(Ending.UNCONFIRMED),
    ],
    ids=["intent", "written, not looked at", "failed", "unconfirmed"],
)
def test_a_text_that_is_there_proves_nothing_while_a_write_is_unfinished(unfinished: Record) -> None:
    assert sensay_action(unfinished, entry(), free(unchanged=True), identity=CLEARED) is Action.SUBMIT


def test_a_write_that_may_not_have_landed_is_repeated_without_a_grace() -> None:
    assert sensay_action(intent(entry()), entry(), free()) is Action.SUBMIT


def test_a_write_whose_first_read_is_missing_is_repeated() -> None:
    assert sensay_action(submitted(baseline=entry(), wait=own(entry())), entry(), free()) is Action.SUBMIT


def test_a_write_that_was_looked_at_is_reattached() -> None:
    wait, _ = waits.observe(own(entry()), sensay.RULES, entry("READY", NEW), 0)
    assert sensay_action(submitted(baseline=entry(), wait=wait), entry(), free()) is Action.REATTACH


def test_another_text_is_written_over_an_unfinished_write() -> None:
    other = replace(ME, body="c")
    for record in (intent(entry()), submitted(baseline=entry())):
        assert sensay_action(record, entry(), free(), identity=other) is Action.SUBMIT


def test_an_entry_in_progress_is_waited_for_before_the_write() -> None:
    decision = decide(None, entry("RAW_TEXT"), free(), rules=sensay.RULES)
    assert (decision.action, decision.purpose) == (Action.WAIT, Purpose.FOREIGN)
    again = decide(intent(entry()), entry("RAW_TEXT"), free(), rules=sensay.RULES)
    assert (again.action, again.purpose) == (Action.WAIT, Purpose.FOREIGN)


def test_an_entry_at_vector_created_is_given_one_grace_and_then_written() -> None:
    before = entry("VECTOR_CREATED")
    decision = decide(None, before, free(), rules=sensay.RULES)
    assert (decision.action, decision.purpose) == (Action.WAIT, Purpose.GRACE)
    assert sensay_action(None, before, free(), waited=waiting(Purpose.GRACE)) is Action.SUBMIT


def test_an_entry_in_progress_again_after_the_grace_is_waited_for_again() -> None:
    decision = decide(None, entry("RAW_TEXT"), free(), rules=sensay.RULES, waited=waiting(Purpose.GRACE))
    assert (decision.action, decision.purpose) == (Action.WAIT, Purpose.FOREIGN)


@pytest.mark.parametrize(
    "stuck",
    [entry("BLANK", generation=TRAINING), entry("NEW", kind="file"), entry("RAW_TEXT", error="stuck")],
    ids=str,
)
def test_what_only_a_write_can_move_is_written_at_once(stuck: Observation) -> None:
    assert sensay_action(None, stuck, free()) is Action.SUBMIT


# --- the record itself ------------------------------------------------------------------------------------


def test_a_record_is_open_until_it_ended() -> None:
    assert intent(agent()).open
    assert submitted().open
    assert not ended(Ending.OK).open


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"schema": "1"},
        {**submitted().to_json(), "schema": 2},
        {"schema": 1, "stage": "lost"},
    ],
    ids=repr,
)
def test_what_is_no_record_or_one_of_a_later_schema_is_unreadable_and_not_absent(data: Any) -> None:
    with pytest.raises(ValueError, match=r"not a (r|R)ecord"):
        Record.from_json(data)


def test_the_hash_of_a_body_is_that_of_its_json() -> None:
    assert fingerprint({"a": 1, "b": "ü"}) == fingerprint({"b": "ü", "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert len(fingerprint(None)) == 16


def test_an_adopted_run_keeps_its_outcome_when_it_is_taken_up_again() -> None:
    adopted = submitted(outcome=Outcome.ADOPTED, wait=own(agent(), Receipt.CONFLICT))
    assert submit.reopened(adopted, ME, now=1.0, timeout=60.0).outcome is Outcome.ADOPTED
