"""
All waits of a triggerer process with the same settings share one client and one poller.

How it has to be built (each point is a failure seen on a real triggerer):

- The poller's task has a context of its own and a strong reference, in a registry keyed by the running loop
  and the resolved settings, not by the connection id: two teams may give one id two meanings.
- A wait awaits its own future, never the poller's task: awaiting the task would carry one wait's cancel
  into all others.
- A subscription is an object of its own, never keyed by target or task: on a clear the new try subscribes *before* the
  old one unsubscribes. Unsubscribing is synchronous and removes only itself.
- The last to unsubscribe wakes the poller, which closes the client itself. A poller that dies fails its waits
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
from airflow_provider.refresh.observation import EntryList, Target
from airflow_provider.triggerer.reader import Reader
from airflow_provider.triggerer.subscription import Subscription

if TYPE_CHECKING:
    from airflow_provider.http.settings import Settings

K = TypeVar("K")

What: TypeAlias = Target | EntryList
"""What one read is about."""

#: Looks due within this many seconds of each other are taken together.
TOGETHER = 0.05

#: A look at an entry list may be taken early by this share of its gap, so that waits on one list fall into step.
EARLY = 0.5

log = logging.getLogger(__name__)


class Poller:
    """Decides when to read, for all waits on one vendor with one key within one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_target: dict[Target, set[Subscription]] = {}
        self._by_list: dict[EntryList, set[Subscription]] = {}
        self._queue: list[tuple[float, int, Subscription]] = []
        self._order = count()
        #: What is being read, with the subscriptions that became due meanwhile.
        self._reading: dict[What, list[Subscription]] = {}
        self._reads: set[asyncio.Task[None]] = set()
        self._wakeup = asyncio.Event()
        self._next = 0.0
        # In a context that belongs to no wait.
        self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    # --- the waits' side -----------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Can a wait still subscribe?"""
        return not self._task.done()

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription."""
        self._by_target.setdefault(subscription.target, set()).add(subscription)
        if subscription.entry_list is not None:
            self._by_list.setdefault(subscription.entry_list, set()).add(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription."""
        _discard(self._by_target, subscription.target, subscription)
        if subscription.entry_list is not None:
            _discard(self._by_list, subscription.entry_list, subscription)
        if not self._by_target:
            self._wakeup.set()

    def in_charge(self, subscription: Subscription) -> Poller:
        """Return this poller, or if it has died the one that took its place, subscribed to."""
        if self.alive:
            return self
        successor = _poller(self._settings)
        successor.subscribe(subscription)
        return successor

    def expect(self, subscription: Subscription) -> None:
        """Note when a subscription's next look is due."""
        heapq.heappush(self._queue, (subscription.due, next(self._order), subscription))
        if subscription.due < self._next:
            self._wakeup.set()

    # --- the rounds ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        from airflow_provider.http.client import AsyncClient

        reason = "it was stopped"
        try:
            async with AsyncClient(self._settings) as client:
                reader = Reader(client, self._settings.max_in_flight)
                try:
                    # Nobody can subscribe between the last look at the subscriptions and the end: no await between.
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
            for subscriptions in self._by_target.values():
                for subscription in subscriptions:
                    subscription.answer(TransportError(f"The poller of this connection ended: {reason}"))

    def _round(self, reader: Reader) -> None:
        """Begin the reads that are due."""
        now = asyncio.get_running_loop().time()
        entry_lists: dict[EntryList, list[Subscription]] = {}
        for subscription in self._due(now):
            if (parked := self._parked(subscription)) is not None:
                parked.append(subscription)
            elif subscription.entry_list is None:
                self._read_one(reader, subscription)
            else:
                entry_lists.setdefault(subscription.entry_list, []).append(subscription)
        for entry_list, due in entry_lists.items():
            self._read_list(reader, entry_list, due, now)

    def _due(self, now: float) -> Iterable[Subscription]:
        """Take from the queue whoever is due; not those answered early, or asking anew since."""
        while self._queue and self._queue[0][0] <= now + TOGETHER:
            due, _, subscription = heapq.heappop(self._queue)
            if subscription.waits and subscription.due == due:
                yield subscription

    def _parked(self, subscription: Subscription) -> list[Subscription] | None:
        """Return who else waits for a read to end that is under way, or None: this subscription can be read."""
        here = self._reading.get(subscription.target)
        return (
            here
            if here is not None or subscription.entry_list is None
            else self._reading.get(subscription.entry_list)
        )

    def _read_list(self, reader: Reader, entry_list: EntryList, due: list[Subscription], now: float) -> None:
        here = [
            subscription
            for subscription in self._by_list.get(entry_list, ())
            if subscription.waits and self._parked(subscription) is None
        ]
        round_ = reader.plan(
            entry_list,
            [
                subscription
                for subscription in here
                if subscription.due - now <= max(TOGETHER, EARLY * subscription.gap)
            ],
        )
        if round_.next_page() is not None:
            self._spawn(entry_list, reader.read_list(entry_list, round_, here), here)
            return
        for subscription in due:  # one by one there is nothing to gain from being early
            if (parked := self._parked(subscription)) is not None:
                parked.append(subscription)
            else:
                self._read_one(reader, subscription)

    def _read_one(self, reader: Reader, subscription: Subscription) -> None:
        target = subscription.target
        here = self._by_target.get(target, {subscription})
        self._spawn(target, reader.read_one(target, lambda: list(self._by_target.get(target, ()))), here)

    def _spawn(
        self, what: What, reading: Coroutine[object, object, None], subscriptions: Iterable[Subscription]
    ) -> None:
        self._reading[what] = []
        task = asyncio.get_running_loop().create_task(self._read(what, reading, subscriptions))
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _read(
        self, what: What, reading: Coroutine[object, object, None], subscriptions: Iterable[Subscription]
    ) -> None:
        try:
            await reading
        except Exception as error:
            log.exception("A read broke")
            for subscription in subscriptions:
                subscription.answer(TransportError(f"A read broke: {type(error).__name__}: {error}"))
        finally:
            for subscription in self._reading.pop(what):
                if (
                    subscription.waits
                ):  # its turn came while the read was under way, and the read did not answer it
                    self.expect(subscription)
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


def subscribe(
    settings: Settings, target: Target, status: str | None = None, marker: str | None = None
) -> Subscription:
    """
    Subscribe to the poller for these settings; the first to come starts it.

    :param status: the status last seen, if any
    :param marker: the marker last seen, if any
    """
    subscription = Subscription(_poller(settings), target, status, marker)
    subscription.poller.subscribe(subscription)
    return subscription


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


def _discard(places: dict[K, set[Subscription]], key: K, subscription: Subscription) -> None:
    subscriptions = places.get(key)
    if subscriptions is not None:
        subscriptions.discard(subscription)
        if not subscriptions:
            del places[key]
