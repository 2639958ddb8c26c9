"""
``make crash-matrix``: kill real processes between every two steps of a paid refresh, and count the charges.

Exits 0 only if every row ended as :mod:`tests.system.crash.rows` says it has to.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.system.crash.matrix import DAGS, ENVIRONMENT, VENDOR, CrashMatrix, Finding
from tests.system.crash.rows import Row, Step, all_rows
from tests.system.sandbox import InstalledSandbox, airflow_environment
from tests.system.stack import AirflowStack


def main() -> int:
    options = _parse()
    console = Console(highlight=False, width=150 if not sys.stdout.isatty() else None)
    chosen = [
        (number, row)
        for number, row in enumerate(all_rows(), 1)
        if not options.only or number in options.only
    ]
    began = time.monotonic()
    python = Path(sys.executable)
    with InstalledSandbox(python=python) as sandbox:
        sandbox.options(**VENDOR)
        env = airflow_environment(sandbox) | ENVIRONMENT
        with AirflowStack(python=python, dags=[DAGS], env=env) as stack:
            findings = _run(CrashMatrix(stack, sandbox), chosen, options.at_once, console)
    _report(findings, time.monotonic() - began, console)
    return 1 if any(finding.problems for finding in findings) else 0


def _run(
    matrix: CrashMatrix, chosen: Sequence[tuple[int, Row]], at_once: int, console: Console
) -> list[Finding]:
    def play(numbered: tuple[int, Row]) -> Finding:
        number, row = numbered
        finding = matrix.run(row, number)
        told = "; ".join(finding.problems) or "as it has to be"
        if finding.problems:
            told += f"\n{finding.log}"
        console.print(f"{number:3d}  {row.mode}, {row.name}, {row.victim}: {told}", markup=False)
        return finding

    together = [each for each in chosen if each[1].step is not Step.IN_TRIGGER]
    alone = [each for each in chosen if each[1].step is Step.IN_TRIGGER]
    pool = ThreadPoolExecutor(at_once)
    try:
        findings = list(pool.map(play, together))
    finally:
        # After an interrupt nobody waits for the rest: the stack is about to go.
        pool.shutdown(wait=False, cancel_futures=True)
    return findings + [play(each) for each in alone]


def _report(findings: Sequence[Finding], seconds: float, console: Console) -> None:
    table = Table(title="Crash matrix: SIGKILL between every two steps of a paid refresh")
    for column in ("step", "mode", "killed", "charges", "outcome", "tries", "seen as", "s to recovery", ""):
        table.add_column(
            column, justify="right" if column in ("charges", "tries", "s to recovery") else "left"
        )
    for finding in findings:
        row = finding.row
        table.add_row(
            row.name,
            row.mode,
            row.victim,
            str(finding.charges),
            finding.outcome or finding.state,
            str(finding.tries),
            finding.seen,
            f"{finding.seconds:.1f}",
            "; ".join(finding.problems) or ("documented" if row.unclosable else ""),
        )
    console.print(table)
    wrong = sum(bool(finding.problems) for finding in findings)
    documented = sum(finding.row.unclosable for finding in findings)
    console.print(
        f"{len(findings)} rows in {seconds / 60:.1f} min: {len(findings) - wrong} as they have to be, {wrong} not; "
        f"{documented} charged twice as documented beside on_unknown."
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill real processes at every step and count the charges.")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of rows; default: all")
    parser.add_argument("--at-once", type=int, default=6, help="rows side by side (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
