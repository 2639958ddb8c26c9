"""A knowledge-base entry as the rest of the house sees it, whichever API generation told it; no pydantic here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider.sync.documents import Deletion as Deletion

if TYPE_CHECKING:
    from airflow_provider.vendors.sensay.models import KnowledgeBaseEntry
    from airflow_provider.vendors.sensay.training_models import TrainingEntry


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One entry; None where the generation, or the answer, lacks the member.

    :param status: the vendor's own word; the generations have different ones
    :param updated_at: the vendor's text; compare it with itself, never with our clock
    :param raw_text: may be truncated for large entries; the list of the current generation leaves it out
    :param error_message: what the vendor says went wrong, whatever the status (current generation only)
    :param has_error: the answer carries an ``error`` object, even one without words
    :param source: the whole answer, as the generation has it
    """

    id: int
    status: str | None = None
    updated_at: str | None = None
    type: str | None = None
    title: str | None = None
    raw_text: str | None = field(default=None, repr=False)
    processed_text: str | None = field(default=None, repr=False)
    error_message: str | None = None
    has_error: bool = False
    url: str | None = None
    filename: str | None = None
    replica_uuid: str | None = None
    created_at: str | None = None
    source: KnowledgeBaseEntry | TrainingEntry | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EntryPage:
    """
    One page of entries.

    :param total: how many there are in all; None: the generation does not say, a short page is the last
    """

    items: tuple[Entry, ...]
    total: int | None


@dataclass(frozen=True, slots=True)
class FileSlot:
    """
    A file entry that waits for its bytes.

    :param signed_url: where to PUT them; a secret while it lives
    """

    entry_id: int | None
    signed_url: str | None = field(repr=False)
