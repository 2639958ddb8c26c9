"""One row of the fault matrix: what goes wrong, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.rig import Make, Rig
from tests.integration.task import Outcome, Supervisor, TaskUnderTest

BOTH = (False, True)
DEFERRABLE = (True,)

Bend = Callable[[Rig], object]


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    One fault.

    :param fault: what happens, in a person's words
    :param task: builds the task; gets ``deferrable``
    :param bend: what is wrong before the task begins
    :param after_submit: what goes wrong as soon as the write was noted
    :param between: what happens between two tries
    :param play: how the task instance is led to its end; by default as often as ``tries``
    :param becomes: ``state/outcome`` of a success, ``state/error`` of anything else, for each try
    :param charges: retrains paid in the end, by anybody's task
    :param says: part of the last try's message, or of a success's reason
    :param writes: requests to the vendor that were no reads, where it matters
    :param waited: seconds that the last try waited at least: an old status was not believed at once
    :param modes: both, unless the fault exists in one only
    """

    fault: str
    task: Callable[[Rig, bool], Make]
    becomes: tuple[str, ...]
    charges: int
    says: str
    bend: Bend = lambda rig: None
    after_submit: Bend | None = None
    between: Bend = lambda rig: None
    play: Callable[[Rig, TaskUnderTest], list[Outcome]] | None = None
    writes: int | None = None
    waited: float = 0.0
    modes: tuple[bool, ...] = BOTH


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a row in one mode."""

    row: Row
    deferrable: bool
    became: tuple[str, ...]
    charges: int
    message: str
    writes: int
    waited: float

    @property
    def mode(self) -> str:
        return "deferrable" if self.deferrable else "sync"

    @property
    def wrong(self) -> list[str]:
        """All that is not as it should be; nothing, if all is well."""
        row = self.row
        found = []
        if self.became != row.becomes:
            found.append(f"became {self.became}, not {row.becomes}: {self.message}")
        if self.charges != row.charges:
            found.append(f"{self.charges} charges, not {row.charges}")
        if row.says not in self.message:
            found.append(f"says {self.message!r}, without {row.says!r}")
        if row.writes is not None and self.writes != row.writes:
            found.append(f"{self.writes} writes, not {row.writes}")
        if self.waited < row.waited:
            found.append(f"believed after {self.waited} s, not after {row.waited} s or more")
        return found


def play(rig: Rig, row: Row, deferrable: bool) -> Played:
    """Play one row in one mode; the world is the rig's, and new."""
    row.bend(rig)
    task = TaskUnderTest(row.task(rig, deferrable), supervisor=_supervisor(rig, row), retries=5)
    ends = row.play(rig, task) if row.play is not None else _tries(rig, row, task)
    last = ends[-1]
    result: dict[str, Any] = last.result or {}
    return Played(
        row=row,
        deferrable=deferrable,
        became=tuple(_became(each) for each in ends),
        charges=rig.paid,
        message=str(last.error or result.get("reason") or getattr(last.message, "state", "")),
        writes=len(rig.written),
        waited=float(result.get("seconds", 0.0)),
    )


def _tries(rig: Rig, row: Row, task: TaskUnderTest) -> list[Outcome]:
    ends = [task.to_the_end()]
    while len(ends) < len(row.becomes) and ends[-1].state == "up_for_retry":
        row.between(rig)
        ends.append(task.retry().to_the_end())
    return ends


def _became(end: Outcome) -> str:
    if end.result is not None:
        return f"{end.state}/{end.result['outcome']}"
    return end.state if end.error is None else f"{end.state}/{type(end.error).__name__}"


def _supervisor(rig: Rig, row: Row) -> Supervisor:
    told: list[bool] = []

    def watch(message: Any) -> None:
        submitted = type(message).__name__ == "SetTaskStateStore" and message.value["stage"] == "submitted"
        if row.after_submit is not None and submitted and not told:
            told.append(True)
            row.after_submit(rig)

    return Supervisor(before=watch)
