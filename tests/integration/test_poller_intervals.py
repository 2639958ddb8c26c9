"""Every wait is read within its own interval, for minutes of a clock that runs as fast as the test can."""

from __future__ import annotations

import asyncio
import random
import selectors
from typing import Any

import pytest

from airflow_provider.triggerer import poller
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation
from tests.integration.polling_vendor import REPLICA, Entry, Vendor, serving

WAITS = 60
SECONDS = 180.0
LATENCY = 0.05

STATUSES = ("NEW", "RAW_TEXT", "PROCESSED_TEXT", "VECTOR_CREATED", "READY")


class _Leaping(selectors.DefaultSelector):
    """Where nothing is to be read, time leaps to the next timer."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if (ready := super().select(0)) or timeout == 0:
            return ready
        # Loopback delivers while it sends; the moment is for a busy machine.
        if not (ready := super().select(0.001)):
            self.now += timeout or 0.0
        return ready


def _leaping_loop() -> asyncio.AbstractEventLoop:
    selector = _Leaping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    return loop


async def _watch(vendor: Vendor, id_: int, interval: float, late: list[float], ends: float) -> int:
    """Look again and again; note by how much each look came later than it was asked for."""
    clock = asyncio.get_running_loop().time
    subscription = poller.subscribe(vendor.settings(), EntryTarget(REPLICA, id_, Generation.KNOWLEDGE_BASE))
    looks = 0
    while clock() < ends:
        asked = clock()
        await subscription.observe(interval, 600.0)
        late.append(clock() - asked - interval)
        looks += 1
    subscription.unsubscribe()
    return looks


async def _move(vendor: Vendor, draw: random.Random, ends: float) -> None:
    """Let entries take their steps, and begin again."""
    clock = asyncio.get_running_loop().time
    while clock() < ends:
        await asyncio.sleep(draw.uniform(0.5, 3.0))
        entry = vendor.entries[draw.randint(1, WAITS)]
        entry.becomes(STATUSES[(STATUSES.index(entry.status) + 1) % len(STATUSES)])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("finished", [0, 3_000], ids=["short list", "long list"])
def test_every_wait_is_read_within_its_interval_and_for_less_than_single_reads(
    seed: int, finished: int
) -> None:
    # What a round may take: every page of every list, then each entry alone, eight at a time.
    round_ = (2 * (finished + WAITS) / 100 + 6 + WAITS / 8) * LATENCY
    draw = random.Random(seed)
    intervals = [draw.choice((2.0, 5.0, 10.0, 30.0, 60.0)) for _ in range(WAITS)]
    late: list[float] = []

    async def minutes() -> tuple[int, int]:
        vendor = Vendor()
        vendor.entries = {id_: Entry("READY") for id_ in range(10_000, 10_000 + finished)}
        vendor.entries |= {id_: Entry(draw.choice(STATUSES)) for id_ in range(1, WAITS + 1)}
        vendor.delay = LATENCY
        async with serving(vendor):
            moving = asyncio.create_task(_move(vendor, draw, SECONDS))
            looks = await asyncio.gather(
                *(_watch(vendor, id_, intervals[id_ - 1], late, SECONDS) for id_ in range(1, WAITS + 1))
            )
            await moving
            return sum(looks), len(vendor.asked)

    with asyncio.Runner(loop_factory=_leaping_loop) as runner:
        looks, requests = runner.run(minutes())
    assert max(late) <= round_
    assert looks >= sum(SECONDS / (interval + round_) - 1 for interval in intervals)
    assert requests < looks
