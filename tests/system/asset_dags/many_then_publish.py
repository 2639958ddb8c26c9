"""A mapped refresh that tells through an alias, and the DAG that starts on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import AssetAlias, dag, task

from airflow_provider.operators import SensayUpdateKnowledgeBaseEntryOperator

published = AssetAlias("many-published")


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False)
def refresh_many():
    @task
    def texts(dag_run: Any = None) -> list[dict[str, Any]]:
        return [{"entry_id": entry_id, "raw_text": text} for entry_id, text in dag_run.conf.items()]

    SensayUpdateKnowledgeBaseEntryOperator.partial(
        task_id="update",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        poll_interval=1,
        outlets=[published],
    ).expand_kwargs(texts())


@dag(schedule=[published], start_date=datetime(2026, 1, 1), catchup=False)
def publish_many():
    @task
    def announce(triggering_asset_events: Any = None) -> list[list[Any]]:
        return [[event.asset.uri, dict(event.extra)] for event in triggering_asset_events[published]]

    announce()


refresh_many()
publish_many()
