"""How a poller reads: one target, or a whole entry_list at once; what it learns of lists and rate limits stays here."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import (
    ApiError,
    AuthenticationError,
    RateLimitedError,
    ServerError,
    TransportError,
    TruncatedResponseError,
)
from airflow_provider.triggerer.rounds import Knowledge, Page, Round

if TYPE_CHECKING:
    from airflow_provider.http.client import AsyncClient
    from airflow_provider.refresh.observation import EntryList, Target
    from airflow_provider.triggerer.subscription import Subscription

log = logging.getLogger(__name__)

#: Seconds for which all reads pause after a 429 that names none.
_PAUSE = 5.0

#: Seconds after which a read that meets nothing but 429 is given back to its waits, which mind their deadlines.
_PATIENCE = 30.0

#: Seconds before a page that could not be read is read again: one bad page must not fail a whole entry_list's round.
_PAGE_PAUSES = (0.5, 1.0)

#: Pages of one list that are read at the same time, once it is known that there are so many.
_ABREAST = 4

#: Waits that are answered before others on the loop have their turn.
_HANDFUL = 20

#: The next try may well succeed: the vendor failed, or the way to it.
_TRANSIENT = (TransportError, ServerError, TruncatedResponseError)

#: Other pages would fare no better.
_COMMON = (AuthenticationError, RateLimitedError)


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
        self._known: dict[EntryList, Knowledge] = {}

    def plan(self, entry_list: EntryList, subscriptions: Iterable[Subscription]) -> Round:
        """Plan a round over a entry_list for these waits."""
        known = self._known.get(entry_list, Knowledge()).at(asyncio.get_running_loop().time())
        return Round(
            {subscription.target.id: subscription.status for subscription in subscriptions}, known, entry_list
        )

    async def read_one(self, target: Target, subscriptions: Callable[[], Iterable[Subscription]]) -> None:
        """Read one target, for whoever waits for it when the answer is there."""
        try:
            answer = await self._send(target.read)
        except ApiError as error:
            for subscription in subscriptions():
                subscription.answer(error)
            return
        for subscription in subscriptions():
            subscription.take_in(answer)

    async def read_list(
        self, entry_list: EntryList, round_: Round, subscriptions: Sequence[Subscription]
    ) -> None:
        """
        Read the pages that a round asks for, then one by one whatever they did not show.

        If a page cannot be read, that is one failure for each who is still missing; the rest is not tried.

        :param subscriptions: whoever waits on the list, in the round or not: a page is shown to all on it,
            and so those who were read together look together again
        """
        waiting: dict[Hashable, list[Subscription]] = {}
        for subscription in subscriptions:
            waiting.setdefault(subscription.target.id, []).append(subscription)
        try:
            while pages := round_.next_pages(_ABREAST):
                await self._turn(entry_list, pages, round_, waiting)
        except ApiError as error:
            for id_ in round_.missing:
                for subscription in waiting[id_]:
                    subscription.answer(error)
            return
        finally:
            self._known[entry_list] = round_.known
        await asyncio.gather(*(self._single(waiting[id_]) for id_ in round_.missing))

    async def _single(self, subscriptions: list[Subscription]) -> None:
        if any(subscription.waits for subscription in subscriptions):
            await self.read_one(subscriptions[0].target, lambda: subscriptions)

    async def _turn(
        self,
        entry_list: EntryList,
        pages: list[Page],
        round_: Round,
        waiting: dict[Hashable, list[Subscription]],
    ) -> None:
        """Read pages at the same time, and show what is on them."""
        reads = [self._page(entry_list, page) for page in pages]
        failures = []
        for page, answer in zip(pages, await asyncio.gather(*reads, return_exceptions=True), strict=True):
            if isinstance(answer, BaseException):
                failures.append(answer)
            elif answer is None:
                round_.refused(page)
            else:
                items, shown, total = entry_list.listed(answer)
                round_.took(page, await _answer(items, waiting), shown, total)
        if failures:
            raise failures[0]

    async def _page(self, entry_list: EntryList, page: Page) -> Any:
        """
        Read a page; None: the vendor refuses to show it, or in a shape that we cannot read.

        :raises ApiError: the vendor could not be read, several times in a row
        """
        pauses = iter(_PAGE_PAUSES)
        while True:
            try:
                return await self._send(lambda: entry_list.page(page.status, page.number))
            except _TRANSIENT:
                if (pause := next(pauses, None)) is None:
                    raise
            except _COMMON:
                raise
            except ApiError as error:
                log.warning("A list cannot be used, its entries are read one by one: %s", error)
                return None
            await asyncio.sleep(pause * (0.5 + random.random()))

    async def _send(self, describe: Callable[[], Any]) -> Any:
        """Send a read once it is its turn; a 429 makes all reads pause, then this one is sent again."""
        clock = asyncio.get_running_loop().time
        async with self._turns:
            give_up = clock() + _PATIENCE
            while True:
                await self._rested()
                try:
                    return await self._client.send(describe(), retry=False)
                except RateLimitedError as error:
                    pause = _PAUSE if error.retry_after is None else error.retry_after
                    self._resume_at = max(self._resume_at, clock() + pause)
                    log.info("Rate limit: the reads of this connection pause for %.1f s", pause)
                    if self._resume_at > give_up:
                        raise
                except ApiError:
                    raise
                except Exception as error:
                    log.exception("A read broke")
                    raise TransportError(f"A read broke: {type(error).__name__}: {error}") from error

    async def _rested(self) -> None:
        """Wait out a pause that a rate limit asked for; it may be prolonged meanwhile."""
        clock = asyncio.get_running_loop().time
        while (rest := self._resume_at - clock()) > 0:  # noqa: ASYNC110 - a point in time, not an event
            await asyncio.sleep(rest * (1.0 + 0.1 * random.random()))


async def _answer(
    items: Mapping[Hashable, Any], waiting: dict[Hashable, list[Subscription]]
) -> list[Hashable]:
    """
    Answer all who wait for one of these items, a handful at a time: each wait that is answered takes its turn
    on the loop.

    :return: the ids whose waits believed what they saw; they wait no longer
    """
    answered = []
    for number, id_ in enumerate(items.keys() & waiting.keys(), 1):
        shown = [subscription.take_in(items[id_], listed=True) for subscription in waiting[id_]]
        if all(shown):
            del waiting[id_]
            answered.append(id_)
        if number % _HANDFUL == 0:
            await asyncio.sleep(0)
    return answered
