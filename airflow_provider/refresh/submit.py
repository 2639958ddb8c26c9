"""May we write, and do we have to? One decision from the record, one observation and the caller's policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider.refresh.observation import Observation, Phase, Target, same_time
from airflow_provider.refresh.record import Ending, Identity, Record, Stage
from airflow_provider.refresh.wait import Evidence, Purpose, Receipt, Rules, Wait, take_in

if TYPE_CHECKING:
    from airflow_provider.http.call import Call


class Action(StrEnum):
    """What to do now."""

    SUBMIT = "submit"
    ADOPT = "adopt"  # an earlier try's write left its trace: follow that run
    REATTACH = "reattach"
    RETURN = "return"  # it ended well, and Airflow has not noted it: the recorded result
    REPEAT_ERROR = "repeat_error"  # it ended unconfirmed or defective in this cycle: the recorded error
    SKIP = "skip"
    WAIT = "wait"  # before the write; see ``purpose``
    LOOK = "look"  # a create: what an earlier try made has to be looked for first
    FILL = "fill"  # a create: what was made lacks what the create did not carry
    REPLACE = "replace"  # a create: what was made can never become ready; remove it, create anew
    REFUSE_MISMATCH = "refuse_mismatch"
    REFUSE_BLIND = "refuse_blind"
    REFUSE_BUDGET = "refuse_budget"
    REFUSE_UNKNOWN = "refuse_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    An action with its reason, as it stands in the log.

    :param trace: the wait is for what an earlier try may have left, seen from that try's baseline
    :param entry_id: what an earlier try created, where the action is about that
    """

    action: Action
    reason: str
    purpose: Purpose | None = None
    trace: bool = False
    entry_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    What the caller wants, and what the vendor allows.

    :param repeatable: the write is idempotent, so a second one costs nothing
    :param cost: credits one write costs
    :param waits: the caller wants to see the end
    :param on_unknown: ``submit``, ``fail`` or None (submit where a marker that did not move shows that nothing ran)
    :param delivered: the version delivered last, where the caller names versions
    :param unchanged: the target reads back as what would be sent
    """

    repeatable: bool
    cost: Decimal
    start_grace: float
    waits: bool = True
    on_unknown: str | None = None
    max_credits: Decimal | None = None
    version: str | None = None
    delivered: str | None = None
    unchanged: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReceipt:
    """
    What the vendor's answer to a write said.

    :param charged: the credits it named; None if it named none, which does not mean that none were taken
    :param jobs: job ids, for the vendor's support
    :param entry_id: what a create made
    :param upload_url: where a file's bytes go; a secret while it lives
    """

    receipt: Receipt = Receipt.PLAIN
    charged: Decimal | None = None
    jobs: tuple[str, ...] = ()
    entry_id: int | None = None
    upload_url: str | None = None


class Refresh(Protocol):
    """What a vendor brings for one operator: a write, and what has to be known of it. It sends nothing itself."""

    @property
    def target(self) -> Target:
        """What is refreshed."""

    @property
    def rules(self) -> Rules:
        """When is it ours, when is it done?"""

    @property
    def body(self) -> str:
        """Hash of what is sent; two tries of the same body are the same refresh."""

    @property
    def cost(self) -> Decimal:
        """Credits one write costs, as the vendor's page says; nought where it is free."""

    @property
    def repeatable(self) -> bool:
        """The same write twice is the same once, and costs nothing."""

    @property
    def answer_needed(self) -> bool:
        """Without a readable answer nobody knows what was written: a create, whose answer names the id."""

    @property
    def generation(self) -> str | None:
        """Which of the vendor's APIs is spoken, where it has more than one."""

    @property
    def ready_statuses(self) -> tuple[str, ...]:
        """Which statuses are success, where the caller chose."""

    def write(self, baseline: Observation) -> Call[WriteReceipt]:
        """Describe the write; an argument that cannot be sent is refused here."""

    def refusal(self, answer: Any) -> str | None:
        """Say why what was read must not be written to, if so; ``answer`` is what the target's GET gave."""

    def unchanged(self, answer: Any, seen: Observation) -> bool:
        """Does the target read back as what would be sent?"""

    def accepts(self, answer: Any, seen: Observation) -> bool:
        """May ``on_unconfirmed='accept'`` take this for the end?"""


