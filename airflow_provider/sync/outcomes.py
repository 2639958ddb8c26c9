"""What became of each document and of each entry that left: counts that add up, the result, the report, the error."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import ApiError, DocumentsFailedError, DocumentsFailedForGoodError
from airflow_provider.refresh.observation import shorten
from airflow_provider.sources.values import Skip
from airflow_provider.sync.documents import Deletion, version_of
from airflow_provider.sync.plan import OF_DOCUMENTS, REMOVALS, WRITES, Action, Method, Plan, Row
from airflow_provider.sync.state import Done, SyncState

if TYPE_CHECKING:
    from airflow_provider.sync.destination import Destination

#: Characters that the result has for failed documents; the report has all of them.
_ROOM = 1000

_DONE = {
    Done.CREATED: "created",
    Done.UPDATED: "updated",
    Done.RENAMED: "renamed",
    Done.JOINED: "joined",
    Done.ROLLED_BACK: "rolled_back",
}

#: What makes a run more than a look.
_CHANGES = ("created", "updated", "renamed", "joined", "deleted", "delete_accepted")

_FAILURES = ("failed", "not_sent", "rolled_back", "delete_refused")


@dataclass(frozen=True, slots=True)
class Removals:
    """
    What became of entries that had to go.

    :param ends: the row, the outcome and the reason, by entry
    :param still_answering: how many deletions the vendor has accepted only: it may answer from them for a day
    :param earlier: how many were superseded by earlier processes of this run
    """

    ends: dict[int | str, tuple[Row, str, str]] = field(default_factory=dict)
    still_answering: int = 0
    earlier: int = 0

    @property
    def superseded(self) -> int:
        """How many were removed because another took their place."""
        return self.earlier + sum(outcome == "superseded" for _, outcome, _ in self.ends.values())

    def after(self, rows: Iterable[Row], answers: dict[int | str, Deletion | ApiError | None]) -> Removals:
        """Return this with some answers taken in."""
        ends = dict(self.ends)
        for row in rows:
            if row.entry is None or row.entry.id not in answers:
                continue
            answer = answers[row.entry.id]
            if isinstance(answer, ApiError):
                ends[row.entry.id] = row, "delete_refused", str(answer)
            elif row.action is Action.SUPERSEDED:
                ends[row.entry.id] = row, "superseded", ""
            else:
                outcome = "delete_accepted" if answer is Deletion.ACCEPTED else "deleted"
                ends[row.entry.id] = row, outcome, ""
        accepted = sum(answer is Deletion.ACCEPTED for answer in answers.values())
        return replace(self, ends=ends, still_answering=self.still_answering + accepted)

    def withheld(self, rows: Iterable[Row], why: str) -> Removals:
        """Return this with deletions that were not even asked for."""
        told = {row.entry.id: (row, "delete_withheld", why) for row in rows if row.entry}
        return replace(self, ends={**self.ends, **told})


def summary(state: SyncState) -> str:
    """Say what was done so far."""
    done = Counter(_DONE[each.done] for each in state.documents.values() if each.done)
    return ", ".join(
        [*(f"{count} {name}" for name, count in done.items()), f"{len(state.given_up)} given up"]
    )


def outcomes(plan: Plan, state: SyncState, removals: Removals) -> Iterator[dict[str, Any]]:
    """Tell each document of the source, then each entry that left."""
    for row in plan.rows:
        if row.action in OF_DOCUMENTS:
            outcome, reason = _outcome(row, state)
            yield _line(row, outcome, reason, state.of(row.key_hash).request_id)
        elif row.action is Action.MISSING:
            yield _line(row, "missing", row.reason or "its document left the source; delete_missing is off")
    for row, outcome, reason in removals.ends.values():
        yield _line(row, outcome, reason or row.reason)


def _outcome(row: Row, state: SyncState) -> tuple[str, str]:
    known = state.of(row.key_hash)
    reason = known.given_up or row.reason
    if row.action is Action.UNCHANGED or (row.action is Action.PENDING and known.done):
        return (_DONE[known.done], "") if known.done else ("unchanged", "")
    if row.action is Action.PENDING:
        return "joined", ""
    if row.action in (Action.KEPT_STALE, Action.SKIPPED):
        unread = row.wanted is not None and row.wanted.skip is Skip.UNREADABLE
        return "failed" if unread else "skipped", row.reason
    if row.method is Method.ROLL_BACK:
        return "failed", f"{reason}; nor could the old text be brought back yet, which a retry tries again"
    if known.done is Done.ROLLED_BACK:
        return "rolled_back", f"the vendor could not process it ({reason}); the old text is back"
    if known.unsent:
        return "not_sent", reason
    return "failed", reason or state.stopped or "it was not sent"


def _line(row: Row, outcome: str, reason: str, request_id: str = "") -> dict[str, Any]:
    told = {
        "key": row.key,
        "outcome": outcome,
        "entry_id": row.entry.id if row.entry else None,
        "digest": row.wanted.digest if row.wanted else None,
        "reason": reason or None,
        "request_id": request_id or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def final_keys(plan: Plan, state: SyncState) -> set[str]:
    """Return the keys of documents that would fail again as they are."""
    return {
        row.key
        for row in plan.of(Action.FAILED)
        if row.method is not Method.ROLL_BACK
        and (
            state.of(row.key_hash).final
            or (row.entry and row.wanted and row.entry.failed and row.entry.digest == row.wanted.digest)
        )
    }


# --- the result ----------------------------------------------------------------------------------------------


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
        "changes": any(row.action in WRITES | REMOVALS for row in plan.rows),
        "refused": refused,
        "ended": False,
        "reason": f"dry run, nothing was sent: {_sum(plan.counts)}",
    }


def applied(
    plan: Plan,
    lines: Sequence[dict[str, Any]],
    first: str,
    still_answering: int,
    *,
    ended: bool,
    is_owed: bool,
) -> dict[str, Any]:
    """
    Return what a run adds.

    :param plan: made after everything was done
    :param first: digest of the plan that the run began with
    :param still_answering: entries whose deletion is accepted and may take the vendor a day
    :param ended: whether the end was awaited
    :param is_owed: an earlier try, or night, made a change that no event has told of
    """
    counts = dict(Counter(line["outcome"] for line in lines))
    entries = [row.entry.id for row in plan.rows if row.action in OF_DOCUMENTS and row.entry]
    usable = [row for row in plan.rows if row.entry and row.entry.usable]
    # Where nothing of the source is live, what stayed of an earlier one is: nothing new, that anybody has to pay for.
    live = [row for row in usable if row.action in OF_DOCUMENTS] or [
        row for row in usable if row.action is Action.MISSING
    ]
    changed = is_owed or any(counts.get(name) for name in _CHANGES)
    return {
        **({"entry_id": entries[0]} if len(entries) == 1 else {}),
        "outcome": "refreshed" if changed else "skipped",
        "status": _status(plan, counts),
        "counts": counts,
        "still_answering": still_answering,
        "failed": _failures(lines),
        "version": version_of((row.key_hash, row.entry.digest) for row in live if row.entry),
        "plan": first,
        "ended": ended,
        "reason": _sum(counts) + ("; an earlier try's changes are told with it" if is_owed else ""),
    }


def _status(plan: Plan, counts: dict[str, int]) -> str:
    if plan.of(Action.PENDING):
        return "in_work"
    wanted = [row.wanted for row in plan.rows if row.wanted]
    stale = any(row.wanted and row.wanted.skip is not Skip.EXCLUDED for row in plan.of(Action.KEPT_STALE))
    nothing = bool(wanted) and all(document.skip for document in wanted)
    failed = any(counts.get(name) for name in _FAILURES)
    return "incomplete" if failed or stale or nothing else "in_sync"


def _failures(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first failed documents, as many as the small result has room for."""
    told: list[dict[str, Any]] = []
    for line in lines:
        if line["outcome"] not in ("failed", "not_sent", "rolled_back"):
            continue
        short = {name: shorten(line[name], 80) for name in ("key", "reason", "request_id") if line.get(name)}
        if len(json.dumps([*told, short])) > _ROOM:
            break
        told.append(short)
    return told


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
    for_good = not stopped and all(
        line["outcome"] in ("failed", "rolled_back") and line["key"] in final for line in failed
    )
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


def write_report(path: str, run: dict[str, Any], lines: Iterable[dict[str, Any]]) -> None:
    """Write the run, then one line for each outcome, to object storage."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    place = ObjectStoragePath(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", encoding="utf-8") as file:
        for line in ({"run": run, "written": round(time.time(), 3)}, *lines):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
