"""How far a sync is, by totals: what its wait reads, whatever the number of its documents."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider.refresh.observation import Observation, Phase, Target
from airflow_provider.refresh.sync.mark import search_term
from airflow_provider.refresh.sync.progress import Tally

if TYPE_CHECKING:
    from airflow_provider.api.call import Call

_WORKING, _TROUBLED = "working", "troubled"

#: One request for each: how several statuses are written is not documented.
_STATUSES = ("NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT")


class Totals(Protocol):
    """What a vendor offers to tell how far a sync is."""

    @property
    def targets(self) -> Sequence[Target]:
        """What to read."""


def counted(*, working: int = 0, troubled: int = 0) -> Observation:
    """Return what one read tells of a sync."""
    return Observation(status=None, phase=Phase.UNKNOWN, counts={_WORKING: working, _TROUBLED: troubled})


def tally(seen: Sequence[Observation]) -> Tally:
    """Add up what the targets told."""
    return Tally(
        working=sum(each.counts[_WORKING] for each in seen),
        troubled=sum(each.counts[_TROUBLED] for each in seen),
    )


@dataclass(frozen=True, slots=True)
class SensayTotal:
    """
    How many entries of one sync have one status; a stranger's stuck entry is not among them.

    :param sync_id: empty: the whole knowledge base, where titles bear no mark
    :param status: None: how many have an error, whatever their status
    """

    replica_uuid: str
    sync_id: str
    status: str | None

    @property
    def vendor(self) -> str:
        """Always ``sensay``."""
        return "sensay"

    @property
    def key(self) -> str:
        """Names the sync, and what is counted."""
        return f"replicas/{self.replica_uuid}/knowledge-base [{self.sync_id}: {self.status or 'error'}]"

    @property
    def shelf(self) -> None:
        """A total stands in no list."""
        return

    @property
    def id(self) -> Hashable:
        """The status."""
        return self.status

    def read(self) -> Call[Any]:
        """Describe the request: the total only."""
        from airflow_provider.api import sensay

        return sensay.list_entries(
            self.replica_uuid,
            page_size=0,
            status=self.status,
            search=search_term(self.sync_id) if self.sync_id else None,
            has_error=self.status is None,
        )

    def observe(self, answer: Any) -> Observation:
        """
        Read the total.

        :raises ValueError: the vendor named none
        """
        if answer.total is None:
            raise ValueError("the list names no total")
        return counted(troubled=answer.total) if self.status is None else counted(working=answer.total)


@dataclass(frozen=True, slots=True)
class SensayTotals:
    """The totals of one sync of one replica."""

    replica_uuid: str
    sync_id: str

    @property
    def targets(self) -> tuple[SensayTotal, ...]:
        """One for each status on the way, and one for errors."""
        return tuple(SensayTotal(self.replica_uuid, self.sync_id, status) for status in (*_STATUSES, None))
