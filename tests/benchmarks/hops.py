"""
``python -m tests.benchmarks.hops``: which files of the package a deferrable retrain enters, and the way back and forth.

Fewer and bigger is no aim of its own; a walk that one can follow is. It also counts what opens a connection before the
POST: reads of the Airflow connection, and clients, each with a TLS handshake of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import airflow_provider
from airflow_provider.sandbox.process import SandboxProcess
from tests.integration.rig import Rig, fresh_world
from tests.integration.task import TaskUnderTest

ROOT = f"{Path(airflow_provider.__file__).parent}/"

#: One function of the package: its file and its name.
Step = tuple[str, str]


@contextmanager
def recorded() -> Iterator[list[Step]]:
    """Note each function of the package that is entered meanwhile."""
    steps: list[Step] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(ROOT) and "/sandbox/" not in name:
            steps.append((name.removeprefix(ROOT), frame.f_code.co_name))

    sys.setprofile(note)
    try:
        yield steps
    finally:
        sys.setprofile(None)


def tell(title: str, steps: Sequence[Step]) -> set[str]:
    """Print one leg; return its files."""
    walk = [file for place, (file, _) in enumerate(steps) if place == 0 or steps[place - 1][0] != file]
    files = list(dict.fromkeys(walk))
    print(f"{title}: {len(steps)} calls, {len(files)} files, {len(walk) - len(files)} returns to a file")
    print(f"    {' > '.join(files)}")
    return set(files)


def walk(rig: Rig) -> None:
    """Walk through a deferrable retrain, once to import everything and once to count."""
    for counted in (False, True):
        rig.reset()
        task = TaskUnderTest(rig.retrain(deferrable=True, version="v1"), retries=0)
        with recorded() as worker:
            task.run()
        with recorded() as triggerer:
            event = task.fire()
        with recorded() as resumed:
            task.resume(event)
        if counted:
            report(worker, triggerer, resumed)


def report(worker: list[Step], triggerer: list[Step], resumed: list[Step]) -> None:
    """Print the legs, and the sum."""
    begin = worker.index(("operators/base.py", "execute"))
    sending = worker.index(("tasks/refresh_task.py", "_sent"))
    post = worker.index(("http/client.py", "send"), sending)
    before = worker[begin : post + 1]
    legs = [
        tell("execute to the POST", before),
        tell("the POST to the deferral", worker[post:]),
        tell("the trigger to its event", triggerer),
        tell(
            "execute_complete to the result",
            resumed[resumed.index(("operators/base.py", "execute_complete")) :],
        ),
    ]
    print(f"{len(set().union(*legs))} files in all")
    reads = sum(step == ("hooks/base.py", "settings") for step in before)
    clients = sum(step == ("hooks/base.py", "get_conn") for step in before)
    print(f"before the POST: {reads} connection reads, {clients} clients")


def main() -> None:
    """Count on a sandbox of its own."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        SandboxProcess() as sandbox,
        fresh_world(sandbox, Path(scratch)) as rig,
    ):
        walk(rig)


if __name__ == "__main__":
    main()
