"""
Is it ours, is it done? One wait, fed with observations; the same object in the synchronous loop, the
reschedule sensor and the trigger.

Which rule ties a status to a refresh is the vendor's :meth:`Rules.proof`. What holds for every vendor is here: a time
is compared as a time and only *later* counts (:attr:`Evidence.marker_moves`), a terminal read has to be believable
(:func:`believable`), and *unbroken* means that somebody looked (:func:`_gather`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from airflow_provider.refresh.observation import Observation, Phase, later, same_time


class Purpose(StrEnum):
    """What a wait is for."""

    OWN = "own"  # the run that we started or adopted
    FOREIGN = "foreign"  # somebody else's run has to end before we may write
    GRACE = "grace"  # give a trace of an earlier try (or an old run's last step) time to show
    GATE = "gate"  # a sensor on the present state
    SINCE = "since"  # a sensor on a vendor time


class Receipt(StrEnum):
    """What the write's own answer said; alone it never ends a wait."""

    PLAIN = "plain"
    ACTIVE = "active"  # the answer said pending or training
    CONFLICT = "conflict"  # the vendor's 409: a run is active
    VECTOR = "vector"  # the write carried a vector of its own: processed already, the vendor says


class Proof(StrEnum):
    """
    By which rule what was read belongs to this refresh. Each vendor has its own members, numbered in
    ``docs/how-it-decides.md``; the name is stored and logged, the value says it in words.
    """


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


class ReadFailure(StrEnum):
    """What a failed read says of the next one."""

    TRANSIENT = "transient"  # the next may well succeed
    RATE_LIMITED = "rate_limited"  # stretches a wait, never ends it
    NOT_FOUND = "not_found"  # expected for a while after our own write; else final if it is said twice
    FORBIDDEN = "forbidden"  # a firewall says so in passing; final if it is said twice
    FINAL = "final"  # no later read can succeed


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What has been seen since the write. Times are ours, seconds since the epoch; each ``_since`` means *read without a
    break since then*, and begins anew after a silence.

    :param proven: name of the rule that first tied what was read to this refresh
    :param active: some read showed a run at work, whoever's it was
    :param marker: the latest marker read
    :param marker_moves: reads in a row whose marker was later than the reference's
    :param status: the status read last, unbroken since ``status_since``
    :param unchanged_since: terminal reads that equal one from before the run, and nothing else, since then
    :param unknown_since: missing or unknown statuses only, since then
    :param error_since: an error on an unfinished target, since then
    :param looked_at: when the last read succeeded
    :param polls: reads that succeeded
    :param failures: failed reads in a row that count
    :param refusals: reads in a row that were refused (403, 404)
    :param silent_until: the last read failed, and until when the vendor asked not to be asked
    """

    proven: str | None = None
    active: bool = False
    marker: str | None = None
    marker_moves: int = 0
    status: str | None = None
    status_since: float | None = None
    unchanged_since: float | None = None
    unknown_since: float | None = None
    error_since: float | None = None
    looked_at: float | None = None
    polls: int = 0
    failures: int = 0
    refusals: int = 0
    silent_until: float | None = None


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
    :param first_read: the first read after the write that may stand for it, as the vendor's rules say
    :param since: a vendor time that the marker has to pass
    :param ready_statuses: which statuses count as success, where the caller chose
    :param generation: which API generation the target speaks, where its vendor has more than one
    :param backoff: double the gap with each look, from ``poll_interval`` up to ``longest_gap``
    :param polls_before: looks that others had made when this wait took over; they do not count for ``backoff``
    """

    purpose: Purpose
    started: float
    deadline: float
    start_grace: float
    poll_interval: float
    max_read_failures: int = 5
    receipt: Receipt = Receipt.PLAIN
    baseline: Observation | None = None
    first_read: Observation | None = None
    since: str | None = None
    ready_statuses: tuple[str, ...] = ()
    generation: str | None = None
    backoff: bool = False
    longest_gap: float | None = None
    polls_before: int = 0
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def interval(self) -> float:
        """Seconds that may pass between two looks, as the caller wishes."""
        if not self.backoff:
            return self.poll_interval
        doubled = self.poll_interval * 2.0 ** min(max(self.evidence.polls - self.polls_before, 0), 30)
        return min(doubled, self.longest_gap or float("inf"))

    @property
    def reference(self) -> Observation | None:
        """The read whose marker ours has to pass: *W* where there is one, else the baseline."""
        return self.first_read or self.baseline

    @property
    def stood(self) -> float:
        """Seconds for which the present status has been read without a break."""
        return _between(self.evidence.status_since, self.evidence.looked_at)

    def silenced(self, now: float) -> bool:
        """Is the deadline over while the vendor still asks not to be asked? Then the wait ends without a look."""
        return now >= self.deadline and now < (self.evidence.silent_until or 0.0)


