"""
Is it ours, is it done? One wait, fed with observations; the same object in the synchronous loop, the
reschedule sensor and the trigger.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from airflow_provider.refresh.observation import Observation, Phase


class Purpose(StrEnum):
    """What a wait is for."""

    OWN = "own"  # the run that we started or adopted
    FOREIGN = "foreign"  # somebody else's run has to end before we may write
    GRACE = "grace"  # give a trace of an earlier try (or an old run's last step) time to show
    GATE = "gate"  # a sensor on the present state
    SINCE = "since"  # a sensor on a vendor time


class Receipt(StrEnum):
    """What the write's own answer told; alone it never ends a wait."""

    PLAIN = "plain"
    ACTIVE = "active"  # the answer said pending or training
    CONFLICT = "conflict"  # the vendor's 409: a run is active
    VECTOR = "vector"  # the older Sensay write carried vectorEntryId: processed already, the vendor says


class Verdict(StrEnum):
    """What a wait came to."""

    WAIT = "wait"
    DONE = "done"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    TIMED_OUT = "timed_out"
    UNKNOWN_STATUS = "unknown_status"
    NEVER_STARTED = "never_started"
    UNREADABLE = "unreadable"  # too many reads failed in a row: could not look
    REFUSED = "refused"  # a read failed for good: 401, 403, 404 …


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What has been seen since the write. It only grows, except the three runs that a contrary read breaks.

    :param active: some read showed the run active
    :param stepped_back: a usable status fell back to an earlier one (Sensay, rule 3)
    :param marker_moves: reads in a row whose marker had moved
    :param status: the status read last, unbroken since ``status_since``
    :param unknown_since: missing or unknown statuses only, since then
    :param error_since: an error on an unfinished target, since then
    :param polls: reads that told something
    :param failures: reads in a row that failed
    """

    active: bool = False
    stepped_back: bool = False
    marker_moves: int = 0
    status: str | None = None
    status_since: float | None = None
    unknown_since: float | None = None
    error_since: float | None = None
    polls: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """
    One wait: plain JSON, no secret, no memory outside itself.

    Times are wall-clock seconds since the epoch on our side and only ever compared with each other.

    :param started: when the write was accepted (or the wait began)
    :param deadline: when the wait gives up
    :param start_grace: seconds a terminal, missing or unknown status may stay without evidence
    :param poll_interval: the longest gap between two looks, in seconds
    :param max_read_failures: failed reads in a row that end the wait
    :param baseline: the observation before the write
    :param written: the first observation after it
    :param since: a vendor time that the marker has to pass
    :param ready_statuses: which statuses count as success, where the caller chose
    :param generation: which API generation the target speaks, where its vendor has more than one
    :param backoff: double the gap with each look, from ``poll_interval`` up to ``longest_gap``
    """

    purpose: Purpose
    started: float
    deadline: float
    start_grace: float
    poll_interval: float
    max_read_failures: int = 5
    receipt: Receipt = Receipt.PLAIN
    baseline: Observation | None = None
    written: Observation | None = None
    since: str | None = None
    ready_statuses: tuple[str, ...] = ()
    generation: str | None = None
    backoff: bool = False
    longest_gap: float | None = None
    evidence: Evidence = field(default_factory=Evidence)

    def steady(self, now: float) -> float:
        """Return for how many seconds the present status has been read without a break."""
        return 0.0 if self.evidence.status_since is None else now - self.evidence.status_since


class Rules(Protocol):
    """What a vendor's module knows about its own statuses."""

    def active(self, wait: Wait, seen: Observation) -> bool:
        """Does this read show the run that we wait for at work?"""

    def moved(self, wait: Wait, seen: Observation) -> bool:
        """Has the marker moved, in the sense of the vendor's marker rule?"""

    def stepped_back(self, wait: Wait, seen: Observation) -> bool:
        """Did a usable status fall back to an earlier one?"""

    def ours(self, wait: Wait, seen: Observation) -> bool:
        """Does this terminal status belong to the run that we wait for?"""

    def confirmed_by_grace(self, wait: Wait, seen: Observation) -> bool:
        """Is a terminal status that stood throughout the grace ours after all?"""

    def finished(self, wait: Wait, seen: Observation) -> bool:
        """Is a successful status the end, or is something still in work?"""

    def busy(self, seen: Observation) -> bool:
        """Is any run at work, so that a write now could not be told from it?"""

    def grace_over(self, wait: Wait, seen: Observation) -> bool:
        """May a :attr:`Purpose.GRACE` wait end before its time, since the trace showed?"""


