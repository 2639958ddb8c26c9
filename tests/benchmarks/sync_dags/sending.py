"""The same texts by one task for each of them, and by one task for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, get_current_context, task

from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator
from airflow_provider.sources import Document
from tests.benchmarks.sync import Texts
from tests.benchmarks.vendor import REPLICA


def texts() -> Texts:
    context: Any = get_current_context()
    return Texts(context["dag_run"].conf["count"])


def documents() -> Iterator[Document]:
    return (Document(key=key, text=text) for key, text in texts())


with DAG("mapped_http", schedule=None):

    @task
    def bodies() -> list[str]:
        return [json.dumps({"title": key, "text": text}) for key, text in texts()]

    HttpOperator.partial(
        task_id="send",
        method="POST",
        endpoint=f"v1/replicas/{REPLICA}/knowledge-base",
        headers={"X-ORGANIZATION-SECRET": "not-a-real-secret", "Content-Type": "application/json"},
        response_check=lambda response: response.status_code == 207,
    ).expand(data=bodies())

with DAG("one_sync", schedule=None):
    SensaySyncKnowledgeBaseOperator(
        task_id="sync",
        replica_uuid=REPLICA,
        documents=documents,
        concurrency=32,
        deferrable=False,
        poll_interval=1.0,
    )
