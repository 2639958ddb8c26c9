"""How far a sync of an agent's documents is."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider.refresh.observation import Observation
from airflow_provider.sync.mark import read_name
from airflow_provider.sync.progress import counted
from airflow_provider.texts import shortened_id
from airflow_provider.vendors.sendkit import LABEL
from airflow_provider.vendors.sendkit.agent import refuse_another

if TYPE_CHECKING:
    from airflow_provider.http.call import Call


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
    def label(self) -> str:
        """How the vendor writes itself."""
        return LABEL

    @property
    def key(self) -> str:
        """Names the agent and the sync."""
        return f"agents/{self.agent_id} [{self.sync_id}{f'.{self.only}' if self.only else ''}]"

    @property
    def short(self) -> str:
        """``documents of agent 664a…9d0e``."""
        return f"documents of agent {shortened_id(self.agent_id)}"

    @property
    def entry_list(self) -> None:
        """None: the vendor's list of agents shows no documents."""
        return

    @property
    def id(self) -> Hashable:
        """The agent's id."""
        return self.agent_id

    def read(self) -> Call[Any]:
        """Describe the request: the agent shows its documents."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return sendkit.get_agent(self.agent_id)

    def observe(self, answer: Any) -> Observation:
        """
        Count what is neither completed nor failed; an unknown status is no end.

        :raises ValueError: the agent shows no documents
        :raises InvalidResponseError: the answer is another agent's
        """
        refuse_another(answer, self.agent_id)
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
