"""
A knowledge base that costs next to nothing, in a process and on a core of its own; it keeps titles, no texts.

It speaks as much of Sensay as a sync asks for. Requests are counted where they arrive, and the time from the first
write to the last is taken here, the same for everybody.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks.vendor import CORE, REPLICA, pin

#: What is counted; ``totals`` are the looks of a wait.
KINDS = ("creates", "updates", "deletes", "pages", "totals", "singles")


@dataclass
class Book:
    """One entry."""

    id: int
    title: str
    updated: str
    ready_at: float

    def told(self, now: float) -> dict[str, Any]:
        return {
            "id": self.id,
            "replicaUUID": REPLICA,
            "type": "text",
            "status": "READY" if now >= self.ready_at else "RAW_TEXT",
            "createdAt": "2026-01-01T00:00:00.093761+00:00",
            "updatedAt": self.updated,
            "title": self.title,
            "summary": "Basic company details and policies",
        }


class Library:
    """
    The entries, and how the vendor is.

    :ivar latency: seconds before each answer
    :ivar work: seconds until an entry is ready
    """

    def __init__(self) -> None:
        self.latency = self.work = 0.0
        self.books: dict[int, Book] = {}
        self._next = 1
        self._found: dict[str | None, list[Book]] = {}
        self._working: dict[int, float] = {}
        self.count()

    def count(self) -> None:
        """Count anew."""
        self.counts = dict.fromkeys(KINDS, 0)
        self.first_write = self.last_write = 0.0

    def control(self, wanted: dict[str, Any]) -> None:
        """Take what the benchmark wants; an empty library, unless it says to keep it."""
        if not wanted.pop("keep", False):
            self.books.clear()
            self._found.clear()
            self._working.clear()
        for name, value in wanted.items():
            setattr(self, name, value)
        self.count()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(path)
        way = parts.path.strip("/").split("/")
        if method == "POST":
            self._note("creates")
            return 207, self._create(json.loads(body))
        if method == "PATCH":
            self._note("updates")
            return self._update(int(way[4]), json.loads(body))
        if method == "DELETE":
            self._note("deletes")
            self._found.clear()
            return (
                (200, {"success": True}) if self.books.pop(int(way[4]), None) else (404, {"success": False})
            )
        if len(way) == 5:
            self.counts["singles"] += 1
            book = self.books.get(int(way[4]))
            return (
                (200, {"success": True, **book.told(time.monotonic())}) if book else (404, {"success": False})
            )
        return 200, self._list({name: values[0] for name, values in parse_qs(parts.query).items()})

    def _note(self, kind: str) -> None:
        self.counts[kind] += 1
        self.first_write = self.first_write or time.monotonic()

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        book = Book(self._next, body["title"], _stamp(), time.monotonic() + self.work)
        self._next += 1
        self.books[book.id] = book
        self._working[book.id] = book.ready_at
        self._found.clear()
        return {"success": True, "results": [{"type": "text", "enqueued": True, "knowledgeBaseID": book.id}]}

    def _update(self, number: int, body: dict[str, Any]) -> tuple[int, Any]:
        if (book := self.books.get(number)) is None:
            return 404, {"success": False, "error": "no such entry"}
        book.title, book.updated = body.get("title", book.title), _stamp()
        if "rawText" in body:
            book.ready_at = self._working[book.id] = time.monotonic() + self.work
        self._found.clear()
        return 200, {"success": True}

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        now, size = time.monotonic(), int(query["pageSize"])
        self.counts["pages" if size else "totals"] += 1
        if query.get("hasError") == "true":
            return {"success": True, "total": 0, "items": []}
        if "status" in query:
            self._working = {book: ready for book, ready in self._working.items() if ready > now}
            total = len(self._working) if query["status"] == "RAW_TEXT" else 0
            return {"success": True, "total": total, "items": []}
        found = self._search(query.get("search"))
        start = (int(query["page"]) - 1) * size
        return {
            "success": True,
            "total": len(found),
            "items": [book.told(now) for book in found[start : start + size]],
        }

    def _search(self, term: str | None) -> list[Book]:
        if term not in self._found:
            self._found[term] = [book for book in self.books.values() if (term or "") in book.title]
        return self._found[term]


def _stamp() -> str:
    return datetime.now(UTC).isoformat()


class Connection(asyncio.Protocol):
    """One connection: a request at a time, answered after the latency."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._begin()

    def _begin(self) -> None:
        self._head: list[str] | None = None
        self._parts: list[bytes] = []
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        if self._head is None:
            head, found, data = b"".join(self._parts).partition(b"\r\n\r\n")
            if not found:
                return
            self._head, self._parts = head.decode().split("\r\n"), [data]
            lengths = [
                each.partition(": ")[2] for each in self._head if each[:15].lower() == "content-length:"
            ]
            self._missing = int(lengths[0]) if lengths else 0
        self._missing -= len(data)
        if self._missing > 0:
            return
        (method, path, _), body = self._head[0].split(" "), b"".join(self._parts)
        closing = "connection: close" in (each.lower() for each in self._head)
        self._begin()
        library = self._library
        if path.startswith("/_sim"):
            if method == "POST":
                library.control(json.loads(body))
            took = library.last_write - library.first_write if library.first_write else 0.0
            self._reply(200, {**library.counts, "writing": took, "books": len(library.books)}, closing)
            return
        status, told = library.answer(method, path, body)
        delay = library.latency
        asyncio.get_running_loop().call_later(delay, self._reply, status, told, closing, method != "GET")

    def _reply(self, status: int, told: Any, closing: bool, wrote: bool = False) -> None:
        if wrote:
            self._library.last_write = time.monotonic()
        if self._transport.is_closing():
            return
        content = json.dumps(told).encode()
        keep = "Connection: close\r\n" if closing else ""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        self._transport.write(f"{head}{keep}\r\n".encode() + content)
        if closing:
            self._transport.close()


async def serve() -> None:
    """Listen, print the port, and serve until stdin ends."""
    loop, library = asyncio.get_running_loop(), Library()
    server = await loop.create_server(
        lambda: Connection(library), "127.0.0.1", 0, backlog=4096, reuse_address=True
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    pin(CORE)
    asyncio.run(serve())
