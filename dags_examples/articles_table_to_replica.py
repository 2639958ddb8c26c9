"""
### A table is the knowledge base

Each row of a query is a document, named by its `key`. What a changed row says is brought along, and an article that
is withdrawn leaves the replica. Any database that Airflow has a SQL connection for will do.

Needs the connections `sensay_default` and `articles`, and the Variable `sensay_replica_uuid`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag

from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator
from airflow_provider.sources import Query

ARTICLES = """
    SELECT id AS key, title, body AS text
    FROM articles
    WHERE published = 1
"""


@dag(
    schedule="0 * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def articles_table_to_replica():
    SensaySyncKnowledgeBaseOperator(
        task_id="sync",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        sync_id="articles",
        documents=Query(ARTICLES, conn_id="articles"),
        delete_missing=True,
    )


articles_table_to_replica()
