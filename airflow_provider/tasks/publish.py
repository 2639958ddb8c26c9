"""Publishing a result: to XCom, to asset events, to the log, and to whoever counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider import telemetry

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: The attribute of a task in which its result is noted, for lineage.
RESULT = "_refresh_result"

#: Members of the result that go into an asset event.
_EVENT_MEMBERS = (
    "outcome",
    "status",
    "version",
    "credits_charged",
    "credits_confirmed",
    "counts",
    "seconds",
    "marker",
    "confirmed",
    "proven_by",
    "ended",
)


def note_result(context: Context, result: dict[str, Any]) -> None:
    """Keep the result where the process that asks for lineage finds it."""
    task = context.get("task")
    if task is not None:
        setattr(task, RESULT, result)


def publish_result(context: Context, log: Any, result: dict[str, Any]) -> dict[str, Any]:
    """
    Publish the result and return it.

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


def asset_of(vendor: str, key: str) -> Asset:
    """Return the asset of a target: its address is its vendor's scheme and its key."""
    address = f"{vendor}://{key}"
    return Asset(name=address, uri=address)


def announce(context: Context, result: dict[str, Any]) -> None:
    """
    Attach what happened to the task's asset events.

    A static outlet fires at every success of its task, so it always gets the metadata. Through an
    ``AssetAlias`` the target's asset gets an event only if something was refreshed and its end is proven or
    accepted: not for a skipped refresh, and not for one whose end nobody awaited.
    """
    with telemetry.harmless("Describing the refresh to the asset events"):
        _announce(context, result)


def _announce(context: Context, result: dict[str, Any]) -> None:
    outlets, events = context["task"].outlets, context["outlet_events"]
    run = context.get("dag_run")
    extra: dict[str, Any] = {name: result.get(name) for name in _EVENT_MEMBERS}
    extra |= {
        "target": result["target"],
        "dag_id": getattr(run, "dag_id", None),
        "run_id": getattr(run, "run_id", None),
    }
    refreshed = result["outcome"] not in ("skipped", "submitted") and result.get("ended", True)
    for outlet in outlets or ():
        if isinstance(outlet, AssetAlias):
            if refreshed:
                events[outlet].add(asset_of(result["vendor"], result["target"]), extra=extra)
        elif isinstance(outlet, Asset):
            events[outlet].extra.update(extra)
