"""Many waits, one poller, over real sockets: who is read how, and what becomes of each wait when things go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from airflow_provider.errors import (
    ApiError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from airflow_provider.refresh.observation import Observation
from airflow_provider.triggerer import poller
from airflow_provider.triggerer.subscription import Subscription
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation
from tests.integration.polling_vendor import REPLICA, Answer, Asked, Entry, Vendor, serving

PATIENCE = 20.0
SOON = 0.01


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """A vendor; afterwards nothing may be left open, and nothing running."""
    async with serving(Vendor()) as vendor:
        yield vendor
    assert asyncio.all_tasks() == {asyncio.current_task()}


def sit(
    vendor: Vendor, ids: Iterable[int], status: str | None = "RAW_TEXT", **settings: Any
) -> list[Subscription]:
    """Take a subscription for each entry, last seen in this status; the vendor has them in work."""
    subscriptions = []
    for id_ in ids:
        vendor.entries.setdefault(id_, Entry())
        target = EntryTarget(REPLICA, id_, Generation.KNOWLEDGE_BASE)
        subscriptions.append(poller.subscribe(vendor.settings(**settings), target, status))
    return subscriptions


async def look(
    subscriptions: Iterable[Subscription], pause: float = SOON
) -> list[Observation | BaseException]:
    """Let all look once; return what each was told."""
    return await asyncio.gather(
        *(subscription.observe(pause, PATIENCE) for subscription in subscriptions), return_exceptions=True
    )


def statuses(told: Iterable[Observation | BaseException]) -> list[str | None]:
    """The statuses told, in order; no error may be among them."""
    seen = list(told)
    assert not [each for each in seen if isinstance(each, BaseException)]
    return [each.status for each in seen if isinstance(each, Observation)]


def remember(vendor: Vendor) -> None:
    """Give the replica so many finished entries that only the lists of a status are worth reading."""
    vendor.entries = {id_: Entry("READY") for id_ in range(10_000, 40_000)}


def unsubscribe(subscriptions: Iterable[Subscription]) -> None:
    for subscription in subscriptions:
        subscription.unsubscribe()


# --- what is read ------------------------------------------------------------------------------------------


async def test_two_waits_on_one_entry_are_one_read(vendor: Vendor) -> None:
    subscriptions = [*sit(vendor, [7]), *sit(vendor, [7])]
    assert statuses(await look(subscriptions)) == ["RAW_TEXT", "RAW_TEXT"]
    assert vendor.singles == [7]
    unsubscribe(subscriptions)


async def test_many_waits_on_one_replica_are_read_by_the_list_of_their_status(vendor: Vendor) -> None:
    vendor.entries = {id_: Entry("READY") for id_ in range(1, 2_000)}
    subscriptions = sit(vendor, range(2_000, 2_250))
    assert set(statuses(await look(subscriptions))) == {"RAW_TEXT"}
    # The first page of the whole list tells how long that is.
    assert vendor.pages == [(None, 1), ("RAW_TEXT", 1), ("RAW_TEXT", 2), ("RAW_TEXT", 3)]
    assert vendor.singles == []
    unsubscribe(subscriptions)


async def test_who_left_the_list_of_its_status_is_read_alone(vendor: Vendor) -> None:
    vendor.entries = {id_: Entry("READY") for id_ in range(1, 2_000)}
    subscriptions = sit(vendor, range(2_000, 2_100))
    for id_ in (2_001, 2_050):
        vendor.entries[id_].becomes("READY")
    told = statuses(await look(subscriptions))
    assert [told[1], told[50]] == ["READY", "READY"]
    assert sorted(vendor.singles) == [2_001, 2_050]
    unsubscribe(subscriptions)


async def test_waits_with_their_own_intervals_fall_into_step_on_one_list(vendor: Vendor) -> None:
    subscriptions = sit(vendor, range(1, 31))
    pauses = [0.3 + 0.005 * number for number in range(30)]
    await asyncio.gather(
        *(
            subscription.observe(pause, PATIENCE)
            for subscription, pause in zip(subscriptions, pauses, strict=True)
        )
    )
    assert len(vendor.asked) == 1
    unsubscribe(subscriptions)


async def test_a_look_that_comes_due_while_its_shelf_is_being_read_is_not_forgotten(vendor: Vendor) -> None:
    vendor.delay = 0.2
    subscriptions = sit(vendor, range(1, 11))
    late = sit(vendor, [50, 51])
    first = asyncio.create_task(look(subscriptions, 0.0))
    await _until(lambda: bool(vendor.asked))
    assert statuses(await look(late, 0.23)) == ["RAW_TEXT", "RAW_TEXT"]
    assert len(statuses(await first)) == 10
    unsubscribe([*subscriptions, *late])


async def test_any_number_of_waits_uses_eight_connections_at_most(vendor: Vendor) -> None:
    vendor.script = lambda asked: None if asked.entry else Answer(400, {"success": False, "error": "No"})
    vendor.delay = 0.01
    subscriptions = sit(vendor, range(1, 201))
    assert len(statuses(await look(subscriptions))) == 200
    assert 1 < vendor.connections <= 8
    unsubscribe(subscriptions)


async def test_a_list_that_the_vendor_refuses_is_replaced_by_single_reads_and_not_asked_again(
    vendor: Vendor,
) -> None:
    vendor.script = lambda asked: None if asked.entry else Answer(400, {"success": False, "error": "No"})
    subscriptions = sit(vendor, range(1, 11))
    await look(subscriptions)
    refused = len(vendor.pages)
    assert len(statuses(await look(subscriptions))) == 10
    assert len(vendor.pages) == refused
    assert len(vendor.singles) == 20
    unsubscribe(subscriptions)


# --- lists that are not what they say ----------------------------------------------------------------------


@pytest.mark.parametrize("total", [0, 5, 10_000])
async def test_an_empty_page_leaves_everybody_to_be_read_alone_whatever_the_total(
    vendor: Vendor, total: int
) -> None:
    empty = Answer(body={"success": True, "items": [], "total": total})
    vendor.script = lambda asked: None if asked.entry else empty
    subscriptions = sit(vendor, range(1, 21))
    assert len(statuses(await look(subscriptions))) == 20
    assert sorted(vendor.singles) == list(range(1, 21))
    unsubscribe(subscriptions)


async def test_an_entry_that_moves_between_pages_while_they_are_read_is_read_alone(vendor: Vendor) -> None:
    def the_oldest_ends_after_the_first_page(asked: Asked) -> Answer | None:
        if asked.page == ("RAW_TEXT", 1):
            answer = vendor.list(asked)
            vendor.entries[1].becomes("READY")
            return answer
        return None

    remember(vendor)
    subscriptions = sit(vendor, range(1, 251))
    vendor.script = the_oldest_ends_after_the_first_page
    assert len(statuses(await look(subscriptions))) == 250
    assert vendor.singles == [101]
    unsubscribe(subscriptions)


async def test_an_old_end_in_a_list_that_is_behind_does_not_end_a_wait(vendor: Vendor) -> None:
    subscriptions = sit(vendor, range(1, 11), status=None)
    for entry in vendor.entries.values():
        entry.stamp = 5
    assert set(statuses(await look(subscriptions))) == {"RAW_TEXT"}
    vendor.entries[3].listed, vendor.entries[3].listed_stamp = "READY", 4
    assert set(statuses(await look(subscriptions))) == {"RAW_TEXT"}
    assert vendor.singles == [3]
    unsubscribe(subscriptions)


async def test_one_item_that_cannot_be_read_as_an_entry_costs_the_list_and_nobody_a_failure(
    vendor: Vendor,
) -> None:
    spoilt = Answer(body={"success": True, "items": [{"id": "what?"}], "total": 1})
    vendor.script = lambda asked: None if asked.entry else spoilt
    subscriptions = sit(vendor, range(1, 6))
    assert len(statuses(await look(subscriptions))) == 5
    unsubscribe(subscriptions)


# --- one wait's trouble is its own -------------------------------------------------------------------------


async def test_an_entry_that_is_deleted_or_of_another_replica_is_an_error_for_its_own_wait_only(
    vendor: Vendor,
) -> None:
    subscriptions = sit(vendor, range(1, 11))
    del vendor.entries[4]
    told = await look(subscriptions)
    assert isinstance(told.pop(3), NotFoundError)
    assert len(statuses(told)) == 9
    unsubscribe(subscriptions)


async def test_a_wait_that_is_cancelled_leaves_the_others_their_answers(vendor: Vendor) -> None:
    vendor.delay = 0.1
    subscriptions = sit(vendor, [1, 1, 2])
    looks = [asyncio.create_task(subscription.observe(SOON, PATIENCE)) for subscription in subscriptions]
    await _until(lambda: bool(vendor.asked))
    looks[0].cancel()
    subscriptions[0].unsubscribe()
    assert statuses(await asyncio.gather(*looks[1:])) == ["RAW_TEXT", "RAW_TEXT"]
    assert looks[0].cancelled()
    unsubscribe(subscriptions)


async def test_a_cleared_task_joins_before_its_old_try_leaves_and_is_read(vendor: Vendor) -> None:
    old = sit(vendor, [7])
    await look(old)
    new = sit(vendor, [7])
    unsubscribe(old)
    unsubscribe(old)
    assert statuses(await look(new)) == ["RAW_TEXT"]
    assert vendor.connections == 1
    unsubscribe(new)


async def test_the_last_to_leave_closes_the_connections(vendor: Vendor) -> None:
    subscriptions = sit(vendor, [1, 2])
    await look(subscriptions)
    subscriptions[0].unsubscribe()
    assert vendor.open == 1
    subscriptions[1].unsubscribe()
    await _until(lambda: vendor.open == 0)


async def test_who_joins_while_the_last_leaves_gets_a_poller_of_its_own(vendor: Vendor) -> None:
    first = sit(vendor, [1])
    await look(first)
    unsubscribe(first)
    second = sit(vendor, [2])
    assert statuses(await look(second)) == ["RAW_TEXT"]
    unsubscribe(second)


# --- a vendor in trouble -----------------------------------------------------------------------------------


async def test_a_page_that_fails_once_is_read_again_and_nobody_notices(vendor: Vendor) -> None:
    failures = iter([Answer(503, {"success": False, "error": "Sorry"})])
    vendor.script = lambda asked: next(failures, None) if asked.page else None
    subscriptions = sit(vendor, range(1, 11))
    assert len(statuses(await look(subscriptions))) == 10
    assert vendor.pages == [(None, 1), (None, 1)]
    unsubscribe(subscriptions)


async def test_a_page_that_keeps_failing_is_one_failure_for_each_wait_and_the_rest_is_not_tried(
    vendor: Vendor,
) -> None:
    remember(vendor)
    subscriptions = sit(vendor, range(1, 151))
    sorry = Answer(503, {"success": False, "error": "Sorry"})
    vendor.script = lambda asked: sorry if asked.page == ("RAW_TEXT", 2) else None
    told = await look(subscriptions)
    assert len(statuses(told[:100])) == 100
    assert {type(each) for each in told[100:]} == {ServerError}
    assert vendor.singles == []
    unsubscribe(subscriptions)


async def test_a_rate_limit_makes_all_reads_pause_and_fails_none(vendor: Vendor) -> None:
    limited = iter([Answer(429, {"success": False, "error": "Slow"}, {"Retry-After": "1"})] * 2)
    vendor.script = lambda asked: next(limited, None)
    vendor.delay = 0.02
    subscriptions = sit(vendor, range(1, 31), status="READY")
    assert len(statuses(await look(subscriptions))) == 30
    assert len(vendor.asked) == 2 + 1 + 30  # refused twice, then the list, which has them elsewhere
    unsubscribe(subscriptions)


async def test_a_long_rate_limit_is_told_to_the_waits_which_mind_their_deadlines(vendor: Vendor) -> None:
    vendor.script = lambda asked: Answer(429, {"success": False, "error": "Slow"}, {"Retry-After": "600"})
    subscriptions = sit(vendor, [1])
    told = (await look(subscriptions))[0]
    assert isinstance(told, RateLimitedError)
    assert told.retry_after == 600
    unsubscribe(subscriptions)


async def test_a_wait_is_not_held_past_its_patience_by_a_silent_vendor(vendor: Vendor) -> None:
    vendor.mood = "silent"
    subscription = sit(vendor, [1], read_timeout=60.0)[0]
    with pytest.raises(TransportError, match="not read in time"):
        await subscription.observe(SOON, 0.2)
    subscription.unsubscribe()


async def test_the_rate_that_a_connection_names_is_kept(vendor: Vendor) -> None:
    vendor.script = lambda asked: None if asked.entry else Answer(400, {"success": False, "error": "No"})
    subscriptions = sit(vendor, range(1, 21), requests_per_second=40.0)
    clock = asyncio.get_running_loop().time
    began = clock()
    assert len(statuses(await look(subscriptions))) == 20
    assert clock() - began >= (len(vendor.asked) - 2) / 40.0
    unsubscribe(subscriptions)


async def test_a_silent_connection_does_not_delay_another(vendor: Vendor) -> None:
    async with serving(Vendor()) as silent:
        silent.mood = "silent"
        stuck, quick = sit(silent, range(1, 11), read_timeout=60.0), sit(vendor, range(1, 11))
        waiting = asyncio.create_task(look(stuck))
        await _until(lambda: bool(silent.asked))
        for _ in range(3):
            assert len(statuses(await look(quick))) == 10
        assert not waiting.done()
        waiting.cancel()
        unsubscribe([*stuck, *quick])
        with pytest.raises(asyncio.CancelledError):
            await waiting


# --- a poller in trouble -----------------------------------------------------------------------------------


async def test_a_poller_that_cannot_begin_says_why_and_the_next_look_tries_again(vendor: Vendor) -> None:
    subscriptions = sit(vendor, [1], ca_file="/nowhere/ca.pem")
    for _ in range(2):
        told = (await look(subscriptions))[0]
        assert isinstance(told, TransportError)
        assert "/nowhere/ca.pem" in str(told)
    unsubscribe(subscriptions)


async def test_when_a_poller_dies_its_waits_fail_once_and_go_on_at_a_new_one(vendor: Vendor) -> None:
    vendor.delay = 0.1
    before = asyncio.all_tasks()
    subscriptions = sit(vendor, range(1, 4))
    (task,) = asyncio.all_tasks() - before
    looks = asyncio.create_task(look(subscriptions))
    await _until(lambda: bool(vendor.asked))
    task.cancel()
    assert {type(each) for each in await looks} == {TransportError}
    assert len(statuses(await look(subscriptions))) == 3
    unsubscribe(subscriptions)


async def test_a_read_that_breaks_in_our_own_code_is_a_failed_read_and_not_the_end_of_the_poller(
    vendor: Vendor,
) -> None:
    broken = poller.subscribe(vendor.settings(), EntryTarget(REPLICA, -1, Generation.KNOWLEDGE_BASE))
    subscriptions = sit(vendor, [1])
    told = await look([broken, *subscriptions])
    assert isinstance(told[0], ApiError)
    assert statuses(told[1:]) == ["RAW_TEXT"]
    unsubscribe([broken, *subscriptions])


def test_a_triggerer_that_shuts_down_in_the_middle_of_a_round_leaves_nothing_open() -> None:
    """Warnings are errors here: an unclosed client or a task that was destroyed pending would fail the test."""
    open_afterwards = []

    async def triggerer() -> None:
        vendor = Vendor()
        server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
        vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        vendor.delay = 0.5
        subscriptions = sit(vendor, range(1, 300))
        looks = asyncio.create_task(look(subscriptions))
        await _until(lambda: bool(vendor.asked))
        server.close()
        open_afterwards.append(vendor)
        looks.cancel()  # what asyncio.run does to all that is left

    asyncio.run(triggerer())
    assert [vendor.open for vendor in open_afterwards] == [0]


async def _until(done: Any) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 - the other side of a socket has no event for us
            await asyncio.sleep(0.005)
