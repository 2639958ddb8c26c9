"""Looks for the vendors' keys in everything that a run of the system tests leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from airflow_provider.sandbox.client import Sandbox
from tests.system.rest import AirflowRest, RestError, quote

_CHUNK = 1 << 20


def keys_of(sandbox: Sandbox) -> list[str]:
    """Every secret that opens the sandbox."""
    return [
        str(sandbox.sendkit_connection["password"]),
        str(sandbox.sensay_connection["password"]),
        sandbox.platform_key,
    ]


def leaks(home: Path, rest: AirflowRest, keys: Iterable[str]) -> list[str]:
    """
    Read every file of a home (database, task logs, output of the components) and what REST tells of all runs.

    :return: where a key was found; the key itself is not repeated
    """
    wanted = [key.encode() for key in keys]
    places = [str(file.relative_to(home)) for file in sorted(home.rglob("*")) if _holds(file, wanted)]
    for path, answer in _answers(rest):
        text = json.dumps(answer, ensure_ascii=False).encode()
        places += [path] if any(key in text for key in wanted) else []
    return places


def _holds(file: Path, wanted: list[bytes]) -> bool:
    if not file.is_file():
        return False
    overlap = max(map(len, wanted))
    tail = b""
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            if any(key in tail + chunk for key in wanted):
                return True
            tail = chunk[-overlap:]
    return False


def _answers(rest: AirflowRest) -> Iterator[tuple[str, Any]]:
    """All that a person could be shown: lists, and of each task its result, links, state and logs."""
    for path in ("/connections", "/variables", "/eventLogs", "/assets", "/assets/events", "/importErrors"):
        yield path, rest.get(path, limit=1000)
    instances = rest.get("/dags/~/dagRuns/~/taskInstances", limit=1000)
    yield "/dags/~/dagRuns/~/taskInstances", instances
    for task in instances["task_instances"]:
        run = f"/dags/{quote(task['dag_id'])}/dagRuns/{quote(task['dag_run_id'])}"
        base = f"{run}/taskInstances/{quote(task['task_id'])}"
        mapped = {"map_index": task["map_index"]}
        paths = [f"{base}/{part}" for part in ("links", "xcomEntries", "state-store")]
        paths += [f"{base}/logs/{number}" for number in range(1, task["try_number"] + 1)]
        for path in paths:
            try:
                yield path, rest.get(path, **mapped, full_content=True)
            except RestError as error:  # e.g. no state was ever kept
                yield path, error.body
