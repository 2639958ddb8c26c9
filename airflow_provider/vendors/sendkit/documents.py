"""A SendKit agent's documents as a destination."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider.errors import ApiError, InvalidArgumentError, InvalidResponseError, NotFoundError
from airflow_provider.refresh.observation import Observation, Phase, Target
from airflow_provider.refresh.wait import Rules
from airflow_provider.sync.content import Content, ReadingRules
from airflow_provider.sync.destination import put
from airflow_provider.sync.documents import Deletion, Held, Kind, Wanted
from airflow_provider.sync.kinds import suffix_of
from airflow_provider.sync.manifest import Manifest
from airflow_provider.sync.mark import UNSEEN, Mark, read_name, write_name
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sendkit.agent import RULES
from airflow_provider.vendors.sendkit.totals import AgentDocuments

if TYPE_CHECKING:
    from airflow_provider.http.client import AsyncClient
    from airflow_provider.vendors.sendkit.models import Document, UploadSlot

#: Characters of a document's name in front of the mark.
_STEM = 80


@dataclass
class AgentKnowledge:
    """
    The documents of one agent; the mark stands in ``fileName``.

    An agent whose answer has no ``uploadedDocuments`` shows neither what it holds nor how far it is. The manifest
    then tells what was sent, and nobody can tell whether it was processed.

    :param sync_id: the sync that a wait is for
    :param only: key hash of the one document that a wait is for; empty: all of the sync
    """

    agent_id: str
    sync_id: str
    recipe: ReadingRules
    manifest: Manifest
    only: str = ""
    vendor: str = field(default="sendkit", init=False)
    patches: bool = field(default=False, init=False)
    reads_single: bool = field(default=False, init=False)
    blind: bool = field(default=False, init=False)
    rules: Rules = field(default=RULES, init=False)

    def __post_init__(self) -> None:
        self.key = f"agents/{self.agent_id}"

    @property
    def totals(self) -> tuple[Target, ...]:
        """One: the agent shows all its documents."""
        return () if self.blind else (AgentDocuments(self.agent_id, self.sync_id, self.only),)

    # --- reading -----------------------------------------------------------------------------------------

    async def list(self, client: AsyncClient, search: str | None = None) -> Sequence[Held]:
        """
        List the documents; the agent shows all of them at once.

        :raises InvalidArgumentError: it shows none, so nobody could tell what it holds, or when one is processed
        """
        agent = await client.send(sendkit.get_agent(self.agent_id))
        self.blind = "uploadedDocuments" not in agent.fields_present
        if self.blind and self.manifest.path is None:
            raise InvalidArgumentError(
                f"Agent {self.agent_id} does not show its documents: the answer to GET has no 'uploadedDocuments'. So "
                "nobody can tell what it holds, or when a document is processed. Nothing was sent. Give manifest=, a "
                "file in object storage that remembers what was sent; the end of processing then stays unseen."
            )
        if self.blind:
            unseen = Observation(status="unseen", phase=Phase.SUCCEEDED)
            return [
                Held(
                    id=each,
                    key_hash=key,
                    digest=digest,
                    title="",
                    kind=Kind.FILE,
                    seen=unseen,
                    sync_id=self.sync_id,
                )
                for each, (key, digest) in self.manifest.entries.items()
            ]
        return [_held(document) for document in agent.uploaded_documents if document.file_key]

    async def count(self, client: AsyncClient) -> int:
        """Nought: an agent shows all of its documents, or none."""
        return 0

    async def get(self, client: AsyncClient, ids: Iterable[int | str]) -> Sequence[Held]:
        """Read some documents; one that is gone is left out."""
        wanted = set(ids)
        return [each for each in await self.list(client) if each.id in wanted]

    # --- writing -----------------------------------------------------------------------------------------

    async def create(self, client: AsyncClient, wanted: Wanted, mark: Mark, content: Content) -> int | str:
        """Ask for an address, PUT the bytes, have them processed; before the last step nothing is there."""
        suffix = suffix_of(content.filename)
        stem = PurePosixPath(wanted.title).name.removesuffix(suffix).strip() or "document"
        name = write_name(stem[:_STEM].replace("~", "-"), suffix, mark)
        type_ = sendkit.CONTENT_TYPES[suffix.removeprefix(".")]

        async def slot() -> UploadSlot:
            return await client.send(
                sendkit.upload_document(self.agent_id, name, type_, len(content.content))
            )

        place = await slot()
        try:
            await put(client, sendkit.put_upload(_given(place.put_url), content.content, type_), wanted.key)
        except ApiError:  # the address has expired, or is used up: an unused one leaves nothing behind
            place = await slot()
            await put(client, sendkit.put_upload(_given(place.put_url), content.content, type_), wanted.key)
        key = _given(place.key)
        if self.blind:
            # Nobody could find it, should its end be lost: noted as ours, with a content that nobody wants.
            self.manifest.entries[key] = (mark.key, UNSEEN)
            self.manifest.save()
        await client.send(
            sendkit.process_document(
                self.agent_id,
                file_key=key,
                file_url=place.url or _given(place.put_url),
                file_name=name,
                file_type=suffix.removeprefix("."),
                file_size=len(content.content),
            )
        )
        if self.blind:
            self.manifest.entries[key] = (mark.key, mark.digest)
        return key

    async def update(
        self, client: AsyncClient, entry: Held, title: str, mark: Mark, content: Content | None = None
    ) -> None:
        """Never asked, since ``patches`` is False."""
        raise AssertionError("a SendKit document cannot be changed")

    async def delete(self, client: AsyncClient, entry_id: int | str) -> Deletion | None:
        """Remove a document; None: it was gone."""
        deletion: Deletion | None = Deletion.DELETED
        try:
            await client.send(sendkit.delete_document(self.agent_id, str(entry_id)))
        except NotFoundError:
            deletion = None
        self.manifest.entries.pop(str(entry_id), None)
        return deletion

    def unripe(self, entry: Held) -> bool:
        """Never: nothing is written over."""
        return False


def _held(document: Document) -> Held:
    phases = {"processing": Phase.RUNNING, "completed": Phase.SUCCEEDED, "failed": Phase.FAILED}
    status = None if document.status is None else str(document.status)
    bare, mark = read_name(document.file_name)
    return Held(
        id=str(document.file_key),
        key_hash=mark.key if mark else "",
        digest=mark.digest if mark else UNSEEN,
        title=bare,
        kind=Kind.FILE,
        seen=Observation(status=status, phase=phases.get(str(status), Phase.UNKNOWN)),
        made=document.uploaded_at or "",
        sync_id=mark.sync_id if mark else "",
        source=mark.source if mark else "",
    )


def _given(text: str | None) -> str:
    if not text:
        raise InvalidResponseError("SendKit's answer names no address, or no key, for the upload", status=200)
    return text
