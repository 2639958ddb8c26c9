"""Every DAG that users are told to copy, run as they would run it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.conftest import ROOT
from tests.system.stack import AirflowStack

pytestmark = pytest.mark.usefixtures("vendors")


def run(stack: AirflowStack, dag_id: str) -> dict[str, Any]:
    """Run a DAG to its success and return what its tasks returned, by task and map name."""
    run_id = stack.trigger(dag_id)
    state = stack.wait(dag_id, run_id)
    tasks = stack.task_instances(dag_id, run_id)
    # A retry would hide a failure of the first try.
    troubled = [ti for ti in tasks if ti.state == "failed" or ti.try_number > 1]
    logs = [stack.log(dag_id, run_id, ti.task_id, try_number=1, map_index=ti.map_index) for ti in troubled]
    assert (state, troubled) == ("success", []), "\n".join([*logs, stack.output("scheduler")])
    return {ti.name: stack.xcom(dag_id, run_id, ti.task_id, map_index=ti.map_index) for ti in tasks}


def test_every_example_is_known_to_airflow_without_an_error(stack: AirflowStack) -> None:
    for file in (ROOT / "dags_examples").glob("*.py"):
        stack.wait_for_dag(file.stem)
    assert stack.import_errors() == {}


def test_retrain_agent_pays_once_and_goes_on_when_the_agent_is_trained(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    results = run(stack, "retrain_agent")
    assert (results["retrain"]["outcome"], results["retrain"]["status"]) == ("refreshed", "completed")
    assert [charge["credits"] for charge in vendors.charges] == [10]
    assert "10 credits" in results["announce"]
    (last,) = stack.rest.get("/dags/retrain_agent/dagRuns", order_by="-id", limit=1)["dag_runs"]
    announced = stack.task_instance("retrain_agent", last["dag_run_id"], "announce").raw["start_date"]
    assert results["retrain"]["finished"] < datetime.fromisoformat(announced).timestamp()


def test_update_entry_ends_when_the_replica_can_answer_from_the_text(stack: AirflowStack) -> None:
    results = run(stack, "update_entry")
    assert results["update"]["outcome"] == "refreshed"
    assert "refreshed" in results["announce"]


def test_update_entry_does_not_send_a_text_that_is_there_already(stack: AirflowStack) -> None:
    run(stack, "update_entry")
    results = run(stack, "update_entry")
    assert results["update"]["outcome"] == "skipped"


def test_nightly_knowledge_refresh_asks_only_after_both_vendors_are_done(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    vendors.set_entry(rawText="Our company is young.")
    results = run(stack, "nightly_knowledge_refresh")
    assert (results["agent_trained"]["outcome"], results["agent_trained"]["status"]) == (
        "refreshed",
        "completed",
    )
    assert results["entry_ready"]["outcome"] == "refreshed"
    assert "2020" in results["ask_the_replica"]
    assert [charge["credits"] for charge in vendors.charges] == [10]


def test_somebody_elses_retrain_is_waited_for_and_costs_nothing(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    vendors.set_agent(foreign_run=True)
    results = run(stack, "wait_for_someone_elses_retrain")
    assert results["agent_trained"]["status"] == "completed"
    assert vendors.charges == []


def test_many_entries_are_updated_by_one_mapped_task_with_readable_names(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    seeded = vendors.seed(
        entries=[{"title": f"Article {n}", "rawText": "old", "status": "READY"} for n in range(3)]
    )
    texts = {str(entry): f"What is new about {entry}." for entry in seeded["entries"]}
    stack.rest.post("/variables", {"key": "sensay_texts", "value": json.dumps(texts)})
    results = run(stack, "many_entries")
    assert {name for name in results if name.startswith("update")} == {
        f"update [entry {entry}]" for entry in texts
    }
    assert results["summary"] == {"refreshed": 3}


def test_a_version_that_was_delivered_is_not_paid_again(stack: AirflowStack, vendors: Sandbox) -> None:
    stack.rest.post("/variables", {"key": "content_version", "value": "2026-11-22"})
    results = [run(stack, "only_what_changed") for _ in range(2)]
    assert [each["retrain"]["outcome"] for each in results] == ["refreshed", "skipped"]
    assert {each["announce"] for each in results} == {"The agent knows version 2026-11-22."}
    assert [charge["credits"] for charge in vendors.charges] == [10]


def test_a_document_on_trial_is_asked_and_gone_again(stack: AirflowStack, vendors: Sandbox) -> None:
    document = stack.home / "shop.txt"
    document.write_text("A lamp costs 5 euros.")
    stack.rest.post("/variables", {"key": "document_path", "value": str(document)})
    stack.rest.post("/variables", {"key": "document_question", "value": "How much is a lamp?"})
    results = run(stack, "try_a_document")
    assert results["create"]["outcome"] == "refreshed"
    assert "5 euros" in results["ask"]
    assert results["delete"]["outcome"] == "delete_accepted"
    assert results["delete"]["entry_id"] == results["create"]["entry_id"]
