"""
What has to be done so that the knowledge base equals the source: create, update, rename, remove, or nothing.

Pure and whole: made from the source's documents, the vendor's list and the caller's wishes, before anything is
written. Making it again after a kill *is* the resume.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


#: Actions that write before the wait, and those that remove after it.
WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.RENAME, Action.ADOPT})
REMOVALS = frozenset({Action.SUPERSEDED, Action.DELETE})

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """
    What the caller wants, what the vendor can do, and what is known of earlier writes.

    :param patches_text: the vendor can give an entry another text
    :param patches_title: the vendor can give an entry another title
    :param strategy: ``auto``, ``update`` or ``replace``
    :param fresh: no process that could still upload a file is alive: what awaits its upload is lost
    :param proving: entries whose write is not proven yet; they count as on their way
    :param doubted: entries whose last write an earlier process never saw proven: it is repeated
    :param distrusted: entries whose repeated write could not be proven either: they are replaced
    :param tried: key hashes that this run has written
    :param given_up: key hashes that this run will not try again, with the reason
    """

    delete_missing: bool = False
    strategy: str = "auto"
    retry_failed: str = "changed"
    patches_text: bool = True
    patches_title: bool = True
    fresh: bool = True
    proving: frozenset[int | str] = frozenset()
    doubted: frozenset[int | str] = frozenset()
    distrusted: frozenset[int | str] = frozenset()
    tried: Container[str] = frozenset()
    given_up: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    All rows, in the source's order, then the entries whose documents are gone.

    :param live: how many documents the vendor holds an entry for that is not failed
    """

    rows: tuple[Row, ...]
    live: int

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
        """How many live documents would be lost, what ``max_deletes`` is about; one that has moved is not."""
        staying: set[tuple[Kind | None, str]] = {
            (row.wanted.kind, row.wanted.digest)
            for row in self.rows
            if row.wanted and row.action not in (Action.FAILED, Action.SKIPPED, Action.KEPT_STALE)
        }
        doomed = [
            (row.key_hash, (row.entry.kind, row.entry.digest))
            for row in self.of(Action.DELETE)
            if row.entry and not row.entry.failed
        ]
        return len({key for key, content in doomed if content not in staying})

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


def make(wanted: Iterable[Wanted], held: Sequence[Held], wishes: Wishes) -> Plan:
    """Compare what is wanted with what is held."""
    by_key: dict[str, list[Held]] = defaultdict(list)
    for entry in held:
        by_key[entry.key_hash].append(entry)
    live = sum(any(not entry.failed for entry in entries) for entries in by_key.values())
    rows: list[Row] = []
    lost = [entry for entry in held if wishes.fresh and entry.awaits_upload]
    for entry in lost:
        by_key[entry.key_hash].remove(entry)
    for document in wanted:
        rows += _rows_of(document, by_key.pop(document.key_hash, []), wishes)
    if wishes.delete_missing:  # only a source that claims to be whole tells what has left it
        rows = _moved(_renamed(rows, by_key, wishes), by_key)
    rows += [_about(Action.SUPERSEDED, entry, "its file never came") for entry in lost]
    gone = Action.DELETE if wishes.delete_missing else Action.MISSING
    rows += [_about(gone, entry) for entries in by_key.values() for entry in entries]
    return Plan(tuple(rows), live)


def adopt(plan: Plan, loose: Sequence[Held]) -> Plan:
    """Take over entries that bear nobody's mark: those whose title is a new document's, one to one."""
    by_title: dict[str, list[Held]] = defaultdict(list)
    for entry in loose:
        by_title[entry.title].append(entry)
    titles = Counter(row.wanted.title for row in plan.of(Action.CREATE) if row.wanted)

    def adopted(row: Row) -> Row:
        if row.action is not Action.CREATE or row.wanted is None or titles[row.wanted.title] != 1:
            return row
        entries = by_title.get(row.wanted.title, [])
        return replace(row, action=Action.ADOPT, entry=entries[0]) if len(entries) == 1 else row

    return Plan(tuple(adopted(row) for row in plan.rows), plan.live)


def _about(action: Action, entry: Held, reason: str = "") -> Row:
    return Row(
        action=action,
        key=entry.title or entry.key_hash,
        key_hash=entry.key_hash,
        entry=entry,
        reason=reason,
    )


def _rows_of(document: Wanted, entries: list[Held], wishes: Wishes) -> Iterator[Row]:
    def row(action: Action, entry: Held | None = None, method: Method | None = None, reason: str = "") -> Row:
        return Row(
            action=action,
            key=document.key,
            key_hash=document.key_hash,
            wanted=document,
            entry=entry,
            method=method,
            reason=reason,
        )

    entries = sorted(entries, key=lambda entry: entry.age, reverse=True)
    best = next((entry for entry in entries if entry.usable), entries[0] if entries else None)
    if document.skip is not None:
        action = Action.KEPT_STALE if best else Action.SKIPPED
        yield row(action, best, reason=f"{document.skip}: {document.detail}".rstrip(": "))
        return
    right = [e for e in entries if e.digest == document.digest and e.id not in wishes.distrusted]
    ready = [entry for entry in right if entry.usable]
    trusted = [entry for entry in ready if entry.id not in wishes.doubted]
    if trusted:
        # Of equals the oldest: a copy made by hand bears its original's mark, and may say something else.
        yield from _kept(document, trusted[-1], entries, wishes, row)
        return
    if document.key_hash in wishes.given_up:
        told = row(Action.FAILED, best, reason=wishes.given_up[document.key_hash])
    elif ready:
        told = row(Action.UPDATE, ready[0], Method.PATCH, "an earlier try was cut off in this write")
    elif (coming := next((entry for entry in right if _coming(entry, wishes)), None)) is not None:
        told = row(Action.PENDING, coming)
    elif best is not None and best.id in wishes.proving and best.key_hash in wishes.tried:
        told = row(Action.PENDING, best, reason="the list is behind what was written")
    elif (dead := next((entry for entry in right if _dead(entry, wishes)), None)) is not None:
        told = row(Action.FAILED, dead, reason=_trouble(dead))
    elif best is None:
        told = row(Action.CREATE)
    else:
        told = row(Action.UPDATE, best, _method(document, best, wishes))
    yield told
    for entry in _outlived(document, entries, told.entry, wishes):
        yield _about(
            Action.SUPERSEDED, entry, reason="a later version answers" if entry.usable else "it failed"
        )


