"""What a sync refuses to do: lose a knowledge base because a mount was empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from airflow_provider.arguments import Checker
from airflow_provider.sync.documents import Wanted
from airflow_provider.sync.plan import Plan

#: Documents that fail one after the other before the run stops: the fault is then not theirs.
IN_A_ROW = 10


@dataclass(frozen=True, slots=True)
class Ceiling:
    """
    How many live documents one run may delete.

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
    if plan.deletions <= allowed:
        return None
    return (
        f"{plan.deletions} of {plan.live} live documents are missing from the source and would be deleted; "
        f"max_deletes={most} allows {allowed}"
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


@dataclass(slots=True)
class Breaker:
    """Trips when too many documents fail in a row."""

    most: int = IN_A_ROW
    row: int = field(default=0, init=False)

    def note(self, *, failed: bool) -> None:
        """Take one document's outcome."""
        self.row = self.row + 1 if failed else 0

    @property
    def tripped(self) -> bool:
        """Stop?"""
        return self.row >= self.most
