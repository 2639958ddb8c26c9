"""
### Refresh in one DAG, publish in another

The first DAG gives an entry its text. It names no asset of its own: through the alias `published-knowledge` the
refresh adds an event to the entry's asset, with what happened in it. The second DAG is scheduled on that alias and
reads the event. A run that finds the text there already (`skipped`) adds no event, so nothing is published twice.

Needs the connection `sensay_default`, and the Variables `sensay_replica_uuid` and `sensay_entry_id`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import AssetAlias, dag, task

from airflow_provider.operators.sensay import SensayUpdateKnowledgeBaseEntryOperator

published = AssetAlias("published-knowledge")


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def refresh_then_publish():
    SensayUpdateKnowledgeBaseEntryOperator(
        task_id="update_entry",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        entry_id="{{ var.value.sensay_entry_id }}",
        raw_text="{{ dag_run.conf.get('text', 'We open at nine and close at five.') }}",
        outlets=[published],
    )


@dag(
    dag_id="publish",
    schedule=[published],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    doc_md=__doc__,
    tags=["knowledge"],
)
def publish():
    @task
    def announce(triggering_asset_events=None) -> list[str]:
        return [
            f"{event.asset.uri}: {event.extra['outcome']} in {event.extra['seconds']:.0f} s"
            f" by {event.extra['dag_id']} ({event.extra['run_id']}), {event.extra['credits_charged']:g} credits"
            for event in triggering_asset_events[published]
        ]

    announce()


refresh_then_publish()
publish()
