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
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider.errors import ApiError, RateLimitedError, TransportError

if TYPE_CHECKING:
    from airflow_provider.api.client import AsyncClient
    from airflow_provider.api.settings import Settings
    from airflow_provider.refresh.observation import Observation, Target

log = logging.getLogger(__name__)

#: Looks due within this many seconds of each other are taken in one round.
_TOGETHER = 0.05

#: Seconds for which all reads pause after a 429 that names none.
_PAUSE = 5.0


@dataclass(eq=False, slots=True)
class Seat:
    """One wait's place at a poller."""

    poller: Poller
    target: Target
    due: float = 0.0
    answer: asyncio.Future[Observation] | None = field(default=None, repr=False)

    async def look(self, pause: float) -> Observation:
        """
        Wait for the first observation of the target that is read ``pause`` seconds from now or later.

        :raises ApiError: the read failed
        """
        loop = asyncio.get_running_loop()
        self.due = loop.time() + pause
        self.answer = loop.create_future()
        self.poller.wake()
        try:
            return await self.answer
        finally:
            self.answer = None

    def leave(self) -> None:
        """Give the place up; safe to call at any time, more than once."""
        self.poller.leave(self)


class Poller:
    """Reads for all waits on one vendor with one key, within one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seats: set[Seat] = set()
        self._reading: set[Target] = set()
        self._reads: set[asyncio.Task[None]] = set()
        self._wakeup = asyncio.Event()
        self._resume_at = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Can a wait still join?"""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to read, in a context that belongs to no wait."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), context=contextvars.Context())

    def join(self, target: Target) -> Seat:
        """Take a place."""
        seat = Seat(self, target)
        self._seats.add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a place up."""
        self._seats.discard(seat)
        self.wake()

    def wake(self) -> None:
        """Look at the places again: somebody came, went, or wants to look."""
        self._wakeup.set()

    async def _run(self) -> None:
        from airflow_provider.api.client import AsyncClient

        try:
            async with AsyncClient(self._settings) as client:
                # Nobody can join between the last look at the seats and the end: there is no await between.
                while self._seats:
                    await self._round(client)
                _forget(self)
                await self._stop_reads()
        finally:
            _forget(self)
            self._give_up()

    async def _round(self, client: AsyncClient) -> None:
        now = asyncio.get_running_loop().time()
        waiting = [seat for seat in self._seats if seat.answer is not None and not seat.answer.done()]
        if now >= self._resume_at:
            for target in {seat.target for seat in waiting if seat.due <= now + _TOGETHER}:
                if target not in self._reading:
                    self._begin(client, target)
        pending = [seat.due for seat in waiting if seat.target not in self._reading]
        next_at = max(min(pending), self._resume_at) if pending else None
        self._wakeup.clear()
        try:
            async with asyncio.timeout(None if next_at is None else max(0.0, next_at - now)):
                await self._wakeup.wait()
        except TimeoutError:
            pass

    def _begin(self, client: AsyncClient, target: Target) -> None:
        self._reading.add(target)
        task = asyncio.get_running_loop().create_task(self._read(client, target))
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _read(self, client: AsyncClient, target: Target) -> None:
        """Read one target, for all that wait for it."""
        began = asyncio.get_running_loop().time()
        try:
            seen = target.observe(await client.send(target.read(), retry=False))
        except ApiError as error:
            if isinstance(error, RateLimitedError):
                self._resume_at = began + (_PAUSE if error.retry_after is None else error.retry_after)
            self._tell(target, began, error)
        except Exception as error:
            log.exception("A read of %s broke", target.key)
            self._tell(target, began, TransportError(f"A read broke: {type(error).__name__}: {error}"))
        else:
            self._tell(target, began, seen)
        finally:
            self._reading.discard(target)
            self.wake()

    def _tell(self, target: Target, began: float, told: Observation | ApiError) -> None:
        for seat in self._seats:
            answer = seat.answer
            # A wait that asked for a later look than this one began at keeps waiting.
            if seat.target != target or answer is None or answer.done() or seat.due > began + _TOGETHER:
                continue
            if isinstance(told, ApiError):
                answer.set_exception(told)
            else:
                answer.set_result(told)

    async def _stop_reads(self) -> None:
        for task in self._reads:
            task.cancel()
        await asyncio.gather(*self._reads, return_exceptions=True)

    def _give_up(self) -> None:
        """Fail whoever still waits, in a way that lets it look again at a new poller."""
        for task in self._reads:
            task.cancel()
        for seat in self._seats:
            if seat.answer is not None and not seat.answer.done():
                seat.answer.set_exception(TransportError("The poller of this connection stopped."))


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = WeakKeyDictionary()


def join(settings: Settings, target: Target) -> Seat:
    """Take a place at the poller for these settings; the first to come starts it."""
    here = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = here.get(settings.key)
    if poller is None or not poller.alive:
        poller = here[settings.key] = Poller(settings)
        seat = poller.join(target)
        poller.start()
        return seat
    return poller.join(target)


def _forget(poller: Poller) -> None:
    here = _pollers.get(asyncio.get_running_loop(), {})
    for key in [key for key, each in here.items() if each is poller]:
        del here[key]
