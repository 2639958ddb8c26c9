"""Where documents go: what a vendor's knowledge base can do for a sync."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.http.client import AsyncClient
    from airflow_provider.refresh.observation import Target
    from airflow_provider.refresh.wait import Rules
    from airflow_provider.sync.content import Content, ReadingRules
    from airflow_provider.sync.documents import Deletion, Held, Wanted
    from airflow_provider.sync.manifest import Manifest
    from airflow_provider.sync.mark import Mark
    from airflow_provider.sync.progress import SyncWait
    from airflow_provider.sync.saved_state import Carried


@dataclass(frozen=True, slots=True)
class Trace:
    """
    What became of entries that were created and are not listed; the others are late.

    :param bare: they are there, and do not bear our mark
    :param gone: they are not there any more
    """

    bare: set[int | str]
    gone: set[int | str]


class Destination(Protocol):
    """
    One sync's part of one knowledge base. A method sends what it says, and nothing else.

    :ivar key: names it in logs, results and assets
    :ivar patches: an entry can be given another text, or another title
    :ivar blind: it does not show what it holds, or how far it is
    """

    vendor: str
    key: str
    recipe: ReadingRules
    manifest: Manifest
    patches: bool
    blind: bool

    @property
    def rules(self) -> Rules:
        """When a rewritten entry's status is ours."""

    @property
    def totals(self) -> Sequence[Target]:
        """What the wait reads."""

    def trigger(self, wait: SyncWait, carried: Carried, not_before: float) -> BaseTrigger:
        """Build the trigger that goes on with the wait."""

    async def held(self, client: AsyncClient) -> list[Held]:
        """
        List all entries that bear our mark.

        :raises ListIncompleteError: the list does not add up
        """

    async def loose(self, client: AsyncClient) -> list[Held]:
        """List the entries that bear nobody's mark."""

    async def observe(self, client: AsyncClient, ids: Iterable[int | str], pages: int) -> list[Held]:
        """
        Look at some entries, by single reads or by the list, whichever is fewer requests.

        :param pages: how many requests the list costs
        """

    async def trace(self, client: AsyncClient, ids: Collection[int | str]) -> Trace:
        """Look for entries that were created, and that :meth:`held` does not show."""

    async def find(self, client: AsyncClient, wanted: Wanted, mark: Mark) -> list[Held]:
        """List the entries that a create of this document has made."""

    async def create(self, client: AsyncClient, wanted: Wanted, mark: Mark, content: Content) -> int | str:
        """Create an entry with all that belongs to it; return its id."""

    async def rewrite(
        self, client: AsyncClient, entry: Held, wanted: Wanted, mark: Mark, content: Content
    ) -> None:
        """Give an entry another text and the mark that goes with it, in one call."""

    async def retitle(self, client: AsyncClient, entry: Held, title: str, mark: Mark) -> None:
        """Give an entry another title or mark, and leave its content alone."""

    async def delete(self, client: AsyncClient, entry_id: int | str) -> Deletion | None:
        """Delete an entry; None: it was gone."""

    def unripe(self, entry: Held) -> bool:
        """Is an older write's last step still to come, which could be taken for ours?"""
