"""
Where the record of a task instance lives: Airflow's ``task_state_store`` (3.3 and later), and a trace beside it.

Airflow 3.4 deletes task state at a clear, and below 3.3 there is none. So a write that charges or creates also leaves
its record in a Variable, which no clear touches.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import RecordUnreadableError
from airflow_provider.refresh.record import Ending, Record, Stage
from airflow_provider.tasks import variables
from airflow_provider.tasks.task_state import TaskState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.refresh.report import Report

#: The one key; a whole record is one atomic ``set``.
KEY = "agent_knowledge_record"

#: Runs of one task whose records a trace keeps: a Variable stays small, whatever happens.
_RUNS = 4


class RecordStore:
    """
    Reads and writes the record of one task instance, shared by all its tries.

    :param traced: for a write that charges or creates: a clear finds the record even where it deletes task state
    """

    def __init__(self, context: Context, log: Any, *, traced: bool = False) -> None:
        self._context = context
        self._state = TaskState(context, KEY)
        self._traced = traced
        self._log = log
        ti = context["ti"]
        names = [str(getattr(ti, name, "")) for name in ("dag_id", "task_id", "map_index")]
        self._task = hashlib.sha256("/".join(names).encode()).hexdigest()[:8]
        self._run = str(context.get("run_id"))
        self._tried = int(getattr(ti, "try_number", 2) or 2) > 1

    @property
    def durable(self) -> bool:
        """Does what is written here survive the death of the worker?"""
        return self._state.durable or self._traced

    def read(self) -> Record | None:
        """
        Return the record in the task's state, or None if there is none.

        :raises RecordUnreadableError: there may be one, but it could not be read
        """
        try:
            data = self._state.read()
            record = None if data is None else Record.from_json(data)
        except Exception as error:
            raise RecordUnreadableError(
                f"The record of earlier tries could not be read ({type(error).__name__}: {error}). Nothing was sent, "
                "since a run may be at work. A retry reads again. If the record was written by a later version "
                f"of this provider, delete the key '{KEY}' from the task's state once no run is open."
            ) from error
        if record is not None and record.stage is Stage.INTENT and self._traced:
            # The trace is written first: a process may have died between the two.
            name = self._name(record.identity.target)
            data = variables.read(name).get(self._run)
            further = None if data is None else _record_of(name, data)
            if further is not None and (further.identity, further.at) == (record.identity, record.at):
                return further
        return record

    def trace(self, target: str) -> Record | None:
        """
        Return the record that an earlier try of this very task left beside the task's state, or None.

        Another run's is only reported.

        :param target: as an :class:`~airflow_provider.refresh.record.Identity` names it
        """
        if not self._traced:
            return None
        name = self._name(target)
        runs = {run: _record_of(name, data) for run, data in variables.read(name).items()}
        for run, record in runs.items():
            if run != self._run and record.open:
                self._log.info(
                    "Run %s of this task has a refresh of %s under way", run, record.identity.target
                )
        # A first try comes after no other; what bears its name is left of a run that was deleted.
        return runs.get(self._run) if self._tried else None

    def write(self, record: Record) -> None:
        """Write the record; the trace of it first, so that it is never behind."""
        if self._traced:
            try:
                self._write_trace(record.identity.target, record)
            except Exception as error:
                # Nothing may be sent without it. Once something was sent, the task's state knows it as well.
                if record.stage is Stage.INTENT or not self._state.durable:
                    raise
                self._log.warning("The trace of this refresh could not be written: %s", error)
        self._state.write(record.to_json())
        self._log.debug("Record %s: %s", record.stage, record.identity.target)

    def begin(self, report: Report | None) -> Record | None:
        """
        Return the record to go on from.

        What a trigger saw is written into it first, before anything else can go wrong.
        """
        if report is None or report.record is None:
            return self.read()
        record = replace(report.record, wait=report.wait)
        self.write(record)
        return record

    def restore(self, before: Record | None, target: str) -> None:
        """
        Put back what was there before an intent that came to nothing.

        :param target: whose intent it was
        """
        if before is not None:
            self._state.write(before.to_json())
        else:
            self._state.delete()
        if self._traced:
            self._write_trace(target, before)

    def mark_noted(self, record: Record) -> None:
        """
        Note in the record, as soon as Airflow has accepted the task's success, that it did.

        The callback runs in this process, after the success was reported. Without it a clear gets the recorded result.
        """
        task = self._context.get("task")
        if not self._traced or task is None or record.ending is not Ending.OK:
            return

        def noted(_: Any) -> None:
            self.write(replace(record, noted=True))

        task.on_success_callback = [*(getattr(task, "on_success_callback", None) or ()), noted]

    def _name(self, target: str) -> str:
        vendor, _, key = target.partition(":")
        return f"{variables.name_of('open', vendor, key)}.{self._task}"

    def _write_trace(self, target: str, record: Record | None) -> None:
        name = self._name(target)
        there = variables.read(name)
        runs = {run: data for run, data in there.items() if run != self._run}
        if record is not None and record.identity.target == target:
            over = not record.open and record.noted and record.credits == 0
            if not over:
                runs[self._run] = (record if record.open else record.condensed).to_json()
        # The newest first; and what is open before what has ended.
        first = sorted(
            runs, key=lambda run: (runs[run].get("stage") != Stage.ENDED, runs[run].get("at", 0.0))
        )
        kept_runs = {run: runs[run] for run in first[-_RUNS:]}
        if kept_runs != there:
            variables.write(name, kept_runs, f"What runs of one task left at {target}")


def _record_of(name: str, data: Any) -> Record:
    try:
        return Record.from_json(data)
    except ValueError as error:
        raise RecordUnreadableError(
            f"The Variable '{name}' cannot be read ({error}). Nothing was sent, since a run may be at work. If it was "
            "written by a later version of this provider, use that version, or delete it once no run is open."
        ) from error
