"""One world: a SendKit workspace, a Sensay organisation, their clock and their credits."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.agents import Agent, Document, Training, never_trained, trained
from airflow_provider.sandbox.state.clock import Clock
from airflow_provider.sandbox.state.entries import Entry, finished
from airflow_provider.sandbox.state.ledger import Charge, Ledger
from airflow_provider.sandbox.state.people import Replica, User
from airflow_provider.sandbox.state.storage import Upload

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The same in every sandbox, so that a connection can be written down once."""

    workspace_key: str = "sk_sandbox_0123456789abcdef"
    platform_key: str = "sk_user_sandbox_0123456789abcdef"
    workspace_id: str = "665a1b2c3d4e5f6a7b8c9d0e"
    organization_secret: str = "sandbox-organization-secret"


class World:
    """
    Everything there is at both vendors; built new by a reset.

    :param options: read at every request; changed by :meth:`set_options` only
    """

    agent_id = "664a1b2c3d4e5f6a7b8c9d0e"
    replica_uuid = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
    entry_id = 12345
    user_id = "sandbox-user"
    text = "Our company was founded in 2020. We specialize in AI-powered customer service solutions."

    def __init__(self, options: Options) -> None:
        self.options = options
        self.credentials = Credentials()
        self.clock = Clock(options.time_scale)
        self.ledger = Ledger(Decimal(str(options.credits)))
        self.agents: dict[str, Agent] = {}
        self.entries: dict[int, Entry] = {}
        self.replicas: dict[str, Replica] = {}
        self.users: dict[str, User] = {}
        self.uploads: dict[str, Upload] = {}
        self.chat_misses = options.chat_misses
        self.conversations = 0
        self._refunds: list[tuple[float, Charge]] = []
        self._entry_ids = itertools.count(self.entry_id)
        self._numbers = itertools.count(1)
        self._furnish()

    @property
    def now(self) -> float:
        return self.clock.now()

    def set_options(self, changes: dict[str, object]) -> None:
        """
        Change options; what has begun goes on as it began.

        :raises pydantic.ValidationError: for an unknown name or value; nothing is changed then
        """
        options = self.options.changed(changes)
        if "time_scale" in changes:
            self.clock.set_scale(options.time_scale)
        if "credits" in changes:
            self.ledger.left = Decimal(str(options.credits))
        if "chat_misses" in changes:
            self.chat_misses = options.chat_misses
        self.options = options

    # --- SendKit ---------------------------------------------------------------------------------------------

    def add_agent(self, name: str, *, training: Training | None = None, **profile: Any) -> Agent:
        now = self.now
        first = not any(True for _ in self.active_agents())
        agent_id = (
            self.agent_id if self.agent_id not in self.agents else f"664a1b2c3d4e{next(self._numbers):012x}"
        )
        agent = Agent(
            id=agent_id,
            profile=_profile(name, self.credentials) | profile,
            created_at=now,
            updated_at=now,
            training=training or never_trained(now),
            is_default=first,
        )
        agent.domain = str(agent.profile["companyInfo"].get("domain", ""))
        self.agents[agent_id] = agent
        return agent

    def find_agent(self, agent_id: str, at: float) -> Agent | None:
        """The agent as it was at that time; a deleted one only under ``deleted_agents_readable``."""
        known = self.agents.get(agent_id)
        agent = known and known.as_of(at)
        if agent is None or (agent.deleted and not self.options.deleted_agents_readable):
            return None
        return agent

    def active_agents(self) -> Iterator[Agent]:
        return (agent for agent in self.agents.values() if not agent.deleted)

    def charge(self, agent: Agent, credits: float, reason: str, request_id: str) -> None:
        self.ledger.charge(Charge(self.now, agent.id, Decimal(str(credits)), reason, request_id))

    def refund_later(self, at: float, charge: Charge) -> None:
        refund = Charge(at, charge.agent, -charge.credits, "refund", charge.request_id)
        self._refunds.append((at, refund))

    def settle(self) -> None:
        """Book what has fallen due since the last look: refunds of failed training."""
        now = self.now
        for at, refund in [item for item in self._refunds if item[0] <= now]:
            self.ledger.charge(refund)
            self._refunds.remove((at, refund))

    # --- Sensay ----------------------------------------------------------------------------------------------

    def next_entry_id(self) -> int:
        return next(self._entry_ids)

    def add_entry(self, entry: Entry) -> Entry:
        self.entries[entry.id] = entry
        return entry

    def live_entries(self, replica_uuid: str | None = None, at: float | None = None) -> list[Entry]:
        """Oldest first, as of now or of then; on their way out they count only under ``deleted_visible``."""
        at = self.now if at is None else at
        return [
            entry
            for known in self.entries.values()
            if (replica_uuid is None or known.replica_uuid == replica_uuid)
            and (entry := known.as_of(at)) is not None
            and self._is_live(entry, at)
        ]

    def find_entry(self, entry_id: int, at: float | None = None) -> Entry | None:
        """As of now, or of then."""
        at = self.now if at is None else at
        known = self.entries.get(entry_id)
        entry = known and known.as_of(at)
        return entry if entry is not None and self._is_live(entry, at) else None

    def _is_live(self, entry: Entry, at: float) -> bool:
        return entry.gone_at is None or (self.options.deleted_visible and at < entry.gone_at)

    # --- both ------------------------------------------------------------------------------------------------

    def new_key(self) -> str:
        """Unique in this world and the same in every run of it."""
        return uuid.UUID(int=next(self._numbers) << 80, version=4).hex

    def new_uuid(self) -> str:
        return str(uuid.UUID(self.new_key()))

    def _furnish(self) -> None:
        yesterday = self.now - DAY
        faq = Document(
            file_key=f"agents/{self.agent_id}/faq.pdf",
            file_name="faq.pdf",
            file_url=f"https://files.sandbox.invalid/agents/{self.agent_id}/faq.pdf",
            file_type="pdf",
            file_size=42_000,
            uploaded_at=yesterday,
            settles_at=yesterday,
            outcome="completed",
        )
        agent = self.add_agent("Sales Agent", training=trained(yesterday, (faq,)))
        agent.created_at = agent.updated_at = yesterday
        self.users[self.user_id] = User(self.user_id, "user@sandbox.invalid", "Sandbox User")
        self.replicas[self.replica_uuid] = Replica(
            self.replica_uuid, _replica_profile(self.user_id), yesterday
        )
        self.add_entry(
            Entry(
                id=self.next_entry_id(),
                replica_uuid=self.replica_uuid,
                kind="text",
                created_at=yesterday,
                written_at=yesterday,
                steps=finished(yesterday, self.text),
                title="Company information",
                raw_text=self.text,
            )
        )


