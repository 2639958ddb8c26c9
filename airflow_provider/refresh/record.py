"""What survives a crash: ``INTENT → SUBMITTED → ENDED``, one per task instance, shared by all its tries."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from airflow_provider.refresh import codec
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.wait import Wait

SCHEMA: Final = 1


class Stage(StrEnum):
    """How far a refresh got."""

    INTENT = "intent"  # about to write: the write may or may not have been sent
    SUBMITTED = "submitted"  # the vendor accepted it, or we adopted a run
    ENDED = "ended"


class Ending(StrEnum):
    """How a refresh ended. A timeout, lost reads or a kill are no ending: they leave ``SUBMITTED``."""

    OK = "ok"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    DEFECTIVE = (
        "defective"  # the run ended well, some of what it read did not; another run would meet the same
    )


class Outcome(StrEnum):
    """What the task did."""

    SUBMITTED = "submitted"  # sent, or taken over; its end was not awaited
    REFRESHED = "refreshed"
    ADOPTED = "adopted"
    REATTACHED = "reattached"
    SKIPPED = "skipped"
    OBSERVED = "observed"  # a sensor's: it does nothing but look


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    What makes two tries the same refresh.

    :param target: the target's key
    :param body: hash of what is sent
    :param cycle: ``ti.max_tries``: a clear raises it, a retry does not
    :param forced: whether ``force`` was set
    """

    target: str
    body: str
    cycle: int
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    The note that one try leaves for the next; plain JSON, no secret.

    :param baseline: the observation before the write
    :param at: when the intent was written, seconds since the epoch
    :param wait: the wait for our own run, once there is one
    :param credits: charged over all tries that count towards ``max_credits``; a charge that nobody
        confirmed is included
    :param charged: what this refresh cost: the vendor's figure, or the page's price where no answer named one
    :param confirmed: an answer of the vendor named that figure
    :param jobs: job ids the vendor named, for its support; they cannot be polled
    :param generation: which API generation was spoken, so that no later try has to find out again
    :param titled: ids that bore the title before a create; None where it has no title
    :param entry_id: what a create made
    :param result: what the task returned, once it ended well
    :param noted: Airflow accepted the good end, so a clear asks for another refresh; None: written by a version
        that did not know
    :param message: why it ended badly
    """

    identity: Identity
    stage: Stage
    at: float
    baseline: Observation | None = None
    version: str | None = None
    wait: Wait | None = None
    outcome: Outcome = Outcome.REFRESHED
    credits: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)
    confirmed: bool = True
    jobs: tuple[str, ...] = ()
    generation: str | None = None
    titled: tuple[int, ...] | None = None
    entry_id: int | None = None
    ending: Ending | None = None
    result: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    noted: bool | None = None

    @property
    def open(self) -> bool:
        """May a run of this record still be at work?"""
        return self.stage is not Stage.ENDED

    def same_cycle(self, identity: Identity) -> bool:
        """Is this a retry of the recorded refresh, rather than a person's wish for another one?"""
        mine = self.identity
        return (mine.target, mine.body, mine.cycle, mine.forced) == (
            identity.target,
            identity.body,
            identity.cycle,
            identity.forced,
        )

    def same_write(self, identity: Identity) -> bool:
        """Is this the same text, to the same target?"""
        return (self.identity.target, self.identity.body) == (identity.target, identity.body)

    @property
    def condensed(self) -> Record:
        """What has to be known of a refresh that has ended."""
        return replace(self, baseline=None, wait=None, jobs=(), titled=None)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON with its schema version."""
        return {"schema": SCHEMA, **codec.dump(self)}

    @staticmethod
    def from_json(data: Any) -> Record:
        """
        Rebuild a record.

        :raises ValueError: it is no record, or one of a later schema: unreadable, which is not absent
        """
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError("not a record of schema 1")
        return codec.load(Record, data)


def fingerprint(body: Any) -> str:
    """Return a short hash of what is sent; equal for equal JSON."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
