"""
What to read for many waits at once: one by one, by a filtered list, or by the whole list.

Pure: from who waits for what, what is known of the list, and nothing else.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil
from typing import Any, Protocol

#: After so many rounds a known total is doubted: entries come and go.
_BELIEF = 50

#: How much of the newest round goes into the expected share of leavers.
_FRESHNESS = 0.5


class Shelf(Protocol):
    """Targets that one list request can show many of; hashable."""

    @property
    def page_size(self) -> int:
        """The most that one request shows."""

    def page(self, status: str | None, number: int) -> Any:
        """Describe the request for one page, oldest first; ``status`` narrows it to one."""

    def listed(self, answer: Any) -> tuple[Mapping[Hashable, Any], int, int | None]:
        """Read a page: what it shows by its id, how many items it had, and the vendor's total if it tells one."""

    def moving(self, status: str | None) -> bool:
        """Is this an in-progress status, by which the list can be narrowed?"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody waits for this id, whose status was last this one (None: never seen)."""

    id: Hashable
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """
    What earlier rounds taught about a list.

    :param total: entries in the whole list; at least so many where the vendor tells no total
    :param pages: pages in the list of each status
    :param leavers: share of the waiting ids that were in no filtered list of their statuses
    :param rounds: rounds since the total was learnt
    """

    total: int | None = None
    pages: Mapping[str, int] = field(default_factory=dict)
    leavers: float = 0.0
    rounds: int = 0

    def after_round(self) -> Knowledge:
        """Age by one round; a total that is too old is forgotten."""
        if self.rounds + 1 >= _BELIEF:
            return replace(self, total=None, rounds=0)
        return replace(self, rounds=self.rounds + 1)

    def with_total(self, total: int) -> Knowledge:
        """Learn the size of the whole list."""
        return replace(self, total=total, rounds=0)

    def with_pages(self, status: str, pages: int) -> Knowledge:
        """Learn the size of one status' list."""
        return replace(self, pages={**self.pages, status: pages})

    def with_leavers(self, missing: int, waiting: int) -> Knowledge:
        """Learn how many had left the lists they were expected in."""
        share = missing / waiting if waiting else 0.0
        return replace(self, leavers=self.leavers + _FRESHNESS * (share - self.leavers))


class Way(StrEnum):
    """How to read a shelf."""

    SINGLE = "single"
    FILTERED = "filtered"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A way, with the requests it is expected to cost.

    :param statuses: the lists to read, for :attr:`Way.FILTERED`
    """

    way: Way
    cost: float
    statuses: tuple[str, ...] = ()


def plan(waiting: Sequence[Waiting], known: Knowledge, shelf: Shelf) -> Plan:
    """
    Choose the cheapest way to read all these ids once.

    An unknown size counts as one page: the first page tells it, and :func:`go_on` stops a walk that turns
    out dearer than the rest read singly.
    """
    size = shelf.page_size
    count = len({each.id for each in waiting})
    plans = [Plan(Way.SINGLE, count), Plan(Way.WHOLE, whole_cost(known, size))]
    statuses = _in_order(each.status for each in waiting if shelf.moving(each.status))
    if statuses:
        moving = len({each.id for each in waiting if shelf.moving(each.status)})
        pages = sum(_pages(status, waiting, known, size) for status in statuses)
        rest = (count - moving) + known.leavers * moving
        plans.append(Plan(Way.FILTERED, pages + min(rest, whole_cost(known, size)), statuses))
    return min(plans, key=lambda each: each.cost)


def plan_rest(missing: int, known: Knowledge, shelf: Shelf) -> Way:
    """Choose how to read what was in no filtered list."""
    return Way.SINGLE if missing <= whole_cost(known, shelf.page_size) else Way.WHOLE


def go_on(page: int, missing: int, pages: int | None) -> bool:
    """
    Is the next page of a walk worth it, or is it cheaper to read the rest one by one?

    :param page: pages read so far
    :param missing: ids that none of them showed
    :param pages: pages of the list, None where the vendor does not tell
    """
    left = 1 if pages is None else pages - page
    walked_too_far = pages is None and page >= missing
    return 0 < left <= missing and not walked_too_far


def whole_cost(known: Knowledge, size: int) -> int:
    """Return the requests that a walk over the whole list costs."""
    return 1 if known.total is None else max(1, ceil(known.total / size))


def _pages(status: str, waiting: Sequence[Waiting], known: Knowledge, size: int) -> int:
    here = len({each.id for each in waiting if each.status == status})
    return max(1, ceil(here / size), known.pages.get(status, 0))


def _in_order(statuses: Iterable[str | None]) -> tuple[str, ...]:
    """Return the distinct statuses, earliest step first: what moves on meanwhile is seen in the later list."""
    found = {status for status in statuses if status is not None}
    return tuple(sorted(found, key=lambda status: (_STEPS.get(status, len(_STEPS)), status)))


_PIPELINE = (
    "NEW",
    "BLANK",
    "AWAITING_UPLOAD",
    "FILE_UPLOADED",
    "SUPABASE_ONLY",
    "RAW_TEXT",
    "PROCESSING",
    "PROCESSED_TEXT",
)
_STEPS = {status: step for step, status in enumerate(_PIPELINE)}
