"""How far a sync of a replica is, by totals."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider.refresh.observation import Observation
from airflow_provider.sync.mark import search_term
from airflow_provider.sync.progress import counted
from airflow_provider.texts import shortened_id
from airflow_provider.vendors.sensay import LABEL

if TYPE_CHECKING:
    from airflow_provider.http.call import Call

#: One request for each: how several statuses are written is not documented.
_STATUSES = ("NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT")


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
    def label(self) -> str:
        """How the vendor writes itself."""
        return LABEL

    @property
    def key(self) -> str:
        """Names the sync, and what is counted."""
        return f"replicas/{self.replica_uuid}/knowledge-base [{self.sync_id}: {self.status or 'error'}]"

    @property
    def short(self) -> str:
        """``entries of replica 03db…9c53``."""
        return f"entries of replica {shortened_id(self.replica_uuid)}"

    @property
    def entry_list(self) -> None:
        """A total stands in no list."""
        return

    @property
    def id(self) -> Hashable:
        """The status."""
        return self.status

    def read(self) -> Call[Any]:
        """Describe the request: the total only."""
        from airflow_provider.vendors.sensay import endpoints as sensay

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
