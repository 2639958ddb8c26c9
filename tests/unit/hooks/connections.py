"""Connections as a form, a URI or JSON would make them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Connection

from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.http.settings import Settings

HOOKS: dict[str, type[SendKitHook | SensayHook]] = {"sendkit": SendKitHook, "sensay": SensayHook}


def connection(
    conn_type: str = "sendkit", extra: dict[str, Any] | str | None = None, **fields: Any
) -> Connection:
    """Return a connection with a key, and what is given."""
    import json

    written = json.dumps(extra) if isinstance(extra, dict) else extra
    given = {"conn_type": conn_type, "password": "sk_live_key", **fields}
    return Connection(conn_id="c", extra=written, **given)


def settings_of(found: Connection, conn_type: str | None = None) -> Settings:
    """Return what the hook of this type makes of it."""
    return HOOKS[conn_type or str(found.conn_type)].settings_from_connection(found, found.extra_dejson)
