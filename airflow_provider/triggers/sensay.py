"""Waiting for a Sensay knowledge-base entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.triggers.base import RefreshTrigger

if TYPE_CHECKING:
    from airflow_provider.hooks.sensay import SensayHook
    from airflow_provider.refresh.record import Record
    from airflow_provider.refresh.sensay import EntryTarget, SensayRules
    from airflow_provider.refresh.wait import Wait


class SensayKnowledgeBaseEntryTrigger(RefreshTrigger):
    """
    Wait for an entry to be ready.

    :param replica_uuid: the replica
    :param entry_id: the entry
    :param generation: the API generation, found by the worker
    :param ready_statuses: which statuses are success; empty for the generation's default
    """

    def __init__(
        self,
        *,
        replica_uuid: str,
        entry_id: int,
        generation: str,
        ready_statuses: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.replica_uuid = replica_uuid
        self.entry_id = entry_id
        self.generation = generation
        self.ready_statuses = list(ready_statuses or ())

    @classmethod
    def of(
        cls, conn_id: str, target: EntryTarget, wait: Wait, record: Record | None, not_before: float
    ) -> SensayKnowledgeBaseEntryTrigger:
        """Build a trigger from typed values."""
        from airflow_provider.refresh import codec

        return cls(
            conn_id=conn_id,
            replica_uuid=target.replica_uuid,
            entry_id=target.entry_id,
            generation=target.generation.value,
            ready_statuses=list(target.ready_statuses),
            wait=codec.dump(wait),
            record=record.to_json() if record else None,
            not_before=not_before,
        )

    def _own_arguments(self) -> dict[str, Any]:
        return {
            "replica_uuid": self.replica_uuid,
            "entry_id": self.entry_id,
            "generation": self.generation,
            "ready_statuses": self.ready_statuses,
        }

    def _target(self) -> EntryTarget:
        from airflow_provider.refresh.sensay import EntryTarget, Generation

        return EntryTarget(
            self.replica_uuid, self.entry_id, Generation(self.generation), tuple(self.ready_statuses)
        )

    def _rules(self) -> SensayRules:
        from airflow_provider.refresh.sensay import RULES

        return RULES

    def _hook(self) -> SensayHook:
        from airflow_provider.hooks.sensay import SensayHook

        return SensayHook(self.conn_id)
