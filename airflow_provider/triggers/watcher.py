"""
Watching a target for as long as a DAG is scheduled on it; what both vendors' event triggers share.

Airflow starts an event trigger again as soon as it ends, whether it returned or raised. So a watcher never
ends: it tells a change, goes on, and after a failure that will not heal it rests and looks again later.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow import __version__ as airflow_version
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider.errors import InvalidArgumentError

if TYPE_CHECKING:
    from airflow_provider.arguments import Checker
    from airflow_provider.hooks.base import KnowledgeHook
    from airflow_provider.refresh.observation import Observation, Target
    from airflow_provider.triggerer.subscription import Subscription

#: What one look shows, and how far a watcher has told.
L = TypeVar("L")
C = TypeVar("C")

#: Seconds before the first look: watchers that start together come in one after the other.
_FIRST = 1.0

#: Seconds after which a read that is due and has no answer counts as failed.
_PATIENCE = 120.0

#: Can an event trigger be put on a queue? Below Airflow 3.4 the argument would be dropped without a word.
_TAKES_QUEUE = "queue" in inspect.signature(BaseEventTrigger.__init__).parameters


class Watcher(BaseEventTrigger, Generic[L, C]):
    """
    Send an event each time what the target knows has changed, whoever changed it; reads only.

    What has been told is kept in the asset's state (Airflow 3.3 and later), so that a restarted triggerer
    neither tells it again nor misses what happened meanwhile. Below 3.3 it is kept in memory alone: a
    restarted watcher begins with the state it finds.

    :param conn_id: the connection; read here, in the triggerer
    :param poll_interval: seconds between two looks
    :param check: holds what is wrong with the other arguments
    :param queue: the triggerers' queue (Airflow 3.4 and later); no part of :meth:`serialize`, since Airflow
        keeps it beside the arguments and does not tell it the triggerer
    """

    def __init__(
        self, *, conn_id: str, poll_interval: float, check: Checker, queue: str | None = None
    ) -> None:
        queue = check.text("queue", queue)
        if queue is not None and not _TAKES_QUEUE:
            check.problems.append(f"queue needs Airflow 3.4 or later, this is {airflow_version}")
        super().__init__(**({} if queue is None else {"queue": queue}))  # type: ignore[no-untyped-call]
        self.conn_id = check.needed("conn_id", conn_id)
        self.poll_interval = check.seconds("poll_interval", poll_interval)
        if check.problems:
            raise InvalidArgumentError(f"{type(self).__name__}: {'; '.join(check.problems)}.")
        self._subscription: Subscription | None = None

    # --- the vendor's part ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def _key(self) -> str:
        """What is watched, as targets are named."""

    @property
    @abstractmethod
    def _vendor(self) -> str:
        """``sendkit`` or ``sensay``."""

    @abstractmethod
    def _hook(self) -> KnowledgeHook:
        """The vendor's hook."""

    @abstractmethod
    async def _look(self, pause: float) -> L:
        """Wait, then read all that is watched."""

    @abstractmethod
    def _notice(self, cursor: C | None, look: L) -> tuple[C | None, dict[str, Any] | None]:
        """Return the new cursor, and what there is to tell, if anything."""

    @abstractmethod
    def _cursor_kind(self) -> type[C]:
        """The class of the cursor."""

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """The arguments, as an author gives them."""

    # --- what Airflow asks ---------------------------------------------------------------------------------

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", self._arguments()

    def shared_stream_key(self) -> Hashable | None:
        """Watchers of one target by one connection share one look (Airflow 3.3 and later)."""
        return (*self.serialize()[:1], *(repr(item) for item in sorted(self._arguments().items())))

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[L]:
        """Look, for all watchers of one target."""
        looks = cls(**kwargs)._looks()
        try:
            async for look in looks:
                yield look
        finally:
            await looks.aclose()

    async def filter_shared_stream(self, shared_stream: AsyncIterator[L]) -> AsyncIterator[TriggerEvent]:
        """Tell what has changed past the cursor; the cursor is written after the event is on its way."""
        from airflow_provider import telemetry

        cursor = kept = await self._load()
        async for look in shared_stream:
            after, told = self._notice(cursor, look)
            if told is not None:
                self.log.info("%s changed: %s", self._key, told)
                telemetry.count("events", self._vendor)
                yield TriggerEvent({"vendor": self._vendor, "target": self._key, **told})
            # What could not be kept is kept after the next look: a restart before that would tell it again.
            if after is not None and after != kept and await self._save(after):
                kept = after
            cursor = after

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look and tell, where Airflow shares no streams (below 3.3)."""
        looks = self._looks()
        try:
            async for event in self.filter_shared_stream(looks):
                yield event
        finally:
            await looks.aclose()

    # --- looking -------------------------------------------------------------------------------------------

    async def _looks(self) -> AsyncGenerator[L, None]:
        """Look for ever; a failure is followed by a longer pause, never by an end."""
        from airflow_provider import telemetry
        from airflow_provider.refresh.schedule import next_watch

        failures, pause = 0, _FIRST * random.random()
        try:
            while True:
                try:
                    look = await self._look(pause)
                except Exception as error:
                    failures += 1
                    self._unsubscribe()  # what is wrong may be cured by reading the connection anew
                    pause = self._missed(error, failures)
                    continue
                failures = 0
                telemetry.count("polls", self._vendor)
                yield look
                pause = next_watch(self.poll_interval, 0, random.random())
        finally:
            self._unsubscribe()

    def _missed(self, error: Exception, failures: int) -> float:
        from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

        from airflow_provider.errors import ApiError
        from airflow_provider.refresh.schedule import next_watch

        final = isinstance(error, (AirflowFailException, AirflowNotFoundException)) and failures > 1
        retry_after = error.retry_after if isinstance(error, ApiError) else None
        pause = next_watch(self.poll_interval, failures, random.random(), retry_after, final=final)
        if final:
            self.log.error(
                "%s cannot be watched: %s. No event will come until that is put right; looking again in %.0f s",
                self._key,
                error,
                pause,
            )
        else:
            self.log.warning(
                "%s: look %d in a row failed, again in %.0f s: %s", self._key, failures, pause, error
            )
        return pause

    async def _observe(self, target: Target, pause: float) -> Observation:
        """Read one target at the poller that all waits of this connection share."""
        from airflow_provider.triggerer import poller

        if self._subscription is None:
            await asyncio.sleep(pause)
            pause = 0.0
            self._subscription = poller.subscribe(await self._hook().asettings(), target)
        return await self._subscription.observe(pause, pause + _PATIENCE)

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.unsubscribe()
            self._subscription = None

    # --- the cursor ----------------------------------------------------------------------------------------

    async def _load(self) -> C | None:
        from airflow_provider.refresh import codec

        store = self._store()
        if store is None:
            self.log.info("%s: what has been told is remembered only while this triggerer runs", self._key)
            return None
        try:
            data = await store.aget(self._cursor_key)
            return codec.load(self._cursor_kind(), data) if data is not None else None
        except Exception as error:
            self.log.warning("%s: what has been told cannot be read, beginning anew: %s", self._key, error)
            return None

    async def _save(self, cursor: C) -> bool:
        from airflow_provider.refresh import codec

        store = self._store()
        if store is None:
            return True
        try:
            await store.aset(self._cursor_key, codec.dump(cursor))
        except Exception as error:
            self.log.warning("%s: what has been told cannot be kept: %s", self._key, error)
            return False
        return True

    def _store(self) -> Any:
        """Return the state of the watched asset; None below Airflow 3.3."""
        return getattr(self, "asset_state_store", None)

    @property
    def _cursor_key(self) -> str:
        return f"agent_knowledge_told.{self._key}"
