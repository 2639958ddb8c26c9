"""A vendor's API by script, in the test's own loop: real sockets, and every misbehaviour a list can have."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider.http.settings import Settings

REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
KEY = "first-key"


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: dict[str, str]
    key: str

    @property
    def entry(self) -> int | None:
        """The id, for a single read."""
        last = self.path.rsplit("/", 1)[-1]
        return int(last) if last.isdigit() else None

    @property
    def page(self) -> tuple[str | None, int] | None:
        """Status and number, for a list."""
        return None if self.entry is not None else (self.query.get("status"), int(self.query["page"]))


@dataclass(frozen=True)
class Answer:
    """What comes back; None as body: nothing ever."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Entry:
    """One entry; its stamp moves with its status."""

    status: str = "RAW_TEXT"
    stamp: int = 0
    listed: str | None = None
    listed_stamp: int | None = None

    def becomes(self, status: str) -> None:
        """Take the next step."""
        self.status, self.stamp = status, self.stamp + 1


Script = Callable[[Asked], Answer | None]


class Vendor:
    """
    A replica's knowledge base on a port of its own.

    :ivar script: may answer a request in place of the vendor
    :ivar key: the secret that is right
    :ivar delay: seconds before an answer
    :ivar mood: ``well``, ``silent``, or ``dribbling`` a byte at a time
    """

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.asked: list[Asked] = []
        self.connections = self.open = 0
        self.script: Script = lambda asked: None
        self.key = KEY
        self.delay = 0.0
        self.mood = "well"
        self.url = ""

    # --- what a test looks at ------------------------------------------------------------------------------

    @property
    def singles(self) -> list[int]:
        """Ids read one by one, in order."""
        return [asked.entry for asked in self.asked if asked.entry is not None]

    @property
    def pages(self) -> list[tuple[str | None, int]]:
        """List pages read, in order."""
        return [asked.page for asked in self.asked if asked.page is not None]

    def settings(self, key: str = KEY, **fields: Any) -> Settings:
        """Settings that reach it."""
        return Settings(
            vendor="sensay",
            headers=(("X-ORGANIZATION-SECRET", key),),
            **{"base_url": self.url, "connect_timeout": 5.0, "read_timeout": 5.0, **fields},
        )

    # --- what it does --------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if (scripted := self.script(asked)) is not None:
            return scripted
        if asked.key != self.key:
            return Answer(401, {"success": False, "error": "Unauthorized"})
        if asked.entry is not None:
            entry = self.entries.get(asked.entry)
            if entry is None:
                return Answer(404, {"success": False, "error": "Not found"})
            return Answer(body={"success": True, **_shown(asked.entry, entry.status, entry.stamp)})
        return self.list(asked)

    def list(self, asked: Asked) -> Answer:
        """Show a page, honestly."""
        size, (status, number) = int(asked.query["pageSize"]), asked.page or (None, 1)
        seen = [
            _shown(
                id_,
                entry.listed or entry.status,
                entry.stamp if entry.listed_stamp is None else entry.listed_stamp,
            )
            for id_, entry in self.entries.items()
            if status in (None, entry.listed or entry.status)
        ]
        return Answer(
            body={"success": True, "total": len(seen), "items": seen[(number - 1) * size : number * size]}
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                answer = self.answer(_read(head.decode()))
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.mood == "silent":
                    await reader.read()
                    return
                content = json.dumps(answer.body).encode()
                more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
                writer.write(
                    f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(content)}\r\n{more}\r\n".encode()
                )
                for byte in content if self.mood == "dribbling" else b"":
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.002)
                if self.mood != "dribbling":
                    writer.write(content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@contextlib.asynccontextmanager
async def serving(vendor: Vendor) -> AsyncIterator[Vendor]:
    """Let a vendor listen."""
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
        async with asyncio.timeout(5):
            while vendor.open:  # noqa: ASYNC110 - the last connections end by themselves
                await asyncio.sleep(0.01)


def _read(head: str) -> Asked:
    lines = head.split("\r\n")
    parts = urlsplit(lines[0].split(" ")[1])
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Asked(parts.path, query, headers.get("x-organization-secret", ""))


def _shown(id_: int, status: str, stamp: int) -> dict[str, Any]:
    return {
        "id": id_,
        "replicaUUID": REPLICA,
        "type": "text",
        "status": status,
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": f"2026-01-01T{stamp // 3600:02}:{stamp // 60 % 60:02}:{stamp % 60:02}Z",
        "title": f"Entry {id_}",
    }
