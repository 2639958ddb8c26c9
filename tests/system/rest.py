"""Airflow's public REST API by the standard library alone, so that a test depends on nothing under test."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

#: How often a request is repeated, a second apart, when the database was busy.
_PATIENCE = 10
# A proxy named in the environment has no way to this machine's loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RestError(Exception):
    """The server answered with a status that is no success."""

    def __init__(self, method: str, url: str, status: int, body: str) -> None:
        super().__init__(f"{method} {url} answered {status}: {body[:2000]}")
        self.status = status
        self.body = body

    @property
    def is_busy(self) -> bool:
        """Did the database refuse? SQLite has one writer at a time; nothing was done then."""
        return self.status == 500 and "Database error" in self.body


class AirflowRest:
    """One user's view of one api-server; the token is fetched on first use and again when it is refused."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._user = user
        self._password = password
        self._token: str | None = None

    def get(self, path: str, **query: object) -> Any:
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.request("POST", path, body=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.request("PATCH", path, body=body)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        root: str = "/api/v2",
    ) -> Any:
        """
        Send to ``root`` + ``path`` and read the JSON answer.

        :raises RestError: for any status of 400 and above
        :raises OSError: while nobody listens
        """
        url = f"{self.base_url}{root}{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query, doseq=True)
        refused = busy = 0
        while True:
            try:
                return send(method, url, body=body, token=self._login(), headers=headers)
            except RestError as error:
                refused += error.status == 401
                busy += error.is_busy
                if refused > 1 or busy > _PATIENCE or not (error.status == 401 or error.is_busy):
                    raise
                if error.is_busy:
                    time.sleep(1.0)
                else:
                    self._token = None

    def _login(self) -> str:
        if self._token is None:
            credentials = {"username": self._user, "password": self._password}
            self._token = str(send("POST", f"{self.base_url}/auth/token", body=credentials)["access_token"])
        return self._token


def send(
    method: str,
    url: str,
    *,
    body: Mapping[str, Any] | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """One request with JSON in and out; an empty answer is ``None``."""
    headers = {"Accept": "application/json"} | dict(headers or {})
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with _OPENER.open(request, timeout=30) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise RestError(method, url, error.code, error.read().decode(errors="replace")) from error
    return json.loads(text) if text else None


def quote(part: str) -> str:
    """One path segment; run ids hold ``:`` and ``+``."""
    return urllib.parse.quote(part, safe="")
