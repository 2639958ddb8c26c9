"""What may go wrong on the wire, as data: which request, how often, what happens."""

from __future__ import annotations

import itertools
import random
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from airflow_provider.sandbox.options import FOREVER, Seconds
from airflow_provider.sandbox.state.clock import MarkerStyle


class Match(BaseModel):
    """Which requests; an absent part matches all."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = Field(default=None, description="GET, POST, …")
    path: str | None = Field(
        default=None, description="Regular expression, searched in the path (without the query)."
    )

    @field_validator("path")
    @classmethod
    def is_pattern(cls, path: str | None) -> str | None:
        try:
            re.compile(path or "")
        except re.error as error:
            raise ValueError(f"{path!r} is no regular expression: {error}") from None
        return path

    def accepts(self, method: str, path: str) -> bool:
        return (self.method is None or self.method.upper() == method) and (
            self.path is None or re.search(self.path, path) is not None
        )


Status = Annotated[int, Field(ge=200, le=599)]
HeaderName = Annotated[str, Field(pattern=r"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    match: Match = Field(default_factory=lambda: Match(method=None, path=None))
    times: int | None = Field(default=1, ge=1, description="Fires at most so often; null: always.")
    skip: int = Field(default=0, ge=0, description="So many matching requests pass first.")
    every: int | None = Field(default=None, ge=1, description="Fires on every n-th matching request only.")
    probability: float | None = Field(
        default=None, ge=0, le=1, description="Fires with this chance, drawn from seed."
    )
    seed: int = 0

    _id: int = PrivateAttr(0)
    _seen: int = PrivateAttr(0)
    _fired: int = PrivateAttr(0)
    _random: random.Random = PrivateAttr(default_factory=random.Random)

    def model_post_init(self, context: Any, /) -> None:
        self._random = random.Random(self.seed)

    def fires(self) -> bool:
        """Count one matching request and say whether this fault takes it."""
        if self.times is not None and self._fired >= self.times:
            return False
        self._seen += 1
        turn = self._seen - self.skip
        if turn <= 0 or (self.every is not None and turn % self.every):
            return False
        if self.probability is not None and self._random.random() >= self.probability:
            return False
        self._fired += 1
        return True


class StatusFault(_Fault):
    """Answer with this status and do nothing. Without ``body``: the vendor's own envelope."""

    kind: Literal["status"]
    status: Status
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    body: Any = Field(default=None, description="JSON, or a string sent as it is.")
    error_code: str | None = Field(
        default=None, description="Sensay's machine code, e.g. KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED."
    )
    retry_after: Seconds | None = Field(default=None, description="Seconds for a Retry-After header.")
    retry_after_format: Literal["seconds", "date"] = "seconds"


class StatusAfterFault(StatusFault):
    """Do it, then answer with this status: a 500 after acceptance."""

    kind: Literal["status_after"]  # type: ignore[assignment]


class LoseAnswerFault(_Fault):
    """Do it, then cut the connection."""

    kind: Literal["lose_answer"]
    reset: bool = Field(default=True, description="Reset the connection, or just close it.")


class DropFault(_Fault):
    """Cut the connection before doing anything."""

    kind: Literal["drop"]
    reset: bool = Field(default=True, description="Reset the connection, or just close it.")


class DelayFault(_Fault):
    """Wait real seconds before doing it, or between doing it and answering."""

    kind: Literal["delay"]
    seconds: Seconds
    when: Literal["before", "after"] = "before"


class HoldFault(_Fault):
    """Hold the request before doing it, or the answer after, until it is released."""

    kind: Literal["hold"]
    when: Literal["before", "after"] = "before"


class BodyFault(_Fault):
    """Do it, then spoil the answer's body."""

    kind: Literal["body"]
    shape: Literal["not_json", "huge", "cut_json", "cut_connection", "wrong_shape", "empty", "dribble"]
    status: Status | None = Field(default=None, description="Another status than the true one.")
    body: Any = Field(default=None, description="For wrong_shape: what to send; [] without it.")
    size: int = Field(default=50_000_000, ge=1, description="For huge: bytes of (valid) JSON.")
    chunk: int = Field(default=1, ge=1, description="For dribble: bytes at a time.")
    seconds: Seconds = Field(default=0.05, description="For dribble: real seconds between chunks.")


class EditFault(_Fault):
    """Do it, then answer with some members changed; a path is dotted, ``*`` stands for each of a list."""

    kind: Literal["edit"]
    members: dict[str, Any] = Field(
        default_factory=dict, description='Path and value, e.g. {"data._id": "other", "items.*.title": 7}.'
    )
    missing: list[str] = Field(default_factory=list, description="Paths left out.")
    items: int | None = Field(
        default=None, ge=0, description="A list has only so many items, and says so in total."
    )
    marker_shift: float = Field(
        default=0.0,
        ge=-FOREVER,
        le=FOREVER,
        description="Seconds by which lastScrapedAt and updatedAt are moved; may be negative.",
    )
    marker_style: MarkerStyle | None = Field(
        default=None, description="The same instants of lastScrapedAt and updatedAt, spelt otherwise."
    )


class SwapFault(_Fault):
    """Do the same to another path, and answer with what came of that: two answers mixed up."""

    kind: Literal["swap"]
    to: str = Field(description="The other path.")


class StaleFault(_Fault):
    """A read or a list tells the state of so many seconds ago: a replica of the database that lags."""

    kind: Literal["stale"]
    seconds: Seconds


class RedirectFault(_Fault):
    """Send the client elsewhere and do nothing."""

    kind: Literal["redirect"]
    status: Literal[301, 302, 303, 307, 308] = 307
    location: HeaderValue = "https://elsewhere.invalid/"


Fault = Annotated[
    StatusFault
    | StatusAfterFault
    | LoseAnswerFault
    | DropFault
    | DelayFault
    | HoldFault
    | BodyFault
    | EditFault
    | SwapFault
    | StaleFault
    | RedirectFault,
    Field(discriminator="kind"),
]


class FaultQueue:
    """In the order they were queued; the first that fires takes the request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, fault: Fault) -> int:
        fault._id = next(self._ids)
        self._faults.append(fault)
        return fault._id

    def take(self, method: str, path: str) -> Fault | None:
        for fault in self._faults:
            if fault.match.accepts(method, path) and fault.fires():
                return fault
        return None

    def show(self) -> list[dict[str, Any]]:
        return [
            fault.model_dump() | {"id": fault._id, "seen": fault._seen, "fired": fault._fired}
            for fault in self._faults
        ]

    def clear(self, fault_id: int | None = None) -> None:
        self._faults = [fault for fault in self._faults if fault_id is not None and fault._id != fault_id]
