"""
SendKit's agents: what GET shows at a given moment.

An agent's training is a timeline of steps written when a retrain is accepted; its state at ``now`` is the last
step that has begun. Source: https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-retrain
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.clock import iso
from airflow_provider.sandbox.state.history import Historic

TRAINING_FIELDS = (
    "trainingStatus",
    "trainingProgress",
    "trainingError",
    "uploadedDocuments",
    "knowledgeBase",
)


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """
    What training looks like from ``at`` on.

    :param status: the vendor's word; ``None`` shows ``null``
    :param active: a retrain is 409 while this step lasts
    """

    at: float
    status: str | None
    active: bool = False
    progress: float = 0.0
    error: str | None = None
    scraped_at: float | None = None
    pages: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF, DOCX or TXT of an agent; ``settles_at`` is when processing ends (``None``: never)."""

    file_key: str
    file_name: str
    file_url: str
    file_type: str
    file_size: int
    uploaded_at: float
    settles_at: float | None
    outcome: str

    def status(self, now: float) -> str:
        settled = self.settles_at is not None and now >= self.settles_at
        return self.outcome if settled else "processing"

    def show(self, now: float, skew: float) -> dict[str, Any]:
        return {
            "fileName": self.file_name,
            "fileKey": self.file_key,
            "fileUrl": self.file_url,
            "fileType": self.file_type,
            "fileSize": self.file_size,
            "uploadedAt": iso(self.uploaded_at, skew),
            "status": self.status(now),
        }

    def processed_again(self, now: float, options: Options) -> Document:
        if options.document_outcome == "stuck":
            return replace(self, settles_at=None, outcome="completed")
        return replace(self, settles_at=now + options.document_seconds, outcome=options.document_outcome)


@dataclass(frozen=True, slots=True)
class Training:
    """Timeline and documents together, so that a lagging GET can show both as they were."""

    steps: tuple[TrainingStep, ...]
    documents: tuple[Document, ...] = ()

    def step(self, now: float) -> TrainingStep:
        begun = [step for step in self.steps if step.at <= now]
        return begun[-1] if begun else self.steps[0]

    def progress(self, now: float) -> float:
        """0 to 1, moving evenly through the step that trains."""
        current = self.step(now)
        later = [step for step in self.steps if step.at > now]
        if current.status != "training" or not later:
            return current.progress
        return (now - current.at) / (later[0].at - current.at)


@dataclass(slots=True)
class Agent(Historic):
    """
    One agent; ``profile`` holds the parts of it that training does not touch.

    :param missing: keys that GET leaves out, set by a test
    :param raw: keys that GET shows with these values, whatever is true, set by a test
    """

    id: str
    profile: dict[str, Any]
    created_at: float
    updated_at: float
    training: Training
    is_default: bool = False
    deleted: bool = False
    domain: str = ""
    shown_before: Training | None = None
    shown_before_until: float = 0.0
    missing: frozenset[str] = frozenset()
    raw: dict[str, Any] = field(default_factory=dict)

    def is_training(self, now: float) -> bool:
        return self.training.step(now).active

    def is_processing_documents(self, now: float) -> bool:
        return any(document.status(now) == "processing" for document in self.training.documents)

    def retrain(self, now: float, options: Options) -> None:
        """Begin a run; the caller has checked that none is active and has charged it."""
        self.shown_before, self.shown_before_until = self.training, now + options.lag
        documents = self.training.documents
        if options.retrain_reprocesses_documents:
            documents = tuple(document.processed_again(now, options) for document in documents)
        self.training = Training(_run(self.training.step(now), now, options), documents)

    def set_documents(self, documents: tuple[Document, ...]) -> None:
        self.training = replace(self.training, documents=documents)

    def show(self, now: float, options: Options, *, answer_to_retrain: bool = False) -> dict[str, Any]:
        """The agent as GET tells it, or as the answer to its own retrain does."""
        skew = options.clock_skew
        shown: dict[str, Any] = {
            "_id": self.id,
            **self.profile,
            "isDefault": self.is_default,
            "isActive": not self.deleted,
            "createdAt": iso(self.created_at, skew),
            "updatedAt": iso(self.updated_at, skew),
        }
        lagging = now < self.shown_before_until and not answer_to_retrain
        training = self.shown_before if lagging and self.shown_before else self.training
        shown |= self._show_training(training, now, options)
        if answer_to_retrain:
            if options.retrain_answer_status is not None:
                shown["trainingStatus"] = options.retrain_answer_status
            return shown
        hidden = self.missing | (set(TRAINING_FIELDS) if options.hide_training_fields else set())
        return {key: value for key, value in (shown | self.raw).items() if key not in hidden}

    def _show_training(self, training: Training, now: float, options: Options) -> dict[str, Any]:
        step = training.step(now)
        skew = options.clock_skew
        shown: dict[str, Any] = {
            "uploadedDocuments": [document.show(now, skew) for document in training.documents],
            "trainingStatus": step.status,
            "trainingProgress": round(training.progress(now) * options.progress_scale, 2),
            "trainingError": step.error,
            "knowledgeBase": {
                "totalPages": step.pages,
                "totalChunks": step.chunks,
                "lastScrapedAt": None if step.scraped_at is None else iso(step.scraped_at, skew),
                "domain": self.domain,
            },
        }
        if step.status == NEVER_TRAINED:
            shown["trainingStatus"] = {"pending": "pending", "null": None, "absent": None}[
                options.never_trained
            ]
            if options.never_trained == "absent":
                del shown["trainingStatus"]
        return shown


NEVER_TRAINED = "(never trained)"


def never_trained(now: float) -> Training:
    return Training((TrainingStep(now, NEVER_TRAINED),))


def trained(at: float, documents: tuple[Document, ...] = ()) -> Training:
    """An agent whose last run completed at that time."""
    done = TrainingStep(at, "completed", progress=1.0, scraped_at=at, pages=25, chunks=42)
    return Training((done,), documents)


def _run(before: TrainingStep, now: float, options: Options) -> tuple[TrainingStep, ...]:
    error = before.error if options.keep_training_error else None
    pending = replace(before, at=now, status="pending", active=True, progress=0.0, error=error)
    if options.last_scraped_at == "start":
        pending = replace(pending, scraped_at=now)
    if options.stuck == "pending":
        return (pending,)
    training = replace(pending, at=now + options.pending_seconds, status="training")
    if options.stuck == "training":
        return (pending, training)
    end = training.at + options.training_seconds
    if options.training_outcome == "failed":
        failed = replace(training, at=end, status="failed", active=False, error=options.training_error)
        return (pending, training, failed)
    scraped = end if options.last_scraped_at == "end" else training.scraped_at
    pages = max(before.pages, 25)
    completed = replace(
        training,
        at=end,
        status="completed",
        active=False,
        progress=1.0,
        scraped_at=scraped,
        pages=pages,
        chunks=42,
    )
    return (pending, training, completed)
