"""A few of the kills of ``python -m tests.integration.kills``, which ``make crash-matrix`` plays all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.kills.story import NIGHTS, Story
from tests.integration.rig import Rig
from tests.integration.syncing import MODES


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("night", NIGHTS)
def test_a_sync_that_is_killed_at_a_request_loses_nothing_and_makes_no_twin(
    rig: Rig, tmp_path: Path, night: str, deferrable: bool
) -> None:
    first = 3 if deferrable else 7
    told = list(Story(rig, tmp_path, night, deferrable).at_requests(every=19, first=first))
    assert len(told) >= 2
    assert [each for each in told if each.wrong] == []


def test_a_sync_that_is_killed_before_airflow_hears_of_it_loses_nothing(rig: Rig, tmp_path: Path) -> None:
    told = list(Story(rig, tmp_path, "second", deferrable=True).at_messages())
    assert {"SetTaskStateStore", "DeferTask"} <= {each.step for each in told}
    assert [each for each in told if each.wrong] == []
