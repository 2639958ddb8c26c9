"""So many requests at a time: fewer after each rate limit, then slowly more again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

#: Requests that were in flight together meet a rate limit together: they count as one.
_TOGETHER = 1.0


class AdaptiveLimit:
    """
    Works on many items side by side.

    :param most: items at a time
    :param deadline: seconds since the epoch after which no other item is begun
    """

    def __init__(self, most: int, deadline: float = float("inf")) -> None:
        self._deadline = deadline
        self._most = most
        self._limit = float(most)
        self._busy = 0
        self._free = asyncio.Condition()
        self._halved = 0.0

    def backoff(self, _vendor: str = "") -> None:
        """Take a rate limit: half as many from now on."""
        now = time.monotonic()
        if now - self._halved > _TOGETHER:
            self._halved, self._limit = now, max(1.0, self._limit / 2)

    async def map(self, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
        """
        Do the work for each item.

        :raises Exception: the first that the work raised, once what was in flight has ended; no other item is begun
        :raises TimeoutError: the deadline has passed, and items are left
        """
        queue = iter(items)
        faults: list[BaseException] = []

        async def hand() -> None:
            for item in queue:
                if faults:
                    return
                async with self._free:
                    await self._free.wait_for(lambda: self._busy < int(self._limit))
                    self._busy += 1
                try:
                    if time.time() >= self._deadline:
                        raise TimeoutError
                    await work(item)
                except Exception as error:
                    faults.append(error)
                finally:
                    async with self._free:
                        self._busy -= 1
                        self._limit = min(float(self._most), self._limit + 1.0 / self._limit)
                        self._free.notify(2)

        await asyncio.gather(*(hand() for _ in range(self._most)))
        if faults:
            raise faults[0]
