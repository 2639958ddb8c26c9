"""
A vendor that costs next to nothing, in a process and on a core of its own: it knows when each job ends.

It serves the same jobs in the words of everybody who is measured: Sensay's entries and their list, SendKit's
agents, dbt Cloud's runs, and for HttpSensorTrigger, which cannot look at a body, an address that is 404 until
the job is done. Requests and connections are counted here, where they arrive.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"

#: The last core is the measured client's.
CORE, CLIENT_CORE = 0, 1

#: When an agent was last trained, before its job.
SCRAPED = "2026-01-01T00:00:00Z"

_STAMPS = {"RAW_TEXT": 1, "PROCESSED_TEXT": 2, "READY": 3}


def stamp(status: str) -> str:
    """The time at which an entry reached a status."""
    return f"2026-01-01T00:00:0{_STAMPS[status]}.093761+00:00"


def agent_id(job: int) -> str:
    """SendKit's id of a job."""
    return f"{job:024x}"


def pin(core: int) -> None:
    """Keep this process on one core, where there is more than one."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


@dataclass
class Plan:
    """
    The jobs of one run, and how the vendor treats whoever asks. Times are the machine's monotonic seconds.

    :param starts: when each job begins, job 1 first
    :param ends: when each job ends
    :param history: entries that were finished long ago, and are older than the jobs'
    :param rate: requests per second; beyond it 429
    :param faults: share of requests that are answered 503
    """

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    history: int = 0
    latency: float = 0.05
    rate: float | None = None
    faults: float = 0.0


class Vendor:
    """The jobs as all the vendors tell of them."""

    def __init__(self) -> None:
        self.begin(Plan())

    def begin(self, plan: Plan) -> None:
        """Forget what was, count anew."""
        self.plan = plan
        self.requests = self.singles = self.connections = self.refused = 0
        self._tokens, self._filled = plan.rate or 0.0, time.monotonic()
        self._lists: dict[str | None, tuple[float, list[int]]] = {}
        self._random = random.Random(1)

    def answer(self, path: str) -> tuple[int, Any, str]:
        """Return status, body and further headers."""
        self.requests += 1
        if not self._has_token():
            self.refused += 1
            return 429, {"error": "slow down"}, "Retry-After: 1\r\n"
        if self.plan.faults and self._random.random() < self.plan.faults:
            self.refused += 1
            return 503, {"error": "unavailable"}, ""
        parts = urlsplit(path)
        way = parts.path.strip("/").split("/")
        if way[0] == "jobs":
            return (200 if self._ended(int(way[1])) else 404), {}, ""
        if way[:2] == ["v1", "agents"]:
            return 200, self._agent(int(way[2], 16)), ""
        if way[:2] == ["api", "v2"]:
            return 200, {"data": {"status": 10 if self._ended(int(way[5])) else 3}}, ""
        if len(way) == 5:
            self.singles += 1
            return 200, {"success": True, **self._entry(int(way[4]), time.monotonic())}, ""
        return 200, self._list({name: values[0] for name, values in parse_qs(parts.query).items()}), ""

    def _has_token(self) -> bool:
        rate = self.plan.rate
        if rate is None:
            return True
        now = time.monotonic()
        self._tokens = min(rate, self._tokens + (now - self._filled) * rate)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _ended(self, job: int) -> bool:
        return time.monotonic() >= self.plan.ends[job - 1]

    def _agent(self, job: int) -> dict[str, Any]:
        done = self._ended(job)
        agent: dict[str, Any] = {
            "_id": agent_id(job),
            "name": f"Agent {job}",
            "trainingStatus": "completed" if done else "training",
            "trainingProgress": 100 if done else 50,
            "trainingError": None,
            "uploadedDocuments": [],
            "knowledgeBase": {"lastScrapedAt": "2026-01-02T00:00:00Z" if done else SCRAPED, "totalPages": 12},
        }
        return {"success": True, "data": agent}

    def _status(self, entry: int, now: float) -> str:
        job = entry - self.plan.history
        if job < 1:
            return "READY"
        start, end = self.plan.starts[job - 1], self.plan.ends[job - 1]
        if now >= end:
            return "READY"
        return "RAW_TEXT" if now < (start + end) / 2 else "PROCESSED_TEXT"

    def _entry(self, entry: int, now: float) -> dict[str, Any]:
        status = self._status(entry, now)
        return {
            "id": entry,
            "replicaUUID": REPLICA,
            "type": "text",
            "status": status,
            "createdAt": "2026-01-01T00:00:00.093761+00:00",
            "updatedAt": stamp(status),
            "title": f"Company information {entry}",
            "summary": "Basic company details and policies",
        }

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        now = time.monotonic()
        ids = self._ids(query.get("status"), now)
        size, page = int(query["pageSize"]), int(query["page"])
        shown = [self._entry(entry, now) for entry in ids[(page - 1) * size : page * size]]
        return {"success": True, "total": len(ids), "items": shown}

    def _ids(self, status: str | None, now: float) -> list[int]:
        """Ids in the list of a status; put together anew ten times a second at most."""
        made, ids = self._lists.get(status, (0.0, []))
        if now - made > 0.1:
            first = self.plan.history + 1
            jobs = range(first, first + len(self.plan.ends))
            if status is None:
                ids = list(range(1, first + len(self.plan.ends)))
            elif status == "READY":
                ids = [*range(1, first), *(entry for entry in jobs if self._status(entry, now) == status)]
            else:
                ids = [entry for entry in jobs if self._status(entry, now) == status]
            self._lists[status] = (now, ids)
        return ids


class Connection(asyncio.Protocol):
    """One connection: a request at a time, answered after the latency."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._vendor.connections += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._received = b""
        method, path, _ = lines[0].split(" ")
        if path.startswith("/_sim"):
            self._vendor.connections -= 1
            if method == "POST":
                self._vendor.begin(Plan(**json.loads(rest)))
            vendor = self._vendor
            names = ("requests", "singles", "connections", "refused")
            counts = {name: getattr(vendor, name) for name in names}
            self._reply(200, counts, "", closing=True)
            return
        status, body, more = self._vendor.answer(path)
        closing = headers.get("connection", "").lower() == "close"
        asyncio.get_running_loop().call_later(
            self._vendor.plan.latency, self._reply, status, body, more, closing
        )

    def _reply(self, status: int, body: Any, more: str, closing: bool) -> None:
        if self._transport.is_closing():
            return
        content = json.dumps(body).encode()
        keep = "Connection: close\r\n" if closing else ""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        self._transport.write(f"{head}{more}{keep}\r\n".encode() + content)
        if closing:
            self._transport.close()


async def serve(certificate: str | None) -> None:
    """Listen, print the port, and serve until stdin ends."""
    loop, vendor = asyncio.get_running_loop(), Vendor()
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await loop.create_server(
        lambda: Connection(vendor), "127.0.0.1", 0, ssl=context, backlog=4096, reuse_address=True
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    pin(CORE)
    asyncio.run(serve(sys.argv[1] if len(sys.argv) > 1 else None))
