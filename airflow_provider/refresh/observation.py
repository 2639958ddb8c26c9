"""What one GET showed of a target."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from airflow_provider.texts import one_line

#: Characters by which one error text is told from another.
_ERROR_PREFIX = 24


class Phase(StrEnum):
    """Our reading of the vendor's status. ``UNKNOWN`` is never success."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """
    What one GET showed; small and plain JSON, since it travels in records, trigger arguments and results.

    :param status: the vendor's raw word, or None where the field was missing
    :param phase: our reading of it
    :param marker: the vendor's own sign that a run happened (``lastScrapedAt``, ``updatedAt``); only ever
        compared with the vendor's earlier value, never with our clock
    :param error: the vendor's error text, cut short
    :param progress: the vendor's raw number; logged, never decided on
    :param processing: documents in work, as short hashes of their keys, cut to the first few
    :param unlisted: how many more documents are in work
    :param failed_documents: names of documents that failed, cut to the first few
    :param counts: pages, chunks, documents
    :param readable: False if the answer held none of the fields that could ever show an end
    :param caveat: what a success lacks, in words: it may be switched off, or empty
    :param idle: the target waits for its caller (no text yet, no upload yet) and will not move by itself
    """

    status: str | None
    phase: Phase
    marker: str | None = None
    error: str | None = None
    progress: float | None = None
    processing: tuple[str, ...] = ()
    unlisted: int = 0
    failed_documents: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    readable: bool = True
    idle: bool = False
    caveat: str | None = None

    @property
    def ended(self) -> bool:
        """A terminal status, whoever it belongs to. ``completed`` while a document is processing is none."""
        return self.phase is Phase.FAILED or (self.phase is Phase.SUCCEEDED and not self.processing)

    @property
    def failure(self) -> tuple[str | None, str | None]:
        """Status and error, to tell one failure from another; the same for a :attr:`brief` observation."""
        return self.status, shorten(self.error, _ERROR_PREFIX)

    @property
    def brief(self) -> Observation:
        """What the rules ask of a baseline; small enough for a result."""
        return replace(
            self,
            error=shorten(self.error, _ERROR_PREFIX),
            progress=None,
            failed_documents=(),
            counts={},
            caveat=None,
        )

    @property
    def summary(self) -> str:
        """What is worth a log line when it changes; progress is not."""
        parts = [f"status={self.status or 'missing'}"]
        if self.processing:
            parts.append(f"documents_processing={len(self.processing) + self.unlisted}")
        if self.error:
            parts.append(f"error={self.error!r}")
        return " ".join(parts)

    def __str__(self) -> str:
        return self.summary if self.progress is None else f"{self.summary} progress={self.progress:g}"


class EntryList(Protocol):
    """Targets that one list request can show many of; hashable."""

    @property
    def page_size(self) -> int:
        """The most that one request shows."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The in-progress statuses by which the list can be narrowed, earliest first."""

    def page(self, status: str | None, number: int) -> Any:
        """Describe the request for one page, oldest first; ``status`` narrows it to one."""

    def listed(self, answer: Any) -> tuple[Mapping[Hashable, Any], int, int | None]:
        """Read a page: what it shows by its id, how many items it had, and the vendor's total if it tells one."""


class Target(Protocol):
    """What is refreshed, and how to look at it."""

    @property
    def vendor(self) -> str:
        """The vendor's word in results and metrics."""

    @property
    def label(self) -> str:
        """How the vendor writes its own name, for messages."""

    @property
    def key(self) -> str:
        """Names the target in records, Variables and results; the same for every way to reach it."""

    @property
    def short(self) -> str:
        """Names the target in messages, once its key was said: ``agent 664a…9d0e``."""

    @property
    def entry_list(self) -> EntryList | None:
        """The list that shows this target beside others, if there is one with a status for each."""

    @property
    def id(self) -> Hashable:
        """What the entry_list's list calls this target."""

    def read(self) -> Any:
        """Describe the GET that shows this target (a :class:`~airflow_provider.http.call.Call`)."""

    def observe(self, answer: Any) -> Observation:
        """Turn the answer of :meth:`read`, or what the entry_list listed for :attr:`id`, into an observation."""


def later(marker: str | None, than: str | None) -> bool:
    """
    Is one vendor time strictly later than another?

    A time without a zone is UTC; a bare number is the seconds, or milliseconds, since the epoch. What is no time is
    never later, and nothing is later than it. Any time is later than none.
    """
    if marker is None:
        return False
    one = _moment(marker)
    if than is None:
        return one is not None
    other = _moment(than)
    return one is not None and other is not None and one > other


def same_time(one: str | None, other: str | None) -> bool:
    """Are two vendor times the same instant, however they are written?"""
    if one is None or other is None or one == other:
        return one == other
    moment = _moment(one)
    return moment is not None and moment == _moment(other)


def _moment(text: str) -> datetime | None:
    try:
        if text.isascii() and text.isdecimal() and len(text) in (10, 13):
            return datetime.fromtimestamp(int(text) / (1000.0 if len(text) == 13 else 1.0), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def shorten(text: str | None, limit: int = 200) -> str | None:
    """Return a vendor's text as one printable line that fits records and log lines."""
    return None if text is None else one_line(text, limit) or ""
