"""
One paid task, twice: synchronous and deferrable. The first try of a run stops at the step that the run's conf
names, reports its process, and waits to be killed or let go.

Nothing here changes what is tested: the operator is the shipped one, its store is Airflow's behind a wrapper
that stops, and the step after a deferral is an operator link, which Airflow asks for when it has noted the
deferral and the process still lives.
"""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperatorLink
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator


class Stops:
    """Where the first try of a run stops; the reports are files in the stack's home."""

    def __init__(self, context: Any) -> None:
        conf = context["dag_run"].conf
        first = context["ti"].try_number == 1
        self.step = conf["step"] if first else None
        self.forgotten = bool(conf.get("forgotten")) and not first
        self._files = Path(os.environ["AIRFLOW_HOME"], "crash", conf["row"])
        self._files.mkdir(parents=True, exist_ok=True)
        if self.step is not None:
            self._report("started")

    def reach(self, step: str) -> None:
        """Stop here if the run is to stop here."""
        if step == self.step:
            self._report("reached")
            while not (self._files / "go").exists():
                time.sleep(0.05)

    def _report(self, name: str) -> None:
        unfinished = self._files / f"{name}.new"
        unfinished.write_text(json.dumps({"runner": os.getpid(), "supervisor": os.getppid()}))
        unfinished.rename(self._files / name)


class StoppingStore:
    """
    Airflow's task state store, with a stop before and after each stage of the record.

    Where the run is to forget, a later try finds nothing of the first one's, as after a clear on Airflow 3.4.
    """

    def __init__(self, store: Any, stops: Stops) -> None:
        self._store = store
        self._stops = stops
        self._written = False

    def get(self, key: str, default: Any = None) -> Any:
        if self._stops.forgotten and not self._written:
            return default
        return self._store.get(key, default)

    def set(self, key: str, value: Any, **options: Any) -> None:
        self._stops.reach(f"before {value['stage']}")
        self._store.set(key, value, **options)
        self._written = True
        self._stops.reach(f"after {value['stage']}")

    def delete(self, key: str) -> None:
        self._store.delete(key)


class AfterDefer(BaseOperatorLink):
    """Asked for its address when Airflow has noted how this process ended its part."""

    name = "after defer"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        if operator.deferred:
            operator.stops.reach(self.name)
        return ""


class StoppingRetrain(SendKitRetrainAgentOperator):
    """The shipped operator, whose first try stops where it is told."""

    operator_extra_links = (*SendKitRetrainAgentOperator.operator_extra_links, AfterDefer())  # type: ignore[assignment]
    stops: Stops
    deferred = False

    def execute(self, context: Any) -> dict[str, Any]:
        self._prepare(context)
        try:
            return self._handed_over(super().execute(self._stopping(context)))
        except TaskDeferred as deferral:
            self.stops.reach("before defer")
            if self.stops.step == "Airflow's deferral timeout":
                deferral.timeout = timedelta(seconds=3)
            self.deferred = True
            raise

    def execute_complete(self, context: Any, event: Any = None) -> dict[str, Any]:
        self._prepare(context)
        self.stops.reach("after event")
        return self._handed_over(super().execute_complete(self._stopping(context), event))

    def _prepare(self, context: Any) -> None:
        self.stops = Stops(context)
        conf = context["dag_run"].conf
        self.on_unknown = conf.get("on_unknown")
        self.start_grace = conf.get("start_grace", self.start_grace)

    def _stopping(self, context: Any) -> Any:
        return {**context, "task_state_store": StoppingStore(context["task_state_store"], self.stops)}

    def _handed_over(self, result: dict[str, Any]) -> dict[str, Any]:
        if self.stops.step == "XCom push fails":
            os.environ["CRASH_XCOM_DOWN"] = "1"  # for the rest of this process
        return result


for dag_id, deferrable in (("crash_sync", False), ("crash_deferrable", True)):
    with DAG(dag_id, schedule=None, max_active_runs=64, max_active_tasks=64):
        retrain = StoppingRetrain(
            task_id="retrain",
            agent_id="{{ dag_run.conf['agent_id'] }}",
            deferrable=deferrable,
            poll_interval=2.0,
            start_grace=10.0,
            timeout=300.0,
            retries=2,
            retry_delay=timedelta(seconds=1),
        )
        retrain >> EmptyOperator(task_id="after")
