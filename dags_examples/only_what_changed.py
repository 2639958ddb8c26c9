"""
### Retrain only for something new

The pipeline names what it loaded: a git sha, `max(updated_at)`, a hash. As long as that name stays the same, the
retrain is skipped, and costs nothing.

Needs the connection `sendkit_default`, and the Variables `sendkit_agent_id` and `content_version`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import Variable, dag, task

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def only_what_changed():
    @task
    def load_documents() -> str:
        """Stands for the part of your pipeline that publishes the site, and knows its version."""
        return Variable.get("content_version")

    retrain = SendKitRetrainAgentOperator(
        task_id="retrain",
        agent_id="{{ var.value.sendkit_agent_id }}",
        version=load_documents(),
    )

    @task
    def announce(version: str) -> str:
        return f"The agent knows version {version}."

    announce(retrain.output["version"])


only_what_changed()
