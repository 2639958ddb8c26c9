"""What an error message advises is done here, from the state that the message was raised in, and it helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider.tasks.record_store import KEY
from tests.integration.rig import AGENT, ENTRIES, NEW_TEXT, RETRAIN, Make, Rig
from tests.integration.task import TaskUnderTest

FOREVER = 100_000.0


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """
    One piece of advice.

    :param error: what is raised
    :param says: the advice, as the message has it
    :param arrange: what is wrong, and the task that meets it
    :param becomes: what comes of following it
    :param first: what happens between the first try and the one that raises it
    :param mend: what a person does besides
    :param forced: the run's conf said ``force_refresh`` already, when it was raised
    """

    name: str
    error: str
    says: str
    arrange: Callable[[Rig], Make]
    follow: Callable[[Rig], Make]
    mend: Callable[[Rig, TaskUnderTest], object] = lambda rig, task: None
    becomes: str = "success"
    forced: bool = False
    retries: int = 0
    first: Callable[[Rig, TaskUnderTest], object] = lambda rig, task: None

    def __str__(self) -> str:
        return f"{self.name}{', forced before' if self.forced else ''}"


def _new_agent(rig: Rig) -> str:
    return str(rig.sandbox.seed(agents=[{"name": "Never trained"}])["agents"][0])


def _lost(rig: Rig) -> Make:
    """A request that nobody will ever find a trace of."""
    rig.sandbox.fault("drop", method="POST", path=RETRAIN)
    return rig.retrain(agent_id=_new_agent(rig))


def _never_again(rig: Rig, **arguments: Any) -> Make:
    agents = rig.sandbox.state(entries=0)["agents"]
    return rig.retrain(agent_id=agents[-1]["_id"], **arguments)


def _failing(rig: Rig) -> Make:
    rig.sandbox.options(training_outcome="failed")
    return rig.retrain(max_credits=10)


def _well(rig: Rig, task: TaskUnderTest) -> None:
    rig.sandbox.options(training_outcome="completed", document_outcome="completed", lag=0)


def _lost_create(rig: Rig) -> Make:
    rig.speak("knowledge-base")
    rig.sandbox.fault("lose_answer", method="POST", path=ENTRIES)
    return rig.create(text=NEW_TEXT)


def _slow(rig: Rig) -> Make:
    rig.sandbox.options(training_seconds=60)
    return rig.retrain(timeout=2)


def _another_agent(rig: Rig, task: TaskUnderTest) -> None:
    """The template renders another agent at the next try."""
    rig.sandbox.advance(100)
    other = _new_agent(rig)
    rig.sandbox.options(training_seconds=1)
    task.make = rig.retrain(agent_id=other)


def _gone(rig: Rig, task: TaskUnderTest) -> None:
    """Somebody deletes the entry while it is waited for."""
    TaskUnderTest(rig.delete(entry_id=rig.entries()[-1]), run_id="theirs").to_the_end()
    rig.sandbox.options(entry_stuck=None)


def _stuck_create(rig: Rig) -> Make:
    rig.speak("knowledge-base")
    rig.sandbox.options(entry_stuck="RAW_TEXT", delete_status=200)
    return rig.create(text=NEW_TEXT, title="Hours", timeout=3)


def _stale(rig: Rig) -> Make:
    rig.sandbox.options(lag=FOREVER, retrain_answer_status="completed")
    return rig.retrain()


REMEDIES = [
    Remedy(
        name="unknown outcome: force",
        error="OutcomeUnknownError",
        says="force=True",
        arrange=_lost,
        follow=lambda rig: _never_again(rig, force=True),
        retries=1,
    ),
    Remedy(
        name="unknown outcome: force",
        error="OutcomeUnknownError",
        says="force=True",
        arrange=_lost,
        follow=lambda rig: _never_again(rig, force=True),
        retries=1,
        forced=True,
    ),
    Remedy(
        name="unknown outcome: on_unknown",
        error="OutcomeUnknownError",
        says="on_unknown='submit'",
        arrange=_lost,
        follow=lambda rig: _never_again(rig, on_unknown="submit"),
        retries=1,
    ),
    Remedy(
        name="unknown create: force",
        error="OutcomeUnknownError",
        says="force=True",
        arrange=_lost_create,
        follow=lambda rig: rig.create(text=NEW_TEXT, force=True),
    ),
    Remedy(
        name="unknown create: force",
        error="OutcomeUnknownError",
        says="force=True",
        arrange=_lost_create,
        follow=lambda rig: rig.create(text=NEW_TEXT, force=True),
        forced=True,
    ),
    Remedy(
        name="budget: raise it",
        error="BudgetExceededError",
        says="raise the ceiling",
        arrange=_failing,
        follow=lambda rig: rig.retrain(max_credits=20),
        mend=_well,
        retries=1,
    ),
    Remedy(
        name="budget: force",
        error="BudgetExceededError",
        says="force=True",
        arrange=_failing,
        follow=lambda rig: rig.retrain(max_credits=10, force=True),
        mend=_well,
        retries=1,
    ),
    Remedy(
        name="the day's budget: raise it",
        error="BudgetExceededError",
        says="or raise it",
        arrange=lambda rig: rig.retrain(max_credits_per_day=5),
        follow=lambda rig: rig.retrain(max_credits_per_day=50),
    ),
    Remedy(
        name="another target: force",
        error="RecordMismatchError",
        says="force=True",
        arrange=_slow,
        first=_another_agent,
        follow=lambda rig: _never_again(rig, force=True),
        retries=1,
    ),
    Remedy(
        name="another target: force",
        error="RecordMismatchError",
        says="force=True",
        arrange=_slow,
        first=_another_agent,
        follow=lambda rig: _never_again(rig, force=True),
        retries=1,
        forced=True,
    ),
    Remedy(
        name="entry gone: force",
        error="NotFoundError",
        says="clear the task",
        arrange=_stuck_create,
        first=_gone,
        follow=lambda rig: rig.create(text=NEW_TEXT, title="Hours", force=True),
        retries=1,
    ),
    Remedy(
        name="entry gone: force",
        error="NotFoundError",
        says="clear the task",
        arrange=_stuck_create,
        first=_gone,
        follow=lambda rig: rig.create(text=NEW_TEXT, title="Hours", force=True),
        retries=1,
        forced=True,
    ),
    Remedy(
        name="unconfirmed: clear",
        error="RefreshUnconfirmedError",
        says="clear the task",
        arrange=_stale,
        follow=lambda rig: rig.retrain(),
        mend=_well,
    ),
    Remedy(
        name="unconfirmed: accept",
        error="RefreshUnconfirmedError",
        says="on_unconfirmed='accept'",
        arrange=_stale,
        follow=lambda rig: rig.retrain(on_unconfirmed="accept"),
    ),
    Remedy(
        name="unknown status: clear",
        error="UnknownStatusError",
        says="clear the task",
        arrange=lambda rig: _set(rig, {"trainingStatus": "dreaming"}),
        follow=lambda rig: rig.retrain(),
        mend=lambda rig, task: rig.sandbox.set_agent(raw={"trainingStatus": "completed"}),
    ),
    Remedy(
        name="documents failed: warn",
        error="RefreshFailedForGoodError",
        says="on_failed_documents='warn'",
        arrange=lambda rig: _bent(rig, document_outcome="failed"),
        follow=lambda rig: rig.retrain(on_failed_documents="warn"),
    ),
    Remedy(
        name="nothing to see: do not wait",
        error="InvalidArgumentError",
        says="wait_for_completion=False",
        arrange=lambda rig: _bent(rig, hide_training_fields=True),
        follow=lambda rig: rig.retrain(wait_for_completion=False),
    ),
    Remedy(
        name="already running: adopt",
        error="AlreadyRunningError",
        says="on_running='adopt'",
        arrange=lambda rig: _foreign(rig, on_running="fail"),
        follow=lambda rig: rig.retrain(on_running="adopt"),
    ),
    Remedy(
        name="already running: wait",
        error="AlreadyRunningError",
        says="'wait'",
        arrange=lambda rig: _foreign(rig, on_running="fail"),
        follow=lambda rig: rig.retrain(on_running="wait"),
    ),
    Remedy(
        name="a key that is refused: mend it, clear",
        error="AuthenticationError",
        says="clear the task",
        arrange=lambda rig: _refused(rig, AGENT),
        follow=lambda rig: rig.retrain(),
        mend=lambda rig, task: rig.sandbox.clear_faults(),
    ),
    Remedy(
        name="a record that cannot be read: delete the key",
        error="RecordUnreadableError",
        says=f"delete the key '{KEY}'",
        arrange=lambda rig: rig.retrain(),
        first=lambda rig, task: None,
        follow=lambda rig: rig.retrain(),
        mend=lambda rig, task: task.supervisor.task_state.clear(),
    ),
    Remedy(
        name="a Variable that is none of ours: delete it",
        error="RecordUnreadableError",
        says="Delete the Variable",
        arrange=lambda rig: rig.retrain(version="v1"),
        follow=lambda rig: rig.retrain(version="v1"),
        mend=lambda rig, task: task.supervisor.variables.clear(),
    ),
    Remedy(
        name="a URL that is there: update that entry",
        error="AlreadyThereError",
        says="Update or delete that entry instead",
        arrange=lambda rig: _url_twice(rig),
        follow=lambda rig: rig.create(url="https://www.example.com/faq"),
        mend=lambda rig, task: TaskUnderTest(rig.delete(entry_id=rig.entries()[-1])).to_the_end(),
    ),
]


def _set(rig: Rig, raw: dict[str, Any]) -> Make:
    rig.sandbox.set_agent(raw=raw)
    return rig.retrain()


def _bent(rig: Rig, **options: Any) -> Make:
    rig.sandbox.options(**options)
    return rig.retrain()


def _foreign(rig: Rig, **arguments: Any) -> Make:
    rig.sandbox.options(training_seconds=5)
    rig.sandbox.set_agent(foreign_run=True)
    return rig.retrain(**arguments)


def _refused(rig: Rig, path: str) -> Make:
    rig.sandbox.fault("status", method="GET", path=path, status=401, times=None, skip=2)
    return rig.retrain()


def _url_twice(rig: Rig) -> Make:
    rig.speak("knowledge-base")
    rig.sandbox.options(delete_status=200)
    TaskUnderTest(rig.create(url="https://www.example.com/faq"), run_id="before").to_the_end()
    return rig.create(url="https://www.example.com/faq")


#: What has to stand in Airflow's stores before the first try.
SPOILT = {
    "a record that cannot be read: delete the key": lambda task: task.supervisor.task_state.update(
        {KEY: {"schema": 99}}
    ),
    "a Variable that is none of ours: delete it": lambda task: task.supervisor.variables.update(
        {f"agent_knowledge.delivered.sendkit.agents.{task.make().agent_id}": "[]"}
    ),
}


@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
def test_what_a_message_advises_helps(rig: Rig, remedy: Remedy) -> None:
    conf = {"force_refresh": True} if remedy.forced else None
    task = TaskUnderTest(remedy.arrange(rig), retries=remedy.retries, conf=conf)
    if remedy.name in SPOILT:
        SPOILT[remedy.name](task)
    ended = task.to_the_end()
    if ended.state == "up_for_retry" and type(ended.error).__name__ != remedy.error:
        remedy.first(rig, task)
        ended = task.retry().to_the_end()
    assert type(ended.error).__name__ == remedy.error, ended.told
    assert remedy.says in ended.told
    remedy.mend(rig, task)
    task.make = remedy.follow(rig)
    again = task.clear().to_the_end()
    assert again.state == remedy.becomes, again.told
