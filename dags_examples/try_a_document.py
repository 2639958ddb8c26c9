"""
### Try a document before it goes live

A file becomes an entry, the replica is asked what the file answers, and the entry goes again, whatever came of it:
the delete is the teardown of the create. Point it at a replica that nobody talks to.

Needs the connection `sensay_default`, and the Variables `sensay_replica_uuid`, `document_path` (local, or any URL that
Airflow's object storage reads) and `document_question`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task

from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.operators.sensay import (
    SensayCreateKnowledgeBaseEntryOperator,
    SensayDeleteKnowledgeBaseEntryOperator,
)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def try_a_document():
    create = SensayCreateKnowledgeBaseEntryOperator(
        task_id="create",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        path="{{ var.value.document_path }}",
        title="On trial in {{ run_id }}",
    )

    @task
    def ask(replica_uuid: str, question: str) -> str:
        """Read the answer in the log, or compare it with what you expect."""
        answer = SensayHook().ask(replica_uuid, question)
        print(answer)
        return answer

    delete = SensayDeleteKnowledgeBaseEntryOperator(
        task_id="delete",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        entry_id="{{ ti.xcom_pull('create')['entry_id'] }}",
    )

    asked = ask("{{ var.value.sensay_replica_uuid }}", "{{ var.value.document_question }}")
    create >> asked >> delete.as_teardown(setups=create)


try_a_document()
