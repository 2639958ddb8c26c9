"""A whole Airflow on this machine: four processes, a home of their own, and the REST API to drive it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.processes import BackgroundProcess, stop
from tests.system.rest import AirflowRest, RestError, send
from tests.system.runs import DagRuns, StackError
from tests.system.settings import Login, airflow_environment

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
"""The Airflow commands that make up the stack; also the names by which they are restarted and killed."""


class AirflowStack(DagRuns):
    """
    A real Airflow as a context manager; no process and no file of it is left behind.

    :param python: interpreter of the environment that holds Airflow and the provider
    :param dags: folders whose DAGs it runs
    :param env: environment variables on top of the stack's own, e.g. connections and ``AIRFLOW__…``
    :param start_timeout: seconds until all four components, or one restarted, are healthy
    """

    def __init__(
        self,
        *,
        python: Path,
        dags: Sequence[Path],
        env: Mapping[str, str] | None = None,
        start_timeout: float = 120.0,
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="airflow-stack-")
        self.home = Path(self._scratch.name)
        self.login = Login("admin", "admin")
        stack_env, self.url = airflow_environment(self.home, dags, self.login)
        self.env = stack_env | dict(env or {})
        super().__init__(AirflowRest(self.url, self.login.user, self.login.password), self._check_components)
        self._python = python
        self._start_timeout = start_timeout
        self._processes: dict[str, BackgroundProcess] = {}
        self._started: dict[str, datetime] = {}

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
        self.airflow("db", "migrate")
        for component in COMPONENTS:
            self._launch(component)
        self.wait_until_healthy()

    def stop(self) -> list[str]:
        """
        End every process and remove the home.

        :return: the components that did not end by themselves
        """
        server = self._processes.pop("api-server", None)
        killed = stop(self._processes.values())
        self._processes.clear()
        # Last, since whoever shuts down reports to it, and would otherwise retry for as long as it may.
        killed += stop([server] if server else [])
        self._scratch.cleanup()
        return killed

    def start_component(self, component: str) -> None:
        """Start a component that was killed and wait until it is healthy."""
        self._launch(component)
        self.wait_until_healthy()

    def restart(self, component: str) -> None:
        """End one component as a deployment would, start it again and wait until it is healthy."""
        stop([self._processes[component]])
        self.start_component(component)

    def kill(self, component: str) -> None:
        """SIGKILL one component with all it has forked; :meth:`start_component` brings it back."""
        stop([self._processes.pop(component)], grace=0.0)

    def kill_children(self, component: str) -> None:
        """SIGKILL all that a component has forked; its leader is given time to end by itself."""
        process = self._processes.pop(component)
        process.signal(signal.SIGKILL, leader=False)
        self.until(lambda: process.returncode is not None, timeout=60.0, what=f"the end of {component}")
        stop([process], grace=0.0)

    @property
    def pids(self) -> dict[str, int]:
        """The leader of each running component."""
        return {name: process.pid for name, process in self._processes.items()}

    def members(self, component: str) -> list[int]:
        """All living pids of a component: the leader and what it forked since."""
        return self._processes[component].members()

    def output(self, component: str, lines: int = 50) -> str:
        """The end of what a component printed."""
        return self._processes[component].tail(lines)

    def wait_until_healthy(self) -> None:
        """Wait until every component has reported since it was last started."""
        self.until(self._healthy, timeout=self._start_timeout, what="a healthy Airflow")

    def airflow(self, *arguments: str, timeout: float = 120.0) -> str:
        """
        Run an ``airflow`` command in the stack's environment.

        :return: what it printed, warnings included
        """
        finished = subprocess.run(
            [self._python, "-m", "airflow", *arguments],
            env=self.env,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if finished.returncode:
            raise StackError(f"airflow {' '.join(arguments)} failed:\n{finished.stdout}")
        return finished.stdout

    def _launch(self, component: str) -> None:
        self._started[component] = datetime.now(UTC)
        self._processes[component] = BackgroundProcess.start(
            component,
            [str(self._python), "-m", "airflow", component],
            env=self.env,
            cwd=self.home,
            output=self.home / f"{component}.log",
        )

    def _check_components(self) -> None:
        """Waiting is in vain once a component has ended by itself."""
        for name, process in self._processes.items():
            # A leader killed from outside is a test's business.
            if process.returncode is not None and process.returncode != -signal.SIGKILL:
                raise StackError(f"{name} ended with {process.returncode}:\n{process.tail()}")

    def _healthy(self) -> bool:
        try:
            health = send("GET", f"{self.url}/api/v2/monitor/health")
        except (OSError, RestError):
            return False
        return all(
            health[part]["status"] == "healthy"
            # A killed component is called healthy for as long as its last heartbeat is young enough.
            and datetime.fromisoformat(health[part][f"latest_{part}_heartbeat"]) > self._started[component]
            for component in self._started
            if (part := component.replace("-", "_")) != "api_server"
        )
