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
  with an error that lets them go on, and the next to join starts a new one.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider.errors import ApiError, TransportError
from airflow_provider.refresh.polling import Way
from airflow_provider.triggers.reading import Reader

if TYPE_CHECKING:
    from airflow_provider.api.settings import Settings
    from airflow_provider.refresh.observation import Observation, Target
    from airflow_provider.refresh.polling import Shelf

K = TypeVar("K")

#: Looks due within this many seconds of each other are taken in one round.
TOGETHER = 0.05

#: A look at a shelf may be taken early by this share of its gap, so that waits on one shelf fall into step.
EARLY = 0.5


@dataclass(eq=False, slots=True)
class Seat:
    """
    One wait's place at a poller.

    :ivar status: the status last seen, by which a list can be narrowed
    :ivar due: when the next look is due, on the loop's clock
    :ivar gap: the pause that was asked for before it
    """

    poller: Poller
    target: Target
    status: str | None = None
    due: float = 0.0
    gap: float = 0.0
    answer: asyncio.Future[Observation] | None = field(default=None, repr=False)

    async def look(self, pause: float) -> Observation:
        """
        Wait for an observation of the target that is read about ``pause`` seconds from now.

        :raises ApiError: the read failed
        """
        loop = asyncio.get_running_loop()
        self.gap, self.due = pause, loop.time() + pause
        self.answer = loop.create_future()
        self.poller.expect(self)
        try:
            seen = await self.answer
        finally:
            self.answer = None
        self.status = seen.status
        return seen

    @property
    def waits(self) -> bool:
        """Is a look asked for and not yet answered?"""
        return self.answer is not None and not self.answer.done()

    def tell(self, told: Observation | ApiError) -> None:
        """Answer the look that is asked for, if any."""
        if self.answer is None or self.answer.done():
            return
        if isinstance(told, ApiError):
            self.answer.set_exception(told)
        else:
            self.answer.set_result(told)

    def leave(self) -> None:
        """Give the place up; safe to call at any time, more than once."""
        self.poller.leave(self)


class Poller:
    """Decides when to read, for all waits on one vendor with one key within one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_target: dict[Target, set[Seat]] = {}
        self._by_shelf: dict[Shelf, set[Seat]] = {}
        self._queue: list[tuple[float, int, Seat]] = []
        self._order = count()
        self._reading: set[Target | Shelf] = set()
        self._reads: set[asyncio.Task[None]] = set()
        self._wakeup = asyncio.Event()
        self._next = 0.0
        self._task: asyncio.Task[None] | None = None

    # --- the waits' side -----------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Can a wait still join?"""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to read, in a context that belongs to no wait."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), context=contextvars.Context())

    def join(self, target: Target, status: str | None) -> Seat:
        """Take a place."""
        seat = Seat(self, target, status)
        self._by_target.setdefault(target, set()).add(seat)
        if target.shelf is not None:
            self._by_shelf.setdefault(target.shelf, set()).add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a place up."""
        _discard(self._by_target, seat.target, seat)
        if seat.target.shelf is not None:
            _discard(self._by_shelf, seat.target.shelf, seat)
        if not self._by_target:
            self._wakeup.set()

    def expect(self, seat: Seat) -> None:
        """Note when a seat's next look is due."""
        heapq.heappush(self._queue, (seat.due, next(self._order), seat))
        if seat.due < self._next:
            self._wakeup.set()

    # --- the rounds ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        from airflow_provider.api.client import AsyncClient

        try:
            async with AsyncClient(self._settings) as client:
                reader = Reader(client, self._settings.max_in_flight)
                # Nobody can join between the last look at the seats and the end: there is no await between.
                while self._by_target:
                    self._round(reader)
                    await self._pause()
                _forget(self)
                await self._stop_reads()
        finally:
            _forget(self)
            self._give_up()

    def _round(self, reader: Reader) -> None:
        """Begin the reads that are due."""
        now = asyncio.get_running_loop().time()
        while self._queue and self._queue[0][0] <= now + TOGETHER:
            due, _, seat = heapq.heappop(self._queue)
            if seat.waits and seat.due == due:  # neither answered early nor asked anew since
                self._begin(reader, seat, now)

    def _begin(self, reader: Reader, seat: Seat, now: float) -> None:
        target, shelf = seat.target, seat.target.shelf
        if target in self._reading or shelf in self._reading:
            return  # that read answers this seat, or asks again for it when it ends
        if shelf is not None:
            soon = [
                each for each in self._by_shelf[shelf] if each.waits and each.due - now <= EARLY * each.gap
            ]
            plan = reader.plan(shelf, soon)
            if plan.way is not Way.SINGLE:
                self._spawn(shelf, reader.read_shelf(shelf, soon, plan))
                return
        self._spawn(target, reader.read_one(target, lambda: self._by_target.get(target, ())))

    def _spawn(self, what: Target | Shelf, reading: Coroutine[object, object, None]) -> None:
        self._reading.add(what)
        task = asyncio.get_running_loop().create_task(self._read(what, reading))
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _read(self, what: Target | Shelf, reading: Coroutine[object, object, None]) -> None:
        try:
            await reading
        finally:
            self._reading.discard(what)
            now = asyncio.get_running_loop().time()
            for seat in (*self._by_target.get(what, ()), *self._by_shelf.get(what, ())):  # type: ignore[arg-type]
                if seat.waits and seat.due <= now:  # came while the read was under way
                    self.expect(seat)
                    self._wakeup.set()

    async def _pause(self) -> None:
        """Sleep until the next look is due, or somebody comes or goes."""
        while self._queue and not (self._queue[0][2].waits and self._queue[0][2].due == self._queue[0][0]):
            heapq.heappop(self._queue)
        self._wakeup.clear()
        now = asyncio.get_running_loop().time()
        self._next = self._queue[0][0] if self._queue else float("inf")
        if self._next <= now + TOGETHER:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(None if self._next == float("inf") else self._next - now):
                await self._wakeup.wait()
        except TimeoutError:
            pass

    # --- the end -------------------------------------------------------------------------------------------

    async def _stop_reads(self) -> None:
        for task in self._reads:
            task.cancel()
        await asyncio.gather(*self._reads, return_exceptions=True)

    def _give_up(self) -> None:
        """Fail whoever still waits, in a way that lets it look again at a new poller."""
        for task in self._reads:
            task.cancel()
        for seats in self._by_target.values():
            for seat in seats:
                seat.tell(TransportError("The poller of this connection stopped."))


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = WeakKeyDictionary()


def join(settings: Settings, target: Target, status: str | None = None) -> Seat:
    """
    Take a place at the poller for these settings; the first to come starts it.

    :param status: the status last seen, if any
    """
    here = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = here.get(settings.key)
    if poller is None or not poller.alive:
        poller = here[settings.key] = Poller(settings)
        seat = poller.join(target, status)
        poller.start()
        return seat
    return poller.join(target, status)


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
