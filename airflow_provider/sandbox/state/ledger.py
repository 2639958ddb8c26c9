"""Credits: what is left, and every charge that was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Charge:
    """One movement of credits; a refund is negative."""

    at: float
    agent: str
    credits: Decimal
    reason: str
    request_id: str


@dataclass(slots=True)
class Ledger:
    """The balance is not visible to any vendor call; SendKit answers 402 when it does not suffice."""

    left: Decimal
    charges: list[Charge] = field(default_factory=list)

    def affords(self, cost: Decimal) -> bool:
        return self.left >= cost

    def charge(self, charge: Charge) -> None:
        self.left -= charge.credits
        self.charges.append(charge)
