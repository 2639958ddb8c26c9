"""What a refresh tells the DAGs that are scheduled on what it refreshed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider import telemetry

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: Members of the result that go into the event.
_TOLD = (
    "outcome",
    "status",
    "version",
    "credits_charged",
    "counts",
    "seconds",
    "marker",
    "confirmed",
    "ended",
)


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
    told: dict[str, Any] = {name: result.get(name) for name in _TOLD}
    told |= {
        "target": result["target"],
        "dag_id": getattr(run, "dag_id", None),
        "run_id": getattr(run, "run_id", None),
    }
    refreshed = result["outcome"] != "skipped" and result.get("ended", True)
    for outlet in outlets or ():
        if isinstance(outlet, AssetAlias):
            if refreshed:
                events[outlet].add(asset_of(result["vendor"], result["target"]), extra=told)
        elif isinstance(outlet, Asset):
            events[outlet].extra.update(told)
