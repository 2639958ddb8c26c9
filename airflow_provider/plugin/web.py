"""The web app behind the page: the page's files, for those who may read assets, and nothing else."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response

from airflow_provider.vendors.registry import vendors

#: What is served. The page holds no data: it asks Airflow's public REST API, with the reader's own rights.
_FILES = {
    "page.js": "text/javascript",
    "reading.js": "text/javascript",
    "judgement.js": "text/javascript",
    "page.css": "text/css",
}


@functools.cache
def built() -> FastAPI:
    """
    Build the app, once for each process.

    A mounted app inherits no check from Airflow, so each of its addresses has the same one; the addresses
    that it does not know too.
    """
    app = FastAPI(dependencies=[Depends(_reader())], docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/{name:path}", _serve, methods=["GET", "HEAD"])
    return app


def _reader() -> Callable[..., Any]:
    """Return the check of who asks: whoever may read assets; nobody where Airflow has no such check."""
    try:
        from airflow.api_fastapi.core_api.security import requires_access_asset
    except ImportError:
        return _refuse
    return requires_access_asset("GET")


def _refuse() -> None:
    raise HTTPException(403, "This Airflow has no check of who may read assets, so nobody may see this page.")


def _serve(name: str, request: Request) -> Response:
    if name not in _FILES:
        raise HTTPException(404)
    text = _text(name)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    # Kept by the browser, and asked for again each time: a log-out or an upgrade counts at once.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type=_FILES[name], headers=headers)


@functools.cache
def _text(name: str) -> str:
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return text.replace('"FACTS"', json.dumps(_facts())) if name == "reading.js" else text


def _facts() -> dict[str, object]:
    """Return what the page must know beforehand: the vendors, and how the tasks are called that write for them."""
    from airflow import __version__ as airflow_version

    from airflow_provider.plugin import task_classes
    from airflow_provider.tasks.record_store import KEY

    labels = {vendor.name: vendor.label for vendor in vendors().values()}
    return {
        "airflow": [int(part) for part in airflow_version.split(".")[:2]],
        "vendors": labels,
        # Airflow 3.1 finds tasks by whole names alone.
        "operators": task_classes(),
        "prefixes": [*labels.values(), *(f"@task.{name}" for name in labels)],
        "record": KEY,
    }
