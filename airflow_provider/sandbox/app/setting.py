"""A test's direct hand on agents and entries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider.sandbox.app.control_bodies import (
    AgentStep,
    EntryStep,
    Seed,
    SeedEntry,
    SeedMany,
    SetAgent,
    SetDocument,
    SetEntry,
)
from airflow_provider.sandbox.state.agents import Agent, Document, Training, TrainingStep, never_trained
from airflow_provider.sandbox.state.clock import parse_time
from airflow_provider.sandbox.state.entries import USABLE, Entry, Step
from airflow_provider.sandbox.state.world import World


def set_agent(world: World, agent: Agent, given: SetAgent) -> None:
    """At once, also for reads that lag; only a run of somebody else begins like any write."""
    now, names = world.now, given.model_fields_set
    agent.shown_before_until = now
    agent.past.clear()
    if given.never_trained:
        agent.training = Training(never_trained(now).steps, agent.training.documents)
    current = _pinned(agent.training.step(now), given, now, world)
    if names & {
        "trainingStatus",
        "trainingProgress",
        "trainingError",
        "lastScrapedAt",
        "totalPages",
        "totalChunks",
    }:
        agent.training = replace(agent.training, steps=(current,))
    if given.timeline is not None:
        agent.training = replace(agent.training, steps=_agent_steps(given.timeline, current, now, world))
    if given.documents is not None:
        agent.set_documents(tuple(_document(document, agent, now) for document in given.documents))
    agent.profile |= given.profile
    if given.isActive is not None:
        agent.deleted = not given.isActive
    if given.missing is not None:
        agent.missing = frozenset(given.missing)
    if given.raw is not None:
        agent.raw = given.raw
    if given.foreign_run:
        agent.remember(now)
        agent.retrain(now, world.options)


def set_entry(world: World, entry: Entry, given: SetEntry) -> None:
    """At once, also for reads that lag."""
    now, names = world.now, given.model_fields_set
    entry.past.clear()
    if "title" in names:
        entry.title = given.title
    if "rawText" in names:
        entry.raw_text = given.rawText
    if given.timeline is not None:
        entry.steps = tuple(_entry_step(step, entry, now) for step in given.timeline)
    elif names & {"status", "error", "rawText"}:
        status = given.status if "status" in names else entry.step(now).status
        step = EntryStep(status=status, error=given.error, quiet=True)
        entry.steps = (_entry_step(step, entry, now),)
    if given.updatedAt is not None:
        entry.updated_at_fixed = parse_time(given.updatedAt) - world.options.clock_skew
    if given.missing is not None:
        entry.missing = frozenset(given.missing)
    if given.raw is not None:
        entry.raw = given.raw


def seed(world: World, given: Seed) -> dict[str, Any]:
    """:returns: the new ids, in the order asked for; of bulk entries the first and the last"""
    agents = []
    for wanted in given.agents:
        agent = world.add_agent(wanted.name)
        set_agent(world, agent, wanted)
        agents.append(agent.id)
    entries = [_seed_entry(world, wanted).id for wanted in given.entries]
    seeded: dict[str, Any] = {"agents": agents, "entries": entries}
    if given.many is not None:
        seeded["many"] = _seed_many(world, given.many)
    return seeded


def _pinned(step: TrainingStep, given: SetAgent, now: float, world: World) -> TrainingStep:
    changes: dict[str, Any] = {"at": now}
    names = given.model_fields_set
    if "trainingStatus" in names:
        changes |= {"status": given.trainingStatus, "active": given.trainingStatus == "training"}
    if "trainingError" in names:
        changes["error"] = given.trainingError
    if "lastScrapedAt" in names:
        changes["scraped_at"] = _marker(given.lastScrapedAt, world)
    for name, attribute in (
        ("trainingProgress", "progress"),
        ("totalPages", "pages"),
        ("totalChunks", "chunks"),
    ):
        value = getattr(given, name)
        if value is not None:
            changes[attribute] = value / world.options.progress_scale if attribute == "progress" else value
    return replace(step, **changes)


def _agent_steps(
    wanted: list[AgentStep], current: TrainingStep, now: float, world: World
) -> tuple[TrainingStep, ...]:
    steps = []
    for step in wanted:
        active = step.trainingStatus == "training" if step.active is None else step.active
        scraped = current.scraped_at
        if "lastScrapedAt" in step.model_fields_set:
            scraped = _marker(step.lastScrapedAt, world)
        current = replace(
            current,
            at=now + step.after,
            status=step.trainingStatus,
            active=active,
            error=step.trainingError,
            scraped_at=scraped,
        )
        steps.append(current)
    return tuple(steps)


def _marker(text: str | None, world: World) -> float | None:
    return None if text is None else parse_time(text) - world.options.clock_skew


def _document(wanted: SetDocument, agent: Agent, now: float) -> Document:
    key = wanted.fileKey or f"agents/{agent.id}/{wanted.fileName}"
    settles_at: float | None = now
    if wanted.status == "processing":
        settles_at = None if wanted.after is None else now + wanted.after
    return Document(
        file_key=key,
        file_name=wanted.fileName,
        file_url=f"https://files.sandbox.invalid/{key}",
        file_type=wanted.fileType,
        file_size=wanted.fileSize,
        uploaded_at=now,
        settles_at=settles_at,
        outcome="completed" if wanted.status == "processing" else wanted.status,
    )


def _entry_step(wanted: EntryStep, entry: Entry, now: float) -> Step:
    knowledge = entry.raw_text if wanted.status in USABLE else None
    return Step(
        now + wanted.after, wanted.status, knowledge=knowledge, error=wanted.error, quiet=wanted.quiet
    )


def _seed_entry(world: World, wanted: SeedEntry) -> Entry:
    now = world.now
    kind = "file" if wanted.filename else "website" if wanted.url else "text"
    entry = world.add_entry(
        Entry(
            id=world.next_entry_id(),
            replica_uuid=wanted.replica_uuid or world.replica_uuid,
            kind=kind,  # type: ignore[arg-type]
            created_at=now,
            written_at=now,
            steps=(Step(now, "READY"),),
            url=wanted.url,
            filename=wanted.filename,
        )
    )
    set_entry(world, entry, wanted)
    if not wanted.model_fields_set & {"status", "timeline"}:
        entry.steps = (Step(now, "READY", knowledge=entry.raw_text, error=wanted.error),)
    return entry


def _seed_many(world: World, wanted: SeedMany) -> dict[str, int]:
    now, first = world.now, world.next_entry_id()
    replica_uuid = wanted.replica_uuid or world.replica_uuid
    entry_id = first
    for n in range(1, wanted.count + 1):
        if n > 1:
            entry_id = world.next_entry_id()
        text = wanted.text.replace("{n}", str(n))
        world.entries[entry_id] = Entry(
            id=entry_id,
            replica_uuid=replica_uuid,
            kind="text",
            created_at=now,
            written_at=now,
            steps=(Step(now, wanted.status, knowledge=text if wanted.status in USABLE else None),),
            title=wanted.title.replace("{n}", str(n)),
            raw_text=text,
        )
    return {"first": first, "last": entry_id, "count": wanted.count}
