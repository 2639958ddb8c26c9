"""Play the fault matrix and print it: ``python -m tests.integration.faults``; exits 1 if a row is wrong."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

import tests.conftest  # noqa: F401 - a home for what Airflow writes, before anything imports Airflow


def main() -> int:
    """Play every row in every mode it exists in."""
    from airflow_provider.sandbox.process import SandboxProcess
    from tests.integration.faults.row import Played, play
    from tests.integration.faults.rows import ROWS
    from tests.integration.rig import fresh_world

    shown = past_the_logs()
    table = Table(title="Fault matrix", show_lines=False)
    for column in ("fault", "mode", "becomes", "charges", "message", ""):
        table.add_column(column, justify="right" if column == "charges" else "left", overflow="fold")
    wrong: list[Played] = []
    with SandboxProcess() as sandbox, tempfile.TemporaryDirectory() as scratch:
        for row in ROWS:
            for deferrable in row.modes:
                with fresh_world(sandbox, Path(scratch)) as rig:
                    played = play(rig, row, deferrable)
                table.add_row(
                    row.fault,
                    played.mode,
                    ", ".join(played.became),
                    str(played.charges),
                    "; ".join(played.wrong) or row.says,
                    "WRONG" if played.wrong else "ok",
                )
                wrong += [played] if played.wrong else []
    console = Console(file=shown, width=None if shown.isatty() else 160)
    console.print(table)
    console.print(f"{table.row_count} rows, {len(wrong)} wrong")
    return 1 if wrong else 0


def past_the_logs() -> TextIO:
    """Return the terminal, and send to nowhere what the tasks log: it would bury the table."""
    shown = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return shown


if __name__ == "__main__":
    sys.exit(main())
