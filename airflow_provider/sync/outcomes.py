"""What became of each document: counts that add up, the small result, and the whole story as JSON lines."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider.refresh.observation import shorten
from airflow_provider.sync.documents import Deletion, Skip, version_of
from airflow_provider.sync.plan import OF_DOCUMENTS, Action, Plan, Row
from airflow_provider.sync.saved_state import Done

if TYPE_CHECKING:
    from airflow_provider.errors import ApiError
    from airflow_provider.sync.writing import Writer

#: Characters that the result has for failed documents; the report has all of them.
_ROOM = 1000

_DONE = {Done.CREATED: "created", Done.UPDATED: "updated", Done.RENAMED: "renamed", Done.JOINED: "joined"}


@dataclass
class Ledger:
    """
    Outcomes of one run.

    :ivar removed: what became of entries, by their ids
    :ivar superseded: how many were removed because another took their place
    :ivar still_answering: how many deletions the vendor has accepted only: it may answer from them for a day
    """

    removed: dict[int | str, tuple[Row, str, str]] = field(default_factory=dict)
    superseded: int = 0
    still_answering: int = 0

    def note(self, row: Row, answer: Deletion | None, error: ApiError | None) -> None:
        """Take the end of one deletion."""
        assert row.entry is not None
        self.still_answering += answer is Deletion.ACCEPTED
        if error is not None:
            outcome = "delete_refused"
        elif row.action is Action.SUPERSEDED:
            outcome = "superseded"
            self.superseded += 1
        else:
            outcome = "delete_accepted" if answer is Deletion.ACCEPTED else "deleted"
        self.removed[row.entry.id] = (row, outcome, str(error or ""))

    def withhold(self, rows: tuple[Row, ...], why: str) -> None:
        """Note deletions that were not even asked for."""
        for row in rows:
            assert row.entry is not None
            self.removed[row.entry.id] = (row, "delete_withheld", why)

    def outcomes(self, plan: Plan, writer: Writer) -> Iterator[dict[str, Any]]:
        """Tell each document of the source, then each entry that left."""
        for row in plan.rows:
            if row.action in OF_DOCUMENTS:
                outcome, reason = _outcome(row, writer)
                yield _line(row, outcome, reason, writer.request_ids.get(row.key_hash))
            elif row.action is Action.MISSING:
                yield _line(row, "missing", "its document left the source; delete_missing is off")
        for row, outcome, reason in self.removed.values():
            yield _line(row, outcome, reason or row.reason)


def _outcome(row: Row, writer: Writer) -> tuple[str, str]:
    done, reason = writer.done.get(row.key_hash), writer.given_up.get(row.key_hash) or row.reason
    if row.action is Action.UNCHANGED or (row.action is Action.PENDING and row.key_hash in writer.done):
        return (_DONE[done], "") if done else ("unchanged", "")
    if row.action is Action.PENDING:
        return "joined", ""
    if row.action in (Action.KEPT_STALE, Action.SKIPPED):
        unread = row.wanted is not None and row.wanted.skip is Skip.UNREADABLE
        return "failed" if unread else "skipped", row.reason
    return "failed", reason or writer.stopped or "it was not sent"


def _line(row: Row, outcome: str, reason: str, request_id: str | None = None) -> dict[str, Any]:
    told = {
        "key": row.key,
        "outcome": outcome,
        "entry_id": row.entry.id if row.entry else None,
        "digest": row.wanted.digest if row.wanted else None,
        "reason": reason or None,
        "request_id": request_id,
    }
    return {name: value for name, value in told.items() if value is not None}


def live_version(plan: Plan) -> str:
    """Return the version of what the vendor holds and is ready, which is the source's where nothing failed."""
    return version_of(
        (row.key_hash, row.entry.digest)
        for row in plan.rows
        if row.action in OF_DOCUMENTS and row.entry is not None and row.entry.usable
    )


def counts(lines: list[dict[str, Any]]) -> dict[str, int]:
    """Count outcomes."""
    return dict(Counter(line["outcome"] for line in lines))


def failures(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first failed documents, as many as the small result has room for."""
    told: list[dict[str, Any]] = []
    for line in lines:
        if line["outcome"] != "failed":
            continue
        short = {name: shorten(line[name], 80) for name in ("key", "reason", "request_id") if line.get(name)}
        if len(json.dumps([*told, short])) > _ROOM:
            break
        told.append(short)
    return told


def write_report(path: str, head: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """Write the run, then one line for each outcome, to object storage."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    place = ObjectStoragePath(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", encoding="utf-8") as file:
        for line in ({"run": head, "written": round(time.time(), 3)}, *lines):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
