"""Where the record of a task instance lives: Airflow's ``task_state_store`` (3.3 and later)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import RecordUnreadableError
from airflow_provider.refresh.record import Record
from airflow_provider.tasks.task_state import TaskState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.refresh.report import Report

#: The one key; a whole record is one atomic ``set``.
KEY = "agent_knowledge_record"


class RecordStore:
    """
    Reads and writes the record of one task instance, shared by all its tries and kept on a clear.

    Below Airflow 3.3 there is no such store: reads find nothing, writes go nowhere, and ``durable`` is
    False. What is weaker then stands in the docs.
    """

    def __init__(self, context: Context, log: Any) -> None:
        self._state = TaskState(context, KEY)
        self._log = log

    @property
    def durable(self) -> bool:
        """Does what is written here survive the death of the worker?"""
        return self._state.durable

    def read(self) -> Record | None:
        """
        Return the record, or None if there is none.

        :raises RecordUnreadableError: there may be one, but it could not be read
        """
        try:
            data = self._state.read()
            return None if data is None else Record.from_json(data)
        except Exception as error:
            raise RecordUnreadableError(
                f"The record of earlier tries could not be read ({type(error).__name__}: {error}). Nothing was sent, "
                "since a run may be at work. A retry reads again. If the record was written by a later version "
                f"of this provider, delete the key '{KEY}' from the task's state once no run is open."
            ) from error

    def generation(self, report: Report | None) -> str | None:
        """Return the API generation that an earlier process of this task found, if any."""
        if report is not None:
            return report.wait.generation
        record = self.read()
        return record.generation if record else None

    def write(self, record: Record) -> None:
        """Write the record."""
        self._state.write(record.to_json())
        self._log.debug("Record %s: %s", record.stage, record.identity.target)

    def keep(self, report: Report | None) -> None:
        """Write what a trigger saw into the record, before anything else can go wrong."""
        if report is not None and report.record is not None:
            self.write(replace(report.record, wait=report.wait))

    def restore(self, record: Record | None) -> None:
        """Put back what was there before an intent that came to nothing."""
        if record is not None:
            self.write(record)
        else:
            self._state.delete()
