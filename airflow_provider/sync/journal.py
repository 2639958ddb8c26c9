"""What outlives a process: writes that nobody saw proven, texts they destroyed, an approval, an owed event."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider import telemetry
from airflow_provider.errors import RecordUnreadableError
from airflow_provider.tasks.task_state import TaskState
from airflow_provider.tasks.variables import name_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

KEY = "agent_knowledge_sync"

#: Characters of kept texts in the note; Airflow warns at 64 KB.
_ROOM = 40_000


class Journal:
    """
    One small note per task instance, written once for each batch; everything else is in the vendor's list.

    :ivar doubted: entries whose write an earlier process never saw proven
    :ivar approved: digest of the plan that this task was told to expect, once it has begun with it in this cycle
    :ivar version: the source's version at that time
    :ivar texts: what entries said before they were written over, by entry
    """

    def __init__(self, context: Context) -> None:
        self._state = TaskState(context, KEY)
        self._cycle = getattr(context.get("ti"), "max_tries", 0)
        try:
            data = self._state.read() or {}
            self.doubted: frozenset[int | str] = frozenset(data.get("unproven", ()))
            is_ours = data.get("cycle") == self._cycle  # a clear begins a new one, which nobody approved
            self.approved: str | None = data.get("approved") if is_ours else None
            self.version: str | None = data.get("version") if is_ours else None
            self._packed: str = data.get("texts", "")
            self.texts: dict[int | str, bytes] = _unpack(self._packed)
        except Exception as error:
            raise RecordUnreadableError(
                f"The note of earlier tries could not be read ({type(error).__name__}: {error}). Nothing was sent. A "
                f"retry reads again; deleting the key '{KEY}' from the task's state starts over."
            ) from error
        self._written: Any = data or None
        self._unproven: frozenset[int | str] = self.doubted

    def approve(self, plan: str, version: str) -> None:
        """Note that this plan is being applied."""
        self.approved, self.version = plan, version
        self._write()

    def unproven(self, entries: Iterable[int | str]) -> None:
        """Note the entries whose write is not proven, if that is news."""
        self._unproven = frozenset(entries)
        self._write()

    def keep(self, texts: Mapping[int | str, bytes]) -> bool:
        """Note texts that are about to be written over; False: the note has no room, or does not outlive us."""
        packed = _pack({**self.texts, **texts})
        if len(packed) > _ROOM or not self._state.durable:
            return False
        self.texts |= texts
        self._packed = packed
        self._write()
        return True

    def close(self) -> None:
        """Forget everything but what is still unproven: the run is over."""
        self.approved = self.version = None
        self.texts, self._packed = {}, ""
        if self._written is not None and not self._unproven:
            self._state.delete()
            self._written = None
        self._write()

    def _write(self) -> None:
        data: dict[str, Any] = {"unproven": sorted(self._unproven, key=str)}
        if self.approved:
            data |= {"approved": self.approved, "version": self.version, "cycle": self._cycle}
        if self._packed:
            data["texts"] = self._packed
        if data == self._written or (self._written is None and data == {"unproven": []}):
            return
        self._state.write(data)
        self._written = data


def _pack(texts: Mapping[int | str, bytes]) -> str:
    plain = json.dumps([[entry, text.decode()] for entry, text in texts.items()], ensure_ascii=False)
    return base64.b64encode(zlib.compress(plain.encode(), 6)).decode()


def _unpack(packed: str) -> dict[int | str, bytes]:
    plain = zlib.decompress(base64.b64decode(packed)).decode() if packed else "[]"
    return {entry: text.encode() for entry, text in json.loads(plain)}


class OwedEvent:
    """
    Whether a change was sent that no event has told of yet: it may be a later try, or a later night, that does.

    It stands in a Variable, which a clear, a new run and every version of Airflow leave alone. Where it cannot be
    kept, an event may be lost that a killed try owed; no sync ends for that.
    """

    def __init__(self, vendor: str, key: str, sync_id: str) -> None:
        self._name = name_of("owed", vendor, f"{key}.{sync_id}")
        self._known: bool | None = None

    @property
    def is_owed(self) -> bool:
        """Read it, once."""
        if self._known is None:
            self._known = False
            with telemetry.harmless("Reading whether an event is owed"):
                from airflow.providers.common.compat.sdk import Variable

                self._known = Variable.get(self._name, default=None) is not None
        return self._known

    def owe(self) -> None:
        """Note that what is sent now has to be told."""
        if not self.is_owed:
            with telemetry.harmless("Noting that an event is owed"):
                from airflow.providers.common.compat.sdk import Variable

                Variable.set(
                    self._name, "1", description="A sync changed what no asset event has told of yet"
                )
            self._known = True

    def settle(self) -> None:
        """Note that it was told."""
        if self.is_owed:
            with telemetry.harmless("Noting that the owed event was told"):
                from airflow.providers.common.compat.sdk import Variable

                Variable.delete(self._name)
            self._known = False
