"""The event loop stays free beside many waits, however badly a vendor behaves: a ticker beside them measures it."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider.triggerer import poller
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation
from tests.integration.polling_vendor import REPLICA, Entry, Vendor, serving

WAITS = 200
TICK = 0.01
TICKS = 150

#: How much longer the ticker's worse gaps may be beside the waits than alone.
MULTIPLE = 4.0


def _serve(mood: str, delay: float, port: Any) -> None:
    async def run() -> None:
        vendor = Vendor()
        vendor.mood, vendor.delay = mood, delay
        vendor.entries = {id_: Entry() for id_ in range(1, WAITS + 1)}
        async with serving(vendor):
            port.send(vendor.url)
            await asyncio.Event().wait()

    asyncio.run(run())


@pytest.fixture
def vendor_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A vendor in a process of its own, so that the ticker sees the waits alone."""
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_serve, args=(*request.param, sender), daemon=True)
    process.start()
    yield receiver.recv()
    process.terminate()
    process.join()


async def gaps() -> list[float]:
    """How long the loop was away between ticks, shortest first."""
    clock = asyncio.get_running_loop().time
    measured = []
    for _ in range(TICKS):
        before = clock()
        await asyncio.sleep(TICK)
        measured.append(clock() - before)
    return sorted(measured)


def worse(measured: list[float]) -> float:
    """The gap that one in fifty exceeds: one bad moment of the machine is not the loop's doing."""
    return measured[len(measured) * 98 // 100]


async def keep_looking(subscription: Any) -> None:
    while True:
        try:
            await subscription.observe(0.2, 60.0)
        except Exception:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "vendor_url",
    [("well", 0.1), ("silent", 0.0), ("dribbling", 0.0)],
    ids=["slow", "silent", "dribbling"],
    indirect=True,
)
async def test_two_hundred_waits_do_not_hold_up_a_ticker(vendor_url: str) -> None:
    alone = worse(await gaps())
    settings = Vendor().settings(read_timeout=0.5, base_url=vendor_url)
    subscriptions = [
        poller.subscribe(settings, EntryTarget(REPLICA, id_, Generation.KNOWLEDGE_BASE), "RAW_TEXT")
        for id_ in range(1, WAITS + 1)
    ]
    looks = [asyncio.create_task(keep_looking(subscription)) for subscription in subscriptions]
    await asyncio.sleep(0.5)
    beside = worse(await gaps())
    for task in looks:
        task.cancel()
    for subscription in subscriptions:
        subscription.unsubscribe()
    await asyncio.gather(*looks, return_exceptions=True)
    while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - the poller ends by itself
        await asyncio.sleep(0.01)
    assert beside <= MULTIPLE * alone
