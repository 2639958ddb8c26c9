"""The one small JSON that every path returns: fresh, adopted, re-attached or skipped; sync or deferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any, Self

from airflow_provider.refresh import codec
from airflow_provider.refresh.observation import Observation, shorten
from airflow_provider.refresh.record import Outcome
from airflow_provider.refresh.wait import Wait

#: Characters of a reason; the log has it whole.
_REASON = 80

#: Members that are left out unless they say something.
_OCCASIONAL = ("dry_run", "entry_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshResult:
    """
    What a refresh came to; below 2 KB as JSON.

    :param vendor: the vendor's name
    :param target: the target's key
    :param outcome: what the task did
    :param status: the vendor's word, as read last
    :param credits_charged: what it cost, as far as anybody knows
    :param credits_confirmed: False: no answer of the vendor named that figure; it is the page's price
    :param jobs: job ids the vendor named, for its support
    :param version: the caller's name for the source content
    :param marker: the vendor's own time of the run, as read last
    :param started: seconds since the epoch, when the write was accepted or the wait began
    :param finished: seconds since the epoch
    :param seconds: between the two
    :param polls: reads that succeeded
    :param counts: pages, chunks, documents
    :param confirmed: a rule ties the end to this refresh
    :param proven_by: name of that rule (``docs/how-it-decides.md``)
    :param ended: the end was awaited
    :param reason: why it did what it did, cut short
    :param generation: which API generation was spoken, where its vendor has more than one
    :param dry_run: nothing was sent
    :param entry_id: what a create made
    :param proof: baseline, first read and evidence so far: a sensor goes on from there
    """

    vendor: str
    target: str
    outcome: Outcome
    status: str | None = None
    credits_charged: float = 0.0
    credits_confirmed: bool = True
    jobs: tuple[str, ...] = ()
    version: str | None = None
    marker: str | None = None
    started: float = 0.0
    finished: float = 0.0
    seconds: float = 0.0
    polls: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    confirmed: bool = True
    proven_by: str | None = None
    ended: bool = True
    reason: str | None = ""
    generation: str | None = None
    dry_run: bool = False
    entry_id: int | None = None
    proof: Wait | None = None

    @classmethod
    def of(
        cls,
        *,
        vendor: str,
        target: str,
        seen: Observation,
        outcome: Outcome,
        now: float,
        wait: Wait | None = None,
        charged: Decimal = Decimal(0),
        reason: str = "",
        **members: Any,
    ) -> Self:
        """
        Put a result together.

        :param seen: the last read
        :param wait: None where nothing was submitted, adopted or waited for
        :param members: further members, as they are
        """
        started = wait.started if wait else now
        return cls(
            vendor=vendor,
            target=target,
            outcome=outcome,
            status=seen.status,
            marker=seen.marker,
            counts=dict(seen.counts),
            credits_charged=float(charged),
            started=round(started, 3),
            finished=round(now, 3),
            seconds=round(now - started, 3),
            polls=wait.evidence.polls if wait else 0,
            proven_by=wait.evidence.proven if wait else None,
            reason=shorten(reason, _REASON),
            proof=_brief(wait) if wait else None,
            **members,
        )

    @property
    def refreshed(self) -> bool:
        """Has what the target knows changed by this task, to the end?"""
        return self.ended and self.outcome not in (Outcome.SKIPPED, Outcome.SUBMITTED)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON with every member but the occasional ones."""
        data: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name not in _OCCASIONAL or value:
                data[each.name] = value
        data |= {
            "outcome": self.outcome.value,
            "jobs": list(self.jobs),
            "counts": dict(self.counts),
            "proof": codec.dump(self.proof) if self.proof else None,
        }
        return data

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """
        Rebuild a result, of any released version.

        :raises ValueError: it is none; the message says what it is instead, as far as that can be told
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("target"), str) or "outcome" not in data:
            raise ValueError("it is no result of one of this provider's operators")
        if "sync_id" in data:
            raise ValueError(
                f"it is the result of bringing documents to {data['target']}, which refreshes nothing by itself. Give "
                "the output of the refresh that follows it"
            )
        if data["outcome"] not in [each.value for each in Outcome]:
            raise ValueError(
                f"it is the result of an operator that refreshes nothing (outcome {data['outcome']!r:.40})"
            )
        known = {each.name for each in fields(cls)}
        return codec.load(cls, {"vendor": "", **{key: data[key] for key in data if key in known}})


def _brief(wait: Wait) -> Wait:
    """Return what a sensor needs to go on where the operator stopped: baseline, first read, evidence so far."""
    return replace(
        wait,
        baseline=wait.baseline.brief if wait.baseline else None,
        first_read=wait.first_read.brief if wait.first_read else None,
        evidence=replace(wait.evidence, failures=0, refusals=0, silent_until=None),
    )
