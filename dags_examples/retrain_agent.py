"""
### Retrain an agent, then go on

Every night the SendKit agent reads its website and documents again. What comes after starts only once *this*
retrain is proven to be finished. It costs 10 credits, and never twice: a retry re-attaches to the run that is
already paid.

Needs the connection `sendkit_default` and the Variable `sendkit_agent_id`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def retrain_agent():
    retrain = SendKitRetrainAgentOperator(
        task_id="retrain",
        agent_id="{{ var.value.sendkit_agent_id }}",
        deferrable=True,
    )

    @task
    def announce(result: dict) -> str:
        """Runs only after the agent knows the new content."""
        counts = result["counts"]
        return f"The agent knows {counts.get('pages', 0)} pages, for {result['credits_charged']:g} credits."

    announce(retrain.output)


retrain_agent()
