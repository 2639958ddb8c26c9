"""
``make danger-table``: what happens to those who sync, done to LangChain's ``index`` and to ours.

Exits with 1 if the table is not the one of docs/what-it-will-never-delete.md.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import tests.conftest  # noqa: F401 - a home for what Airflow writes, before anything imports Airflow

PAGE = Path(__file__).parents[2] / "docs" / "what-it-will-never-delete.md"


def main() -> int:
    """Play every event in every world, and print a line for each."""
    from airflow_provider.sandbox.process import SandboxProcess
    from tests.danger.events import EVENTS, play
    from tests.danger.worlds import LangChain, Ours, World
    from tests.integration.rig import fresh_world

    shown = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    with open(os.devnull, "w") as nowhere:  # what the tasks log would bury the table
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    logging.disable(logging.CRITICAL)
    lines = ["| what happens | to | that night | the night after |", "|---|---|---|---|"]
    with SandboxProcess() as sandbox, tempfile.TemporaryDirectory() as scratch:
        for event in EVENTS:
            with fresh_world(sandbox, Path(scratch)) as rig:
                ours = Ours(rig, Path(scratch) / "kb", **({"strategy": "replace"} if event.replaces else {}))
                worlds: list[World] = [ours] if event.replaces else [LangChain(dated=event.dated), ours]
                for number, world in enumerate(worlds):
                    that_night, after = play(event, world)
                    name = "" if number else event.name
                    lines.append(f"| {name} | {world.name} | {that_night} | {after} |")
    shown.write("\n".join((f"langchain-core {version('langchain-core')}\n", *lines, "")))
    page = PAGE.read_text().splitlines() if PAGE.exists() else []
    strange = [line for line in lines if line not in page]
    if strange:
        shown.write(f"\n{len(strange)} lines are not in {PAGE.name}\n")
    shown.close()
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
