"""
### Every night: both vendors, then one plain question

The SendKit agent is retrained and the Sensay entry gets its new text, side by side. Each operator only submits;
each sensor takes up where its operator stopped (`since=….output`) and proves that *this* refresh finished. The
last task asks the replica a question whose answer stands in the new text.

Needs the connections `sendkit_default` and `sensay_default`, and the Variables `sendkit_agent_id`,
`sensay_replica_uuid` and `sensay_entry_id`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task

from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator
from airflow_provider.operators.sensay import SensayUpdateKnowledgeBaseEntryOperator
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor

AGENT = "{{ var.value.sendkit_agent_id }}"
REPLICA = "{{ var.value.sensay_replica_uuid }}"
ENTRY = "{{ var.value.sensay_entry_id }}"


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def nightly_knowledge_refresh():
    @task
    def company_text() -> str:
        """Stands for the part of your pipeline that writes the text."""
        return "Our company was founded in 2020. We specialize in AI-powered customer service solutions."

    retrain = SendKitRetrainAgentOperator(task_id="retrain_agent", agent_id=AGENT, wait_for_completion=False)
    trained = SendKitAgentTrainedSensor(
        task_id="agent_trained",
        agent_id=AGENT,
        since=retrain.output,
        deferrable=True,
        poke_interval=30,
        timeout=3600,
    )

    update = SensayUpdateKnowledgeBaseEntryOperator(
        task_id="update_entry",
        replica_uuid=REPLICA,
        entry_id=ENTRY,
        raw_text=company_text(),
        wait_for_completion=False,
    )
    ready = SensayKnowledgeBaseEntryReadySensor(
        task_id="entry_ready",
        replica_uuid=REPLICA,
        entry_id=ENTRY,
        since=update.output,
        deferrable=True,
        poke_interval=10,
        timeout=1800,
    )

    @task
    def ask_the_replica(replica_uuid: str) -> str:
        """Ask for a plain fact of the new text; models vary their words, so look for the fact alone."""
        answer = SensayHook().ask(replica_uuid, "In which year was our company founded?")
        if "2020" not in answer:
            raise ValueError(f"The replica does not know the new text yet. It answered: {answer[:200]}")
        return answer

    [trained, ready] >> ask_the_replica(REPLICA)


nightly_knowledge_refresh()
