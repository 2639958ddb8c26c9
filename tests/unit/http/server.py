"""A server that answers by script, one request for each connection, down to the bytes."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

Behaviour = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer(status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> Behaviour:
    """Answer; a body that is not bytes is written as JSON, None is no body at all."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()

    def behave(connection: socket.socket) -> None:
        lines = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.sendall(f"HTTP/1.1 {status} X\r\nConnection: close\r\n{head}\r\n".encode() + content)

    return behave


def raw(content: bytes) -> Behaviour:
    """Send these bytes and close."""
    return lambda connection: connection.sendall(content)


def truncated(status: int = 200, headers: str = "") -> Behaviour:
    """Promise more than is sent."""
    return raw(f'HTTP/1.1 {status} X\r\n{headers}Content-Length: 500\r\n\r\n{{"success": tr'.encode())


def reset(connection: socket.socket) -> None:
    """Cut the connection with a reset: the vendor had the request, no answer comes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(connection: socket.socket) -> None:
    """Close without a word."""


def silent(seconds: float) -> Behaviour:
    """Say nothing for a while."""
    return lambda connection: time.sleep(seconds)


def dribbling(seconds: float, gap: float = 0.02) -> Behaviour:
    """Send a body for ever, byte by byte, never silent for long."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                connection.sendall(b" ")
            except OSError:
                return
            time.sleep(gap)

    return behave


class Server:
    """
    Answers each request with the next behaviour of the script; the last one serves all further requests.

    :param script: what to do, in order
    """

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.seen: list[Seen] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                seen = self._read(connection)
            except (OSError, ValueError):
                return
            self.seen.append(seen)
            behave = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            try:
                behave(connection)
                if behave is not reset:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                return

    @staticmethod
    def _read(connection: socket.socket) -> Seen:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                raise ValueError("no request")
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            body += connection.recv(65536)
        method, target, _ = first.split(" ")
        return Seen(method, target, headers, body)
