"""The one small JSON that every path returns: fresh, adopted, re-attached or skipped; sync or deferred."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from airflow_provider.refresh import codec
from airflow_provider.refresh.observation import Observation, shorten
from airflow_provider.refresh.record import Outcome
from airflow_provider.refresh.wait import Wait

#: Characters of a reason; the log has it whole.
_REASON = 120


def build(
    *,
    vendor: str,
    target: str,
    seen: Observation,
    outcome: Outcome,
    now: float,
    wait: Wait | None = None,
    charged: Decimal = Decimal(0),
    jobs: tuple[str, ...] = (),
    reason: str = "",
    version: str | None = None,
    generation: str | None = None,
    confirmed: bool = True,
    ended: bool = True,
) -> dict[str, Any]:
    """
    Put a result together.

    :param wait: None where nothing was submitted, adopted or waited for
    :param confirmed: whether evidence ties the end to this refresh
    :param ended: whether the end was awaited at all
    :returns: JSON below 2 KB; ``credits_charged`` is a number, times are seconds since the epoch
    """
    started = wait.started if wait else now
    return {
        "vendor": vendor,
        "target": target,
        "outcome": outcome.value,
        "status": seen.status,
        "credits_charged": float(charged),
        "jobs": list(jobs),
        "version": version,
        "marker": seen.marker,
        "started": round(started, 3),
        "finished": round(now, 3),
        "seconds": round(now - started, 3),
        "polls": wait.evidence.polls if wait else 0,
        "counts": dict(seen.counts),
        "confirmed": confirmed,
        "ended": ended,
        "reason": shorten(reason, _REASON),
        "generation": generation,
        "proof": proof(wait) if wait else None,
    }


def proof(wait: Wait) -> dict[str, Any]:
    """Return what a sensor needs to go on where the operator stopped: baseline, first read, evidence so far."""
    return codec.dump(
        replace(
            wait,
            baseline=wait.baseline.brief if wait.baseline else None,
            first_read=wait.first_read.brief if wait.first_read else None,
            evidence=replace(wait.evidence, failures=0, refusals=0, silent_until=None),
        )
    )


def wait_from(result: dict[str, Any]) -> Wait | None:
    """
    Rebuild the wait from a result's ``proof``.

    :returns: None where the result has none (a skipped refresh): the present state is all there is
    :raises ValueError: the proof is none of ours
    """
    data = result.get("proof")
    return codec.load(Wait, data) if data else None
