"""The listening process: one loopback port, a ready file, a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn

from airflow_provider.sandbox.app.build import build
from airflow_provider.sandbox.app.site import Site
from airflow_provider.sandbox.app.traffic import protocol
from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.world import World


@dataclass(frozen=True, slots=True)
class Ready:
    """
    What a script needs to know about a running sandbox; written as JSON to the ready file.

    :param sendkit_connection: the value of ``AIRFLOW_CONN_SENDKIT_DEFAULT``, JSON in a string
    :param sensay_connection: the value of ``AIRFLOW_CONN_SENSAY_DEFAULT``, JSON in a string
    """

    base_url: str
    pid: int
    sendkit_connection: str
    sensay_connection: str
    agent_id: str
    replica_uuid: str
    entry_id: int
    user_id: str
    workspace_id: str
    platform_key: str

    @classmethod
    def of(cls, site: Site) -> Ready:
        known = site.world.credentials
        sendkit = {"conn_type": "sendkit", "host": site.base_url, "password": known.workspace_key}
        sensay = {"conn_type": "sensay", "host": site.base_url, "password": known.organization_secret}
        return cls(
            base_url=site.base_url,
            pid=os.getpid(),
            sendkit_connection=json.dumps(sendkit),
            sensay_connection=json.dumps(sensay),
            agent_id=World.agent_id,
            replica_uuid=World.replica_uuid,
            entry_id=World.entry_id,
            user_id=World.user_id,
            workspace_id=known.workspace_id,
            platform_key=known.platform_key,
        )

    def write(self, path: Path) -> None:
        """All or nothing: whoever waits for the file never reads half of it."""
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(asdict(self), indent=2))
        partial.replace(path)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()


def serve(
    options: Options,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    verbose: bool = False,
    on_ready: Callable[[Ready], None],
    with_parent: bool = False,
) -> None:
    """
    Serve until SIGTERM or SIGINT, then return.

    :param port: 0 takes a free one
    :param on_ready: called once connections are accepted
    :param with_parent: end when the process that started this one is gone
    :raises OSError: the port is taken
    """
    # Named TCP, or asyncio would leave Nagle's algorithm on and every second answer would take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    site = Site(options, f"http://{host}:{listener.getsockname()[1]}", verbose)
    config = uvicorn.Config(
        build(site),
        http=protocol(site.connections),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, lambda: on_ready(Ready.of(site)))

    async def run() -> None:
        watch = asyncio.create_task(_leave_with_parent(server)) if with_parent else None
        await server.serve(sockets=[listener])
        if watch is not None:
            watch.cancel()

    # uvicorn raises the signal again when it is done; asking it to stop is no failure of this program.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(run())


async def _leave_with_parent(server: uvicorn.Server) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing reports it
        await asyncio.sleep(0.5)
    server.should_exit = True
