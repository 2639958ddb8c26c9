"""A retrain whose asset other DAGs could be scheduled on."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider.assets.sendkit import agent_asset
from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

with DAG("agent_with_outlet", schedule=None) as dag:
    SendKitRetrainAgentOperator(
        task_id="retrain",
        agent_id="{{ var.value.sendkit_agent_id }}",
        outlets=[agent_asset("sales")],
        poll_interval=2,
    )
