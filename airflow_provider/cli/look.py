"""One look at a set of connections: rows, problems, and the exit code that follows from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol

from airflow_provider.refresh.observation import Phase

DEFAULT_CONNECTIONS = ("sendkit_default", "sensay_default")


class State(StrEnum):
    """How an agent or replica is, in one word for both vendors."""

    READY = "ready"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A status that nobody listed, or none; never taken for ready."""


class Exit(IntEnum):
    """What a script learns."""

    READY = 0
    FAILED = 1
    NOT_READ = 2
    IN_PROGRESS = 3


STATES = {
    Phase.QUEUED: State.IN_PROGRESS,
    Phase.RUNNING: State.IN_PROGRESS,
    Phase.SUCCEEDED: State.READY,
    Phase.FAILED: State.FAILED,
    Phase.UNKNOWN: State.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One agent or replica, as it was read.

    :param status: the vendor's own word; a replica has none of its own
    :param last_refresh: the vendor's own time
    :param counts: pages, chunks and documents of an agent; entries of a replica, in all and by state
    :param note: what is wrong, in the vendor's words
    """

    connection: str
    vendor: str
    kind: str
    id: str
    name: str | None
    state: State
    status: str | None = None
    last_refresh: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Look:
    """
    What was seen.

    :param problems: why something could not be read, one line each
    """

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()

    @property
    def exit(self) -> Exit:
        """Could not look; else something failed or is unknown; else something is in progress; else ready."""
        states = {row.state for row in self.rows}
        if self.problems:
            return Exit.NOT_READ
        if states & {State.FAILED, State.UNKNOWN}:
            return Exit.FAILED
        return Exit.IN_PROGRESS if State.IN_PROGRESS in states else Exit.READY

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "ready": self.exit is Exit.READY,
            "targets": [row.to_json() for row in self.rows],
            "problems": list(self.problems),
        }


class Wanted:
    """
    Which agents and replicas are asked for.

    :param ids: none: all of them
    """

    def __init__(self, ids: Collection[str] = ()) -> None:
        self._ids = {each.strip().lower() for each in ids}
        self._found: set[str] = set()

    def __contains__(self, target: object) -> bool:
        key = str(target).lower()
        self._found.add(key)
        return not self._ids or key in self._ids

    @property
    def missing(self) -> list[str]:
        """The ids that no connection listed."""
        return sorted(self._ids - self._found)


class Reader(Protocol):
    """Reads all that is wanted of one connection."""

    def __call__(self, conn_id: str, wanted: Wanted) -> Iterator[Row]: ...


def look(connections: Sequence[str], ids: Collection[str] = ()) -> Look:
    """
    Read the agents and replicas of connections; GET only, and free.

    :param connections: none: the default ones, as far as they exist
    """
    from airflow_provider.errors import AgentKnowledgeError

    rows: list[Row] = []
    problems: list[str] = []
    wanted = Wanted(ids)
    readers = list(_readers(connections, problems))
    for conn_id, reader in readers:
        try:
            rows.extend(reader(conn_id, wanted))
        except AgentKnowledgeError as error:
            problems.append(f"{conn_id}: {error}")
    if not problems:
        problems += [f"No connection lists an agent or replica {each}" for each in wanted.missing]
    return Look(tuple(rows), tuple(problems))


def _readers(connections: Iterable[str], problems: list[str]) -> Iterator[tuple[str, Reader]]:
    """Find out whose connection each one is; what cannot be read is added to the problems."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    from airflow_provider.cli import sendkit, sensay

    readers: dict[str | None, Reader] = {"sendkit": sendkit.rows, "sensay": sensay.rows}
    named = list(connections)
    found = 0
    for conn_id in named or DEFAULT_CONNECTIONS:
        try:
            vendor = BaseHook.get_connection(conn_id).conn_type
        except AirflowNotFoundException:
            if named:
                problems.append(f"There is no connection '{conn_id}'")
            continue
        found += 1
        if vendor in readers:
            yield conn_id, readers[vendor]
        else:
            problems.append(
                f"Connection '{conn_id}' is of type '{vendor}', not {' or '.join(map(str, readers))}"
            )
    if not named and not found:
        problems.append(f"There is no connection {' or '.join(DEFAULT_CONNECTIONS)}; name one")
