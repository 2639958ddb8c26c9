"""Is a whole sync through? One wait by totals, so that neither its arguments nor its requests grow with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.texts import number_of

_WORKING, _TROUBLED = "working", "troubled"


class Verdict(StrEnum):
    """What the wait came to."""

    WAIT = "wait"
    DONE = "done"
    STALLED = "stalled"
    TIMED_OUT = "timed_out"
    UNREADABLE = "unreadable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """
    How many entries of a sync are where.

    :param working: in progress, without an error
    :param troubled: with an error, whatever their status
    """

    working: int
    troubled: int = 0


def counted(*, working: int = 0, troubled: int = 0) -> Observation:
    """Return what one read tells of a sync."""
    return Observation(status=None, phase=Phase.UNKNOWN, counts={_WORKING: working, _TROUBLED: troubled})


def tally(seen: Sequence[Observation]) -> Tally:
    """Add up what the reads of one look told."""
    return Tally(
        working=sum(each.counts[_WORKING] for each in seen),
        troubled=sum(each.counts[_TROUBLED] for each in seen),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWait:
    """
    The wait for all entries of a sync: plain JSON. Times are seconds since the epoch.

    :param deadline: when it gives up
    :param stall_timeout: seconds without any movement after which it gives up
    :param start_grace: seconds for which an error beside an unfinished status may still go away
    :param poll_interval: the longest gap between two looks
    :param max_read_failures: failed looks in a row that end it
    :param last: the tally seen last, unchanged since ``moved``
    :param most: the most entries that were seen on their way at a time
    """

    started: float
    deadline: float
    stall_timeout: float
    start_grace: float
    poll_interval: float
    max_read_failures: int = 5
    last: Tally | None = None
    most: int = 0
    moved: float | None = None
    polls: int = 0
    failures: int = 0

    def __str__(self) -> str:
        if self.last is None:
            return "nothing seen yet"
        through = self.most - self.last.working
        return (
            f"{number_of(self.last.working, 'entry', 'entries')} on the way, {through} through, "
            f"{self.last.troubled} with an error"
        )


def look(wait: SyncWait, seen: Tally, now: float) -> tuple[SyncWait, Verdict]:
    """Take one tally in."""
    moved = wait.moved if seen == wait.last and wait.moved is not None else now
    most = max(wait.most, seen.working)
    wait = replace(wait, last=seen, most=most, moved=moved, polls=wait.polls + 1, failures=0)
    still = now - moved
    if seen.working == 0 and (seen.troubled == 0 or still >= wait.start_grace or now >= wait.deadline):
        return wait, Verdict.DONE
    if still >= wait.stall_timeout:
        return wait, Verdict.STALLED
    return wait, Verdict.TIMED_OUT if now >= wait.deadline else Verdict.WAIT


def miss(wait: SyncWait, now: float, *, final: bool = False, counts: bool = True) -> tuple[SyncWait, Verdict]:
    """
    Take one failed look in.

    :param final: no later look can succeed (401, 403, 404 …)
    :param counts: False for a rate limit, which stretches a wait but never ends it
    """
    wait = replace(wait, failures=wait.failures + (1 if counts else 0))
    if final:
        return wait, Verdict.REFUSED
    if wait.failures >= wait.max_read_failures:
        return wait, Verdict.UNREADABLE
    return wait, Verdict.TIMED_OUT if now >= wait.deadline else Verdict.WAIT


def next_look(wait: SyncWait, now: float, rand: float, retry_after: float | None = None) -> float:
    """
    Return the seconds until the next look: quick at first, then ``poll_interval``, jittered downwards.

    :param rand: a random number in [0, 1)
    """
    gap = wait.poll_interval if wait.failures else min(wait.poll_interval, max(1.0, (now - wait.started) / 4))
    gap *= 1.0 - 0.05 * rand
    return max(0.05, min(max(gap, retry_after or 0.0), wait.deadline - now))
