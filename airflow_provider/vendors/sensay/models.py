"""What Sensay's current generation answers; https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base-parameter."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from airflow_provider.http.payload import Many, Tolerant, Whole, Words, plain
from airflow_provider.vendors.sensay.values import Entry


class EntryStatus(StrEnum):
    """How far an entry is; ``VECTOR_CREATED`` and ``READY`` are both ready to use."""

    NEW = "NEW"
    FILE_UPLOADED = "FILE_UPLOADED"
    RAW_TEXT = "RAW_TEXT"
    PROCESSED_TEXT = "PROCESSED_TEXT"
    VECTOR_CREATED = "VECTOR_CREATED"
    READY = "READY"
    UNPROCESSABLE = "UNPROCESSABLE"


class EntryType(StrEnum):
    """What an entry was made from."""

    FILE = "file"
    TEXT = "text"
    WEBSITE = "website"
    YOUTUBE = "youtube"


# left_to_right: an unknown member falls through to the text it is.
EntryStatusOrText = Annotated[EntryStatus | str | None, Field(union_mode="left_to_right")]
EntryTypeOrText = Annotated[EntryType | str | None, Field(union_mode="left_to_right")]


class EntryError(Tolerant):
    """What went wrong; it may stand beside any status, and both members may be missing."""

    fingerprint: str | None = None
    message: Words = None


def _as_error(value: Any) -> Any:
    """An error is an error, whatever it is wrapped in; null, false and an empty text are none."""
    return (
        value
        if isinstance(value, (dict, EntryError))
        else {"message": value}
        if value or value == []
        else None
    )


class TextChunk(Tolerant):
    """A piece of the text, as it is searched."""

    content: str | None = Field(default=None, repr=False)
    chunk_index: Whole | None = None
    chunk_tokens: Whole | None = None
    chunk_chars: Whole | None = None


class Website(Tolerant):
    """A crawled page."""

    url: str | None = None
    links: Many[str] = ()
    title: str | None = None
    text: str | None = Field(default=None, repr=False)
    description: str | None = None
    auto_refresh: bool | None = None
    screenshot_url: str | None = Field(default=None, alias="screenshotURL", repr=False)


class Youtube(Tolerant):
    """A video."""

    url: str | None = None
    title: str | None = None
    description: str | None = None
    thumbnail_url: str | None = Field(default=None, alias="thumbnailURL")
    summary: str | None = None
    transcription: str | None = Field(default=None, repr=False)
    visual_transcription: str | None = Field(default=None, repr=False)
    playlist_id: str | None = Field(default=None, alias="playlistID")


class File(Tolerant):
    """An uploaded file."""

    name: str | None = None
    size: Whole | None = None
    mime_type: str | None = None
    screenshot_url: str | None = Field(default=None, alias="screenshotURL", repr=False)
    download_url: str | None = Field(default=None, alias="downloadURL", repr=False)


class KnowledgeBaseEntry(Tolerant):
    """An entry; in a list it comes without its texts."""

    decisive: ClassVar[frozenset[str]] = frozenset({"id", "status", "updated_at", "error"})

    id: Whole
    replica_uuid: str | None = Field(default=None, alias="replicaUUID")
    type: EntryTypeOrText = None
    status: EntryStatusOrText = None
    created_at: str | None = None
    updated_at: str | None = None
    url: str | None = None
    title: str | None = None
    generated_title: str | None = None
    summary: str | None = None
    language: str | None = None
    raw_text: str | None = Field(default=None, repr=False)
    processed_text: str | None = Field(default=None, repr=False)
    generated_facts: Many[str] = Field(default=(), repr=False)
    raw_text_chunks: Many[TextChunk] = Field(default=(), repr=False)
    website: Website | None = None
    youtube: Youtube | None = None
    file: File | None = None
    error: Annotated[EntryError | None, BeforeValidator(_as_error)] = None

    def entry(self) -> Entry:
        """Return the view that both generations share."""
        medium = self.website or self.youtube
        return Entry(
            id=self.id,
            status=plain(self.status),
            updated_at=self.updated_at,
            created_at=self.created_at,
            type=plain(self.type),
            title=self.title,
            raw_text=self.raw_text,
            processed_text=self.processed_text,
            error_message=self.error.message if self.error else None,
            has_error=self.error is not None,
            url=self.url or (medium.url if medium else None),
            filename=self.file.name if self.file else None,
            replica_uuid=self.replica_uuid,
            source=self,
        )


class KnowledgeBasePage(Tolerant):
    """A page of entries."""

    decisive: ClassVar[frozenset[str]] = frozenset({"items", "total"})

    items: Many[KnowledgeBaseEntry] = ()
    total: Whole | None = None


class CreateResult(Tolerant):
    """
    One line of a multi-status answer.

    :ivar enqueued: False: this one was refused, although the HTTP status is a success
    """

    decisive: ClassVar[frozenset[str]] = frozenset({"enqueued", "knowledge_base_id", "signed_url"})

    type: EntryTypeOrText = None
    enqueued: bool | None = None
    knowledge_base_id: Whole | None = Field(default=None, alias="knowledgeBaseID")
    signed_url: str | None = Field(default=None, alias="signedURL", repr=False)
    error: Words = None


class CreateReceipt(Tolerant):
    """The answer to a create: one result for each entry (a playlist makes one for each video)."""

    decisive: ClassVar[frozenset[str]] = frozenset({"results"})

    results: Many[CreateResult] = ()


class FileTypeSupport(Tolerant):
    """A kind of file; ``support_level`` is production, preview or disabled."""

    mime_types: Many[str] = ()
    extensions: Many[str] = ()
    support_level: str | None = None


class MediaGroup(Tolerant):
    """A group of kinds of file."""

    label: str | None = None
    media_type: str | None = None
    limitation: str | None = None
    file_types: Many[FileTypeSupport] = ()


class FileTypes(Tolerant):
    """Which files the vendor takes."""

    decisive: ClassVar[frozenset[str]] = frozenset({"media_groups"})

    media_groups: Many[MediaGroup] = ()


class Replica(Tolerant):
    """A replica, by the members that identify it."""

    decisive: ClassVar[frozenset[str]] = frozenset({"uuid"})

    uuid: str
    name: str | None = None
    slug: str | None = None
    owner_id: str | None = Field(default=None, alias="ownerID")


class ReplicaPage(Tolerant):
    """A page of replicas."""

    decisive: ClassVar[frozenset[str]] = frozenset({"items", "total"})

    items: Many[Replica] = ()
    total: Whole | None = None


class Reply(Tolerant):
    """What a replica says."""

    decisive: ClassVar[frozenset[str]] = frozenset({"content"})

    content: str | None = None
    success: Any = None
