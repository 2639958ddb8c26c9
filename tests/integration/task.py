"""
Airflow's real task runner on one operator, with a stand-in for the supervisor at the other end of its pipe.

The stand-in keeps what the metadata database would keep: task state, XComs, Variables, the deferral. A task
is tried, resumed, retried and cleared as the scheduler would do it. This is Airflow's internal interface, so
it is known here and nowhere else in the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any
from unittest import mock

from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRun, TaskInstance, TIRunContext
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from structlog import get_logger

from tests.integration import task_state
from tests.integration.clock import event_loop


class Killed(BaseException):
    """The process under test was killed: nothing that it sends from here on arrives."""


def made(model: Any, **fields: Any) -> Any:
    """Build one of Airflow's messages; its members differ between versions, so missing ones are None."""
    known = {
        name: fields.get(name) for name, f in model.model_fields.items() if name in fields or f.is_required()
    }
    return model(**known)


def new_dag(**kwargs: Any) -> DAG:
    """Return an empty DAG to put one task into."""
    return DAG("dag_under_test", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **kwargs)


def _from_the_database(stored: Any) -> Any:
    """Return a trigger's arguments as the triggerer gets them."""
    try:
        from airflow.sdk.serde import deserialize
    except ImportError:  # Airflow 3.1 stores them in the form of its DAGs
        from airflow.serialization.serialized_objects import BaseSerialization

        return BaseSerialization.deserialize(stored)
    return deserialize(stored)


def _to_the_task(next_kwargs: dict[str, Any] | None) -> Any:
    """Return the arguments of a method to resume with as the server hands them to the task."""
    if next_kwargs is None or find_spec("airflow.sdk.serde"):
        return next_kwargs
    from airflow.serialization.serialized_objects import BaseSerialization

    return BaseSerialization.serialize(next_kwargs)


@dataclass
class Outcome:
    """How one process of a task ended."""

    state: str
    message: Any
    error: BaseException | None
    result: Any = None

    @property
    def deferred(self) -> bool:
        return self.state == "deferred"

    @property
    def verdict(self) -> tuple[str, str | None]:
        """State and kind of error: what has to be the same in every mode."""
        return self.state, None if self.error is None else type(self.error).__name__

    @property
    def told(self) -> str:
        """What the person on call reads."""
        return str(self.error)


@dataclass
class Supervisor:
    """
    The other end of the task's pipe: answers like the execution API, and remembers.

    :param before: sees each message before it is delivered; may raise :class:`Killed` in place of that
    :param is_task_state_available: False plays an Airflow before 3.3
    """

    task_state: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    xcoms: dict[str, Any] = field(default_factory=dict)
    sent: list[Any] = field(default_factory=list)
    first_reschedule: datetime | None = None
    before: Callable[[Any], None] = lambda message: None
    is_task_state_available: bool = True
    is_task_dead: bool = False

    def send(self, msg: Any) -> Any:
        if self.is_task_dead:
            raise Killed
        try:
            self.before(msg)
        except Killed:
            self.is_task_dead = True
            raise
        return self._take(msg)

    def _take(self, msg: Any) -> Any:
        self.sent.append(msg)
        answer = getattr(self, f"_{type(msg).__name__}", None)
        return answer(msg) if answer else None

    async def asend(self, msg: Any) -> Any:
        return self._take(msg)  # the triggerer's pipe: another process

    def _GetConnection(self, msg: Any) -> Any:
        value = os.environ.get(f"AIRFLOW_CONN_{msg.conn_id.upper()}")
        if value is None:
            return comms.ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": msg.conn_id})
        fields = json.loads(value)
        if isinstance(fields.get("extra"), dict):
            fields["extra"] = json.dumps(fields["extra"])
        return comms.ConnectionResult(conn_id=msg.conn_id, **fields)

    def _GetVariable(self, msg: Any) -> Any:
        if msg.key not in self.variables:
            return comms.ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"key": msg.key})
        return comms.VariableResult(key=msg.key, value=self.variables[msg.key])

    def _PutVariable(self, msg: Any) -> Any:
        self.variables[msg.key] = msg.value
        return comms.OKResponse(ok=True)

    def _SetXCom(self, msg: Any) -> Any:
        self.xcoms[msg.key] = msg.value

    def _GetXCom(self, msg: Any) -> Any:
        return comms.XComResult(key=msg.key, value=self.xcoms.get(msg.key))

    def _GetTaskStateStore(self, msg: Any) -> Any:
        return task_state.answer(self.task_state, msg.key)

    def _SetTaskStateStore(self, msg: Any) -> Any:
        self.task_state[msg.key] = msg.value
        return comms.OKResponse(ok=True)

    def _DeleteTaskStateStore(self, msg: Any) -> Any:
        self.task_state.pop(msg.key, None)
        return comms.OKResponse(ok=True)

    def _ValidateInletsAndOutlets(self, msg: Any) -> Any:
        return comms.InactiveAssetsResult(inactive_assets=[])

    def _GetTaskRescheduleStartDate(self, msg: Any) -> Any:
        return comms.TaskRescheduleStartDate(start_date=self.first_reschedule)


