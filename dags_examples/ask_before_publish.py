"""
### Ask before you publish

A text goes into a replica; then the replica is asked what your users would ask. Only if its answers are as expected is
what follows done; else it is skipped, and the answers stand in the result of the task `ask`.

Needs the connection `sensay_default`, and the Variables `sensay_replica_uuid`, `sensay_entry_id` and `entry_text`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task

from airflow_provider.operators.sensay import (
    SensayAskReplicaOperator,
    SensayUpdateKnowledgeBaseEntryOperator,
)

REPLICA = "{{ var.value.sensay_replica_uuid }}"


def is_short(answer: str) -> bool:
    return len(answer) < 500


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def ask_before_publish():
    update = SensayUpdateKnowledgeBaseEntryOperator(
        task_id="update",
        replica_uuid=REPLICA,
        entry_id="{{ var.value.sensay_entry_id }}",
        raw_text="{{ var.value.entry_text }}",
    )

    ask = SensayAskReplicaOperator(
        task_id="ask",
        replica_uuid=REPLICA,
        questions=[
            {"question": "When does the shop open?", "contains": "nine"},
            {"question": "How much is a lamp?", "matches": r"\b5 (euros|EUR)\b", "check": is_short},
        ],
        on_failed_answers="skip",
    )

    @task
    def publish(result: dict) -> str:
        """Stands for whatever shows the replica to your users."""
        return f"{result['passed']} answers are as expected: published."

    update >> ask
    publish(ask.output)


ask_before_publish()
