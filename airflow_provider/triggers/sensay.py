"""Waiting for a Sensay knowledge-base entry, or watching a whole knowledge base."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.triggers.base import RefreshTrigger
from airflow_provider.triggers.watcher import Watcher

if TYPE_CHECKING:
    from airflow_provider.hooks.sensay import SensayHook
    from airflow_provider.http.client import AsyncClient
    from airflow_provider.refresh.observation import Observation
    from airflow_provider.refresh.record import Record
    from airflow_provider.refresh.wait import Wait
    from airflow_provider.vendors.sensay.changes import EntriesCursor
    from airflow_provider.vendors.sensay.entry import EntryTarget, Generation, SensayRules


class SensayKnowledgeBaseEntryTrigger(RefreshTrigger):
    """
    Wait for an entry to be ready.

    :param replica_uuid: the replica
    :param entry_id: the entry
    :param generation: the API generation, found by the worker
    :param ready_statuses: which statuses are success; empty for the generation's default
    """

    def __init__(
        self,
        *,
        replica_uuid: str,
        entry_id: int,
        generation: str,
        ready_statuses: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.replica_uuid = replica_uuid
        self.entry_id = entry_id
        self.generation = generation
        self.ready_statuses = list(ready_statuses or ())

    @classmethod
    def of(
        cls, conn_id: str, target: EntryTarget, wait: Wait, record: Record | None, not_before: float
    ) -> SensayKnowledgeBaseEntryTrigger:
        """Build a trigger from typed values."""
        from airflow_provider.refresh import codec

        return cls(
            conn_id=conn_id,
            replica_uuid=target.replica_uuid,
            entry_id=target.entry_id,
            generation=target.generation.value,
            ready_statuses=list(target.ready_statuses),
            wait=codec.dump(wait),
            record=record.to_json() if record else None,
            not_before=not_before,
        )

    def _own_arguments(self) -> dict[str, Any]:
        return {
            "replica_uuid": self.replica_uuid,
            "entry_id": self.entry_id,
            "generation": self.generation,
            "ready_statuses": self.ready_statuses,
        }

    def _target(self) -> EntryTarget:
        from airflow_provider.vendors.sensay.entry import EntryTarget, Generation

        return EntryTarget(
            self.replica_uuid, self.entry_id, Generation(self.generation), tuple(self.ready_statuses)
        )

    def _rules(self) -> SensayRules:
        from airflow_provider.vendors.sensay.entry import RULES

        return RULES

    def _hook(self) -> SensayHook:
        from airflow_provider.hooks.sensay import SensayHook

        return SensayHook(self.conn_id)


class SensayKnowledgeBaseChangedEventTrigger(Watcher["dict[int, Observation]", "EntriesCursor"]):
    """
    For an ``AssetWatcher``: an event each time entries have become ready with new content, or are gone.

    The event holds the ids of the ``entries`` (the first 50), their ``number``, whether any is ``deleted``,
    and the latest ``marker``. An entry in work is told when it is ready; one that failed is not told.

    :param replica_uuid: the replica
    :param entry_id: one entry; None for the whole knowledge base, which is read by its list: a request for
        each 100 entries at each look
    :param sensay_conn_id: the connection; read in the triggerer
    :param poll_interval: seconds between two looks
    :param queue: the queue of the triggerers that may watch, where ``[triggerer] queues_enabled`` is set;
        Airflow 3.4 and later

    :raises InvalidArgumentError: when the DAG is parsed; these arguments are no templates
    """

    def __init__(
        self,
        *,
        replica_uuid: str,
        entry_id: int | str | None = None,
        sensay_conn_id: str = "sensay_default",
        poll_interval: float = 60.0,
        queue: str | None = None,
        **_: Any,
    ) -> None:
        check = Checker()
        self.replica_uuid = check.uuid("replica_uuid", replica_uuid)
        self.entry_id = None if entry_id is None else check.entry_id("entry_id", entry_id)
        super().__init__(conn_id=sensay_conn_id, poll_interval=poll_interval, check=check, queue=queue)

    def _arguments(self) -> dict[str, Any]:
        return {
            "replica_uuid": self.replica_uuid,
            "entry_id": self.entry_id,
            "sensay_conn_id": self.conn_id,
            "poll_interval": self.poll_interval,
        }

    @property
    def _vendor(self) -> str:
        return "sensay"

    @property
    def _key(self) -> str:
        base = f"replicas/{self.replica_uuid}/knowledge-base"
        return base if self.entry_id is None else f"{base}/{self.entry_id}"

    def _hook(self) -> SensayHook:
        from airflow_provider.hooks.sensay import SensayHook

        return SensayHook(self.conn_id)

    def _cursor_kind(self) -> type[EntriesCursor]:
        from airflow_provider.vendors.sensay.changes import EntriesCursor

        return EntriesCursor

    async def _look(self, pause: float) -> dict[int, Observation]:
        from airflow_provider.vendors.sensay.entry import Generation

        if self.entry_id is None:
            await asyncio.sleep(pause)
            return await self._walk()
        spoken = Generation(await self._hook().ageneration())
        return await self._one(self.entry_id, spoken, pause)

    async def _one(self, entry_id: int, spoken: Generation, pause: float) -> dict[int, Observation]:
        from airflow_provider.errors import NotFoundError
        from airflow_provider.vendors.sensay.entry import EntryTarget

        try:
            return {entry_id: await self._observe(EntryTarget(self.replica_uuid, entry_id, spoken), pause)}
        except NotFoundError:
            return {}

    async def _walk(self) -> dict[int, Observation]:
        """
        Read the whole list.

        :raises TransportError: it changed while it was read, so that some may have slipped from page to page
        """
        from airflow_provider.errors import TransportError
        from airflow_provider.http.client import AsyncClient
        from airflow_provider.vendors.sensay.entry import EntryTarget, Generation

        hook = self._hook()
        spoken = Generation(await hook.ageneration())
        async with AsyncClient(await hook.asettings()) as client:
            entries, totals = await self._pages(client, EntryTarget(self.replica_uuid, 0, spoken))
        if len(totals) > 1:
            raise TransportError("The list changed while it was read; it is read again")
        return entries

    async def _pages(
        self, client: AsyncClient, any_entry: EntryTarget
    ) -> tuple[dict[int, Observation], set[int | None]]:
        """Walk the pages; return what they show, and the totals they named."""
        entry_list, number = any_entry.entry_list, 0
        entries: dict[int, Observation] = {}
        totals: set[int | None] = set()
        while True:
            number += 1
            items, shown, total = entry_list.listed(await client.send(entry_list.page(None, number)))
            totals.add(total)
            for item in items.values():
                if item.replica_uuid in (None, self.replica_uuid):  # the older list is the organisation's
                    entries[item.id] = replace(any_entry, entry_id=item.id).observe(item)
            if shown < entry_list.page_size or (total is not None and number * entry_list.page_size >= total):
                return entries, totals

    def _notice(
        self, cursor: EntriesCursor | None, look: dict[int, Observation]
    ) -> tuple[EntriesCursor | None, dict[str, Any] | None]:
        from airflow_provider.vendors.sensay.changes import entries_changed

        after, news = entries_changed(cursor, look)
        event = {
            "entries": news.named,
            "number": len(news.entries),
            "deleted": news.deleted,
            "marker": after.marker,
        }
        return after, event if news else None
