"""Sends a call by either client, so that one test speaks for both."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from airflow_provider.http.call import Call
from airflow_provider.http.client import AsyncClient, Client
from airflow_provider.http.settings import Settings

T = TypeVar("T")

SECRET = "sk_live_do_not_show_me"
CLIENTS = ("sync", "async")


def settings(base_url: str = "http://127.0.0.1:9", **changes: Any) -> Settings:
    """Return settings with short timeouts."""
    given: dict[str, Any] = {
        "vendor": "sendkit",
        "label": "SendKit",
        "secret_label": "API key",
        "conn_id": "my_vendor",
        "headers": (("X-Api-Key", SECRET),),
        "connect_timeout": 2.0,
        "read_timeout": 2.0,
    }
    return Settings(base_url=base_url, **{**given, **changes})


def send(
    client: str,
    how: Settings,
    call: Call[T],
    *,
    retry: bool = True,
    deadline: float | None = None,
    slept: list[float] | None = None,
    rand: float = 0.5,
) -> T:
    """
    Send a call and return what it reads.

    :param client: ``sync`` or ``async``
    :param slept: takes the waits in place of waiting
    """
    waits = slept if slept is not None else []
    if client == "sync":
        with Client(how, sleep=waits.append, rand=lambda: rand) as sync:
            return sync.send(call, retry=retry, deadline=deadline)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def main() -> T:
        async with AsyncClient(how, sleep=sleep, rand=lambda: rand) as client:
            return await client.send(call, retry=retry, deadline=deadline)

    return asyncio.run(main())
