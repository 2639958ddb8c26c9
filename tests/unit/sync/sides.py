"""The two sides of a sync, in few words: what a source wants, and what a vendor holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider.refresh.wait import Purpose, Wait
from airflow_provider.sources.values import Skip
from airflow_provider.sync.documents import Held, Kind, Wanted
from airflow_provider.sync.mark import digest_of, key_hash
from airflow_provider.sync.plan import Plan
from airflow_provider.sync.planning import PlanOptions, make_plan
from airflow_provider.sync.state import DocumentState, Done, SyncState
from tests.unit.refresh.scenes import OLD, entry

PLACE = "sensay:03db5651-cb61-4bdf-9ef0-89561f7c9c53"


def key_of(name: str) -> str:
    return key_hash(PLACE, name)


def hash_of(content: str, kind: Kind = Kind.TEXT) -> str:
    return digest_of(kind, content.encode())


def wanted(
    name: str,
    content: str = "one",
    *,
    title: str | None = None,
    kind: Kind = Kind.TEXT,
    url: str | None = None,
    skip: Skip | None = None,
) -> Wanted:
    """One document of the source."""
    return Wanted(
        key=name,
        key_hash=key_of(name),
        title=title or name,
        kind=kind,
        digest="" if skip else hash_of(content, kind),
        url=url,
        skip=skip,
        detail="so it is" if skip else "",
    )


def held(
    number: int,
    name: str,
    content: str = "one",
    status: str = "READY",
    *,
    title: str | None = None,
    kind: Kind = Kind.TEXT,
    url: str | None = None,
    error: str | None = None,
    digest: str | None = None,
    updated: str = OLD,
) -> Held:
    """One entry of the vendor's list that bears our mark."""
    return Held(
        id=number,
        key_hash=key_of(name),
        digest=digest or hash_of(content, kind),
        title=title or name,
        kind=kind,
        seen=entry(status, updated, error=error, kind={Kind.URL: "website"}.get(kind, str(kind))),
        url=url,
    )


def told(plan: Plan) -> list[tuple[Any, ...]]:
    """Each row as action, key, entry and, for an update, its method."""
    return [
        (
            str(row.action),
            row.key,
            row.entry.id if row.entry else None,
            *([str(row.method)] if row.method else []),
        )
        for row in plan.rows
    ]


def state_of(
    *,
    tried: Iterable[str] = (),
    given_up: Mapping[str, str] | None = None,
    proving: Iterable[int | str] = (),
    **members: Any,
) -> SyncState:
    """What a run knows: the keys it has tried, and those it gave up with the reason."""
    reasons = given_up or {}
    return SyncState(
        documents={
            key: DocumentState(done=Done.UPDATED if key in tried else None, given_up=reasons.get(key, ""))
            for key in {*tried, *reasons}
        },
        proving={
            each: Wait(purpose=Purpose.OWN, started=0, deadline=9, start_grace=1, poll_interval=1)
            for each in proving
        },
        **members,
    )


def plan(documents: Iterable[Wanted], entries: Sequence[Held], **given: Any) -> Plan:
    """The plan for two sides; of the members given, those of the options go there, and the rest into the state."""
    options = {name: given.pop(name) for name in PlanOptions.__dataclass_fields__ if name in given}
    return make_plan(documents, entries, PlanOptions(**options), state_of(**given))
