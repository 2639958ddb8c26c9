"""A plan: what becomes of each document, and of each entry whose document is gone; its counts, its name, its limits."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider.sync.documents import Held, Kind, Wanted
from airflow_provider.sync.mark import UNSEEN


class Action(StrEnum):
    """What becomes of a document, or of an entry whose document is gone."""

    CREATE = "create"
    UPDATE = "update"
    RENAME = "rename"
    ADOPT = "adopt"
    UNCHANGED = "unchanged"
    PENDING = "pending"
    KEPT_STALE = "kept_stale"
    SKIPPED = "skipped"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    DELETE = "delete"
    MISSING = "missing"


class Method(StrEnum):
    """How an update is done."""

    PATCH = "patch"  # the same entry gets the new text
    REPLACE = "replace"  # a new entry; the old one goes once the new one is ready
    RECREATE = "recreate"  # delete, then create: the vendor takes a URL only once
    LATER = "later"  # the entry is still at work on an older text, whose end could not be told from ours
    ROLL_BACK = "roll_back"  # the vendor could not process the new text: the old one is created again


#: Actions that write before the wait, and those that remove after it.
WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.RENAME, Action.ADOPT})
REMOVALS = frozenset({Action.SUPERSEDED, Action.DELETE})

#: Methods that create an entry.
CREATING = frozenset({Method.REPLACE, Method.RECREATE, Method.ROLL_BACK})

#: One for each document of the source; the rest are about entries.
OF_DOCUMENTS = frozenset(Action) - REMOVALS - {Action.MISSING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One line of a plan.

    :param key: the document's key; for an entry whose document is gone, its title
    :param entry: the entry that it is about, if there is one
    """

    action: Action
    key: str
    key_hash: str
    wanted: Wanted | None = None
    entry: Held | None = None
    method: Method | None = None
    reason: str = ""

    def __str__(self) -> str:
        what = f"{self.action} {self.key}"
        told = [f"entry {self.entry.id}"] if self.entry else []
        told += [str(self.method)] if self.method and self.method is not Method.PATCH else []
        told += [self.reason] if self.reason else []
        return f"{what} ({', '.join(told)})" if told else what


@dataclass(frozen=True, slots=True)
class Plan:
    """
    All rows, in the source's order, then the entries whose documents are gone.

    :param live: how many documents the vendor holds an entry for that is not failed
    :param moved: how many documents differ from what this run began with; the next run brings them along
    """

    rows: tuple[Row, ...]
    live: int
    moved: int = 0

    def of(self, *actions: Action) -> tuple[Row, ...]:
        """Return the rows of some actions."""
        return tuple(row for row in self.rows if row.action in actions)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each action."""
        found = Counter(row.action for row in self.rows)
        return {str(action): found[action] for action in Action if found[action]}

    @property
    def writes(self) -> tuple[Row, ...]:
        """What is sent before the wait."""
        return tuple(row for row in self.rows if row.action in WRITES and row.method is not Method.LATER)

    @property
    def settled(self) -> bool:
        """Nothing is to be sent before the removals, and nothing is on its way."""
        return not any(row.action in WRITES or row.action is Action.PENDING for row in self.rows)

    @property
    def deletions(self) -> int:
        """
        How many live documents would be lost, what ``max_deletes`` is about; one that has moved is not.

        A document that stays stands for one that goes: of twenty that say the same, one does not stand for all.
        """
        staying: Counter[tuple[Kind | None, str]] = Counter(
            (row.wanted.kind, row.wanted.digest)
            for row in self.rows
            if row.wanted and row.action not in (Action.FAILED, Action.SKIPPED, Action.KEPT_STALE)
        )
        doomed: dict[str, set[tuple[Kind | None, str]]] = defaultdict(set)
        for row in self.of(Action.DELETE):
            if row.entry and not row.entry.failed:
                doomed[row.key_hash].add((row.entry.kind, row.entry.digest))
        lost = 0
        for contents in doomed.values():
            if all(staying[content] > 0 for content in contents):
                staying.subtract(contents)
            else:
                lost += 1
        return lost

    @property
    def overwrites(self) -> int:
        """How many live documents would get another content: what ``max_changes`` is about."""
        return sum(
            row.entry is not None and row.entry.usable and row.entry.digest != UNSEEN
            for row in self.of(Action.UPDATE)
        )

    @property
    def digest(self) -> str:
        """Return a name for what would be done; the same plan has the same name."""
        told = sorted(
            "\0".join((row.action, row.method or "", row.key_hash, *_content(row.wanted), _id(row.entry)))
            for row in self.rows
            if row.action not in (Action.UNCHANGED, Action.MISSING)
        )
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def lines(self, cap: int = 50) -> Iterator[str]:
        """Tell the plan: the counts, then what changes, a few rows of each action."""
        yield ", ".join(f"{count} {action}" for action, count in self.counts.items()) or "nothing at all"
        for action in Action:
            rows = () if action is Action.UNCHANGED else self.of(action)
            yield from (f"  {row}" for row in rows[:cap])
            if len(rows) > cap:
                yield f"  … and {len(rows) - cap} more to {action}"


def _content(wanted: Wanted | None) -> tuple[str, str, str]:
    return (str(wanted.kind), wanted.title, wanted.digest) if wanted else ("", "", "")


def _id(entry: Held | None) -> str:
    return str(entry.id) if entry else ""
