"""Sensor for Sensay knowledge-base entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Unpack

from airflow_provider.sensors.base import RefreshSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.keywords import SensorKwargs
    from airflow_provider.tasks.sensor import SensorTask


class SensayKnowledgeBaseEntryReadySensor(RefreshSensor):
    """
    Wait until a knowledge-base entry is ready; free.

    An entry that waits for its text or its upload throughout ``start_grace`` is an error: it will not move
    by itself.

    :param replica_uuid: the replica
    :param entry_id: the entry
    :param sensay_conn_id: the connection
    :param since: None, an update's or create's output, or a time that ``updatedAt`` must pass
    :param ready_statuses: which statuses are success: ``READY``, ``VECTOR_CREATED`` ("ready to use", current
        generation only). Default: both, or ``READY`` in the older generation

    :raises RefreshFailedForGoodError: the vendor could not process the entry
    :raises SensorTimeoutError: not ready within ``timeout``

    https://docs.sensay.io/topic/topic-getting-deeper-knowledge-base
    """

    template_fields = (
        "sensay_conn_id",
        "replica_uuid",
        "entry_id",
        "ready_statuses",
        *RefreshSensor._common_template_fields,
    )
    default_map_index_template = "entry {{ task.entry_id }}"
    ui_color = "#e8ecf8"

    def __init__(
        self,
        *,
        replica_uuid: str,
        entry_id: int | str,
        ready_statuses: Sequence[str] | None = None,
        sensay_conn_id: str = "sensay_default",
        poke_interval: timedelta | float = 10.0,
        start_grace: float | str = 60.0,
        **kwargs: Unpack[SensorKwargs],
    ) -> None:
        super().__init__(poke_interval=poke_interval, start_grace=start_grace, **kwargs)
        self.replica_uuid = replica_uuid
        self.entry_id = entry_id
        self.ready_statuses = ready_statuses
        self.sensay_conn_id = sensay_conn_id

    def _task(self, context: Context, generation: str | None = None) -> SensorTask:
        from airflow_provider.arguments import Checker
        from airflow_provider.hooks.sensay import SensayHook
        from airflow_provider.tasks.failures import refuse
        from airflow_provider.tasks.sensor import SensorTask, waiting
        from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger
        from airflow_provider.vendors.sensay.entry import RULES, EntryTarget, Generation, ready_argument

        check = Checker()
        replica_uuid = check.uuid("replica_uuid", self.replica_uuid)
        entry_id = check.entry_id("entry_id", self.entry_id)
        arguments = waiting(self, check)
        refuse(type(self).__name__, check.problems)
        hook = SensayHook(self.sensay_conn_id)
        spoken = Generation(hook.generation(generation or arguments.generation))
        ready = ready_argument(check.problems, self.ready_statuses, spoken) or arguments.ready_statuses
        refuse(type(self).__name__, check.problems)
        target = EntryTarget(replica_uuid, entry_id, spoken, ready)
        return SensorTask(
            sensor=self,
            context=context,
            target=target,
            rules=RULES,
            arguments=arguments,
            connect=hook.get_conn,
            make_trigger=lambda wait, not_before: SensayKnowledgeBaseEntryTrigger.of(
                self.sensay_conn_id, target, wait, None, not_before
            ),
            generation=spoken.value,
            ready_statuses=ready,
        )
