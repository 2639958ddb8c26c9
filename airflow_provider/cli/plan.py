"""What a sync would do now: its own dry run, with the task's templates rendered here and nothing sent."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider.errors import AgentKnowledgeError, InvalidArgumentError

if TYPE_CHECKING:
    from airflow.sdk import DAG


class Exit(IntEnum):
    """What a script learns, as of ``terraform plan -detailed-exitcode``."""

    EMPTY = 0
    ERROR = 1
    CHANGES = 2


#: What is done to a knowledge base, as a plan calls it; a row of any other action changes nothing.
CHANGES = ("create", "update", "rename", "adopt", "superseded", "delete")


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """
    A plan that was made and not applied.

    :param result: what the task's dry run returned
    :param rows: one for each document: ``key``, ``action``, ``reason``
    """

    result: dict[str, Any]
    rows: tuple[dict[str, Any], ...]

    @property
    def changes(self) -> tuple[dict[str, Any], ...]:
        """The rows that would be sent."""
        return tuple(row for row in self.rows if row["action"] in CHANGES)

    @property
    def exit(self) -> Exit:
        """Would it be refused? Is there anything to do?"""
        if self.result.get("refused"):
            return Exit.ERROR
        return Exit.CHANGES if self.changes else Exit.EMPTY

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "plan": self.result.get("plan"),
            "target": self.result.get("target"),
            "counts": self.result.get("counts"),
            "refused": self.result.get("refused"),
            "changes": len(self.changes),
            "documents": list(self.rows),
        }


def plan(dag_id: str, task_id: str, dag_file: str | None = None) -> SyncPlan:
    """
    Make the plan that a task would make now; reads the source and the vendor's list, sends nothing.

    :param dag_file: read the DAG from this file; None: from the bundles that Airflow is configured with
    :raises InvalidArgumentError: there is no such task, or it is no sync, or it needs what only a run has
    """
    task = _task(_dag(dag_id, dag_file), task_id)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "plan.jsonl"
        context = _context(task)
        task.render_template_fields(context)
        task.plan_only, task.report, task.expect_plan, task.outlets = True, f"file://{report}", None, []
        result = task.execute(context)
        lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return SyncPlan(result, tuple(line for line in lines if "action" in line))


def _dag(dag_id: str, dag_file: str | None) -> DAG:
    if dag_file is not None:
        from airflow.models import DagBag

        bag = DagBag(dag_folder=dag_file)
        if bag.import_errors:
            raise InvalidArgumentError(
                f"{dag_file} cannot be imported: {'; '.join(bag.import_errors.values())}"
            )
        found: DAG | None = bag.dags.get(dag_id)
    else:
        from airflow.utils.cli import get_bagged_dag

        found = get_bagged_dag(None, dag_id)
    if found is None:
        raise InvalidArgumentError(f"There is no DAG '{dag_id}'{f' in {dag_file}' if dag_file else ''}")
    return found


def _task(dag: DAG, task_id: str) -> Any:
    from airflow_provider.operators.syncing import SyncOperator

    if task_id not in dag.task_ids:
        raise InvalidArgumentError(
            f"DAG '{dag.dag_id}' has no task '{task_id}'; it has {', '.join(sorted(dag.task_ids))}"
        )
    task = dag.get_task(task_id)
    if not isinstance(task, SyncOperator):
        kind = (
            "is mapped: its instances exist only in a run"
            if getattr(task, "is_mapped", False)
            else "is no sync"
        )
        raise InvalidArgumentError(f"Task '{task_id}' {kind}. A run with dry_run=True plans it")
    return task.prepare_for_execution() if hasattr(task, "prepare_for_execution") else task


class _NoRun:
    """Stands for the task instance: what only a run has is an error that says so."""

    map_index, max_tries, try_number, run_id = -1, 0, 1, "plan"

    def xcom_push(self, key: str, value: Any) -> None:
        """Nobody reads it."""

    def xcom_pull(self, *arguments: Any, **names: Any) -> NoReturn:
        raise InvalidArgumentError(
            "The task reads another task's output, which exists only in a run: set dry_run=True there, and run the DAG"
        )


def _context(task: Any) -> Any:
    from airflow.sdk.execution_time.context import ConnectionAccessor, MacrosAccessor, VariableAccessor

    now = datetime.now(UTC)
    instance = _NoRun()
    outlet_events: Mapping[Any, Any] = defaultdict(dict)
    return {
        "task": task,
        "dag": task.dag,
        "ti": instance,
        "task_instance": instance,
        "params": {**task.dag.params, **task.params},
        "var": {
            "value": VariableAccessor(deserialize_json=False),
            "json": VariableAccessor(deserialize_json=True),
        },
        "conn": ConnectionAccessor(),
        "macros": MacrosAccessor(),
        "run_id": "plan",
        "logical_date": now,
        "data_interval_start": now,
        "data_interval_end": now,
        "ds": now.date().isoformat(),
        "ds_nodash": now.strftime("%Y%m%d"),
        "ts": now.isoformat(),
        "outlet_events": outlet_events,
    }


def problem(error: Exception) -> str:
    """Say in one line why there is no plan."""
    if isinstance(error, AgentKnowledgeError):
        return str(error)
    return f"{type(error).__name__}: {error}"
