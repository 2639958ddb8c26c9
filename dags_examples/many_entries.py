"""
### Many entries, one mapped task

One task instance for each entry, named by its entry in the UI. All of them wait together: in the triggerer they
share one client and one poller.

Needs the connection `sensay_default`, the Variable `sensay_replica_uuid`, and the Variable `sensay_texts`, a JSON
object from entry id to text. Name the API generation in the connection (`api`), so that no task has to find out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import Variable, dag, task

from airflow_provider.operators.sensay import SensayUpdateKnowledgeBaseEntryOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def many_entries():
    @task
    def texts() -> list[dict[str, str]]:
        """Stands for a query, a folder, or the output of your pipeline."""
        found = Variable.get("sensay_texts", deserialize_json=True)
        return [{"entry_id": entry_id, "raw_text": text} for entry_id, text in found.items()]

    update = SensayUpdateKnowledgeBaseEntryOperator.partial(
        task_id="update",
        replica_uuid="{{ var.value.sensay_replica_uuid }}",
        deferrable=True,
    ).expand_kwargs(texts())

    @task
    def summary(results: list[dict]) -> dict[str, int]:
        outcomes = [result["outcome"] for result in results]
        return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}

    summary(update.output)


many_entries()
