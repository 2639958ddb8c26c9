"""
Reads a connection's fields; pure.

All that is wrong is collected and reported at once, each field by its label in the form, so that nobody
mends a connection one error at a time. No value is repeated that could hold a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol, TypedDict
from urllib.parse import SplitResult, urlsplit

from airflow_provider.errors import InvalidConnectionError
from airflow_provider.get_provider_info import get_provider_info
from airflow_provider.http.settings import is_loopback

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})
HTTPS_PORT = 443
HOST_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]+"


class AnyConnection(Protocol):
    """The members of Airflow's connection that are read here."""

    conn_id: Any
    conn_type: str | None
    host: str | None
    schema: str | None
    login: str | None
    password: str | None
    port: int | None
    extra: str | None


class CommonSettings(TypedDict, total=False):
    """What both vendors' connections may say; absent: the default of ``Settings``."""

    label: str
    secret_label: str
    conn_id: str
    base_url: str
    connect_timeout: float
    read_timeout: float
    ca_file: str
    proxy: str
    requests_per_second: float
    max_in_flight: int
    console_url: str


def connection_form(conn_type: str) -> dict[str, Any]:
    """Return the form of a connection type, as the provider declares it."""
    return next(t for t in get_provider_info()["connection-types"] if t["connection-type"] == conn_type)


