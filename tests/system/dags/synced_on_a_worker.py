"""The examples of a synced knowledge base once more, waiting on a worker: the stack defers by default."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.sdk import dag

EXAMPLES = Path(__file__).parents[3] / "dags_examples"


def example(name: str) -> Any:
    """Return the function of an example, without making its DAG."""
    source, _, call = (EXAMPLES / f"{name}.py").read_text().rstrip().rpartition("\n")
    assert call == f"{name}()"
    module: dict[str, Any] = {"__name__": name, "__doc__": None}
    exec(compile(source, name, "exec"), module)
    return module[name].__wrapped__


for name in (
    "folder_is_the_knowledge_base",
    "articles_table_to_replica",
    "plan_approve_apply",
    "documents_then_retrain",
    "text_from_a_task",
    "ask_before_publish",
):
    dag(
        dag_id=f"{name}_on_a_worker",
        schedule=None,
        start_date=datetime(2026, 1, 1),
        params={"max_deletes": "25%"},
        default_args={"deferrable": False},
    )(example(name))()
