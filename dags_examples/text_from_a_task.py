"""
### What a function tells is what the replica knows

`products` yields one document for each product on sale, under a key that lasts: what changed is sent again, and what is
not told any more goes. `opening_hours` tells one text, and what it is told comes from a task before it.

Needs the connection `sensay_default`, and the Variables `sensay_replica_uuid`, `products`, a JSON list of objects with
`sku`, `name` and `price`, and `opens_at`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from airflow.sdk import Variable, dag, task

from airflow_provider.sources import Document

REPLICA = "{{ var.value.sensay_replica_uuid }}"


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["knowledge"],
)
def text_from_a_task():
    @task.sensay_documents(replica_uuid=REPLICA, sync_id="products", delete_missing=True)
    def products() -> Iterator[Document]:
        """Stands for a query, or for what your pipeline has computed."""
        for each in Variable.get("products", deserialize_json=True):
            yield Document(
                key=each["sku"],
                title=each["name"],
                text=f"{each['name']} costs {each['price']} euros.",
            )

    @task
    def opens_at() -> str:
        return Variable.get("opens_at")

    @task.sensay_documents(replica_uuid=REPLICA, sync_id="hours")
    def opening_hours(at: str) -> str:
        return f"Our shop opens at {at} in the morning. It closes at five."

    products()
    opening_hours(opens_at())


text_from_a_task()
