"""The installed sandbox as a process, and what Airflow must know to talk to it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.system.processes import BackgroundProcess, stop
from tests.system.settings import clean_environment


class InstalledSandbox:
    """
    ``python -m airflow_provider.sandbox`` of another environment, on a port of its own choice.

    :param python: interpreter of the environment in which the provider's wheel is installed
    :param options: more options of its command line
    """

    def __init__(self, *, python: Path, options: Sequence[str] = (), start_timeout: float = 30.0) -> None:
        self._python = python
        self._options = options
        self._start_timeout = start_timeout
        self._process: BackgroundProcess | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="knowledge-sandbox-")
        self.ready: dict[str, Any] = {}

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

    @property
    def base_url(self) -> str:
        return str(self.ready["base_url"])

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Return when it serves; :attr:`ready` then holds what it said of itself."""
        home = Path(self._scratch.name)
        ready_file = home / "ready.json"
        self._process = BackgroundProcess.start(
            "sandbox",
            [
                str(self._python),
                "-m",
                "airflow_provider.sandbox",
                "--port",
                "0",
                "--ready-file",
                str(ready_file),
                *self._options,
            ],
            env=clean_environment(),
            cwd=home,
            output=home / "sandbox.log",
        )
        deadline = time.monotonic() + self._start_timeout
        while not ready_file.exists():
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox did not start:\n{self._process.tail()}")
            time.sleep(0.05)
        self.ready = json.loads(ready_file.read_text())

    def stop(self) -> None:
        if self._process:
            stop([self._process], grace=5.0)
            self._process = None
        self._scratch.cleanup()

    def airflow_environment(self) -> dict[str, str]:
        """Both connections, and the ids that the example DAGs read from Airflow Variables."""
        return {
            "AIRFLOW_CONN_SENDKIT_DEFAULT": str(self.ready["sendkit_connection"]),
            "AIRFLOW_CONN_SENSAY_DEFAULT": str(self.ready["sensay_connection"]),
            "AIRFLOW_VAR_SENDKIT_AGENT_ID": str(self.ready["agent_id"]),
            "AIRFLOW_VAR_SENSAY_REPLICA_UUID": str(self.ready["replica_uuid"]),
            "AIRFLOW_VAR_SENSAY_ENTRY_ID": str(self.ready["entry_id"]),
        }
