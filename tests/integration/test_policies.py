"""What the caller may choose, and what the record decides: versions, ceilings, documents, other people's records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.rig import AGENT, NEW_TEXT, Rig
from tests.integration.task import Supervisor, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]
RECORD = "agent_knowledge_record"


def _run(make: Any, supervisor: Supervisor | None = None, **kwargs: Any) -> Any:
    return TaskUnderTest(make, supervisor=supervisor, **kwargs).to_the_end()


def _next_run(before: Supervisor, **kwargs: Any) -> Supervisor:
    """Return a supervisor of another DAG run: Variables stay, task state is its own."""
    return Supervisor(variables=before.variables, **kwargs)


# --- versions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
def test_the_same_version_is_skipped_and_another_one_is_not(rig: Rig, deferrable: bool) -> None:
    first = Supervisor()
    assert _run(rig.retrain(version="a1", deferrable=deferrable), first).result["outcome"] == "refreshed"
    same = _next_run(first)
    skipped = _run(rig.retrain(version="a1", deferrable=deferrable), same)
    assert (skipped.state, skipped.result["outcome"]) == ("success", "skipped")
    assert (skipped.result["credits_charged"], same.xcoms["version"]) == (0.0, "a1")
    other = _run(rig.retrain(version="b2", deferrable=deferrable), _next_run(first))
    assert (other.result["outcome"], rig.paid) == ("refreshed", 2)


def test_force_and_the_runs_conf_override_the_version(rig: Rig) -> None:
    first = Supervisor()
    _run(rig.retrain(version="a1"), first)
    assert _run(rig.retrain(version="a1", force=True), _next_run(first)).result["outcome"] == "refreshed"
    for flag in (True, "true", 1):
        by_conf = _run(rig.retrain(version="a1"), _next_run(first), conf={"force_refresh": flag})
        assert by_conf.result["outcome"] == "refreshed"
    quiet = _run(rig.retrain(version="a1"), _next_run(first), conf={"force_refresh": False})
    assert (quiet.result["outcome"], rig.paid) == ("skipped", 5)


def test_a_version_is_delivered_only_by_a_run_of_our_own(rig: Rig) -> None:
    supervisor = Supervisor()
    rig.sandbox.options(training_seconds=5)
    rig.sandbox.set_agent(foreign_run=True)
    assert _run(rig.retrain(version="a1"), supervisor).result["outcome"] == "adopted"
    # The run that was adopted may have begun before this version was there.
    assert _run(rig.retrain(version="a1"), _next_run(supervisor)).result["outcome"] == "refreshed"


def test_a_version_that_failed_was_not_delivered(rig: Rig) -> None:
    supervisor = Supervisor()
    rig.sandbox.options(training_outcome="failed")
    _run(rig.retrain(version="a1"), supervisor)
    rig.sandbox.options(training_outcome="completed")
    assert _run(rig.retrain(version="a1"), _next_run(supervisor)).result["outcome"] == "refreshed"


@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_an_update_of_the_same_version_sends_nothing(rig: Rig, generation: str) -> None:
    rig.speak(generation)
    supervisor = Supervisor()
    _run(rig.update(version="a1"), supervisor)
    again = _run(rig.update(version="a1", raw_text="Other words"), _next_run(supervisor))
    assert (again.result["outcome"], len(rig.written)) == ("skipped", 1)


def test_an_update_that_reads_back_is_skipped_and_its_title_counts(rig: Rig) -> None:
    rig.speak("knowledge-base")
    _run(rig.update(title="Hours"))
    assert _run(rig.update(title="Hours")).result["outcome"] == "skipped"
    assert len(rig.written) == 1
    _run(rig.update(title="Opening hours", on_unconfirmed="accept"))
    assert len(rig.written) == 2


# --- ceilings ----------------------------------------------------------------------------------------------


def test_a_ceiling_below_the_price_refuses_before_the_post(rig: Rig) -> None:
    for arguments in ({"max_credits": 9.5}, {"max_credits_per_day": 9}, {"max_credits": 0}):
        ended = _run(rig.retrain(**arguments))
        assert ended.verdict == ("failed", "BudgetExceededError")
        assert "Nothing was sent" in ended.told
    assert rig.retrains == 0


def test_the_days_ceiling_counts_over_tasks_and_runs(rig: Rig) -> None:
    supervisor = Supervisor()
    assert _run(rig.retrain(max_credits_per_day=20), supervisor).state == "success"
    assert _run(rig.retrain(max_credits_per_day=20), _next_run(supervisor)).state == "success"
    third = _run(rig.retrain(max_credits_per_day=20), _next_run(supervisor))
    assert third.verdict == ("failed", "BudgetExceededError")
    assert (rig.paid, rig.retrains) == (2, 2)


def test_a_day_gets_its_credits_back_where_nothing_was_charged(rig: Rig) -> None:
    supervisor = Supervisor()
    rig.sandbox.options(training_seconds=5)
    rig.sandbox.set_agent(foreign_run=True)
    assert _run(rig.retrain(max_credits_per_day=10), supervisor).result["outcome"] == "adopted"
    assert _run(rig.retrain(max_credits_per_day=10), _next_run(supervisor)).state == "success"
    assert rig.paid == 1


# --- documents ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("policy", ["fail", "warn", "ignore"])
def test_failed_documents_are_a_policy(
    rig: Rig, policy: str, deferrable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.sandbox.options(document_outcome="failed")
    ended = _run(rig.retrain(on_failed_documents=policy, deferrable=deferrable))
    if policy == "fail":
        assert ended.verdict == ("failed", "RefreshFailedForGoodError")
        assert "faq.pdf" in ended.told
    else:
        assert ended.state == "success"
    assert ("documents failed: faq.pdf" in capsys.readouterr().out.lower()) == (policy != "ignore")
    assert rig.paid == 1


@pytest.mark.parametrize("deferrable", MODES)
def test_completed_is_not_the_end_while_a_document_is_in_work(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(document_seconds=5)
    ended = _run(rig.retrain(deferrable=deferrable))
    assert ended.state == "success"
    assert ended.result["seconds"] > 4.5  # the training alone takes 4; two clocks, so not to the hundredth


# --- other records -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record", ["text", 7, [], {}, {"schema": 99}, {"schema": 1, "stage": "intent"}, {"schema": 1}], ids=str
)
@pytest.mark.parametrize("deferrable", MODES)
def test_an_unreadable_record_is_not_an_absent_one(rig: Rig, record: Any, deferrable: bool) -> None:
    supervisor = Supervisor(task_state={RECORD: record})
    for make in (rig.retrain(deferrable=deferrable), rig.update(), rig.create(text="a", title="t")):
        ended = _run(make, supervisor)
        assert ended.verdict == ("up_for_retry", "RecordUnreadableError")
        assert "Nothing was sent" in ended.told
    assert rig.written == []
    assert supervisor.task_state == {RECORD: record}


def test_a_store_that_does_not_answer_is_not_an_empty_one(rig: Rig) -> None:
    def away(message: Any) -> None:
        if type(message).__name__ == "GetTaskStateStore":
            raise RuntimeError("the API server is away")

    task = TaskUnderTest(rig.retrain(), supervisor=Supervisor(before=away))
    assert task.to_the_end().verdict == ("up_for_retry", "RecordUnreadableError")
    assert rig.asked == []
    task.supervisor.before = lambda _: None
    assert task.retry().to_the_end().state == "success"
    assert rig.paid == 1


def test_a_store_that_does_not_take_the_intent_lets_nothing_be_sent(rig: Rig) -> None:
    def full(message: Any) -> None:
        if type(message).__name__ == "SetTaskStateStore":
            raise RuntimeError("the API server is away")

    for make in (rig.retrain(), rig.update(), rig.create(text="a", title="t")):
        assert _run(make, Supervisor(before=full)).state == "up_for_retry"
    assert rig.written == []


def test_a_template_that_changed_between_two_tries_is_refused_while_its_run_may_be_open(rig: Rig) -> None:
    (other,) = rig.sandbox.seed(agents=[{"name": "Other"}])["agents"]
    rig.sandbox.options(training_seconds=60)
    task = TaskUnderTest(rig.retrain(timeout=2), retries=5)
    assert task.to_the_end().state == "up_for_retry"
    task.make = rig.retrain(agent_id=other)
    ended = task.retry().to_the_end()
    assert ended.verdict == ("failed", "RecordMismatchError")
    assert rig.sandbox.agent_id in ended.told
    assert other in ended.told
    assert rig.paid == 1
    task.make = rig.retrain(agent_id=other, force=True)
    rig.sandbox.options(training_seconds=1)
    assert task.clear().to_the_end().state == "success"
    assert rig.paid == 2


def test_a_text_that_changed_between_two_tries_is_written(rig: Rig) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.options(entry_stuck="RAW_TEXT")
    task = TaskUnderTest(rig.update(timeout=2), retries=5)
    assert task.to_the_end().state == "up_for_retry"
    rig.sandbox.options(entry_stuck=None)
    rig.sandbox.set_entry(status="READY")
    task.make = rig.update(raw_text="Newer words")
    assert task.retry().to_the_end().state == "success"
    assert rig.sandbox.set_entry()["rawText"] == "Newer words"


# --- time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
def test_a_reattach_after_the_deadline_gets_a_fresh_one(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(training_seconds=4.5, document_seconds=1)
    task = TaskUnderTest(rig.retrain(timeout=3, deferrable=deferrable), retries=5)
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshTimeoutError")
    ended = task.retry().to_the_end()
    assert (ended.state, ended.result["outcome"]) == ("success", "reattached")
    assert ended.result["seconds"] >= 3
    assert rig.paid == 1


@pytest.mark.parametrize("deferrable", MODES)
def test_what_was_seen_late_is_kept_for_the_next_try(rig: Rig, deferrable: bool) -> None:
    """The worker's first looks met a lagging GET; whoever waited saw the run, and noted it before failing."""
    rig.sandbox.options(lag=10, stuck="training")
    task = TaskUnderTest(rig.retrain(timeout=14, start_grace=60, deferrable=deferrable), retries=5)
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshTimeoutError")
    assert task.supervisor.task_state[RECORD]["wait"]["evidence"]["active"] is True