def _outlived(document: Wanted, entries: Sequence[Held], kept: Held | None, wishes: Wishes) -> Iterator[Held]:
    """
    Yield entries that a newer one has outlived, although the newest is not ready yet.

    A version goes once a later one is usable; of those that the vendor could not process, the last one of the
    present content stays, as the sign that it was tried.

    :param entries: of one document, youngest first
    """
    untrusted = wishes.doubted | wishes.proving | wishes.distrusted
    newest = next((each for each in entries if each.usable and each.id not in untrusted), None)
    tried = next((each for each in entries if each.failed and each.digest == document.digest), None)
    for entry in entries:
        if entry is kept or entry is newest:
            continue
        later = newest is not None and entry.age < newest.age and newest.digest != entry.digest
        if entry is not tried if entry.failed else entry.usable and later and entry.digest != document.digest:
            yield entry


def _kept(
    document: Wanted, keep: Held, entries: list[Held], wishes: Wishes, row: Callable[..., Row]
) -> Iterator[Row]:
    """The vendor has it, ready; what else it has under this key may go."""
    if keep.id in wishes.proving:
        yield row(Action.PENDING, keep, reason="nothing shows yet that it was processed since the write")
        return
    fixed = document.key_hash in wishes.tried or document.key_hash in wishes.given_up
    if wishes.patches_title and keep.title != document.title and not fixed:
        yield row(Action.RENAME, keep, reason="another title")
    else:
        yield row(Action.UNCHANGED, keep)
    for entry in entries:
        if entry is not keep:
            yield row(Action.SUPERSEDED, entry, reason=f"by entry {keep.id}")


def _coming(entry: Held, wishes: Wishes) -> bool:
    """On its way; stuck with an error only if this run wrote it, or else a write repairs it."""
    return entry.working or (entry.stuck and entry.key_hash in wishes.tried)


def _dead(entry: Held, wishes: Wishes) -> bool:
    """The vendor could not process this very content; sent again it would fail again."""
    return entry.failed and (wishes.retry_failed != "always" or entry.key_hash in wishes.tried)


def _method(document: Wanted, entry: Held, wishes: Wishes) -> Method:
    if document.kind is Kind.URL and entry.url == document.url:
        return Method.RECREATE
    patchable = (
        wishes.patches_text
        and wishes.strategy != "replace"
        and document.kind is Kind.TEXT
        and entry.kind is Kind.TEXT
        and not entry.failed
    )
    if not patchable or entry.id in wishes.distrusted:
        return Method.REPLACE
    return Method.LATER if entry.working else Method.PATCH


def _renamed(rows: list[Row], left: dict[str, list[Held]], wishes: Wishes) -> list[Row]:
    """Give entries whose document is gone to new documents of the same content, where that is one to one."""
    if not wishes.patches_title:
        return rows
    free: dict[tuple[Kind | None, str], list[Held]] = defaultdict(list)
    for entries in left.values():
        for entry in entries:
            if entry.usable and entry.digest != UNSEEN and entry.id not in wishes.doubted | wishes.proving:
                free[entry.kind, entry.digest].append(entry)
    new = Counter(
        (row.wanted.kind, row.wanted.digest) for row in rows if row.action is Action.CREATE and row.wanted
    )
    renamed: list[Row] = []
    for row in rows:
        name = (row.wanted.kind, row.wanted.digest) if row.wanted else None
        if row.action is not Action.CREATE or name is None or new[name] != 1 or len(free.get(name, ())) != 1:
            renamed.append(row)
            continue
        (entry,) = free.pop(name)
        left[entry.key_hash].remove(entry)
        reason = f"was {entry.title!r}" if entry.title else ""
        renamed.append(replace(row, action=Action.RENAME, entry=entry, reason=reason))
    return renamed


def _moved(rows: list[Row], left: dict[str, list[Held]]) -> list[Row]:
    """Give a page that moved to another key its entry along: the vendor takes a URL once, and 409s until it goes."""
    pages = {entry.url: entry for entries in left.values() for entry in entries if entry.url is not None}
    moved: list[Row] = []
    for row in rows:
        url = row.wanted.url if row.action is Action.CREATE and row.wanted else None
        entry = pages.pop(url, None) if url is not None else None
        if entry is None:
            moved.append(row)
            continue
        left[entry.key_hash].remove(entry)
        reason = f"was {entry.title!r}" if entry.title else ""
        moved.append(replace(row, action=Action.UPDATE, method=Method.RECREATE, entry=entry, reason=reason))
    return moved


def _trouble(entry: Held) -> str:
    return f"{entry.seen.status}: {entry.seen.error}" if entry.seen.error else str(entry.seen.status)


def _content(wanted: Wanted | None) -> tuple[str, str, str]:
    return (str(wanted.kind), wanted.title, wanted.digest) if wanted else ("", "", "")


def _id(entry: Held | None) -> str:
    return str(entry.id) if entry else ""
