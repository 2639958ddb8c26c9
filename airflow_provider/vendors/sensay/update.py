"""An idempotent write of an entry, in both generations: ``PATCH …/knowledge-base/{id}``, ``PUT …/training/{id}``."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import fingerprint
from airflow_provider.refresh.submit import WriteReceipt
from airflow_provider.refresh.wait import Receipt, Rules
from airflow_provider.vendors.sensay import endpoints, training_endpoints
from airflow_provider.vendors.sensay.entry import RULES, EntryTarget, Generation, reads_back, usable

if TYPE_CHECKING:
    from airflow_provider.http.call import Call


@dataclass(frozen=True, kw_only=True)
class Update:
    """
    New content for an entry; the same twice is the same once.

    :param fields: what is sent, by our names
    """

    target: EntryTarget
    fields: dict[str, Any]
    cost: Decimal = Decimal(0)
    repeatable: bool = True
    answer_needed: bool = False
    rules: Rules = RULES

    @property
    def body(self) -> str:
        """Hash of what is sent."""
        return fingerprint(self.fields)

    @property
    def generation(self) -> str:
        """The API that is spoken."""
        return self.target.generation.value

    @property
    def ready_statuses(self) -> tuple[str, ...]:
        """The caller's choice."""
        return self.target.ready_statuses

    def write(self, baseline: Observation) -> Call[WriteReceipt]:
        """Describe the write."""
        target = self.target
        if target.generation is Generation.TRAINING:
            receipt = Receipt.VECTOR if "vector_entry_id" in self.fields else Receipt.PLAIN
            put = training_endpoints.update_entry(target.replica_uuid, target.entry_id, **self.fields)
            return put.then(lambda _: WriteReceipt(receipt=receipt))
        patch = endpoints.update_entry(target.replica_uuid, target.entry_id, **self.fields)
        return patch.then(lambda _: WriteReceipt())

    def refusal(self, answer: Any) -> str | None:
        """An entry of another replica is nobody's to write to; the older generation would let us."""
        owner, replica = answer.replica_uuid, self.target.replica_uuid
        if owner is None or str(owner).lower() == replica:
            return None
        return f"Entry {self.target.entry_id} belongs to replica {owner}, not to {replica}."

    def unchanged(self, answer: Any, seen: Observation) -> bool:
        """All that would be sent can be read, and reads so already; a title alone does not count."""
        shown = {"raw_text": answer.raw_text, "processed_text": answer.processed_text, "title": answer.title}
        comparable = set(self.fields) <= set(shown) and set(self.fields) != {"title"}
        return comparable and usable(seen) and all(shown[name] == self.fields[name] for name in self.fields)

    def accepts(self, answer: Any, seen: Observation) -> bool:
        """Accept an unproven end only if the text reads back as it was sent."""
        if seen.phase is not Phase.SUCCEEDED:
            return False
        for name, shown in (("raw_text", answer.raw_text), ("processed_text", answer.processed_text)):
            if name in self.fields:
                return reads_back(self.fields[name], shown)
        return False


def dropped(fields: dict[str, Any], generation: Generation) -> list[str]:
    """Say what a generation would drop, or lacks."""
    lost = (
        {"title"} if generation is Generation.TRAINING else {"processed_text", "vector_entry_id", "metadata"}
    )
    problems = [
        f"{name} would be dropped: the connection speaks generation '{generation}' (its extra 'api')"
        for name in sorted(lost & set(fields))
    ]
    if generation is Generation.KNOWLEDGE_BASE and "raw_text" not in fields and not problems:
        problems.append("raw_text is missing")
    return problems