@pytest.mark.parametrize("deferrable", MODES)
def test_a_key_that_stays_refused_ends_the_wait_and_keeps_the_record(rig: Rig, deferrable: bool) -> None:
    fault = rig.sandbox.fault("status", method="GET", path=AGENT, status=401, times=None, skip=2)
    task = TaskUnderTest(rig.retrain(deferrable=deferrable), retries=5)
    ended = task.to_the_end()
    assert ended.verdict == ("failed", "AuthenticationError")
    assert "re-attaches" in ended.told
    assert task.supervisor.task_state[RECORD]["stage"] == "submitted"
    rig.sandbox.clear_faults(fault)
    assert task.clear().to_the_end().result["outcome"] == "reattached"
    assert rig.paid == 1


def test_what_was_not_awaited_is_not_submitted_again_by_a_retry(rig: Rig) -> None:
    task = TaskUnderTest(rig.retrain(wait_for_completion=False, version="v1"), retries=5)
    first = task.to_the_end().result
    assert task.retry().to_the_end().result == first
    assert task.supervisor.xcoms["version"] == "v1"
    assert rig.paid == 1


def test_on_running_wait_reads_a_new_baseline_before_it_pays(rig: Rig) -> None:
    rig.sandbox.set_agent(foreign_run=True)
    ended = _run(rig.retrain(on_running="wait", deferrable=True))
    assert (ended.state, ended.result["outcome"], rig.paid) == ("success", "refreshed", 1)
    waits = ended.result["proof"]
    assert waits["baseline"]["status"] == "completed"


