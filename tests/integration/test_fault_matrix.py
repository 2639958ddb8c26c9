"""Every row of the fault matrix, in every mode it exists in."""

from __future__ import annotations

import pytest

from tests.integration.faults.row import Row, play
from tests.integration.faults.rows import ROWS
from tests.integration.rig import Rig

CELLS = [
    pytest.param(row, deferrable, id=f"{row.fault}-{'deferrable' if deferrable else 'sync'}")
    for row in ROWS
    for deferrable in row.modes
]


@pytest.mark.parametrize(("row", "deferrable"), CELLS)
def test_the_fault_comes_to_what_the_table_says(rig: Rig, row: Row, deferrable: bool) -> None:
    assert play(rig, row, deferrable).wrong == []


def test_no_two_rows_have_one_name() -> None:
    assert len({row.fault for row in ROWS}) == len(ROWS)
