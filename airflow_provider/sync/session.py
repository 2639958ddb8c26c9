"""One process's line to the vendor: its loop, its client, its clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
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
from airflow_provider.sync.concurrency import AdaptiveLimit
from airflow_provider.sync.progress import Tally
from airflow_provider.sync.totals import tally

if TYPE_CHECKING:
    from airflow_provider.http.settings import SettingsSource
    from airflow_provider.refresh.observation import Target
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.documents import Held

T = TypeVar("T")


class Session:
    """
    Runs the vendor's calls on a loop of its own, from code that may block.

    In between no loop runs, so Airflow's own calls (task state, connections) may block as they do.

    :param concurrency: requests at a time; the client has as many connections
    :param deadline: seconds since the epoch after which nobody sleeps any more
    :ivar held: what the vendor's list showed last
    :ivar looks: how often the vendor was asked how far it is
    """

    def __init__(
        self, hook: SettingsSource, destination: Destination, concurrency: int, deadline: float
    ) -> None:
        self._hook = hook
        self._destination = destination
        self._concurrency = concurrency
        self._deadline = deadline
        self._runner = asyncio.Runner()
        self.limit = AdaptiveLimit(concurrency, deadline)
        self.client = self._connect()
        self.held: list[Held] = []
        self.looks = 0

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

    def _too_late(self) -> RefreshTimeoutError:
        return RefreshTimeoutError(
            f"{self._destination.key}: not through in time. The vendor goes on with what was sent. A retry plans "
            "anew, and sends only what is missing."
        )

    def list_held(self) -> list[Held]:
        """
        List all entries that bear our mark.

        :raises ListIncompleteError: the list does not add up
        """
        self.held = self.ask(lambda: self._destination.held(self.client))
        return self.held

    def look(self, ids: set[int | str]) -> list[Held]:
        """Look at some entries, by as few requests as possible."""
        pages = max(1, -(-len(self.held) // 100))
        self.looks += 1
        return self.ask(lambda: self._destination.observe(self.client, ids, pages))

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
                pause = error.retry_after if error.retry_after is not None else min(30.0, 2.0**number)
                if time.time() + pause >= self._deadline:
                    raise
                await asyncio.sleep(pause)
                number += 1

    def sleep(self, seconds: float) -> None:
        """
        Pass time.

        :raises RefreshTimeoutError: the deadline has passed
        """
        if time.time() >= self._deadline:
            raise self._too_late()
        time.sleep(max(0.0, min(seconds, self._deadline - time.time())))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._runner:
            self.do(self.client.aclose())
