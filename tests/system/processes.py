"""A background process in a session of its own, so that all it forks can be found and ended with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# Where there is none, sessions cannot be listed and a leader is trusted to end what it forked.
_PROC = Path("/proc")


class BackgroundProcess:
    """
    One command, its output in a file, and every process it has forked since.

    Airflow's supervisors move their task runners to process groups of their own, so a group signal
    alone would leave them behind; the session is inherited by all of them.
    """

    def __init__(self, name: str, popen: subprocess.Popen[bytes], output: Path) -> None:
        self.name = name
        self.output = output
        self._popen = popen

    @classmethod
    def start(
        cls, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: Path
    ) -> BackgroundProcess:
        with output.open("ab") as sink:
            popen = subprocess.Popen(
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, popen, output)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or ``None`` while the command itself still runs."""
        return self._popen.poll()

    def members(self) -> list[int]:
        """Pids that live in this session."""
        if not _PROC.is_dir():
            return [self.pid] if self.returncode is None else []
        self._popen.poll()
        return [pid for pid, session, state in _sessions() if session == self.pid and state not in "ZX"]

    def signal(self, number: int, *, leader: bool = True) -> None:
        """Send a signal to every process of the session, or to all but its leader."""
        for pid in self.members():
            if leader or pid != self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def wait(self) -> None:
        """Reap the leader."""
        self._popen.wait()

    def alive(self) -> bool:
        return self.returncode is None or bool(self.members())

    def tail(self, lines: int = 30) -> str:
        """The last lines of the output."""
        text = self.output.read_text(errors="replace") if self.output.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def stop(processes: Iterable[BackgroundProcess], grace: float = 15.0) -> list[str]:
    """
    End all sessions together: TERM to every process of them, KILL after ``grace`` seconds.

    :return: names of those that had to be killed
    """
    pending = list(processes)
    if grace:
        for process in pending:
            process.signal(signal.SIGTERM)
    _wait_for(pending, grace)
    stubborn = [process for process in pending if process.alive()]
    for process in stubborn:
        process.signal(signal.SIGKILL, leader=False)
    # A leader whose children have died reaps them, and may well end by itself then.
    _wait_for(stubborn, min(grace, 1.0))
    for process in pending:
        process.signal(signal.SIGKILL)
        process.wait()
    return [process.name for process in stubborn]


def _wait_for(processes: Sequence[BackgroundProcess], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(process.alive() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def _sessions() -> Iterable[tuple[int, int, str]]:
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            # The command name is in parentheses and may hold anything: read after the last one.
            state, _parent, _group, session, *_rest = (entry / "stat").read_text().rpartition(")")[2].split()
            yield int(entry.name), int(session), state
