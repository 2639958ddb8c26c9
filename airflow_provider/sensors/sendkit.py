"""Sensor for SendKit agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.sensors.base import RefreshSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.tasks.sensor import Lookout


class SendKitAgentTrainedSensor(RefreshSensor):
    """
    Wait until an agent is trained; free.

    ``completed`` while a document is still processing is not the end. A ``pending`` that never becomes
    ``training`` throughout ``start_grace`` is an error: such an agent was never trained, and a wait for it
    would not end.

    :param agent_id: the agent
    :param sendkit_conn_id: the connection
    :param since: None, ``SendKitRetrainAgentOperator``'s output, or a time that ``lastScrapedAt`` must pass
    :param on_failed_documents: what to do if the training completed and documents failed: ``fail``,
        ``warn`` or ``ignore``

    :raises RefreshFailedForGoodError: the training failed; a sensor cannot start another one
    :raises SensorTimeoutError: not done within ``timeout``

    https://docs.sendkit.ai/api-reference/get-v1-agents-agentid
    """

    template_fields = (
        "sendkit_conn_id",
        "agent_id",
        "on_failed_documents",
        *RefreshSensor._common_template_fields,
    )
    default_map_index_template = "agent {{ task.agent_id }}"
    ui_color = "#e8f3ec"

    def __init__(
        self,
        *,
        agent_id: str,
        sendkit_conn_id: str = "sendkit_default",
        on_failed_documents: str = "fail",
        poke_interval: float = 30.0,
        start_grace: float | str = 120.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, start_grace=start_grace, **kwargs)
        self.agent_id = agent_id
        self.sendkit_conn_id = sendkit_conn_id
        self.on_failed_documents = on_failed_documents

    def _lookout(self, context: Context) -> Lookout:
        from airflow_provider.sensors.lookouts.sendkit import agent_lookout

        return agent_lookout(self, context)
