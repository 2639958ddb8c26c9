"""What the Knowledge page shows: agents refreshed on demand, one that never was, and dozens with a history."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetAlias

from airflow_provider.assets.sendkit import agent_asset
from airflow_provider.assets.sensay import entry_asset
from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

REPLICA = "9b9d0e0a-5c0b-4b8e-8d1c-0a4d5c3b2a10"
DAY = 24 * 3600

with DAG("knowledge_on_demand", schedule=None) as on_demand:
    SendKitRetrainAgentOperator(
        task_id="retrain",
        agent_id="{{ dag_run.conf['agent'] }}",
        outlets=[AssetAlias("knowledge-on-demand")],
        poll_interval=1,
    )

with DAG("knowledge_of_nobody", schedule=None) as of_nobody:
    EmptyOperator(task_id="retrain", outlets=[Asset("sendkit://agents/never", extra={"max_age": DAY})])

# Their events are written by the tests, as tasks would have left them in a month.
with DAG("knowledge_of_fifty", schedule=None) as of_fifty:
    EmptyOperator(task_id="agents", outlets=[agent_asset(f"fifty-{number:03}") for number in range(34)])
    EmptyOperator(task_id="entries", outlets=[entry_asset(REPLICA, number + 1) for number in range(10)])
