"""Waiting for a SendKit agent, once or again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.triggers.base import RefreshTrigger
from airflow_provider.triggers.watcher import Watcher

if TYPE_CHECKING:
    from airflow_provider.hooks.sendkit import SendKitHook
    from airflow_provider.refresh.observation import Observation
    from airflow_provider.refresh.record import Record
    from airflow_provider.refresh.wait import Wait
    from airflow_provider.vendors.sendkit.agent import AgentTarget, SendKitRules
    from airflow_provider.vendors.sendkit.changes import AgentCursor


class SendKitTrainingTrigger(RefreshTrigger):
    """
    Wait for an agent's training to end.

    :param agent_id: the agent
    """

    def __init__(self, *, agent_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.agent_id = agent_id

    @classmethod
    def of(
        cls, conn_id: str, agent_id: str, wait: Wait, record: Record | None, not_before: float
    ) -> SendKitTrainingTrigger:
        """Build a trigger from typed values."""
        from airflow_provider.refresh import codec

        return cls(
            conn_id=conn_id,
            agent_id=agent_id,
            wait=codec.dump(wait),
            record=record.to_json() if record else None,
            not_before=not_before,
        )

    def _own_arguments(self) -> dict[str, Any]:
        return {"agent_id": self.agent_id}

    def _target(self) -> AgentTarget:
        from airflow_provider.vendors.sendkit.agent import AgentTarget

        return AgentTarget(self.agent_id)

    def _rules(self) -> SendKitRules:
        from airflow_provider.vendors.sendkit.agent import RULES

        return RULES

    def _hook(self) -> SendKitHook:
        from airflow_provider.hooks.sendkit import SendKitHook

        return SendKitHook(self.conn_id)


class SendKitAgentTrainedEventTrigger(Watcher["Observation", "AgentCursor"]):
    """
    For an ``AssetWatcher``: an event each time a training of the agent has ended well, whoever started it.

    The event holds ``status``, ``marker`` and ``counts``. A failed training is no event: what the agent knows
    has not changed.

    :param agent_id: the agent
    :param sendkit_conn_id: the connection; read in the triggerer
    :param poll_interval: seconds between two looks. A training that begins and ends between them is still
        seen if it moves ``lastScrapedAt``
    :param queue: the queue of the triggerers that may watch, where ``[triggerer] queues_enabled`` is set;
        Airflow 3.4 and later

    :raises InvalidArgumentError: when the DAG is parsed; these arguments are no templates
    """

    def __init__(
        self,
        *,
        agent_id: str,
        sendkit_conn_id: str = "sendkit_default",
        poll_interval: float = 60.0,
        queue: str | None = None,
        **_: Any,
    ) -> None:
        check = Checker()
        self.agent_id = check.needed("agent_id", agent_id)
        super().__init__(conn_id=sendkit_conn_id, poll_interval=poll_interval, check=check, queue=queue)

    def _arguments(self) -> dict[str, Any]:
        return {
            "agent_id": self.agent_id,
            "sendkit_conn_id": self.conn_id,
            "poll_interval": self.poll_interval,
        }

    @property
    def _vendor(self) -> str:
        return "sendkit"

    @property
    def _key(self) -> str:
        return f"agents/{self.agent_id}"

    def _hook(self) -> SendKitHook:
        from airflow_provider.hooks.sendkit import SendKitHook

        return SendKitHook(self.conn_id)

    def _cursor_kind(self) -> type[AgentCursor]:
        from airflow_provider.vendors.sendkit.changes import AgentCursor

        return AgentCursor

    async def _look(self, pause: float) -> Observation:
        from airflow_provider.vendors.sendkit.agent import AgentTarget

        return await self._observe(AgentTarget(self.agent_id), pause)

    def _notice(
        self, cursor: AgentCursor | None, look: Observation
    ) -> tuple[AgentCursor | None, dict[str, Any] | None]:
        from airflow_provider.vendors.sendkit.changes import agent_trained

        after, ended = agent_trained(cursor, look, time.time())
        news = {"status": look.status, "marker": look.marker, "counts": look.counts}
        return after, news if ended else None
