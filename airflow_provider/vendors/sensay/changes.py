"""Sensay: which entries of a knowledge base have changed since we last told?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider.refresh.observation import Observation, Phase, later
from airflow_provider.vendors.sensay.entry import READY, RULES, VECTOR_CREATED

#: Entries that a cursor names, and that an event names; both are stored.
_REMEMBERED, _NAMED = 500, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesCursor:
    """
    How far a watcher of entries has told.

    :param marker: the latest of a usable entry
    :param working: entries that were in work
    :param early: entries told at ``VECTOR_CREATED``, whose ``READY`` is to come and is no news
    :param last_id: the highest id seen
    :param ids: digest of the ids up to that one
    """

    marker: str | None = None
    working: tuple[int, ...] = ()
    early: tuple[int, ...] = ()
    last_id: int = 0
    ids: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """
    What is new among entries.

    :param entries: ids that became ready with new content
    :param deleted: an entry that was there is gone
    """

    entries: tuple[int, ...] = ()
    deleted: bool = False

    def __bool__(self) -> bool:
        return bool(self.entries) or self.deleted

    @property
    def named(self) -> list[int]:
        """The first of the ids; an event is stored."""
        return list(self.entries[:_NAMED])


def entries_changed(
    cursor: EntriesCursor | None, entries: Mapping[int, Observation]
) -> tuple[EntriesCursor, Changes]:
    """
    Take one look at all watched entries; return the new cursor, and what has changed since the old one.

    An entry in work is told when it is ready. The first look of all tells nothing.
    """
    before = cursor or EntriesCursor(marker=_latest(None, entries.values()), last_id=max(entries, default=0))
    changed: list[int] = []
    working: list[int] = []
    early: list[int] = []
    for id_, seen in sorted(entries.items()):
        if RULES.busy(seen):
            working.append(id_)
            continue
        if seen.phase is not Phase.SUCCEEDED:
            continue
        half_told = id_ in before.early and id_ not in before.working
        news = id_ in before.working or later(seen.marker, before.marker)
        if seen.status == VECTOR_CREATED and (news or half_told):
            early.append(id_)
        if news and not (half_told and seen.status in (READY, VECTOR_CREATED)):
            changed.append(id_)
    last_id = max(before.last_id, max(entries, default=0))
    after = EntriesCursor(
        marker=_latest(before.marker, entries.values()),
        working=tuple(working[:_REMEMBERED]),
        early=tuple(early[:_REMEMBERED]),
        last_id=last_id,
        ids=_digest(entries, last_id),
    )
    gone = cursor is not None and _digest(entries, cursor.last_id) != cursor.ids
    return after, Changes(entries=tuple(changed) if cursor is not None else (), deleted=gone)


def _latest(marker: str | None, entries: Iterable[Observation]) -> str | None:
    """Return the latest marker of the usable ones."""
    for seen in entries:
        if seen.phase is Phase.SUCCEEDED and later(seen.marker, marker):
            marker = seen.marker
    return marker


def _digest(ids: Iterable[int], last_id: int) -> str:
    known = ",".join(str(id_) for id_ in sorted(ids) if id_ <= last_id)
    return hashlib.sha256(known.encode()).hexdigest()[:16]
