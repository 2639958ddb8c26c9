"""DAG runs as a person sees and steers them: trigger, watch, clear, mark; all through the REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.system.rest import AirflowRest, RestError, quote

FINISHED_RUN = frozenset({"success", "failed"})
FINISHED_TASK = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class StackError(Exception):
    """Airflow did not come up, or what was waited for did not come in time; the message holds logs."""


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """What a test asks about a task instance; ``raw`` is the whole answer of the REST API."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    max_tries: int
    duration: float | None
    rendered_map_index: str | None
    pid: int | None
    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        if self.map_index < 0:
            return self.task_id
        return f"{self.task_id} [{self.rendered_map_index or self.map_index}]"


class DagRuns:
    """
    The runs of one Airflow.

    :param rest: whose runs
    :param check: called between two looks; it raises when waiting on makes no sense any more
    """

    def __init__(self, rest: AirflowRest, check: Callable[[], None] = lambda: None) -> None:
        self.rest = rest
        self._check = check

    def import_errors(self) -> dict[str, str]:
        """Traceback by file, for every DAG file that could not be read."""
        found = self.rest.get("/importErrors")["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in found}

    def wait_for_dag(self, dag_id: str, timeout: float = 60.0) -> None:
        """Wait until the dag-processor has read a DAG."""

        def is_known() -> bool:
            if errors := self.import_errors():
                raise StackError("\n".join(f"{file}:\n{trace}" for file, trace in errors.items()))
            try:
                self.rest.get(f"/dags/{quote(dag_id)}/details")
            except RestError as error:
                if error.status == 404:
                    return False
                raise
            return True

        self.until(is_known, timeout=timeout, what=f"DAG {dag_id}")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """
        Start a run of a DAG, waiting first until Airflow has read it.

        :return: its run id
        """
        self.wait_for_dag(dag_id)
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.rest.post(f"/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.rest.get(_run(dag_id, run_id))["state"])

    def run_seconds(self, dag_id: str, run_id: str) -> float:
        """How long an ended run took, from its start to its end; 0 while it runs."""
        return float(self.rest.get(_run(dag_id, run_id))["duration"] or 0)

    def wait(self, dag_id: str, run_id: str, timeout: float = 180.0) -> str:
        """
        Wait until a run has ended.

        :return: ``success`` or ``failed``
        :raises StackError: after ``timeout`` seconds, with the state of every task
        """
        states: list[str] = []

        def has_ended() -> bool:
            states.append(self.run_state(dag_id, run_id))
            return states[-1] in FINISHED_RUN

        try:
            self.until(has_ended, timeout=timeout, what=f"the end of {dag_id} {run_id}", interval=0.5)
        except StackError as error:
            tasks = [f"{ti.name}: {ti.state}" for ti in self.task_instances(dag_id, run_id)]
            raise StackError(f"{error}\n" + "\n".join(tasks)) from None
        return states[-1]

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Every task instance of a run, in the order in which they started; those not started come last."""
        answer = self.rest.get(f"{_run(dag_id, run_id)}/taskInstances", limit=1000)
        found = sorted(answer["task_instances"], key=lambda raw: raw["start_date"] or "9999")
        return [_task_instance(raw) for raw in found]

    def task_instance(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> TaskInstance:
        return _task_instance(self.rest.get(_task(dag_id, run_id, task_id, map_index)))

    def wait_for_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        states: Collection[str] = FINISHED_TASK,
        *,
        map_index: int = -1,
        timeout: float = 120.0,
    ) -> TaskInstance:
        """Wait until a task instance is in one of ``states``, e.g. ``{"deferred"}``."""
        seen: list[TaskInstance] = []

        def has_come() -> bool:
            with suppress(RestError):  # a mapped instance is not there before its run has expanded it
                seen.append(self.task_instance(dag_id, run_id, task_id, map_index))
            return bool(seen) and seen[-1].state in states

        what = f"{dag_id}.{task_id} to become {' or '.join(sorted(states))}"
        try:
            self.until(has_come, timeout=timeout, what=what)
        except StackError as error:
            log = self.log(dag_id, run_id, task_id, map_index=map_index)
            raise StackError(f"{error}; last seen: {seen[-1:]}\n{log}") from None
        return seen[-1]

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """The value a task pushed, or ``None`` if it pushed nothing under that key."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        try:
            return self.rest.get(path, map_index=map_index, deserialize=True)["value"]
        except RestError as error:
            if error.status == 404:
                return None
            raise

    def log(
        self, dag_id: str, run_id: str, task_id: str, *, try_number: int | None = None, map_index: int = -1
    ) -> str:
        """What a user sees in the Logs tab: all lines of one try, of the last one by default."""
        try:
            entries = self.log_entries(dag_id, run_id, task_id, try_number=try_number, map_index=map_index)
        except RestError as error:
            return str(error)
        return "\n".join(_log_line(entry) for entry in entries)

    def log_entries(
        self, dag_id: str, run_id: str, task_id: str, *, try_number: int | None = None, map_index: int = -1
    ) -> list[Any]:
        """The same as the structured entries that the REST API gives."""
        number = try_number or self.task_instance(dag_id, run_id, task_id, map_index).try_number
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/logs/{number}"
        return list(self.rest.get(path, map_index=map_index, full_content=True)["content"])

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str], *, downstream: bool = False) -> None:
        """Clear task instances as a person would, whatever state they are in."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "only_failed": False,
            "reset_dag_runs": True,
            "include_downstream": downstream,
        }
        self.rest.post(f"/dags/{quote(dag_id)}/clearTaskInstances", body)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str, *, map_index: int = -1) -> None:
        """Mark a task instance ``success``, ``failed`` or ``skipped`` as a person would."""
        self.rest.patch(_task(dag_id, run_id, task_id, map_index), {"new_state": state})

    def until(
        self, condition: Callable[[], bool], *, timeout: float, what: str, interval: float = 0.2
    ) -> None:
        """
        Ask again and again.

        :raises StackError: after ``timeout`` seconds
        """
        deadline = time.monotonic() + timeout
        while not condition():
            self._check()
            if time.monotonic() > deadline:
                raise StackError(f"waited {timeout:g} s in vain for {what}")
            time.sleep(interval)


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"


def _task(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}"
    return path if map_index < 0 else f"{path}/{map_index}"


def _task_instance(raw: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(
        task_id=raw["task_id"],
        map_index=raw["map_index"],
        state=raw["state"],
        try_number=raw["try_number"],
        max_tries=raw["max_tries"],
        duration=raw["duration"],
        rendered_map_index=raw["rendered_map_index"],
        pid=raw["pid"],
        raw=raw,
    )


def _log_line(entry: Any) -> str:
    """One line of the structured log, as text: time, level, event, and an exception's own words."""
    if isinstance(entry, str):
        return entry
    line = " ".join(str(entry[key]) for key in ("timestamp", "level", "event") if entry.get(key))
    for detail in entry.get("error_detail") or ():
        line += f"\n    {detail.get('exc_type')}: {detail.get('exc_value')}"
    return line
