"""
A small world for the loop to run in: a clock, a store, a process that may die at any step, and the
parts of Airflow that start, defer, retry and clear a task.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred

from airflow_provider.errors import AgentKnowledgeError, ApiError, ServerError
from airflow_provider.refresh import codec
from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.record import Record
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.schedule import next_look
from airflow_provider.refresh.wait import Verdict, Wait
from airflow_provider.tasks import variables
from airflow_provider.tasks.record_store import RecordStore
from airflow_provider.tasks.refresh_task import RefreshTask
from airflow_provider.tasks.watch import judge_failure

T = TypeVar("T")

LOG = logging.getLogger("tests.refresh.silent")
LOG.disabled = True


class Killed(BaseException):
    """The worker is gone; no ``except Exception`` sees it."""


class Clock:
    """Wall-clock time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def read(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @contextlib.contextmanager
    def running(self, sleep: Callable[[float], None]) -> Iterator[None]:
        """Make the standard library's clock this one."""
        with mock.patch.object(time, "time", self.read), mock.patch.object(time, "sleep", sleep):
            yield


class Process:
    """
    One process of a task; it may be killed at one of its steps.

    :param dies_at: the step at which it is killed, by its number or its name; 0 for never
    :param after: killed after the step's effect, not before it
    """

    def __init__(self, dies_at: int | str = 0, *, after: bool = False) -> None:
        self.dies_at = dies_at
        self.after = after
        self.steps = 0
        self.is_dead = False

    def step(self, effect: Callable[[], T], name: str = "") -> T:
        self.steps += 1
        if self.is_dead:
            raise Killed
        self.is_dead = self.dies_at in (self.steps, name or None)
        if self.is_dead and not self.after:
            raise Killed
        result = effect()
        if self.is_dead:
            raise Killed
        return result


class TaskStateStore:
    """Airflow's store for a task instance: JSON text, shared by all tries, kept on a clear."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.process = Process()
        self.watcher: Callable[[Any], None] = lambda value: None

    def get(self, key: str) -> Any:
        return self.process.step(lambda: json.loads(self.texts[key]) if key in self.texts else None)

    def set(self, key: str, value: Any, **_: Any) -> None:
        def write() -> None:
            self.texts[key] = json.dumps(value, allow_nan=False)
            self.watcher(json.loads(self.texts[key]))

        self.process.step(write)

    def delete(self, key: str) -> None:
        self.process.step(lambda: self.texts.pop(key, None))

    @property
    def record(self) -> Record | None:
        return next((Record.from_json(json.loads(text)) for text in self.texts.values()), None)


class Variables:
    """Airflow's Variables; no clear touches them."""

    def __init__(self, airflow: Airflow) -> None:
        self.texts: dict[str, str] = {}
        self._airflow = airflow

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the code under test find them in the place of Airflow's."""
        with (
            mock.patch("airflow.providers.common.compat.sdk.Variable", self, create=True),
            mock.patch.object(variables, "_asked", self.get),
        ):
            yield

    def get(self, key: str) -> str | None:
        return self._airflow.process.step(lambda: self.texts.get(key))

    def set(self, key: str, value: Any, **_: Any) -> None:
        self._airflow.process.step(lambda: self.texts.update({key: json.dumps(value, allow_nan=False)}))

    def delete(self, key: str) -> None:
        self._airflow.process.step(lambda: self.texts.pop(key, None))


class Vendor:
    """
    What both model vendors share: reads that fail for a while, that lag, and that are spelt in turns.

    :ivar lags: seconds by which reads are behind, before a write and after it; one replica after the other
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.unreadable_until = 0.0
        self.lags: tuple[float, ...] = (0.0,)
        self.reads = 0

    def read(self) -> Any:
        if self.clock.now < self.unreadable_until:
            raise ServerError("the vendor cannot be read", status=503)
        self.reads += 1
        return self.answer(self.clock.now - self.lags[self.reads % len(self.lags)])

    def answer(self, then: float) -> Any:
        """Answer with what was there at that time."""
        raise NotImplementedError

    def spelt(self, moment: datetime) -> str:
        """The same instant, as one of the vendor's serializers writes it."""
        ways = (
            moment.isoformat(),
            moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            moment.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="microseconds"),
            moment.replace(tzinfo=None).isoformat(),
        )
        return ways[self.reads % len(ways)]


class ModelClient:
    """Stands for a client; a worker's requests are steps at which it may die."""

    is_closed = False
    settings = SimpleNamespace(console_url=None)

    def __init__(self, airflow: Airflow) -> None:
        self._airflow = airflow

    def send(self, call: Any, *, retry: bool = True, deadline: float | None = None) -> Any:
        if call.method == "GET":
            return self._airflow.process.step(self._airflow.vendor.read)
        return self._airflow.write(call)

    def close(self) -> None:
        pass


