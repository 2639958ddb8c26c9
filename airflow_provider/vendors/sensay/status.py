"""The replicas of a Sensay connection and their entries, in either generation of its API, for the command line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from airflow_provider.refresh.observation import later, shorten
from airflow_provider.sync.mark import read_title
from airflow_provider.vendors.sensay import endpoints, training_endpoints
from airflow_provider.vendors.sensay.entry import DEFAULT_READY, EntryTarget, Generation, phase_of
from airflow_provider.vendors.status import STATES, DocumentRow, Row, State, Wanted

if TYPE_CHECKING:
    from airflow_provider.http.client import Client
    from airflow_provider.vendors.sensay.models import Replica
    from airflow_provider.vendors.sensay.values import Entry

#: The first of these that any entry is in is the state of the replica.
_WORST_FIRST = (State.FAILED, State.UNKNOWN, State.IN_PROGRESS)


class Connected(Protocol):
    """What is needed of the hook."""

    def get_conn(self) -> Client:
        """Return a client."""

    def generation(self) -> str:
        """Return which generation the connection speaks."""


def rows(hook: Connected, conn_id: str, wanted: Wanted) -> Iterator[Row]:
    """Read the list of replicas, and what is known of the entries of each."""
    generation = Generation(hook.generation())
    with hook.get_conn() as client:
        replicas = [replica for replica in _replicas(client) if replica.uuid in wanted]
        older = _older_entries(client) if generation is Generation.TRAINING and replicas else {}
        for replica in replicas:
            if generation is Generation.TRAINING:
                states, latest = _tally(older.get(str(replica.uuid), ()), generation)
            else:
                states, latest = _entries(client, str(replica.uuid))
            yield _row(conn_id, replica, states, latest)


def documents(hook: Connected, conn_id: str, wanted: Wanted) -> Iterator[DocumentRow]:
    """Read all entries of each replica, 100 at a time."""
    generation = Generation(hook.generation())
    with hook.get_conn() as client:
        replicas = [str(replica.uuid) for replica in _replicas(client) if replica.uuid in wanted]
        older = _older_entries(client) if generation is Generation.TRAINING and replicas else {}
        for replica in replicas:
            listed = (
                older.get(replica, ()) if generation is Generation.TRAINING else _all_entries(client, replica)
            )
            for entry in listed:
                yield _document(conn_id, replica, entry, generation)


def _document(conn_id: str, replica: str, entry: Entry, generation: Generation) -> DocumentRow:
    target = EntryTarget(replica, entry.id, generation)
    seen = target.observe(entry)
    title, mark = read_title(entry.title)
    return DocumentRow(
        connection=conn_id,
        target=f"replicas/{replica}/knowledge-base",
        id=str(entry.id),
        title=title or entry.filename or entry.url or "",
        state=State.FAILED if seen.error else STATES[seen.phase],
        status=seen.status,
        sync_id=mark.sync_id if mark else None,
        updated=seen.marker,
        note=shorten(seen.error),
    )


def _all_entries(client: Client, replica_uuid: str) -> Iterator[Entry]:
    number = 1
    while True:
        page = client.send(
            endpoints.list_entries(
                replica_uuid, page=number, page_size=endpoints.MAX_PAGE_SIZE, sort_order="asc"
            )
        )
        yield from page.items
        if len(page.items) < endpoints.MAX_PAGE_SIZE:
            return
        number += 1


def _replicas(client: Client) -> Iterator[Replica]:

    seen, number = 0, 1
    while True:
        page = client.send(endpoints.list_replicas(page=number))
        yield from page.items
        seen += len(page.items)
        if not page.items or seen >= (page.total or 0):
            return
        number += 1


def _entries(client: Client, replica_uuid: str) -> tuple[Counter[State], str | None]:
    """
    Count a replica's entries by state.

    One page is exact and shows when the last one changed. Where there are more, the vendor's own totals are
    asked for, one request for each status: the list cannot be sorted by the time of the last change.
    """
    from airflow_provider.vendors.sensay.models import EntryStatus

    page = client.send(endpoints.list_entries(replica_uuid))
    total = len(page.items) if page.total is None else page.total
    if total <= len(page.items):
        return _tally(page.items, Generation.KNOWLEDGE_BASE)

    def count(status: str | None, *, has_error: bool) -> int:
        call = endpoints.list_entries(replica_uuid, page_size=0, status=status, has_error=has_error)
        return client.send(call).total or 0

    states = Counter({State.FAILED: count(None, has_error=True)})
    for status in EntryStatus:
        states[_state(status, Generation.KNOWLEDGE_BASE)] += count(status, has_error=False)
    states[State.UNKNOWN] += max(0, total - states.total())
    return states, None


def _older_entries(client: Client) -> dict[str, list[Entry]]:
    """Read the whole list: the older generation knows no total, and one list for all replicas."""

    found: dict[str, list[Entry]] = defaultdict(list)
    number = 1
    while True:
        page = client.send(training_endpoints.list_entries(page=number))
        for entry in page.items:
            found[str(entry.replica_uuid)].append(entry)
        if len(page.items) < training_endpoints.MAX_LIMIT:
            return found
        number += 1


def _tally(entries: Iterable[Entry], generation: Generation) -> tuple[Counter[State], str | None]:
    states: Counter[State] = Counter()
    latest: str | None = None
    for entry in entries:
        seen = EntryTarget(str(entry.replica_uuid), entry.id, generation).observe(entry)
        states[State.FAILED if seen.error else STATES[seen.phase]] += 1
        if latest is None or later(seen.marker, latest):
            latest = seen.marker
    return states, latest


def _state(status: str, generation: Generation) -> State:
    return STATES[phase_of(status, generation, DEFAULT_READY[generation])]


def _row(conn_id: str, replica: Replica, states: Counter[State], latest: str | None) -> Row:
    counts = {"entries": states.total()} | {str(state): states[state] for state in State if states[state]}
    return Row(
        connection=conn_id,
        vendor="sensay",
        kind="replica",
        id=str(replica.uuid),
        name=replica.name,
        state=next((state for state in _WORST_FIRST if states[state]), State.READY),
        last_refresh=latest,
        counts=counts,
    )
