"""The installed sandbox as a process, and what Airflow must know to talk to it."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from types import TracebackType

from airflow_provider.sandbox.client import Sandbox
from tests.system.processes import BackgroundProcess, stop
from tests.system.settings import clean_environment


class InstalledSandbox:
    """
    ``python -m airflow_provider.sandbox`` as another environment has it installed, in a ``with``.

    :param python: interpreter of that environment
    """

    def __init__(self, *, python: Path, start_timeout: float = 30.0) -> None:
        self._python = python
        self._start_timeout = start_timeout
        self._scratch = tempfile.TemporaryDirectory(prefix="knowledge-sandbox-")
        self._process: BackgroundProcess | None = None

    def __enter__(self) -> Sandbox:
        try:
            return self._start()
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> Sandbox:
        # Its own folder, not the checkout: python -m would prefer the package it finds there.
        home = Path(self._scratch.name)
        ready = home / "ready.json"
        options = ["--port", "0", "--with-parent", "--ready-file", str(ready)]
        self._process = BackgroundProcess.start(
            "sandbox",
            [str(self._python), "-m", "airflow_provider.sandbox", *options],
            env=clean_environment(),
            cwd=home,
            output=home / "sandbox.log",
        )
        deadline = time.monotonic() + self._start_timeout
        while not ready.exists():
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox did not start:\n{self._process.tail()}")
            time.sleep(0.02)
        return Sandbox(json.loads(ready.read_text()))

    def _stop(self) -> None:
        if self._process:
            stop([self._process], grace=5.0)
            self._process = None
        self._scratch.cleanup()


def airflow_environment(sandbox: Sandbox) -> dict[str, str]:
    """Both connections, and the ids that the example DAGs read from Airflow Variables."""
    return sandbox.environment | {
        "AIRFLOW_VAR_SENDKIT_AGENT_ID": sandbox.agent_id,
        "AIRFLOW_VAR_SENSAY_REPLICA_UUID": sandbox.replica_uuid,
        "AIRFLOW_VAR_SENSAY_ENTRY_ID": str(sandbox.entry_id),
    }
