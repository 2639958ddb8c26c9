"""A running sandbox, as a test sees it. Standard library only."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class SandboxRefused(Exception):
    """The sandbox did not understand a control call."""


class Sandbox:
    """
    The control panel of one sandbox.

    :param ready: what the ready file says
    """

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.url: str = ready["base_url"]
        self.sendkit_connection_json: str = ready["sendkit_connection"]
        self.sensay_connection_json: str = ready["sensay_connection"]
        self.sendkit_connection: dict[str, Any] = json.loads(self.sendkit_connection_json)
        self.sensay_connection: dict[str, Any] = json.loads(self.sensay_connection_json)
        self.agent_id: str = ready["agent_id"]
        self.replica_uuid: str = ready["replica_uuid"]
        self.entry_id: int = ready["entry_id"]
        self.user_id: str = ready["user_id"]
        self.workspace_id: str = ready["workspace_id"]
        self.platform_key: str = ready["platform_key"]

    @property
    def environment(self) -> dict[str, str]:
        """Both default connections, as Airflow reads them from the environment."""
        return {
            "AIRFLOW_CONN_SENDKIT_DEFAULT": self.sendkit_connection_json,
            "AIRFLOW_CONN_SENSAY_DEFAULT": self.sensay_connection_json,
        }

    # --- look ------------------------------------------------------------------------------------------------

    def state(self, entries: int = 100) -> dict[str, Any]:
        """Everything; entries newest first, so many of them."""
        return self._call("GET", f"/state?entries={entries}")

    @property
    def charges(self) -> list[dict[str, Any]]:
        """Each ``{at, agent, credits, reason, request_id}``, in order."""
        return list(self.state(entries=0)["charges"])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The last vendor requests one by one, oldest first; header names, never values."""
        return list(self._call("GET", "/requests?limit=5000")["requests"])

    def count(self, method: str, template: str) -> int:
        """Requests since the reset, e.g. ``count("POST", "/v1/agents/{agentId}/retrain")``."""
        return int(self.state(entries=0)["requests"].get(f"{method} {template}", 0))

    # --- bend ------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        self._call("POST", "/reset", {})

    def options(self, **changes: Any) -> dict[str, Any]:
        """Change options for what begins from now on; see :class:`airflow_provider.sandbox.options.Options`."""
        return self._call("PATCH", "/options", changes)

    def advance(self, seconds: float) -> None:
        """Let world time jump ahead, instead of sleeping."""
        self._call("POST", "/advance", {"seconds": seconds})

    def seed(
        self,
        agents: list[dict[str, Any]] | None = None,
        entries: list[dict[str, Any]] | None = None,
        many: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """:returns: ``{"agents": [id], "entries": [id], "many": {"first", "last", "count"}}``"""
        return self._call("POST", "/seed", {"agents": agents or [], "entries": entries or [], "many": many})

    def set_agent(self, agent_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Set anything of an agent (default: the ready-made one), e.g. ``trainingStatus="dreaming"``."""
        return self._call("POST", f"/agents/{agent_id or self.agent_id}", fields)

    def set_entry(self, entry_id: int | None = None, **fields: Any) -> dict[str, Any]:
        """Set anything of an entry (default: the ready-made one), e.g. ``status="READY"``."""
        return self._call("POST", f"/entries/{entry_id or self.entry_id}", fields)

    # --- break -----------------------------------------------------------------------------------------------

    def fault(self, kind: str, *, method: str | None = None, path: str | None = None, **fields: Any) -> int:
        """
        Queue a fault; see :mod:`airflow_provider.sandbox.app.faults` for kinds and fields.

        :param path: regular expression, searched in the path
        :returns: its id
        """
        body = {"kind": kind, "match": {"method": method, "path": path}, **fields}
        return int(self._call("POST", "/faults", body)["id"])

    def faults(self) -> list[dict[str, Any]]:
        return list(self._call("GET", "/faults")["faults"])

    def clear_faults(self, fault_id: int | None = None) -> None:
        self._call("DELETE", "/faults" if fault_id is None else f"/faults/{fault_id}")

    def held(self, at_least: int = 0, timeout: float = 10.0) -> list[dict[str, Any]]:
        """
        What is held now, or as soon as there are so many.

        :raises TimeoutError: fewer than ``at_least`` within ``timeout`` seconds
        """
        deadline = time.monotonic() + timeout
        while True:
            held = list(self._call("GET", "/held")["held"])
            if len(held) >= at_least:
                return held
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(held)} of {at_least} requests held after {timeout} s")
            time.sleep(0.02)

    def release(self, held_id: int | None = None, action: str = "continue") -> list[int]:
        """Let one go, or all. ``action="drop"`` cuts the connection; held *before* it is then never performed."""
        path = "/release" if held_id is None else f"/release/{held_id}"
        return list(self._call("POST", path, {"action": action})["released"])

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}/_sandbox{path}", data, headers, method=method)
        try:
            with urlopen(request, timeout=60) as answer:
                told = json.load(answer)
        except HTTPError as error:
            with error:
                raise SandboxRefused(f"{method} {path}: {error.read().decode()}") from None
        assert isinstance(told, dict)
        return told
