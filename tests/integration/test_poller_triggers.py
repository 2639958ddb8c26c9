"""The triggers themselves at one poller: what their events say when a key is rotated, an entry goes, a vendor fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_provider.refresh import codec
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.wait import Evidence, Purpose, Verdict, Wait
from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger
from tests.integration.polling_vendor import KEY, REPLICA, Answer, Asked, Entry, Vendor, serving

NEW_KEY = "second-key"


@pytest.fixture
async def vendor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vendor]:
    """A vendor, the default connection to it, and nothing left behind."""
    async with serving(Vendor()) as vendor:
        connect(monkeypatch, vendor, KEY)
        yield vendor
    assert asyncio.all_tasks() == {asyncio.current_task()}


def connect(monkeypatch: pytest.MonkeyPatch, vendor: Vendor, key: str) -> None:
    connection = {
        "conn_type": "sensay",
        "host": vendor.url,
        "password": key,
        "extra": {"api": "knowledge-base"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SENSAY_DEFAULT", json.dumps(connection))


def waiting(vendor: Vendor, *ids: int, seconds: float = 60.0, **wait: Any) -> list[asyncio.Task[Report]]:
    """Start a trigger for each entry, as the triggerer does; each looks five times a second."""
    now = time.time()
    told = Wait(
        purpose=Purpose.OWN,
        started=now - 100,
        deadline=now + seconds,
        start_grace=5.0,
        poll_interval=0.2,
        evidence=Evidence(active=True, status="RAW_TEXT"),
        **wait,
    )
    for id_ in ids:
        vendor.entries.setdefault(id_, Entry())
    triggers = [
        SensayKnowledgeBaseEntryTrigger(
            conn_id="sensay_default",
            replica_uuid=REPLICA,
            entry_id=id_,
            generation="knowledge-base",
            wait=codec.dump(told),
        )
        for id_ in ids
    ]
    for trigger in triggers:
        trigger.task_instance = cast("Any", SimpleNamespace(dag_id="waits", task_id="wait"))
    return [asyncio.create_task(_report(trigger)) for trigger in triggers]


async def _report(trigger: SensayKnowledgeBaseEntryTrigger) -> Report:
    async for event in trigger.run():
        return Report.from_event(json.loads(json.dumps(event.payload)))
    raise AssertionError("the trigger ended without an event")


async def looked(vendor: Vendor, times: int = 1) -> None:
    """Wait until the vendor has been asked so many times more."""
    goal = len(vendor.asked) + times
    async with asyncio.timeout(20):
        while len(vendor.asked) < goal:  # noqa: ASYNC110 - the other side of a socket has no event for us
            await asyncio.sleep(0.01)


def finish(vendor: Vendor) -> None:
    for entry in vendor.entries.values():
        entry.becomes("READY")


async def test_three_waits_on_one_replica_end_with_their_entries(vendor: Vendor) -> None:
    waits = waiting(vendor, 1, 2, 3)
    await looked(vendor)
    finish(vendor)
    reports = await asyncio.gather(*waits)
    assert [report.verdict for report in reports] == [Verdict.DONE] * 3
    assert vendor.connections <= 3


async def test_a_key_that_is_rotated_in_the_middle_of_the_waits_is_taken_up_and_fails_none(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = waiting(vendor, 1, 2, 3)
    await looked(vendor)
    connect(monkeypatch, vendor, NEW_KEY)
    vendor.key = NEW_KEY
    await looked(vendor, 3)
    finish(vendor)
    reports = await asyncio.gather(*waits)
    assert [report.verdict for report in reports] == [Verdict.DONE] * 3
    assert [report.wait.evidence.failures for report in reports] == [0] * 3


async def test_a_key_that_is_revoked_ends_every_wait_with_one_clear_message(vendor: Vendor) -> None:
    waits = waiting(vendor, 1, 2, 3)
    await looked(vendor)
    vendor.key = NEW_KEY
    reports = await asyncio.gather(*waits)
    assert [report.verdict for report in reports] == [Verdict.REFUSED] * 3
    for report in reports:
        assert report.error
        assert report.error["type"] == "AuthenticationError"
        assert KEY not in str(report)


async def test_an_entry_that_is_deleted_in_the_middle_ends_its_own_wait_only(vendor: Vendor) -> None:
    waits = waiting(vendor, 1, 2, 3)
    await looked(vendor)
    del vendor.entries[2]
    gone = await waits[1]
    assert gone.verdict is Verdict.REFUSED
    assert gone.error
    assert gone.error["type"] == "NotFoundError"
    finish(vendor)
    assert {(await waits[0]).verdict, (await waits[2]).verdict} == {Verdict.DONE}


async def test_a_wait_whose_task_is_marked_failed_takes_no_other_along(vendor: Vendor) -> None:
    waits = waiting(vendor, 1, 2, 2)
    await looked(vendor)
    waits[1].cancel()
    await looked(vendor)
    finish(vendor)
    assert {(await waits[0]).verdict, (await waits[2]).verdict} == {Verdict.DONE}
    assert waits[1].cancelled()


async def test_so_many_failed_rounds_in_a_row_as_it_may_have_end_a_wait_and_no_fewer(vendor: Vendor) -> None:
    sorry = Answer(500, {"success": False, "error": "Sorry"})
    waits = waiting(vendor, 1, max_read_failures=3)
    vendor.script = lambda asked: sorry
    report = (await asyncio.gather(*waits))[0]
    assert report.verdict is Verdict.UNREADABLE
    assert report.wait.evidence.failures == 3
    assert len(vendor.asked) == 3


async def test_a_vendor_that_is_silent_past_the_deadline_does_not_hold_a_wait_for_ever(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider.triggers import base

    monkeypatch.setattr(base, "LATE", 0.3)
    vendor.mood = "silent"
    report = (await asyncio.gather(*waiting(vendor, 1, seconds=0.5)))[0]
    assert report.verdict is Verdict.TIMED_OUT


async def test_a_rate_limit_on_every_second_request_fails_no_wait(vendor: Vendor) -> None:
    limited = Answer(429, {"success": False, "error": "Slow"}, {"Retry-After": "1"})

    def every_second(asked: Asked) -> Answer | None:
        return limited if len(vendor.asked) % 2 else None

    vendor.script = every_second
    waits = waiting(vendor, *range(1, 6), max_read_failures=1)
    await looked(vendor, 3)
    finish(vendor)
    assert {report.verdict for report in await asyncio.gather(*waits)} == {Verdict.DONE}
