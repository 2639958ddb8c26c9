"""What a retry has to know of a try that died: which writes over ready entries it never saw proven."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import RecordUnreadableError
from airflow_provider.tasks.task_state import TaskState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

KEY = "agent_knowledge_sync"


class Journal:
    """
    One small note per task instance, written once for each batch; everything else is in the vendor's list.

    :ivar doubted: entries whose write an earlier process never saw proven
    :ivar approved: digest of the plan that this task was told to expect, once it has begun with it
    :ivar version: the source's version at that time
    """

    def __init__(self, context: Context) -> None:
        self._state = TaskState(context, KEY)
        try:
            data = self._state.read() or {}
            self.doubted: frozenset[int | str] = frozenset(data.get("unproven", ()))
            self.approved: str | None = data.get("approved")
            self.version: str | None = data.get("version")
        except Exception as error:
            raise RecordUnreadableError(
                f"The note of earlier tries could not be read ({type(error).__name__}: {error}). Nothing was sent. A "
                f"retry reads again; deleting the key '{KEY}' from the task's state starts over."
            ) from error
        self._written: Any = data or None

    @property
    def durable(self) -> bool:
        """Does the note survive the death of the worker?"""
        return self._state.durable

    def approve(self, plan: str, version: str) -> None:
        """Note that this plan is being applied."""
        self.approved, self.version = plan, version
        self.unproven(self.doubted)

    def unproven(self, entries: Iterable[int | str]) -> None:
        """Note the entries whose write is not proven, if that is news."""
        data: dict[str, Any] = {"unproven": sorted(entries, key=str)}
        if self.approved:
            data |= {"approved": self.approved, "version": self.version}
        if data == self._written or (self._written is None and data == {"unproven": []}):
            return
        self._state.write(data)
        self._written = data
