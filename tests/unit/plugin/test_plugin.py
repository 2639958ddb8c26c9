"""What Airflow gets from the plugin, and who gets what from its web app."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from airflow_provider import plugin
from airflow_provider.plugin import web

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "airflow_provider" / "plugin"
FILES = ("page.js", "reading.js", "judgement.js", "page.css")
UNKNOWN = (
    "",
    "docs",
    "redoc",
    "openapi.json",
    "docs/oauth2-redirect",
    "web.py",
    "..%2f__init__.py",
    "a/page.js",
)


@pytest.fixture
def served() -> Iterator[FastAPI]:
    """The app, mounted as Airflow mounts it."""
    web.built.cache_clear()
    host = FastAPI()
    host.mount(plugin.PREFIX, plugin.serve)
    yield host
    web.built.cache_clear()


@pytest.fixture
def reader(served: FastAPI) -> TestClient:
    """Somebody whom Airflow's check lets pass."""
    (check,) = web.built().router.dependencies
    assert check.dependency is not None
    web.built().dependency_overrides[check.dependency] = lambda: None
    return TestClient(served)


def test_the_entry_point_leads_to_the_plugin() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][
        "airflow.plugins"
    ]
    module, _, name = points["agent_knowledge"].partition(":")
    assert getattr(importlib.import_module(module), name) is plugin.KnowledgePlugin


def test_a_worker_that_imports_the_plugin_imports_no_web_framework() -> None:
    heavy = (
        "('fastapi', 'starlette', 'airflow.api_fastapi', 'sqlalchemy.orm.session', 'httpx', 'pydantic.main')"
    )
    code = f"""
import sys
from airflow.providers.common.compat.sdk import AirflowPlugin, conf
before = set(sys.modules)
import airflow_provider.plugin
added = set(sys.modules) - before
print(sorted(name for name in added if name.startswith({heavy})), len(added))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, count = ran.stdout.strip().rsplit(" ", 1)
    assert (found, int(count) <= 2) == ("[]", True), ran.stdout


def test_every_entry_has_a_route_of_its_own_and_its_component() -> None:
    entries = plugin.KnowledgePlugin.react_apps
    assert len({entry["url_route"] for entry in entries}) == len(entries)
    assert {entry["destination"] for entry in entries} >= {"nav", "dashboard", "task_instance"}
    script = (FOLDER / "page.js").read_text()
    assigned = script[script.index("Object.assign(globalThis") :]
    for entry in entries:
        assert re.search(rf'"?\b{entry["name"]}\b"?[:, ]', assigned), f"the script sets no {entry['name']!r}"


@pytest.mark.parametrize(
    ("version", "shown"),
    [("3.1.8", False), ("3.3.2", False), ("3.4.0b2", True), ("3.10.0", True), ("4.0.0", True)],
)
def test_an_assets_tab_and_tabs_for_some_tasks_come_with_the_airflow_that_knows_them(
    monkeypatch: pytest.MonkeyPatch, version: str, shown: bool
) -> None:
    monkeypatch.setattr(plugin, "airflow_version", version)
    entries = {entry["destination"]: entry for entry in plugin._apps()}
    assert ("asset" in entries) is shown
    assert ("applies_to" in entries["task_instance"]) is shown
    if shown:
        assert "SendKitRetrainAgentOperator" in entries["task_instance"]["applies_to"]["operator"]


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("http://localhost:8080", "/agent-knowledge/page.js"),
        ("https://airflow.example.com/", "/agent-knowledge/page.js"),
        ("https://example.com/team/airflow/", "/team/airflow/agent-knowledge/page.js"),
        ("/", "/agent-knowledge/page.js"),
        ("", "/agent-knowledge/page.js"),
    ],
)
def test_the_script_is_found_below_the_base_url_whatever_the_host(
    monkeypatch: pytest.MonkeyPatch, base: str, path: str
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert {entry["bundle_url"].partition("?")[0] for entry in plugin._apps()} == {path}


@pytest.mark.parametrize("name", [*FILES, *UNKNOWN])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_is_not_logged_in_gets_nothing(served: FastAPI, method: str, name: str) -> None:
    answer = TestClient(served).request(method, f"{plugin.PREFIX}/{name}")
    assert answer.status_code == 401
    assert "import" not in answer.text


@pytest.mark.parametrize("name", FILES)
def test_a_reader_gets_the_files(reader: TestClient, name: str) -> None:
    answer = reader.get(f"{plugin.PREFIX}/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(
        "text/css" if name.endswith("css") else "text/javascript"
    )
    assert "private" in answer.headers["cache-control"]
    again = reader.get(f"{plugin.PREFIX}/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", UNKNOWN)
def test_and_nothing_else(reader: TestClient, name: str) -> None:
    assert reader.get(f"{plugin.PREFIX}/{name}").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(reader: TestClient, method: str) -> None:
    assert reader.request(method, f"{plugin.PREFIX}/page.js").status_code == 405


def test_an_airflow_without_the_check_lets_nobody_in(
    served: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.api_fastapi.core_api.security", None)
    assert TestClient(served).get(f"{plugin.PREFIX}/page.js").status_code == 403


def test_the_page_knows_every_vendor_and_its_tasks(reader: TestClient) -> None:
    facts = reader.get(f"{plugin.PREFIX}/reading.js").text
    for expected in (
        '"sendkit": "SendKit"',
        '"SensaySyncKnowledgeBaseOperator"',
        '"@task.sensay"',
        '"agent_knowledge_record"',
    ):
        assert expected in facts


def test_the_page_is_small_and_asks_nobody_but_airflow() -> None:
    scripts = {path.name: path.read_text() for path in FOLDER.glob("*.js")}
    assert sum(len(text.encode()) for text in scripts.values()) <= 40_000
    assert len(scripts["page.js"].splitlines()) <= 400
    for name, text in scripts.items():
        assert set(re.findall(r'from "([^"]+)"', text)) <= {"./judgement.js", "./reading.js"}, name
        assert "http:" not in text, name
        assert "https:" not in text, name
        assert max(map(len, text.splitlines())) <= 120, name
    assert re.findall(r"fetch\(|XMLHttpRequest|innerHTML|dangerously|eval\(", "".join(scripts.values())) == [
        "fetch("
    ]
    assert re.findall(r"method:|POST|PATCH|DELETE", "".join(scripts.values())) == []
