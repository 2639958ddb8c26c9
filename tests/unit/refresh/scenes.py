"""Sights of both vendors' targets, and waits that are shown them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.result import RefreshResult
from airflow_provider.refresh.wait import Purpose, Receipt, Rules, Verdict, Wait
from airflow_provider.vendors.sendkit.agent import AgentTarget
from airflow_provider.vendors.sendkit.models import Agent
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation
from airflow_provider.vendors.sensay.values import Entry

AGENT_ID = "664a1b2c3d4e5f6a7b8c9d0e"
REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
KB, TRAINING = Generation.KNOWLEDGE_BASE, Generation.TRAINING

#: The vendor's times; only their order means anything.
OLD, NEW, NEWER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"

GRACE = 120.0


def agent(
    status: str | None = "completed",
    scraped: str | None = OLD,
    *,
    processing: Iterable[str] = (),
    failed: Iterable[str] = (),
    indexed: Iterable[str] = (),
    error: str | None = None,
    **members: Any,
) -> Observation:
    """What a GET on an agent tells, from the vendor's JSON on."""
    documents = [
        {"fileName": name, "fileKey": name, "status": state}
        for state, names in (("processing", processing), ("failed", failed), ("completed", indexed))
        for name in names
    ]
    answer = {
        "_id": AGENT_ID,
        "trainingStatus": status,
        "trainingError": error,
        "uploadedDocuments": documents,
        "knowledgeBase": None if scraped is None else {"lastScrapedAt": scraped, "totalPages": 3},
        **members,
    }
    return AgentTarget(AGENT_ID).observe(Agent.model_validate(answer))


def blind_agent() -> Observation:
    """An answer without any member in which an end could be read."""
    return AgentTarget(AGENT_ID).observe(Agent.model_validate({"_id": AGENT_ID, "name": "Sales"}))


def entry(
    status: str | None = "READY",
    updated: str | None = OLD,
    *,
    error: str | None = None,
    kind: str = "text",
    generation: Generation = KB,
    ready: tuple[str, ...] = (),
) -> Observation:
    """What a GET on a knowledge-base entry tells."""
    answer = Entry(id=7, status=status, updated_at=updated, type=kind, error_message=error)
    return EntryTarget(REPLICA, 7, generation, ready).observe(answer)


def own(baseline: Observation | None, receipt: Receipt = Receipt.PLAIN, **fields: Any) -> Wait:
    """A wait for our own run, begun at 0."""
    return waiting(Purpose.OWN, baseline=baseline, receipt=receipt, **fields)


def waiting(purpose: Purpose, **fields: Any) -> Wait:
    """A wait begun at 0 that gives up after an hour."""
    usual = {
        "started": 0.0,
        "deadline": 3600.0,
        "start_grace": GRACE,
        "poll_interval": 30.0,
    }
    return Wait(purpose=purpose, **{**usual, **fields})


def shown(wait: Wait, rules: Rules, *looks: tuple[float, Observation]) -> list[Verdict]:
    """Show a wait one sight after another; return what it says to each, up to the first that ends it."""
    verdicts = []
    for now, seen in looks:
        wait, verdict = waits.observe(wait, rules, seen, now)
        verdicts.append(verdict)
        if verdict is not Verdict.WAIT:
            break
    return verdicts


def proven(wait: Wait, rules: Rules, *looks: tuple[float, Observation]) -> str | None:
    """The rule by which what was shown belongs to our refresh, if any does."""
    for now, seen in looks:
        wait = waits.take_in(wait, rules, seen, now)
    return wait.evidence.proven


def result_json(**members: Any) -> dict[str, Any]:
    """A result as it is stored."""
    return RefreshResult.of(**members).to_json()


def throughout(seen: Observation, until: float, *, begin: float = 0.0, step: float = 10.0) -> Any:
    """The same sight again and again."""
    looks, now = [], begin
    while now <= until:
        looks.append((now, seen))
        now += step
    return looks


def named(value: object) -> str:
    """Name a parameter alike in every process: tests that run side by side are told apart by it."""
    return type(value).__name__ if type(value).__str__ is object.__str__ else str(value)
