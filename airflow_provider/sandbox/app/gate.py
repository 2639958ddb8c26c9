"""
What a vendor checks before it looks at the request itself: key, headers, rate, size.

SendKit: https://docs.sendkit.ai/ ; Sensay: https://docs.sensay.io/authentication ,
https://docs.sensay.io/topic/topic-troubleshooting
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from datetime import date

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider.sandbox.app.limits import retry_after
from airflow_provider.sandbox.app.problems import Problem, answer, vendor_of
from airflow_provider.sandbox.app.site import Site
from airflow_provider.sandbox.state.world import Credentials, World

DEFAULT_API_VERSION = "2025-03-25"


class Gate:
    """ASGI middleware: latency, rate limit and header rules of the vendor the path belongs to."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self.site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site, path = self.site, scope["path"]
        site.world.settle()
        if site.world.options.latency:
            await asyncio.sleep(site.world.options.latency)
        headers = Headers(scope=scope)
        try:
            self._check_rate()
            if vendor_of(path) == "sendkit":
                check_sendkit(scope["method"], headers, site.world.credentials)
            else:
                send = _echoing(check_api_version(headers), send)
                check_sensay(scope["method"], path, headers, site.world)
            receive = await _body(scope, receive, headers, site.world.options.max_body_bytes)
        except Problem as problem:
            await answer(problem, path, scope["sandbox_request_id"])(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_rate(self) -> None:
        options = self.site.world.options
        if options.rate_limit is None:
            return
        wait = self.site.rate.admits(options.rate_limit)
        if wait is not None:
            raise Problem(429, "Rate limit exceeded", headers=retry_after(wait, options))


def check_sendkit(method: str, headers: Mapping[str, str], known: Credentials) -> None:
    """A workspace key must not name a workspace; a platform key must. ``sk_user_`` is tried before ``sk_``."""
    key, bearer = headers.get("x-api-key"), headers.get("authorization", "")
    if key is not None and bearer:
        raise Problem(400, "Use one authentication style per request: X-Api-Key or Authorization")
    key = key or bearer.removeprefix("Bearer ")
    if key not in (known.workspace_key, known.platform_key):
        raise Problem(401, "Invalid or missing API key")
    workspace = headers.get("x-workspace-id")
    if key.startswith("sk_user_"):
        if workspace != known.workspace_id:
            raise Problem(403)
    elif workspace is not None:
        raise Problem(400, "Workspace API keys must not send X-Workspace-Id")
    if _carries_body(method, headers) and _media_type(headers) not in (
        "application/json",
        "multipart/form-data",
    ):
        raise Problem(415, "Content-Type must be application/json")


def check_api_version(headers: Mapping[str, str]) -> str:
    """https://docs.sensay.io/topic/topic-versioning"""
    version = headers.get("x-api-version", DEFAULT_API_VERSION)
    try:
        if len(version) != len(DEFAULT_API_VERSION):
            raise ValueError(version)
        date.fromisoformat(version)
    except ValueError:
        raise Problem(400, "X-API-Version must be a date, YYYY-MM-DD") from None
    return version


def check_sensay(method: str, path: str, headers: Mapping[str, str], world: World) -> None:
    if headers.get("x-organization-secret") != world.credentials.organization_secret:
        raise Problem(401, "Invalid or missing organization secret")
    user = headers.get("x-user-id")
    if user is not None and not _user_exists(user, headers.get("x-user-id-type"), world):
        raise Problem(401, "Unknown user")
    if user is None and path == "/v1/users/me":
        raise Problem(401, "X-USER-ID is required")
    wanted = world.options.require_content_type or _carries_body(method, headers)
    if wanted and _media_type(headers) != "application/json":
        raise Problem(415, "Content-Type must be application/json")
    if headers.get("content-encoding", "gzip") != "gzip":
        raise Problem(400, "Content-Encoding must be gzip")


def _carries_body(method: str, headers: Mapping[str, str]) -> bool:
    return (
        method in ("POST", "PUT", "PATCH")
        or headers.get("content-length", "0") != "0"
        or "transfer-encoding" in headers
    )


def _user_exists(user: str, account_type: str | None, world: World) -> bool:
    if account_type is None:
        return user in world.users
    return any(known.is_linked(account_type, user) for known in world.users.values())


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _echoing(version: str, send: Send) -> Send:
    async def echo(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["X-API-Version"] = version
        await send(message)

    return echo


async def _body(scope: Scope, receive: Receive, headers: Mapping[str, str], limit: int) -> Receive:
    """Bounded and unpacked. Multipart uploads are bounded by their own rule."""
    if _media_type(headers) == "multipart/form-data":
        return receive
    packed = headers.get("content-encoding") == "gzip"
    too_large = Problem(413, "FUNCTION_PAYLOAD_TOO_LARGE")
    if int(headers.get("content-length") or 0) > limit:
        raise too_large
    if not packed and "transfer-encoding" not in headers:
        return receive
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large
        if not message.get("more_body"):
            break
    try:
        plain = gzip.decompress(body) if packed else body
    except (OSError, EOFError):
        raise Problem(400, "Content-Encoding says gzip, the body is not") from None
    whole: Message = {"type": "http.request", "body": plain, "more_body": False}

    async def replay() -> Message:
        return whole

    return replay
