"""The layer that makes faults happen, between the wire and the vendors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider.sandbox.app.editing import edited
from airflow_provider.sandbox.app.faults import (
    BodyFault,
    DelayFault,
    DropFault,
    EditFault,
    Fault,
    HoldFault,
    LoseAnswerFault,
    RedirectFault,
    StaleFault,
    StatusAfterFault,
    StatusFault,
    SwapFault,
)
from airflow_provider.sandbox.app.problems import Problem, answer
from airflow_provider.sandbox.app.responses import Json
from airflow_provider.sandbox.app.site import LAG, Site
from airflow_provider.sandbox.app.traffic import peer_of
from airflow_provider.sandbox.state.clock import http_date


@dataclass(slots=True)
class Performed:
    """What the vendor answered, kept from the wire."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def answer(self) -> Response:
        response = Response(self.body, self.status)
        response.raw_headers = self.headers
        return response


class Tampering:
    """ASGI middleware; one fault at most per request."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self.site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.site.faults.take(scope["method"], scope["path"])
        if fault is None:
            await self.app(scope, receive, send)
            return
        # Read the request to its end first: what is performed later must not depend on the client still being there.
        body = await _read(receive)
        answered = await self._suffer(fault, scope, body)
        if answered is None:
            return
        if answered.status_code in (204, 304):
            answered = Response(status_code=answered.status_code)
        await answered(scope, receive, send)

    async def _suffer(self, fault: Fault, scope: Scope, body: bytes) -> Response | None:
        """The response to send, or ``None`` where the connection was cut."""
        match fault:
            case DropFault():
                await self._cut(scope, reset=fault.reset)
                return None
            case LoseAnswerFault():
                await self._perform(scope, body)
                await self._cut(scope, reset=fault.reset)
                return None
            case StatusAfterFault():
                await self._perform(scope, body)
                return self._status(fault, scope)
            case StatusFault():
                return self._status(fault, scope)
            case RedirectFault():
                return RedirectResponse(fault.location, fault.status)
            case HoldFault():
                return await self._hold(fault, scope, body)
            case DelayFault(when="before"):
                await asyncio.sleep(fault.seconds)
                return (await self._perform(scope, body)).answer()
            case DelayFault():
                performed = await self._perform(scope, body)
                await asyncio.sleep(fault.seconds)
                return performed.answer()
            case SwapFault():
                return (await self._perform({**scope, "path": fault.to}, body)).answer()
            case StaleFault():
                return (await self._perform({**scope, LAG: fault.seconds}, body)).answer()
            case EditFault():
                true = await self._perform(scope, body)
                return edited(fault, true.status, true.body)
            case BodyFault(shape="cut_connection"):
                return _announced_longer(
                    await self._perform(scope, body), lambda: self._cut(scope, reset=False)
                )
            case BodyFault():
                return _spoilt(fault, await self._perform(scope, body))

    async def _perform(self, scope: Scope, body: bytes) -> Performed:
        performed = Performed()
        await self.app(scope, _replay(body), performed.send)
        return performed

    async def _hold(self, fault: HoldFault, scope: Scope, body: bytes) -> Response | None:
        performed = await self._perform(scope, body) if fault.when == "after" else None
        request_id = scope["sandbox_request_id"]
        decision = await self.site.holds.hold(
            request_id, scope["method"], scope["path"], fault.when, peer_of(scope)
        )
        if decision == "drop":
            await self._cut(scope, reset=True)
            return None
        return (performed or await self._perform(scope, body)).answer()

    async def _cut(self, scope: Scope, *, reset: bool) -> None:
        await self.site.connections.cut(peer_of(scope), reset=reset)

    def _status(self, fault: StatusFault, scope: Scope) -> Response:
        headers = dict(fault.headers)
        if fault.retry_after is not None:
            skewed = time.time() + self.site.world.options.clock_skew + fault.retry_after
            headers["Retry-After"] = (
                http_date(skewed) if fault.retry_after_format == "date" else f"{fault.retry_after:g}"
            )
        if fault.body is None:
            problem = Problem(fault.status, error_code=fault.error_code, headers=headers)
            return answer(problem, scope["path"], scope["sandbox_request_id"])
        if isinstance(fault.body, str):
            kind = "text/html" if fault.body.lstrip().startswith("<") else None
            return Response(fault.body.encode("utf-8", "replace"), fault.status, headers, kind)
        return Json(fault.body, fault.status, headers)


def _spoilt(fault: BodyFault, true: Performed) -> Response:
    status = fault.status or true.status
    as_json = "application/json"
    match fault.shape:
        case "not_json":
            return Response("<!doctype html><title>502 Bad Gateway</title>", status, media_type="text/html")
        case "huge":
            return StreamingResponse(_huge(fault.size), status, media_type=as_json)
        case "cut_json":
            return Response(true.body[: len(true.body) // 2], status, media_type=as_json)
        case "wrong_shape":
            return Json([] if fault.body is None else fault.body, status)
        case "dribble":
            return StreamingResponse(_dribble(true.body, fault), status, media_type=as_json)
        case _:
            return Response(b"", status, media_type=as_json)


def _announced_longer(true: Performed, cut: Callable[[], Awaitable[None]]) -> Response:
    """Half the answer under the full length, then the end of the stream."""

    async def half() -> AsyncIterator[bytes]:
        yield true.body[: len(true.body) // 2]
        await asyncio.sleep(0.05)
        await cut()

    headers = {"content-length": str(len(true.body))}
    return StreamingResponse(half(), true.status, headers, media_type="application/json")


async def _huge(size: int) -> AsyncIterator[bytes]:
    yield b'{"success":true,"padding":"'
    for sent in range(0, size, 65_536):
        yield b"x" * min(65_536, size - sent)
    yield b'"}'


async def _dribble(body: bytes, fault: BodyFault) -> AsyncIterator[bytes]:
    for start in range(0, len(body), fault.chunk):
        yield body[start : start + fault.chunk]
        await asyncio.sleep(fault.seconds)


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return body


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
