"""``/_sandbox``: what a test sees and bends. Not a vendor's API; no key, loopback only."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import ValidationError

from airflow_provider.sandbox.app.control_bodies import Advance, ReleaseHeld, Seed, SetAgent, SetEntry
from airflow_provider.sandbox.app.faults import Fault
from airflow_provider.sandbox.app.responses import Json, JsonRoute
from airflow_provider.sandbox.app.setting import seed, set_agent, set_entry
from airflow_provider.sandbox.app.site import AnySite, Site
from airflow_provider.sandbox.options import problems
from airflow_provider.sandbox.state.clock import iso
from airflow_provider.sandbox.state.entry_views import show
from airflow_provider.sandbox.state.world import World

router = APIRouter(route_class=JsonRoute, prefix="/_sandbox", tags=["Sandbox control"])


@router.get("/state", summary="Agents, entries, credits, charges, requests")
async def state(
    site: AnySite, entries: int = Query(100, description="How many entries to show, newest first.")
) -> Any:
    world = site.world
    world.settle()
    now, options = world.now, world.options
    live = world.live_entries()
    return {
        "now": iso(now, options.clock_skew),
        "options": options.model_dump(),
        "credits_left": float(world.ledger.left),
        "charges": _charges(world),
        "agents": [agent.show(now, options) for agent in world.agents.values()],
        "entries": [show(entry, now, options, with_text=True) for entry in live[::-1][:entries]],
        "entry_total": len(live),
        "entry_statuses": dict(Counter(str(entry.step(now).status) for entry in live)),
        "replicas": [replica.show() for replica in world.replicas.values()],
        "users": [user.show() for user in world.users.values()],
        **_traffic(site),
    }


@router.get("/requests", summary="The last requests, oldest first")
async def requests(site: AnySite, limit: int = Query(1000, ge=1, le=5000)) -> Any:
    return {"requests": [asdict(seen) for seen in list(site.traffic.recent)[-limit:]]}


@router.post("/reset", summary="Back to the state and options of the start")
async def reset(site: AnySite) -> Any:
    site.reset()
    return {"success": True}


@router.patch("/options", summary="Change options; they hold for what begins from now on")
async def change_options(site: AnySite, changes: Annotated[dict[str, Any], Body()]) -> Any:
    try:
        site.world.set_options(changes)
    except ValidationError as error:
        return Json({"error": problems(error)}, 422)
    return site.world.options.model_dump()


@router.post("/advance", summary="Let world time jump ahead")
async def advance(site: AnySite, body: Advance) -> Any:
    site.world.clock.advance(body.seconds)
    return {"now": iso(site.world.now, site.world.options.clock_skew)}


@router.post("/seed", summary="Add agents and entries, one by one or in bulk")
async def seed_world(site: AnySite, body: Seed) -> Any:
    return seed(site.world, body)


@router.post("/agents/{agent_id}", summary="Set anything of an agent")
async def change_agent(agent_id: str, body: SetAgent, site: AnySite) -> Any:
    world = site.world
    if agent_id not in world.agents:
        return Json({"error": f"no agent {agent_id}"}, 404)
    set_agent(world, world.agents[agent_id], body)
    return world.agents[agent_id].show(world.now, world.options)


@router.post("/entries/{entry_id}", summary="Set anything of an entry")
async def change_entry(entry_id: int, body: SetEntry, site: AnySite) -> Any:
    world = site.world
    if entry_id not in world.entries:
        return Json({"error": f"no entry {entry_id}"}, 404)
    set_entry(world, world.entries[entry_id], body)
    return show(world.entries[entry_id], world.now, world.options, with_text=True)


@router.post("/faults", status_code=201, summary="Queue a fault")
async def add_fault(fault: Fault, site: AnySite) -> Any:
    return {"id": site.faults.add(fault)}


@router.get("/faults", summary="Queued faults and how often each fired")
async def list_faults(site: AnySite) -> Any:
    return {"faults": site.faults.show()}


@router.delete("/faults", summary="Forget all faults")
async def clear_faults(site: AnySite) -> Any:
    site.faults.clear()
    return {"success": True}


@router.delete("/faults/{fault_id}", summary="Forget one fault")
async def clear_fault(fault_id: int, site: AnySite) -> Any:
    site.faults.clear(fault_id)
    return {"success": True}


@router.get("/held", summary="Requests and answers that are held")
async def held(site: AnySite) -> Any:
    return {
        "held": [
            {
                "id": item.id,
                "request_id": item.request_id,
                "method": item.method,
                "path": item.path,
                "when": item.when,
                "since": item.since,
                "seconds": time.time() - item.since,
                "client_gone": not site.connections.is_open(item.peer),
            }
            for item in site.holds.waiting.values()
        ]
    }


@router.post("/release", summary="Let all go")
async def release_all(site: AnySite, body: ReleaseHeld | None = None) -> Any:
    return {"released": site.holds.release_all(body.action if body else "continue")}


@router.post("/release/{held_id}", summary="Let one go")
async def release(held_id: int, site: AnySite, body: ReleaseHeld | None = None) -> Any:
    if not site.holds.release(held_id, body.action if body else "continue"):
        return Json({"error": f"nothing held under {held_id}"}, 404)
    return {"released": [held_id]}


def _charges(world: World) -> list[dict[str, Any]]:
    skew = world.options.clock_skew
    return [
        {
            "at": iso(charge.at, skew),
            "agent": charge.agent,
            "credits": float(charge.credits),
            "reason": charge.reason,
            "request_id": charge.request_id,
        }
        for charge in world.ledger.charges
    ]


def _traffic(site: Site) -> dict[str, Any]:
    traffic = site.traffic
    return {
        "requests": dict(traffic.counts),
        "statuses": dict(traffic.statuses),
        "connections": {
            "opened": len(traffic.connections),
            "open": len(traffic.connections & site.connections.numbers()),
        },
        "in_flight": traffic.in_flight,
        "most_in_flight": traffic.most_in_flight,
        "held": len(site.holds.waiting),
    }
