"""The examples that make a knowledge base equal to a source: a bucket on a real S3 server, a table, an approval."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.bucket import Bucket
from tests.system.rest import RestError, quote
from tests.system.stack import AirflowStack
from tests.system.test_examples import run

pytestmark = pytest.mark.usefixtures("vendors")

#: The same DAG, with its waits on the worker; the stack defers by default.
ON_A_WORKER = "_on_a_worker"


def connect(stack: AirflowStack, conn_id: str, fields: dict[str, Any]) -> None:
    """Make a connection, or another one of that name."""
    try:
        stack.rest.request("DELETE", f"/connections/{conn_id}")
    except RestError as error:
        if error.status != 404:
            raise
    stack.rest.post("/connections", {"connection_id": conn_id, **fields})


def let(stack: AirflowStack, key: str, value: str) -> None:
    """Set a Variable."""
    try:
        stack.rest.post("/variables", {"key": key, "value": value})
    except RestError as error:
        if error.status != 409:
            raise
        stack.rest.patch(f"/variables/{key}", {"key": key, "value": value})


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server: Bucket, stack: AirflowStack) -> Bucket:
    """Four files, and the connection and the Variable by which the examples find them."""
    server.clear()
    for name in ("returns.md", "opening-hours.md", "shipping/europe.md", "shipping/overseas.md"):
        server.put(f"shop/{name}", f"What the shop says about {name}.")
    server.put("shop/.draft.md", "Not to be read.")
    server.put("elsewhere/other.md", "Not to be read either.")
    connect(stack, "aws_default", server.connection)
    let(stack, "knowledge_folder", f"s3://aws_default@{Bucket.NAME}/shop/**/*.md")
    return server


@pytest.fixture
def articles(stack: AirflowStack) -> Iterator[sqlite3.Connection]:
    """A table of two published articles and a draft."""
    path = stack.home / "articles.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as table:
        table.execute("CREATE TABLE articles (id INTEGER, title TEXT, body TEXT, published INTEGER)")
        rows = [(1, "Returns", "Thirty days.", 1), (2, "Shipping", "Two days.", 1), (3, "Draft", "Hm.", 0)]
        table.executemany("INSERT INTO articles VALUES (?, ?, ?, ?)", rows)
        table.commit()
        connect(stack, "articles", {"conn_type": "sqlite", "host": str(path)})
        yield table


def texts(vendors: Sandbox) -> dict[str, str]:
    """What the replica can answer from, by title without the mark."""
    entries = [each for each in vendors.state()["entries"] if "[kb~" in (each.get("title") or "")]
    assert {each["status"] for each in entries} <= {"VECTOR_CREATED", "READY"}
    return {each["title"].partition(" [kb~")[0]: each["rawText"] for each in entries}


def test_a_folder_in_a_bucket_is_the_knowledge_base(
    stack: AirflowStack, vendors: Sandbox, bucket: Bucket
) -> None:
    results = run(stack, "folder_is_the_knowledge_base")
    assert results["sync"]["counts"] == {"created": 4}
    assert results["announce"] == "The replica knows 4 files: 4 created."
    bucket.put("shop/returns.md", "Sixty days.")
    bucket.put("shop/shipping/everywhere-else.md", "What the shop says about shipping/overseas.md.")
    bucket.delete("shop/shipping/overseas.md")
    bucket.delete("shop/opening-hours.md")
    assert run(stack, f"folder_is_the_knowledge_base{ON_A_WORKER}")["sync"]["counts"] == {
        "unchanged": 1,
        "updated": 1,
        "renamed": 1,
        "delete_accepted": 1,
    }
    assert texts(vendors) == {
        "returns.md": "Sixty days.",
        "shipping/europe.md": "What the shop says about shipping/europe.md.",
        "shipping/everywhere-else.md": "What the shop says about shipping/overseas.md.",
    }


def test_a_table_is_the_knowledge_base(
    stack: AirflowStack, vendors: Sandbox, articles: sqlite3.Connection
) -> None:
    assert run(stack, "articles_table_to_replica")["sync"]["counts"] == {"created": 2}
    articles.execute("UPDATE articles SET published = 0 WHERE id = 2")
    articles.execute("UPDATE articles SET published = 1 WHERE id = 3")
    articles.execute("UPDATE articles SET body = 'Sixty days.' WHERE id = 1")
    articles.commit()
    counts = run(stack, f"articles_table_to_replica{ON_A_WORKER}")["sync"]["counts"]
    assert counts == {"updated": 1, "created": 1, "delete_accepted": 1}
    assert texts(vendors) == {"Returns": "Sixty days.", "Draft": "Hm."}


def test_a_plan_is_applied_once_a_person_has_approved_it(
    stack: AirflowStack, vendors: Sandbox, bucket: Bucket
) -> None:
    run_id = stack.trigger("plan_approve_apply")
    asked = ask(stack, "plan_approve_apply", run_id)
    assert "dry run, nothing was sent: 4 create" in asked
    assert texts(vendors) == {}
    answer(stack, "plan_approve_apply", run_id)
    assert stack.wait("plan_approve_apply", run_id) == "success"
    assert stack.xcom("plan_approve_apply", run_id, "apply")["counts"] == {"created": 4}
    # Nothing is left to do, so nobody is asked.
    assert set(run(stack, "plan_approve_apply")) == {"plan", "anything_to_do", "approve", "apply"}


def test_a_plan_that_is_out_of_date_is_not_applied(
    stack: AirflowStack, vendors: Sandbox, bucket: Bucket
) -> None:
    dag_id = f"plan_approve_apply{ON_A_WORKER}"
    run_id = stack.trigger(dag_id)
    ask(stack, dag_id, run_id)
    bucket.put("shop/news.md", "Nobody has approved of this.")
    answer(stack, dag_id, run_id)
    assert stack.wait(dag_id, run_id) == "failed"
    assert "Nothing was sent, and a retry is refused as well" in stack.log(dag_id, run_id, "apply")
    assert stack.task_instance(dag_id, run_id, "apply").try_number == 1
    assert texts(vendors) == {}


def ask(stack: AirflowStack, dag_id: str, run_id: str) -> str:
    """Wait for the question and give a person time to read it."""
    stack.wait_for_task(dag_id, run_id, "approve", {"awaiting_input", "deferred"})
    # On SQLite, which locks no rows, an answer is lost that comes while the scheduler still takes note that
    # the asking process has ended.
    asked_at = time.monotonic()
    stack.until(lambda: time.monotonic() > asked_at + 4, timeout=10, what="a person to read the question")
    return str(stack.rest.get(_question(dag_id, run_id))["body"])


def answer(stack: AirflowStack, dag_id: str, run_id: str) -> None:
    """Approve."""
    stack.rest.patch(_question(dag_id, run_id), {"chosen_options": ["Approve"], "params_input": {}})


def _question(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/approve/-1/hitlDetails"
