"""What the tests of the Knowledge page stand on: real refreshes in every state, and a month of seeded events."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Route

from airflow_provider.sandbox.client import Sandbox
from tests.system.processes import BackgroundProcess, stop
from tests.system.rest import RestError, send
from tests.system.settings import free_ports
from tests.system.stack import AirflowStack

ON_DEMAND = "knowledge_on_demand"


@dataclass(frozen=True)
class Agents:
    """One agent in each state that a real run can bring about."""

    fresh: str
    failing: str
    running: str
    never: str = "never"
    runs: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def name(agent_id: str) -> str:
        return f"agent {agent_id[:4]}…{agent_id[-4:]}" if len(agent_id) > 12 else f"agent {agent_id}"


def connect(stack: AirflowStack, sandbox: Sandbox) -> None:
    """Make the connection to SendKit, unless a person has made it already."""
    with_id = {"connection_id": "sendkit_default", **sandbox.sendkit_connection}
    try:
        stack.rest.post("/connections", with_id)
    except RestError as error:
        if error.status != 409:
            raise


def refresh(stack: AirflowStack, agent_id: str, ends: str) -> str:
    run_id = stack.trigger(ON_DEMAND, {"agent": agent_id})
    stack.wait_for_task(ON_DEMAND, run_id, "retrain", {ends})
    return run_id


def in_every_state(stack: AirflowStack, sandbox: Sandbox) -> Agents:
    """Refresh three agents for real: one well, one first well and then badly, one without an end."""
    connect(stack, sandbox)
    seeded = sandbox.seed(agents=[{}, {}, {}])["agents"]
    agents = Agents(*seeded)
    sandbox.options(pending_seconds=0.2, training_seconds=0.5)
    agents.runs["fresh"] = refresh(stack, agents.fresh, "success")
    refresh(stack, agents.failing, "success")
    sandbox.options(training_outcome="failed", training_error="The website could not be crawled: 403")
    agents.runs["failing"] = refresh(stack, agents.failing, "failed")
    sandbox.options(training_outcome="completed", stuck="training")
    agents.runs["running"] = refresh(stack, agents.running, "deferred")
    return agents


def seed_events(stack: AirflowStack, dag_id: str, days: int, *, until: float = 0.2) -> int:
    """
    Write a nightly history for every asset of a DAG, straight into the database. Some stopped days ago.

    :param until: days since the newest
    :returns: how many targets have one
    """
    found = stack.rest.get("/assets", dag_ids=dag_id, limit=100)
    assets = list(found["assets"])
    while len(assets) < found["total_entries"]:
        assets += stack.rest.get("/assets", dag_ids=dag_id, limit=100, offset=len(assets))["assets"]
    now = datetime.now(UTC)
    rows = []
    for number, asset in enumerate(assets):
        costs = asset["uri"].startswith("sendkit")
        stopped = {5: 4.0, 7: 1.5}.get(number % 18, 0.0)
        for day in range(days):
            at = now - timedelta(days=day + until + stopped, minutes=number)
            extra = {
                "outcome": "refreshed",
                "status": "completed" if costs else "READY",
                "credits_charged": 10.0 if costs else 0.0,
                "counts": {"pages": 25, "documents": 3} if costs else {},
                "seconds": 12.5,
                "marker": at.isoformat(),
                "confirmed": True,
                "ended": True,
            }
            (task,) = asset["producing_tasks"]
            run = f"scheduled__{at.isoformat()}"
            rows.append(
                (asset["id"], json.dumps(extra), task["task_id"], dag_id, run, -1, at.replace(tzinfo=None))
            )
    columns = "asset_id, extra, source_task_id, source_dag_id, source_run_id, source_map_index, timestamp"
    with closing(sqlite3.connect(stack.home / "airflow.db", timeout=60)) as database, database:
        database.executemany(
            f"insert into asset_event ({columns}) values (?, ?, ?, ?, ?, ?, ?)",
            [(*row[:-1], row[-1].strftime("%Y-%m-%d %H:%M:%S.%f")) for row in rows],
        )
    return len(assets)


@contextmanager
def below_a_path(stack: AirflowStack, python: Path, **changes: str) -> Iterator[str]:
    """A second api-server of the same Airflow, whose base URL has a path; gives that URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/team/airflow"
    server = BackgroundProcess.start(
        "api-server",
        [str(python), "-m", "airflow", "api-server"],
        env=stack.env | changes | {"AIRFLOW__API__BASE_URL": url, "AIRFLOW__API__PORT": str(port)},
        cwd=stack.home,
        output=stack.home / "api-server-below-a-path.log",
    )

    def answers() -> bool:
        with suppress(OSError, RestError):
            return bool(send("GET", f"{url}/api/v2/version"))
        return False

    try:
        stack.until(answers, timeout=120, what=f"Airflow at {url}", interval=0.5)
        yield url
    finally:
        stop([server])


@contextmanager
def requests_of(page: Page, *wanted: str) -> Iterator[list[str]]:
    """Note the addresses that a page asks for, below one of these paths."""
    seen: list[str] = []

    def note(request: Request) -> None:
        path = urlsplit(request.url).path
        # Airflow's own page asks for these whenever it is looked at again.
        if any(f"/{each}/" in path for each in wanted) and not path.endswith(("/version", "/plugins")):
            seen.append(request.url)

    page.on("request", note)
    yield seen
    page.remove_listener("request", note)


def answers(body: dict[str, Any], status: int = 200) -> Callable[[Route], None]:
    """A handler that answers so in Airflow's place."""
    return lambda route: route.fulfill(status=status, json=body)