class Airflow:
    """
    The scheduler, a worker and the triggerer, for one task instance.

    :ivar state: ``none``, ``deferred``, ``retry``, ``failed``, ``skipped`` or ``success``
    """

    def __init__(
        self,
        clock: Clock,
        vendor: Vendor,
        make_task: Callable[..., RefreshTask],
        write: Callable[[Any], Any],
        *,
        traced: bool = False,
    ) -> None:
        self.clock = clock
        self.vendor = vendor
        self.make_task = make_task
        self.write = write
        self.traced = traced
        self.timeout = 0.0
        self.store = TaskStateStore()
        self.variables = Variables(self)
        self.process = Process()
        self.cycle = 1
        self.state = "none"
        self.result: dict[str, Any] | None = None
        self.error: BaseException | None = None
        self._began = clock.now
        self.silent = 0.0  # seconds in which no triggerer ran
        self._deferred: dict[str, Any] = {}
        self._event: Any = None

    @property
    def record(self) -> Record | None:
        """What the next try will go on from."""
        if (kept := self.store.record) is not None:
            return kept
        traces = [json.loads(text) for name, text in self.variables.texts.items() if ".open." in name]
        return next((Record.from_json(runs["run"]) for runs in traces), None)

    # --- the worker ---------------------------------------------------------------------------------------

    def work(self, process: Process, event: Any = None) -> None:
        """Run one process of the task: a try, or its end after a deferral."""
        self.process = self.store.process = process
        context: Any = {
            "ti": SimpleNamespace(max_tries=self.cycle, xcom_push=lambda **_: None),
            "run_id": "run",
            "task": SimpleNamespace(outlets=[], on_success_callback=None),
            "outlet_events": {},
            "task_state_store": self.store,
        }
        report = None if event is None else Report.from_event(event)
        self.state = "running"
        self._began, self.error = self.clock.now, None
        with self.clock.running(self._sleep), self.variables.in_place():
            try:
                records = RecordStore(context, LOG, traced=self.traced)
                record = records.begin(report)
                result = self.make_task(context=context, records=records).run(record, report)
                process.step(lambda: None)  # Airflow notes the success
                self.state, self.result = "success", result
                for callback in context["task"].on_success_callback or ():
                    callback(context)
            except TaskDeferred as deferred:
                self.state = "deferred"
                self._deferred = json.loads(json.dumps(deferred.trigger.serialize()[1], allow_nan=False))
            except AirflowSkipException:
                self.state = "skipped"
            except Killed:
                if self.state != "success":
                    self.state = "retry"
            except AirflowFailException as error:
                self.state, self.error = "failed", error
            except AgentKnowledgeError as error:
                self.state, self.error = "retry", error
        self.process = self.store.process = Process()

    def _sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.process.step(lambda: self.clock.pass_time(seconds))
        self._ends()

    def _ends(self) -> None:
        """At most a wait before the write, then one for our own run, and a grace."""
        patience = 3 * self.timeout
        assert self.clock.now - self._began <= patience + self.silent, "a wait without an end"

    # --- the triggerer ------------------------------------------------------------------------------------

    def trigger(self, rand: float, restarts: tuple[int, ...] = (), silence: float = 0.0) -> Any:
        """
        Wait as a trigger does, and return its event.

        :param silence: seconds in which no triggerer runs, before each look that is the first of one
        :param restarts: looks after which the triggerer is restarted: it begins again from the arguments
        """
        task, looks = self.make_task(context={"ti": None}, records=None), 0
        self._began = self.clock.now
        arguments = self._deferred
        wait = codec.load(Wait, arguments["wait"])
        record = None if arguments["record"] is None else Record.from_json(arguments["record"])
        self.silent = silence * (1 + len(restarts))
        self.clock.pass_time(silence)
        while True:
            self.clock.pass_time(next_look(wait, self.clock.now, rand))
            seen, error = None, None
            try:
                seen = task.target.observe(self.vendor.read())
                wait, verdict = waits.observe(wait, task.refresh.rules, seen, self.clock.now)
            except ApiError as failure:
                error = failure.to_json()
                wait, verdict = judge_failure(wait, failure, self.clock.now)
            if verdict is not Verdict.WAIT:
                break
            looks += 1
            self._ends()
            if looks in restarts:
                wait = codec.load(Wait, arguments["wait"])
                self.clock.pass_time(silence)
        self.clock.now = max(self.clock.now, arguments["not_before"])
        report = Report(wait=wait, verdict=verdict, seen=seen, error=error, record=record)
        return json.loads(json.dumps(report.to_event(), allow_nan=False))

    # --- the scheduler and a person -----------------------------------------------------------------------

    def clear(self, *, keep_state: bool = True) -> None:
        """
        A person clears the task: the cycle moves, a trigger is forgotten.

        :param keep_state: as Airflow 3.3 does; 3.4 deletes the task's state
        """
        if not keep_state:
            self.store.texts.clear()
        self.cycle += 1
        self.state = "none"
        self.result = None
