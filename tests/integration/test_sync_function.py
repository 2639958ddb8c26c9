"""A function as the source: it is called when the task runs, and no earlier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.serialization import serialized_objects

from airflow_provider.sources import Document
from tests.integration.rig import Rig
from tests.integration.task import TaskUnderTest, new_dag

DagSerialization: Any = getattr(
    serialized_objects, "DagSerialization", getattr(serialized_objects, "SerializedDAG", None)
)


def articles() -> Iterator[Document]:
    yield Document(key="returns", title="Returns", text="Thirty days.")
    yield Document(key="shipping", text="Two days.")


def test_a_function_is_called_with_nothing_and_its_documents_are_live(rig: Rig) -> None:
    task = TaskUnderTest(rig.sync(articles))
    outcome = task.to_the_end()
    assert (outcome.state, outcome.result["counts"]) == ("success", {"created": 2})


def test_each_parse_serializes_a_function_alike(rig: Rig) -> None:
    def serialized() -> str:
        with new_dag() as dag:
            rig.sync(articles)()
        (task,) = DagSerialization.to_dict(dag)["dag"]["tasks"]
        return str(task["__var"]["documents"])

    assert serialized() == serialized() == "tests.integration.test_sync_function.articles"
