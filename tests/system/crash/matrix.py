"""One row of the matrix: start a run, stop it at its step, kill, let the real scheduler retry, count charges."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider.sandbox.client import Sandbox
from tests.system.crash.rows import Marker, Row, Step, Victim
from tests.system.runs import FINISHED_RUN, StackError, TaskInstance
from tests.system.stack import AirflowStack

HERE = Path(__file__).parent
DAGS = HERE / "crash_dags"
#: What a stack needs for the whole matrix: deaths that are noticed within seconds, and an XCom backend that fails.
ENVIRONMENT = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(HERE / "plugins"),
    "AIRFLOW__CORE__XCOM_BACKEND": "failing_xcom.FailingXCom",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
}
#: What the sandbox needs: a run that still goes on when a killed runner is retried, and is over when the
#: heartbeats of a killed supervisor are missed.
VENDOR = {"pending_seconds": 1.0, "training_seconds": 9.0, "credits": 1e6}

_TASK = "retrain"
_LAST_SCRAPED = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    What came of a row.

    :param charges: retrains the vendor charged for the row's agent
    :param seen: how Airflow saw the death: ``exit -9``, ``heartbeat``, or nothing
    :param seconds: from the kill to the end of the task
    :param log: what the tries said
    """

    row: Row
    charges: int
    state: str
    outcome: str | None
    tries: int
    seen: str
    seconds: float
    trouble: str = ""
    log: str = ""

    @property
    def problems(self) -> list[str]:
        """What is not as the row has to be."""
        row = self.row
        wanted = {
            "charges": row.charges,
            "outcome": row.outcome,
            "state": "success" if row.outcome else "failed",
            "tries": row.tries,
            "seen": _SEEN[row.victim] if row.step is not Step.AFTER_DEFER else self.seen,
            "trouble": "",
        }
        return [
            f"{name} {getattr(self, name)!r} instead of {value!r}"
            for name, value in wanted.items()
            if getattr(self, name) != value
        ]


_SEEN = {
    Victim.RUNNER: "exit -9",
    Victim.SUPERVISOR: "heartbeat",
    Victim.TRIGGER_RUNNER: "",
    Victim.TRIGGERER: "",
    Victim.TRIGGERER_TERM: "",
    Victim.NOBODY: "",
}


class CrashMatrix:
    """
    Rows on one stack and one sandbox; each has an agent of its own, so that many may run side by side.

    :param stack: runs the DAGs of :data:`DAGS`
    :param sandbox: the stack's vendor
    """

    def __init__(self, stack: AirflowStack, sandbox: Sandbox) -> None:
        self.stack = stack
        self.sandbox = sandbox

    def run(self, row: Row, number: int) -> Finding:
        """Run one row to its end."""
        return _Run(self.stack, self.sandbox, row, f"{number:02d}").play()