def test_on_running_wait_gives_up_in_time_and_pays_nothing(rig: Rig) -> None:
    rig.sandbox.options(stuck="training")
    rig.sandbox.set_agent(foreign_run=True)
    for deferrable in (False, True):
        ended = _run(rig.retrain(on_running="wait", timeout=2, deferrable=deferrable))
        assert ended.verdict == ("up_for_retry", "RefreshTimeoutError")
        assert "Nothing was charged" in ended.told
    assert rig.paid == 0


# --- creating ----------------------------------------------------------------------------------------------


def test_a_retry_after_a_failed_create_replaces_the_entry(rig: Rig) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.options(entry_outcome="UNPROCESSABLE", delete_status=200)
    task = TaskUnderTest(rig.create(text=NEW_TEXT, title="Hours"), retries=5)
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshFailedError")
    rig.sandbox.options(entry_outcome="READY")
    ended = task.retry().to_the_end()
    assert ended.state == "success"
    assert rig.entries() == [rig.sandbox.entry_id, ended.result["entry_id"]]


def test_a_lost_answer_to_a_titled_create_is_found_again(rig: Rig) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.seed(entries=[{"title": "Hours", "rawText": "old"}])
    rig.sandbox.fault("lose_answer", method="POST", path="/knowledge-base$")
    ended = _run(rig.create(text=NEW_TEXT, title="Hours"))
    assert ended.state == "success", ended.told
    assert len(rig.entries()) == 3
    assert ended.result["entry_id"] == rig.entries()[-1]


