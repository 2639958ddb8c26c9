"""From a plan to requests: in which order, what is kept and noted before, and what is looked at after."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import MarkLostError
from airflow_provider.refresh.schedule import FIRST_PAUSES
from airflow_provider.sync import confirmation
from airflow_provider.sync.documents import Held, Kind, Wanted
from airflow_provider.sync.mark import UNSEEN, Mark, digest_of
from airflow_provider.sync.plan import Action, Method, Plan, Row
from airflow_provider.sync.planning import same_title
from airflow_provider.sync.state import Done, SyncState
from airflow_provider.sync.writing import Batch, Writer, is_whole

if TYPE_CHECKING:
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.journal import Journal
    from airflow_provider.sync.options import SyncOptions
    from airflow_provider.sync.session import Session

#: Rows sent before the entries among them are looked at: W has to be read soon after the write.
BATCH = 100

#: Entries that an error names.
_NAMED = 10


class Applier:
    """
    Sends what a plan says before the wait.

    :param backups: texts that are kept before they are written over, by digest; grows
    """

    def __init__(
        self,
        *,
        session: Session,
        destination: Destination,
        options: SyncOptions,
        journal: Journal,
        writer: Writer,
        backups: dict[str, bytes],
        log: Any,
    ) -> None:
        self._session = session
        self._destination = destination
        self._options = options
        self._journal = journal
        self._writer = writer
        self._backups = backups
        self._log = log
        self._ripe_at: float | None = None

    def send(
        self,
        plan: Plan,
        state: SyncState,
        keep: Callable[[SyncState], None],
        changed: Callable[[Mapping[str, Wanted]], None],
    ) -> SyncState:
        """
        Send, then look until each entry that was written over has shown a sign, or its grace is over.

        What a look showed lives in this process only, so it does not end before.

        :param keep: takes the state after each step, should the next one raise
        :param changed: takes documents that are not what was planned any more
        :raises MarkLostError: the vendor has what was created, but does not show it by its mark
        """
        before = {row.entry.id: row.entry for row in plan.rows if row.entry}
        for rows in _batches(self.ripe(plan, state), probe=not self._session.held):
            if state.stopped:
                break
            state = self._send(rows, state, keep, changed)
            keep(state)
            if len(rows) == 1:
                state = self._await_listed(state, before)
        if state.stopped:
            late = (row for row in plan.rows if row.method is Method.LATER)
            unsent = {
                row.key_hash: f"not sent: {state.stopped}"
                for row in (*plan.writes, *late)
                if not state.tried(row.key_hash)
            }
            state = state.give_up(unsent, unsent=True)
            keep(state)
        state = self._respelt(plan, self._await_signs(self._await_listed(state, before)))
        self._journal.unproven(state.unproven)
        return state

    def ripe(self, plan: Plan, state: SyncState) -> list[Row]:
        """Return the rows to send now; entries whose last step may be still to come go last, after a grace."""
        rows = [row for row in plan.writes if not state.of(row.key_hash).given_up]
        late = {
            id(row)
            for row in rows
            if row.method is Method.PATCH and row.entry and self._destination.unripe(row.entry)
        }
        if not late:
            return rows
        if self._ripe_at is None:
            self._ripe_at = time.time() + self._options.start_grace
        if time.time() >= self._ripe_at:
            return rows
        ripe = [row for row in rows if id(row) not in late]
        if not ripe:
            self._session.sleep(self._ripe_at - time.time())
        return ripe

    def _send(
        self,
        rows: Sequence[Row],
        state: SyncState,
        keep: Callable[[SyncState], None],
        changed: Callable[[Mapping[str, Wanted]], None],
    ) -> SyncState:
        over = [row.entry for row in rows if row.method is Method.PATCH and row.entry]
        if over:
            state, rows = self._back_up(state, rows, {entry.id: entry for entry in over})
            still = {row.entry.id for row in rows if row.method is Method.PATCH and row.entry}
            over = [e for e in over if e.id in still and self._writer.may_overwrite(e, state)]
            state = confirmation.begin(state, over, self._options.start_grace, time.time())
        self._journal.unproven(state.unproven)
        batch = Batch(state)
        try:
            self._session.ask(lambda: self._writer.send(self._session.client, rows, batch))
        finally:
            state = confirmation.drop(batch.after(), batch.refused)
            changed(batch.wanted)
            keep(state)
        return self._look(state) if over else state

    # --- texts that a write destroys ---------------------------------------------------------------------

    def _back_up(
        self, state: SyncState, rows: Sequence[Row], over: Mapping[int | str, Held]
    ) -> tuple[SyncState, Sequence[Row]]:
        """
        Read and keep the texts that are about to be written over; the mark's digest tells whether one is whole.

        One that is not is no text of ours: somebody edited it, or the vendor shows only a part.
        """
        read: dict[int | str, Held] = {}

        async def one(entry_id: int | str) -> None:
            for entry in await self._destination.get(self._session.client, [entry_id]):
                read[entry.id] = entry

        todo = [each for each in over if each not in state.backups]
        self._session.ask(lambda: self._session.limit.map([each for each in todo if each not in read], one))
        kept: dict[int | str, bytes] = {}
        edited: set[int | str] = set()
        for entry_id in todo:
            entry = read.get(entry_id)
            if entry is None or entry.text is None:
                continue
            if over[entry_id].digest == UNSEEN and (row := _says(rows, entry)) is not None:
                # It was taken over, and says already what it shall: it gets its mark alone.
                rows = [
                    replace(each, action=Action.RENAME, method=None) if each is row else each for each in rows
                ]
            elif over[entry_id].digest == UNSEEN or is_whole(entry):
                kept[entry_id] = entry.text.encode()
            elif entry_id not in state.doubted and entry.digest == over[entry_id].digest:
                edited.add(entry_id)
        if kept and self._survives(kept):
            digests = {entry_id: digest_of(Kind.TEXT, text) for entry_id, text in kept.items()}
            self._backups |= {digests[entry_id]: text for entry_id, text in kept.items()}
            state = replace(state, backups={**state.backups, **digests})
        if edited:
            told = ", ".join(str(each) for each in sorted(edited, key=str)[:_NAMED])
            self._log.warning(
                "Somebody edited %d entries by hand (%s): on_drift='%s'",
                len(edited),
                told,
                self._options.on_drift,
            )
            if self._options.on_drift != "overwrite":
                state = replace(state, drifted=state.drifted | edited)
                rows = [row for row in rows if row.entry is None or row.entry.id not in edited]
        return state, rows

    def _survives(self, texts: Mapping[int | str, bytes]) -> bool:
        """Note texts for whoever comes after this process; does it still have them when the wait is over?"""
        is_noted = self._journal.keep(texts)
        return self._options.waits and (is_noted or not self._options.deferrable)

    # --- looking -----------------------------------------------------------------------------------------

    def _look(self, state: SyncState) -> SyncState:
        """Look at the entries that were written over and have shown no sign yet."""
        ids = set(state.proving)
        if not ids:
            return state
        seen = self._session.look(ids)
        state = self.take_in(state, seen)
        return confirmation.drop(state, ids - {entry.id for entry in seen})

    def take_in(self, state: SyncState, seen: Sequence[Held]) -> SyncState:
        """
        Take in what a look showed.

        Where nothing proves a write over a ready entry, another entry takes its place, whose end can be proven.
        """
        state, without = confirmation.take_in(state, self._destination.rules, seen, time.time())
        names = {entry.id: entry for entry in seen}
        for entry_id in without:
            entry = names[entry_id]
            state = state.distrust({entry_id})
            if self._options.strategy == "update":
                why = (
                    f"unconfirmed: entry {entry_id} reads {entry.seen.status}, but nothing shows that it was processed "
                    "since the write (strategy='replace' can prove it)"
                )
                state = state.give_up({entry.key_hash: why})
            else:
                self._log.info("Entry %s shows no sign of the write; it is replaced", entry_id)
        return state

    def _await_signs(self, state: SyncState) -> SyncState:
        waits = iter(FIRST_PAUSES)
        while state.proving:
            self._session.sleep(next(waits, self._options.poll_interval))
            state = self._look(state)
        return state

    def _await_listed(self, state: SyncState, before: Mapping[int | str, Held]) -> SyncState:
        """
        Wait until the list shows what was written, with its mark: whoever plans without it would write it again.

        :param before: entries that were there before, which are never taken back
        :raises MarkLostError: the vendor has what was created, but not by its mark; or its list never showed it
        """
        left, began, pause, traced = dict(state.unlisted), time.time(), 0.5, False
        while left:
            shown = {entry.id: entry for entry in self._session.list_held()}
            left = {each: mark for each, mark in left.items() if not _bears(shown.get(each), mark)}
            waited = time.time() - began
            if left and not traced and waited >= self._options.start_grace:
                traced = True
                left = self._trace(left, before)
            if left and waited >= self._options.stall_timeout:
                self._take_back(
                    left.keys() - before.keys(),
                    f"the vendor did not show them by their mark within {waited:.0f} s",
                )
                self._log.warning("Entries %s were written, and are not listed by their mark", _few(left))
                break
            if left:
                self._session.sleep(pause)
                pause = min(2 * pause, self._options.poll_interval)
        return replace(state, unlisted={})

    def _trace(
        self, left: Mapping[int | str, Mark], before: Mapping[int | str, Held]
    ) -> dict[int | str, Mark]:
        """
        Look for what the list does not show by its mark: the vendor may have cut or changed its title.

        What was made just now is removed then. What answered before gets a title again that the vendor keeps.

        :returns: what is late, and there
        """
        found = {entry.id: entry for entry in self._session.get(left.keys())}
        bare = {each for each, entry in found.items() if not entry.sync_id}
        self._take_back(
            bare - before.keys(), "they do not bear their mark: the vendor changed or cut their titles"
        )
        for each in bare:
            entry, title, mark = found[each], before[each].title, left[each]
            self._log.warning("Entry %s lost its mark by its new title, and gets its former title back", each)
            self._session.ask(partial(self._destination.update, self._session.client, entry, title, mark))
        return {
            each: mark for each, mark in left.items() if each in found or not self._destination.reads_single
        }

    def _take_back(self, made: Collection[int | str], why: str) -> None:
        """
        Remove what nobody would know again.

        :raises MarkLostError: there is any
        """
        if not made:
            return
        ids = set(made)
        left = self._session.do(self._writer.discard(self._session.client, ids))
        self._session.forget(ids - left)
        raise MarkLostError(
            f"{self._destination.key}: the entries {_few(ids)} were created, but {why}. Each run would create them "
            f"anew, so {f'all but {_few(left)}' if left else 'they'} were removed again, and no retry sends them. "
            "Shorten the documents' titles."
        )

    def _respelt(self, plan: Plan, state: SyncState) -> SyncState:
        """Give up titles that the vendor spells in its own way: a rename a night would be in vain."""
        shown = {entry.id: entry for entry in self._session.held}
        vain = {
            row.key_hash: replace(
                state.of(row.key_hash), done=None, given_up="the vendor keeps another title"
            )
            for row in plan.of(Action.RENAME)
            if row.wanted
            and row.entry
            and state.of(row.key_hash).done is Done.RENAMED
            and (entry := shown.get(row.entry.id)) is not None
            and entry.key_hash == row.entry.key_hash
            and not same_title(row.wanted.title, entry.title)
        }
        for row in plan.of(Action.RENAME):
            if row.key_hash in vain:
                self._log.warning("The vendor keeps another title for %s than the one it was given", row.key)
        return state.with_documents(vain)


def _says(rows: Sequence[Row], entry: Held) -> Row | None:
    """Return the row whose text an entry holds already."""
    digest = digest_of(Kind.TEXT, (entry.text or "").encode())
    mine = (row for row in rows if row.entry and row.entry.id == entry.id)
    return next((row for row in mine if row.wanted and row.wanted.digest == digest), None)


def _bears(entry: Held | None, mark: Mark) -> bool:
    return entry is not None and (entry.key_hash, entry.digest) == (mark.key, mark.digest)


def _few(ids: Collection[int | str]) -> str:
    told = ", ".join(str(each) for each in sorted(ids, key=str)[:_NAMED])
    return told if len(ids) <= _NAMED else f"{told} and {len(ids) - _NAMED} more"


def _batches(rows: Sequence[Row], *, probe: bool) -> Iterator[Sequence[Row]]:
    """
    Cut rows into batches: texts written over entries in small ones, since those are looked at right after.

    :param probe: nothing of ours was ever seen: before many are sent, one shows whether the vendor keeps marks
    """
    rest = [row for row in rows if row.method is not Method.PATCH]
    over = [row for row in rows if row.method is Method.PATCH]
    if probe and len(rest) > BATCH:
        yield rest[:1]
        rest = rest[1:]
    if rest:
        yield rest
    for start in range(0, len(over), BATCH):
        yield over[start : start + BATCH]
