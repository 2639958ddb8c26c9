"""A mail server on loopback that keeps what it is given."""

from __future__ import annotations

import json
import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self


class _Session(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs that sends one mail after the other."""

    server: _Server

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"QUIT":
                return self._say("221 bye")
            if verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                text = b"".join(each.removeprefix(b".") for each in lines)
                self.server.mails.append(message_from_bytes(text, policy=policy.default))
            self._say("250 ok")
        return None

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    mails: list[EmailMessage]


class MailServer:
    """In a ``with``; ``connection`` is what Airflow must know of it, ``mails`` what came."""

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Session)
        self.mails: list[EmailMessage] = []
        self._server.mails = self.mails
        host, port = self._server.server_address[:2]
        self.connection = json.dumps(
            {
                "conn_type": "smtp",
                "host": host,
                "port": port,
                "extra": {"disable_ssl": True, "disable_tls": True},
            }
        )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def subjects(self) -> list[str]:
        return [mail["Subject"] for mail in self.mails]
