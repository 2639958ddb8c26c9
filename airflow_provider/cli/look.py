"""One look at a set of connections: rows, problems, and the exit code that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar

from airflow_provider.vendors.registry import Vendor, vendors
from airflow_provider.vendors.status import DocumentRow, Row, State, Wanted

#: A row for a target, or for a document.
R = TypeVar("R", bound=Row | DocumentRow)


class Exit(IntEnum):
    """What a script learns."""

    READY = 0
    FAILED = 1
    NOT_READ = 2
    IN_PROGRESS = 3


@dataclass(frozen=True, slots=True)
class Look(Generic[R]):
    """
    What was seen.

    :param problems: why something could not be read, one line each
    :param what: what the rows are called in JSON
    """

    rows: tuple[R, ...]
    problems: tuple[str, ...] = ()
    what: str = "targets"

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
            self.what: [row.to_json() for row in self.rows],
            "problems": list(self.problems),
        }


def look(connections: Sequence[str], ids: Collection[str] = ()) -> Look[Row]:
    """
    Read the targets of connections; GET only, and free.

    :param connections: none: the default ones, as far as they exist
    """
    rows, problems = _read(connections, Wanted(ids), lambda module: module.rows)
    return Look(rows, problems)


def documents(
    connections: Sequence[str], ids: Collection[str] = (), *, failed: bool = False
) -> Look[DocumentRow]:
    """
    Read the documents of the targets of connections; GET only, and free.

    :param failed: only those that failed, or carry an error
    """
    rows, problems = _read(connections, Wanted(ids), lambda module: module.documents)
    if failed:
        rows = tuple(row for row in rows if row.state in (State.FAILED, State.UNKNOWN))
    return Look(rows, problems, "documents")


def _read(
    connections: Sequence[str], wanted: Wanted, reader_of: Callable[[Any], Callable[..., Iterable[R]]]
) -> tuple[tuple[R, ...], tuple[str, ...]]:
    from airflow_provider.errors import AgentKnowledgeError

    rows: list[R] = []
    problems: list[str] = []
    for conn_id, vendor in list(_vendors_of(connections, problems)):
        try:
            rows.extend(reader_of(vendor.status_module())(vendor.make_hook(conn_id), conn_id, wanted))
        except AgentKnowledgeError as error:
            problems.append(f"{conn_id}: {error}")
    if not problems:
        problems += [f"No connection lists an agent or replica {each}" for each in wanted.missing]
    return tuple(rows), tuple(problems)


def _vendors_of(connections: Iterable[str], problems: list[str]) -> Iterator[tuple[str, Vendor]]:
    """Find out whose connection each one is; what cannot be read is added to the problems."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    known = {name: vendor for name, vendor in vendors().items() if vendor.status}
    defaults = [vendor.conn_id for vendor in known.values()]
    named = list(connections)
    found = 0
    for conn_id in named or defaults:
        try:
            conn_type = BaseHook.get_connection(conn_id).conn_type
        except AirflowNotFoundException:
            if named:
                problems.append(f"There is no connection '{conn_id}'")
            continue
        found += 1
        if conn_type in known:
            yield conn_id, known[conn_type]
        else:
            kind = f"is of type '{conn_type}'" if conn_type else "has no type (is it a bare key? write JSON)"
            problems.append(f"Connection '{conn_id}' {kind}, not {' or '.join(known)}")
    if not named and not found:
        problems.append(f"There is no connection {' or '.join(defaults)}; name one")
