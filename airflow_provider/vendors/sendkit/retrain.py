"""A paid retrain of an agent: 10 credits, sent once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import fingerprint
from airflow_provider.refresh.submit import WriteReceipt
from airflow_provider.refresh.wait import Receipt, Rules
from airflow_provider.texts import word
from airflow_provider.vendors.sendkit import endpoints
from airflow_provider.vendors.sendkit.agent import RETRAIN_CREDITS, RULES, AgentTarget

if TYPE_CHECKING:
    from airflow_provider.http.call import Call

COST = Decimal(RETRAIN_CREDITS)


@dataclass(frozen=True, kw_only=True)
class Retrain:
    """``POST /v1/agents/{agentId}/retrain``; it takes no body."""

    target: AgentTarget
    body: str = fingerprint(None)
    cost: Decimal = COST
    repeatable: bool = False
    answer_needed: bool = False
    generation: str | None = None
    ready_statuses: tuple[str, ...] = ()
    rules: Rules = RULES

    def write(self, baseline: Observation) -> Call[WriteReceipt]:
        """Describe the POST."""
        return endpoints.retrain(self.target.agent_id).then(_receipt)

    def refusal(self, answer: Any) -> str | None:
        """Any agent may be retrained."""
        return None

    def unchanged(self, answer: Any, seen: Observation) -> bool:
        """Nothing tells whether its sources have changed; the caller's ``version`` does."""
        return False

    def accepts(self, answer: Any, seen: Observation) -> bool:
        """An unproven ``completed`` may be accepted, an unproven ``failed`` never is."""
        return seen.phase is Phase.SUCCEEDED


def _receipt(said: Any) -> WriteReceipt:
    status = said.agent.training_status
    active = status is not None and str(status) in ("pending", "training")
    return WriteReceipt(
        receipt=Receipt.ACTIVE if active else Receipt.PLAIN,
        charged=said.credits_charged,
        jobs=tuple(word(f"{job.type or 'job'}:{job.id}", 100) for job in said.jobs if job.id)[:10],
    )
