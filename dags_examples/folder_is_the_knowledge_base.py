"""
### A folder is the knowledge base

Every night the replica learns what the files of a folder say: new files, changed ones, moved ones, and no more of those
that are gone. What did not change is not sent. The task ends when all of it is live.

Needs the connection `sensay_default` and the Variables `sensay_replica_uuid` and `knowledge_folder`: an address with a
glob, such as `s3://aws_default@handbooks/shop/**/*.md`, where `aws_default` is the connection to the bucket.

If a night is refused because too many files are gone, and they are meant to be gone, trigger a run with a larger
`max_deletes`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import Param, dag, task

from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={"max_deletes": Param("25%", type="string", description="A number of files, or a share of all")},
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def folder_is_the_knowledge_base():
    sync = SensaySyncKnowledgeBaseOperator(
        task_id="sync",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        documents="{{ var.value.knowledge_folder }}",
        delete_missing=True,
        max_deletes="{{ params.max_deletes }}",
    )

    @task
    def announce(result: dict) -> str:
        """Runs only after the replica knows the folder."""
        counts = ", ".join(f"{count} {what}" for what, count in result["counts"].items())
        return f"The replica knows {result['documents']} files: {counts}."

    announce(sync.output)


folder_is_the_knowledge_base()
