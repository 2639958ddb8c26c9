"""Sending rows of a plan side by side, and what came of each."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Mapping, Sequence
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
from airflow_provider.refresh.schedule import FIRST_PAUSES, pause_for
from airflow_provider.sources.values import UnusableError
from airflow_provider.sync.concurrency import AdaptiveLimit
from airflow_provider.sync.content import Content
from airflow_provider.sync.documents import Kind, Wanted
from airflow_provider.sync.guards import Breaker
from airflow_provider.sync.mark import UNSEEN, Mark, digest_of, search_term
from airflow_provider.sync.plan import CREATING, Action, Method, Row
from airflow_provider.sync.reading import Reading
from airflow_provider.sync.state import DocumentState, Done, SyncState

if TYPE_CHECKING:
    from airflow_provider.http.client import AsyncClient
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.documents import Deletion, Held

#: How often one document is tried in one run, where the fault may pass; and how often it is written at all, should
#: the vendor take each write and never show it.
TRIES, WRITES = 2, 4

#: The whole run is refused, not this document.
_FATAL = (AuthenticationError, ForbiddenError)


@dataclass
class Batch:
    """
    What comes of some rows; grows while they are sent, so that nothing is lost if the rest is not.

    :param state: before any of them was sent
    :ivar documents: what became of each, by key hash
    :ivar wanted: documents that are not what was planned any more
    :ivar written: the mark that each entry was given, which the list has to show
    :ivar refused: entries whose write was refused: nothing is to be proven
    """

    state: SyncState
    documents: dict[str, DocumentState] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    written: dict[int | str, Mark] = field(default_factory=dict)
    refused: set[int | str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    stopped: str = ""
    quota: str = ""

    def of(self, key_hash: str) -> DocumentState:
        """Return a document's state."""
        return self.documents.get(key_hash) or self.state.of(key_hash)

    def note(self, key_hash: str, **changes: Any) -> None:
        """Change a document's state."""
        self.documents[key_hash] = replace(self.of(key_hash), **changes)

    def after(self) -> SyncState:
        """Return the state now."""
        return replace(
            self.state.with_documents(self.documents),
            unlisted={**self.state.unlisted, **self.written},
            stopped=self.stopped or self.state.stopped,
            quota=self.quota or self.state.quota,
        )


