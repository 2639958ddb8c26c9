"""A mapped upload, and a mapped function: many knowledge bases' worth of task instances beside each other."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag, task

from airflow_provider.operators.sendkit import SendKitUploadDocumentOperator
from airflow_provider.sources import Document


@dag(schedule=None, start_date=datetime(2026, 1, 1))
def mapped_documents() -> None:
    SendKitUploadDocumentOperator.partial(
        task_id="upload", agent_id="{{ var.value.sendkit_agent_id }}"
    ).expand_kwargs([{"name": name, "text": f"All about {name}."} for name in ("lamps", "tables", "chairs")])

    @task.sensay_documents(replica_uuid="{{ var.value.sensay_replica_uuid }}", sync_id="regions")
    def hours(region: str, opens: str) -> Document:
        return Document(key=region, text=f"{region} opens at {opens}.")

    hours.partial(opens="nine").expand(region=["north", "south"])


mapped_documents()
