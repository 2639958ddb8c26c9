"""Looking at an agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider.arguments import Checker
from airflow_provider.errors import AgentKnowledgeError
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.wait import Wait
from airflow_provider.tasks.failures import judge_documents, refuse
from airflow_provider.tasks.sensor import Lookout, first_wait, read_since
from airflow_provider.tasks.watch import Watch
from airflow_provider.vendors.sendkit.agent import RULES, AgentTarget

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor


@dataclass(kw_only=True)
class AgentLookout(Lookout):
    """A sensor on one agent."""

    conn_id: str
    agent_id: str
    on_failed_documents: str

    def trigger(self, wait: Wait, not_before: float) -> BaseTrigger:
        """Build the trigger."""
        from airflow_provider.triggers.sendkit import SendKitTrainingTrigger

        return SendKitTrainingTrigger.of(self.conn_id, self.agent_id, wait, None, not_before)

    def ended_well(self, seen: Observation) -> AgentKnowledgeError | None:
        """Apply ``on_failed_documents``."""
        return judge_documents(self.agent_id, seen, self.on_failed_documents, self.log)


def agent_lookout(sensor: SendKitAgentTrainedSensor, context: Context) -> AgentLookout:
    """Check the sensor's arguments; nothing is sent."""
    check = Checker()
    agent_id = check.needed("agent_id", sensor.agent_id)
    policy = check.word("on_failed_documents", sensor.on_failed_documents, ("fail", "warn", "ignore"))
    start_grace = check.seconds("start_grace", sensor.start_grace)
    max_read_failures = check.count("max_read_failures", sensor.max_read_failures)
    since = read_since(check, sensor.since)
    refuse(type(sensor).__name__, check.problems)
    target = AgentTarget(agent_id)
    return AgentLookout(
        sensor=sensor,
        context=context,
        target=target,
        watch=Watch(SendKitHook(sensor.sendkit_conn_id).get_conn, target, RULES, sensor.log),
        wait=first_wait(
            sensor, since=since, target=target, start_grace=start_grace, max_read_failures=max_read_failures
        ),
        log=sensor.log,
        since=since,
        conn_id=sensor.sendkit_conn_id,
        agent_id=agent_id,
        on_failed_documents=policy,
    )
