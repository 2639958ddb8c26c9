"""The agents of a SendKit connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider.cli.look import STATES, Row, State, Wanted
from airflow_provider.refresh.observation import shorten
from airflow_provider.vendors.sendkit.agent import AgentTarget

if TYPE_CHECKING:
    from airflow_provider.vendors.sendkit.models import Agent


def rows(conn_id: str, wanted: Wanted) -> Iterator[Row]:
    """Read the list, and then each agent: the list shows no training."""
    from airflow_provider.hooks.sendkit import SendKitHook
    from airflow_provider.vendors.sendkit import endpoints as sendkit

    with SendKitHook(conn_id).get_conn() as client:
        for listed in client.send(sendkit.list_agents()):
            if listed.id in wanted:
                yield row(conn_id, listed, client.send(sendkit.get_agent(str(listed.id))))


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
