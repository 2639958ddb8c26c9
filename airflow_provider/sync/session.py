"""One process's line to the vendor: its loop, its client, its clock, and which of the entries are ours."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from airflow_provider.errors import (
    AuthenticationError,
    RateLimitedError,
    RefreshTimeoutError,
    TransportError,
)
from airflow_provider.http.client import AsyncClient
from airflow_provider.refresh.schedule import pause_for
from airflow_provider.sync.concurrency import AdaptiveLimit
from airflow_provider.sync.mark import search_term
from airflow_provider.sync.progress import Tally, tally

if TYPE_CHECKING:
    from airflow_provider.http.settings import SettingsSource
    from airflow_provider.refresh.observation import Target
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.documents import Held
    from airflow_provider.sync.manifest import Manifest

T = TypeVar("T")

#: Entries that are read one by one rather than by the list of all there are.
_SINGLE = 20


class Session:
    """
    Runs the vendor's calls on a loop of its own, from code that may block.

    In between no loop runs, so Airflow's own calls (task state, connections) may block as they do.

    :param sync_id: entries that bear its mark are ours
    :param only: key hash of the one document that this is about; empty: all of the sync
    :param concurrency: requests at a time; the client has as many connections
    :param deadline: seconds since the epoch after which nothing is begun any more
    :ivar held: our entries, as the vendor's list showed them last
    :ivar misnamed: entries whose titles hold our mark, and go on after it: somebody edited them
    :ivar looks: how often the vendor was asked how far it is
    """

    def __init__(
        self,
        hook: SettingsSource,
        destination: Destination,
        manifest: Manifest,
        *,
        sync_id: str,
        only: str,
        concurrency: int,
        deadline: float,
    ) -> None:
        self._hook = hook
        self._destination = destination
        self._manifest = manifest
        self._sync_id = sync_id
        self._only = only
        self._concurrency = concurrency
        self.deadline = deadline
        self._runner = asyncio.Runner()
        self.limit = AdaptiveLimit(concurrency, deadline)
        self.client = self._connect()
        self.held: Sequence[Held] = ()
        self.misnamed: list[int | str] = []
        self.looks = 0
        self._known: set[int | str] = set()

    def _connect(self) -> AsyncClient:
        settings = self._hook.settings()
        told = settings.on_rate_limit

        def limited(vendor: str) -> None:
            self.limit.backoff()
            if told is not None:
                told(vendor)

        return AsyncClient(replace(settings, max_in_flight=self._concurrency, on_rate_limit=limited))

    def reconnect(self) -> None:
        """Read the connection anew: its key may have been rotated."""
        self.do(self.client.aclose())
        self.client = self._connect()

    def ask(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Run something that may be run twice on the loop; a second time if the key was rotated meanwhile.

        :raises AuthenticationError: the key that the connection has now is not accepted either
        """
        try:
            return self.do(work())
        except AuthenticationError:
            before = self.client.settings.key
            self.reconnect()
            if self.client.settings.key == before:
                raise
            return self.do(work())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Run something on the loop.

        :raises RefreshTimeoutError: the deadline has passed
        """
        try:
            return self._runner.run(work)
        except TimeoutError:
            raise self._too_late() from None

    # --- reading -----------------------------------------------------------------------------------------

    def list_held(self) -> Sequence[Held]:
        """
        List our entries.

        One that was listed before and is not any more is looked for by its id: a search is no proof of absence.

        :raises ListIncompleteError: the list does not add up
        """
        term = search_term(self._sync_id)
        listed = self._list(term)
        self.misnamed = [entry.id for entry in listed if not entry.sync_id and term in entry.title]
        shown = self._ours(listed)
        unseen = self._known - {entry.id for entry in shown}
        if unseen:
            found = self._ours(self.get(unseen))
            self._known -= unseen - {entry.id for entry in found}
            shown += found
        self._known |= {entry.id for entry in shown}
        self.held = shown
        return shown

    def list_whole(self) -> Sequence[Held]:
        """List our entries without the vendor's search, which may have left some out."""
        self.held = self._ours(self._list(None))
        self._known |= {entry.id for entry in self.held}
        return self.held

    def count(self) -> int:
        """Ask how many entries there are, whosever they are."""
        return self.ask(lambda: self._destination.count(self.client))

    def list_of(self, sync_id: str, *, whole: bool = False) -> Sequence[Held]:
        """
        List the entries of another sync.

        :param whole: without the vendor's search, which may have left some out
        """
        term = None if whole else search_term(sync_id)
        return [entry for entry in self._list(term) if entry.sync_id == sync_id]

    def list_unmarked(self) -> Sequence[Held]:
        """List the entries that bear nobody's mark."""
        return [
            entry for entry in self._list(None) if not entry.sync_id and not self._manifest.buried(entry.id)
        ]

    def get(self, ids: Collection[int | str]) -> Sequence[Held]:
        """Read some entries, whosever they are; one that is gone is left out."""
        if len(ids) > _SINGLE:
            listed = [entry for entry in self._list(None) if entry.id in ids]
            late = sorted(set(ids) - {entry.id for entry in listed}, key=str)[:_SINGLE]
            return [*listed, *self.ask(lambda: self._destination.get(self.client, late))]
        return self.ask(lambda: self._destination.get(self.client, sorted(ids, key=str)))

    def look(self, ids: Collection[int | str]) -> Sequence[Held]:
        """Look at some of our entries, by as few requests as possible."""
        self.looks += 1
        if len(ids) <= max(1, -(-len(self.held) // 100)):
            return self._ours(self.get(ids))
        return [entry for entry in self.list_held() if entry.id in ids]

    def forget(self, ids: Iterable[int | str]) -> None:
        """Forget entries that were deleted: nobody misses them."""
        self._known -= set(ids)

    def _list(self, search: str | None) -> Sequence[Held]:
        return self.ask(lambda: self._destination.list(self.client, search))

    def _ours(self, entries: Iterable[Held]) -> list[Held]:
        return [
            entry
            for entry in entries
            if entry.sync_id == self._sync_id
            and self._only in ("", entry.key_hash)
            and not self._manifest.buried(entry.id)
        ]

    # --- waiting -----------------------------------------------------------------------------------------

    def tally(self) -> Tally:
        """Ask how far the vendor is; each request once, since the wait has its own patience."""

        async def read() -> Tally:
            seen = []
            for target in self._destination.totals:
                answer = await self._patient(target)
                try:
                    seen.append(target.observe(answer))
                except ValueError as error:  # as in the triggerer: it tells nothing of the documents
                    raise TransportError(f"An answer for {target.key} could not be read: {error}") from error
            return tally(seen)

        self.looks += 1
        return self.do(read())

    async def _patient(self, target: Target) -> Any:
        """Wait out a rate limit: a look is five requests, and one too many must not throw away the others."""
        number = 0
        while True:
            try:
                return await self.client.send(target.read(), retry=False)
            except RateLimitedError as error:
                left = self.deadline - time.time()
                pause = pause_for(error.retry_after, min(30.0, 2.0**number), left, random.random())
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                number += 1

    def sleep(self, seconds: float) -> None:
        """
        Pass time.

        :raises RefreshTimeoutError: the deadline has passed
        """
        if time.time() >= self.deadline:
            raise self._too_late()
        time.sleep(max(0.0, min(seconds, self.deadline - time.time())))

    def _too_late(self) -> RefreshTimeoutError:
        return RefreshTimeoutError(
            f"{self._destination.key}: not through in time. The vendor goes on with what was sent. A retry plans "
            "anew, and sends only what is missing."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._runner:
            self.do(self.client.aclose())
