"""Sensay's part of the road: an idempotent write."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.errors import AgentKnowledgeError, InvalidArgumentError, NotFoundError, RefreshError
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import Record, fingerprint
from airflow_provider.refresh.submit import Decision, Policy
from airflow_provider.refresh.wait import Receipt, Wait
from airflow_provider.tasks import variables as memory
from airflow_provider.tasks.failures import refuse
from airflow_provider.tasks.job import Job, Written, options
from airflow_provider.tasks.watch import Watch
from airflow_provider.vendors.sensay.entry import (
    RULES,
    EntryTarget,
    Generation,
    reads_back,
    ready_argument,
    usable,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.operators.sensay import (
        SensayDeleteKnowledgeBaseEntryOperator,
        SensayUpdateKnowledgeBaseEntryOperator,
    )


@dataclass(kw_only=True)
class EntryJob(Job):
    """What creating and updating an entry have in common: the wait."""

    hook: SensayHook
    replica_uuid: str
    spoken: Generation

    def trigger(self, wait: Wait, record: Record | None, not_before: float) -> BaseTrigger:
        """Build the trigger."""
        from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger

        assert isinstance(self.target, EntryTarget)
        return SensayKnowledgeBaseEntryTrigger.of(
            self.hook.sensay_conn_id, self.target, wait, record, not_before
        )

    def refusal(self, decision: Decision) -> AgentKnowledgeError:
        """Say that the decision is none that can come up here: an entry always shows a status member."""
        return RefreshError(f"{self.target.key}: {decision.action} ({decision.reason}). Nothing was sent.")


@dataclass(kw_only=True)
class UpdateJob(EntryJob):
    """``PATCH …/knowledge-base/{id}``, or the older generation's ``PUT …/training/{id}``."""

    entry_id: int
    fields: dict[str, Any]

    def observe(self) -> Observation:
        """
        Look before the write.

        :raises NotFoundError: no such entry
        :raises InvalidArgumentError: the entry belongs to another replica
        """
        seen = super().observe()
        owner = self.watch.answer.replica_uuid
        if owner is not None and str(owner).lower() != self.replica_uuid:
            raise InvalidArgumentError(
                f"Entry {self.entry_id} belongs to replica {owner}, not to {self.replica_uuid}. Nothing was sent."
            )
        return seen

    def policy(self, record: Record | None, seen: Observation) -> Policy:
        """Compare what is there with what would be sent."""
        version = self.options.version
        entry = self.watch.answer
        shown = {"raw_text": entry.raw_text, "processed_text": entry.processed_text, "title": entry.title}
        comparable = set(self.fields) <= set(shown) and set(self.fields) != {"title"}
        same = comparable and all(shown[name] == value for name, value in self.fields.items())
        return Policy(
            repeatable=True,
            cost=Decimal(0),
            start_grace=self.options.start_grace,
            waits=self.options.waits,
            version=version,
            delivered=memory.delivered_version(self.target) if version is not None else None,
            unchanged=same and usable(seen),
            force=self.options.force,
        )

    def write(self) -> Written:
        """Send the write; it may be repeated."""
        if self.spoken is Generation.TRAINING:
            self.hook.training_update_entry(self.replica_uuid, self.entry_id, **self.fields)
            vector = "vector_entry_id" in self.fields
            return Written(receipt=Receipt.VECTOR if vector else Receipt.PLAIN)
        self.hook.update_entry(self.replica_uuid, self.entry_id, **self.fields)
        return Written()

    def accepts(self, seen: Observation) -> bool:
        """Accept an unproven end only if the text reads back as it was sent."""
        if seen.phase is not Phase.SUCCEEDED:
            return False
        self.watch.observe()
        entry = self.watch.answer
        for name, shown in (("raw_text", entry.raw_text), ("processed_text", entry.processed_text)):
            if name in self.fields:
                return reads_back(self.fields[name], shown)
        return False


