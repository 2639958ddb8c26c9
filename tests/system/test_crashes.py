"""One row of the crash matrix for each mode; all of them: ``make crash-matrix``."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.crash.matrix import VENDOR, CrashMatrix
from tests.system.crash.rows import Mode, Row, Step, Victim
from tests.system.stack import AirflowStack

ROWS = [
    Row(step=Step.POST_ACCEPTED, mode=Mode.SYNC, victim=Victim.RUNNER, outcome="adopted"),
    Row(step=Step.AFTER_ENDED, mode=Mode.DEFERRABLE, victim=Victim.RUNNER),
]
_numbers = itertools.count(1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.mode}-{row.step}")
def test_a_worker_that_is_killed_is_retried_without_a_second_charge(
    stack: AirflowStack, vendors: Sandbox, row: Row
) -> None:
    vendors.options(**VENDOR)
    finding = CrashMatrix(stack, vendors).run(row, next(_numbers))
    assert finding.problems == [], finding.log