class Rules(Protocol):
    """What a vendor's module knows about its own statuses."""

    def proof(self, wait: Wait, seen: Observation) -> Proof | None:
        """
        Return the rule by which this read, with what was seen before it, belongs to our refresh.

        The one answer to *is it ours?* and to *did an earlier try's write land?*. The wait has taken this read in;
        stale reads are never asked about.
        """

    def stands_for_write(self, wait: Wait, seen: Observation) -> bool:
        """Is this *W*, the read with which later ones are compared in place of the baseline?"""

    def busy(self, seen: Observation) -> bool:
        """Is any run at work, so that a write now could not be told from it?"""

    def before_write(self, seen: Observation) -> Purpose | None:
        """Say which wait has to end before a write could be told from what is there, if any."""


def observe(wait: Wait, rules: Rules, seen: Observation, now: float) -> tuple[Wait, Verdict]:
    """
    Take one observation in; say what it means.

    :returns: the wait with its evidence brought up to date, and the verdict
    """
    wait = take_in(wait, rules, seen, now)
    verdict = _JUDGES[wait.purpose](wait, rules, seen, now)
    if verdict is Verdict.WAIT and now >= wait.deadline:
        verdict = Verdict.TIMED_OUT
    return wait, verdict


def take_in(wait: Wait, rules: Rules, seen: Observation, now: float) -> Wait:
    """Take one observation in, without a judgement."""
    ours = wait.purpose is Purpose.OWN or (wait.purpose is Purpose.GRACE and wait.baseline is not None)
    ours = ours and not _stale(wait, seen)
    unchanged = _unchanged(wait, rules, seen)
    if ours and wait.first_read is None and rules.stands_for_write(wait, seen):
        wait = replace(wait, first_read=seen)
    wait = replace(wait, evidence=_gather(wait, seen, unchanged, now))
    if ours and wait.evidence.proven is None and (proof := rules.proof(wait, seen)) is not None:
        wait = replace(wait, evidence=replace(wait.evidence, proven=proof.name))
    return wait


def read_failed(
    wait: Wait,
    now: float,
    failure: ReadFailure = ReadFailure.TRANSIENT,
    *,
    retry_after: float | None = None,
    counts: bool = True,
) -> tuple[Wait, Verdict]:
    """
    Take one failed read in. It says nothing about the remote run.

    :param retry_after: seconds the vendor asked not to be asked
    :param counts: False right after our own write, when the vendor's silence is no error budget
    """
    evidence = wait.evidence
    expected = failure is ReadFailure.NOT_FOUND and _just_written(wait, now)
    counts = counts and not expected and failure is not ReadFailure.RATE_LIMITED
    refused = failure in (ReadFailure.NOT_FOUND, ReadFailure.FORBIDDEN) and not expected
    evidence = replace(
        evidence,
        failures=evidence.failures + counts,
        refusals=evidence.refusals + refused,
        # Set after each failed read, so that the next look keeps its distance; not while the failure is expected.
        silent_until=None if expected and retry_after is None else now + (retry_after or 0.0),
    )
    wait = replace(wait, evidence=evidence)
    if failure is ReadFailure.FINAL or (refused and evidence.refusals > 1):
        return wait, Verdict.REFUSED
    if counts and evidence.failures >= wait.max_read_failures:
        return wait, Verdict.UNREADABLE
    if now >= wait.deadline:
        return wait, Verdict.TIMED_OUT
    return wait, Verdict.WAIT


def _just_written(wait: Wait, now: float) -> bool:
    return wait.purpose is Purpose.OWN and now - wait.started < wait.start_grace


# --- the laws that hold for every vendor ------------------------------------------------------------------


def believable(wait: Wait, seen: Observation) -> bool:
    """
    May this terminal read be the end?

    Not while its marker is earlier than one already seen. And not at once if it equals, in status and marker, what
    stood there before the run: a replica that lags answers so, even after a read that showed the run at work. Then it
    has to stand for two looks in a row, one ``poll_interval`` apart at least.
    """
    if _stale(wait, seen):
        return False
    since = wait.evidence.unchanged_since
    return since is None or _between(since, wait.evidence.looked_at) >= wait.poll_interval


