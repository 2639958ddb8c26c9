"""Where documents go: what a vendor's knowledge base can do for a sync."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from airflow_provider.errors import ApiError, UploadFailedError

if TYPE_CHECKING:
    from airflow_provider.http.call import Call
    from airflow_provider.http.client import AsyncClient
    from airflow_provider.refresh.observation import Target
    from airflow_provider.refresh.wait import Rules
    from airflow_provider.sync.content import Content, ReadingRules
    from airflow_provider.sync.documents import Deletion, Held, Wanted
    from airflow_provider.sync.mark import Mark


class Destination(Protocol):
    """
    One knowledge base. A method sends what it says, and nothing else; which entries are ours, the caller tells.

    :ivar key: names it in logs, results and assets
    :ivar recipe: how documents are read for it
    :ivar rules: when a rewritten entry's status is ours
    :ivar patches: an entry can be given another text, or another title
    :ivar reads_single: a single entry can be read, so that its absence is proven
    :ivar blind: it does not show what it holds, or how far it is
    """

    vendor: str
    key: str
    recipe: ReadingRules
    rules: Rules
    patches: bool
    reads_single: bool
    blind: bool

    @property
    def totals(self) -> Sequence[Target]:
        """What a wait for one sync reads."""

    async def list(self, client: AsyncClient, search: str | None = None) -> Sequence[Held]:
        """
        List entries, whosever they are; without their texts.

        :param search: part of a mark: those that bear it; more may be listed
        :raises ListIncompleteError: the list does not add up
        """

    async def count(self, client: AsyncClient) -> int:
        """Return how many entries there are, whosever they are; nought where a list cannot leave any out."""

    async def get(self, client: AsyncClient, ids: Iterable[int | str]) -> Sequence[Held]:
        """Read single entries with their texts; one that is gone is left out."""

    async def create(self, client: AsyncClient, wanted: Wanted, mark: Mark, content: Content) -> int | str:
        """Create an entry with all that belongs to it; return its id."""

    async def update(
        self, client: AsyncClient, entry: Held, title: str, mark: Mark, content: Content | None = None
    ) -> None:
        """Give an entry another title and mark and, in the same call, another text if there is one."""

    async def delete(self, client: AsyncClient, entry_id: int | str) -> Deletion | None:
        """Delete an entry; None: it was gone."""

    def unripe(self, entry: Held) -> bool:
        """Is an older write's last step still to come, which could be taken for ours?"""


async def put(client: AsyncClient, call: Call[None], what: str) -> None:
    """
    PUT a document's bytes to its signed URL: what the storage host refuses says nothing about our key.

    :param what: names the document in messages
    :raises UploadFailedError: the host did not take them: the URL has expired or is used up, or the host failed
    """
    try:
        await client.send(call)
    except ApiError as error:
        raise UploadFailedError(
            f"The bytes of {what} did not arrive at the vendor's storage (expired or used upload URL, or the host "
            f"failed): {error.message}",
            status=error.status,
            request_id=error.request_id,
        ) from error
