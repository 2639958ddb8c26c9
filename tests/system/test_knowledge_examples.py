"""The examples around a refresh: documents before a retrain, a function as the source, answers as a gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.stack import AirflowStack
from tests.system.test_examples import run
from tests.system.test_sync_examples import ON_A_WORKER, let, texts


@pytest.fixture(autouse=True)
def quick(vendors: Sandbox) -> None:
    vendors.options(document_seconds=0.5, pending_seconds=0.5, training_seconds=0.5)


@pytest.fixture
def folder(stack: AirflowStack) -> Path:
    """Two documents, and the Variable by which the example finds them."""
    folder = stack.home / "documents"
    folder.mkdir()
    (folder / "returns.txt").write_text("Thirty days.")
    (folder / "prices.pdf").write_bytes(b"%PDF-1.7 A lamp costs 5 euros.")
    let(stack, "documents_folder", f"file://{folder}/**/*")
    return folder


def documents(vendors: Sandbox) -> dict[str, str]:
    """What the agent holds by our hand: names without their marks, and what came of them."""
    (agent,) = vendors.state()["agents"]
    shown = {each["fileName"]: each["status"] for each in agent["uploadedDocuments"]}
    return {name.partition("~kb~")[0]: status for name, status in shown.items() if "~kb~" in name}


def test_an_agent_is_retrained_only_if_its_documents_changed(
    stack: AirflowStack, vendors: Sandbox, folder: Path
) -> None:
    results = run(stack, "documents_then_retrain")
    assert results["sync"]["counts"] == {"created": 2}
    assert results["announce"] == "2 created; refreshed for 10 credits."
    assert documents(vendors) == {"returns": "completed", "prices": "completed"}

    (folder / "returns.txt").write_text("Sixty days.")
    on_a_worker = f"documents_then_retrain{ON_A_WORKER}"
    results = run(stack, on_a_worker)
    assert results["sync"]["counts"] == {"updated": 1, "unchanged": 1, "superseded": 1}
    assert results["retrain"]["outcome"] == "refreshed"
    assert run(stack, on_a_worker)["announce"] == "2 unchanged; skipped for 0 credits."
    assert documents(vendors) == {"returns": "completed", "prices": "completed"}
    assert [charge["credits"] for charge in vendors.charges] == [10, 10]


def test_a_function_tells_what_the_replica_knows(stack: AirflowStack, vendors: Sandbox) -> None:
    lamp, chair = ({"sku": "L1", "name": "Lamp", "price": 5}, {"sku": "C1", "name": "Chair", "price": 40})
    tell(stack, "nine", lamp, chair)
    results = run(stack, "text_from_a_task")
    assert results["products"]["counts"] == {"created": 2}
    assert results["opening_hours"]["counts"] == {"created": 1}

    tell(stack, "ten", {**lamp, "price": 6}, {"sku": "T1", "name": "Table", "price": 90}, chair)
    results = run(stack, f"text_from_a_task{ON_A_WORKER}")
    assert results["products"]["counts"] == {"updated": 1, "created": 1, "unchanged": 1}
    assert results["opening_hours"]["counts"] == {"updated": 1}
    assert texts(vendors) == {
        "Lamp": "Lamp costs 6 euros.",
        "Chair": "Chair costs 40 euros.",
        "Table": "Table costs 90 euros.",
        "opening_hours": "Our shop opens at ten in the morning. It closes at five.",
    }


def tell(stack: AirflowStack, opens_at: str, *products: dict[str, Any]) -> None:
    let(stack, "products", json.dumps(products))
    let(stack, "opens_at", opens_at)


def test_what_follows_is_skipped_unless_the_answers_are_as_expected(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    let(stack, "entry_text", "The shop opens at nine. A lamp costs 5 euros.")
    assert run(stack, "ask_before_publish")["publish"] == "2 answers are as expected: published."

    let(stack, "entry_text", "The shop opens at nine. A lamp costs 50 euros.")
    dag_id = f"ask_before_publish{ON_A_WORKER}"
    run_id = stack.trigger(dag_id)
    assert stack.wait(dag_id, run_id) == "success"
    states = {each.task_id: each.state for each in stack.task_instances(dag_id, run_id)}
    assert states == {"update": "success", "ask": "success", "publish": "skipped"}
    result = stack.xcom(dag_id, run_id, "ask")
    assert [each["verdict"] for each in result["answers"]] == ["passed", "failed"]
    assert result["answers"][1]["attempts"] == 3


def test_uploads_and_functions_are_mapped(stack: AirflowStack, vendors: Sandbox) -> None:
    results = run(stack, "mapped_documents")
    assert {name: each["counts"] for name, each in results.items() if name.startswith("upload")} == {
        f"upload [{name}]": {"created": 1} for name in ("lamps", "tables", "chairs")
    }
    assert documents(vendors) == {"lamps": "completed", "tables": "completed", "chairs": "completed"}
    assert texts(vendors) == {"north": "north opens at nine.", "south": "south opens at nine."}
