"""
Waits that come and go at random, for as long as one likes: memory, sockets and tasks must not grow.

``make soak`` for half an hour, ``make soak SECONDS=300`` for five minutes. Ends with 1 if anything grew.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.vendor import Plan
from tests.benchmarks.waits import (
    DESIGNS,
    Scene,
    Simulator,
    connections,
    import_everything,
    resident,
)

WAITS = 500
INTERVAL = 2.0

#: What a long run may end above its beginning: freed memory is not always given back.
MEMORY, SOCKETS, TASKS = 6.0, 0, 0


@dataclass(frozen=True)
class Reading:
    """What the process holds."""

    memory: float
    sockets: int
    tasks: int

    @classmethod
    def now(cls) -> Reading:
        links = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        sockets = sum(link.startswith("socket:") for link in links)
        return cls(resident(), sockets, len(asyncio.all_tasks()))

    def __str__(self) -> str:
        return f"{self.memory:8.1f} MB  {self.sockets:3d} sockets  {self.tasks:5d} tasks"


async def soak(seconds: float, simulator: Simulator) -> int:
    """Let waits come and go; every fourth is cancelled in the middle. Return the exit code."""
    scene = Scene(waits=WAITS, interval=INTERVAL)
    ended = cancelled = failed = 0
    begun = await _rest(simulator, scene)
    print(f"     0 s  {begun}")
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        # One stretch: its waits begin at random moments, and all are over before the next.
        plan = scene.plan(time.monotonic())
        stretch = min(30.0, left)
        plan = Plan([each + random.random() * stretch for each in plan.starts], [], latency=0.02)
        plan.ends = [each + random.uniform(0.5, 3.0) * INTERVAL for each in plan.starts]
        simulator.begin(plan)
        waits = [
            DESIGNS[name](scene, simulator, plan) for name in ("ours (Sensay list)", "ours (SendKit single)")
        ]

        async def one(job: int, plan: Plan = plan, waits: list = waits) -> bool:  # type: ignore[type-arg]
            await asyncio.sleep(plan.starts[job - 1] - time.monotonic())
            told = asyncio.ensure_future(waits[job % 2](job))
            if job % 4 == 0:
                await asyncio.sleep(random.random() * INTERVAL)
                told.cancel()
            return bool(await told)

        told = await asyncio.gather(*(one(job) for job in range(1, WAITS + 1)), return_exceptions=True)
        ended += told.count(True)
        cancelled += sum(isinstance(each, asyncio.CancelledError) for each in told)
        failed += len(
            [each for each in told if each is not True and not isinstance(each, asyncio.CancelledError)]
        )
        await asyncio.sleep(1.0)
        now = Reading.now()
        print(
            f"{seconds - left + stretch:6.0f} s  {now}  {ended} ended, {cancelled} cancelled, {failed} failed",
            flush=True,
        )
    grown = (now.memory - begun.memory, now.sockets - begun.sockets, now.tasks - begun.tasks)
    print(
        f"grown by {grown[0]:.1f} MB (at most {MEMORY}), {grown[1]} sockets, {grown[2]} tasks; {failed} waits failed"
    )
    return int(grown[0] > MEMORY or grown[1] > SOCKETS or grown[2] > TASKS or failed > 0)


async def _rest(simulator: Simulator, scene: Scene) -> Reading:
    """Run a few rounds first: what is built on first use and kept is no growth."""
    for _ in range(3):
        now = time.monotonic()
        plan = Plan([now] * WAITS, [now + INTERVAL] * WAITS)
        simulator.begin(plan)
        for name in ("ours (Sensay list)", "ours (SendKit single)"):
            wait = DESIGNS[name](scene, simulator, plan)
            await asyncio.gather(*(wait(job) for job in range(1, WAITS + 1)))
    await asyncio.sleep(1.0)
    return Reading.now()


def main(seconds: float) -> int:
    """Soak over plain HTTP."""
    with tempfile.TemporaryDirectory(prefix="airflow-soak-") as home:
        os.environ["AIRFLOW_HOME"] = home
        import_everything()
        with Simulator(None) as simulator:
            os.environ.update(connections(simulator))
            return asyncio.run(soak(seconds, simulator))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1800.0))
