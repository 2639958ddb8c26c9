"""A Sensay replica's knowledge base as a destination (current generation)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

from airflow_provider.errors import ApiError, ListIncompleteError, NotFoundError
from airflow_provider.refresh.observation import Target
from airflow_provider.refresh.wait import Rules
from airflow_provider.sync.content import Content, ReadingRules
from airflow_provider.sync.destination import Trace
from airflow_provider.sync.documents import Deletion, Held, Kind, Wanted
from airflow_provider.sync.kinds import content_type
from airflow_provider.sync.manifest import Manifest
from airflow_provider.sync.mark import UNSEEN, Mark, read_title, search_term, write_title
from airflow_provider.sync.uploading import put
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay.endpoints import only_result
from airflow_provider.vendors.sensay.entry import RULES, VECTOR_CREATED, EntryTarget, Generation
from airflow_provider.vendors.sensay.totals import SensayTotals

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.http.client import AsyncClient
    from airflow_provider.sync.progress import SyncWait
    from airflow_provider.sync.saved_state import Carried
    from airflow_provider.vendors.sensay.values import Entry

_KINDS = {"text": Kind.TEXT, "file": Kind.FILE, "website": Kind.URL, "youtube": Kind.URL}

#: How often a list that does not add up is read again.
_WALKS = 3

#: Entries that are read one by one where the list does not show what was created.
_SINGLE = 20


@dataclass
class SensayKnowledgeBase:
    """
    The entries of one sync in one replica.

    :param marks: titles bear the mark; else the manifest alone tells which entries are ours
    """

    conn_id: str
    replica_uuid: str
    sync_id: str
    recipe: ReadingRules
    manifest: Manifest
    marks: bool = True
    vendor: str = field(default="sensay", init=False)
    patches: bool = field(default=True, init=False)
    blind: bool = field(default=False, init=False)
    rules: Rules = field(default=RULES, init=False)

    def __post_init__(self) -> None:
        self.key = f"replicas/{self.replica_uuid}/knowledge-base"
        self._listed: set[int] = set()

    @property
    def totals(self) -> tuple[Target, ...]:
        """One for each status on the way, and one for errors."""
        return SensayTotals(self.replica_uuid, self._search_id).targets

    def trigger(self, wait: SyncWait, carried: Carried, not_before: float) -> BaseTrigger:
        """Build the trigger that goes on with the wait."""
        from airflow_provider.triggers.sync import SensayKnowledgeBaseSyncTrigger

        return SensayKnowledgeBaseSyncTrigger.of(
            wait,
            carried,
            not_before,
            conn_id=self.conn_id,
            replica_uuid=self.replica_uuid,
            sync_id=self._search_id,
        )

    @property
    def _search_id(self) -> str:
        """Without marks a wait cannot tell our entries from others."""
        return self.sync_id if self.marks else ""

    # --- reading -----------------------------------------------------------------------------------------

    async def held(self, client: AsyncClient) -> list[Held]:
        """List all entries that are ours."""
        entries = await self._walk(client, search_term(self.sync_id) if self.marks else None)
        self._listed = {entry.id for entry in entries}
        return self._ours(entries)

    async def loose(self, client: AsyncClient) -> list[Held]:
        """List the entries that are nobody's."""
        entries = await self._walk(client, None)
        return [
            self._held(entry, None)
            for entry in entries
            if self._mark(entry) is None and not self.manifest.buried(entry.id)
        ]

    async def observe(self, client: AsyncClient, ids: Iterable[int | str], pages: int) -> list[Held]:
        """Look at some entries; one that is gone is left out."""
        wanted = list(ids)
        if len(wanted) > pages:
            return [entry for entry in await self.held(client) if entry.id in set(wanted)]
        return self._ours(await self._single(client, wanted))

    async def trace(self, client: AsyncClient, ids: Collection[int | str]) -> Trace:
        """Look for entries that were created, and that :meth:`held` does not show."""
        listed = [entry for entry in await self._walk(client, None) if entry.id in ids]
        late = sorted(set(ids) - {entry.id for entry in listed}, key=str)[:_SINGLE]
        single = await self._single(client, late)
        bare: set[int | str] = {entry.id for entry in (*listed, *single) if self._mark(entry) is None}
        return Trace(bare=bare, gone=set(late) - {entry.id for entry in single})

    async def _single(self, client: AsyncClient, ids: Iterable[int | str]) -> list[Entry]:
        """Read entries one by one; one that is gone is left out."""
        found = []
        for each in ids:
            with suppress(NotFoundError):
                found.append(await client.send(sensay.get_entry(self.replica_uuid, each)))
        return found

    async def find(self, client: AsyncClient, wanted: Wanted, mark: Mark) -> list[Held]:
        """List the entries that bear this very mark; without marks, the new ones of this very title."""
        if self.marks:
            found = await self._walk(client, search_term(mark.sync_id, mark.key))
            same = (mark.key, mark.digest)  # what a search finds is looked at: it may be a loose one
            return [entry for entry in self._ours(found) if (entry.key_hash, entry.digest) == same]
        found = [
            entry
            for entry in await self._walk(client, None)
            if entry.id not in self._listed and entry.title == wanted.title
        ]
        for entry in found[:1]:
            self._own(entry.id, mark)
        return self._ours(found[:1])

    async def _walk(self, client: AsyncClient, search: str | None) -> list[Entry]:
        """
        Read all pages, oldest first: an entry that is created meanwhile then shifts none of them.

        :raises ListIncompleteError: the ids do not add up to the total that the vendor names
        """
        told = ""
        for _ in range(_WALKS):
            entries: dict[int, Entry] = {}
            number, total = 0, None
            while True:
                number += 1
                page = await client.send(
                    sensay.list_entries(self.replica_uuid, page=number, search=search, sort_order="asc")
                )
                before = len(entries)
                entries |= {entry.id: entry for entry in page.items}
                total = page.total
                if total is None or number >= ceil(total / sensay.MAX_PAGE_SIZE) or len(entries) == before:
                    break
            if total == len(entries):
                return list(entries.values())
            told = f"it shows {len(entries)} entries and names {total}"
        raise ListIncompleteError(
            f"The list of replica {self.replica_uuid} does not add up ({told}), read {_WALKS} times. Nothing can be "
            "concluded from it, so nothing was written or deleted. A retry reads it again."
        )

    def _ours(self, entries: Iterable[Entry]) -> list[Held]:
        marked = [(entry, self._mark(entry)) for entry in entries if not self.manifest.buried(entry.id)]
        return [self._held(entry, mark) for entry, mark in marked if mark and mark.sync_id == self.sync_id]

    def _mark(self, entry: Entry) -> Mark | None:
        if self.marks:
            return read_title(entry.title)[1]
        owned = self.manifest.entries.get(str(entry.id))
        return Mark(self.sync_id, *owned) if owned else None

    def _own(self, entry_id: int | str, mark: Mark) -> None:
        """Note what an entry holds, where its title cannot."""
        if not self.marks:
            self.manifest.entries[str(entry_id)] = (mark.key, mark.digest)

    def _title(self, title: str, mark: Mark) -> str:
        return write_title(title, mark) if self.marks else title

    def _held(self, entry: Entry, mark: Mark | None) -> Held:
        return Held(
            id=entry.id,
            key_hash=mark.key if mark else "",
            digest=mark.digest if mark else UNSEEN,
            title=read_title(entry.title)[0],
            kind=_KINDS.get(str(entry.type)),
            seen=EntryTarget(self.replica_uuid, entry.id, Generation.KNOWLEDGE_BASE).observe(entry),
            url=entry.url,
        )

    # --- writing -----------------------------------------------------------------------------------------

    async def create(self, client: AsyncClient, wanted: Wanted, mark: Mark, content: Content) -> int | str:
        """Create an entry; a file whose upload fails leaves none behind."""
        title = self._title(wanted.title, mark)
        if content.kind is Kind.TEXT:
            call = sensay.create_text(self.replica_uuid, content.content.decode(), title=title)
        elif content.kind is Kind.URL:
            call = sensay.create_url(self.replica_uuid, content.content.decode(), title=title)
        else:
            call = sensay.create_file(self.replica_uuid, content.filename, title=title)
        entry_id, signed_url = only_result((await client.send(call)).results, wanted.key)
        self._own(entry_id, mark)
        if content.kind is Kind.FILE:
            try:
                type_ = content_type(content.filename)
                await put(client, sensay.put_upload(signed_url or "", content.content, type_), wanted.key)
            except ApiError:
                with suppress(ApiError):  # the next run finds it empty, and removes it
                    await client.send(sensay.delete_entry(self.replica_uuid, entry_id))
                raise
        return entry_id

    async def rewrite(
        self, client: AsyncClient, entry: Held, wanted: Wanted, mark: Mark, content: Content
    ) -> None:
        """PATCH text and title together."""
        text, title = content.content.decode(), self._title(wanted.title, mark)
        await client.send(sensay.update_entry(self.replica_uuid, entry.id, raw_text=text, title=title))
        self._own(entry.id, mark)

    async def retitle(self, client: AsyncClient, entry: Held, title: str, mark: Mark) -> None:
        """PATCH the title alone."""
        await client.send(sensay.update_entry(self.replica_uuid, entry.id, title=self._title(title, mark)))
        self._own(entry.id, mark)

    async def delete(self, client: AsyncClient, entry_id: int | str) -> Deletion | None:
        """Delete an entry; None: it was gone."""
        try:
            deletion = await client.send(sensay.delete_entry(self.replica_uuid, entry_id))
        except NotFoundError:
            deletion = None
        if deletion is Deletion.ACCEPTED:
            self.manifest.bury(entry_id)
        self.manifest.entries.pop(str(entry_id), None)
        return deletion

    def unripe(self, entry: Held) -> bool:
        """``VECTOR_CREATED``: its ``READY`` may be still to come."""
        return entry.seen.status == VECTOR_CREATED