def settled(
    record: Record | None, identity: Identity, *, repeatable: bool = False, version: str | None = None
) -> Decision | None:
    """
    Decide without a look, where this very refresh had ended; else None.

    A clear of a task that had become green asks for another refresh. One of a task that never did, since Airflow lost
    its end, gets the recorded result.

    :param repeatable: a write that costs nothing is rather decided anew
    :param version: what a clear asks for; the result of another version is no answer to it
    """
    if record is None or record.open:
        return None
    lost = record.noted is False and record.same_write(identity) and not (identity.forced or repeatable)
    lost = lost and (version is None or version == record.version)
    if record.ending is Ending.OK and (lost or record.same_cycle(identity)):
        return Decision(action=Action.RETURN, reason="this refresh had ended; only Airflow had not noted it")
    if record.ending in (Ending.UNCONFIRMED, Ending.DEFECTIVE) and record.same_cycle(identity):
        return Decision(action=Action.REPEAT_ERROR, reason=record.message)
    return None


def decide(
    record: Record | None,
    identity: Identity,
    policy: Policy,
    seen: Observation,
    rules: Rules,
    now: float,
    waited: Wait | None = None,
) -> Decision:
    """
    Decide what one try does.

    *Not found* and *unreadable* are told apart before this is called.

    :param record: what an earlier try left, or None
    :param seen: the target as it reads now
    :param waited: the wait that has just ended, if any
    """
    if record is not None and record.open and not overridden(record, identity, policy):
        if record.same_write(identity):
            return _resume(record, identity, policy, seen, rules, now, waited)
        if not policy.repeatable:
            return mismatch(record, identity)
    elif (
        ended := settled(record, identity, repeatable=policy.repeatable, version=policy.version)
    ) is not None:
        return ended
    return _begin(record, identity, policy, seen, rules, waited)


def overridden(record: Record, identity: Identity, policy: Policy) -> bool:
    """
    Does ``force`` put an open record aside?

    A retry of a forced refresh does not force another one; nor does a clear, while its own run may be followed.
    """
    if not policy.force:
        return False
    cleared = record.identity.cycle != identity.cycle
    return not record.identity.forced or (cleared and not record.same_write(identity))


def mismatch(record: Record, identity: Identity) -> Decision:
    """Refuse to go on from a record of another target or text, naming both."""
    other = record.identity
    what = "another text" if other.target == identity.target else identity.target
    return Decision(
        action=Action.REFUSE_MISMATCH,
        reason=f"the record belongs to {other.target}, this try asks for {what}",
    )


def spent(record: Record | None, identity: Identity, policy: Policy) -> Decimal:
    """Return the credits that count towards ``max_credits``: over retries and clears, until somebody forces."""
    if record is None or not record.same_write(identity):
        return Decimal(0)
    if policy.force and record.identity.cycle != identity.cycle:
        return Decimal(0)
    return record.credits


def _begin(
    record: Record | None,
    identity: Identity,
    policy: Policy,
    seen: Observation,
    rules: Rules,
    waited: Wait | None,
) -> Decision:
    """Nothing of an earlier try is open: skip, wait, refuse or submit."""
    unfinished = record if record is not None and (record.open or record.ending is not Ending.OK) else None
    if not policy.force:
        # What was delivered last may have been overwritten by what this task began afterwards.
        doubtful = unfinished is not None and (policy.repeatable or unfinished.version != policy.version)
        if policy.version is not None and policy.version == policy.delivered and not doubtful:
            return Decision(action=Action.SKIP, reason=f"version {policy.version} was delivered already")
        if policy.unchanged and unfinished is None:
            return Decision(action=Action.SKIP, reason="the target reads back as what would be sent")
    purpose = rules.before_write(seen)
    had_grace = waited is not None and waited.purpose is Purpose.GRACE
    if purpose is not None and not (purpose is Purpose.GRACE and had_grace):
        return Decision(action=Action.WAIT, purpose=purpose, reason=f"{seen} before the write")
    failed = record.message if record is not None else ""
    return _submit(spent(record, identity, policy), policy, seen, _why(policy), failed)


def _why(policy: Policy) -> str:
    if policy.force:
        return "forced"
    if policy.version is None:
        return "no version is given, so every run refreshes"
    if policy.delivered is None:
        return f"version {policy.version} was never delivered"
    return f"version changed {policy.delivered} → {policy.version}"


