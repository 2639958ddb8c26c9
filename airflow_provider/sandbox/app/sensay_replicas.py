"""Sensay's users, replicas and chat. https://docs.sensay.io/topic/topic-getting-started"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from airflow_provider.sandbox.app.problems import Problem
from airflow_provider.sandbox.app.responses import JsonRoute
from airflow_provider.sandbox.app.sensay_bodies import (
    Ask,
    CreateReplica,
    CreateUser,
    ReplaceReplica,
    ReplicaSettings,
)
from airflow_provider.sandbox.app.sensay_words import Tag
from airflow_provider.sandbox.app.site import AnyWorld
from airflow_provider.sandbox.state.answers import DO_NOT_KNOW, answer
from airflow_provider.sandbox.state.people import Replica, User
from airflow_provider.sandbox.state.world import World

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["Sensay users, replicas, chat"])


def replica_of(replicaUUID: UUID, world: AnyWorld) -> Replica:
    replica = world.replicas.get(str(replicaUUID))
    if replica is None:
        raise Problem(404, "Replica not found")
    return replica


def current_user(
    world: AnyWorld,
    x_user_id: Annotated[str | None, Header()] = None,
    x_user_id_type: Annotated[str | None, Header()] = None,
) -> User | None:
    if x_user_id is None or x_user_id_type is None:
        return world.users.get(x_user_id or "")
    return next((user for user in world.users.values() if user.is_linked(x_user_id_type, x_user_id)), None)


AnyReplica = Annotated[Replica, Depends(replica_of)]
CurrentUser = Annotated[User | None, Depends(current_user)]


@router.post("/users", summary="Create a user")
async def create_user(body: CreateUser, world: AnyWorld) -> dict[str, Any]:
    accounts = [account.model_dump() for account in body.linkedAccounts]
    taken = any(
        user.id == body.id
        or (body.email is not None and user.email == body.email)
        or any(account in user.linked_accounts for account in accounts)
        for user in world.users.values()
    )
    if taken:
        raise Problem(409, "User, email, or linked account already exists")
    user = User(body.id or world.new_uuid(), body.email, body.name, accounts)
    world.users[user.id] = user
    return user.show()


@router.get("/users/me", summary="Get the user of X-USER-ID")
async def get_me(user: CurrentUser) -> dict[str, Any]:
    return _known(user).show()


@router.delete("/users/me", status_code=204, summary="Delete the user of X-USER-ID and what belongs to it")
async def delete_me(user: CurrentUser, world: AnyWorld) -> Response:
    gone = _known(user)
    for replica in [replica for replica in world.replicas.values() if replica.owner == gone.id]:
        _remove_replica(world, replica)
    del world.users[gone.id]
    return Response(status_code=204)


@router.get("/users/{userID}", summary="Get a user")
async def get_user(userID: str, world: AnyWorld) -> dict[str, Any]:
    if userID not in world.users:
        raise Problem(404, "User not found")
    return world.users[userID].show()


@router.get("/replicas", summary="List replicas")
async def list_replicas(
    world: AnyWorld,
    user: CurrentUser,
    ownerID: str | None = None,
    owner_uuid: str | None = None,
    slug: str | None = None,
    search: str | None = None,
    tags: Annotated[list[Tag] | None, Query()] = None,
    sort: Literal["name", "popularity"] = "name",
    integration: Literal["telegram", "discord"] | None = None,
    page: Annotated[int | None, Query(ge=1)] = None,
    page_index: Annotated[int, Query(ge=1, deprecated=True)] = 1,
    page_size: Annotated[int, Query(ge=1)] = 24,
) -> dict[str, Any]:
    """All of the organisation; with ``X-USER-ID`` that user's and the public ones. None has an integration."""
    found = [
        replica
        for replica in world.replicas.values()
        if (user is None or replica.owner == user.id or not replica.profile.get("private"))
        and (ownerID is None or replica.owner == ownerID)
        and (slug is None or replica.profile["slug"] == slug)
        and (search is None or search.lower() in str(replica.profile["name"]).lower())
        and (tags is None or set(tags) & set(replica.profile["tags"]))
        and owner_uuid is None
        and integration is None
    ]
    found.sort(key=lambda replica: replica.chats if sort == "popularity" else replica.profile["name"])
    page = page or page_index
    shown = found[(page - 1) * page_size : page * page_size]
    return {
        "success": True,
        "type": "array",
        "items": [replica.show_listed() for replica in shown],
        "total": len(found),
    }


@router.post("/replicas", status_code=201, summary="Create a replica")
async def create_replica(body: CreateReplica, world: AnyWorld) -> dict[str, Any]:
    _check_replica(body, None, world)
    replica = Replica(world.new_uuid(), body.model_dump(exclude_none=True), world.now)
    world.replicas[replica.uuid] = replica
    return {"success": True, "uuid": replica.uuid}


@router.put("/replicas/{replicaUUID}", summary="Replace a replica's settings")
async def replace_replica(body: ReplaceReplica, replica: AnyReplica, world: AnyWorld) -> dict[str, Any]:
    """What is left out is back at its default."""
    _check_replica(body, replica, world)
    replica.profile = body.model_dump(exclude_none=True)
    return {"success": True}


@router.get("/replicas/{replicaUUID}", summary="Get a replica")
async def get_replica(replica: AnyReplica) -> dict[str, Any]:
    return {"success": True} | replica.show()


@router.delete("/replicas/{replicaUUID}", summary="Delete a replica and its knowledge")
async def delete_replica(replica: AnyReplica, world: AnyWorld) -> dict[str, Any]:
    _remove_replica(world, replica)
    return {"success": True}


@router.post("/replicas/{replicaUUID}/chat/completions", summary="Ask a replica")
async def chat(body: Ask, replica: AnyReplica, world: AnyWorld) -> dict[str, Any]:
    """Answers from entries that are usable now, by the words they share with the question."""
    limits = body.usageLimits.conversations if body.usageLimits else None
    quota = limits.monthlyQuota if limits else world.options.conversation_quota
    if quota is not None and world.conversations >= quota:
        raise Problem(429, "Conversation quota exceeded", error_code="CONVERSATION_QUOTA_EXCEEDED")
    world.conversations += 1
    replica.chats += not body.skip_chat_history
    if world.chat_misses > 0:
        world.chat_misses -= 1
        return {"success": True, "content": DO_NOT_KNOW}
    now = world.now
    mine = (entry for entry in world.entries.values() if entry.replica_uuid == replica.uuid)
    texts = (text for entry in mine if (text := entry.knowledge(now)) is not None)
    return {"success": True, "content": answer(body.content, texts)}


def _check_replica(body: ReplicaSettings, own: Replica | None, world: World) -> None:
    if body.ownerID not in world.users:
        raise Problem(400, "The owner does not exist")
    others = (replica for replica in world.replicas.values() if replica is not own)
    if any(replica.profile["slug"] == body.slug for replica in others):
        raise Problem(409, "A replica with this slug exists")


def _known(user: User | None) -> User:
    if user is None:
        raise Problem(401, "X-USER-ID is required")
    return user


def _remove_replica(world: World, replica: Replica) -> None:
    del world.replicas[replica.uuid]
    world.entries = {
        entry_id: entry for entry_id, entry in world.entries.items() if entry.replica_uuid != replica.uuid
    }
