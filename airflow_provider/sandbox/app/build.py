"""The application: vendors' routes, inside the gate, inside the faults, inside the log."""

from __future__ import annotations

import re
import time
from typing import Any

import typer
from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider.sandbox.app import (
    control,
    sendkit,
    sendkit_documents,
    sensay_knowledge,
    sensay_replicas,
    sensay_training,
    storage,
)
from airflow_provider.sandbox.app.gate import Gate
from airflow_provider.sandbox.app.problems import SENDKIT_ERRORS, SENSAY_ERRORS, Problem, answer
from airflow_provider.sandbox.app.responses import Json
from airflow_provider.sandbox.app.site import Site, request_id_of
from airflow_provider.sandbox.app.tampering import Tampering
from airflow_provider.sandbox.app.traffic import peer_of
from airflow_provider.sandbox.state.clock import http_date

SENDKIT_ROUTERS = (sendkit.router, sendkit_documents.router)
SENSAY_ROUTERS = (sensay_knowledge.router, sensay_training.router, sensay_replicas.router)

# Only declared here, for the API page; the gate checks them.
_SENDKIT_KEY = APIKeyHeader(name="X-Api-Key", auto_error=False)
_SENSAY_SECRET = APIKeyHeader(name="X-ORGANIZATION-SECRET", auto_error=False)


def build(site: Site) -> FastAPI:
    app = FastAPI(
        title="SendKit and Sensay sandbox",
        version="1",
        description="The documented contract of both vendors, runnable. `/_sandbox` is the control panel.",
        strict_content_type=False,
    )
    app.state.site = site
    for router in SENDKIT_ROUTERS:
        app.include_router(router, responses=SENDKIT_ERRORS, dependencies=[Security(_SENDKIT_KEY)])
    for router in SENSAY_ROUTERS:
        app.include_router(router, responses=SENSAY_ERRORS, dependencies=[Security(_SENSAY_SECRET)])
    app.include_router(storage.router)
    app.include_router(control.router)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_such_route)
    app.add_middleware(Wire, site=site, templates=_templates())
    return app


class Wire:
    """
    ASGI middleware around all else: numbers, counts and logs vendor requests, and stamps the vendor's ``Date``.

    Control calls and the OpenAPI pages pass untouched: no fault, no gate, no count.
    """

    def __init__(self, app: ASGIApp, site: Site, templates: list[tuple[re.Pattern[str], str]]) -> None:
        self.app = app
        self.site = site
        self.templates = templates
        self.gated = Tampering(Gate(app, site), site)
        self.stored = Tampering(app, site)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(("/v1", "/_storage")):
            await self.app(scope, receive, send)
            return
        site = self.site
        traffic = site.traffic
        seen = traffic.arrived(scope, self._template(path), site.connections.number(peer_of(scope)))
        scope["sandbox_request_id"] = seen.id
        status: int | None = None

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                date = http_date(time.time() + site.world.options.clock_skew).encode()
                message["headers"] = [*message.get("headers", []), (b"date", date)]
            await send(message)

        try:
            await (self.gated if path.startswith("/v1") else self.stored)(scope, receive, stamped)
        finally:
            traffic.answered(seen, status)
            if site.verbose:
                outcome = status or "connection cut"
                typer.echo(f"{seen.method} {path} -> {outcome} in {seen.seconds:.3f} s  {seen.id}")

    def _template(self, path: str) -> str:
        return next((template for pattern, template in self.templates if pattern.fullmatch(path)), path)


def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Fixed paths before those with parameters, so that ``/users/me`` is not a ``{userID}``."""
    routes = [
        route for router in (*SENDKIT_ROUTERS, *SENSAY_ROUTERS, storage.router) for route in router.routes
    ]
    paths = {route.path for route in routes if isinstance(route, APIRoute)}
    ordered = sorted(paths, key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in ordered]


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return answer(problem, request.url.path, request_id_of(request))


async def _invalid(request: Request, error: Exception) -> Response:
    """400 in the vendor's envelope; an id that cannot exist is a 404 at SendKit and a 400 at Sensay."""
    assert isinstance(error, RequestValidationError)
    found: list[dict[str, Any]] = list(error.errors())
    where = ".".join(str(part) for part in found[0]["loc"])
    message = f"{where}: {found[0]['msg']}"
    if request.url.path.startswith("/_"):
        return Json({"error": message}, 422)
    return answer(Problem(400, message), request.url.path, request_id_of(request))


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/v1"):
        problem = Problem(error.status_code, None, headers=dict(error.headers or {}))
        return answer(problem, request.url.path, request_id_of(request))
    return Json({"error": error.detail}, error.status_code)