def _submit(so_far: Decimal, policy: Policy, seen: Observation, reason: str, failed: str = "") -> Decision:
    """
    Submit, if that may be afforded and its end be seen.

    :param failed: why the run before ended badly: who is refused another one wants to know the cause
    """
    if policy.waits and not seen.readable:
        return Decision(
            action=Action.REFUSE_BLIND,
            reason="the target shows none of the fields in which an end could be read",
        )
    if policy.max_credits is not None and so_far + policy.cost > policy.max_credits:
        return Decision(
            action=Action.REFUSE_BUDGET,
            reason=f"{so_far} credits are spent, {policy.cost} more would pass max_credits={policy.max_credits}"
            + (f". The run before ended so: {failed.rstrip('.')}" if failed else ""),
        )
    return Decision(action=Action.SUBMIT, reason=reason)


def _resume(
    record: Record,
    identity: Identity,
    policy: Policy,
    seen: Observation,
    rules: Rules,
    now: float,
    waited: Wait | None,
) -> Decision:
    """An earlier try left an open record of this very write."""
    if record.stage is Stage.SUBMITTED and record.wait is not None:
        unseen = record.wait.evidence.polls == 0
        if policy.repeatable and unseen and take_in(record.wait, rules, seen, now).evidence.proven is None:
            # Nobody looked since the write. Where it shows now it is followed; else it is made anew.
            return _begin(record, identity, policy, seen, rules, waited)
        return Decision(action=Action.REATTACH, reason="an earlier try had submitted it")
    if policy.repeatable or record.baseline is None:
        return _begin(record, identity, policy, seen, rules, waited)
    trace = take_in(_trace(record, policy, waited), rules, seen, now)
    so_far = spent(record, identity, policy)
    if trace.evidence.proven is not None:
        return Decision(
            action=Action.ADOPT,
            reason=f"an earlier try's request left its trace, proven by {trace.evidence.proven}: {seen}",
        )
    if seen.phase is Phase.RUNNING:
        return _submit(so_far, policy, seen, "the run that is active was so before; a 409 costs nothing")
    if now - record.at < policy.start_grace or trace.evidence.marker_moves == 1:
        return Decision(
            action=Action.WAIT,
            purpose=Purpose.GRACE,
            trace=True,
            reason="an earlier try may have been accepted; its trace may still show",
        )
    if policy.force and record.identity.cycle != identity.cycle:
        return _submit(so_far, policy, seen, "forced; no trace of an earlier try")
    # Had the baseline's run been somebody else's, it may have moved the marker as well as ours: only a marker
    # that stands still shows that nothing ran.
    unmoved = record.baseline.marker is not None and same_time(seen.marker, record.baseline.marker)
    if policy.on_unknown == "fail" or (policy.on_unknown is None and not unmoved):
        return Decision(
            action=Action.REFUSE_UNKNOWN,
            reason="an earlier try stopped while it asked for the run, and nothing shows whether it was accepted",
        )
    return _submit(so_far, policy, seen, "no trace of an earlier try after the grace")


def _trace(record: Record, policy: Policy, waited: Wait | None) -> Wait:
    """Look at the target with the eyes of the earlier try, and with what a wait for its trace has seen since."""
    grace = waited is not None and waited.purpose is Purpose.GRACE
    return Wait(
        purpose=Purpose.OWN,
        started=record.at,
        deadline=record.at,
        start_grace=policy.start_grace,
        poll_interval=waited.poll_interval if waited is not None and grace else 0.0,
        baseline=record.baseline,
        first_read=waited.first_read if waited is not None and grace else None,
        evidence=waited.evidence if waited is not None and grace else Evidence(),
    )


def reopened(record: Record, identity: Identity, now: float, timeout: float) -> Record:
    """Take a submitted record up again: this cycle's, with a fresh deadline if the old one has passed."""
    wait = record.wait
    if wait is not None and now >= wait.deadline:
        wait = replace(wait, deadline=now + timeout)
    if wait is not None:
        wait = replace(wait, evidence=replace(wait.evidence, failures=0, refusals=0, silent_until=None))
    return replace(record, identity=identity, wait=wait)
