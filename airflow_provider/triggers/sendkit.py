"""Waiting for a SendKit agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.triggers.base import RefreshTrigger

if TYPE_CHECKING:
    from airflow_provider.hooks.sendkit import SendKitHook
    from airflow_provider.refresh.record import Record
    from airflow_provider.refresh.sendkit import AgentTarget, SendKitRules
    from airflow_provider.refresh.wait import Wait


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
        from airflow_provider.refresh.sendkit import AgentTarget

        return AgentTarget(self.agent_id)

    def _rules(self) -> SendKitRules:
        from airflow_provider.refresh.sendkit import RULES

        return RULES

    def _hook(self) -> SendKitHook:
        from airflow_provider.hooks.sendkit import SendKitHook

        return SendKitHook(self.conn_id)
