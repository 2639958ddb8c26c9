"""One key of Airflow's ``task_state_store`` (3.3 and later), shared by all tries of a task and kept on a clear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class TaskState:
    """
    Keeps one small JSON under one key; a write is one atomic ``set`` of some 10 ms.

    Below Airflow 3.3 there is no such store: reads find nothing, writes go nowhere, and :attr:`durable` is
    False.
    """

    def __init__(self, context: Context, key: str) -> None:
        self._store: Any = context.get("task_state_store")
        self._key = key

    @property
    def durable(self) -> bool:
        """Does what is written here survive the death of the worker?"""
        return self._store is not None

    def read(self) -> Any:
        """Return what was written, or None."""
        return None if self._store is None else self._store.get(self._key)

    def write(self, value: Any) -> None:
        """Write. It never expires: a run forgotten after a month would be paid again."""
        if self._store is None:
            return
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        self._store.set(self._key, value, retention=NEVER_EXPIRE)

    def delete(self) -> None:
        """Forget it."""
        if self._store is not None:
            self._store.delete(self._key)