class TaskUnderTest:
    """
    One task instance and all its tries.

    :param make: builds the operator; called anew for each process, as parsing does
    :param retries: how often the scheduler would try again
    :param map_index: which one of a mapped task it is; -1: it is not mapped
    """

    def __init__(
        self,
        make: Callable[[], Any],
        *,
        supervisor: Supervisor | None = None,
        retries: int = 1,
        conf: dict[str, Any] | None = None,
        run_id: str = "run-1",
        map_index: int = -1,
    ) -> None:
        self.make = make
        self.supervisor = supervisor or Supervisor()
        self.retries = retries
        self.conf = conf
        self.run_id = run_id
        self.map_index = map_index
        self.try_number = 1
        self.max_tries = retries
        self.ti_id = uuid.uuid4()
        self.deferral: Any = None
        self.events: list[Any] = []

    def run(
        self,
        *,
        next_method: str | None = None,
        event: Any = None,
        next_kwargs: dict[str, Any] | None = None,
    ) -> Outcome:
        """Run one process of the present try."""
        with new_dag():
            operator = self.make()
        now = datetime.now(UTC)
        context = made(
            TIRunContext,
            dag_run=made(
                DagRun,
                dag_id="dag_under_test",
                run_id=self.run_id,
                logical_date=now,
                data_interval_start=now,
                data_interval_end=now,
                start_date=now,
                run_after=now,
                run_type="manual",
                state="running",
                conf=self.conf,
                consumed_asset_events=[],
            ),
            max_tries=self.max_tries,
            variables=[],
            connections=[],
            should_retry=self.try_number <= self.max_tries,
            task_reschedule_count=0 if self.supervisor.first_reschedule is None else 1,
            next_method=next_method,
            next_kwargs=_to_the_task(next_kwargs or ({"event": event} if next_method else None)),
            upstream_map_indexes={},
        )
        data = made(
            TaskInstance,
            id=self.ti_id,
            task_id=operator.task_id,
            dag_id="dag_under_test",
            run_id=self.run_id,
            try_number=self.try_number,
            dag_version_id=uuid.uuid4(),
            map_index=self.map_index,
            hostname="here",
        )
        ti = RuntimeTaskInstance.model_construct(
            **{name: getattr(data, name) for name in type(data).model_fields},
            task=operator,
            bundle_instance=mock.Mock(),
            _ti_context_from_server=context,
            max_tries=self.max_tries,
            start_date=now,
            state="running",
            is_mapped=False,
            rendered_map_index=None,
            sentry_integration="",
        )
        if next_method is None and self.supervisor.first_reschedule is None:
            self.supervisor.xcoms.clear()  # as the server does between tries
        self.supervisor.is_task_dead = False
        try:
            with mock.patch.object(task_runner, "SUPERVISOR_COMMS", self.supervisor, create=True):
                template_context = ti.get_template_context()
                if not self.supervisor.is_task_state_available:
                    template_context.pop("task_state_store", None)
                elif not task_state.HAS_STORE:
                    template_context["task_state_store"] = task_state.StandIn(self.supervisor)
                state, message, error = task_runner.run(ti, template_context, get_logger("task"))
        except Killed:
            pass
        if self.supervisor.is_task_dead:
            return Outcome("killed", None, None)
        if message is not None and type(message).__name__ == "DeferTask":
            self.deferral = message
        return Outcome(str(state.value), message, error, self.supervisor.xcoms.get("return_value"))

    def fire(self, timeout: float = 600.0) -> Any:
        """Run the trigger of the deferral as the triggerer would: from its serialized form; return its event."""
        trigger = self._trigger()

        async def first_event() -> Any:
            async with asyncio.timeout(timeout):
                async for event in trigger.run():
                    return json.loads(json.dumps(event.payload))
            raise AssertionError("the trigger ended without an event")

        event = self._in_triggerer(first_event())
        self.events.append(event)
        return event

    def interrupt(self, after: float) -> None:
        """Run the trigger for some seconds, then end it, as a restart or a person does: what it saw is lost."""
        trigger = self._trigger()

        async def cancelled() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(after):
                    async for _ in trigger.run():
                        raise AssertionError("the trigger was done before it could be interrupted")
            await trigger.cleanup()

        self._in_triggerer(cancelled())

    def _trigger(self) -> Any:
        kwargs = _from_the_database(json.loads(self.deferral.model_dump_json())["trigger_kwargs"])
        module, _, name = self.deferral.classpath.rpartition(".")
        return getattr(importlib.import_module(module), name)(**kwargs)

    def _in_triggerer(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def living() -> Any:
            try:
                return await work
            finally:
                # A triggerer lives on: what the trigger let go of is closed meanwhile.
                await asyncio.sleep(0.2)

        with mock.patch.object(task_runner, "SUPERVISOR_COMMS", self.supervisor, create=True):
            with asyncio.Runner(loop_factory=event_loop) as runner:
                return runner.run(living())

    def resume(self, event: Any) -> Outcome:
        """What the scheduler does once the trigger has sent its event."""
        return self.run(next_method=self.deferral.next_method, event=event)

    def fail_deferral(self, error: str) -> Outcome:
        """What the scheduler does if the deferral's own timeout passes, or if its trigger breaks."""
        return self.run(next_method="__fail__", next_kwargs={"error": error})

    def to_the_end(self) -> Outcome:
        """Run the present try until it is over, deferrals and reschedules and all."""
        outcome = self.run()
        while True:
            if outcome.deferred:
                outcome = self.resume(self.fire())
            elif outcome.state == "up_for_reschedule":
                time.sleep(self._come_back_in(outcome.message))
                outcome = self.run()
            else:
                return outcome

    def _come_back_in(self, message: Any) -> float:
        if self.supervisor.first_reschedule is None:
            self.supervisor.first_reschedule = datetime.fromtimestamp(time.time(), UTC)
        wait: float = (message.reschedule_date - datetime.now(UTC)).total_seconds()
        return max(0.0, wait)

    def retry(self) -> TaskUnderTest:
        """What the scheduler does after a failure: the next try of the same cycle."""
        self.try_number += 1
        self.supervisor.first_reschedule = None
        return self

    def clear(self) -> TaskUnderTest:
        """What a person does: a new cycle; the task state stays, as on Airflow 3.3."""
        self.max_tries = self.try_number + self.retries
        self.try_number += 1
        self.supervisor.first_reschedule = None
        return self
