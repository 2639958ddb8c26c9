"""From a plan to requests: in which order, what is noted before, and what is looked at after."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from airflow_provider.errors import MarkLostError
from airflow_provider.refresh.schedule import FIRST_PAUSES
from airflow_provider.sync.plan import Action, Method, Plan, Row
from airflow_provider.sync.writing import BATCH, Writer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow_provider.sync.confirmation import Proofs
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.journal import Journal
    from airflow_provider.sync.options import SyncOptions
    from airflow_provider.sync.outcomes import Ledger
    from airflow_provider.sync.session import Session

#: Entries that an error names.
_NAMED = 10


class Sender:
    """
    Sends what a plan says before the wait.

    :ivar doubted: entries whose write an earlier process never saw proven
    """

    def __init__(
        self,
        *,
        session: Session,
        destination: Destination,
        options: SyncOptions,
        journal: Journal,
        writer: Writer,
        proofs: Proofs,
        ledger: Ledger,
    ) -> None:
        self._session = session
        self._destination = destination
        self._options = options
        self._journal = journal
        self._writer = writer
        self._proofs = proofs
        self._ledger = ledger
        self._ripe_at: float | None = None
        self.doubted = set(journal.doubted)

    def send(self, plan: Plan) -> bool:
        """
        Send, then look until each entry that was written over has shown a sign, or its grace is over.

        What a look showed lives in this process only, so it does not end before.

        :returns: whether anything was sent
        """
        lost = [row for row in plan.of(Action.SUPERSEDED) if row.entry and row.entry.awaits_upload]
        if lost:
            self._session.ask(lambda: self._writer.remove(self._session.client, lost, self._ledger))
        rows = self._ripe(plan)
        for batch in _batches(
            rows, probe=not self._session.held, noted=self._destination.manifest.path is not None
        ):
            if not self._writer.stopped:
                self._send(batch)
                if len(batch) == 1:
                    self._see()
        if self._writer.stopped:
            self._stop(plan)
        self._see()
        self._prove()
        self._note(set())
        return bool(rows)

    def _send(self, batch: Sequence[Row]) -> None:
        over = {row.entry.id for row in batch if row.method is Method.PATCH and row.entry}
        self.doubted -= over
        self._note(over)
        through: set[str] = set()
        self._session.ask(lambda: self._writer.send(self._session.client, batch, through))
        self._destination.manifest.save()
        if over:
            self._look()

    def _note(self, about_to_be_written: set[int | str]) -> None:
        self._journal.unproven(
            {*self.doubted, *self._proofs.waits, *self._proofs.unproven, *about_to_be_written}
        )

    def _stop(self, plan: Plan) -> None:
        for row in (*plan.writes, *(row for row in plan.rows if row.method is Method.LATER)):
            if row.key_hash not in self._writer.done:
                self._writer.given_up.setdefault(row.key_hash, f"not sent: {self._writer.stopped}")

    def _ripe(self, plan: Plan) -> list[Row]:
        """Return the rows to send now; entries whose last step may be still to come go last, after a grace."""
        rows = [row for row in plan.writes if row.key_hash not in self._writer.given_up]
        late = [
            row
            for row in rows
            if row.method is Method.PATCH and row.entry and self._destination.unripe(row.entry)
        ]
        if not late:
            return rows
        if self._ripe_at is None:
            self._ripe_at = time.time() + self._options.start_grace
        if time.time() >= self._ripe_at:
            return rows
        waiting = {id(row) for row in late}
        ripe = [row for row in rows if id(row) not in waiting]
        if not ripe:
            self._session.sleep(self._ripe_at - time.time())
        return ripe

    def _look(self) -> None:
        """Look at the entries that were written over and have shown no sign yet."""
        ids = set(self._proofs.waits)
        if ids:
            seen = self._session.look(ids)
            self._proofs.feed(seen)
            self._proofs.forget(ids - {entry.id for entry in seen})

    def _prove(self) -> None:
        waits = iter(FIRST_PAUSES)
        while self._proofs.waits:
            self._session.sleep(next(waits, self._options.poll_interval))
            self._look()

    def _see(self) -> None:
        """
        Wait until the list shows what was created: whoever plans without it would create it again.

        :raises MarkLostError: the vendor has the entries, but not by their mark; or its list never showed them
        """
        made, began, pause, traced = self._writer.made, time.time(), 0.5, False
        while made:
            made -= {entry.id for entry in self._session.list_held()}
            waited = time.time() - began
            if made and not traced and waited >= self._options.start_grace:
                traced = True
                found = self._session.do(self._destination.trace(self._session.client, made))
                made -= found.gone
                if found.bare:
                    self._take_back(
                        found.bare, "they do not bear their mark: the vendor changed or cut their titles"
                    )
            if made and waited >= self._options.stall_timeout:
                self._take_back(made, f"the vendor did not show them by their mark within {waited:.0f} s")
            if made:
                self._session.sleep(pause)
                pause = min(2 * pause, self._options.poll_interval)

    def _take_back(self, made: Collection[int | str], why: str) -> NoReturn:
        """Remove what nobody would know again."""
        ids = set(made)
        self._writer.made.clear()
        left = self._session.do(self._writer.discard(self._session.client, ids))
        raise MarkLostError(
            f"{self._destination.key}: the entries {_few(ids)} were created, but {why}. Each run would create them "
            f"anew, so {f'all but {_few(left)}' if left else 'they'} were removed again, and no retry sends them. "
            "Shorten the documents' titles, or set title_mark=False with a manifest."
        )


def _few(ids: Collection[int | str]) -> str:
    told = ", ".join(str(each) for each in sorted(ids, key=str)[:_NAMED])
    return told if len(ids) <= _NAMED else f"{told} and {len(ids) - _NAMED} more"


def _batches(rows: Sequence[Row], *, probe: bool, noted: bool) -> Iterator[Sequence[Row]]:
    """
    Cut rows into batches: texts written over entries in small ones, since those are looked at right after.

    :param probe: nothing of ours was ever seen: before many are sent, one shows whether the vendor keeps marks
    :param noted: a manifest notes each batch, so a death leaves no more than one without its note
    """
    rest = [row for row in rows if row.method is not Method.PATCH]
    over = [row for row in rows if row.method is Method.PATCH]
    if probe and len(rest) > BATCH:
        yield rest[:1]
        rest = rest[1:]
    if rest and not noted:
        yield rest
        rest = []
    for some in (rest, over):
        for start in range(0, len(some), BATCH):
            yield some[start : start + BATCH]
