"""On a real Airflow: from the moment a job is over to the start of the task that waits for it."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.vendor import Plan
from tests.benchmarks.waits import Simulator, connections
from tests.system.stack import AirflowStack

DAGS = ("http_sensor", "ours")

#: Seconds after the trigger at which a job ends: spread over one interval, well after the wait was deferred.
EARLIEST, SPREAD = 16.0, 5.0


@dataclass(frozen=True)
class Delay:
    """Seconds after the end of the job."""

    waited: float
    went_on: float


def measure(runs: int) -> dict[str, list[Delay]]:
    """Run both DAGs so many times, in turn."""
    # Job 1 is what the first task asks for; it is over from the start.
    now = time.monotonic()
    count = 1 + runs * len(DAGS)
    plan = Plan([now - 10] * count, [now - 5] + [now + 86_400.0] * (count - 1))
    delays: dict[str, list[Delay]] = {dag: [] for dag in DAGS}
    with Simulator(None) as simulator:
        env = connections(simulator)
        with AirflowStack(
            python=Path(sys.executable), dags=[Path(__file__).parent / "dags"], env=env
        ) as stack:
            for run in range(runs):
                for number, dag in enumerate(DAGS):
                    job = 2 + run * len(DAGS) + number
                    after = EARLIEST + SPREAD * run / runs
                    begun, ends = time.monotonic(), datetime.now(UTC).timestamp() + after
                    plan.starts[job - 1], plan.ends[job - 1] = begun, begun + after
                    simulator.begin(plan)
                    run_id = stack.trigger(dag, {"job": job})
                    state = stack.wait(dag, run_id)
                    if state != "success":
                        raise RuntimeError(f"{dag} ended as {state}")
                    delays[dag].append(
                        Delay(
                            _at(stack.task_instance(dag, run_id, "wait").raw["end_date"]) - ends,
                            _at(stack.task_instance(dag, run_id, "go_on").raw["start_date"]) - ends,
                        )
                    )
    return delays


def median(delays: list[Delay]) -> Delay:
    return Delay(
        statistics.median(delay.waited for delay in delays),
        statistics.median(delay.went_on for delay in delays),
    )


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
