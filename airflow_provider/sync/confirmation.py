"""Texts that were written over ready entries: which of them has shown a sign of being processed since."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import later
from airflow_provider.refresh.wait import Purpose, Rules, Verdict, Wait
from airflow_provider.sync.documents import Held
from airflow_provider.sync.state import SyncState


def begin(state: SyncState, entries: Iterable[Held], grace: float, now: float) -> SyncState:
    """
    Note entries that are about to be written over.

    :param grace: seconds a ready status may stay without a sign
    """
    begun = {
        entry.id: Wait(
            purpose=Purpose.OWN,
            started=now,
            deadline=now + 10 * grace + 3600.0,
            start_grace=grace,
            poll_interval=grace,
            baseline=entry.seen,
        )
        for entry in entries
    }
    return replace(state.trust(begun), proving={**state.proving, **begun})


def drop(state: SyncState, entries: Collection[int | str]) -> SyncState:
    """Forget entries whose write was refused, or that are not there any more: nothing is to be proven."""
    kept = {each: wait for each, wait in state.proving.items() if each not in entries}
    return replace(state, proving=kept)


def take_in(
    state: SyncState, rules: Rules, seen: Iterable[Held], now: float
) -> tuple[SyncState, frozenset[int | str]]:
    """
    Take in what a look showed.

    An entry is proven once anything tied its status to our write.

    :returns: the state, and the entries whose grace is over without a sign
    """
    if not state.proving:
        return state, frozenset()
    proving, proven, without = dict(state.proving), dict(state.proven), set()
    for entry in seen:
        if (before := proving.get(entry.id)) is None:
            continue
        wait, verdict = waits.observe(before, rules, entry.seen, now)
        proving[entry.id] = wait
        if verdict is Verdict.UNCONFIRMED:
            without.add(entry.id)
        elif verdict is Verdict.WAIT and wait.evidence.proven is None:
            continue
        proven[entry.id] = entry.seen.marker
        del proving[entry.id]
    return replace(state, proving=proving, proven=proven), frozenset(without)


def is_open(state: SyncState, entry: Held) -> bool:
    """Is it not proven, or does the list show less of it than was seen already?"""
    if entry.id in state.proving:
        return True
    seen = state.proven.get(entry.id)
    return seen is not None and later(seen, entry.seen.marker)
