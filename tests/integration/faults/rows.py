"""The fault matrix itself: every way we know in which a vendor, a network or a person gets in the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.faults.row import DEFERRABLE, Bend, Row
from tests.integration.rig import AGENT, RETRAIN, Make, Rig
from tests.integration.task import Outcome, TaskUnderTest

FOREVER = 100_000.0
DAY = 86_400.0
VECTOR = "5f0c2c9e-7a55-4c1e-9c0e-2f5a1f3c9d11"

Task = Callable[[Rig, bool], Make]


def retrain(**arguments: Any) -> Task:
    return lambda rig, deferrable: rig.retrain(deferrable=deferrable, **arguments)


def update(generation: str = "knowledge-base", **arguments: Any) -> Task:
    def make(rig: Rig, deferrable: bool) -> Make:
        rig.speak(generation)
        return rig.update(deferrable=deferrable, **arguments)

    return make


def agent_sensor(**arguments: Any) -> Task:
    return lambda rig, deferrable: rig.agent_sensor(deferrable=deferrable, **arguments)


def options(**bent: Any) -> Bend:
    return lambda rig: rig.sandbox.options(**bent)


def agent(**fields: Any) -> Bend:
    return lambda rig: rig.sandbox.set_agent(**fields)


def on_post(kind: str, **fields: Any) -> Bend:
    return lambda rig: rig.sandbox.fault(kind, method="POST", path=RETRAIN, **fields)


def on_get(kind: str, **fields: Any) -> Bend:
    return lambda rig: rig.sandbox.fault(kind, method="GET", path=AGENT, **fields)


def all_of(*bends: Bend) -> Bend:
    return lambda rig: [bend(rig) for bend in bends]


# --- how a task instance is led ----------------------------------------------------------------------------


def beside_another_dag(**arguments: Any) -> Callable[[Rig, TaskUnderTest], list[Outcome]]:
    """Let another DAG's task meet our run at the moment it was accepted; the other's end comes first."""

    def play(rig: Rig, mine: TaskUnderTest) -> list[Outcome]:
        others: list[Outcome] = []

        def meanwhile(message: Any) -> None:
            submitted = (
                type(message).__name__ == "SetTaskStateStore" and message.value["stage"] == "submitted"
            )
            if submitted and not others:
                others.append(Outcome("running", None, None))
                deferrable = mine.make().deferrable
                theirs = TaskUnderTest(rig.retrain(deferrable=deferrable, **arguments), run_id="run-2")
                others[:] = [theirs.to_the_end()]

        mine.supervisor.before = meanwhile
        ours = mine.to_the_end()
        return [*others, ours]

    return play


def restarted(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    """Kill the triggerer in the middle of the wait; another one takes the trigger over."""
    assert task.run().deferred
    task.interrupt(after=0.5)
    return [task.resume(task.fire())]


def cleared_while_deferred(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    assert task.run().deferred
    return [task.clear().to_the_end()]


def failed_by_hand_then_cleared(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    """The trigger is cancelled in mid-wait; somebody clears the task once the run has ended."""
    assert task.run().deferred
    task.interrupt(after=0.5)
    rig.sandbox.advance(60)
    return [task.clear().to_the_end()]


def deferral_timed_out(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    assert task.run().deferred
    return [task.fail_deferral("Trigger timeout"), task.retry().to_the_end()]


def trigger_broke(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    assert task.run().deferred
    return [task.fail_deferral("Trigger failure"), task.retry().to_the_end()]


def event_lost(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    assert task.run().deferred
    return [task.resume(None), task.retry().to_the_end()]


def cleared_after_success(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    return [task.to_the_end(), task.clear().to_the_end()]


def tried_again_after_the_end(rig: Rig, task: TaskUnderTest) -> list[Outcome]:
    """The same cycle once more: as if Airflow had not heard of the end."""
    return [task.to_the_end(), task.retry().to_the_end()]


# --- SendKit -----------------------------------------------------------------------------------------------

PAID = [
    Row(
        fault="nothing",
        task=retrain(),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="POST answer lost",
        task=retrain(),
        bend=on_post("lose_answer"),
        becomes=("success/adopted",),
        charges=1,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="POST answer lost, GET lags",
        task=retrain(start_grace=5),
        bend=all_of(options(lag=14, training_seconds=16), on_post("lose_answer")),
        becomes=("up_for_retry/AmbiguousWriteError", "success/adopted"),
        between=lambda rig: rig.sandbox.advance(7),
        charges=1,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="slow POST, then 409",
        task=retrain(start_grace=6),
        bend=all_of(
            options(lag=18, training_seconds=24),
            lambda rig: rig.connect("sendkit", {"read_timeout": 0.3}),
            on_post("delay", when="after", seconds=1),
        ),
        between=lambda rig: rig.connect("sendkit"),
        becomes=("up_for_retry/AmbiguousWriteError", "success/adopted"),
        charges=1,
        says="proven by",
        writes=2,
    ),
    Row(
        fault="500 after acceptance",
        task=retrain(),
        bend=on_post("status_after", status=500),
        becomes=("success/adopted",),
        charges=1,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="500 before acceptance",
        task=retrain(),
        bend=on_post("status", status=500),
        becomes=("up_for_retry/AmbiguousWriteError", "success/refreshed"),
        charges=1,
        says="proven by",
        writes=2,
    ),
    Row(
        fault="500 before acceptance, on_unknown=fail",
        task=retrain(on_unknown="fail"),
        bend=on_post("status", status=500),
        becomes=("up_for_retry/AmbiguousWriteError", "failed/OutcomeUnknownError"),
        charges=0,
        says="set on_unknown='submit'",
        writes=1,
    ),
    Row(
        fault="429 storm on POST",
        task=retrain(),
        bend=on_post("status", status=429, retry_after=1, times=6),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
        writes=7,
    ),
    Row(
        fault="429 beyond the deadline",
        task=retrain(timeout=5),
        bend=on_post("status", status=429, retry_after=3600),
        becomes=("up_for_retry/RateLimitedError", "success/refreshed"),
        charges=1,
        says="proven by",
        writes=2,
    ),
    Row(
        fault="429 storm on GET",
        task=retrain(max_read_failures=2),
        bend=on_get("status", status=429, retry_after=0.5, times=8, skip=1),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="connection reset before the POST arrived",
        task=retrain(),
        bend=on_post("drop"),
        becomes=("up_for_retry/AmbiguousWriteError", "success/refreshed"),
        charges=1,
        says="proven by",
        writes=2,
    ),
    Row(
        fault="connection resets while waiting",
        task=retrain(max_read_failures=3),
        bend=on_get("drop", skip=1, times=2),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="vendor down while waiting",
        task=retrain(max_read_failures=3),
        bend=on_get("status", status=503, skip=1, times=8),
        becomes=("up_for_retry/ReadFailuresError", "success/reattached"),
        charges=1,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="stale completed",
        task=retrain(start_grace=6),
        bend=options(lag=3, retrain_answer_status="completed", training_seconds=4),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
        waited=3.0,
    ),
    Row(
        fault="POST answers pending, GET lags",
        task=retrain(start_grace=6),
        bend=options(lag=3, training_seconds=4),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
        waited=3.0,
    ),
    Row(
        fault="lastScrapedAt stamped at the start",
        task=retrain(),
        bend=options(last_scraped_at="start", training_seconds=3),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
        waited=3.0,
    ),
    Row(
        fault="completed that never confirms",
        task=retrain(),
        bend=options(lag=FOREVER, retrain_answer_status="completed"),
        becomes=("failed/RefreshUnconfirmedError",),
        charges=1,
        says="nothing ties it to this refresh",
    ),
    Row(
        fault="completed that never confirms, on_unconfirmed=accept",
        task=retrain(on_unconfirmed="accept"),
        bend=options(lag=FOREVER, retrain_answer_status="completed"),
        becomes=("success/refreshed",),
        charges=1,
        says="accepted unproven",
    ),
    Row(
        fault="completed that never confirms, tried again",
        task=retrain(),
        bend=options(lag=FOREVER, retrain_answer_status="completed"),
        play=tried_again_after_the_end,
        becomes=("failed/RefreshUnconfirmedError", "failed/RefreshUnconfirmedError"),
        charges=1,
        says="nothing ties it to this refresh",
        writes=1,
    ),
    Row(
        fault="agent never trained",
        task=retrain(),
        bend=agent(never_trained=True),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="agent never trained, status null",
        task=retrain(),
        bend=all_of(options(never_trained="null"), agent(never_trained=True)),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="agent never trained, sensor",
        task=agent_sensor(),
        bend=agent(never_trained=True),
        becomes=("failed/NeverTrainedError",),
        charges=0,
        says="never trained?",
        writes=0,
    ),
    Row(
        fault="failed left over from an earlier run",
        task=retrain(start_grace=6),
        bend=all_of(agent(trainingStatus="failed", trainingError="old"), options(lag=3)),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="the run fails, the retry works",
        task=retrain(),
        bend=options(training_outcome="failed"),
        between=options(training_outcome="completed"),
        becomes=("up_for_retry/RefreshFailedError", "success/refreshed"),
        charges=2,
        says="proven by",
    ),
    Row(
        fault="the run fails, max_credits=10",
        task=retrain(max_credits=10),
        bend=options(training_outcome="failed"),
        becomes=("up_for_retry/RefreshFailedError", "failed/BudgetExceededError"),
        charges=1,
        says="10.0 credits are spent, 10 more would pass max_credits=10",
        writes=1,
    ),
    Row(
        fault="status vanishing",
        task=retrain(),
        after_submit=agent(missing=["trainingStatus"]),
        becomes=("failed/UnknownStatusError",),
        charges=1,
        says="no status",
    ),
    Row(
        fault="status never there",
        task=retrain(),
        bend=options(hide_training_fields=True),
        becomes=("failed/InvalidArgumentError",),
        charges=0,
        says="Set wait_for_completion=False",
        writes=0,
    ),
    Row(
        fault="status unknown",
        task=retrain(),
        after_submit=agent(raw={"trainingStatus": "dreaming"}),
        becomes=("failed/UnknownStatusError",),
        charges=1,
        says="'dreaming'",
    ),
    Row(
        fault="vendor's clock a day ahead",
        task=retrain(),
        bend=options(clock_skew=DAY),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="vendor's clock a day behind",
        task=retrain(),
        bend=options(clock_skew=-DAY),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="two DAGs at once, the other adopts",
        task=retrain(),
        bend=options(training_seconds=5),
        play=beside_another_dag(),
        becomes=("success/adopted", "success/refreshed"),
        charges=1,
        says="proven by",
        writes=2,
    ),
    Row(
        fault="two DAGs at once, the other waits for its own",
        task=retrain(start_grace=6),
        bend=options(training_seconds=5),
        play=beside_another_dag(on_running="wait"),
        becomes=("success/refreshed", "success/refreshed"),
        charges=2,
        says="proven by",
    ),
    Row(
        fault="two DAGs at once, the other skips",
        task=retrain(),
        bend=options(training_seconds=5),
        play=beside_another_dag(on_running="skip"),
        becomes=("skipped", "success/refreshed"),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="two DAGs at once, the other fails",
        task=retrain(),
        bend=options(training_seconds=5),
        play=beside_another_dag(on_running="fail"),
        becomes=("up_for_retry/AlreadyRunningError", "success/refreshed"),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="not done in time, the retry re-attaches",
        task=retrain(timeout=2),
        bend=options(training_seconds=30),
        between=lambda rig: rig.sandbox.advance(60),
        becomes=("up_for_retry/RefreshTimeoutError", "success/reattached"),
        charges=1,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="key rotated while waiting",
        task=retrain(),
        bend=on_get("status", status=401, skip=2),
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
    ),
    Row(
        fault="triggerer restarted in mid-wait",
        task=retrain(),
        play=restarted,
        becomes=("success/refreshed",),
        charges=1,
        says="proven by",
        modes=DEFERRABLE,
    ),
    Row(
        fault="cleared while deferred",
        task=retrain(),
        play=cleared_while_deferred,
        becomes=("success/reattached",),
        charges=1,
        says="proven by",
        modes=DEFERRABLE,
    ),
    Row(
        fault="marked failed while deferred, then cleared",
        task=retrain(),
        play=failed_by_hand_then_cleared,
        becomes=("success/reattached",),
        charges=1,
        says="proven by",
        modes=DEFERRABLE,
    ),
    Row(
        fault="deferral timed out",
        task=retrain(),
        play=deferral_timed_out,
        becomes=("up_for_retry/TaskDeferralTimeout", "success/reattached"),
        charges=1,
        says="proven by",
        modes=DEFERRABLE,
    ),
    Row(
        fault="trigger broke",
        task=retrain(),
        play=trigger_broke,
        becomes=("up_for_retry/TaskDeferralError", "success/reattached"),
        charges=1,
        says="proven by",
        modes=DEFERRABLE,
    ),
    Row(
        fault="event lost",
        task=retrain(),
        play=event_lost,
        becomes=("up_for_retry/AgentKnowledgeError", "success/reattached"),
        charges=1,
        says="proven by",
        modes=DEFERRABLE,
    ),
    Row(
        fault="DAG run cleared after success",
        task=retrain(),
        play=cleared_after_success,
        becomes=("success/refreshed", "success/refreshed"),
        charges=2,
        says="proven by",
    ),
    Row(
        fault="DAG run cleared after success, same version",
        task=retrain(version="v1"),
        play=cleared_after_success,
        becomes=("success/refreshed", "success/skipped"),
        charges=1,
        says="version v1 was delivered already",
    ),
    Row(
        fault="tried again after success",
        task=retrain(),
        play=tried_again_after_the_end,
        becomes=("success/refreshed", "success/refreshed"),
        charges=1,
        says="proven by",
        writes=1,
    ),
]


# --- Sensay ------------------------------------------------------------------------------------------------


def entry(*steps: tuple[float, str], **fields: Any) -> Bend:
    timeline = [{"after": after, "status": status, "quiet": True} for after, status in steps]
    return lambda rig: rig.sandbox.set_entry(timeline=timeline or None, **fields)


def identical(**arguments: Any) -> Task:
    def make(rig: Rig, deferrable: bool) -> Make:
        rig.speak("knowledge-base")
        text = rig.sandbox.set_entry()["rawText"]
        return rig.update(deferrable=deferrable, raw_text=text, **arguments)

    return make


_WRITES = {"knowledge-base": "PATCH", "training": "PUT"}


def _sensay(generation: str) -> list[Row]:
    return [
        Row(
            fault=f"{generation}: stale READY",
            task=update(generation, start_grace=6),
            bend=options(stale_ready=3, stamp_updated_at="processing"),
            becomes=("success/refreshed",),
            charges=0,
            says="proven by",
            writes=1,
            waited=3.0,
        ),
        Row(
            fault=f"{generation}: updatedAt stamped by the write while READY stays for 3 s",
            task=update(generation, start_grace=6),
            bend=options(stale_ready=3, stamp_updated_at="both"),
            becomes=("success/refreshed",),
            charges=0,
            says="proven by",
            writes=1,
            waited=3.0,
        ),
        Row(
            fault=f"{generation}: READY that never moves",
            task=update(generation),
            bend=options(stale_ready=FOREVER),
            becomes=("failed/RefreshUnconfirmedError",),
            charges=0,
            says="nothing ties it to this refresh",
            writes=1,
        ),
        Row(
            fault=f"{generation}: READY that never moves, on_unconfirmed=accept",
            task=update(generation, on_unconfirmed="accept"),
            bend=options(stale_ready=FOREVER),
            becomes=("success/refreshed",),
            charges=0,
            says="accepted unproven",
        ),
        Row(
            fault=f"{generation}: answer to the write lost",
            task=update(generation, start_grace=6),
            # Long enough in work that a slow machine's second write does not come after the end.
            bend=all_of(
                options(raw_text_seconds=20),
                lambda rig: rig.sandbox.fault("lose_answer", method=_WRITES[generation]),
            ),
            becomes=("success/refreshed",),
            charges=0,
            says="proven by",
        ),
        Row(
            fault=f"{generation}: failed left over from an earlier run",
            task=update(generation),
            bend=entry((0, "UNPROCESSABLE")),
            becomes=("success/refreshed",),
            charges=0,
            says="proven by",
        ),
        Row(
            fault=f"{generation}: status unknown",
            task=update(generation),
            after_submit=lambda rig: rig.sandbox.set_entry(status="DREAMING"),
            becomes=("failed/UnknownStatusError",),
            charges=0,
            says="'DREAMING'",
        ),
        Row(
            fault=f"{generation}: status vanishing",
            task=update(generation),
            after_submit=lambda rig: rig.sandbox.set_entry(missing=["status"]),
            becomes=("failed/UnknownStatusError",),
            charges=0,
            says="no status",
        ),
        Row(
            fault=f"{generation}: vendor's clock a day ahead",
            task=update(generation),
            bend=options(clock_skew=DAY),
            becomes=("success/refreshed",),
            charges=0,
            says="proven by",
        ),
        Row(
            fault=f"{generation}: vendor's clock a day behind",
            task=update(generation),
            bend=options(clock_skew=-DAY),
            becomes=("success/refreshed",),
            charges=0,
            says="proven by",
        ),
    ]


ENTRIES = [
    *_sensay("knowledge-base"),
    *_sensay("training"),
    Row(
        fault="VECTOR_CREATED steps to READY before the write",
        task=update(start_grace=6),
        bend=entry((0, "VECTOR_CREATED"), (2, "READY")),
        becomes=("success/refreshed",),
        charges=0,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="VECTOR_CREATED stays, and steps to READY after the write",
        task=update(),
        bend=entry((0, "VECTOR_CREATED")),
        after_submit=entry((0, "VECTOR_CREATED"), (1, "READY")),
        becomes=("failed/RefreshUnconfirmedError",),
        charges=0,
        says="nothing ties it to this refresh",
        writes=1,
    ),
    Row(
        fault="identical text",
        task=identical(),
        becomes=("success/skipped",),
        charges=0,
        says="reads back as what would be sent",
        writes=0,
    ),
    Row(
        fault="identical text, forced, which the vendor ignores",
        task=identical(force=True),
        becomes=("failed/RefreshUnconfirmedError",),
        charges=0,
        says="nothing ties it to this refresh",
        writes=1,
    ),
    Row(
        fault="identical text, forced, which the vendor processes",
        task=identical(force=True),
        bend=options(identical_text="reprocess"),
        becomes=("success/refreshed",),
        charges=0,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="PUT with vectorEntryId is READY at once",
        task=update("training", vector_entry_id=VECTOR),
        becomes=("success/refreshed",),
        charges=0,
        says="proven by",
        writes=1,
    ),
    Row(
        fault="PUT with vectorEntryId that moves nothing",
        task=update("training", vector_entry_id=VECTOR),
        bend=options(stamp_updated_at="never"),
        becomes=("failed/RefreshUnconfirmedError",),
        charges=0,
        says="nothing ties it to this refresh",
        writes=1,
    ),
    Row(
        fault="an error that outlasts the grace",
        task=update(),
        bend=options(entry_outcome="error"),
        becomes=("up_for_retry/RefreshFailedError", "up_for_retry/RefreshFailedError"),
        charges=0,
        says="The content could not be processed",
        writes=2,
    ),
]

ROWS = [*PAID, *ENTRIES]
