"""A worker whose process dies at a certain request: the vendor has it, nobody hears the answer, nothing follows."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from unittest import mock

import httpx

from tests.integration.rig import Make
from tests.integration.task import Killed, Outcome, Supervisor, TaskUnderTest


class Wire:
    """
    Between a task and the vendor, while the block lasts.

    :ivar sent: requests of the worker since :meth:`die_after`, or since the beginning
    :ivar before: what happens before the so-manieth of them is sent
    """

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.before: dict[int, Callable[[], object]] = {}
        self._most: int | None = None
        self._worker: Supervisor | None = None
        self._send = httpx.AsyncHTTPTransport.handle_async_request

    def die_after(self, requests: int | None) -> None:
        """Let the worker die with its so-manieth request from now on; None: never."""
        self.sent.clear()
        self._most = requests

    def task(self, make: Make, *, supervisor: Supervisor | None = None) -> TaskUnderTest:
        """Return a task whose worker is on this wire; its triggerer is another process."""
        wire = self

        class Mortal(TaskUnderTest):
            def run(self, **arguments: Any) -> Outcome:
                wire._worker = self.supervisor
                try:
                    return super().run(**arguments)
                finally:
                    wire._worker = None
                    if self.supervisor.is_task_dead:
                        _bury()

        return Mortal(make, supervisor=supervisor, retries=20)

    async def _pass(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        worker = self._worker
        if worker is None:
            return await self._send(transport, request)
        if worker.is_task_dead:
            raise Killed
        self.sent.append(f"{request.method} {request.url.path}")
        self.before.get(len(self.sent), lambda: None)()
        last = self._most is not None and len(self.sent) == self._most
        answer = await self._send(transport, request)
        if last:
            await answer.aread()
            worker.is_task_dead = True
        if worker.is_task_dead:
            raise Killed
        return answer

    def __enter__(self) -> Self:
        wire = self

        async def handle(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
            return await wire._pass(transport, request)

        self._patch = mock.patch.object(httpx.AsyncHTTPTransport, "handle_async_request", handle)
        self._patch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patch.stop()


def _bury() -> None:
    """Close what a dead process leaves open, as the system does for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
