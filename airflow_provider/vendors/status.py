"""What a vendor tells the command line: a row for each target, and one for each document."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider.refresh.observation import Phase


class State(StrEnum):
    """How an agent or replica is, in one word for both vendors."""

    READY = "ready"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A status that nobody listed, or none; never taken for ready."""


STATES = {
    Phase.QUEUED: State.IN_PROGRESS,
    Phase.RUNNING: State.IN_PROGRESS,
    Phase.SUCCEEDED: State.READY,
    Phase.FAILED: State.FAILED,
    Phase.UNKNOWN: State.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One agent or replica, as it was read.

    :param status: the vendor's own word; a replica has none of its own
    :param last_refresh: the vendor's own time
    :param counts: pages, chunks and documents of an agent; entries of a replica, in all and by state
    :param note: what is wrong, in the vendor's words
    """

    connection: str
    vendor: str
    kind: str
    id: str
    name: str | None
    state: State
    status: str | None = None
    last_refresh: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """
    One document of a target, as the vendor shows it.

    :param target: the target's key
    :param sync_id: the sync whose mark it bears, if any
    :param note: what is wrong, in the vendor's words
    """

    connection: str
    target: str
    id: str
    title: str
    state: State
    status: str | None = None
    sync_id: str | None = None
    updated: str | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {name: getattr(self, name) for name in self.__slots__}


class Wanted:
    """
    Which agents and replicas are asked for.

    :param ids: none: all of them
    """

    def __init__(self, ids: Collection[str] = ()) -> None:
        self._ids = {each.strip().lower() for each in ids}
        self._found: set[str] = set()

    def __contains__(self, target: object) -> bool:
        key = str(target).lower()
        self._found.add(key)
        return not self._ids or key in self._ids

    @property
    def missing(self) -> list[str]:
        """The ids that no connection listed."""
        return sorted(self._ids - self._found)
