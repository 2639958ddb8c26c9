"""
The rate ceiling of one process.

Equal settings share one pace, however many clients there are. Calls are spaced evenly, without a burst:
neither vendor publishes its limit, so the figure is the user's, and is kept to the letter.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider.http.settings import Settings

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter


class Spacing:
    """
    Hands out moments that are at least ``1 / rate`` seconds apart; safe between threads.

    :param rate: moments per second
    """

    def __init__(self, rate: float, clock: Callable[[], float] | None = None) -> None:
        self._gap = 1.0 / rate
        self._clock = clock or time.monotonic
        self._next = 0.0
        self._lock = threading.Lock()

    def turn(self) -> float:
        """Take the next moment and return the seconds until it."""
        with self._lock:
            now = self._clock()
            mine = max(now, self._next)
            self._next = mine + self._gap
            return mine - now


_spacings: dict[str, Spacing] = {}
_spacings_lock = threading.Lock()
# One limiter per loop: aiolimiter's futures belong to the loop that made them.
_limiters: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, AsyncLimiter]] = (
    weakref.WeakKeyDictionary()
)


def spacing(settings: Settings) -> Spacing | None:
    """Return the pace of synchronous calls; None if the connection names no ceiling."""
    if settings.requests_per_second is None:
        return None
    with _spacings_lock:
        return _spacings.setdefault(settings.key, Spacing(settings.requests_per_second))


def limiter(settings: Settings) -> AsyncLimiter | None:
    """Return the pace of asynchronous calls on the running loop; None if there is no ceiling."""
    if settings.requests_per_second is None:
        return None
    from aiolimiter import AsyncLimiter

    here = _limiters.setdefault(asyncio.get_running_loop(), {})
    return here.setdefault(settings.key, AsyncLimiter(1, 1.0 / settings.requests_per_second))