def _profile(name: str, credentials: Credentials) -> dict[str, Any]:
    """The fields of https://docs.sendkit.ai/api-reference/get-v1-agents-agentid that training does not touch."""
    return {
        "userId": "664a1b2c3d4e5f6a7b8c9d01",
        "workspaceId": credentials.workspace_id,
        "name": name,
        "companyInfo": {
            "name": "Acme",
            "domain": "acme.example",
            "industry": "Software",
            "description": "Makes everything",
        },
        "persona": {
            "tone": "professional",
            "role": "Sales representative",
            "communicationStyle": "concise",
            "customInstructions": "",
        },
        "autonomousMode": {
            "enabled": False,
            "confidenceThreshold": 0.8,
            "maxAutoRepliesPerLead": 3,
            "onlyPositiveReplies": True,
            "skipOOO": True,
            "workingHours": {"enabled": False, "startHour": 9, "endHour": 17, "timezone": "UTC"},
            "escalationEmail": "team@acme.example",
            "cooldownMinutes": 60,
            "mode": "ai",
            "template": "",
        },
        "followupSettings": {
            "enabled": False,
            "maxFollowups": 2,
            "intervalDays": 3,
            "mode": "ai",
            "templates": [],
        },
        "usage": {},
    }


def _replica_profile(owner: str) -> dict[str, Any]:
    return {
        "name": "Support Replica",
        "shortDescription": "Answers customers",
        "greeting": "What would you like to know?",
        "type": "character",
        "ownerID": owner,
        "private": False,
        "whitelistEmails": [],
        "slug": "support-replica",
        "tags": [],
        "suggestedQuestions": [],
        "llm": {"model": "gpt-4o"},
    }
