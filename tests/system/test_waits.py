"""What people and neighbours do to a wait: nothing of it is paid twice, and nobody else is disturbed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.stack import AirflowStack

KILLED = "The task was marked or cleared while it waited"


@pytest.fixture
def agents(vendors: Sandbox) -> list[str]:
    """Three agents of a vendor that takes long enough for somebody to interfere."""
    vendors.options(pending_seconds=1.0, training_seconds=15.0)
    agent: dict[str, Any] = {"trainingStatus": "completed", "lastScrapedAt": "2026-01-01T00:00:00.000Z"}
    return list(vendors.seed(agents=[{"name": f"Agent {n}", **agent} for n in range(3)])["agents"])


def charged(vendors: Sandbox) -> list[str]:
    return [charge["agent"] for charge in vendors.charges]


def test_a_wait_that_is_cleared_is_taken_up_again_and_not_paid_again(
    stack: AirflowStack, vendors: Sandbox, agents: list[str]
) -> None:
    run_id = stack.trigger("one_wait", {"agents": agents})
    stack.wait_for_task("one_wait", run_id, "retrain_0", {"deferred"})
    stack.clear("one_wait", run_id, ["retrain_0"])
    assert stack.wait("one_wait", run_id) == "success"
    assert stack.task_instance("one_wait", run_id, "retrain_0").try_number == 2
    assert stack.xcom("one_wait", run_id, "retrain_0")["outcome"] == "reattached"
    assert charged(vendors) == agents[:1]


def test_a_run_that_is_cleared_after_its_success_is_a_new_refresh_and_is_paid(
    stack: AirflowStack, vendors: Sandbox, agents: list[str]
) -> None:
    vendors.options(training_seconds=2.0)
    run_id = stack.trigger("one_wait", {"agents": agents})
    assert stack.wait("one_wait", run_id) == "success"
    stack.clear("one_wait", run_id, ["retrain_0"], downstream=True)
    assert stack.wait("one_wait", run_id) == "success"
    assert stack.xcom("one_wait", run_id, "retrain_0")["outcome"] == "refreshed"
    assert charged(vendors) == [agents[0], agents[0]]


def test_a_wait_that_is_marked_failed_leaves_its_neighbours_at_the_same_poller_alone(
    stack: AirflowStack, vendors: Sandbox, agents: list[str]
) -> None:
    run_id = stack.trigger("three_waits", {"agents": agents})
    tasks = [f"retrain_{number}" for number in range(3)]
    for task in tasks:
        stack.wait_for_task("three_waits", run_id, task, {"deferred"})
    # The workers saw them pending: these are the triggerer's looks.
    stack.until(
        lambda: all("status=training" in stack.log("three_waits", run_id, task) for task in tasks),
        timeout=60,
        what="a look of each trigger",
    )
    stack.mark("three_waits", run_id, tasks[1], "failed")
    stack.wait("three_waits", run_id)
    ended = {task: stack.task_instance("three_waits", run_id, task).state for task in [*tasks, "after"]}
    assert ended == dict(
        zip([*tasks, "after"], ["success", "failed", "success", "upstream_failed"], strict=True)
    )
    logs = [stack.log("three_waits", run_id, task) for task in tasks]
    assert [KILLED in log for log in logs] == [False, True, False]
    # Each log tells of its own agent alone.
    assert [[agent in log for agent in agents] for log in logs] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert sorted(charged(vendors)) == sorted(agents)
