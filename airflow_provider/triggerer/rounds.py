"""
What to read for many waits at once: one by one, by the lists of their statuses, or by the whole list.

Pure: from who waits for what and what is known of the lists, and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

from airflow_provider.refresh.observation import EntryList, Observation, later

#: Seconds for which anything learnt of lists is believed: entries come and go.
_BELIEF = 600.0

#: How much of the newest round goes into the expected share of leavers.
_FRESHNESS = 0.5

#: The share that is expected to leave before anything was learnt.
_LEAVERS = 0.05

#: What remains of the expected share after a round that learnt none: else one hasty hour would rule out the
#: lists of the statuses for ever.
_FORGIVENESS = 0.8

#: From so many ids on that left their list, it is worth a page to see whether they are one step further.
_HERD = 10


#: The length of a list that the vendor refused: no number of ids makes it worth a page.
_NEVER = 1 << 60


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list of a status; None is the whole list. The first page is 1."""

    status: str | None
    number: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """
    What earlier rounds taught about a entry_list.

    :param pages: how long each list is; one that is missing here is thought to be as short as it can be
    :param leavers: share of the ids that were no longer in the list of the status they were last seen in
    :param since: when this began to be learnt, in seconds
    """

    pages: Mapping[str | None, int] = field(default_factory=dict)
    leavers: float = _LEAVERS
    since: float = -inf

    def at(self, now: float) -> Knowledge:
        """Return what is still believed: all of it, or after a while nothing."""
        return self if now - self.since < _BELIEF else Knowledge(since=now)


class Round:
    """
    One reading of some ids of one entry_list: which page is worth its request, until the rest is cheaper read
    one by one.

    Before each page the three ways are compared anew. A length that is not known costs one page to learn.

    :param last: the ids, with the status each was last seen in (None: never seen)
    """

    def __init__(self, last: Mapping[Any, str | None], known: Knowledge, entry_list: EntryList) -> None:
        self._list = entry_list
        self._known = known
        self._missing = dict(last)
        self._here = Counter(last.values())
        self._began = Counter(self._here)
        self._pages = dict(known.pages)
        self._read: Counter[str | None] = Counter()
        self._over: set[str | None] = set()
        self._with_total: set[str | None] = set()
        self._budget = len(last)
        self._walked = self._left_list = 0

    @property
    def missing(self) -> Collection[Any]:
        """The ids that no page has shown yet."""
        return self._missing.keys()

    @property
    def known(self) -> Knowledge:
        """What is known now, for the next round."""
        leavers = self._known.leavers
        if self._walked:
            leavers += _FRESHNESS * (self._left_list / self._walked - leavers)
        else:
            leavers *= _FORGIVENESS
        return Knowledge(self._pages, leavers, self._known.since)

    def next_pages(self, most: int) -> list[Page]:
        """
        Return pages to read at the same time, of one list; empty: read what is missing one by one.

        More than one only of a list whose length is known.
        """
        page = self.next_page()
        if page is None:
            return []
        left = (
            self._pages.get(page.status, 0) - self._read[page.status]
            if page.status in self._with_total
            else 1
        )
        abreast = max(1, min(most, left, self._budget - self._read.total()))
        return [Page(page.status, page.number + further) for further in range(abreast)]

    def next_page(self) -> Page | None:
        """Return the page to read next; None: read what is missing one by one."""
        if self._read.total() >= self._budget:  # whatever the lists tell of their length
            return None
        count = len(self._missing)
        whole = self._left(None, count)
        expected = self._expected()
        lists = [step for step, ids in expected.items() if self._left(step, ids) < ids]
        listed = min(count, sum(expected[step] for step in lists))
        rest = count - listed + self._known.leavers * listed
        filtered = (
            sum(self._left(step, expected[step]) for step in lists) + min(rest, whole) if lists else inf
        )
        if min(filtered, whole) >= count:
            return None
        # At a tie the whole list: in it nobody is missing who moved on meanwhile.
        return self._after(lists[0] if filtered < whole else None)

    def took(self, page: Page, ids: Iterable[Hashable], shown: int, total: int | None) -> None:
        """
        Take in what a page showed; pages read at the same time in their order.

        :param ids: whom it answered
        :param shown: how many items it had
        :param total: items in its list, if the vendor tells
        """
        self._read[page.status] += 1
        for id_ in ids:
            if id_ in self._missing:
                self._here[self._missing.pop(id_)] -= 1
        if page.status in self._over:
            return
        read, size = self._read[page.status], self._list.page_size
        if shown < size:
            pages = read
        elif total is not None:
            pages = max(1, ceil(total / size))
            self._with_total.add(page.status)
        else:  # at least as much again, for all we know
            known = self._pages.get(page.status, 0)
            pages = known if known > read else 2 * read
        self._pages[page.status] = pages
        if pages <= read:
            self._over.add(page.status)
            if page.status is not None:
                self._left_list += self._here[page.status]
                self._walked += self._began[page.status]

    def refused(self, page: Page) -> None:
        """Take in that the vendor does not show this list: it is left alone for a while."""
        self._pages[page.status] = _NEVER
        self._over.add(page.status)

    def _after(self, status: str | None) -> Page:
        return Page(status, self._read[status] + 1)

    def _left(self, status: str | None, ids: int) -> float:
        """Return how many pages of a list are still to be read, as far as is known."""
        if status in self._over:
            return inf
        known = self._pages.get(status, 0)
        return max(1, known - self._read[status]) if known else ceil(ids / self._list.page_size)

    def _expected(self) -> dict[str, int]:
        """Return how many ids may be in each list: those last seen there, and a herd that has moved on."""
        expected, herd = {}, 0
        for step in self._list.steps:
            if step in self._over:
                herd += self._here[step]
            elif ids := self._here[step] + (herd if herd > _HERD or self._read[step] else 0):
                expected[step] = ids
        return expected


def believable(seen: Observation, status: str | None, marker: str | None) -> bool:
    """
    May an entry be what a list shows, or is the list behind?

    A list may lag behind single reads; an old ``READY`` in it, after a single read that showed the run at
    work, would be taken for the end. So a change of status counts only with a later marker.

    :param status: seen last
    :param marker: seen last
    """
    if status is None and marker is None:
        return True
    if marker is not None and seen.marker is not None:
        if later(seen.marker, marker):
            return True
        if later(marker, seen.marker):
            return False
    return seen.status == status
