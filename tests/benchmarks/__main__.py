"""
``make bench``: every table of docs/performance.md, printed as it is measured.

``make bench ONLY=imports,tls-1000`` prints some of them, ``REPEATS=1`` is quicker and noisier. What is measured
is in the module of that name; here stand the scenes, and the bars.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from math import ceil
from pathlib import Path

from tests.benchmarks import end_to_end as stack
from tests.benchmarks import imports, waits
from tests.benchmarks.certificate import write_certificate
from tests.benchmarks.waits import Figures, Scene

SENSAY, SENDKIT, HTTP, AIOHTTP = (
    "ours (Sensay list)",
    "ours (SendKit single)",
    "HttpSensorTrigger",
    "shared aiohttp loop",
)


@dataclass(frozen=True)
class Bar:
    """A figure that was promised, and what it came to."""

    promise: str
    limit: float
    measured: float

    def __str__(self) -> str:
        if self.measured <= self.limit:
            said = "met"
        else:
            over = (
                f"by {self.measured - self.limit:.3g}"
                if not self.limit
                else f"{self.measured / self.limit:.2f}x the bar"
            )
            said = f"**missed**, {over}"
        return f"| {self.promise} | {self.limit:.4g} | {self.measured:.4g} | {said} |"


def bars(*rows: Bar) -> None:
    print("\n| bar | at most | measured | |\n|---|---|---|---|")
    print(*rows, sep="\n", flush=True)


def title(text: str) -> None:
    print(f"\n### {text}\n", flush=True)


def main(only: Sequence[str], repeats: int) -> int:
    chosen = [name for name in TABLES if not only or name in only]
    if unknown := set(only) - set(TABLES):
        raise SystemExit(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    print(_machine())
    began = time.monotonic()
    for name in chosen:
        TABLES[name](repeats)
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes.")
    return 0


def _machine() -> str:
    packages = (
        "apache-airflow",
        "apache-airflow-providers-http",
        "apache-airflow-providers-dbt-cloud",
        "httpx",
        "aiohttp",
    )
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}."
    )


# --- waits -------------------------------------------------------------------------------------------------


def _table(text: str, designs: Sequence[str], scene: Scene, repeats: int) -> dict[str, Figures]:
    """Run the designs in turn, several times, and print the medians."""
    title(text)
    certificate = CERTIFICATE if scene.tls else None
    runs: dict[str, list[Figures]] = {design: [] for design in designs}
    with waits.Simulator(certificate) as simulator:
        for _ in range(repeats):
            for design in designs:
                runs[design].append(waits.measure(design, scene, simulator))
    columns = "CPU s/1000", "MB above imports", "requests", "refused", "TCP", "lag p99 / max ms"
    print("| design |", " | ".join((*columns, "detect p50 / p99 s", "not ok")), "|")
    print("|---|---|---|---|---|---|---|---|---|")
    medians = {design: waits.median(measured) for design, measured in runs.items()}
    for design, row in medians.items():
        name = f"**{design}**" if design.startswith("ours") else design
        print(
            f"| {name} | {row.cpu_per_1000:.2f} | {row.memory:.1f} | {row.requests:.0f} | {row.refused:.0f} "
            f"| {row.tcp:.0f} | {row.lag_p99:.1f} / {row.lag_max:.0f} "
            f"| {row.detect_p50:.2f} / {row.detect_p99:.2f} | {row.not_ok:.0f} |"
        )
    sys.stdout.flush()
    return medians


def _described(scene: Scene) -> str:
    wire = "TLS" if scene.tls else "plain"
    return (
        f"looks every {scene.interval:g} s, jobs of {scene.shortest * scene.interval:g} to "
        f"{scene.longest * scene.interval:g} s, {scene.latency * 1000:g} ms, {wire}"
    )


def _detection(row: Figures, scene: Scene) -> tuple[Bar, Bar]:
    return (
        Bar("detection p50, s (0.6 x interval)", 0.6 * scene.interval, row.detect_p50),
        Bar(
            "detection p99, s (1.1 x interval + 3 x latency)",
            1.1 * scene.interval + 3 * scene.latency,
            row.detect_p99,
        ),
    )


def _list_requests(row: Figures, scene: Scene) -> Bar:
    rounds = (row.seconds - 0.5) / scene.interval
    limit = 1.2 * (ceil(scene.waits / 100) * rounds + row.singles)
    return Bar("requests (1.2 x (ceil(N/100) x rounds + leavers read singly))", limit, row.requests)


def scale(count: int, interval: float, tls: bool) -> Callable[[int], None]:
    """Many waits on one replica, beside what else one would take."""

    def table(repeats: int) -> None:
        scene = Scene(count, interval, tls)
        designs = ("floor", HTTP, "DbtCloudRunJobTrigger", AIOHTTP, SENSAY)
        rows = _table(f"{count} waits: {_described(scene)}", designs, scene, repeats)
        ours, floor = rows[SENSAY], rows["floor"]
        told = [
            _list_requests(ours, scene),
            Bar("requests / HttpSensorTrigger", 0.1, ours.requests / rows[HTTP].requests),
            Bar("TCP connections", 8, ours.tcp),
            *_detection(ours, scene),
            Bar("not ok", 0, ours.not_ok),
        ]
        if count >= 1000:
            told += [
                Bar("lag p99, ms (floor + 10)", floor.lag_p99 + 10, ours.lag_p99),
                Bar("MB above imports per 1,000 waits", 15, ours.memory_per_1000),
            ]
        if count == 1000 and tls:
            told += [
                Bar("CPU / HttpSensorTrigger, floor included", 0.15, ours.cpu / rows[HTTP].cpu),
                Bar("CPU / shared aiohttp loop, floor included", 0.5, ours.cpu / rows[AIOHTTP].cpu),
            ]
        bars(*told)

    return table


def single_reads(repeats: int) -> None:
    """SendKit: no list shows the training, so it is a request for each look."""
    for count, text in (
        (150, "as many as eight connections carry"),
        (600, "more than eight connections carry"),
    ):
        scene = Scene(count, 2.0, tls=True)
        designs = ("floor", HTTP, AIOHTTP, SENDKIT)
        rows = _table(f"{count} SendKit waits, {text}: {_described(scene)}", designs, scene, repeats)
        ours = rows[SENDKIT]
        told = [
            Bar("CPU / HttpSensorTrigger (reported)", 1.0, ours.cpu / rows[HTTP].cpu),
            Bar("requests / HttpSensorTrigger", 1.05, ours.requests / rows[HTTP].requests),
            Bar("TCP connections", 8, ours.tcp),
            Bar("not ok", 0, ours.not_ok),
        ]
        if count * scene.latency / 8 <= 0.5 * scene.interval:
            told += _detection(ours, scene)
        else:
            stretched = count * scene.latency / 8
            told.append(
                Bar(
                    f"detection p99, s: rounds stretch to {stretched:.2g} s",
                    1.2 * stretched + scene.interval,
                    ours.detect_p99,
                )
            )
        bars(*told)


def troubled(text: str, repeats: int, **trouble: float) -> None:
    """A vendor that refuses some of the requests."""
    scene = replace(Scene(300, 1.0), **trouble)  # type: ignore[arg-type]
    designs = (HTTP, "DbtCloudRunJobTrigger", AIOHTTP, SENSAY, SENDKIT)
    rows = _table(f"300 waits, {text}: {_described(scene)}", designs, scene, repeats)
    bars(
        Bar("false failures, Sensay", 0, rows[SENSAY].not_ok),
        Bar("false failures, SendKit", 0, rows[SENDKIT].not_ok),
        Bar("TCP connections", 8, max(rows[SENSAY].tcp, rows[SENDKIT].tcp)),
    )


def herd(repeats: int) -> None:
    """All waits begin in the same moment, as after a restart of the triggerer."""
    scene = Scene(1000, 3.0, ramp=0.0)
    rows = _table(
        f"1000 waits that begin at once: {_described(scene)}",
        ("floor", HTTP, AIOHTTP, SENSAY),
        scene,
        repeats,
    )
    ours = rows[SENSAY]
    bars(
        Bar("TCP connections", 8, ours.tcp),
        _list_requests(ours, scene),
        *_detection(ours, scene),
        Bar("not ok", 0, ours.not_ok),
    )


def history(repeats: int) -> None:
    """A replica that holds 20,000 entries that were finished long ago."""
    scene = Scene(100, 2.0, history=20_000, longest=4.2)
    rows = _table(
        f"20,000 finished entries and 100 waits: {_described(scene)}", (HTTP, AIOHTTP, SENSAY), scene, repeats
    )
    ours = rows[SENSAY]
    rounds = (ours.seconds - 0.5) / scene.interval
    bars(
        Bar(
            "requests (1.2 x (2 pages in progress x rounds + 100 leavers))",
            1.2 * (2 * rounds + scene.waits),
            ours.requests,
        ),
        *_detection(ours, scene),
        Bar("not ok", 0, ours.not_ok),
    )


# --- the rest ----------------------------------------------------------------------------------------------


def import_cost(repeats: int) -> None:
    """What a DAG file pays."""
    title("Imports, above `DAG, BaseOperator, BaseSensorOperator, BaseHook, task`")
    costs = imports.measure(max(5, repeats))
    print("| import | median ms (min-max) | modules | heavy modules |\n|---|---|---|---|")
    for way, cost in costs.items():
        times = f"{cost.milliseconds:.1f} ({cost.shortest:.1f}-{cost.longest:.1f})"
        print(f"| {way} | {times} | +{cost.modules} | {', '.join(cost.heavy) or 'none'} |")
    lean, full = costs["ours: hooks, operators, sensors"], costs["ours, with triggers"]
    bars(
        Bar("without triggers, ms", 5, lean.milliseconds),
        Bar("with triggers, ms", 15, full.milliseconds),
        Bar("with triggers / http provider", 0.1, full.milliseconds / costs["http provider"].milliseconds),
        Bar("heavy modules", 0, len(full.heavy)),
    )


def end_to_end(repeats: int) -> None:
    """On the real stack."""
    title("End to end: seconds after the job is over; both look every 5 s and resume on a worker")
    delays = stack.measure(max(10, repeats))
    print("| DAG | n | wait task ended, median (max) | downstream started, median (max) |\n|---|---|---|---|")
    for dag, measured in delays.items():
        middle = stack.median(measured)
        print(
            f"| {dag} | {len(measured)} | {middle.waited:.2f} ({max(each.waited for each in measured):.2f}) "
            f"| {middle.went_on:.2f} ({max(each.went_on for each in measured):.2f}) |"
        )
    ratio = stack.median(delays["ours"]).went_on / stack.median(delays["http_sensor"]).went_on
    bars(Bar("downstream started / HttpSensor(deferrable)", 0.8, ratio))


TABLES: dict[str, Callable[[int], None]] = {
    "imports": import_cost,
    **{
        f"{'tls' if tls else 'plain'}-{count}": scale(count, interval, tls)
        for tls in (True, False)
        for count, interval in ((100, 2.0), (1000, 4.0), (5000, 5.0))
    },
    "sendkit": single_reads,
    "rate-limit": lambda repeats: troubled("at most 50 requests a second", repeats, rate=50.0),
    "errors-1": lambda repeats: troubled("1 % of requests answered 503", repeats, faults=0.01),
    "errors-5": lambda repeats: troubled("5 % of requests answered 503", repeats, faults=0.05),
    "herd": herd,
    "history": history,
    "end-to-end": end_to_end,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="", help="names of tables, by commas")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="airflow-bench-") as scratch:
        # Before anything imports Airflow or builds its default TLS context.
        CERTIFICATE = Path(scratch) / "localhost.pem"
        write_certificate(CERTIFICATE)
        os.environ |= {"AIRFLOW_HOME": scratch, "SSL_CERT_FILE": str(CERTIFICATE)}
        waits.import_everything()
        sys.exit(main([name for name in arguments.only.split(",") if name], arguments.repeats))
