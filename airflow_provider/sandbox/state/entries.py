"""
Sensay's knowledge-base entries: the pipeline of one entry as a timeline.

One entry has one timeline, in the statuses of the current generation; the older generation sees the same entry
under its own words. Sources: https://docs.sensay.io/topic/topic-getting-deeper-knowledge-base ,
https://docs.sensay.io/topic/topic-training
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.history import Historic

Kind = Literal["text", "website", "youtube", "file"]
MEDIA = ("website", "youtube", "file")
USABLE = frozenset({"VECTOR_CREATED", "READY"})
PIPELINE = ("NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT", "VECTOR_CREATED", "READY")


@dataclass(frozen=True, slots=True)
class Step:
    """
    What the entry looks like from ``at`` on.

    :param knowledge: the text chat answers from; ``None``: none
    :param quiet: not a step of the pipeline (an old status that lingers after a write), so it stamps nothing
    """

    at: float
    status: str | None
    knowledge: str | None = None
    error: str | None = None
    quiet: bool = False


@dataclass(slots=True)
class Entry(Historic):
    """
    One entry of a replica's knowledge base.

    :param uploads: the id of the upload URL a file entry waits for
    :param gone_at: when a deleted entry stops answering in chat
    :param missing: keys that reads leave out, set by a test
    :param raw: keys that reads show with these values, whatever is true, set by a test
    """

    id: int
    replica_uuid: str
    kind: Kind
    created_at: float
    written_at: float
    steps: tuple[Step, ...]
    title: str | None = None
    raw_text: str | None = None
    processed_text: str | None = None
    vector_entry_id: str | None = None
    url: str | None = None
    filename: str | None = None
    file_size: int | None = None
    mime_type: str | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    gone_at: float | None = None
    updated_at_fixed: float | None = None
    missing: frozenset[str] = frozenset()
    raw: dict[str, Any] = field(default_factory=dict)

    def step(self, now: float) -> Step:
        current = self.steps[0]
        for step in self.steps[1:]:
            if step.at > now:
                break
            current = step
        return current

    def updated_at(self, now: float, options: Options) -> float:
        if self.updated_at_fixed is not None:
            return self.updated_at_fixed
        stamps = [self.created_at]
        if options.stamp_updated_at in ("both", "write"):
            stamps.append(self.written_at)
        if options.stamp_updated_at in ("both", "processing"):
            stamps += [step.at for step in self.steps if step.at <= now and not step.quiet]
        return max(stamps)

    def knowledge(self, now: float) -> str | None:
        """The text chat may answer from, if the entry is usable now."""
        if self.gone_at is not None and now >= self.gone_at:
            return None
        step = self.step(now)
        return step.knowledge if step.status in USABLE else None

    def write(self, steps: tuple[Step, ...], now: float) -> None:
        """A caller's write: a new timeline, and whatever a test had pinned is free again."""
        self.steps, self.written_at = steps, now
        self.updated_at_fixed = None


def finished(at: float, text: str | None, status: str = "READY") -> tuple[Step, ...]:
    return (Step(at, status, knowledge=text),)


def processing(
    now: float, text: str | None, options: Options, *, first: str = "RAW_TEXT", before: Step | None = None
) -> tuple[Step, ...]:
    """
    The timeline of one run of the pipeline.

    :param first: the status it starts in
    :param before: what a rewritten entry showed; a usable status lingers for ``stale_ready`` seconds, and goes on
        answering from the old text
    """
    at = now
    steps: list[Step] = []
    if before is not None and before.status in USABLE and options.stale_ready > 0:
        steps.append(Step(now, before.status, knowledge=before.knowledge, quiet=True))
        at += options.stale_ready
    for status in PIPELINE[PIPELINE.index(first) :]:
        if status == "FILE_UPLOADED" and first == "NEW":
            continue
        steps.append(Step(at, status, knowledge=text if status in USABLE else None))
        if status == options.entry_stuck or status == options.entry_outcome:
            return tuple(steps)
        at += _seconds(status, options)
        if status == "RAW_TEXT" and options.entry_outcome == "error":
            return (*steps, Step(at, status, error=options.entry_error))
        if status == "PROCESSED_TEXT" and options.entry_outcome == "UNPROCESSABLE":
            return (*steps, Step(at, "UNPROCESSABLE", error=options.entry_error))
    return tuple(steps)


def waiting_for_caller(now: float) -> tuple[Step, ...]:
    """``NEW`` (older: ``BLANK``, ``AWAITING_UPLOAD``): it stays so until somebody writes."""
    return (Step(now, "NEW"),)


def unprocessable(now: float, options: Options) -> tuple[Step, ...]:
    end = now + options.file_uploaded_seconds
    return (Step(now, "FILE_UPLOADED"), Step(end, "UNPROCESSABLE", error=options.entry_error))


def _seconds(status: str, options: Options) -> float:
    return {
        "NEW": options.new_seconds,
        "FILE_UPLOADED": options.file_uploaded_seconds,
        "RAW_TEXT": options.raw_text_seconds,
        "PROCESSED_TEXT": options.processed_text_seconds,
        "VECTOR_CREATED": options.vector_created_seconds,
    }.get(status, 0.0)


def older_status(entry: Entry, now: float, options: Options) -> str | None:
    """The same moment in the older generation's words; a status a test pinned shows as it is."""
    status = entry.step(now).status
    if status == "NEW":
        if entry.kind == "file":
            return "AWAITING_UPLOAD"
        return "BLANK" if entry.kind == "text" and entry.raw_text is None else "PROCESSING"
    if status == "UNPROCESSABLE":
        return options.training_failure_status
    return {
        "FILE_UPLOADED": "SUPABASE_ONLY",
        "RAW_TEXT": "PROCESSING",
        "PROCESSED_TEXT": "PROCESSING",
        "VECTOR_CREATED": "READY",
    }.get(status or "", status)
