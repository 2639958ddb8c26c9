"""SendKit's agents. https://docs.sendkit.ai/api-reference"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from airflow_provider.sandbox.app.problems import Problem
from airflow_provider.sandbox.app.responses import Json, JsonRoute
from airflow_provider.sandbox.app.sendkit_bodies import CreateAgent, UpdateAgent
from airflow_provider.sandbox.app.site import AnyWorld, ReadAt, RequestId
from airflow_provider.sandbox.state.agents import Agent
from airflow_provider.sandbox.state.world import World

router = APIRouter(route_class=JsonRoute, prefix="/v1/agents", tags=["SendKit agents"])

_MERGED = ("companyInfo", "persona", "autonomousMode", "followupSettings")


def agent_as_read(agentId: str, world: AnyWorld, at: ReadAt) -> Agent:
    agent = world.find_agent(agentId, at)
    if agent is None:
        raise Problem(404)
    return agent


def agent_to_change(agentId: str, world: AnyWorld) -> Agent:
    agent = world.agents.get(agentId)
    if agent is None or agent.deleted:
        raise Problem(404)
    agent.remember(world.now)
    return agent


AgentAsRead = Annotated[Agent, Depends(agent_as_read)]
AgentToChange = Annotated[Agent, Depends(agent_to_change)]


@router.get("", summary="List agents")
async def list_agents(world: AnyWorld) -> dict[str, Any]:
    """Active agents, newest first, not paged."""
    agents = sorted(world.active_agents(), key=lambda agent: agent.created_at, reverse=True)
    return {"success": True, "data": [_summary(agent, world) for agent in agents]}


@router.get("/{agentId}", summary="Get agent")
async def get_agent(agent: AgentAsRead, world: AnyWorld, at: ReadAt) -> dict[str, Any]:
    return {"success": True, "data": agent.show(at, world.options)}


@router.post("", status_code=201, summary="Create agent (0.5 credits, at most 3 agents)")
async def create_agent(body: CreateAgent, world: AnyWorld, request_id: RequestId) -> dict[str, Any]:
    options = world.options
    if sum(1 for _ in world.active_agents()) >= options.max_agents:
        raise Problem(403, "Agent limit reached for this workspace")
    _check_credits(world, options.create_agent_cost)
    given = body.model_dump(exclude_none=True)
    agent = world.add_agent(given.pop("name"), **given)
    agent.past = [(world.now, None)]
    world.charge(agent, options.create_agent_cost, "create agent", request_id)
    return {"success": True, "data": agent.show(world.now, options)}


@router.patch("/{agentId}", summary="Update agent")
async def update_agent(body: UpdateAgent, agent: AgentToChange, world: AnyWorld) -> dict[str, Any]:
    given = body.model_dump(exclude_unset=True)
    for name in _MERGED:
        if name in given:
            agent.profile[name] = _members(agent.profile.get(name)) | (given[name] or {})
    if given.get("name"):
        agent.profile["name"] = given["name"]
    if given.get("companyUrl"):
        agent.domain = given["companyUrl"].removeprefix("https://").removeprefix("http://").rstrip("/")
    if given.get("isDefault"):
        for other in world.agents.values():
            other.is_default = other is agent
    agent.updated_at = world.now
    return {"success": True, "data": agent.show(world.now, world.options)}


@router.delete("/{agentId}", summary="Delete agent (soft)")
async def delete_agent(agent: AgentToChange) -> dict[str, Any]:
    agent.deleted = True
    return {"success": True, "data": {"message": "Agent deleted"}}


@router.post("/{agentId}/retrain", status_code=202, summary="Retrain agent (10 credits)", responses={200: {}})
async def retrain(request: Request, agent: AgentToChange, world: AnyWorld, request_id: RequestId) -> Json:
    """No body. 402 without enough credits, 409 while a run is active; neither charges."""
    if (await request.body()).strip() not in (b"", b"{}"):
        raise Problem(400, "This endpoint takes no body")
    now, options = world.now, world.options
    busy = options.documents_block_retrain and agent.is_processing_documents(now)
    if agent.is_training(now) or busy:
        raise Problem(409)
    _check_credits(world, options.retrain_cost)
    agent.retrain(now, options)
    world.charge(agent, options.retrain_cost, "retrain", request_id)
    if options.refund_on_failure and agent.training.steps[-1].status == "failed":
        world.refund_later(agent.training.steps[-1].at, world.ledger.charges[-1])
    jobs = [{"id": f"job_{world.new_key()[:12]}", "type": "scrape_website"}]
    if options.retrain_reprocesses_documents:
        jobs += [
            {"id": f"job_{world.new_key()[:12]}", "type": "process_document"}
            for _ in agent.training.documents
        ]
    answer = {
        "success": True,
        "data": agent.show(now, options, answer_to_retrain=True),
        "meta": {"creditsCharged": options.retrain_cost, "jobs": jobs},
    }
    return Json(answer, options.retrain_status_code)


def _check_credits(world: World, cost: float) -> None:
    if not world.ledger.affords(Decimal(str(cost))):
        raise Problem(402)


def _summary(agent: Agent, world: World) -> dict[str, Any]:
    """The keys of the documented list example; training is not among them."""
    shown = agent.show(world.now, world.options)
    parts = {"companyInfo": ("name",), "persona": ("tone", "role")}
    kept = ("_id", "name", "isDefault", "usage", "createdAt")
    summary = {key: value for key, value in shown.items() if key in kept}
    for part, members in parts.items():
        summary[part] = {key: value for key, value in _members(shown.get(part)).items() if key in members}
    return summary


def _members(part: Any) -> dict[str, Any]:
    """A test may have put something else in its place."""
    return part if isinstance(part, dict) else {}