class _Run:
    def __init__(self, stack: AirflowStack, sandbox: Sandbox, row: Row, number: str) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.row = row
        self.number = number
        self.dag_id = f"crash_{row.mode}"
        self.files = stack.home / "crash" / number
        self.agent = self._seed()
        self.run_id = ""
        self.killed_at = 0.0

    def play(self) -> Finding:
        trouble = ""
        try:
            with self._held() as held:
                conf = {"row": self.number, "step": self.row.step, "agent_id": self.agent}
                self.run_id = self.stack.trigger(self.dag_id, conf | self._policy())
                self._kill(held)
            self.stack.until(self._has_ended, timeout=240, what=f"the end of {self}", interval=1.0)
        except (StackError, TimeoutError) as error:
            trouble = str(error)
        return self._finding(trouble)

    def __str__(self) -> str:
        return f"{self.row.mode}, {self.row.name}, {self.row.victim}"

    # --- before ------------------------------------------------------------------------------------------

    def _seed(self) -> str:
        shown: dict[str, Any] = {"trainingStatus": "completed", "lastScrapedAt": _LAST_SCRAPED}
        if self.row.marker is not Marker.MOVES:
            scraped = _LAST_SCRAPED if self.row.marker is Marker.FROZEN else None
            shown["raw"] = {"knowledgeBase": {"totalPages": 25, "totalChunks": 42, "lastScrapedAt": scraped}}
        return str(self.sandbox.seed(agents=[{"name": f"Row {self.number}", **shown}])["agents"][0])

    def _policy(self) -> dict[str, Any]:
        policy: dict[str, Any] = {}
        if self.row.on_unknown is not None:
            policy["on_unknown"] = self.row.on_unknown
        if self.row.step is Step.POST_LATE:
            policy["start_grace"] = 60.0
        return policy | ({"forgotten": True} if self.row.forgotten else {})

    @contextmanager
    def _held(self) -> Iterator[Callable[[], int] | None]:
        """Let the sandbox hold a request of this row's, where that is its step; none stays held."""
        fault: dict[str, Any]
        match self.row.step:
            case Step.POST_SENT | Step.POST_LATE:
                fault = {"method": "POST", "path": f"{self.agent}/retrain", "when": "before"}
            case Step.POST_ACCEPTED | Step.RUN_ENDED:
                fault = {"method": "POST", "path": f"{self.agent}/retrain", "when": "after"}
            case Step.WAITING | Step.IN_TRIGGER:
                # The first look is before the POST, the second sees the run active.
                fault = {"method": "GET", "path": self.agent, "when": "before", "skip": 2}
            case _:
                yield None
                return
        fault_id = self.sandbox.fault("hold", **fault)
        try:
            yield lambda: self._wait_for_held(fault["method"])
        finally:
            self.sandbox.clear_faults(fault_id)
            for item in self._held_now():
                self._release(item["id"], "drop")

    def _held_now(self) -> list[dict[str, Any]]:
        return [item for item in self.sandbox.held() if self.agent in item["path"]]

    def _wait_for_held(self, method: str) -> int:
        def ids() -> list[int]:
            return [int(item["id"]) for item in self._held_now() if item["method"] == method]

        self.stack.until(lambda: bool(ids()), timeout=120, what=f"{method} held for {self}", interval=0.2)
        return ids()[0]

    def _release(self, held_id: int, action: str) -> None:
        self.sandbox.release(held_id, action)

    # --- the kill ----------------------------------------------------------------------------------------

    def _kill(self, held: Callable[[], int] | None) -> None:
        row = self.row
        held_id = held() if held else None
        if row.victim is Victim.NOBODY:
            self._wait_for("started")
            self.killed_at = time.time()
            return
        if row.step is Step.IN_TRIGGER:
            self._kill_triggerer()
            return
        if row.step is Step.RUN_ENDED:
            self.stack.until(self._run_is_over, timeout=60, what="the end of the vendor's run", interval=0.5)
        pids = self._wait_for("started" if held_id is not None else "reached")
        if row.victim is Victim.SUPERVISOR:
            self._kill_pid(pids["supervisor"])
            # The orphan goes on, as it would after the kernel had killed its supervisor alone.
            if held_id is not None:
                self._release(held_id, "continue")
            (self.files / "go").touch()
            self._wait_for_orphan(pids["runner"])
        elif row.step is Step.POST_LATE:
            assert held_id is not None
            self._kill_runner_and_let_its_request_land_late(pids["runner"], held_id)
        else:
            self._kill_pid(pids["runner"])

    def _kill_runner_and_let_its_request_land_late(self, runner: int, held_id: int) -> None:
        fault_id = self.sandbox.fault("hold", method="GET", path=self.agent, when="after")
        self._kill_pid(runner)
        look = self._wait_for_held("GET")
        self._release(held_id, "continue")
        self.stack.until(lambda: self._charges() == 1, timeout=10, what="the late charge")
        self._release(look, "continue")
        self.sandbox.clear_faults(fault_id)

    def _kill_triggerer(self) -> None:
        self.stack.wait_for_task(self.dag_id, self.run_id, _TASK, {"deferred"})
        self.killed_at = time.time()
        if self.row.victim is Victim.TRIGGERER_TERM:
            self.stack.restart("triggerer")
            return
        if self.row.victim is Victim.TRIGGER_RUNNER:
            self.stack.kill_children("triggerer")
        else:
            self.stack.kill("triggerer")
        time.sleep(self.row.away)
        self.stack.start_component("triggerer")

    def _kill_pid(self, pid: int) -> None:
        self.killed_at = time.time()
        os.kill(pid, signal.SIGKILL)

    def _wait_for(self, report: str) -> Mapping[str, int]:
        path = self.files / report
        self.stack.until(path.exists, timeout=120, what=f"{self} to have {report}")
        pids: dict[str, int] = json.loads(path.read_text())
        return pids

    def _wait_for_orphan(self, pid: int) -> None:
        try:
            self.stack.until(lambda: not _lives(pid), timeout=60, what="the end of the orphan", interval=0.5)
        except StackError:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            raise

    # --- after -------------------------------------------------------------------------------------------

    def _run_is_over(self) -> bool:
        agents = self.sandbox.state(entries=0)["agents"]
        return any(each["_id"] == self.agent and each["trainingStatus"] == "completed" for each in agents)

    def _has_ended(self) -> bool:
        return self.stack.run_state(self.dag_id, self.run_id) in FINISHED_RUN

    def _charges(self) -> int:
        return sum(charge["agent"] == self.agent for charge in self.sandbox.charges)

    def _finding(self, trouble: str) -> Finding:
        if not self.run_id:
            return Finding(
                row=self.row,
                charges=0,
                state="",
                outcome=None,
                tries=0,
                seen="",
                seconds=0.0,
                trouble=trouble,
            )
        task = self.stack.task_instance(self.dag_id, self.run_id, _TASK)
        result = self.stack.xcom(self.dag_id, self.run_id, _TASK) or {}
        ended = task.raw["end_date"]
        after = self.stack.task_instance(self.dag_id, self.run_id, "after")
        if not trouble and after.state != ("success" if self.row.outcome else "upstream_failed"):
            trouble = f"downstream is {after.state}"
        return Finding(
            row=self.row,
            charges=self._charges(),
            state=str(task.state),
            outcome=result.get("outcome"),
            tries=task.try_number,
            seen=self._seen(task),
            seconds=datetime.fromisoformat(ended).timestamp() - self.killed_at if ended else 0.0,
            trouble=trouble,
            log="\n".join(self._log(number) for number in range(1, task.try_number + 1)),
        )

    def _log(self, number: int) -> str:
        return f"Try {number}:\n" + self.stack.log(self.dag_id, self.run_id, _TASK, try_number=number)

    def _seen(self, task: TaskInstance) -> str:
        """How Airflow saw the first try end."""
        entries = self.stack.log_entries(self.dag_id, self.run_id, task.task_id, try_number=1)
        if any(entry.get("signal") == -signal.SIGKILL for entry in entries):
            return "exit -9"
        events = self.stack.rest.get(
            "/eventLogs", dag_id=self.dag_id, run_id=self.run_id, event="heartbeat timeout"
        )
        return "heartbeat" if events["event_logs"] else ""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
