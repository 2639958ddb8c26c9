"""What a sync refuses, and what it says then: to lose a knowledge base because a mount was empty, above all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from airflow_provider.arguments import Checker
from airflow_provider.errors import (
    ChangesRefusedError,
    DeletionRefusedError,
    EmptySourceError,
    InvalidArgumentError,
    PlanChangedError,
    SourceIncompleteError,
)
from airflow_provider.sync.documents import UNREAD, Held, Wanted
from airflow_provider.sync.plan import Action, Plan
from airflow_provider.texts import number_of, one_line

#: Answers one after the other that say that the vendor is ill, before the run stops.
IN_A_ROW = 10

#: So many changed documents a share never refuses: in a small knowledge base all may change in a night.
_FEW = 10

#: Documents that a message names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Ceiling:
    """
    How many live documents one run may delete, or change.

    :param percent: of the live ones, 0 to 100; below 100 it never means all of them
    """

    count: int | None = None
    percent: Decimal | None = None

    def of(self, live: int) -> int:
        """Return the number, for so many live documents."""
        if self.percent is None:
            return self.count or 0
        most = int((self.percent * live / 100).to_integral_value(ROUND_CEILING))
        return most if self.percent >= 100 else min(most, max(0, live - 1))

    def __str__(self) -> str:
        return str(self.count) if self.percent is None else f"{self.percent.normalize():f}%"


def ceiling(check: Checker, name: str, value: object) -> Ceiling:
    """Read a number of documents (``10``) or a share of the live ones (``"25%"``)."""
    text = str(value).strip()
    if not text.endswith("%"):
        return Ceiling(count=check.count(name, value, least=0))
    try:
        percent = Decimal(text[:-1].strip())
    except InvalidOperation:
        percent = Decimal(-1)
    if not (percent.is_finite() and 0 <= percent <= 100):
        check.problems.append(f"{name} must be a number of documents or 0% to 100% of them, got {value!r}")
        return Ceiling(count=0)
    return Ceiling(percent=percent)


def too_many_deletions(plan: Plan, most: Ceiling) -> str | None:
    """Say why the plan's deletions are refused, if they are; what is superseded or renamed loses nothing."""
    allowed = most.of(plan.live)
    if most.count is not None and most.count > plan.live:
        allowed = max(0, plan.live - 1)  # whoever allows ten of five did not mean all of them
    if plan.deletions <= allowed:
        return None
    return (
        f"{plan.deletions} of {plan.live} live documents are missing from the source and would be deleted; "
        f"max_deletes={most} allows {allowed}"
    )


def too_many_changes(plan: Plan, most: Ceiling | None) -> str | None:
    """Say why the plan's changes are refused, if they are: an error page in place of each text is no news."""
    if most is None:
        return None
    allowed = most.of(plan.live) if most.percent is None else max(_FEW, most.of(plan.live))
    if plan.overwrites <= allowed:
        return None
    return (
        f"{plan.overwrites} of {plan.live} live documents would get another content; "
        f"max_changes={most} allows {allowed}"
    )


def foreign(plan: Plan, source: str) -> tuple[Held, ...]:
    """
    Return what would be deleted and is another source's: two of them have one ``sync_id``.

    A source that was given another name is no other one: most of what the old name brought is in it still.

    :param source: tag of the present one
    """
    if not source:
        return ()
    present: dict[str, set[str]] = defaultdict(set)
    for row in plan.rows:
        if row.wanted and row.entry and row.entry.source:
            present[row.entry.source].add(row.key_hash)
    theirs: dict[str, list[Held]] = defaultdict(list)
    for row in plan.of(Action.DELETE):
        if row.entry and row.entry.source not in ("", source):
            theirs[row.entry.source].append(row.entry)
    return tuple(
        entry
        for tag, entries in theirs.items()
        if len({each.key_hash for each in entries}) >= len(present[tag])
        for entry in entries
    )


def nothing_usable(wanted: Collection[Wanted]) -> str | None:
    """Say why a source is an empty one, if it is: it holds nothing, or nothing of it can be sent."""
    if any(each.skip is None for each in wanted):
        return None
    if not wanted:
        return "holds no document at all"
    kinds = ", ".join(f"{count} {skip}" for skip, count in Counter(str(each.skip) for each in wanted).items())
    first = next(iter(wanted))
    detail = f": {first.detail}" if first.detail else ""
    number = f"{len(wanted)} document{'s' if len(wanted) > 1 else ''}"
    return f"holds {number} of which none can be sent ({kinds}; first {first.key}{detail})"


