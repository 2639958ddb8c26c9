"""What Sensay's older generation answers, in snake case; https://docs.sensay.io/operation/operation-get-v1-training-parameter."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AliasChoices, ConfigDict, Field

from airflow_provider.http.payload import Many, Tolerant, Whole, plain
from airflow_provider.vendors.sensay.values import Entry


class TrainingStatus(StrEnum):
    """How far an entry is; ``BLANK`` and ``AWAITING_UPLOAD`` wait for the caller, not for the vendor."""

    BLANK = "BLANK"
    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    SUPABASE_ONLY = "SUPABASE_ONLY"
    PROCESSING = "PROCESSING"
    READY = "READY"
    SYNC_ERROR = "SYNC_ERROR"
    ERR_FILE_PROCESSING = "ERR_FILE_PROCESSING"
    ERR_TEXT_PROCESSING = "ERR_TEXT_PROCESSING"
    ERR_TEXT_TO_VECTOR = "ERR_TEXT_TO_VECTOR"


class TrainingType(StrEnum):
    """What an entry was made from."""

    FILE_UPLOAD = "file_upload"
    URL = "url"
    TRAINING_HISTORY = "training_history"
    TEXT = "text"


# left_to_right: an unknown member falls through to the text it is.
TrainingStatusOrText = Annotated[TrainingStatus | str | None, Field(union_mode="left_to_right")]
TrainingTypeOrText = Annotated[TrainingType | str | None, Field(union_mode="left_to_right")]


class TrainingEntry(Tolerant):
    """An entry; this generation tells no error text."""

    decisive: ClassVar[frozenset[str]] = frozenset({"id", "status", "updated_at"})

    model_config = ConfigDict(alias_generator=None)

    id: Whole
    replica_uuid: str | None = None
    type: TrainingTypeOrText = None
    filename: str | None = None
    url: str | None = None
    status: TrainingStatusOrText = None
    raw_text: str | None = Field(default=None, repr=False)
    processed_text: str | None = Field(default=None, repr=False)
    created_at: str | None = None
    updated_at: str | None = None
    title: str | None = None
    description: str | None = None

    def entry(self) -> Entry:
        """Return the view that both generations share."""
        return Entry(
            id=self.id,
            status=plain(self.status),
            updated_at=self.updated_at,
            created_at=self.created_at,
            type=plain(self.type),
            title=self.title,
            raw_text=self.raw_text,
            processed_text=self.processed_text,
            url=self.url,
            filename=self.filename,
            replica_uuid=self.replica_uuid,
            source=self,
        )


class TrainingPage(Tolerant):
    """A page of entries of the whole organization; there is no total."""

    decisive: ClassVar[frozenset[str]] = frozenset({"items"})

    items: Many[TrainingEntry] = ()


class CreateReceipt(Tolerant):
    """The id of a new, empty entry; it was ``kb_id`` before 2025-04-17."""

    decisive: ClassVar[frozenset[str]] = frozenset({"knowledge_base_id"})

    knowledge_base_id: Whole = Field(validation_alias=AliasChoices("knowledgeBaseID", "kb_id"))


class UploadReceipt(Tolerant):
    """A new file entry and where to PUT its bytes; only ``success`` is promised."""

    decisive: ClassVar[frozenset[str]] = frozenset({"signed_url", "knowledge_base_id"})

    signed_url: str | None = Field(default=None, alias="signedURL", repr=False)
    knowledge_base_id: Whole | None = Field(default=None, alias="knowledgeBaseID")
