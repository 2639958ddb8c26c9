"""Looking at a knowledge-base entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider.arguments import Checker
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.refresh.wait import Wait
from airflow_provider.tasks.failures import refuse
from airflow_provider.tasks.sensor import Lookout, first_wait, read_since
from airflow_provider.tasks.watch import Watch
from airflow_provider.vendors.sensay.entry import RULES, EntryTarget, Generation, ready_argument

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor


@dataclass(kw_only=True)
class EntryLookout(Lookout):
    """A sensor on one entry."""

    conn_id: str
    entry: EntryTarget

    def trigger(self, wait: Wait, not_before: float) -> BaseTrigger:
        """Build the trigger."""
        from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger

        return SensayKnowledgeBaseEntryTrigger.of(self.conn_id, self.entry, wait, None, not_before)


def entry_lookout(sensor: SensayKnowledgeBaseEntryReadySensor, context: Context) -> EntryLookout:
    """Check the sensor's arguments; nothing is sent but, with ``auto``, the question for the generation."""
    check = Checker()
    replica_uuid = check.uuid("replica_uuid", sensor.replica_uuid)
    entry_id = check.entry_id("entry_id", sensor.entry_id)
    start_grace = check.seconds("start_grace", sensor.start_grace)
    max_read_failures = check.count("max_read_failures", sensor.max_read_failures)
    since = read_since(check, sensor.since)
    refuse(type(sensor).__name__, check.problems)
    hook = SensayHook(sensor.sensay_conn_id)
    spoken = Generation(hook.generation((since.result or {}).get("generation")))
    ready = ready_argument(check.problems, sensor.ready_statuses, spoken)
    refuse(type(sensor).__name__, check.problems)
    if not ready and since.result is not None:
        proof = since.result.get("proof")
        ready = tuple(proof.get("ready_statuses", ())) if isinstance(proof, dict) else ()
    target = EntryTarget(replica_uuid, entry_id, spoken, ready)
    return EntryLookout(
        sensor=sensor,
        context=context,
        target=target,
        watch=Watch(hook.get_conn, target, RULES, sensor.log),
        wait=first_wait(
            sensor,
            since=since,
            target=target,
            start_grace=start_grace,
            max_read_failures=max_read_failures,
            ready_statuses=ready,
            generation=spoken.value,
        ),
        log=sensor.log,
        since=since,
        generation=spoken.value,
        conn_id=sensor.sensay_conn_id,
        entry=target,
    )
