"""A whole Airflow on this machine: four processes, a home of their own, and the REST API to drive it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.system.processes import BackgroundProcess, stop
from tests.system.rest import AirflowRest, RestError, quote, send
from tests.system.settings import Login, airflow_environment

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
"""The Airflow commands that make up the stack; also the names by which they are stopped and killed."""

FINISHED_RUN = frozenset({"success", "failed"})
FINISHED_TASK = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class StackError(Exception):
    """The stack did not come up, or what was waited for did not come in time; the message holds logs."""


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


class AirflowStack:
    """
    A real Airflow as a context manager; nothing of it is left behind.

    :param python: interpreter of the environment that holds Airflow and the provider
    :param dags: the folder whose DAGs it runs
    :param env: environment variables on top of the stack's own, e.g. connections and ``AIRFLOW__…``
    :param home: where database and logs go; a temporary folder, removed at the end, unless given
    :param start_timeout: seconds from the first process to all four being healthy
    """

    def __init__(
        self,
        *,
        python: Path,
        dags: Path,
        env: Mapping[str, str] | None = None,
        home: Path | None = None,
        start_timeout: float = 120.0,
    ) -> None:
        self.python = python
        self.dags = dags
        self.login = Login("admin", "admin")
        self._env_overrides = dict(env or {})
        self._start_timeout = start_timeout
        self._scratch = tempfile.TemporaryDirectory(prefix="airflow-stack-") if home is None else None
        self.home = Path(self._scratch.name) if self._scratch else home or Path()
        self._processes: dict[str, BackgroundProcess] = {}
        self.env: dict[str, str] = {}
        self.url = ""

    # Life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Create the database, start the four processes and return when all report that they are healthy."""
        self.home.mkdir(parents=True, exist_ok=True)
        stack_env, self.url = airflow_environment(self.home, self.dags, self.login)
        self.env = stack_env | self._env_overrides
        self.rest = AirflowRest(self.url, self.login.user, self.login.password)
        self._migrate()
        for component in COMPONENTS:
            self._start(component)
        self.wait_until_healthy(timeout=self._start_timeout)

    def stop(self) -> list[str]:
        """
        End every process and remove the temporary home.

        :return: the components that did not end by themselves
        """
        killed = stop(self._processes.values())
        self._processes.clear()
        if self._scratch:
            self._scratch.cleanup()
        return killed

    def restart(self, component: str) -> None:
        """End one component as a deployment would, start it again and wait until it is healthy."""
        stop([self._processes[component]])
        self.start_component(component)

    def kill(self, component: str) -> None:
        """SIGKILL one component with all it has forked; :meth:`start_component` brings it back."""
        process = self._processes[component]
        process.signal(signal.SIGKILL)
        stop([process])

    def start_component(self, component: str) -> None:
        """Start a component that was killed and wait until it is healthy."""
        self._start(component)
        self.wait_until_healthy(timeout=self._start_timeout)

    @property
    def pids(self) -> dict[str, int]:
        """The leader of each component; what it forked since shares its session."""
        return {name: process.pid for name, process in self._processes.items()}

    def members(self, component: str) -> list[int]:
        """All living pids of a component: the leader and what it forked."""
        return self._processes[component].members()

    def output(self, component: str, lines: int = 50) -> str:
        """The end of what a component printed."""
        return self._processes[component].tail(lines)

    def wait_until_healthy(self, timeout: float) -> None:
        """Wait until every component reports a fresh heartbeat."""
        self.until(self._healthy, timeout=timeout, what="a healthy Airflow")

    def airflow(self, *arguments: str, timeout: float = 120.0) -> str:
        """Run an ``airflow`` command in the stack's environment and return what it printed."""
        finished = subprocess.run(
            [self.python, "-m", "airflow", *arguments],
            env=self.env,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if finished.returncode:
            raise StackError(f"airflow {' '.join(arguments)} failed:\n{finished.stdout}{finished.stderr}")
        return finished.stdout

    # DAGs and runs

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

    # Tasks

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
        number = try_number or self.task_instance(dag_id, run_id, task_id, map_index).try_number
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/logs/{number}"
        try:
            answer = self.rest.get(path, map_index=map_index, full_content=True)
        except RestError as error:
            return str(error)
        return "\n".join(_log_line(entry) for entry in answer["content"])

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

    # Waiting

    def until(
        self, condition: Callable[[], bool], *, timeout: float, what: str, interval: float = 0.2
    ) -> None:
        """
        Ask again and again, as long as all components live.

        :raises StackError: after ``timeout`` seconds, or as soon as a component has ended by itself
        """
        deadline = time.monotonic() + timeout
        while not condition():
            for name, process in self._processes.items():
                if process.returncode is not None and process.returncode != -signal.SIGKILL:
                    raise StackError(f"{name} ended with {process.returncode}:\n{process.tail()}")
            if time.monotonic() > deadline:
                raise StackError(f"waited {timeout:g} s in vain for {what}")
            time.sleep(interval)

    def _migrate(self) -> None:
        self.airflow("db", "migrate")

    def _start(self, component: str) -> None:
        self._processes[component] = BackgroundProcess.start(
            component,
            [str(self.python), "-m", "airflow", component],
            env=self.env,
            cwd=self.home,
            output=self.home / f"{component}.log",
        )

    def _healthy(self) -> bool:
        try:
            health = send("GET", f"{self.url}/api/v2/monitor/health")
        except (OSError, RestError):
            return False
        return all(
            health[part]["status"] == "healthy"
            for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")
        )


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
