"""
One room for many waits: all waits of a triggerer process with the same settings share one client.

How it has to be built (each point is a failure seen on a real triggerer):

- The poller's task has a context of its own and a strong reference, in a registry keyed by the running loop
  and the resolved settings, not by the connection id: two teams may give one id two meanings.
- A wait awaits its own future, never the poller's task: awaiting the task would carry one wait's cancel
  into all others.
- A seat is an object of its own, never keyed by target or task: on a clear the new try joins *before* the
  old one leaves. Leaving is synchronous and removes only itself.
- The last to leave wakes the poller, which closes the client itself. A poller that dies fails its waits
  with an error that lets them go on, and the next look starts a new one.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import logging
from collections.abc import Coroutine, Iterable
from itertools import count
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider.errors import TransportError
from airflow_provider.refresh.observation import Target
from airflow_provider.refresh.polling import Shelf
from airflow_provider.triggers.reading import Reader
from airflow_provider.triggers.seat import Seat

if TYPE_CHECKING:
    from airflow_provider.api.settings import Settings

K = TypeVar("K")

What: TypeAlias = Target | Shelf
"""What one read is about."""

#: Looks due within this many seconds of each other are taken together.
TOGETHER = 0.05

#: A look at a shelf may be taken early by this share of its gap, so that waits on one shelf fall into step.
EARLY = 0.5

log = logging.getLogger(__name__)


class Poller:
    """Decides when to read, for all waits on one vendor with one key within one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_target: dict[Target, set[Seat]] = {}
        self._by_shelf: dict[Shelf, set[Seat]] = {}
        self._queue: list[tuple[float, int, Seat]] = []
        self._order = count()
        #: What is being read, with the seats that became due meanwhile.
        self._reading: dict[What, list[Seat]] = {}
        self._reads: set[asyncio.Task[None]] = set()
        self._wakeup = asyncio.Event()
        self._next = 0.0
        # In a context that belongs to no wait.
        self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    # --- the waits' side -----------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Can a wait still join?"""
        return not self._task.done()

    def join(self, seat: Seat) -> None:
        """Take a seat in."""
        self._by_target.setdefault(seat.target, set()).add(seat)
        if seat.shelf is not None:
            self._by_shelf.setdefault(seat.shelf, set()).add(seat)

    def leave(self, seat: Seat) -> None:
        """Let a seat go."""
        _discard(self._by_target, seat.target, seat)
        if seat.shelf is not None:
            _discard(self._by_shelf, seat.shelf, seat)
        if not self._by_target:
            self._wakeup.set()

    def living(self, seat: Seat) -> Poller:
        """Return this poller, or if it has died the one that took its place, joined."""
        if self.alive:
            return self
        heir = _poller(self._settings)
        heir.join(seat)
        return heir

    def expect(self, seat: Seat) -> None:
        """Note when a seat's next look is due."""
        heapq.heappush(self._queue, (seat.due, next(self._order), seat))
        if seat.due < self._next:
            self._wakeup.set()

    # --- the rounds ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        from airflow_provider.api.client import AsyncClient

        reason = "it was stopped"
        try:
            async with AsyncClient(self._settings) as client:
                reader = Reader(client, self._settings.max_in_flight)
                try:
                    # Nobody can join between the last look at the seats and the end: no await between.
                    while self._by_target:
                        self._round(reader)
                        await self._pause()
                finally:
                    _forget(self)
                    await self._stop_reads()
        except Exception as error:
            log.exception("The poller of a connection broke")
            reason = f"{type(error).__name__}: {error}"
        finally:
            _forget(self)
            for seats in self._by_target.values():
                for seat in seats:
                    seat.tell(TransportError(f"The poller of this connection ended: {reason}"))

    def _round(self, reader: Reader) -> None:
        """Begin the reads that are due."""
        now = asyncio.get_running_loop().time()
        shelves: dict[Shelf, list[Seat]] = {}
        for seat in self._due(now):
            if (parked := self._parked(seat)) is not None:
                parked.append(seat)
            elif seat.shelf is None:
                self._read_one(reader, seat)
            else:
                shelves.setdefault(seat.shelf, []).append(seat)
        for shelf, due in shelves.items():
            self._read_shelf(reader, shelf, due, now)

    def _due(self, now: float) -> Iterable[Seat]:
        """Take from the queue whoever is due; not those answered early, or asking anew since."""
        while self._queue and self._queue[0][0] <= now + TOGETHER:
            due, _, seat = heapq.heappop(self._queue)
            if seat.waits and seat.due == due:
                yield seat

    def _parked(self, seat: Seat) -> list[Seat] | None:
        """Return who else waits for a read to end that is under way, or None: this seat can be read."""
        here = self._reading.get(seat.target)
        return here if here is not None or seat.shelf is None else self._reading.get(seat.shelf)

    def _read_shelf(self, reader: Reader, shelf: Shelf, due: list[Seat], now: float) -> None:
        here = [seat for seat in self._by_shelf.get(shelf, ()) if seat.waits and self._parked(seat) is None]
        round_ = reader.plan(
            shelf, [seat for seat in here if seat.due - now <= max(TOGETHER, EARLY * seat.gap)]
        )
        if round_.next_page() is not None:
            self._spawn(shelf, reader.read_shelf(shelf, round_, here), here)
            return
        for seat in due:  # one by one there is nothing to gain from being early
            if (parked := self._parked(seat)) is not None:
                parked.append(seat)
            else:
                self._read_one(reader, seat)

    def _read_one(self, reader: Reader, seat: Seat) -> None:
        target = seat.target
        here = self._by_target.get(target, {seat})
        self._spawn(target, reader.read_one(target, lambda: list(self._by_target.get(target, ()))), here)

    def _spawn(self, what: What, reading: Coroutine[object, object, None], seats: Iterable[Seat]) -> None:
        self._reading[what] = []
        task = asyncio.get_running_loop().create_task(self._read(what, reading, seats))
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _read(
        self, what: What, reading: Coroutine[object, object, None], seats: Iterable[Seat]
    ) -> None:
        try:
            await reading
        except Exception as error:
            log.exception("A read broke")
            for seat in seats:
                seat.tell(TransportError(f"A read broke: {type(error).__name__}: {error}"))
        finally:
            for seat in self._reading.pop(what):
                if seat.waits:  # its turn came while the read was under way, and the read did not answer it
                    self.expect(seat)
                    self._wakeup.set()

    async def _pause(self) -> None:
        """Sleep until the next look is due, or somebody comes or goes."""
        self._wakeup.clear()
        self._next = self._queue[0][0] if self._queue else float("inf")
        pause = self._next - asyncio.get_running_loop().time()
        if pause <= TOGETHER:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(None if pause == float("inf") else pause):
                await self._wakeup.wait()
        except TimeoutError:
            pass

    async def _stop_reads(self) -> None:
        for task in self._reads:
            task.cancel()
        await asyncio.gather(*self._reads, return_exceptions=True)


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Settings, Poller]] = WeakKeyDictionary()


def join(settings: Settings, target: Target, status: str | None = None, marker: str | None = None) -> Seat:
    """
    Take a place at the poller for these settings; the first to come starts it.

    :param status: the status last seen, if any
    :param marker: the marker last seen, if any
    """
    seat = Seat(_poller(settings), target, status, marker)
    seat.poller.join(seat)
    return seat


def _poller(settings: Settings) -> Poller:
    here = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = here.get(settings)
    if poller is None or not poller.alive:
        poller = here[settings] = Poller(settings)
    return poller


def _forget(poller: Poller) -> None:
    here = _pollers.get(asyncio.get_running_loop(), {})
    for key in [key for key, each in here.items() if each is poller]:
        del here[key]


def _discard(places: dict[K, set[Seat]], key: K, seat: Seat) -> None:
    seats = places.get(key)
    if seats is not None:
        seats.discard(seat)
        if not seats:
            del places[key]
