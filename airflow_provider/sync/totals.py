"""How far a sync is, by totals: what its wait reads, whatever the number of its documents."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.sync.progress import Tally

_WORKING, _TROUBLED = "working", "troubled"


def counted(*, working: int = 0, troubled: int = 0) -> Observation:
    """Return what one read tells of a sync."""
    return Observation(status=None, phase=Phase.UNKNOWN, counts={_WORKING: working, _TROUBLED: troubled})


def tally(seen: Sequence[Observation]) -> Tally:
    """Add up what the targets told."""
    return Tally(
        working=sum(each.counts[_WORKING] for each in seen),
        troubled=sum(each.counts[_TROUBLED] for each in seen),
    )
