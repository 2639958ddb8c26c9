"""DAGs that other people's refreshes start, on a real stack: by an operator's event, and by a watcher."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.conftest import ROOT
from tests.system.rest import quote
from tests.system.sandbox import airflow_environment
from tests.system.stack import AirflowStack

EXAMPLES = ("approve_before_paying", "deadline_and_callbacks", "on_agent_trained", "refresh_then_publish")


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples of this page alone, the watcher in more of a hurry."""
    folder = tmp_path_factory.mktemp("asset_dags")
    for name in EXAMPLES:
        text = (ROOT / "dags_examples" / f"{name}.py").read_text()
        (folder / f"{name}.py").write_text(re.sub(r"poll_interval=\d+", "poll_interval=1", text))
    return folder


@pytest.fixture(scope="module")
def stack(wheel_python: Path, installed_sandbox: Sandbox, dags: Path) -> Iterator[AirflowStack]:
    """A stack that makes runs by itself, which assets need."""
    installed_sandbox.reset()
    env = airflow_environment(installed_sandbox) | {
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
    }
    with AirflowStack(python=wheel_python, dags=[dags], env=env) as stack:
        for name in (*EXAMPLES, "publish"):
            stack.wait_for_dag(name)
        yield stack


def runs(stack: AirflowStack, dag_id: str) -> list[str]:
    found = stack.rest.get(f"/dags/{dag_id}/dagRuns", order_by="run_after")["dag_runs"]
    return [each["dag_run_id"] for each in found]


def run(stack: AirflowStack, dag_id: str, conf: dict[str, Any] | None = None) -> str:
    run_id = stack.trigger(dag_id, conf)
    succeeded(stack, dag_id, run_id)
    return run_id


def succeeded(stack: AirflowStack, dag_id: str, run_id: str) -> None:
    state = stack.wait(dag_id, run_id)
    tasks = [ti.task_id for ti in stack.task_instances(dag_id, run_id) if ti.state == "failed"]
    assert state == "success", "\n".join(stack.log(dag_id, run_id, task_id) for task_id in tasks)


def test_a_dag_on_an_alias_reads_what_the_refresh_did_and_a_skipped_one_starts_nothing(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    refresh = run(stack, "refresh_then_publish", {"text": "We open at eight."})
    stack.until(lambda: bool(runs(stack, "publish")), timeout=60, what="a run of publish")
    (published,) = runs(stack, "publish")
    succeeded(stack, "publish", published)
    (line,) = stack.xcom("publish", published, "announce")
    assert line.startswith(
        f"sensay://replicas/{vendors.replica_uuid}/knowledge-base/{vendors.entry_id}: refreshed in "
    )
    assert f"by refresh_then_publish ({refresh}), 0 credits" in line

    again = run(stack, "refresh_then_publish", {"text": "We open at eight."})
    assert stack.xcom("refresh_then_publish", again, "update_entry")["outcome"] == "skipped"
    events = stack.rest.get("/assets/events", order_by="timestamp")["asset_events"]
    assert [event["source_run_id"] for event in events if event["source_dag_id"]] == [refresh]
    assert events[0]["extra"]["outcome"] == "refreshed"


def test_a_training_that_somebody_else_started_runs_the_dag_once_and_a_restart_does_not_run_it_again(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    assets = stack.rest.get("/assets", uri_pattern="sendkit")["assets"]
    (asset,) = [each["id"] for each in assets]

    def told() -> dict[str, Any]:
        kept = stack.rest.get(f"/assets/{asset}/state-store")
        found = kept.get("asset_state_store") or next(
            each for each in kept.values() if isinstance(each, list)
        )
        return {each["key"]: each["value"] for each in found}

    stack.until(lambda: bool(told()), timeout=60, what="the watcher's first look")
    assert runs(stack, "on_agent_trained") == []

    vendors.set_agent(foreign_run=True)
    stack.until(lambda: bool(runs(stack, "on_agent_trained")), timeout=60, what="a run after the training")
    (started,) = runs(stack, "on_agent_trained")
    succeeded(stack, "on_agent_trained", started)
    assert stack.xcom("on_agent_trained", started, "smoke_test") == ["completed"]

    # What was told is kept a moment after it was told; a restart within that moment would tell it again.
    stack.until(lambda: "'told':" in str(told()), timeout=30, what="the watcher's note of what it told")
    stack.restart("triggerer")
    looks = vendors.count("GET", "/v1/agents/{agentId}")
    stack.until(
        lambda: vendors.count("GET", "/v1/agents/{agentId}") >= looks + 5, timeout=60, what="five more looks"
    )
    assert runs(stack, "on_agent_trained") == [started]
    assert vendors.charges == []


def test_nothing_is_paid_before_a_person_says_yes(stack: AirflowStack, vendors: Sandbox) -> None:
    run_id = stack.trigger("approve_before_paying")
    stack.wait_for_task("approve_before_paying", run_id, "approve", {"awaiting_input", "deferred"})
    # No person answers at once. On SQLite, which locks no rows, an answer is lost that comes while the
    # scheduler still takes note that the asking process has ended.
    asked_at = time.monotonic()
    stack.until(lambda: time.monotonic() > asked_at + 4, timeout=10, what="a person to read the question")
    assert vendors.charges == []
    path = f"/dags/approve_before_paying/dagRuns/{quote(run_id)}/taskInstances/approve/-1/hitlDetails"
    asked = stack.rest.get(path)
    assert f"agents/{vendors.agent_id}: would submit" in asked["body"]
    assert "10 credits" in asked["body"]
    stack.rest.patch(path, {"chosen_options": ["Approve"], "params_input": {}})
    succeeded(stack, "approve_before_paying", run_id)
    assert [charge["credits"] for charge in vendors.charges] == [10]


def test_a_refresh_in_time_calls_nobody(stack: AirflowStack, vendors: Sandbox) -> None:
    run_id = run(stack, "deadline_and_callbacks")
    assert stack.xcom("deadline_and_callbacks", run_id, "retrain")["outcome"] == "refreshed"
