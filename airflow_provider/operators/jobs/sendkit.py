"""SendKit's part of the road: a paid retrain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from airflow_provider.arguments import Checker
from airflow_provider.errors import (
    AgentKnowledgeError,
    BudgetExceededError,
    InvalidArgumentError,
)
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import Record, fingerprint
from airflow_provider.refresh.submit import Decision, Policy
from airflow_provider.refresh.wait import Receipt, Wait
from airflow_provider.tasks import variables as memory
from airflow_provider.tasks.failures import judge_documents, refuse
from airflow_provider.tasks.job import Job, Written, options
from airflow_provider.tasks.watch import Watch
from airflow_provider.texts import word
from airflow_provider.vendors.sendkit.agent import RETRAIN_CREDITS, RULES, AgentTarget

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

COST = Decimal(RETRAIN_CREDITS)


@dataclass(kw_only=True)
class RetrainJob(Job):
    """``POST /v1/agents/{agentId}/retrain``: 10 credits, sent once."""

    hook: SendKitHook
    agent_id: str
    on_unknown: str | None
    on_failed_documents: str
    max_credits: Decimal | None
    max_credits_per_day: Decimal | None
    today: str

    def policy(self, record: Record | None, seen: Observation) -> Policy:
        """Ask the memory of past runs only where the caller names versions."""
        version = self.options.version
        return Policy(
            repeatable=False,
            cost=COST,
            start_grace=self.options.start_grace,
            waits=self.options.waits,
            on_unknown=self.on_unknown,
            max_credits=self.max_credits,
            version=version,
            delivered=memory.delivered_version(self.target) if version is not None else None,
            force=self.options.force,
        )

    def write(self) -> Written:
        """Send the POST."""
        receipt = self.hook.retrain(self.agent_id)
        status = receipt.agent.training_status
        active = status is not None and str(status) in ("pending", "training")
        return Written(
            receipt=Receipt.ACTIVE if active else Receipt.PLAIN,
            # An accepted POST is paid, whether its answer says so or not.
            charged=COST if receipt.credits_charged is None else receipt.credits_charged,
            jobs=tuple(word(f"{job.type or 'job'}:{job.id}", 100) for job in receipt.jobs if job.id)[:10],
        )

    def trigger(self, wait: Wait, record: Record | None, not_before: float) -> BaseTrigger:
        """Build the trigger."""
        from airflow_provider.triggers.sendkit import SendKitTrainingTrigger

        return SendKitTrainingTrigger.of(self.hook.sendkit_conn_id, self.agent_id, wait, record, not_before)

    def refusal(self, decision: Decision) -> AgentKnowledgeError:
        """Say that 10 credits would buy an end that nobody can see."""
        return InvalidArgumentError(
            f"Agent {self.agent_id}: {decision.reason} (trainingStatus, trainingProgress, trainingError, "
            "uploadedDocuments, knowledgeBase), so a retrain would cost 10 credits and its end could not be seen. "
            "Nothing was sent. Set wait_for_completion=False to retrain without waiting."
        )

    def afford(self) -> None:
        """
        Keep to the day's ceiling.

        :raises BudgetExceededError: the day's credits would pass it
        """
        if self.max_credits_per_day is None:
            return
        spent = memory.spent_on(self.target, self.today)
        if spent + COST > self.max_credits_per_day:
            raise BudgetExceededError(
                f"Agent {self.agent_id}: {spent} credits were spent today (UTC), {COST} more would pass "
                f"max_credits_per_day={self.max_credits_per_day}. Nothing was sent. Run again tomorrow, or raise it."
            )

    def reserve(self) -> None:
        """Note the credits before they are spent: a task that dies in between counts as having paid."""
        self.afford()
        if self.max_credits_per_day is not None:
            memory.note_spent(self.target, self.today, COST)

    def release(self) -> None:
        """Give the day its credits back."""
        if self.max_credits_per_day is not None:
            memory.note_spent(self.target, self.today, -COST)

    def ended_well(self, seen: Observation) -> AgentKnowledgeError | None:
        """Apply ``on_failed_documents``."""
        return judge_documents(self.agent_id, seen, self.on_failed_documents, self.log)

    def accepts(self, seen: Observation) -> bool:
        """An unproven ``completed`` may be accepted, an unproven ``failed`` never is."""
        return seen.phase is Phase.SUCCEEDED


def retrain_job(operator: SendKitRetrainAgentOperator, context: Context) -> RetrainJob:
    """Check the operator's arguments and connection; nothing is sent."""
    check = Checker()
    agent_id = check.needed("agent_id", operator.agent_id)
    common = options(operator, check, context)
    words = {
        "on_running": check.word("on_running", operator.on_running, ("adopt", "wait", "fail", "skip")),
        "on_failed_documents": check.word(
            "on_failed_documents", operator.on_failed_documents, ("fail", "warn", "ignore")
        ),
    }
    on_unknown = operator.on_unknown
    if on_unknown is not None:
        on_unknown = check.word("on_unknown", on_unknown, ("submit", "fail"))
    max_credits = check.credits("max_credits", operator.max_credits)
    max_credits_per_day = check.credits("max_credits_per_day", operator.max_credits_per_day)
    dry_run = check.flag("dry_run", operator.plan_only)
    refuse(type(operator).__name__, check.problems)
    target = AgentTarget(agent_id)
    hook = SendKitHook(operator.sendkit_conn_id)
    return RetrainJob(
        target=target,
        rules=RULES,
        watch=Watch(hook.get_conn, target, RULES, operator.log),
        options=common,
        body=fingerprint(None),
        log=operator.log,
        dry_run=dry_run,
        on_running=words["on_running"],
        price=f", {COST} credits",
        hook=hook,
        agent_id=target.agent_id,
        on_unknown=on_unknown,
        on_failed_documents=words["on_failed_documents"],
        max_credits=max_credits,
        max_credits_per_day=max_credits_per_day,
        today=datetime.now(UTC).date().isoformat(),
    )
