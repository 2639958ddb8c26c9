"""Sending what a plan says, a batch at a time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider.errors import (
    AgentKnowledgeError,
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotSentError,
    QuotaExceededError,
    RateLimitedError,
    UploadFailedError,
    is_ambiguous,
)
from airflow_provider.refresh.schedule import FIRST_PAUSES
from airflow_provider.sources.values import UnusableError
from airflow_provider.sync.concurrency import AdaptiveLimit
from airflow_provider.sync.confirmation import Proofs
from airflow_provider.sync.documents import Wanted
from airflow_provider.sync.guards import Breaker
from airflow_provider.sync.mark import UNSEEN, Mark
from airflow_provider.sync.plan import Action, Method, Row
from airflow_provider.sync.reading import Reading
from airflow_provider.sync.saved_state import Done

if TYPE_CHECKING:
    from airflow_provider.http.client import AsyncClient
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.documents import Deletion
    from airflow_provider.sync.outcomes import Ledger

#: Rows sent before the entries among them are looked at: W has to be read soon after the write.
BATCH = 100

#: How often one document is tried in one run, where the fault may pass; and how often it is written at all, should
#: the vendor take each write and never show it.
TRIES, WRITES = 2, 4

#: The whole run is refused, not this document.
_FATAL = (AuthenticationError, ForbiddenError)


@dataclass
class Writer:
    """
    Sends rows and remembers what came of each document.

    :param sync_id: goes into each mark
    :ivar done: what was done, by key hash
    :ivar given_up: what is not tried again, with the reason
    :ivar made: ids of the entries that were created, which the list has to show before anybody else may plan
    :ivar final: the key hashes among them that would fail again
    :ivar stopped: why nothing more is sent
    """

    destination: Destination
    reading: Reading
    sync_id: str
    limit: AdaptiveLimit
    deadline: float
    proofs: Proofs
    log: Any
    changed: Callable[[Wanted], None]
    done: dict[str, Done] = field(default_factory=dict)
    given_up: dict[str, str] = field(default_factory=dict)
    made: set[int | str] = field(default_factory=set)
    final: set[str] = field(default_factory=set)
    request_ids: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    _tries: dict[str, int] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)
    _breaker: Breaker = field(default_factory=Breaker)
    _quota: str = ""

    def __str__(self) -> str:
        """Say what was done."""
        done = Counter(each.name.lower() for each in self.done.values())
        told = [f"{count} {name}" for name, count in done.items()]
        return ", ".join([*told, f"{len(self.given_up)} given up"])

    async def send(self, client: AsyncClient, rows: Sequence[Row], through: set[str]) -> None:
        """
        Send one batch.

        :param through: key hashes of it that were sent already, whatever came of them; grows
        :raises ApiError: the key is not accepted: no document could be sent
        """

        async def one(row: Row) -> None:
            if self.stopped or row.key_hash in through:
                return
            if self._quota and self._creates(row):
                self._give_up(row, self._quota, final=True)
            else:
                await self._one(client, row)
            through.add(row.key_hash)

        await self.limit.map(rows, one)

    async def remove(self, client: AsyncClient, rows: Sequence[Row], ledger: Ledger) -> None:
        """Delete entries that are not removed yet; one that cannot be deleted does not keep the others."""

        async def one(row: Row) -> None:
            assert row.entry is not None
            if row.entry.id in ledger.removed:
                return
            answer: Deletion | None = None
            try:
                answer = await self.destination.delete(client, row.entry.id)
            except _FATAL:
                raise
            except ApiError as error:
                self.log.warning("Entry %s (%s) was not deleted: %s", row.entry.id, row.key, error)
                ledger.note(row, None, error)
                return
            ledger.note(row, answer, None)

        await self.limit.map(rows, one)

    async def discard(self, client: AsyncClient, made: Iterable[int | str]) -> set[int | str]:
        """Delete entries that this process has made and nobody would know again; return those that stay."""
        left: set[int | str] = set()

        async def one(entry_id: int | str) -> None:
            try:
                await self.destination.delete(client, entry_id)
            except ApiError as error:
                self.log.warning("Entry %s was not deleted: %s", entry_id, error)
                left.add(entry_id)

        await self.limit.map(made, one)
        return left

    # --- one document ------------------------------------------------------------------------------------

    async def _one(self, client: AsyncClient, row: Row) -> None:
        assert row.wanted is not None
        self._tries[row.key_hash] = self._tries.get(row.key_hash, 0) + 1
        if self._tries[row.key_hash] > WRITES:
            last = f"; the last time: {self._last[row.key_hash]}" if row.key_hash in self._last else ""
            why = f"written {WRITES} times, and the vendor's list does not show it{last}"
            self._give_up(row, why, final=False)
            return
        try:
            await self._act(client, row, row.wanted)
        except _FATAL:
            raise
        except UnusableError as error:
            self.changed(replace(row.wanted, skip=error.skip, detail=error.detail))
            return
        except AgentKnowledgeError as error:
            self._failed(row, error)

    async def _act(self, client: AsyncClient, row: Row, wanted: Wanted) -> None:
        entry, destination = row.entry, self.destination
        if row.action in (Action.RENAME, Action.ADOPT):
            assert entry is not None
            digest = UNSEEN if row.action is Action.ADOPT else wanted.digest
            await destination.retitle(client, entry, wanted.title, self._mark(row, digest))
            if row.action is Action.RENAME:
                self.done.setdefault(row.key_hash, Done.RENAMED)
            self._breaker.note(failed=False)
            return
        now, content = await asyncio.to_thread(self.reading.again, wanted)
        if now.digest != wanted.digest:
            self.log.info("%s changed while the source was read; sending what it is now", wanted.key)
            self.changed(now)
            if now.kind is not wanted.kind:
                self._tries[row.key_hash] -= 1  # planned for another kind: the next round plans it anew
                return
        mark = self._mark(row, now.digest)
        if row.method is Method.PATCH:
            assert entry is not None
            self.proofs.begin(entry)
            try:
                await destination.rewrite(client, entry, now, mark, content)
            except ApiError as error:
                if not is_ambiguous(error):
                    self.proofs.drop(entry)
                raise
            self.done[row.key_hash] = Done.UPDATED
            self._breaker.note(failed=False)
            return
        if row.method is Method.RECREATE:
            assert entry is not None
            await destination.delete(client, entry.id)
        try:
            made = await self._created(client, now, mark, content)
        except ConflictError as error:
            # The vendor's answer does not say which: an entry that is not ours, or one that it has not let go of yet.
            why = (
                "pending_delete: the vendor has not let go of the old entry yet; a later run creates the new one"
                if row.method is Method.RECREATE
                else "the vendor has it already, in an entry that is not this sync's (adopt='title' takes it over if "
                "the titles agree) or whose deletion is not through (a later run creates it)"
            )
            raise ConflictError(f"{why}. {error.message}", request_id=error.request_id) from error
        if made is not None:
            self.made.add(made)
            self.done[row.key_hash] = Done.CREATED if row.action is Action.CREATE else Done.UPDATED
            self._breaker.note(failed=False)

    async def _created(
        self, client: AsyncClient, wanted: Wanted, mark: Mark, content: Any
    ) -> int | str | None:
        """Create; None: its end is unknown and no trace of it can be seen, so the next round plans it anew."""
        waited = 0
        while True:
            try:
                return await self.destination.create(client, wanted, mark, content)
            except RateLimitedError as error:
                # Not accepted, so it may be sent again; fewer are sent side by side meanwhile.
                waited += 1
                if waited > 20:
                    raise
                asked = error.retry_after
                await self._pause(asked if asked is not None else min(30.0, 2.0 ** min(waited, 5)))
            except NotSentError as error:
                waited += 1
                if waited > 3:
                    raise
                self.log.warning("%s: %s", wanted.key, error)
                await self._pause(2.0**waited)
            except ApiError as error:
                if not is_ambiguous(error):
                    raise
                self.log.warning(
                    "%s: the end of its create is unknown, looking for it: %s", wanted.key, error
                )
                made = await self._traced(client, wanted, mark)
                if made is None:
                    self._last[wanted.key_hash] = str(error)
                    self._trip(error)
                return made

    async def _pause(self, seconds: float) -> None:
        """
        Pass time before the same request is sent again.

        :raises TimeoutError: it would be too late then
        """
        if time.time() + seconds >= self.deadline:
            raise TimeoutError
        await asyncio.sleep(seconds)

    async def _traced(self, client: AsyncClient, wanted: Wanted, mark: Mark) -> int | str | None:
        """Find what a create whose answer was lost has made; one that still awaits its file is of no use."""
        for pause in FIRST_PAUSES:
            await asyncio.sleep(pause)
            for entry in await self.destination.find(client, wanted, mark):
                if not entry.awaits_upload:
                    return entry.id
                await self.destination.delete(client, entry.id)
                return None
        return None

    def _creates(self, row: Row) -> bool:
        return row.action is Action.CREATE or row.method in (Method.REPLACE, Method.RECREATE)

    def _mark(self, row: Row, digest: str) -> Mark:
        return Mark(self.sync_id, row.key_hash, digest)

    def _failed(self, row: Row, error: AgentKnowledgeError) -> None:
        self.log.warning("%s could not be sent: %s", row.key, error)
        if isinstance(error, ApiError) and error.request_id:
            self.request_ids[row.key_hash] = error.request_id
        if isinstance(error, QuotaExceededError):
            self._quota = f"the vendor's quota is used up: {error.message}"
        final = isinstance(error, (AirflowFailException, BadRequestError))
        waits = isinstance(error, ConflictError)
        if final or waits or self._tries[row.key_hash] >= TRIES:
            self._give_up(row, str(error), final=final)
        self._trip(error)

    def _trip(self, error: AgentKnowledgeError) -> None:
        """Count an answer that says that the vendor is ill; any other says that it is well."""
        self._breaker.note(failed=_is_ill(error))
        if self._breaker.tripped:
            self.stopped = (
                f"the vendor failed {self._breaker.row} times in a row, the last time with: {error}"
            )

    def _give_up(self, row: Row, reason: str, *, final: bool) -> None:
        self.given_up[row.key_hash] = reason
        if final:
            self.final.add(row.key_hash)


def _is_ill(error: AgentKnowledgeError) -> bool:
    """Does this answer say that the vendor fails, whichever document it is sent?"""
    if isinstance(error, UploadFailedError):
        return error.status is None or error.status >= 500
    return is_ambiguous(error) or isinstance(error, NotSentError)
