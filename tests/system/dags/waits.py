"""Paid waits of the shipped operator, steered by the run's conf: ``{"agents": [id, …]}``."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

for dag_id, count in (("one_wait", 1), ("three_waits", 3)):
    with DAG(dag_id, schedule=None):
        EmptyOperator(task_id="after") << [
            SendKitRetrainAgentOperator(
                task_id=f"retrain_{number}",
                agent_id=f"{{{{ dag_run.conf['agents'][{number}] }}}}",
                deferrable=True,
                poll_interval=1.0,
                start_grace=10.0,
                retries=1,
                retry_delay=timedelta(seconds=1),
            )
            for number in range(count)
        ]