def test_a_lost_answer_to_an_untitled_create_says_so_and_stops(rig: Rig) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.fault("lose_answer", method="POST", path="/knowledge-base$")
    ended = _run(rig.create(text=NEW_TEXT))
    assert ended.verdict == ("failed", "OutcomeUnknownError")
    assert "give a title" in ended.told
    assert len(rig.entries()) == 2


def test_a_url_that_is_there_already_is_named(rig: Rig) -> None:
    rig.speak("knowledge-base")
    first = _run(rig.create(url="https://www.example.com/faq")).result["entry_id"]
    ended = _run(rig.create(url="https://www.example.com/faq"))
    assert ended.verdict == ("failed", "AlreadyThereError")
    assert f"[{first}]" in ended.told


# --- an Airflow that keeps no task state -------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
def test_without_task_state_everything_works(rig: Rig, deferrable: bool) -> None:
    supervisor = Supervisor(is_task_state_available=False)
    ended = _run(rig.retrain(deferrable=deferrable, version="v1"), supervisor)
    assert (ended.state, ended.result["outcome"]) == ("success", "refreshed")
    assert supervisor.task_state == {}
    rig.speak("knowledge-base")
    for make in (rig.update(deferrable=deferrable), rig.create(text="a", title="t", deferrable=deferrable)):
        assert _run(make, Supervisor(is_task_state_available=False)).state == "success"


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("again", ["retry", "clear"])
def test_without_task_state_the_trace_finds_the_run_even_after_it_has_ended(
    rig: Rig, deferrable: bool, again: str
) -> None:
    rig.sandbox.options(training_seconds=10)
    supervisor = Supervisor(is_task_state_available=False)
    task = TaskUnderTest(rig.retrain(timeout=2, deferrable=deferrable), supervisor=supervisor, retries=5)
    late = task.to_the_end()
    assert late.verdict == ("up_for_retry", "RefreshTimeoutError")
    assert "A retry re-attaches" in late.told
    rig.sandbox.advance(60)
    task.make = rig.retrain(deferrable=deferrable)
    ended = getattr(task, again)().to_the_end()
    assert (ended.state, ended.result["outcome"]) == ("success", "reattached")
    assert rig.paid == 1


@pytest.mark.parametrize("mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
def test_without_a_record_the_sensor_still_proves_by_since_and_marker(rig: Rig, mode: dict[str, Any]) -> None:
    result = _run(rig.retrain(wait_for_completion=False)).result
    supervisor = Supervisor(is_task_state_available=False)
    assert _run(rig.agent_sensor(since=json.loads(json.dumps(result)), **mode), supervisor).state == "success"
    assert supervisor.task_state == {}


# --- the deferral ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [None, "done", {}, {"schema": 99}, {"schema": 1}])
def test_an_event_that_is_no_report_fails_and_the_retry_reattaches(rig: Rig, event: Any) -> None:
    task = TaskUnderTest(rig.retrain(deferrable=True), retries=5)
    assert task.run().deferred
    assert task.resume(event).verdict == ("up_for_retry", "AgentKnowledgeError")
    assert task.retry().to_the_end().result["outcome"] == "reattached"
    assert rig.paid == 1


def test_airflows_own_deferral_timeout_loses_against_the_triggers(rig: Rig) -> None:
    task = TaskUnderTest(rig.retrain(deferrable=True, timeout=30))
    assert task.run().deferred
    assert task.deferral.trigger_timeout.total_seconds() > 30 + 30


def test_failed_documents_are_not_paid_again_by_a_retry_that_airflow_never_meant(rig: Rig) -> None:
    """The worker dies after the end is recorded and before Airflow notes that the task failed for good."""
    rig.sandbox.options(document_outcome="failed")
    supervisor = Supervisor()
    first = _run(rig.retrain(), supervisor)
    assert first.verdict == ("failed", "RefreshFailedForGoodError")
    again = TaskUnderTest(rig.retrain(), supervisor=supervisor).retry().to_the_end()
    assert again.verdict == ("failed", "RefreshFailedForGoodError")
    assert len(rig.sandbox.charges) == 1
