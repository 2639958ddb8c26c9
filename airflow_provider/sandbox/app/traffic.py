"""What came over the wire: connections, requests, and one number for each."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Connection:
    number: int
    transport: asyncio.Transport
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class Connections:
    """Open connections by peer address, so that a request can find its own and cut it."""

    def __init__(self) -> None:
        self._open: dict[Peer, _Connection] = {}
        self._numbers = itertools.count(1)

    def opened(self, transport: asyncio.Transport) -> Peer:
        peer = _peer(transport)
        self._open[peer] = _Connection(next(self._numbers), transport)
        return peer

    def closed(self, peer: Peer) -> None:
        connection = self._open.pop(peer, None)
        if connection is not None:
            connection.lost.set()

    def number(self, peer: Peer | None) -> int:
        return self._open[peer].number if peer in self._open else 0

    def is_open(self, peer: Peer | None) -> bool:
        return peer in self._open

    def numbers(self) -> set[int]:
        return {connection.number for connection in self._open.values()}

    async def cut(self, peer: Peer | None, *, reset: bool) -> None:
        """Close without another byte; ``reset`` makes the client see ECONNRESET instead of an end of stream."""
        if peer not in self._open:
            return
        connection = self._open[peer]
        if reset:
            raw = connection.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.transport.abort()
        await connection.lost.wait()  # the server hears of it one turn of the loop later


def protocol(connections: Connections) -> type[asyncio.Protocol]:
    """uvicorn's own protocol, reporting its connections."""

    class ReportingProtocol(AutoHTTPProtocol):  # type: ignore[valid-type, misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            self.reported = connections.opened(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.closed(self.reported)
            super().connection_lost(exc)

    return ReportingProtocol


@dataclass(slots=True)
class Seen:
    """One request to a vendor. Header names only: values hold keys."""

    id: str
    at: float
    method: str
    path: str
    query: str
    template: str
    headers: tuple[str, ...]
    connection: int
    status: int | None = None
    seconds: float | None = None


class Traffic:
    """Counts since the last reset, and the last 5,000 requests one by one."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.recent: deque[Seen] = deque(maxlen=5000)
        self.connections: set[int] = set()
        self.in_flight = 0
        self.most_in_flight = 0
        self._numbers = itertools.count(1)

    def arrived(self, scope: Scope, template: str, connection: int) -> Seen:
        seen = Seen(
            id=f"sbx1::local:local::{next(self._numbers):05d}-{int(time.time() * 1000)}-0123456789ab",
            at=time.time(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            template=template,
            headers=tuple(name.decode("latin-1") for name, _ in scope["headers"]),
            connection=connection,
        )
        self.counts[f"{seen.method} {template}"] += 1
        self.connections.add(connection)
        self.recent.append(seen)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return seen

    def answered(self, seen: Seen, status: int | None) -> None:
        seen.status, seen.seconds = status, time.time() - seen.at
        self.statuses[str(status)] += 1
        self.in_flight -= 1


def peer_of(scope: Scope) -> Peer | None:
    """Which connection a request came by, if any."""
    client = scope.get("client")
    return (str(client[0]), int(client[1])) if client else None


def _peer(transport: asyncio.Transport) -> Peer:
    address = transport.get_extra_info("peername")
    return (str(address[0]), int(address[1])) if address else ("", 0)
