"""Texts that were written over ready entries: which of them has shown a sign of being processed since."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import later
from airflow_provider.refresh.wait import Purpose, Rules, Verdict, Wait
from airflow_provider.sync.documents import Held


@dataclass
class Proofs:
    """
    One wait for each such entry, by the rules of *is it ours?*; they live in the worker only.

    An entry leaves once anything tied its status to our write: from then on its status speaks for itself.

    :param grace: seconds a ready status may stay without a sign
    :ivar unproven: entries whose grace is over
    """

    rules: Rules
    grace: float
    waits: dict[int | str, Wait] = field(default_factory=dict)
    unproven: set[int | str] = field(default_factory=set)
    _latest: dict[int | str, str | None] = field(default_factory=dict)

    def begin(self, entry: Held) -> None:
        """Note that an entry is about to be written."""
        now = time.time()
        self.waits[entry.id] = Wait(
            purpose=Purpose.OWN,
            started=now,
            deadline=now + 10 * self.grace + 3600.0,
            start_grace=self.grace,
            poll_interval=self.grace,
            baseline=entry.seen,
        )

    def drop(self, entry: Held) -> None:
        """The write was refused: nothing is to be proven."""
        self.waits.pop(entry.id, None)

    def feed(self, entries: Iterable[Held]) -> None:
        """Take what a look showed."""
        now = time.time()
        for entry in entries:
            wait = self.waits.get(entry.id)
            if wait is None:
                continue
            wait, verdict = waits.observe(wait, self.rules, entry.seen, now)
            self.waits[entry.id] = wait
            if verdict is Verdict.UNCONFIRMED:
                self.unproven.add(entry.id)
            elif verdict is Verdict.WAIT and wait.evidence.proven is None:
                continue
            self._latest[entry.id] = entry.seen.marker
            del self.waits[entry.id]

    def forget(self, gone: Iterable[int | str]) -> None:
        """Forget entries that are not there any more."""
        for each in gone:
            self.waits.pop(each, None)

    def open(self, held: Iterable[Held]) -> frozenset[int | str]:
        """Return the entries that are not proven, or of which the list shows less than was seen already."""
        behind = {
            entry.id
            for entry in held
            if (seen := self._latest.get(entry.id)) is not None and later(seen, entry.seen.marker)
        }
        return frozenset(behind | set(self.waits))
