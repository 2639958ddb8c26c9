"""Kill a sync at every request and every message, print what came of it; exits 1 if anything is wrong."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.integration.faults.__main__ import past_the_logs


def main() -> int:
    """Both nights, both modes, every kill."""
    from airflow_provider.sandbox.process import SandboxProcess
    from tests.integration.kills.story import NIGHTS, Story
    from tests.integration.rig import fresh_world

    shown = past_the_logs()
    table = Table(title="A sync of thirty documents, killed and tried again", show_lines=False)
    for column in ("night", "mode", "killed at", "kills", "wrong"):
        table.add_column(column, justify="right" if column in ("kills", "wrong") else "left")
    told = []
    with SandboxProcess() as sandbox, tempfile.TemporaryDirectory() as scratch:
        for night in NIGHTS:
            for deferrable in (False, True):
                with fresh_world(sandbox, Path(scratch)) as rig:
                    place = Path(scratch) / f"{night}-{deferrable}"
                    place.mkdir()
                    story = Story(rig, place, night, deferrable)
                    told += [*story.at_requests(), *story.at_messages()]
    kills = Counter((each.night, each.deferrable, f"{each.kind} {each.step}") for each in told)
    wrong = Counter((each.night, each.deferrable, f"{each.kind} {each.step}") for each in told if each.wrong)
    for (night, deferrable, step), count in kills.items():
        bad = wrong[night, deferrable, step]
        table.add_row(night, "deferrable" if deferrable else "sync", step, str(count), str(bad))
    console = Console(file=shown, width=None if shown.isatty() else 160)
    console.print(table)
    for each in told:
        for trouble in each.wrong:
            console.print(f"{each.night} night, {each.kind} {each.at} ({each.step}): {trouble}")
    console.print(f"{len(told)} kills, {sum(wrong.values())} wrong")
    return 1 if wrong or not told else 0


if __name__ == "__main__":
    sys.exit(main())