def ui_field_behaviour(conn_type: str) -> dict[str, Any]:
    """Return the form as Airflow 3.1 asks a hook for it; from 3.2 on it is read from the provider info."""
    form = connection_form(conn_type)["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in form.items()}


class ConnectionReader:
    """
    Takes values out of a connection and remembers what is wrong with them.

    :param extra: the parsed extra; a URI delivers every value as text, and a form every empty one as null
    """

    def __init__(self, conn_type: str, connection: AnyConnection, extra: object) -> None:
        form = connection_form(conn_type)
        self._conn_type = conn_type
        self._vendor: str = form["hook-name"]
        fields = {name: field["label"] for name, field in form["conn-fields"].items()}
        self._labels: dict[str, str] = {**form["ui-field-behaviour"]["relabeling"], **fields}
        self._default_url: str = form["ui-field-behaviour"]["placeholders"]["host"]
        self._connection = connection
        self.conn_id = str(connection.conn_id)
        self.problems: list[str] = []
        self._extra: Mapping[str, Any] = extra if isinstance(extra, Mapping) else {}
        self._check_extra()
        if connection.conn_type not in {None, "", "generic", conn_type}:
            # Another vendor's secret must not be sent here.
            self.problem(f"its type is '{connection.conn_type}', not '{conn_type}'")

    def label(self, name: str) -> str:
        """Return what the form calls a field."""
        return self._labels[name]

    def problem(self, words: str) -> None:
        """Note what is wrong."""
        self.problems.append(words)

    def settle(self) -> None:
        """Raise all problems at once, if there are any."""
        if self.problems:
            raise InvalidConnectionError(self.conn_id, self.problems)

    def secret(self) -> str:
        """Return the password field; blanks around a pasted key are dropped."""
        label = self.label("password")
        secret = (self._connection.password or "").strip()
        if not secret:
            hint = " (Login is not used)" if self._connection.login else ""
            self.problem(f"{label} is missing: it belongs into the password field{hint}{self._bare_hint()}")
        elif not self._fits_header(secret):
            self.problem(f"{label} holds characters that no key has (blanks, line breaks or non-ASCII)")
        return secret

    def _bare_hint(self) -> str:
        """Say how an environment variable is written: a bare key in it makes a connection of no type."""
        if self._connection.conn_type not in {None, ""}:
            return ""
        written = f'{{"conn_type": "{self._conn_type}", "password": "…"}}'
        return f". The connection has no type: an environment variable holds JSON ({written}) or a URI, not a bare key"

    def text(self, name: str) -> str | None:
        """Return an extra as text; None if it is not set."""
        value = self._extra.get(name)
        if value is None or isinstance(value, (dict, list)):
            if value is not None:
                self.problem(f"{self.label(name)} must be a text")
            return None
        return str(value).strip() or None

    def header(self, name: str) -> str | None:
        """Return an extra that travels in a header."""
        value = self.text(name)
        if value is not None and not self._fits_header(value):
            self.problem(f"{self.label(name)} holds characters that no header can carry")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return an extra that is one of a few words."""
        value = self.text(name)
        if value is not None and value not in choices:
            self.problem(f"{self.label(name)} must be one of {', '.join(choices)}")
            return None
        return value

    def number(self, name: str, *, most: float) -> float | None:
        """Return an extra as a positive number."""
        value = self.text(name)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number <= most:
            self.problem(f"{self.label(name)} must be a number above 0, at most {most:g}")
            return None
        return number

    def flag(self, name: str) -> bool:
        """Return an extra as yes or no."""
        value = (self.text(name) or "false").lower()
        if value not in TRUE | FALSE:
            self.problem(f"{self.label(name)} must be true or false")
        return value in TRUE

    def common(self) -> CommonSettings:
        """Read the fields that both vendors' forms have."""
        in_flight = self.number("max_in_flight", most=64)
        if in_flight is not None and in_flight != int(in_flight):
            self.problem(f"{self.label('max_in_flight')} must be a whole number")
        found: dict[str, Any] = {
            "label": self._vendor,
            "secret_label": self.label("password"),
            "conn_id": self.conn_id,
            "base_url": self.base_url(),
            "connect_timeout": self.number("connect_timeout", most=3600),
            "read_timeout": self.number("read_timeout", most=3600),
            "ca_file": self.text("ca_file"),
            "proxy": self._url("proxy"),
            "requests_per_second": self.number("requests_per_second", most=10_000),
            "max_in_flight": None if in_flight is None else max(1, int(in_flight)),
            "console_url": self._url("console_url"),
        }
        given: CommonSettings = {k: v for k, v in found.items() if v is not None}  # type: ignore[assignment]
        return given

    def base_url(self) -> str:
        """
        Return scheme, host and port, from a form or from what a URI was taken apart into.

        ``sendkit://:key@host:8080/http`` arrives as host, port and schema; a form has all in the host.
        """
        label = self.label("host")
        host = (self._connection.host or "").strip()
        # Airflow's Test button sends 0 for a port that is not set.
        port, schema = self._connection.port or None, (self._connection.schema or "").strip().lower()
        if schema and schema not in {"http", "https"}:
            self.problem(f"{label} must not have a path (and Schema only 'http' or 'https')")
            schema = ""
        if not host:
            if port not in {None, HTTPS_PORT} or schema:
                self.problem(f"{label} is missing although Port or Schema is set")
            return self._default_url
        if "://" not in host:
            bare = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
            host = f"{schema or 'https'}://{bare}"
        elif schema and not host.lower().startswith(f"{schema}://"):
            self.problem(f"{label} and Schema name different schemes")
        return self._checked_base_url(label, host, port)

    def _checked_base_url(self, label: str, url: str, port: int | None) -> str:
        parts = self._split(label, url)
        if parts is None:
            return self._default_url
        if parts.path not in {"", "/"}:
            self.problem(f"{label} must not have a path")
        if parts.query or parts.fragment or "?" in url or "#" in url:
            self.problem(f"{label} must not have a query")
        if "@" in parts.netloc:
            self.problem(f"{label} must not hold a user name or password")
        if port is not None and parts.port not in {None, port}:
            self.problem(f"{label} and Port name different ports")
        host = str(parts.hostname)
        if parts.scheme == "http" and not is_loopback(host) and not self.flag("allow_http"):
            self.problem(
                f"{label} is http:// to another machine, which would show the {self.label('password')} "
                f"to the network: use https://, or set {self.label('allow_http')}"
            )
        shown = f"[{host}]" if ":" in host else host
        number = parts.port or port
        return f"{parts.scheme}://{shown}" + (f":{number}" if number else "")

    def _split(self, label: str, url: str) -> SplitResult | None:
        """Take a URL apart; what it holds is not repeated in the message."""
        try:
            parts = urlsplit(url)
            named = parts.hostname is not None and re.fullmatch(HOST_NAME, parts.hostname) is not None
            valid = parts.scheme in {"http", "https"} and named and parts.port != 0
        except ValueError:
            valid = False
        if not valid or not url.isprintable() or " " in url:
            self.problem(f"{label} must be http(s)://host or http(s)://host:port")
            return None
        return parts

    def _url(self, name: str) -> str | None:
        value = self.text(name)
        if value is None or self._split(self.label(name), value) is None:
            return None
        return value

    def _check_extra(self) -> None:
        raw = (self._connection.extra or "").strip()
        if not raw:
            return
        try:
            valid = isinstance(json.loads(raw), dict)
        except ValueError:
            valid = False
        if not valid:
            self.problem("Extra is not a JSON object")

    @staticmethod
    def _fits_header(value: str) -> bool:
        return value.isascii() and value.isprintable() and " " not in value
