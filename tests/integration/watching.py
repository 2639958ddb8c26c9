"""
Airflow's triggerer around event triggers, with a stand-in for the process at the other end of its pipe.

Shared streams and asset state came with Airflow 3.3; without them a watcher is run as on 3.1 and 3.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from unittest import mock

from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_provider.triggers.watcher import Watcher
from tests.integration.clock import event_loop
from tests.integration.task import Supervisor


class Triggerer(Supervisor):
    """Keeps what the metadata database keeps for assets; outlives the processes that it is asked by."""

    def __init__(self) -> None:
        super().__init__()
        self.asset_state: dict[str, dict[str, Any]] = {}
        self.is_asset_state_available = True

    def _GetAssetStateStoreByName(self, msg: Any) -> Any:
        kept = self.asset_state.get(msg.name, {})
        if msg.key not in kept:
            return ErrorResponse(error=ErrorType.ASSET_STORE_NOT_FOUND, detail={"key": msg.key})
        from airflow.sdk.api.datamodels._generated import AssetStateStoreResponse

        return comms.AssetStateStoreResult.from_asset_state_store_response(
            AssetStateStoreResponse(value=json.loads(json.dumps(kept[msg.key])))
        )

    def _SetAssetStateStoreByName(self, msg: Any) -> Any:
        self.asset_state.setdefault(msg.name, {})[msg.key] = msg.value
        return comms.OKResponse(ok=True)

    def run(self, scenario: Callable[[Process], Awaitable[None]]) -> None:
        """Run one triggerer process until the scenario is over."""

        async def process() -> None:
            async with Process.started(self) as running:
                await scenario(running)

        with mock.patch.object(task_runner, "SUPERVISOR_COMMS", self, create=True):
            with asyncio.Runner(loop_factory=event_loop) as runner:
                runner.run(process())


class Process:
    """One triggerer process: runs watchers from their serialized form, as Airflow 3.3 does."""

    def __init__(self, triggerer: Triggerer) -> None:
        self._triggerer = triggerer
        self._streams: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self.ended: list[str] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, triggerer: Triggerer) -> AsyncIterator[Process]:
        process = cls(triggerer)
        try:
            yield process
        finally:
            for task in process._tasks:
                task.cancel()
            await asyncio.gather(*process._tasks, return_exceptions=True)
            if process._streams is not None:
                await process._streams.stop_all()

    def watch(self, authored: Watcher[Any, Any], asset: str = "asset", *, shared: bool = True) -> list[Any]:
        """Start a watcher of an asset; return the list that its events are put into."""
        _, arguments = authored.serialize()
        trigger = type(authored)(**json.loads(json.dumps(arguments)))
        if self._triggerer.is_asset_state_available:
            from airflow.sdk import Asset
            from airflow.sdk.execution_time.context import AssetStateStoreAccessors

            trigger.asset_state_store = AssetStateStoreAccessors(inlets=[Asset(name=asset)])
        if shared and self._streams is None:
            from airflow.triggers.shared_stream import SharedStreamManager

            self._streams = SharedStreamManager()
        number, key = len(self._tasks), trigger.shared_stream_key()
        events: list[Any] = []

        async def collect() -> None:
            if shared:
                stream = self._streams.subscribe(trigger_id=number, trigger=trigger, key=key)
                told = trigger.filter_shared_stream(stream)
            else:
                told = trigger.run()
            async for event in told:
                events.append(json.loads(json.dumps(event.payload)))
            self.ended.append(asset)

        self._tasks.append(asyncio.get_running_loop().create_task(collect()))
        return events

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to be so, two minutes at most; time runs fast here."""
        async with asyncio.timeout(120.0):
            while not condition():
                failed = [task.exception() for task in self._tasks if task.done()]
                assert not failed, failed
                await asyncio.sleep(0.2)
