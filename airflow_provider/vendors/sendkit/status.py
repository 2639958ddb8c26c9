"""The agents of a SendKit connection, and their documents, for the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from airflow_provider.refresh.observation import shorten
from airflow_provider.sync.mark import read_name
from airflow_provider.vendors.sendkit import endpoints
from airflow_provider.vendors.sendkit.agent import AgentTarget
from airflow_provider.vendors.status import STATES, DocumentRow, Row, State, Wanted

if TYPE_CHECKING:
    from airflow_provider.http.client import Client
    from airflow_provider.vendors.sendkit.models import Agent


#: What a document's status means.
_DOCUMENT = {"processing": State.IN_PROGRESS, "completed": State.READY, "failed": State.FAILED}


class Connected(Protocol):
    """What is needed of the hook."""

    def get_conn(self) -> Client:
        """Return a client."""


def rows(hook: Connected, conn_id: str, wanted: Wanted) -> Iterator[Row]:
    """Read the list, and then each agent: the list shows no training."""
    for listed, agent in _agents(hook, wanted):
        yield row(conn_id, listed, agent)


def documents(hook: Connected, conn_id: str, wanted: Wanted) -> Iterator[DocumentRow]:
    """Read the documents of each agent; the vendor says no more of one that failed."""
    for listed, agent in _agents(hook, wanted):
        for document in agent.uploaded_documents:
            name, mark = read_name(document.file_name)
            status = None if document.status is None else str(document.status)
            yield DocumentRow(
                connection=conn_id,
                target=AgentTarget(str(listed.id)).key,
                id=document.file_key or "",
                title=name,
                state=_DOCUMENT.get(status or "", State.UNKNOWN),
                status=status,
                sync_id=mark.sync_id if mark else None,
                updated=document.uploaded_at,
            )


def _agents(hook: Connected, wanted: Wanted) -> Iterator[tuple[Agent, Agent]]:
    with hook.get_conn() as client:
        for listed in client.send(endpoints.list_agents()):
            if listed.id in wanted:
                yield listed, client.send(endpoints.get_agent(str(listed.id)))


def row(conn_id: str, listed: Agent, agent: Agent) -> Row:
    """A ``completed`` beside a document that is in work is not ready, and one that failed is a failure."""
    seen = AgentTarget(str(listed.id)).observe(agent)
    state, note = STATES[seen.phase], seen.error
    if state is State.READY and seen.processing:
        state = State.IN_PROGRESS
    elif state is State.READY and seen.failed_documents:
        state, note = State.FAILED, f"failed: {', '.join(seen.failed_documents)}"
    return Row(
        connection=conn_id,
        vendor="sendkit",
        kind="agent",
        id=str(listed.id),
        name=agent.name or listed.name,
        state=state,
        status=seen.status,
        last_refresh=seen.marker,
        counts=seen.counts,
        note=shorten(note),
    )
