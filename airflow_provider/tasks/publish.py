"""Handing a result over: to XCom, to asset events, to the log, and to whoever counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider import telemetry
from airflow_provider.tasks.events import announce

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


#: The attribute of a task in which its result is noted, for lineage.
RESULT = "_refresh_result"


def note_result(context: Context, result: dict[str, Any]) -> None:
    """Keep the result where the process that asks for lineage finds it."""
    task = context.get("task")
    if task is not None:
        setattr(task, RESULT, result)


def hand_over(context: Context, log: Any, result: dict[str, Any]) -> dict[str, Any]:
    """
    Tell everybody the result and return it.

    ``version`` is an XCom of its own, pushed each time: XComs are wiped between tries, and an XComArg's
    ``["version"]`` selects an XCom key, not a member of the result.
    """
    if result.get("version") is not None:
        context["ti"].xcom_push(key="version", value=result["version"])
    announce(context, result)
    note_result(context, result)
    vendor, outcome = result["vendor"], result["outcome"]
    if outcome == "skipped":
        telemetry.count("skips", vendor)
    elif result.get("ended", True):
        telemetry.waited(vendor, result["seconds"], outcome)
    log.info(
        "%s: %s, status %s, %s credits, %.1f s (%s)",
        result["target"],
        outcome,
        result["status"],
        result["credits_charged"],
        result["seconds"],
        result["reason"],
    )
    return result