def update_job(
    operator: SensayUpdateKnowledgeBaseEntryOperator, context: Context, generation: str | None
) -> UpdateJob:
    """Check the operator's arguments, against the connection's generation too; nothing is written."""
    check = Checker()
    replica_uuid = check.uuid("replica_uuid", operator.replica_uuid)
    entry_id = check.entry_id("entry_id", operator.entry_id)
    common = options(operator, check, context)
    fields = {
        "raw_text": check.text("raw_text", operator.raw_text),
        "processed_text": check.text("processed_text", operator.processed_text),
        "vector_entry_id": check.text("vector_entry_id", operator.vector_entry_id),
        "metadata": operator.metadata,
        "title": check.text("title", operator.title),
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if operator.metadata is not None and not isinstance(operator.metadata, dict):
        check.problems.append(f"metadata must be a dict, got {type(operator.metadata).__name__}")
    if not check.problems and not {"raw_text", "processed_text", "vector_entry_id"} & set(given):
        check.problems.append("give at least one of raw_text, processed_text, vector_entry_id")
    refuse(type(operator).__name__, check.problems)
    hook = SensayHook(operator.sensay_conn_id)
    spoken = Generation(hook.generation(generation))
    check_generation(check, spoken, given)
    ready = ready_argument(check.problems, operator.ready_statuses, spoken)
    refuse(type(operator).__name__, check.problems)
    if "metadata" in given and "vector_entry_id" not in given:
        operator.log.warning("metadata is sent, but the vendor uses it only beside vector_entry_id")
    target = EntryTarget(replica_uuid, entry_id, spoken, ready)
    return UpdateJob(
        target=target,
        rules=RULES,
        watch=Watch(hook.get_conn, target, RULES, operator.log),
        options=common,
        body=fingerprint(given),
        log=operator.log,
        generation=spoken.value,
        ready_statuses=ready,
        hook=hook,
        replica_uuid=replica_uuid,
        spoken=spoken,
        entry_id=entry_id,
        fields=given,
    )


def check_generation(check: Checker, spoken: Generation, given: dict[str, Any]) -> None:
    """Note every field that the connection's generation would drop."""
    dropped = (
        {"title"} if spoken is Generation.TRAINING else {"processed_text", "vector_entry_id", "metadata"}
    ) & set(given)
    for name in sorted(dropped):
        check.problems.append(
            f"{name} would be dropped: the connection speaks generation '{spoken}' (its extra 'api')"
        )
    if spoken is Generation.KNOWLEDGE_BASE and "raw_text" not in given and not dropped:
        check.problems.append("raw_text is missing")


def delete_entry(operator: SensayDeleteKnowledgeBaseEntryOperator) -> dict[str, Any]:
    """Delete an entry; one that is not there is deleted already."""
    check = Checker()
    replica_uuid = check.uuid("replica_uuid", operator.replica_uuid)
    entry_id = check.entry_id("entry_id", operator.entry_id)
    refuse(type(operator).__name__, check.problems)
    hook = SensayHook(operator.sensay_conn_id)
    spoken = Generation(hook.generation())
    target = EntryTarget(replica_uuid, entry_id, spoken)
    try:
        if spoken is Generation.TRAINING:
            # The older generation deletes any entry of the organisation: look whose it is first.
            owner = hook.training_get_entry(entry_id).replica_uuid
            if owner is not None and owner.lower() != replica_uuid:
                raise InvalidArgumentError(
                    f"Entry {entry_id} belongs to replica {owner}, not to {replica_uuid}. Nothing was deleted."
                )
            deletion = hook.training_delete_entry(entry_id)
        else:
            deletion = hook.delete_entry(replica_uuid, entry_id)
        outcome = "deleted" if deletion.value == "deleted" else "delete_accepted"
    except NotFoundError:
        outcome = "absent"
    operator.log.info("%s: %s", target.key, outcome)
    return {
        "vendor": target.vendor,
        "target": target.key,
        "outcome": outcome,
        "entry_id": entry_id,
        "generation": spoken.value,
    }
