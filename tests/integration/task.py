"""
Airflow's real task runner on one operator, with a stand-in for the supervisor at the other end of its pipe.

The stand-in keeps what the metadata database would keep: task state, XComs, Variables, the deferral. A task
is tried, resumed, retried and cleared as the scheduler would do it. This is Airflow's internal interface, so
it is known here and in ``supervisor.py``, and nowhere else in the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any
from unittest import mock

from airflow.api_fastapi.core_api.datamodels.task_instances import ClearTaskInstancesBody
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRun, TaskInstance, TIRunContext
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from structlog import get_logger

from tests.integration import task_state
from tests.integration.clock import event_loop
from tests.integration.supervisor import Killed as Killed
from tests.integration.supervisor import Supervisor as Supervisor
from tests.integration.supervisor import made

#: Does *Clear Task* discard the task's state, if nobody ticks the box? From Airflow 3.4 on.
CLEAR_DISCARDS_STATE = "keep_task_state" in ClearTaskInstancesBody.model_fields


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
                log = get_logger("task")
                state, message, error = task_runner.run(ti, template_context, log)
                # Links, callbacks and listeners, after the server has the state.
                task_runner.finalize(ti, state, template_context, log, error)
        except Killed:
            pass
        self.supervisor.check()
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
                done = runner.run(living())
        self.supervisor.check()
        return done

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
                outcome = self.come_back(outcome).run()
            else:
                return outcome

    def come_back(self, rescheduled: Outcome) -> TaskUnderTest:
        """What the scheduler does after a reschedule: the same try, once its time has come."""
        if self.supervisor.first_reschedule is None:
            self.supervisor.first_reschedule = datetime.fromtimestamp(time.time(), UTC)
        wait: float = (rescheduled.message.reschedule_date - datetime.now(UTC)).total_seconds()
        time.sleep(max(0.0, wait))
        return self

    def retry(self) -> TaskUnderTest:
        """What the scheduler does after a failure: the next try of the same cycle."""
        self.try_number += 1
        self.supervisor.first_reschedule = None
        return self

    def clear(self, *, keep_state: bool | None = None) -> TaskUnderTest:
        """
        What a person does: a new cycle.

        :param keep_state: does the task's state outlive it? Always on Airflow 3.3; on 3.4 where the box is
            ticked, or where the whole run is cleared; None: as *Clear Task* does it here. Below 3.3 there is
            none to keep: ``is_task_state_available=False``
        """
        self.max_tries = self.try_number + self.retries
        self.try_number += 1
        self.supervisor.first_reschedule = None
        if not (keep_state if keep_state is not None else not CLEAR_DISCARDS_STATE):
            self.supervisor.task_state.clear()
        return self