def _stale(wait: Wait, seen: Observation) -> bool:
    """Is the marker earlier than one that was seen already?"""
    latest = wait.evidence.marker or (wait.baseline.marker if wait.baseline else None)
    return seen.marker is not None and later(latest, seen.marker)


def _unchanged(wait: Wait, rules: Rules, seen: Observation) -> bool:
    """
    May a terminal read be one from before the run?

    It may if it equals one in status and marker; and always where the baseline had a last step to come, which a read
    that lags shows later.
    """
    if not seen.ended:
        return False
    before = wait.baseline
    moved_on = before is not None and before.status != seen.status and seen.phase is Phase.SUCCEEDED
    if moved_on and before is not None and rules.before_write(before) is Purpose.GRACE:
        return True
    return any(
        earlier.status == seen.status and same_time(earlier.marker, seen.marker)
        for earlier in (before, wait.first_read)
        if earlier is not None
    )


def _gather(wait: Wait, seen: Observation, unchanged: bool, now: float) -> Evidence:
    old = wait.evidence
    broken = old.looked_at is None or now - old.looked_at > _silence(wait)

    def since(mark: float | None, lasts: bool) -> float | None:
        return None if not lasts else now if broken or mark is None else mark

    reference = wait.reference
    passed = reference is not None and later(seen.marker, reference.marker)
    latest = old.marker or (wait.baseline.marker if wait.baseline else None)
    return Evidence(
        proven=old.proven,
        active=old.active or seen.phase is Phase.RUNNING,
        marker=seen.marker if later(seen.marker, latest) else latest,
        marker_moves=old.marker_moves + 1 if passed else 0,
        status=seen.status,
        status_since=since(old.status_since if old.status == seen.status else None, True),
        unchanged_since=since(old.unchanged_since, unchanged),
        unknown_since=since(old.unknown_since, seen.phase is Phase.UNKNOWN),
        error_since=since(old.error_since, bool(seen.error) and seen.phase in (Phase.QUEUED, Phase.RUNNING)),
        looked_at=now,
        polls=old.polls + 1,
    )


def _silence(wait: Wait) -> float:
    """
    Return the seconds without a look after which nothing read before still counts as unbroken.

    Two intervals; where they are a small part of the grace, so much of it that a busy machine does not matter.
    """
    return max(2.0 * wait.interval, wait.start_grace / 4.0)


def _between(since: float | None, now: float | None) -> float:
    return 0.0 if since is None or now is None else now - since


def _moved_once(wait: Wait) -> bool:
    """Has the marker passed the reference in one read only? Then another look has to say which way it goes."""
    return wait.evidence.marker_moves == 1


# --- judging ----------------------------------------------------------------------------------------------


def _lasting(since: float | None, wait: Wait, now: float) -> bool:
    return since is not None and now - since >= wait.start_grace


def _unfinished(wait: Wait, now: float) -> Verdict:
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
        return _unfinished(wait, now)
    proven = wait.evidence.proven is not None
    if proven and believable(wait, seen):
        return _end(seen)
    if wait.stood < wait.start_grace or _moved_once(wait) or (proven and not _stale(wait, seen)):
        return Verdict.WAIT
    return Verdict.UNCONFIRMED


def _judge_foreign(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    # One interval at least: right after the vendor's 409 a read may lag behind it.
    if rules.busy(seen) or now - wait.started < wait.poll_interval:
        return _unfinished(wait, now) if seen.phase is Phase.UNKNOWN else Verdict.WAIT
    return Verdict.DONE


def _judge_grace(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    over = wait.evidence.proven is not None  # the trace of an earlier try
    if wait.baseline is None:  # an old run's last step
        over = rules.before_write(seen) is not Purpose.GRACE
    time_is_up = now - wait.started >= wait.start_grace and not _moved_once(wait)
    return Verdict.DONE if over or time_is_up else Verdict.WAIT


def _judge_gate(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    if seen.ended:
        return _end(seen) if believable(wait, seen) else Verdict.WAIT
    if seen.idle and not wait.evidence.active and wait.stood >= wait.start_grace:
        return Verdict.NEVER_STARTED
    return _unfinished(wait, now)


def _judge_since(wait: Wait, rules: Rules, seen: Observation, now: float) -> Verdict:
    if seen.ended:
        return _end(seen) if later(seen.marker, wait.since) and believable(wait, seen) else Verdict.WAIT
    return _unfinished(wait, now)


_JUDGES = {
    Purpose.OWN: _judge_own,
    Purpose.FOREIGN: _judge_foreign,
    Purpose.GRACE: _judge_grace,
    Purpose.GATE: _judge_gate,
    Purpose.SINCE: _judge_since,
}
