"""The retry policy on Airflow's own task runner; not collected below 3.3, which has no retry policies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from airflow_provider.operators.retry_policy import KnowledgeRetryPolicy
from tests.integration.rig import RETRAIN, Rig
from tests.integration.task import Outcome, TaskUnderTest

#: From Airflow 3.4 on a wait for the vendor takes no retry.
RESCHEDULES = hasattr(RetryAction, "RESCHEDULE")
LATER = "up_for_reschedule" if RESCHEDULES else "up_for_retry"

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferred"])


def later(task: TaskUnderTest, first: Outcome) -> TaskUnderTest:
    """What the scheduler does next."""
    return task.come_back(first) if RESCHEDULES else task.retry()


def retrain(rig: Rig, **arguments: Any) -> TaskUnderTest:
    arguments = {"retry_policy": KnowledgeRetryPolicy(), "retry_delay": timedelta(seconds=1), **arguments}
    return TaskUnderTest(rig.retrain(**arguments), retries=1)


@MODES
def test_somebody_elses_run_is_waited_for_and_then_paid_once(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(training_seconds=600)
    rig.sandbox.set_agent(foreign_run=True)
    task = retrain(rig, on_running="fail", deferrable=deferrable)
    first = task.run()
    assert first.verdict == (LATER, "AlreadyRunningError")
    assert rig.paid == 0
    rig.sandbox.advance(3600)
    rig.sandbox.options(training_seconds=1)
    ended = later(task, first).to_the_end()
    assert (ended.state, ended.result["outcome"]) == ("success", "refreshed")
    assert rig.paid == 1


def test_a_rate_limit_that_outlasts_the_task_is_waited_for(rig: Rig) -> None:
    fault = rig.sandbox.fault("status", method="POST", path=RETRAIN, status=429, times=None, retry_after=10)
    task = retrain(rig, timeout=2)
    first = task.run()
    assert first.verdict == (LATER, "RateLimitedError")
    message = first.message
    asked = (
        (message.reschedule_date - message.end_date).total_seconds()
        if RESCHEDULES
        else message.retry_delay_seconds
    )
    assert asked == pytest.approx(10, abs=1)
    assert rig.paid == 0
    rig.sandbox.clear_faults(fault)
    ended = later(task, first).to_the_end()
    assert (ended.state, rig.paid) == ("success", 1)


def test_past_its_bound_a_wait_is_a_retry(rig: Rig) -> None:
    rig.sandbox.options(stuck="training")
    rig.sandbox.set_agent(foreign_run=True)
    task = retrain(rig, on_running="fail", retry_policy=KnowledgeRetryPolicy(max_reschedules=1))
    first = task.run()
    assert first.state == LATER
    second = later(task, first).run()
    assert second.verdict == ("up_for_retry" if RESCHEDULES else "failed", "AlreadyRunningError")
