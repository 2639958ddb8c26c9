"""Sensor for SendKit agents."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Unpack

from airflow_provider.arguments import OnEmpty, OnFailedDocuments, check_words
from airflow_provider.sensors.base import RefreshSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.errors import AgentKnowledgeError
    from airflow_provider.keywords import SensorKwargs
    from airflow_provider.refresh.observation import Observation
    from airflow_provider.tasks.sensor import SensorTask


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
    :param on_empty: what to do if the training completed and the agent is switched off, or knows no page, chunk or
        document: ``warn`` or ``fail``

    :raises RefreshFailedForGoodError: the training failed; a sensor cannot start another one
    :raises SensorTimeoutError: not done within ``timeout``

    https://docs.sendkit.ai/api-reference/get-v1-agents-agentid
    """

    template_fields = (
        "sendkit_conn_id",
        "agent_id",
        "on_failed_documents",
        "on_empty",
        *RefreshSensor._common_template_fields,
    )
    default_map_index_template = "agent {{ task.agent_id }}"
    ui_color = "#e8f3ec"

    def __init__(
        self,
        *,
        agent_id: str,
        sendkit_conn_id: str = "sendkit_default",
        on_failed_documents: OnFailedDocuments | str = "fail",
        on_empty: OnEmpty | str = "warn",
        poke_interval: timedelta | float = 30.0,
        start_grace: float | str = 120.0,
        **kwargs: Unpack[SensorKwargs],
    ) -> None:
        super().__init__(poke_interval=poke_interval, start_grace=start_grace, **kwargs)
        self.agent_id = agent_id
        self.sendkit_conn_id = sendkit_conn_id
        self.on_failed_documents = on_failed_documents
        self.on_empty = on_empty
        check_words(self, on_failed_documents=OnFailedDocuments, on_empty=OnEmpty)

    def _task(self, context: Context, generation: str | None = None) -> SensorTask:
        from airflow_provider.arguments import Checker
        from airflow_provider.hooks.sendkit import SendKitHook
        from airflow_provider.tasks.failures import judge_documents, judge_empty, refuse
        from airflow_provider.tasks.sensor import SensorTask, waiting
        from airflow_provider.triggers.sendkit import SendKitTrainingTrigger
        from airflow_provider.vendors.sendkit.agent import RULES, AgentTarget

        check = Checker()
        agent_id = check.needed("agent_id", self.agent_id)
        on_failed = check.word("on_failed_documents", self.on_failed_documents, OnFailedDocuments)
        on_empty = check.word("on_empty", self.on_empty, OnEmpty)
        arguments = waiting(self, check)
        refuse(type(self).__name__, check.problems)

        def judge(seen: Observation) -> AgentKnowledgeError | None:
            failed = judge_documents(agent_id, seen, on_failed, self.log)
            return failed or judge_empty(f"agents/{agent_id}", seen, on_empty, self.log)

        return SensorTask(
            sensor=self,
            context=context,
            target=AgentTarget(agent_id),
            rules=RULES,
            arguments=arguments,
            connect=SendKitHook(self.sendkit_conn_id).get_conn,
            make_trigger=lambda wait, not_before: SendKitTrainingTrigger.of(
                self.sendkit_conn_id, agent_id, wait, None, not_before
            ),
            judge=judge,
        )
