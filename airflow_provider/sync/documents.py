"""The two sides of a sync: what the source wants, and what the vendor holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.sources.values import Skip


class Kind(StrEnum):
    """How a document is given to the vendor."""

    TEXT = "text"
    FILE = "file"
    URL = "url"


#: The source was not read whole: what seems gone may only be out of sight.
UNREAD = frozenset({Skip.VANISHED, Skip.UNREADABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    One document of the source, without its content.

    :param key: the source's own name for it, NFC
    :param key_hash: what stands for the key in the mark
    :param title: as shown in front of the mark
    :param digest: hash of what would be sent; empty where it is skipped
    :param url: the address, where that is the content
    :param size: bytes
    :param detail: what is wrong with it, in words
    :param metadata: what else the source knows of it
    """

    key: str
    key_hash: str
    title: str
    kind: Kind = Kind.TEXT
    digest: str = ""
    url: str | None = None
    size: int = 0
    skip: Skip | None = None
    detail: str = ""
    metadata: Mapping[str, Any] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    One entry that the vendor holds for this sync.

    :param id: the vendor's id
    :param title: without the mark
    :param made: when the vendor made it, in its own words
    :param kind: None where the vendor names one that we never send
    :param sync_id: the sync whose mark it bears; empty: it bears nobody's
    :param source: the tag of the source that it was read from, where its mark has one
    :param text: its text, where it was read for it
    """

    id: int | str
    key_hash: str
    digest: str
    title: str
    kind: Kind | None
    seen: Observation
    url: str | None = None
    made: str = ""
    sync_id: str = ""
    source: str = ""
    text: str | None = field(default=None, repr=False, compare=False)

    @property
    def usable(self) -> bool:
        """Can the replica answer from it?"""
        return self.seen.phase is Phase.SUCCEEDED

    @property
    def failed(self) -> bool:
        """Has the vendor given up on it?"""
        return self.seen.phase is Phase.FAILED

    @property
    def stuck(self) -> bool:
        """Unfinished, with an error: it may never move again, and a write repairs it."""
        return bool(self.seen.error) and not self.seen.ended

    @property
    def awaits_upload(self) -> bool:
        """Its file has not come; a process that died took the upload URL with it."""
        return self.seen.idle

    @property
    def working(self) -> bool:
        """On its way: it counts as present, and as not yet told."""
        return not self.seen.ended and not self.stuck

    @property
    def age(self) -> tuple[int, str]:
        """Order by which the vendor made its entries, as far as ids and its own times tell."""
        text = str(self.id)
        return (int(text), "") if text.isdecimal() else (0, self.made)


def version_of(contents: Iterable[tuple[str, str]]) -> str:
    """
    Return a name for a whole knowledge base: equal for equal keys and contents, whatever their order.

    :param contents: key hash and digest of each document
    """
    import hashlib

    lines = "\n".join(sorted(f"{key}.{digest}" for key, digest in contents))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


class Deletion(StrEnum):
    """How a delete ended."""

    DELETED = "deleted"
    ACCEPTED = "accepted"
    """Removal goes on for up to 24 hours, in which the old text may still be answered from."""