@dataclass
class Writer:
    """
    Sends rows.

    :param sync_id: goes into each mark
    :param source: tag of the source, goes into each mark
    :param strategy: what the caller wants with a changed text
    :param backups: texts that were kept before they were written over, by digest
    :param deadline: seconds since the epoch after which nothing is sent again
    :param is_approved: somebody approved the very content that was planned
    """

    destination: Destination
    reading: Reading
    sync_id: str
    source: str
    strategy: str
    limit: AdaptiveLimit
    deadline: float
    log: Any
    backups: Mapping[str, bytes] = field(default_factory=dict)
    is_approved: bool = False
    _breaker: Breaker = field(default_factory=Breaker)

    async def send(self, client: AsyncClient, rows: Sequence[Row], batch: Batch) -> None:
        """
        Send one batch; what was sent of it already is left out.

        :raises ApiError: the key is not accepted: no document could be sent
        :raises TimeoutError: the deadline has passed
        """

        async def one(row: Row) -> None:
            if batch.stopped or row.key_hash in batch.sent:
                return
            if (batch.quota or batch.state.quota) and _creates(row):
                batch.note(row.key_hash, given_up=batch.quota or batch.state.quota, final=True)
            else:
                await self._one(client, row, batch)
            batch.sent.add(row.key_hash)

        await self.limit.map(rows, one)

    async def remove(
        self, client: AsyncClient, rows: Sequence[Row], ends: dict[int | str, Deletion | ApiError | None]
    ) -> None:
        """
        Delete entries; one that cannot be deleted does not keep the others.

        :param ends: what came of each, by entry; grows, and what it holds is not asked for again
        """

        async def one(row: Row) -> None:
            assert row.entry is not None
            if row.entry.id in ends:
                return
            try:
                ends[row.entry.id] = await self.destination.delete(client, row.entry.id)
            except _FATAL:
                raise
            except ApiError as error:
                self.log.warning("Entry %s (%s) was not deleted: %s", row.entry.id, row.key, error)
                ends[row.entry.id] = error

        await self.limit.map(rows, one)

    async def discard(self, client: AsyncClient, made: Collection[int | str]) -> set[int | str]:
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

    def may_overwrite(self, entry: Held, state: SyncState) -> bool:
        """Is the text that a write destroys kept, so that it can come back? Else another entry takes its place."""
        return self.strategy == "update" or entry.id in state.backups

    # --- one document ------------------------------------------------------------------------------------

    async def _one(self, client: AsyncClient, row: Row, batch: Batch) -> None:
        assert row.wanted is not None
        known = batch.of(row.key_hash)
        if known.tries >= WRITES:
            last = f"; the last time: {known.error}" if known.error else ""
            why = f"written {WRITES} times, and the vendor's list does not show it{last}"
            batch.note(row.key_hash, given_up=why)
            return
        batch.note(row.key_hash, tries=known.tries + 1)
        try:
            await self._act(client, row, row.wanted, batch)
        except _FATAL:
            raise
        except UnusableError as error:
            batch.wanted[row.key_hash] = replace(row.wanted, skip=error.skip, detail=error.detail)
        except AgentKnowledgeError as error:
            self._failed(row, error, batch)

    async def _act(self, client: AsyncClient, row: Row, wanted: Wanted, batch: Batch) -> None:
        if row.action in (Action.RENAME, Action.ADOPT):
            assert row.entry is not None
            mark = self._mark(row, UNSEEN if row.action is Action.ADOPT else wanted.digest)
            await self.destination.update(client, row.entry, wanted.title, mark)
            done = batch.of(row.key_hash).done or (Done.RENAMED if row.action is Action.RENAME else None)
            self._succeeded(row, batch, row.entry.id, mark, done)
            return
        if row.method is Method.ROLL_BACK:
            await self._roll_back(client, row, wanted, batch)
            return
        now, content = await asyncio.to_thread(self.reading.again, wanted)
        if self.is_approved and (now.digest, now.title) != (wanted.digest, wanted.title):
            why = "it changed after its plan was approved; make a plan again, and have that approved"
            batch.note(row.key_hash, given_up=why, unsent=True)
            return
        if now.digest != wanted.digest:
            self.log.info("%s changed while the source was read; sending what it is now", wanted.key)
            batch.wanted[row.key_hash] = now
            if now.kind is not wanted.kind:  # planned for another kind: the next round plans it anew
                batch.note(row.key_hash, tries=batch.of(row.key_hash).tries - 1)
                return
        mark = self._mark(row, now.digest)
        if (
            row.method is Method.PATCH
            and row.entry is not None
            and self.may_overwrite(row.entry, batch.state)
        ):
            try:
                await self.destination.update(client, row.entry, now.title, mark, content)
            except ApiError as error:
                if not is_ambiguous(error):
                    batch.refused.add(row.entry.id)
                raise
            self._succeeded(row, batch, row.entry.id, mark, Done.UPDATED)
            return
        if row.method is Method.RECREATE:
            assert row.entry is not None
            await self.destination.delete(client, row.entry.id)
        made = await self._create(client, row, now, mark, content, batch)
        if made is not None:
            done = Done.CREATED if row.action is Action.CREATE else Done.UPDATED
            self._succeeded(row, batch, made, mark, done)

    async def _roll_back(self, client: AsyncClient, row: Row, wanted: Wanted, batch: Batch) -> None:
        """Create the text anew that a write destroyed which the vendor could not process."""
        assert row.entry is not None
        if (digest := batch.state.backups.get(row.entry.id)) is not None:
            text = self.backups[digest]
        else:  # the vendor has it still, in an entry that it could not process
            digest = row.entry.digest
            whole = [e for e in await self.destination.get(client, [row.entry.id]) if is_whole(e)]
            if not whole:
                batch.note(
                    row.key_hash, given_up="the vendor could not process it, nor does it show the old text"
                )
                return
            text = (whole[0].text or "").encode()
        content = Content(kind=Kind.TEXT, content=text)
        mark = self._mark(row, digest)
        made = await self._create(client, row, replace(wanted, digest=digest), mark, content, batch)
        if made is not None:
            self._succeeded(row, batch, made, mark, Done.ROLLED_BACK)

    async def _create(
        self, client: AsyncClient, row: Row, wanted: Wanted, mark: Mark, content: Content, batch: Batch
    ) -> int | str | None:
        try:
            return await self._created(client, wanted, mark, content, batch)
        except ConflictError as error:
            # The vendor's answer does not say which: an entry that is not ours, or one that it has not let go of yet.
            why = (
                "pending_delete: the vendor has not let go of the old entry yet; a later run creates the new one"
                if row.method is Method.RECREATE
                else "the vendor has it already, in an entry that is not this sync's (adopt='title' takes it over if "
                "the titles agree) or whose deletion is not through (a later run creates it)"
            )
            raise ConflictError(f"{why}. {error.message}", request_id=error.request_id) from error

    async def _created(
        self, client: AsyncClient, wanted: Wanted, mark: Mark, content: Content, batch: Batch
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
                await self._pause(error.retry_after, min(30.0, 2.0 ** min(waited, 5)))
            except NotSentError as error:
                waited += 1
                if waited > 3:
                    raise
                self.log.warning("%s: %s", wanted.key, error)
                await self._pause(None, 2.0**waited)
            except ApiError as error:
                if not is_ambiguous(error):
                    raise
                self.log.warning(
                    "%s: the end of its create is unknown, looking for it: %s", wanted.key, error
                )
                made = await self._traced(client, mark)
                if made is None:
                    batch.note(wanted.key_hash, error=str(error))
                    self._trip(error, batch)
                return made

    async def _pause(self, retry_after: float | None, default: float) -> None:
        """
        Pass time before the same request is sent again.

        :raises TimeoutError: it would be too late then
        """
        pause = pause_for(retry_after, default, self.deadline - time.time(), random.random())
        if pause is None:
            raise TimeoutError
        await asyncio.sleep(pause)

    async def _traced(self, client: AsyncClient, mark: Mark) -> int | str | None:
        """Find what a create whose answer was lost has made; one that still awaits its file is of no use."""
        for pause in FIRST_PAUSES:
            await asyncio.sleep(pause)
            for entry in await self.destination.list(client, search_term(mark.sync_id, mark.key)):
                if (entry.sync_id, entry.key_hash, entry.digest) != (mark.sync_id, mark.key, mark.digest):
                    continue  # what a search finds is looked at: it may be a loose one
                if not entry.awaits_upload:
                    return entry.id
                await self.destination.delete(client, entry.id)
                return None
        return None

    def _mark(self, row: Row, digest: str) -> Mark:
        return Mark(self.sync_id, row.key_hash, digest, self.source)

    # --- what came of it ---------------------------------------------------------------------------------

    def _succeeded(self, row: Row, batch: Batch, entry: int | str, mark: Mark, done: Done | None) -> None:
        batch.written[entry] = mark
        batch.note(row.key_hash, done=done)
        self._breaker.note(failed=False)

    def _failed(self, row: Row, error: AgentKnowledgeError, batch: Batch) -> None:
        self.log.warning("%s could not be sent: %s", row.key, error)
        request_id = getattr(error, "request_id", None) or ""
        batch.note(row.key_hash, error=str(error), request_id=request_id)
        if isinstance(error, QuotaExceededError):
            batch.quota = f"the vendor's quota is used up: {error.message}"
        final = isinstance(error, (AirflowFailException, BadRequestError))
        waits = isinstance(error, ConflictError)
        if final or waits or batch.of(row.key_hash).tries >= TRIES:
            batch.note(row.key_hash, given_up=str(error), final=final)
        self._trip(error, batch)

    def _trip(self, error: AgentKnowledgeError, batch: Batch) -> None:
        """Count an answer that says that the vendor is ill; any other says that it is well."""
        self._breaker.note(failed=_is_ill(error))
        if self._breaker.tripped:
            batch.stopped = (
                f"the vendor failed {self._breaker.row} times in a row, the last time with: {error}"
            )


def is_whole(entry: Held) -> bool:
    """Is the text that was read for an entry the very one that its mark names?"""
    return entry.text is not None and digest_of(Kind.TEXT, entry.text.encode()) == entry.digest


def _creates(row: Row) -> bool:
    return row.action is Action.CREATE or row.method in CREATING


def _is_ill(error: AgentKnowledgeError) -> bool:
    """Does this answer say that the vendor fails, whichever document it is sent?"""
    if isinstance(error, UploadFailedError):
        return error.status is None or error.status >= 500
    return is_ambiguous(error) or isinstance(error, NotSentError)
