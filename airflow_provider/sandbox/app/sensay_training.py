"""
Sensay's older generation, removed by the vendor on 2025-10-08: training.

Texts live under a replica when written, and organisation wide when read.
https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter and its neighbours
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from airflow_provider.sandbox.app.problems import Problem
from airflow_provider.sandbox.app.responses import JsonRoute
from airflow_provider.sandbox.app.sensay_bodies import OlderStatus, UpdateTraining
from airflow_provider.sandbox.app.sensay_replicas import AnyReplica
from airflow_provider.sandbox.app.site import AnySite, AnyWorld, ListedAt, ReadAt
from airflow_provider.sandbox.state import knowledge
from airflow_provider.sandbox.state.entries import Entry, older_status
from airflow_provider.sandbox.state.entry_views import OLDER_TYPES, show_older


def generation_exists(world: AnyWorld) -> None:
    if world.options.sensay_generation == "knowledge-base":
        raise Problem(world.options.removed_status)


router = APIRouter(
    route_class=JsonRoute, tags=["Sensay training (older)"], dependencies=[Depends(generation_exists)]
)


def entry_as_read(trainingID: int, world: AnyWorld, at: ReadAt) -> Entry:
    return _known(world.find_entry(trainingID, at))


def entry_to_change(trainingID: int, world: AnyWorld) -> Entry:
    entry = _known(world.find_entry(trainingID))
    entry.remember(world.now)
    return entry


def _known(entry: Entry | None) -> Entry:
    if entry is None:
        raise Problem(404, "Knowledge base entry not found")
    return entry


EntryAsRead = Annotated[Entry, Depends(entry_as_read)]
EntryToChange = Annotated[Entry, Depends(entry_to_change)]


@router.post("/v1/replicas/{replicaUUID}/training", summary="Create an empty entry")
async def create_training(replica: AnyReplica, world: AnyWorld) -> dict[str, Any]:
    """It stays BLANK until a text is put."""
    return {"success": True, "knowledgeBaseID": knowledge.create_blank(world, replica.uuid).id}


@router.get(
    "/v1/replicas/{replicaUUID}/training/files/upload", summary="Create a file entry, get an upload URL"
)
async def create_upload(
    filename: Annotated[str, Query(min_length=1)], replica: AnyReplica, site: AnySite
) -> dict[str, Any]:
    """A GET that creates."""
    entry, upload = knowledge.create_file(site.world, replica.uuid, filename, None)
    url = site.upload_url(upload.key, "sensay")
    return {"success": True, "signedURL": url, "knowledgeBaseID": entry.id}


@router.put("/v1/replicas/{replicaUUID}/training/{trainingID}", summary="Update knowledge base entry")
async def update_training(
    body: UpdateTraining, replica: AnyReplica, entry: EntryToChange, world: AnyWorld
) -> dict[str, Any]:
    """With ``vectorEntryId`` the entry is READY at once; ``metadata`` is stored with it and not shown."""
    if entry.replica_uuid != replica.uuid:
        raise Problem(404, "Knowledge base entry not found")
    if body.vectorEntryId is not None:
        entry.raw_text = body.rawText or entry.raw_text
        entry.processed_text = body.processedText or entry.processed_text
        knowledge.write_vector(world, entry, body.vectorEntryId, body.processedText or body.rawText)
    elif body.rawText is not None or body.processedText is not None:
        knowledge.write_text(world, entry, raw_text=body.rawText, processed_text=body.processedText)
    return {"success": True}


@router.get("/v1/training", summary="List entries of the whole organisation")
async def list_training(
    world: AnyWorld,
    now: ListedAt,
    status: OlderStatus | None = None,
    type: Literal["file_upload", "url", "training_history", "text"] | None = None,
    page: Annotated[str, Query(pattern=r"^\d+$")] = "1",
    limit: Annotated[str, Query(pattern=r"^\d+$")] = "100",
) -> dict[str, Any]:
    """Newest first; no total and no replica filter."""
    number, size = int(page), int(limit)
    if number < 1 or not 1 <= size <= 100:
        raise Problem(400, "page starts at 1, limit is 1 to 100")
    options = world.options
    entries = world.live_entries(at=now)[::-1]
    if status is not None:
        entries = [entry for entry in entries if older_status(entry, now, options) == status]
    if type is not None:
        entries = [entry for entry in entries if OLDER_TYPES[entry.kind] == type]
    shown = entries[(number - 1) * size : number * size]
    return {"success": True, "items": [show_older(entry, now, options) for entry in shown]}


@router.get("/v1/training/{trainingID}", summary="Get an entry")
async def get_training(entry: EntryAsRead, world: AnyWorld, at: ReadAt) -> dict[str, Any]:
    return {"success": True} | show_older(entry, at, world.options)


@router.delete("/v1/training/{trainingID}", summary="Delete an entry and its vectors, at once")
async def delete_training(entry: EntryToChange, world: AnyWorld) -> dict[str, Any]:
    entry.gone_at = world.now
    return {"success": True}
