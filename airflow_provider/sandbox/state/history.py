"""What an object was before each of its writes, for reads that lag behind."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(slots=True, kw_only=True)
class Historic:
    """
    :param past: until which time it was what; ``None``: it was not there yet
    """

    past: list[tuple[float, Any]] = field(default_factory=list, repr=False)

    def remember(self, now: float) -> None:
        """Call it before a write."""
        before = copy(self)
        before.past = []
        for each in fields(self):
            if isinstance(getattr(self, each.name), dict):
                setattr(before, each.name, deepcopy(getattr(self, each.name)))
        self.past.append((now, before))

    def as_of(self, at: float) -> Self | None:
        """What a read told at that time."""
        if not self.past or at >= self.past[-1][0]:
            return self
        then: Self | None = next(version for until, version in self.past if at < until)
        return then
