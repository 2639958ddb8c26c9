"""
A worker and a triggerer whose clock runs faster, so that waits of minutes are tried in seconds.

Every sleep and every timer of an event loop shrinks alike, so what the code under test sees is a slow but
real world: nothing is skipped, and nothing is decided by a fake.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

#: Seconds of the code under test in one second of the wall; the sandbox is set to the same.
SPEED = 10.0

_wall, _steady, _sleep = time.time, time.monotonic, time.sleep


class _HastySelector(selectors.DefaultSelector):
    """Its caller reckons in fast seconds."""

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout if timeout is None else timeout / SPEED)


def event_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose timers keep the fast clock, while it runs."""
    return asyncio.SelectorEventLoop(_HastySelector())


@contextlib.contextmanager
def running_fast() -> Iterator[None]:
    """Let time pass ``SPEED`` times as fast as seen from this process."""
    wall, steady = _wall(), _steady()

    def fast_wall() -> float:
        return wall + (_wall() - wall) * SPEED

    def fast_steady() -> float:
        return steady + (_steady() - steady) * SPEED

    def short_sleep(seconds: float) -> None:
        _sleep(seconds / SPEED)

    with (
        mock.patch.object(time, "time", fast_wall),
        mock.patch.object(time, "monotonic", fast_steady),
        mock.patch.object(time, "sleep", short_sleep),
        mock.patch.object(asyncio.events, "new_event_loop", event_loop),
    ):
        yield
