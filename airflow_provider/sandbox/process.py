"""A sandbox in a process of its own, for tests, demos and benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from airflow_provider.sandbox.client import Sandbox


class SandboxProcess:
    """
    Start with :meth:`start` or ``with``; it ends with :meth:`stop`, or when the starting process dies.

    :param port: 0 takes a free one
    :param options: options of the world that a reset returns to
    :param log: where its output goes; without, nowhere
    """

    def __init__(
        self, *, port: int = 0, verbose: bool = False, log: Path | None = None, **options: Any
    ) -> None:
        self._port = port
        self._verbose = verbose
        self._options = options
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 20.0) -> Sandbox:
        """:raises RuntimeError: it ended, or did not listen in time; with what it said"""
        with tempfile.TemporaryDirectory() as folder:
            ready_file = Path(folder, "ready.json")
            said_file = self._log or Path(folder, "said.txt")
            with said_file.open("ab") as said:
                self._process = subprocess.Popen(
                    self._command(ready_file), stdin=subprocess.DEVNULL, stdout=said, stderr=said
                )
            deadline = time.monotonic() + timeout
            while not ready_file.exists():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"The sandbox did not start: {said_file.read_text()}")
                time.sleep(0.02)
            return Sandbox(json.loads(ready_file.read_text()))

    def stop(self, timeout: float = 5.0) -> int | None:
        """:returns: its exit code, 0 for a clean end"""
        process, self._process = self._process, None
        if process is None:
            return None
        process.terminate()
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self, ready_file: Path) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "airflow_provider.sandbox",
            "--port",
            str(self._port),
            "--with-parent",
        ]
        command += ["--ready-file", str(ready_file)]
        command += ["--verbose"] if self._verbose else []
        for name, value in self._options.items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        return command
