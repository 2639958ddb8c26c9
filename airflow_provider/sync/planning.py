"""
What has to be done so that the knowledge base equals the source: create, update, rename, remove, or nothing.

Pure and whole: made from the source's documents, the vendor's list, what the caller wants and what this run knows,
before anything is written. Making it again after a kill *is* the resume.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import urlsplit

from airflow_provider.sync import confirmation
from airflow_provider.sync.documents import Held, Kind, Wanted
from airflow_provider.sync.mark import UNSEEN, bare_title
from airflow_provider.sync.plan import Action, Method, Plan, Row
from airflow_provider.sync.state import Done, SyncState
from airflow_provider.texts import one_line, word


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """
    What the caller wants, and what the vendor can do.

    :param delete_missing: the source is whole: what it does not name has left it
    :param strategy: ``auto``, ``update`` or ``replace``
    :param patches: the vendor can give an entry another text or title
    :param fresh: no process that could still upload a file is alive: what awaits its upload is lost
    :param sync_id: entries that bear another one's mark are taken over; empty: none does
    :param on_drift: ``overwrite``, ``keep`` or ``fail``: what somebody edited by hand
    """

    delete_missing: bool = False
    strategy: str = "auto"
    retry_failed: str = "changed"
    patches: bool = True
    fresh: bool = True
    sync_id: str = ""
    on_drift: str = "overwrite"


def make_plan(wanted: Iterable[Wanted], held: Sequence[Held], options: PlanOptions, state: SyncState) -> Plan:
    """Compare what is wanted with what is held."""
    by_key: dict[str, list[Held]] = defaultdict(list)
    for entry in held:
        by_key[entry.key_hash].append(entry)
    live = sum(any(not entry.failed for entry in entries) for entries in by_key.values())
    rows: list[Row] = []
    lost: list[Held] = []
    for document in wanted:
        entries = by_key.pop(document.key_hash, [])
        lost += [entry for entry in entries if _is_lost(entry, options)]
        rows += _rows_of(document, [e for e in entries if not _is_lost(e, options)], options, state)
    if options.delete_missing:  # only a source that claims to be whole tells what has left it
        for entries in by_key.values():
            lost += [entry for entry in entries if _is_lost(entry, options)]
            entries[:] = [entry for entry in entries if not _is_lost(entry, options)]
        rows = _moved(_renamed(rows, by_key, options, state), by_key)
    rows += [_about(Action.SUPERSEDED, entry, "its file never came") for entry in lost]
    failed = {(r.wanted.kind, r.wanted.digest) for r in rows if r.wanted and r.action is Action.FAILED}
    for entry in (entry for entries in by_key.values() for entry in entries):
        if not options.delete_missing:
            rows.append(_about(Action.MISSING, entry))
        elif entry.usable and (entry.kind, entry.digest) in failed:
            rows.append(_about(Action.MISSING, entry, "kept: what it says failed under its new key"))
        else:
            rows.append(_about(Action.DELETE, entry))
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

    return replace(plan, rows=tuple(adopted(row) for row in plan.rows))


def same_title(title: str, held: str) -> bool:
    """Is a title what was sent, however the vendor spells it (``&amp;``, another composition, blanks)?"""
    return title == held or bare_title(unescape(title)) == bare_title(unescape(held))


def same_page(url: str | None, held: str | None) -> bool:
    """Is an address what was sent, however the vendor spells it (a slash at its end, its host in capitals)?"""
    return url is not None and held is not None and _page(url) == _page(held)


def _page(url: str) -> tuple[str, str, str, str]:
    parts = urlsplit(url.strip())
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query


def _is_lost(entry: Held, options: PlanOptions) -> bool:
    return options.fresh and entry.awaits_upload


def _about(action: Action, entry: Held, reason: str = "") -> Row:
    return Row(
        action=action,
        key=word(entry.title, len(entry.title)) or entry.key_hash,
        key_hash=entry.key_hash,
        entry=entry,
        reason=reason,
    )


def _rows_of(document: Wanted, entries: list[Held], options: PlanOptions, state: SyncState) -> Iterator[Row]:
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
    known = state.of(document.key_hash)
    if best is not None and best.id in state.drifted and not known.done:
        action = Action.KEPT_STALE if options.on_drift == "keep" else Action.FAILED
        yield row(action, best, reason=_drifted(best))
        return
    right = [e for e in entries if e.digest == document.digest and e.id not in state.distrusted]
    ready = [entry for entry in right if entry.usable]
    trusted = [entry for entry in ready if entry.id not in state.doubted]
    mine = [entry for entry in trusted if _is_ours(entry, options)]
    if trusted and not mine:
        begun = [entry for entry in right if _is_ours(entry, options)]
        if (told := _taking_over(begun, options, state, row)) is not None:
            yield told
            return
    if trusted:
        # Of equals the oldest: a copy made by hand bears its original's mark, and may say something else.
        yield from _kept(document, (mine or trusted)[-1], entries, options, state, row)
        return
    if known.given_up:
        told = row(Action.FAILED, best, reason=known.given_up)
    elif ready:
        told = row(Action.UPDATE, ready[0], Method.PATCH, "an earlier try was cut off in this write")
    elif (coming := next((entry for entry in right if _coming(entry, state)), None)) is not None:
        told = row(Action.PENDING, coming)
    elif known.done is Done.ROLLED_BACK and best is not None and best.working:
        told = row(Action.PENDING, best, reason="the old text is on its way back")
    elif best is not None and confirmation.is_open(state, best) and state.tried(best.key_hash):
        told = row(Action.PENDING, best, reason="the list is behind what was written")
    elif (dead := next((entry for entry in right if _dead(entry, options, state)), None)) is not None:
        told = row(Action.FAILED, dead, reason=_trouble(dead))
        if not any(entry.usable or entry.working for entry in entries):
            if known.done is Done.ROLLED_BACK:  # once in a run
                told = replace(told, method=Method.ROLL_BACK)
            elif (lost := _lost_text(document, dead, entries, state)) is not None:
                told = replace(told, action=Action.UPDATE, entry=lost, method=Method.ROLL_BACK)
    elif best is None:
        told = row(Action.CREATE)
    else:
        told = row(Action.UPDATE, best, _method(document, best, options, state))
    yield told
    for entry in _outlived(document, entries, told.entry, state):
        yield _about(Action.SUPERSEDED, entry, "a later version answers" if entry.usable else "it failed")


def _taking_over(
    begun: Sequence[Held], options: PlanOptions, state: SyncState, row: Callable[..., Row]
) -> Row | None:
    """
    Say how far the entry is that takes the place of another sync's, where one was begun; that one answers meanwhile.

    :param begun: our entries of the present content, none of them ready
    """
    for entry in begun:
        if why := state.of(entry.key_hash).given_up:
            return row(Action.FAILED, entry, reason=why)
        if _coming(entry, state):
            return row(Action.PENDING, entry)
        if _dead(entry, options, state):
            return row(Action.FAILED, entry, reason=_trouble(entry))
    return None


def _is_ours(entry: Held, options: PlanOptions) -> bool:
    return not options.sync_id or entry.sync_id in ("", options.sync_id)


def _lost_text(document: Wanted, dead: Held, entries: Sequence[Held], state: SyncState) -> Held | None:
    """
    Return the entry whose text can come back, where nothing of a document answers any more.

    Either it was kept before it was written over, or the vendor holds it in an entry that was to bring it back and
    could not be processed either; once more is tried, and no more.
    """
    if dead.id in state.backups:
        return dead
    former = _former(document, entries)
    return former[0] if len(former) == 1 else None


def _former(document: Wanted, entries: Sequence[Held]) -> list[Held]:
    """Return the failed entries of the last text before the present one."""
    others = [
        e for e in entries if e.failed and e.kind is Kind.TEXT and e.digest not in (document.digest, UNSEEN)
    ]
    return [entry for entry in others if entry.digest == others[0].digest]


def _outlived(
    document: Wanted, entries: Sequence[Held], kept: Held | None, state: SyncState
) -> Iterator[Held]:
    """
    Yield entries that a newer one has outlived, although the newest is not ready yet.

    A version goes once a later one is usable; of those that the vendor could not process, the last one of the
    present content stays, as the sign that it was tried.

    :param entries: of one document, youngest first
    """
    newest = next((each for each in entries if each.usable and _is_trusted(each, state)), None)
    tried = next((each for each in entries if each.failed and each.digest == document.digest), None)
    spared = _former(document, entries) if tried is not None and newest is None else []
    for entry in entries:
        if entry is kept or entry is newest or entry.id in state.backups or entry in spared:
            continue
        later = newest is not None and entry.age < newest.age and newest.digest != entry.digest
        if entry is not tried if entry.failed else entry.usable and later and entry.digest != document.digest:
            yield entry


def _is_trusted(entry: Held, state: SyncState) -> bool:
    return not (
        entry.id in state.doubted or entry.id in state.distrusted or confirmation.is_open(state, entry)
    )


def _kept(
    document: Wanted,
    keep: Held,
    entries: list[Held],
    options: PlanOptions,
    state: SyncState,
    row: Callable[..., Row],
) -> Iterator[Row]:
    """The vendor has it, ready; what else it has under this key may go."""
    known = state.of(document.key_hash)
    if confirmation.is_open(state, keep):
        yield row(Action.PENDING, keep, reason="nothing shows yet that it was processed since the write")
        return
    fixed = known.done is not None or bool(known.given_up)
    if keep.sync_id != options.sync_id and options.sync_id and keep.sync_id and not fixed:
        if options.patches:
            yield row(Action.RENAME, keep, reason=f"of sync {keep.sync_id!r}")
        else:  # a new entry bears our mark; the old one goes once it is ready
            yield row(Action.UPDATE, keep, Method.REPLACE, f"of sync {keep.sync_id!r}")
            return
    elif options.patches and not same_title(document.title, keep.title) and not fixed:
        yield row(Action.RENAME, keep, reason="another title")
    else:
        yield row(Action.UNCHANGED, keep)
    for entry in entries:
        if entry is not keep:
            yield _about(Action.SUPERSEDED, entry, reason=f"by entry {keep.id}")


def _coming(entry: Held, state: SyncState) -> bool:
    """On its way; stuck with an error only if this run wrote it, or else a write repairs it."""
    return entry.working or (entry.stuck and state.tried(entry.key_hash))


def _dead(entry: Held, options: PlanOptions, state: SyncState) -> bool:
    """The vendor could not process this very content; sent again it would fail again."""
    return entry.failed and (options.retry_failed != "always" or state.tried(entry.key_hash))


def _method(document: Wanted, entry: Held, options: PlanOptions, state: SyncState) -> Method:
    if document.kind is Kind.URL and same_page(document.url, entry.url):
        return Method.RECREATE
    patchable = (
        options.patches
        and options.strategy != "replace"
        and document.kind is Kind.TEXT
        and entry.kind is Kind.TEXT
        and not entry.failed
    )
    if not patchable or entry.id in state.distrusted:
        return Method.REPLACE
    return Method.LATER if entry.working else Method.PATCH


def _renamed(
    rows: list[Row], left: dict[str, list[Held]], options: PlanOptions, state: SyncState
) -> list[Row]:
    """Give entries whose document is gone to new documents of the same content, where that is one to one."""
    if not options.patches:
        return rows
    free: dict[tuple[Kind | None, str], list[Held]] = defaultdict(list)
    for entries in left.values():
        for entry in entries:
            if entry.usable and entry.digest != UNSEEN and _is_trusted(entry, state):
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
        reason = f"was {one_line(entry.title, 60)!r}" if entry.title else ""
        action = Action.RENAME
        if entry.id in state.drifted and options.on_drift == "fail":
            action, reason = Action.FAILED, _drifted(entry)
        renamed.append(replace(row, action=action, entry=entry, reason=reason))
    return renamed


def _moved(rows: list[Row], left: dict[str, list[Held]]) -> list[Row]:
    """Give a page that moved to another key its entry along: the vendor takes a URL once, and 409s until it goes."""
    pages = {_page(entry.url): entry for entries in left.values() for entry in entries if entry.url}
    moved: list[Row] = []
    for row in rows:
        url = row.wanted.url if row.action is Action.CREATE and row.wanted else None
        entry = pages.pop(_page(url), None) if url is not None else None
        if entry is None:
            moved.append(row)
            continue
        left[entry.key_hash].remove(entry)
        reason = f"was {one_line(entry.title, 60)!r}" if entry.title else ""
        moved.append(replace(row, action=Action.UPDATE, method=Method.RECREATE, entry=entry, reason=reason))
    return moved


def _drifted(entry: Held) -> str:
    return f"drifted: somebody edited entry {entry.id} by hand"


def _trouble(entry: Held) -> str:
    return f"{entry.seen.status}: {entry.seen.error}" if entry.seen.error else str(entry.seen.status)
