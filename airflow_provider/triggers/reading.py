"""How a poller reads: one target, or a whole shelf at once; what it learns of lists and rate limits stays here."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider.errors import ApiError, RateLimitedError, TransportError
from airflow_provider.refresh import polling
from airflow_provider.refresh.polling import Knowledge, Plan, Waiting, Way

if TYPE_CHECKING:
    from airflow_provider.api.client import AsyncClient
    from airflow_provider.refresh.observation import Target
    from airflow_provider.refresh.polling import Shelf
    from airflow_provider.triggers.poller import Seat

log = logging.getLogger(__name__)

#: Seconds for which all reads pause after a 429 that names none.
_PAUSE = 5.0

#: Seconds after which a read that meets nothing but 429 is given back to its waits, which mind their deadlines.
_PATIENCE = 30.0

#: Seconds before a page that could not be read is read again: one bad page must not fail a whole shelf's round.
_PAGE_PAUSES = (0.5, 1.0)


class Reader:
    """
    Reads over one client.

    :param in_flight: requests at a time. They queue here and not in the client, so that a 429 stops those
        that have not been sent yet
    """

    def __init__(self, client: AsyncClient, in_flight: int) -> None:
        self._client = client
        self._turns = asyncio.Semaphore(in_flight)
        self._resume_at = 0.0
        self._known: dict[Shelf, Knowledge] = {}

    def plan(self, shelf: Shelf, seats: Sequence[Seat]) -> Plan:
        """Choose how to read a shelf for these waits."""
        known = self._known.get(shelf, Knowledge())
        return polling.plan([Waiting(seat.target.id, seat.status) for seat in seats], known, shelf)

    async def read_one(self, target: Target, seats: Callable[[], Iterable[Seat]]) -> None:
        """Read one target, for whoever waits for it when the answer is there."""
        try:
            answer = await self.send(target.read())
        except ApiError as error:
            for seat in list(seats()):
                seat.tell(error)
            return
        for seat in list(seats()):
            self.show(seat, answer)

    async def read_shelf(self, shelf: Shelf, seats: Sequence[Seat], plan: Plan) -> None:
        """Read a shelf by the chosen way, then whatever that did not show."""
        round_ = _Round(self, shelf, seats)
        known = self._known.get(shelf, Knowledge()).after_round()
        if plan.way is Way.FILTERED:
            moving = sum(1 for seat in seats if shelf.moving(seat.status))
            for status in plan.statuses:
                known = await round_.walk_status(status, known)
            known = known.with_leavers(round_.missing_movers(plan.statuses), moving)
        if plan.way is Way.WHOLE or (
            round_.open and polling.plan_rest(round_.missing, known, shelf) is Way.WHOLE
        ):
            known = await round_.walk_whole(known)
        self._known[shelf] = known
        await round_.finish()

    async def send(self, call: Any) -> Any:
        """Send a read once it is its turn; a 429 makes all reads pause, then this one is sent again."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + _PATIENCE
        async with self._turns:
            while True:
                await self._rested()
                try:
                    return await self._client.send(call, retry=False)
                except RateLimitedError as error:
                    pause = _PAUSE if error.retry_after is None else error.retry_after
                    self._resume_at = max(self._resume_at, clock() + pause)
                    log.info("Rate limit: the reads of this connection pause for %.1f s", pause)
                    if self._resume_at > give_up:
                        raise
                except ApiError:
                    raise
                except Exception as error:
                    log.exception("A read broke: %s", call)
                    raise TransportError(f"A read broke: {type(error).__name__}: {error}") from error

    async def _rested(self) -> None:
        """Wait out a pause that a rate limit asked for; it may be prolonged meanwhile."""
        clock = asyncio.get_running_loop().time
        while (rest := self._resume_at - clock()) > 0:  # noqa: ASYNC110 - a point in time, not an event
            await asyncio.sleep(rest * (1.0 + 0.1 * random.random()))

    def show(self, seat: Seat, answer: Any) -> None:
        """Tell a wait what an answer, or a list's item, says of its target."""
        try:
            seat.tell(seat.target.observe(answer))
        except Exception as error:
            log.exception("An answer for %s could not be read", seat.target.key)
            seat.tell(TransportError(f"An answer could not be read: {type(error).__name__}: {error}"))


class _Round:
    """One round over one shelf: who is still to be shown something, and what went wrong on the way."""

    def __init__(self, reader: Reader, shelf: Shelf, seats: Sequence[Seat]) -> None:
        self._reader = reader
        self._shelf = shelf
        self._missing: dict[Hashable, list[Seat]] = {}
        for seat in seats:
            self._missing.setdefault(seat.target.id, []).append(seat)
        self._error: ApiError | None = None

    @property
    def missing(self) -> int:
        """Ids that no list has shown yet."""
        return len(self._missing)

    @property
    def open(self) -> bool:
        """Is anything left to read in this round? After a failure the rest is not read but failed, once."""
        return bool(self._missing) and self._error is None

    def missing_movers(self, statuses: Sequence[str]) -> int:
        """Ids expected in these lists that were in none of them."""
        return sum(1 for seats in self._missing.values() if seats[0].status in statuses)

    async def walk_status(self, status: str, known: Knowledge) -> Knowledge:
        """Walk the list of one status, as long as that is cheaper than reading the rest one by one."""
        number, pages = await self._walk(status)
        if number == 0:
            return known
        # A walk without a total that was broken off says: at least so long. Doubted again with the total.
        return known.with_pages(status, pages if pages is not None else 2 * number)

    async def walk_whole(self, known: Knowledge) -> Knowledge:
        """Walk the whole list, as long as that is cheaper than reading the rest one by one."""
        number, pages = await self._walk(None)
        if number == 0:
            return known
        return known.with_total((pages if pages is not None else 2 * number) * self._shelf.page_size)

    async def _walk(self, status: str | None) -> tuple[int, int | None]:
        """Read page after page; return how many were read, and how many there are, if that is known."""
        number, size = 0, self._shelf.page_size
        pages: int | None = None
        while self.open:
            page = await self._page(status, number + 1)
            if page is None:
                break
            number += 1
            shown, total = page
            if shown < size:
                return number, number
            if total is not None:
                pages = max(1, ceil(total / size))
            if not polling.go_on(number, self.missing, pages):
                break
        return number, pages

    async def finish(self) -> None:
        """Read what no list showed one by one; after a failure, fail it: once for the round."""
        rest, self._missing = self._missing, {}
        if self._error is not None:
            for seats in rest.values():
                for seat in seats:
                    seat.tell(self._error)
            return
        await asyncio.gather(*(self._single(seats) for seats in rest.values()))

    async def _single(self, seats: list[Seat]) -> None:
        await self._reader.read_one(seats[0].target, lambda: seats)

    async def _page(self, status: str | None, number: int) -> tuple[int, int | None] | None:
        """Read one page and show what is on it; None if it could not be read, several times in a row."""
        for pause in (*_PAGE_PAUSES, None):
            try:
                answer = await self._reader.send(self._shelf.page(status, number))
                break
            except ApiError as error:
                if pause is None or isinstance(error, (AirflowFailException, RateLimitedError)):
                    self._error = error
                    return None
                await asyncio.sleep(pause * (0.5 + random.random()))
        items, shown, total = self._shelf.listed(answer)
        for id_ in self._missing.keys() & items.keys():
            for seat in self._missing.pop(id_):
                self._reader.show(seat, items[id_])
        return shown, total
