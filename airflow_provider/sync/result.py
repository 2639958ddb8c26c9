"""What a sync tells when it is over: its result, its report, its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.errors import DocumentsFailedError, DocumentsFailedForGoodError
from airflow_provider.sync import outcomes as ledgers
from airflow_provider.sync import plan as plans
from airflow_provider.sync.plan import OF_DOCUMENTS, Action, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider.sync.destination import Destination

#: What makes a run more than a look.
_CHANGES = ("created", "updated", "renamed", "deleted", "delete_accepted")

_FAILURES = ("failed", "delete_refused")


def head(
    destination: Destination, sync_id: str, documents: int, started: float, now: float
) -> dict[str, Any]:
    """Return what every result of a sync begins with; a sync costs no credits."""
    return {
        "vendor": destination.vendor,
        "target": destination.key,
        "sync_id": sync_id,
        "documents": documents,
        "credits_charged": 0.0,
        "started": round(started, 3),
        "finished": round(now, 3),
        "seconds": round(now - started, 3),
    }


def planned(plan: Plan, refused: str | None) -> dict[str, Any]:
    """Return what a dry run adds: the plan, its name, and why it would be refused."""
    return {
        "outcome": "skipped",
        "status": None,
        "dry_run": True,
        "counts": plan.counts,
        "plan": plan.digest,
        "changes": any(row.action in plans.WRITES | plans.REMOVALS for row in plan.rows),
        "refused": refused,
        "ended": False,
        "reason": f"dry run, nothing was sent: {_sum(plan.counts)}",
    }


def applied(
    plan: Plan, lines: list[dict[str, Any]], first: str, still_answering: int, *, ended: bool
) -> dict[str, Any]:
    """
    Return what a run adds.

    :param plan: made after everything was done
    :param first: digest of the plan that the run began with
    :param still_answering: entries whose deletion is accepted and may take the vendor a day
    :param ended: whether the end was awaited
    """
    counts = ledgers.counts(lines)
    entries = [row.entry.id for row in plan.rows if row.action in OF_DOCUMENTS and row.entry]
    return {
        **({"entry_id": entries[0]} if len(entries) == 1 else {}),
        "outcome": "refreshed" if any(counts.get(name) for name in _CHANGES) else "skipped",
        "status": _status(plan, counts),
        "counts": counts,
        "still_answering": still_answering,
        "failed": ledgers.failures(lines),
        "version": ledgers.live_version(plan),
        "plan": first,
        "ended": ended,
        "reason": _sum(counts),
    }


def _status(plan: Plan, counts: dict[str, int]) -> str:
    if plan.of(Action.PENDING):
        return "in_work"
    return "incomplete" if any(counts.get(name) for name in _FAILURES) else "in_sync"


def failure(
    result: dict[str, Any], lines: Sequence[dict[str, Any]], stopped: str, final: set[str]
) -> DocumentsFailedError | None:
    """
    Return the error for what could not be done, if anything.

    :param stopped: why the run stopped early
    :param final: keys of documents that would fail again as they are
    """
    failed = [line for line in lines if line["outcome"] in _FAILURES]
    if not failed:
        return None
    for_good = not stopped and all(line["outcome"] == "failed" and line["key"] in final for line in failed)
    first = "; ".join(f"{line['key']}: {str(line.get('reason')).rstrip('.')}" for line in failed[:5])
    again = (
        "It is not tried again, since they would fail again as they are: change them, or set retry_failed='always'."
        if for_good
        else "A retry plans anew and sends only what is missing."
    )
    kind = DocumentsFailedForGoodError if for_good else DocumentsFailedError
    return kind(
        f"{result['target']}: not everything could be brought along ({result['reason']})."
        f"{f' The run stopped early: {stopped}.' if stopped else ''} What succeeded stays, and so does what the vendor "
        f"had of the others. {first}. {again}",
        result,
    )


def _sum(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to do"
