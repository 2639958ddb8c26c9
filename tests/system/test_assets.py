"""
DAGs that other people's refreshes start, on a real stack: by an operator's event, and by a watcher.

And who is told when a refresh is late or has failed: both need a stack that acts by itself.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.conftest import ROOT
from tests.system.mail import MailServer
from tests.system.rest import quote
from tests.system.sandbox import airflow_environment
from tests.system.stack import AirflowStack

EXAMPLES = ("approve_before_paying", "deadline_and_callbacks", "on_agent_trained", "refresh_then_publish")
#: The example of the callbacks, with a deadline that a training misses, and one retry of two seconds.
HURRY = {
    "deadline_and_callbacks": "late_and_failing",
    "interval=timedelta(hours=2)": "interval=timedelta(seconds=4)",
    "timeout=timedelta(hours=1)": "poll_interval=1",
    "retries=2": "retries=1",
    "retry_delay=timedelta(minutes=1)": "retry_delay=timedelta(seconds=2)",
}


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples of this page alone, the watcher in more of a hurry, and a deadline that is missed."""
    folder = tmp_path_factory.mktemp("asset_dags")
    for name in EXAMPLES:
        text = (ROOT / "dags_examples" / f"{name}.py").read_text()
        (folder / f"{name}.py").write_text(re.sub(r"poll_interval=\d+", "poll_interval=1", text))
    shutil.copy(Path(__file__).parent / "asset_dags" / "many_then_publish.py", folder)
    late = (folder / "deadline_and_callbacks.py").read_text()
    for told, hurried in HURRY.items():
        assert told in late
        late = late.replace(told, hurried)
    (folder / "late_and_failing.py").write_text(late)
    return folder


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    wheel_python: Path, installed_sandbox: Sandbox, dags: Path, mail: MailServer
) -> Iterator[AirflowStack]:
    """A stack that makes runs by itself, which assets need."""
    installed_sandbox.reset()
    env = airflow_environment(installed_sandbox) | {
        "AIRFLOW_CONN_SMTP_DEFAULT": mail.connection,
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
    }
    with AirflowStack(python=wheel_python, dags=[dags], env=env) as stack:
        for name in (*EXAMPLES, "publish", "refresh_many", "publish_many", "late_and_failing"):
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


def test_each_entry_of_a_mapped_refresh_tells_its_own_event_through_the_alias(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    changed = vendors.seed(entries=[{"status": "READY", "rawText": "Old."} for _ in range(2)])["entries"]
    (same,) = vendors.seed(entries=[{"status": "READY", "rawText": "We open at nine."}])["entries"]
    refresh = run(stack, "refresh_many", {str(each): "We open at nine." for each in (*changed, same)})

    def told() -> list[tuple[str, dict[str, Any]]]:
        ended = [
            each for each in runs(stack, "publish_many") if stack.run_state("publish_many", each) == "success"
        ]
        return [(uri, extra) for each in ended for uri, extra in stack.xcom("publish_many", each, "announce")]

    stack.until(lambda: len(told()) >= 2, timeout=90, what="two events in publish_many")
    targets = [f"replicas/{vendors.replica_uuid}/knowledge-base/{each}" for each in changed]
    assert sorted(uri for uri, _ in told()) == sorted(f"sensay://{target}" for target in targets)
    results = [stack.xcom("refresh_many", refresh, "update", map_index=index) for index in range(3)]
    assert [result["outcome"] for result in results] == ["refreshed", "refreshed", "skipped"]
    by_target = {result["target"]: result for result in results}
    for uri, extra in told():
        assert uri == f"sensay://{extra['target']}"
        assert (extra["dag_id"], extra["run_id"]) == ("refresh_many", refresh)
        members = (
            "outcome",
            "status",
            "version",
            "credits_charged",
            "counts",
            "seconds",
            "marker",
            "confirmed",
        )
        assert {name: extra[name] for name in members} == {
            name: by_target[extra["target"]][name] for name in members
        }
    events = stack.rest.get("/assets/events", source_dag_id="refresh_many")["asset_events"]
    assert sorted(event["source_map_index"] for event in events) == [0, 1]


def test_a_training_that_somebody_else_started_runs_the_dag_once_and_a_restart_does_not_run_it_again(
    stack: AirflowStack, installed_sandbox: Sandbox
) -> None:
    vendors = installed_sandbox  # as the last test left it: a reset is a change to a watcher
    assets = stack.rest.get("/assets", uri_pattern="sendkit")["assets"]
    (asset,) = [each["id"] for each in assets]

    def told() -> dict[str, Any]:
        kept = stack.rest.get(f"/assets/{asset}/state-store")
        found = kept.get("asset_state_store") or next(
            each for each in kept.values() if isinstance(each, list)
        )
        return {each["key"]: each["value"] for each in found}

    stack.until(lambda: bool(told()), timeout=60, what="the watcher's first look")

    def last_told() -> list[str]:
        return re.findall(r"'told': ([\d.]+)", str(told()))

    def look_on(times: int) -> None:
        seen = vendors.count("GET", "/v1/agents/{agentId}")
        stack.until(
            lambda: vendors.count("GET", "/v1/agents/{agentId}") >= seen + times,
            timeout=60,
            what=f"{times} more looks",
        )

    look_on(3)
    before, paid = runs(stack, "on_agent_trained"), vendors.charges
    noted = last_told()

    vendors.set_agent(foreign_run=True)
    stack.until(
        lambda: len(runs(stack, "on_agent_trained")) > len(before),
        timeout=60,
        what="a run after the training",
    )
    (*_, started) = runs(stack, "on_agent_trained")
    succeeded(stack, "on_agent_trained", started)
    assert stack.xcom("on_agent_trained", started, "smoke_test") == ["completed"]

    # What was told is kept a moment after it was told; a restart within that moment would tell it again.
    stack.until(
        lambda: last_told() not in ([], noted),
        timeout=30,
        what="the watcher's note of what it told",
    )
    stack.restart("triggerer")
    look_on(5)
    assert runs(stack, "on_agent_trained") == [*before, started]
    assert vendors.charges == paid


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


def test_a_refresh_in_time_calls_nobody(stack: AirflowStack, vendors: Sandbox, mail: MailServer) -> None:
    run_id = run(stack, "deadline_and_callbacks")
    assert stack.xcom("deadline_and_callbacks", run_id, "retrain")["outcome"] == "refreshed"
    assert mail.mails == []


def test_a_refresh_that_is_late_and_then_fails_says_both(
    stack: AirflowStack, vendors: Sandbox, mail: MailServer
) -> None:
    vendors.options(training_seconds=6.0, training_outcome="failed")
    run_id = stack.trigger("late_and_failing")
    stack.until(lambda: bool(mail.mails), timeout=60, what="a mail that it is late")
    assert stack.run_state("late_and_failing", run_id) == "running"
    assert stack.wait("late_and_failing", run_id) == "failed"
    stack.until(lambda: len(mail.mails) >= 2, timeout=30, what="a mail that it failed")
    # One for each, however many tries.
    assert mail.subjects == ["The agent is not refreshed yet", "The agent could not be refreshed"]
    assert stack.task_instance("late_and_failing", run_id, "retrain").try_number == 2
    late, failed = (
        part.get_content()
        for each in mail.mails
        for part in each.walk()
        if part.get_content_type() == "text/html"
    )
    assert "Two hours have passed." in late
    assert f"agent {vendors.agent_id[:4]}…{vendors.agent_id[-4:]}" in failed
    assert "credits" in failed
