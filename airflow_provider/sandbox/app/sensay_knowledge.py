"""
Sensay's current generation: a replica's knowledge base.

https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base and its neighbours
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from airflow_provider.sandbox.app.problems import Problem
from airflow_provider.sandbox.app.responses import Json, JsonRoute
from airflow_provider.sandbox.app.sensay_bodies import CreateEntry, Status, UpdateEntry
from airflow_provider.sandbox.app.sensay_replicas import AnyReplica
from airflow_provider.sandbox.app.site import AnySite, AnyWorld, ListedAt, ReadAt, Site
from airflow_provider.sandbox.state import knowledge
from airflow_provider.sandbox.state.entries import Entry, Kind
from airflow_provider.sandbox.state.entry_views import show
from airflow_provider.sandbox.state.file_types import is_accepted, media_groups
from airflow_provider.sandbox.state.people import Replica
from airflow_provider.sandbox.state.world import World

STATUSES = frozenset(Status.__args__)  # type: ignore[attr-defined]
KINDS = frozenset(Kind.__args__)  # type: ignore[attr-defined]


def generation_exists(world: AnyWorld) -> None:
    if world.options.sensay_generation == "training":
        raise Problem(world.options.removed_status)


router = APIRouter(
    route_class=JsonRoute, tags=["Sensay knowledge base"], dependencies=[Depends(generation_exists)]
)
_BASE = "/v1/replicas/{replicaUUID}/knowledge-base"


def entry_as_read(knowledgeBaseID: int, replica: AnyReplica, world: AnyWorld, at: ReadAt) -> Entry:
    return _known(world.find_entry(knowledgeBaseID, at), replica)


def entry_to_change(knowledgeBaseID: int, replica: AnyReplica, world: AnyWorld) -> Entry:
    entry = _known(world.find_entry(knowledgeBaseID), replica)
    entry.remember(world.now)
    return entry


def _known(entry: Entry | None, replica: Replica) -> Entry:
    if entry is None or entry.replica_uuid != replica.uuid:
        raise Problem(404, "Knowledge base entry not found")
    return entry


EntryAsRead = Annotated[Entry, Depends(entry_as_read)]
EntryToChange = Annotated[Entry, Depends(entry_to_change)]


@router.get("/v1/knowledge-base/file-types", summary="List the accepted file types")
async def file_types() -> dict[str, Any]:
    return {"success": True, "mediaGroups": media_groups()}


@router.post(_BASE, status_code=207, summary="Create an entry from text, a URL or a file")
async def create_entry(body: CreateEntry, replica: AnyReplica, site: AnySite) -> dict[str, Any]:
    """207 even where an item was refused (``enqueued: false``)."""
    if sum(part is not None for part in (body.text, body.url, body.filename)) != 1:
        raise Problem(400, "Exactly one of text, url and filename is required")
    _check_quota(body, replica.uuid, site.world)
    results = _create(body, replica.uuid, site)
    refused = any(not result["enqueued"] for result in results)
    return {"success": not refused or site.world.options.partial_success, "results": results}


@router.get(_BASE, summary="List entries")
async def list_entries(
    replica: AnyReplica,
    world: AnyWorld,
    now: ListedAt,
    status: Annotated[list[str] | None, Query()] = None,
    type: Annotated[list[str] | None, Query()] = None,
    search: Annotated[str | None, Query(min_length=3)] = None,
    hasError: Literal["true", "false"] | None = None,
    page: Annotated[int, Query(ge=1)] = 1,
    pageSize: Annotated[int, Query(ge=0, le=100)] = 24,
    sortBy: Literal["createdAt"] = "createdAt",
    sortOrder: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """``pageSize=0`` tells only the total. Texts are left out."""
    entries = world.live_entries(replica.uuid, now)
    statuses = _several(status, STATUSES, world)
    kinds = _several(type, KINDS, world)
    if statuses:
        entries = [entry for entry in entries if entry.step(now).status in statuses]
    if kinds:
        entries = [entry for entry in entries if entry.kind in kinds]
    if search:
        entries = [entry for entry in entries if _contains(entry, search.lower())]
    if hasError is not None:
        entries = [entry for entry in entries if (entry.step(now).error is not None) == (hasError == "true")]
    if sortOrder == "desc":
        entries.reverse()
    shown = entries[(page - 1) * pageSize : page * pageSize]
    items = [show(entry, now, world.options, with_text=False) for entry in shown]
    return {"success": True, "items": items, "total": len(entries)}


@router.get(_BASE + "/{knowledgeBaseID}", summary="Get an entry")
async def get_entry(entry: EntryAsRead, world: AnyWorld, at: ReadAt) -> dict[str, Any]:
    return {"success": True} | show(entry, at, world.options, with_text=True)


@router.patch(_BASE + "/{knowledgeBaseID}", summary="Update an entry")
async def update_entry(body: UpdateEntry, entry: EntryToChange, world: AnyWorld) -> dict[str, Any]:
    """A new text sends the entry through the pipeline again; what it read before may linger."""
    given = body.model_dump(exclude_unset=True)
    raw_text = given.pop("rawText", None)
    if given:
        knowledge.set_fields(world, entry, given)
    if raw_text is not None:
        knowledge.write_text(world, entry, raw_text=raw_text)
    return {"success": True}


@router.delete(_BASE + "/{knowledgeBaseID}", summary="Delete an entry", responses={202: {}})
async def delete_entry(entry: EntryToChange, world: AnyWorld) -> Json:
    """202: it is no longer listed, but goes on answering for a while."""
    knowledge.delete(world, entry)
    if world.options.delete_status == 200:
        return Json({"success": True})
    message = "Deletion accepted. Full removal may take up to 24 hours."
    return Json({"success": True, "message": message}, 202)


def _create(body: CreateEntry, replica_uuid: str, site: Site) -> list[dict[str, Any]]:
    world = site.world
    if body.text is not None:
        return [_enqueued(knowledge.create_text(world, replica_uuid, body.text, body.title))]
    if body.filename is not None:
        if world.options.unsupported_file == "refused" and not is_accepted(body.filename):
            return [{"type": "file", "enqueued": False, "error": f"Unsupported file type: {body.filename}"}]
        entry, upload = knowledge.create_file(world, replica_uuid, body.filename, body.title)
        return [_enqueued(entry) | {"signedURL": site.upload_url(upload.key, "sensay")}]
    url = body.url or ""
    if knowledge.is_refused(url):
        return [
            {"type": "website", "enqueued": False, "error": f"URLs of this domain are not supported: {url}"}
        ]
    if knowledge.has_url(world, replica_uuid, url):
        raise Problem(409, "URL already exists in the knowledge base")
    created = knowledge.create_url(world, replica_uuid, url, body.title, body.autoRefresh)
    return [_enqueued(entry) for entry in created]


def _enqueued(entry: Entry) -> dict[str, Any]:
    return {"type": entry.kind, "enqueued": True, "knowledgeBaseID": entry.id}


def _check_quota(body: CreateEntry, replica_uuid: str, world: World) -> None:
    """Only a caller that sends ``usageLimits`` can meet it."""
    limits = body.usageLimits.knowledgeBaseEntries if body.usageLimits else None
    if limits is None:
        return
    used = len(world.live_entries(replica_uuid))
    if used >= limits.totalUserQuota:
        message = f"Knowledge base quota exceeded. Current usage: {used}/{limits.totalUserQuota:g}."
        raise Problem(429, message, error_code="KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED")


def _several(given: list[str] | None, known: frozenset[str], world: World) -> frozenset[str] | None:
    """Several values in one query: the key once more, as Sensay's own client sends them."""
    if given is None:
        return None
    if world.options.status_list == "comma":
        given = [part for value in given for part in value.split(",")]
    elif world.options.status_list == "one" and len(given) > 1:
        raise Problem(400, "One value only")
    unknown = set(given) - known
    if unknown:
        raise Problem(400, f"Unknown value: {', '.join(sorted(unknown))}")
    return frozenset(given)


def _contains(entry: Entry, wanted: str) -> bool:
    return any(wanted in text.lower() for text in (entry.title, entry.filename, entry.url) if text)