# --- refusals ------------------------------------------------------------------------------------------------


def refuse_empty_source(
    wanted: Collection[Wanted], held: Collection[Held], key: str, sync_id: str, *, sent: bool
) -> None:
    """
    Refuse a source without any document, or without one that can be sent.

    :param sent: something was sent before
    :raises EmptySourceError: mounts come back, so a retry looks again
    """
    if (reason := nothing_usable(wanted)) is None:
        return
    became = "What was sent before stays at the vendor." if sent else "Nothing was sent or deleted."
    raise EmptySourceError(
        f"The source {reason}, while {key} holds {number_of(len(held), 'entry', 'entries')} of sync '{sync_id}'. "
        f"{became} A retry looks again; if the source is meant to be empty, set on_empty_source='allow'."
    )


def refuse_skipped(wanted: Iterable[Wanted], *, sent: bool) -> None:
    """
    Refuse a document that cannot be sent, where every one has to be.

    :param sent: something was sent before
    :raises SourceIncompleteError: it could not be read, which may pass
    :raises InvalidArgumentError: the vendor takes no such document
    """
    document = next((document for document in wanted if document.skip), None)
    if document is None:
        return
    became = "What was sent before stays at the vendor." if sent else "Nothing was sent."
    told = f"{document.key} cannot be sent ({document.skip}). {document.detail}".rstrip(". ") + "."
    if document.skip in UNREAD:
        raise SourceIncompleteError(f"{told} {became} A retry reads it again.")
    raise InvalidArgumentError(f"{told} {became}")


def refuse_deletions(plan: Plan, most: Ceiling, source: str, key: str) -> None:
    """
    Refuse a plan that deletes too much, or what is another source's.

    :raises DeletionRefusedError: for good
    """
    if theirs := foreign(plan, source):
        named = ", ".join(one_line(entry.title, 60) or str(entry.id) for entry in theirs[:_NAMED])
        raise DeletionRefusedError(
            f"{key}: {number_of(len(theirs), 'entry', 'entries')} of this sync_id came from another source ({named}), "
            "and would be deleted as missing from this one. Nothing was deleted. A retry is refused as well. Give each "
            "source a sync_id of its own; adopt_from takes over what is under the old one."
        )
    if (reason := too_many_deletions(plan, most)) is not None:
        raise DeletionRefusedError(
            f"{key}: {reason}. Nothing was deleted. A retry is refused as well. Is the source "
            "whole? If it is, raise max_deletes for this run."
        )


def refuse_changes(plan: Plan, most: Ceiling | None, key: str) -> None:
    """
    Refuse a plan that writes over too much.

    :raises ChangesRefusedError: for good
    """
    if (reason := too_many_changes(plan, most)) is not None:
        raise ChangesRefusedError(
            f"{key}: {reason}. Nothing was sent. A retry is refused as well. Is the source right? If it is, "
            "raise max_changes for this run."
        )


def refuse_other_source(key: str, saw: str, sees: str) -> None:
    """
    Refuse to go on with a source that is another one on this worker.

    :param saw: the worker that read it first
    :param sees: this one
    :raises SourceIncompleteError: a retry plans anew, with what its worker sees
    """
    raise SourceIncompleteError(
        f"{key}: the source on worker {sees} is not the one that worker {saw} planned with: do both see the same "
        "files? This worker sent nothing; what was sent before stays at the vendor. A retry plans anew."
    )


def refuse_other_plan(plan: Plan, expected: str, key: str) -> None:
    """
    Refuse a plan that is not the approved one.

    :raises PlanChangedError: for good
    """
    if plan.digest != expected:
        raise PlanChangedError(
            f"{key}: the plan is {plan.digest}, not {expected}: source or knowledge base changed "
            "since. Nothing was sent, and a retry is refused as well. Make a plan again (dry_run=True) and have it "
            "approved."
        )


@dataclass(slots=True)
class Breaker:
    """Trips when too many answers in a row say that the vendor is ill."""

    most: int = IN_A_ROW
    row: int = field(default=0, init=False)

    def note(self, *, failed: bool) -> None:
        """Take one answer."""
        self.row = self.row + 1 if failed else 0

    @property
    def tripped(self) -> bool:
        """Stop?"""
        return self.row >= self.most
