"""What a connection says, read once for the waits of a DAG that begin about the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from airflow_provider.http.settings import Settings, SettingsSource

#: Seconds for which a connection that was read is believed.
_BELIEF = 10.0

_Key: TypeAlias = tuple[type["SettingsSource"], str, str]
_Readings: TypeAlias = dict[_Key, asyncio.Task["Settings"]]

_readings: WeakKeyDictionary[asyncio.AbstractEventLoop, _Readings] = WeakKeyDictionary()


async def settings_of(hook: SettingsSource, dag_id: str | None, refused: Settings | None = None) -> Settings:
    """
    Return the settings of a hook's connection.

    A thousand waits that begin together would ask the API server a thousand times, which is half of what they
    cost. Two DAGs never share what was read: two teams may give one connection id two meanings.

    :param dag_id: whose wait it is; None: nobody knows, and nothing is shared
    :param refused: settings that the vendor refused; whoever comes with them first reads the connection anew
    """
    if dag_id is None:
        return await hook.asettings()
    loop = asyncio.get_running_loop()
    here = _readings.setdefault(loop, {})
    key = type(hook), hook.conn_id, dag_id
    reading = here.get(key)
    if reading is None or _gave(reading, refused):
        reading = here[key] = loop.create_task(hook.asettings())
        reading.add_done_callback(lambda done: _forget_failed(here, key, done))
        loop.call_later(_BELIEF, _forget, here, key, reading)
    # Its own future: a wait that is cancelled takes no other's reading along.
    return await asyncio.shield(reading)


def _gave(reading: asyncio.Task[Settings], settings: Settings | None) -> bool:
    return reading.done() and not _failed(reading) and reading.result() is settings


def _failed(reading: asyncio.Task[Settings]) -> bool:
    return reading.cancelled() or reading.exception() is not None


def _forget_failed(here: _Readings, key: _Key, reading: asyncio.Task[Settings]) -> None:
    if _failed(reading):
        _forget(here, key, reading)


def _forget(here: _Readings, key: _Key, reading: asyncio.Task[Settings]) -> None:
    if here.get(key) is reading:
        del here[key]
