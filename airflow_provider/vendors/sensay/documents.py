"""A Sensay replica's knowledge base as a destination (current generation)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Literal

from airflow_provider.errors import ApiError, ListIncompleteError, NotFoundError
from airflow_provider.refresh.observation import Target
from airflow_provider.refresh.wait import Rules
from airflow_provider.sync.content import Content, ReadingRules
from airflow_provider.sync.destination import put
from airflow_provider.sync.documents import Deletion, Held, Kind, Wanted
from airflow_provider.sync.kinds import content_type
from airflow_provider.sync.mark import UNSEEN, Mark, read_title, write_title
from airflow_provider.texts import number_of
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay.endpoints import only_result
from airflow_provider.vendors.sensay.entry import RULES, VECTOR_CREATED, EntryTarget, Generation
from airflow_provider.vendors.sensay.totals import SensayTotals

if TYPE_CHECKING:
    from airflow_provider.http.client import AsyncClient
    from airflow_provider.vendors.sensay.values import Entry

_KINDS = {"text": Kind.TEXT, "file": Kind.FILE, "website": Kind.URL, "youtube": Kind.URL}

#: How often a list that does not add up is read again.
_WALKS = 3


@dataclass
class SensayKnowledgeBase:
    """
    The entries of one replica.

    :param sync_id: the sync that a wait is for
    :param leaving: how many entries may be counted, and not shown, since their deletion is accepted
    """

    replica_uuid: str
    sync_id: str
    recipe: ReadingRules
    leaving: int = 0
    vendor: str = field(default="sensay", init=False)
    patches: bool = field(default=True, init=False)
    reads_single: bool = field(default=True, init=False)
    blind: bool = field(default=False, init=False)
    rules: Rules = field(default=RULES, init=False)

    def __post_init__(self) -> None:
        self.key = f"replicas/{self.replica_uuid}/knowledge-base"

    @property
    def totals(self) -> tuple[Target, ...]:
        """One for each status on the way, and one for errors."""
        return SensayTotals(self.replica_uuid, self.sync_id).targets

    # --- reading -----------------------------------------------------------------------------------------

    async def list(self, client: AsyncClient, search: str | None = None) -> Sequence[Held]:
        """
        List entries; what a search finds is no more than a hint.

        :raises ListIncompleteError: the ids do not add up to the total that the vendor names
        """
        return [self._held(entry) for entry in await self._walk(client, search)]

    async def count(self, client: AsyncClient) -> int:
        """Ask for the total of all entries."""
        page = await client.send(sensay.list_entries(self.replica_uuid, page_size=0))
        return page.total or 0

    async def get(self, client: AsyncClient, ids: Iterable[int | str]) -> Sequence[Held]:
        """Read entries one by one; one that is gone is left out."""
        found = []
        for each in ids:
            with suppress(NotFoundError):
                found.append(self._held(await client.send(sensay.get_entry(self.replica_uuid, each))))
        return found

    async def _walk(self, client: AsyncClient, search: str | None) -> Sequence[Entry]:
        """
        Read all pages, oldest first: an entry that is created meanwhile then shifts none of them.

        Where the pages do not add up they are read newest first as well: entries made in the same instant may stand
        on two pages, or on none. The total may count entries whose deletion is accepted.

        :raises ListIncompleteError: they never agree
        """
        told = ""
        for _ in range(_WALKS):
            entries, total = await self._pages(client, search, "asc")
            if total == len(entries):
                return list(entries.values())
            backwards, other = await self._pages(client, search, "desc")
            if total is not None and other is not None and self.leaving:
                same = entries.keys() == backwards.keys() and total == other
                if same and 0 < total - len(entries) <= self.leaving:
                    return list(entries.values())
            entries |= backwards
            if total == other == len(entries):
                return list(entries.values())
            told = f"it shows {number_of(len(entries), 'entry', 'entries')} and names {total}"
        raise ListIncompleteError(
            f"The list of replica {self.replica_uuid} does not add up ({told}), read {_WALKS} times. Nothing can be "
            "concluded from it, so nothing was written or deleted. A retry reads it again."
        )

    async def _pages(
        self, client: AsyncClient, search: str | None, order: Literal["asc", "desc"]
    ) -> tuple[dict[int, Entry], int | None]:
        entries: dict[int, Entry] = {}
        number, total = 0, None
        while True:
            number += 1
            page = await client.send(
                sensay.list_entries(self.replica_uuid, page=number, search=search, sort_order=order)
            )
            before = len(entries)
            entries |= {entry.id: entry for entry in page.items}
            total = page.total
            if total is None or number >= ceil(total / sensay.MAX_PAGE_SIZE) or len(entries) == before:
                return entries, total

    def _held(self, entry: Entry) -> Held:
        title, mark = read_title(entry.title)
        return Held(
            id=entry.id,
            key_hash=mark.key if mark else "",
            digest=mark.digest if mark else UNSEEN,
            title=title,
            kind=_KINDS.get(str(entry.type)),
            seen=EntryTarget(self.replica_uuid, entry.id, Generation.KNOWLEDGE_BASE).observe(entry),
            url=entry.url,
            made=entry.created_at or "",
            sync_id=mark.sync_id if mark else "",
            source=mark.source if mark else "",
            text=entry.raw_text,
        )

    # --- writing -----------------------------------------------------------------------------------------

    async def create(self, client: AsyncClient, wanted: Wanted, mark: Mark, content: Content) -> int | str:
        """Create an entry; a file whose upload fails leaves none behind."""
        title = write_title(wanted.title, mark)
        if content.kind is Kind.TEXT:
            call = sensay.create_text(self.replica_uuid, content.content.decode(), title=title)
        elif content.kind is Kind.URL:
            call = sensay.create_url(self.replica_uuid, content.content.decode(), title=title)
        else:
            call = sensay.create_file(self.replica_uuid, content.filename, title=title)
        entry_id, signed_url = only_result((await client.send(call)).results, wanted.key)
        if content.kind is Kind.FILE:
            try:
                type_ = content_type(content.filename)
                await put(client, sensay.put_upload(signed_url or "", content.content, type_), wanted.key)
            except ApiError:
                with suppress(ApiError):  # the next run finds it empty, and removes it
                    await client.send(sensay.delete_entry(self.replica_uuid, entry_id))
                raise
        return entry_id

    async def update(
        self, client: AsyncClient, entry: Held, title: str, mark: Mark, content: Content | None = None
    ) -> None:
        """PATCH the title, and the text together with it."""
        text = None if content is None else content.content.decode()
        await client.send(
            sensay.update_entry(self.replica_uuid, entry.id, raw_text=text, title=write_title(title, mark))
        )

    async def delete(self, client: AsyncClient, entry_id: int | str) -> Deletion | None:
        """Delete an entry; None: it was gone."""
        try:
            return await client.send(sensay.delete_entry(self.replica_uuid, entry_id))
        except NotFoundError:
            return None

    def unripe(self, entry: Held) -> bool:
        """``VECTOR_CREATED``: its ``READY`` may be still to come."""
        return entry.seen.status == VECTOR_CREATED
