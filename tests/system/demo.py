"""
``make demo``: refresh both vendors on a real Airflow, against the sandbox, and show what it took.

Exits 0 when the run succeeded, 1 when anything failed, and leaves no process behind either way.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.system.runs import FINISHED_RUN, FINISHED_TASK, StackError, TaskInstance
from tests.system.sandbox import InstalledSandbox, airflow_environment
from tests.system.stack import AirflowStack

DAGS = Path(__file__).parents[2] / "dags_examples"
DAG_ID = "nightly_knowledge_refresh"
RUN_TIMEOUT = 300.0
"""Seconds from the trigger to the end of the run; the sandbox is done in a fraction of it."""
OLD_TEXT = "Our company is young."
_TROUBLED = frozenset({"failed", "up_for_retry"})


def main() -> int:
    options = _parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = Console(highlight=False)
    try:
        return _demo(options, console)
    except KeyboardInterrupt:
        console.print("Interrupted; everything that was started has been stopped.")
        return 130
    except (StackError, RuntimeError, OSError) as error:
        console.print(str(error), markup=False, style="red")
        return 1


def _demo(options: argparse.Namespace, console: Console) -> int:
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:5.1f} s  {line}", markup=False, soft_wrap=True)

    python = Path(sys.executable)
    with console.status("Starting the sandbox") as status, InstalledSandbox(python=python) as sandbox:
        say(f"both vendors at {sandbox.url}")
        status.update("Starting Airflow: api-server, scheduler, dag-processor, triggerer")
        # The text of the DAG is not there yet, else there would be nothing to refresh.
        sandbox.set_entry(rawText=OLD_TEXT)
        env = airflow_environment(sandbox) | {
            "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
            "AIRFLOW_VAR_SENSAY_TEXTS": json.dumps({str(sandbox.entry_id): "What many_entries writes."}),
        }
        with AirflowStack(python=python, dags=[options.dags], env=env) as stack:
            say(f"Airflow at {stack.url}")
            status.update(f"Running {options.dag_id}")
            run_id = stack.trigger(options.dag_id)
            say(f"{options.dag_id} triggered")
            state = _watch(stack, options.dag_id, run_id, say)
            status.stop()
            _report(stack, options.dag_id, run_id, state, console)
            if options.keep:
                _keep(stack, console)
    return 0 if state == "success" else 1


def _watch(stack: AirflowStack, dag_id: str, run_id: str, say: Callable[[str], None]) -> str:
    """
    Tell every change of a task's state until the run has ended, with the log of a task that failed.

    :return: the state of the run; ``running`` if it did not end in time
    """
    seen: dict[str, str | None] = {}

    def has_ended() -> bool:
        state = stack.run_state(dag_id, run_id)
        for task in stack.task_instances(dag_id, run_id):
            if task.state == seen.get(task.name):
                continue
            seen[task.name] = task.state
            say(f"{task.name}: {task.state}")
            if task.state in _TROUBLED:
                say(_last_lines(stack, dag_id, run_id, task))
        return state in FINISHED_RUN

    try:
        stack.until(has_ended, timeout=RUN_TIMEOUT, what=f"the end of {dag_id}", interval=0.5)
    except StackError as error:
        say(str(error))
        for task in stack.task_instances(dag_id, run_id):
            if task.state not in FINISHED_TASK:
                say(_last_lines(stack, dag_id, run_id, task))
    return stack.run_state(dag_id, run_id)


def _last_lines(stack: AirflowStack, dag_id: str, run_id: str, task: TaskInstance) -> str:
    log = stack.log(dag_id, run_id, task.task_id, map_index=task.map_index).splitlines()
    return "\n".join([f"the log of {task.name} ends with", *(f"    {line}" for line in log[-40:])])


def _report(stack: AirflowStack, dag_id: str, run_id: str, state: str, console: Console) -> None:
    tasks = stack.task_instances(dag_id, run_id)
    results = [_result(stack, dag_id, run_id, task) for task in tasks]
    credits = sum((_credits(result) for result in results), Decimal(0))
    polls = sum(int(result.get("polls") or 0) for result in results)
    table = Table(title=f"{dag_id}: {state}", show_footer=True)
    table.add_column("task", "total")
    table.add_column("outcome")
    table.add_column("status")
    table.add_column("credits", f"{credits:f}", justify="right")
    table.add_column("seconds", f"{stack.run_seconds(dag_id, run_id):.1f}", justify="right")
    table.add_column("polls", str(polls), justify="right")
    for task, result in zip(tasks, results, strict=True):
        table.add_row(*_row(task, result))
    console.print(table)


def _row(task: TaskInstance, result: Mapping[str, Any]) -> tuple[str, ...]:
    """A task of ours by its result; any other by what Airflow knows of it."""
    if task.state != "success" or "outcome" not in result:
        return task.name, "", task.state or "", "", f"{task.duration or 0:.1f}", ""
    return (
        task.name,
        str(result["outcome"]),
        str(result.get("status") or ""),
        f"{_credits(result):f}",
        f"{float(result.get('seconds') or 0):.1f}",
        str(result.get("polls", "")),
    )


def _credits(result: Mapping[str, Any]) -> Decimal:
    """As people write it: 10, not 10.0."""
    charged = Decimal(str(result.get("credits_charged") or 0))
    return charged.quantize(Decimal(1)) if charged == charged.to_integral_value() else charged


def _result(stack: AirflowStack, dag_id: str, run_id: str, task: TaskInstance) -> Mapping[str, Any]:
    value = stack.xcom(dag_id, run_id, task.task_id, map_index=task.map_index)
    return value if isinstance(value, Mapping) else {}


def _keep(stack: AirflowStack, console: Console) -> None:
    console.print(f"\n{stack.url}  (login: {stack.login.user} / {stack.login.password})\nCtrl-C ends it.")
    with suppress(KeyboardInterrupt):
        signal.pause()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first signal ends the demo; another one must not cut the cleaning up short."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Refresh both vendors on a real Airflow, against the sandbox."
    )
    parser.add_argument("--dag-id", default=DAG_ID, help="the DAG to run (default: %(default)s)")
    parser.add_argument(
        "--dags", type=Path, default=DAGS, help="the folder that holds it (default: the examples)"
    )
    parser.add_argument("--keep", action="store_true", help="leave Airflow and the sandbox up until Ctrl-C")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
