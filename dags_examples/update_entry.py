"""
### Give an entry its text

A task of the pipeline writes the text; the Sensay entry gets it, and what follows waits until the replica can
answer from it. A text that is there already is not sent again.

Needs the connection `sensay_default` and the Variables `sensay_replica_uuid` and `sensay_entry_id`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task

from airflow_provider.operators.sensay import SensayUpdateKnowledgeBaseEntryOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def update_entry():
    @task
    def opening_hours() -> str:
        """Stands for whatever your pipeline knows."""
        return "Our shop is open from Monday to Friday, 9 to 17. On Saturdays we are closed."

    update = SensayUpdateKnowledgeBaseEntryOperator(
        task_id="update",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        entry_id="{{ var.value.sensay_entry_id }}",
        raw_text=opening_hours(),
    )

    @task
    def announce(result: dict) -> str:
        return f"{result['target']}: {result['outcome']}, {result['status']}"

    announce(update.output)


update_entry()
