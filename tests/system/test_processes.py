"""Nothing that a stack started is left behind, however stubborn it is."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.system.processes import BackgroundProcess, stop

# A leader that ignores TERM, with a child in a process group of its own, as Airflow's task runners have.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
print("up", flush=True)
time.sleep(600)
"""
WILLING = "import time; print('up', flush=True); print('up', flush=True); time.sleep(600)"


def _start(program: str, folder: Path) -> BackgroundProcess:
    process = BackgroundProcess.start(
        "sleeper",
        [sys.executable, "-c", program],
        env=os.environ,
        cwd=folder,
        output=folder / "sleeper.log",
    )
    while process.tail().count("up") < 2:
        assert process.returncode is None
    return process


def test_a_process_that_ends_when_asked_is_not_killed(tmp_path: Path) -> None:
    process = _start(WILLING, tmp_path)
    assert stop([process]) == []
    assert process.returncode == -signal.SIGTERM


def test_a_stubborn_process_is_killed_with_its_children_in_other_groups(tmp_path: Path) -> None:
    process = _start(STUBBORN, tmp_path)
    assert len(process.members()) == 2
    assert stop([process], grace=0.2) == ["sleeper"]
    assert process.members() == []
    assert not process.alive()
