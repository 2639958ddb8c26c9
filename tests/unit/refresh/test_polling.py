"""Which requests a round costs, and that nobody is forgotten: the planner against made-up vendors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.triggerer.rounds import Knowledge, Page, Round, believable
from tests.unit.refresh.scenes import NEW, NEWER, OLD, entry

STEPS = ("NEW", "RAW_TEXT", "PROCESSED_TEXT")
STATUSES = (*STEPS, "READY")


@dataclass(frozen=True)
class EntryList:
    """A entry_list whose pages are as long as a test wants them."""

    page_size: int = 10
    steps: tuple[str, ...] = STEPS

    def page(self, status: str | None, number: int) -> Any:
        raise NotImplementedError

    def listed(self, answer: Any) -> tuple[Mapping[Any, Any], int, int | None]:
        raise NotImplementedError


@dataclass
class Vendor:
    """
    A replica, and what its list says.

    :param entries: the status of each id, oldest first
    :param tells_total: the older generation does not
    """

    entries: dict[int, str]
    tells_total: bool = True
    entry_list: EntryList = field(default_factory=EntryList)

    def ids(self, status: str | None) -> list[int]:
        return [id_ for id_, now in self.entries.items() if status in (None, now)]

    def pages(self, status: str | None) -> int:
        return max(1, ceil(len(self.ids(status)) / self.entry_list.page_size))

    def show(self, page: Page) -> tuple[list[int], int, int | None]:
        ids, size = self.ids(page.status), self.entry_list.page_size
        shown = ids[(page.number - 1) * size : page.number * size]
        return shown, len(shown), len(ids) if self.tells_total else None

    @property
    def all_known(self) -> Knowledge:
        """What somebody would know who has read every list to its end."""
        return Knowledge({status: self.pages(status) for status in (None, *self.entry_list.steps)}, since=0.0)

    def cheapest(self, waiting: Mapping[int, str | None]) -> int:
        """Requests of the better of the two plain plans: one by one, or the whole list."""
        return min(len(waiting), self.pages(None))


def walk(round_: Round, vendor: Vendor, abreast: int = 1) -> Iterator[Page]:
    """Read what a round asks for."""
    while pages := round_.next_pages(abreast):
        for page in pages:
            round_.took(page, *vendor.show(page))
            yield page


def cost(round_: Round, vendor: Vendor, abreast: int = 1) -> int:
    """Requests of a whole round."""
    return len(list(walk(round_, vendor, abreast))) + len(round_.missing)


vendors = st.builds(
    Vendor,
    st.lists(st.sampled_from(STATUSES), max_size=120).map(lambda now: dict(enumerate(now, 1))),
    st.booleans(),
)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Vendor, dict[int, str | None]]:
    """A vendor, and who waits; most were last seen where they are, some have moved or are not there at all."""
    vendor = draw(vendors)
    waiting: dict[int, str | None] = {}
    for id_ in draw(st.sets(st.integers(1, 140), max_size=140)):
        now = vendor.entries.get(id_)
        waiting[id_] = draw(st.one_of(st.just(now), st.just(now), st.sampled_from((*STATUSES, None))))
    return vendor, waiting


# --- everybody, once ---------------------------------------------------------------------------------------


@given(scenes())
def test_every_waiting_id_is_shown_by_a_page_or_left_to_be_read_alone_and_never_both(
    scene: tuple[Vendor, dict[int, str | None]],
) -> None:
    vendor, waiting = scene
    round_ = Round(waiting, Knowledge(), vendor.entry_list)
    shown: list[int] = []
    while (page := round_.next_page()) is not None:
        ids, count, total = vendor.show(page)
        shown += [id_ for id_ in ids if id_ in round_.missing]
        round_.took(page, ids, count, total)
    assert sorted([*shown, *round_.missing]) == sorted(waiting)


@given(scenes(), st.integers(1, 5))
def test_no_page_is_read_twice_and_each_list_is_read_from_its_beginning(
    scene: tuple[Vendor, dict[int, str | None]], abreast: int
) -> None:
    vendor, waiting = scene
    pages = list(walk(Round(waiting, Knowledge(), vendor.entry_list), vendor, abreast))
    assert len(set(pages)) == len(pages)
    for status in {page.status for page in pages}:
        numbers = [page.number for page in pages if page.status == status]
        assert numbers == list(range(1, len(numbers) + 1))


def test_nobody_waiting_costs_nothing() -> None:
    assert Round({}, Knowledge(), EntryList()).next_page() is None


def test_one_alone_is_never_worth_a_page() -> None:
    assert Round({1: "RAW_TEXT"}, Knowledge(), EntryList()).next_page() is None


# --- what it costs -----------------------------------------------------------------------------------------


@given(vendors, st.data(), st.integers(1, 5))
def test_a_round_costs_no_more_than_the_cheaper_plan_once_the_lists_are_known(
    vendor: Vendor, data: st.DataObject, abreast: int
) -> None:
    ids = data.draw(st.sets(st.sampled_from(sorted(vendor.entries) or [0])))
    waiting = {id_: vendor.entries.get(id_) for id_ in ids}
    assert cost(Round(waiting, vendor.all_known, vendor.entry_list), vendor, abreast) <= vendor.cheapest(
        waiting
    )


@given(vendors, st.data())
def test_learning_the_lists_costs_one_page_each_at_most(vendor: Vendor, data: st.DataObject) -> None:
    vendor.tells_total = True
    ids = data.draw(st.sets(st.sampled_from(sorted(vendor.entries) or [0])))
    waiting = {id_: vendor.entries.get(id_) for id_ in ids}
    probes = len({waiting[id_] for id_ in ids} & set(STEPS)) + 1
    assert cost(Round(waiting, Knowledge(), vendor.entry_list), vendor) <= vendor.cheapest(waiting) + probes


@given(scenes(), st.floats(0.0, 1.0), st.integers(1, 5))
def test_whatever_has_moved_meanwhile_a_round_costs_at_most_twice_the_single_reads(
    scene: tuple[Vendor, dict[int, str | None]], leavers: float, abreast: int
) -> None:
    vendor, waiting = scene
    known = Knowledge(vendor.all_known.pages, leavers, since=0.0)
    assert cost(Round(waiting, known, vendor.entry_list), vendor, abreast) <= 2 * len(waiting)


def test_a_hundred_waits_among_twenty_thousand_finished_entries_cost_the_pages_in_progress() -> None:
    entries = dict.fromkeys(range(1, 20_001), "READY") | dict.fromkeys(range(20_001, 20_101), "RAW_TEXT")
    vendor = Vendor(entries, entry_list=EntryList(page_size=100))
    waiting: dict[int, str | None] = dict.fromkeys(range(20_001, 20_101), "RAW_TEXT")
    first = Round(waiting, Knowledge(), vendor.entry_list)
    assert list(walk(first, vendor)) == [Page(None, 1), Page("RAW_TEXT", 1)]
    assert cost(Round(waiting, first.known, vendor.entry_list), vendor) == 1


def test_of_those_the_ones_that_left_are_read_alone_after_one_page_has_told_how_long_the_whole_list_is() -> (
    None
):
    entries = dict.fromkeys(range(1, 20_001), "READY") | dict.fromkeys(range(20_001, 20_091), "RAW_TEXT")
    vendor = Vendor(
        entries | dict.fromkeys(range(20_091, 20_101), "READY"), entry_list=EntryList(page_size=100)
    )
    waiting: dict[int, str | None] = dict.fromkeys(range(20_001, 20_101), "RAW_TEXT")
    first = Round(waiting, Knowledge(), vendor.entry_list)
    assert cost(first, vendor) == 1 + 1 + 10
    assert cost(Round(waiting, first.known, vendor.entry_list), vendor) == 1 + 10


def test_waits_never_seen_before_are_read_by_the_whole_list_if_it_is_short_enough() -> None:
    vendor = Vendor(dict.fromkeys(range(1, 41), "RAW_TEXT"))
    assert cost(Round(dict.fromkeys(range(1, 41), None), Knowledge(), vendor.entry_list), vendor) == 4


def test_a_few_waits_in_a_long_list_of_their_status_are_read_alone_while_another_status_is_listed() -> None:
    entries = dict.fromkeys(range(1, 601), "NEW") | dict.fromkeys(range(601, 606), "RAW_TEXT")
    vendor = Vendor(entries)
    waiting: dict[int, str | None] = {1: "NEW", 2: "NEW", **dict.fromkeys(range(601, 606), "RAW_TEXT")}
    pages = list(walk(round_ := Round(waiting, vendor.all_known, vendor.entry_list), vendor))
    assert pages == [Page("RAW_TEXT", 1)]
    assert set(round_.missing) == {1, 2}


def test_a_herd_that_moved_on_together_is_found_one_step_further() -> None:
    finished = dict.fromkeys(range(1, 5_001), "READY")
    vendor = Vendor(finished | dict.fromkeys(range(5_001, 5_101), "RAW_TEXT"))
    waiting: dict[int, str | None] = dict.fromkeys(range(5_001, 5_101), "NEW")
    pages = list(walk(round_ := Round(waiting, vendor.all_known, vendor.entry_list), vendor))
    assert pages == [Page("NEW", 1), *(Page("RAW_TEXT", number) for number in range(1, 11))]
    assert not round_.missing


# --- what lists say, and what becomes of it ----------------------------------------------------------------


@given(
    st.integers(0, 200),
    st.sampled_from((0, 3, 10)),
    st.sampled_from((None, 0, 5, 10, 10**12)),
    st.booleans(),
)
def test_a_list_that_lies_ends_and_costs_at_most_twice_the_single_reads(
    waits: int, shown: int, total: int | None, just_one_more: bool
) -> None:
    """Empty pages, full pages without end, totals too small, too large and always one page ahead."""
    round_ = Round(dict.fromkeys(range(waits), "RAW_TEXT"), Knowledge(), EntryList())
    asked = 0
    while (page := round_.next_page()) is not None:
        asked += 1
        round_.took(page, (), shown, 10 * (page.number + 1) if just_one_more else total)
    assert asked + len(round_.missing) <= 2 * waits


def test_pages_are_read_abreast_once_the_vendor_has_told_how_many_there_are() -> None:
    vendor = Vendor(dict.fromkeys(range(1, 101), "RAW_TEXT"))
    round_ = Round(dict.fromkeys(range(1, 101), "RAW_TEXT"), Knowledge(), vendor.entry_list)
    counts = []
    while pages := round_.next_pages(4):
        counts.append(len(pages))
        for page in pages:
            round_.took(page, *vendor.show(page))
    assert counts == [1, 4, 4, 1]


def test_a_list_without_a_total_is_given_up_once_it_is_longer_than_it_can_save() -> None:
    vendor = Vendor(dict.fromkeys(range(1, 5_001), "RAW_TEXT"), tells_total=False)
    waiting: dict[int, str | None] = {1: "RAW_TEXT", **dict.fromkeys(range(4_980, 4_990), "RAW_TEXT")}
    known, costs = Knowledge(since=0.0), []
    for _ in range(6):
        round_ = Round(waiting, known.at(60.0), vendor.entry_list)
        costs.append(cost(round_, vendor))
        known = round_.known
    assert max(costs) <= 2 * len(waiting)
    assert costs[-1] == len(waiting)


def test_a_list_that_the_vendor_refuses_is_left_alone_for_a_while() -> None:
    waiting = dict.fromkeys(range(1, 31), "RAW_TEXT")
    first = Round(waiting, Knowledge(since=0.0), EntryList())
    while (page := first.next_page()) is not None:
        first.refused(page)
    assert len(first.missing) == 30
    assert Round(waiting, first.known.at(60.0), EntryList()).next_page() is None
    assert Round(waiting, first.known.at(3600.0), EntryList()).next_page() is not None


def test_what_was_learnt_of_lists_is_doubted_after_a_while() -> None:
    known = Knowledge({None: 200, "NEW": 60}, leavers=0.9, since=100.0)
    assert known.at(101.0) is known
    assert known.at(10_000.0) == Knowledge(since=10_000.0)


def test_the_share_that_leaves_their_lists_is_learnt() -> None:
    vendor = Vendor(dict.fromkeys(range(1, 16), "RAW_TEXT") | dict.fromkeys(range(16, 901), "READY"))
    waiting: dict[int, str | None] = dict.fromkeys(range(1, 21), "RAW_TEXT")
    round_ = Round(waiting, Knowledge(vendor.all_known.pages, leavers=0.0), vendor.entry_list)
    list(walk(round_, vendor))
    assert round_.known.leavers == pytest.approx(0.125)


def test_after_a_hasty_hour_the_lists_of_the_statuses_are_tried_again() -> None:
    finished = dict.fromkeys(range(1, 401), "READY")
    vendor = Vendor(finished | dict.fromkeys(range(401, 451), "RAW_TEXT"))
    waiting: dict[int, str | None] = dict.fromkeys(range(401, 451), "RAW_TEXT")
    known, costs = Knowledge(vendor.all_known.pages, leavers=1.0, since=0.0), []
    for _ in range(12):
        round_ = Round(waiting, known, vendor.entry_list)
        costs.append(cost(round_, vendor))
        known = round_.known
    assert costs[0] == 45
    assert costs[-1] == 5


# --- a list that is behind ---------------------------------------------------------------------------------


def test_an_old_end_in_a_list_is_not_believed_over_the_single_read_that_saw_the_run_at_work() -> None:
    assert not believable(entry("READY", OLD), "RAW_TEXT", NEW)


def test_a_change_of_status_without_a_later_marker_is_read_again() -> None:
    assert not believable(entry("READY", NEW), "RAW_TEXT", NEW)
    assert not believable(entry("READY", None), "RAW_TEXT", NEW)
    assert not believable(entry("READY", NEW), "RAW_TEXT", None)


def test_what_moved_on_with_a_later_marker_is_believed() -> None:
    assert believable(entry("READY", NEWER), "RAW_TEXT", NEW)


def test_the_same_status_is_nothing_new_however_the_list_spells_its_time() -> None:
    assert believable(entry("RAW_TEXT", NEW), "RAW_TEXT", NEW)
    assert believable(entry("RAW_TEXT", NEW.replace("Z", "+00:00")), "RAW_TEXT", NEW)
    assert believable(entry("RAW_TEXT", None), "RAW_TEXT", NEW)
    assert believable(entry("RAW_TEXT", NEW), "RAW_TEXT", None)


def test_to_whom_nothing_is_known_the_list_is_as_good_as_any() -> None:
    assert believable(entry("READY", OLD), None, None)
