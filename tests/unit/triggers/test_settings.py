"""How often a connection is read, and for whom."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from airflow_provider.hooks.base import KnowledgeHook
from airflow_provider.http.settings import Settings
from airflow_provider.triggerer.connections import settings_of


class SlowHook:
    """Reads its connection in two turns of the loop, and counts how often."""

    conn_id = "sensay_default"

    def __init__(self, *keys: str) -> None:
        self._keys = iter(keys or "abcdefgh")
        self.reads = 0

    async def asettings(self) -> Settings:
        self.reads += 1
        await asyncio.sleep(0)
        key = next(self._keys)
        await asyncio.sleep(0)
        if key == "broken":
            raise OSError("the API server is away")
        return Settings(vendor="sensay", base_url="https://api.sensay.io", headers=(("X", key),))


def ask(hook: SlowHook, dag_id: str | None = "dag", refused: Settings | None = None) -> Any:
    return settings_of(cast("KnowledgeHook", hook), dag_id, refused)


async def test_waits_of_a_dag_that_begin_together_read_the_connection_once() -> None:
    hook = SlowHook()
    found = await asyncio.gather(*(ask(hook) for _ in range(1000)))
    assert hook.reads == 1
    assert set(found) == {await ask(hook)}


async def test_two_dags_never_share_what_was_read() -> None:
    hook = SlowHook()
    one, other = await asyncio.gather(ask(hook, "one"), ask(hook, "other"))
    assert (one.headers, other.headers) == ((("X", "a"),), (("X", "b"),))


async def test_a_wait_of_which_nobody_knows_the_dag_reads_for_itself() -> None:
    hook = SlowHook()
    await asyncio.gather(ask(hook, None), ask(hook, None))
    assert hook.reads == 2


async def test_a_wait_that_is_cancelled_takes_no_others_reading_along() -> None:
    hook = SlowHook()
    first, second = asyncio.ensure_future(ask(hook)), asyncio.ensure_future(ask(hook))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).headers == (("X", "a"),)
    assert hook.reads == 1


async def test_a_reading_that_failed_fails_those_who_waited_for_it_and_is_forgotten() -> None:
    hook = SlowHook("broken", "a")
    failures = await asyncio.gather(ask(hook), ask(hook), return_exceptions=True)
    assert [type(failure) for failure in failures] == [OSError, OSError]
    assert (await ask(hook)).headers == (("X", "a"),)
    assert hook.reads == 2


async def test_after_a_refusal_the_connection_is_read_once_more_for_all() -> None:
    hook = SlowHook("old", "new")
    old = await ask(hook)
    found = await asyncio.gather(*(ask(hook, refused=old) for _ in range(100)))
    assert {each.headers for each in found} == {(("X", "new"),)}
    assert hook.reads == 2


async def test_a_refusal_that_comes_while_the_connection_is_read_anew_and_fails_is_no_other_error() -> None:
    hook = SlowHook("old", "broken", "new")
    old = await ask(hook)
    with pytest.raises(OSError, match="away"):
        await ask(hook, refused=old)
    assert (await ask(hook, refused=old)).headers == (("X", "new"),)