def look(wait: Wait, rules: Rules, seen: Observation, now: float) -> tuple[Wait, Verdict]:
    """
    Take one observation in; say what it means.

    :returns: the wait with its evidence brought up to date, and the verdict
    """
    if wait.purpose is Purpose.OWN and wait.written is None:
        wait = replace(wait, written=seen)
    wait = replace(wait, evidence=_gather(wait, rules, seen, now))
    verdict = _JUDGES[wait.purpose](wait, rules, seen, now)
    if verdict is Verdict.WAIT and now >= wait.deadline:
        verdict = Verdict.TIMED_OUT
    return wait, verdict


def miss(wait: Wait, now: float, *, final: bool = False, counts: bool = True) -> tuple[Wait, Verdict]:
    """
    Take one failed read in. It says nothing about the remote run.

    :param final: no later read can succeed (401, 403, 404 …)
    :param counts: False for a rate limit, which stretches a wait but never ends it
    """
    failures = wait.evidence.failures + (1 if counts else 0)
    wait = replace(wait, evidence=replace(wait.evidence, failures=failures))
    if final:
        return wait, Verdict.REFUSED
    if failures >= wait.max_read_failures:
        return wait, Verdict.UNREADABLE
    if now >= wait.deadline:
        return wait, Verdict.TIMED_OUT
    return wait, Verdict.WAIT


def _gather(wait: Wait, rules: Rules, seen: Observation, now: float) -> Evidence:
    old = wait.evidence
    unknown = seen.phase is Phase.UNKNOWN
    unfinished_error = bool(seen.error) and seen.phase in (Phase.QUEUED, Phase.RUNNING)
    return Evidence(
        active=old.active or rules.active(wait, seen),
        stepped_back=old.stepped_back or rules.stepped_back(wait, seen),
        marker_moves=old.marker_moves + 1 if rules.moved(wait, seen) else 0,
        status=seen.status,
        status_since=old.status_since if old.status_since is not None and old.status == seen.status else now,
        unknown_since=(old.unknown_since if old.unknown_since is not None else now) if unknown else None,
        error_since=(old.error_since if old.error_since is not None else now) if unfinished_error else None,
        polls=old.polls + 1,
        failures=0,
    )


def _lasting(since: float | None, wait: Wait, now: float) -> bool:
    return since is not None and now - since >= wait.start_grace


def _troubled(wait: Wait, now: float) -> Verdict:
    """Judge what is not terminal: an error or an unknown status that outlasts the grace, else wait."""
    if _lasting(wait.evidence.error_since, wait, now):
        return Verdict.FAILED
    if _lasting(wait.evidence.unknown_since, wait, now):
        return Verdict.UNKNOWN_STATUS
    return Verdict.WAIT


def _end(seen: Observation) -> Verdict:
    return Verdict.DONE if seen.phase is Phase.SUCCEEDED else Verdict.FAILED


def _judge_own(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    if not seen.ended:
        return _troubled(wait, now)
    if not rules.finished(wait, seen):
        return Verdict.WAIT
    if rules.ours(wait, seen):
        return _end(seen)
    if wait.steady(now) < wait.start_grace:
        return Verdict.WAIT
    return _end(seen) if rules.confirmed_by_grace(wait, seen) else Verdict.UNCONFIRMED


def _judge_foreign(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    # One interval at least: right after the vendor's 409 a read may lag behind it.
    if rules.busy(seen) or now - wait.started < wait.poll_interval:
        return _troubled(wait, now) if seen.phase is Phase.UNKNOWN else Verdict.WAIT
    return Verdict.DONE


def _judge_grace(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    if rules.grace_over(wait, seen) or now - wait.started >= wait.start_grace:
        return Verdict.DONE
    return Verdict.WAIT


def _judge_gate(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    if seen.ended:
        return _end(seen) if rules.finished(wait, seen) else Verdict.WAIT
    if seen.idle and not wait.evidence.active and wait.steady(now) >= wait.start_grace:
        return Verdict.NEVER_STARTED
    return _troubled(wait, now)


def _judge_since(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    if seen.ended:
        return _end(seen) if rules.finished(wait, seen) and rules.moved(wait, seen) else Verdict.WAIT
    return _troubled(wait, now)


_JUDGES = {
    Purpose.OWN: _judge_own,
    Purpose.FOREIGN: _judge_foreign,
    Purpose.GRACE: _judge_grace,
    Purpose.GATE: _judge_gate,
    Purpose.SINCE: _judge_since,
}
