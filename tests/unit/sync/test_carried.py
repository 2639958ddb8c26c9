"""What a sync takes along to the triggerer and back: small, and never taken for another run's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh import codec
from airflow_provider.sync.progress import SyncWait, Tally, Verdict
from airflow_provider.sync.saved_state import SavedState, SyncReport, pack, unpack
from airflow_provider.sync.state import Done
from tests.unit.refresh.effort import effort

WAIT = SyncWait(started=1.0, deadline=2.0, stall_timeout=3.0, start_grace=4.0, poll_interval=5.0)
CARRIED = SavedState(started=1.0, deadline=2.0, plan="p", version="v")

keys = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=10, max_size=10)


@given(st.dictionaries(keys, st.none() | st.sampled_from(Done), max_size=50))
@effort(200)
def test_what_was_done_is_read_back_for_each_key(told: dict[str, Done | None]) -> None:
    done = {key: each for key, each in told.items() if each is not None}
    assert unpack(reversed(list(told)), pack(told, done), Done) == done


def test_what_was_done_for_other_documents_is_refused() -> None:
    packed = pack(["a", "b"], {"a": Done.CREATED})
    for others in (["a"], ["a", "b", "c"], []):
        with pytest.raises(ValueError, match="another number"):
            unpack(others, packed, Done)


def test_twenty_thousand_documents_are_a_few_bytes_and_a_few_thousand_scattered_ones_some_kilobytes() -> None:
    names = [f"{n:010}" for n in range(20_000)]
    assert len(pack(names, dict.fromkeys(names, Done.CREATED))) < 100
    assert len(pack(names, dict.fromkeys(names[::7], Done.UPDATED))) < 1_000


def test_the_report_of_a_trigger_is_plain_json_and_comes_back_as_it_was() -> None:
    report = SyncReport(
        wait=codec.load(SyncWait, codec.dump(WAIT)),
        verdict=Verdict.STALLED,
        carried=CARRIED,
        error={"type": "ServerError", "message": "503"},
    )
    assert SyncReport.from_event(json.loads(json.dumps(report.to_event()))) == report


def test_a_tally_travels_with_its_wait() -> None:
    wait = codec.load(SyncWait, {**codec.dump(WAIT), "last": {"working": 3, "troubled": 1}, "moved": 7.0})
    assert (wait.last, wait.moved) == (Tally(working=3, troubled=1), 7.0)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        "done",
        {"schema": 2},
        {"schema": 1},
        {**SyncReport(wait=WAIT, verdict=Verdict.DONE, carried=CARRIED).to_event(), "schema": 2},
        {**SyncReport(wait=WAIT, verdict=Verdict.DONE, carried=CARRIED).to_event(), "verdict": "perhaps"},
        {**SyncReport(wait=WAIT, verdict=Verdict.DONE, carried=CARRIED).to_event(), "carried": None},
    ],
)
def test_any_other_event_is_refused(event: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        SyncReport.from_event(event)
