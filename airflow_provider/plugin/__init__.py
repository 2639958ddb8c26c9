"""
The Knowledge page in Airflow's UI: what each agent knows, how old that is, and what it cost.

Airflow imports plugins in every process, schedulers and workers too: nothing here costs more than reading
two settings. The web app is built when it is first asked.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowPlugin, conf

from airflow_provider import __version__

#: Where the app is mounted, below the base URL.
PREFIX = "/agent-knowledge"


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """Serve the page's files (ASGI)."""
    from airflow_provider.plugin.web import built

    await built()(scope, receive, send)


def task_classes() -> list[str]:
    """Return the names of the classes whose tasks write, or wait for, what an agent knows."""
    from airflow_provider import operators, sensors

    return [*operators.__all__, *sensors.__all__, "_SensayDocumentsOperator"]


def _apps() -> list[dict[str, Any]]:
    """
    Return the entries of the UI, all from one script: the UI looks a component up by its entry's name.

    The address has no host (the reader may come by another than ``[api] base_url`` names) and begins with a
    slash (Airflow 3.1 takes a relative one for the name of a module).
    """
    root = urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")
    script = f"{root}{PREFIX}/page.js?v={__version__}"
    refresh: dict[str, Any] = {"name": "Refresh", "destination": "task_instance", "url_route": "refresh"}
    entries = [
        {"name": "Knowledge", "destination": "nav", "category": "browse", "url_route": "knowledge"},
        {"name": "Knowledge card", "destination": "dashboard", "url_route": "knowledge-card"},
        refresh,
    ]
    if tuple(int(part) for part in airflow_version.split(".")[:2]) >= (3, 4):
        # Older ones refuse the whole plugin for a destination that they do not know, and show a tab on every task.
        entries.append({"name": "Knowledge", "destination": "asset", "url_route": "knowledge-asset"})
        refresh["applies_to"] = {"operator": task_classes()}
    return [{**entry, "bundle_url": script} for entry in entries]


_FASTAPI_APPS: list[Any] = [{"name": "Knowledge", "app": serve, "url_prefix": PREFIX}]
_REACT_APPS: list[Any] = _apps()


class KnowledgePlugin(AirflowPlugin):
    """Adds the page, the dashboard card and the tabs."""

    name = "agent_knowledge"
    fastapi_apps = _FASTAPI_APPS
    react_apps = _REACT_APPS
