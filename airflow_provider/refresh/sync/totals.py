"""How far a sync is, by totals: what its wait reads, whatever the number of its documents."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.sync.mark import read_name, search_term
from airflow_provider.refresh.sync.progress import Tally

if TYPE_CHECKING:
    from airflow_provider.api.call import Call

_WORKING, _TROUBLED = "working", "troubled"

#: One request for each: how several statuses are written is not documented.
_STATUSES = ("NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT")


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


@dataclass(frozen=True, slots=True)
class AgentDocuments:
    """
    How many documents of one sync an agent still processes; others are not counted.

    :param only: key hash of the one document that is waited for; empty: all of them
    """

    agent_id: str
    sync_id: str
    only: str = ""

    @property
    def vendor(self) -> str:
        """Always ``sendkit``."""
        return "sendkit"

    @property
    def key(self) -> str:
        """Names the agent and the sync."""
        return f"agents/{self.agent_id} [{self.sync_id}{f'.{self.only}' if self.only else ''}]"

    @property
    def shelf(self) -> None:
        """None: the vendor's list of agents shows no documents."""
        return

    @property
    def id(self) -> Hashable:
        """The agent's id."""
        return self.agent_id

    def read(self) -> Call[Any]:
        """Describe the request: the agent shows its documents."""
        from airflow_provider.api import sendkit

        return sendkit.get_agent(self.agent_id)

    def observe(self, answer: Any) -> Observation:
        """
        Count what is neither completed nor failed; an unknown status is no end.

        :raises ValueError: the agent shows no documents
        """
        if "uploadedDocuments" not in answer.fields_present:
            raise ValueError("the agent does not show its documents")
        marks = ((document, read_name(document.file_name)[1]) for document in answer.uploaded_documents)
        return counted(
            working=sum(
                str(document.status) not in ("completed", "failed")
                for document, mark in marks
                if mark is not None and mark.belongs(self.sync_id, self.only)
            )
        )
