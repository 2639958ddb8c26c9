"""Requests held still, so that a test can kill a worker at that very moment."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider.sandbox.app.traffic import Peer

Release = Literal["continue", "drop"]


@dataclass(slots=True)
class Held:
    """One request that waits; ``when`` says whether it was already performed (``after``)."""

    id: int
    request_id: str
    method: str
    path: str
    when: Literal["before", "after"]
    peer: Peer | None
    since: float = field(default_factory=time.time)
    decision: Release | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> Release:
        await self.released.wait()
        return self.decision or "continue"


class Holds:
    def __init__(self) -> None:
        self.waiting: dict[int, Held] = {}
        self._ids = itertools.count(1)

    async def hold(
        self, request_id: str, method: str, path: str, when: Literal["before", "after"], peer: Peer | None
    ) -> Release:
        held = Held(next(self._ids), request_id, method, path, when, peer)
        self.waiting[held.id] = held
        try:
            return await held.wait()
        finally:
            self.waiting.pop(held.id, None)

    def release(self, held_id: int, decision: Release) -> bool:
        """``continue``: go on as if nothing had been; ``drop``: cut, and a request held before is never performed."""
        held = self.waiting.get(held_id)
        if held is None or held.decision is not None:
            return False
        held.decision = decision
        held.released.set()
        return True

    def release_all(self, decision: Release) -> list[int]:
        return [held_id for held_id in list(self.waiting) if self.release(held_id, decision)]
