"""How far a sync is, in five small requests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider.sync.progress import Tally, tally
from airflow_provider.vendors.sensay.totals import SensayTotals
from tests.unit.refresh.scenes import REPLICA

TOTALS = SensayTotals(REPLICA, "faq")


def test_only_totals_of_this_syncs_entries_are_asked_for() -> None:
    asked = [dict(target.read().query) for target in TOTALS.targets]
    assert {each["pageSize"] for each in asked} == {"0"}
    assert {each["search"] for each in asked} == {"kb~faq."}
    assert [(each.get("status"), each["hasError"]) for each in asked] == [
        ("NEW", "false"),
        ("FILE_UPLOADED", "false"),
        ("RAW_TEXT", "false"),
        ("PROCESSED_TEXT", "false"),
        (None, "true"),
    ]
    assert all(target.read().repeatable and target.read().method == "GET" for target in TOTALS.targets)


def test_they_add_up_to_a_tally() -> None:
    seen = [
        target.observe(SimpleNamespace(total=number))
        for target, number in zip(TOTALS.targets, (1, 2, 4, 8, 5), strict=True)
    ]
    assert tally(seen) == Tally(working=15, troubled=5)


def test_a_list_without_a_total_tells_nothing() -> None:
    with pytest.raises(ValueError, match="names no total"):
        TOTALS.targets[0].observe(SimpleNamespace(total=None))


def test_waits_for_two_syncs_of_one_replica_are_told_apart() -> None:
    names = {target.key for sync in ("faq", "main") for target in SensayTotals(REPLICA, sync).targets}
    assert len(names) == 10
    assert {target.vendor for target in TOTALS.targets} == {"sensay"}
    assert {target.entry_list for target in TOTALS.targets} == {None}
