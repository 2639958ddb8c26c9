"""What SendKit answers; every member of https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-retrain."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from airflow_provider.http.payload import Many, Tolerant, Whole, Words

TRAINING_MEMBERS = frozenset(
    {"trainingStatus", "trainingProgress", "trainingError", "uploadedDocuments", "knowledgeBase"}
)
"""The members without which nobody can see a training end; the vendor shows them on retrain only."""


class TrainingStatus(StrEnum):
    """How far the training of an agent is."""

    PENDING = "pending"
    TRAINING = "training"
    COMPLETED = "completed"
    FAILED = "failed"


class DocumentStatus(StrEnum):
    """How far one uploaded document is."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class FileType(StrEnum):
    """The kinds of document that SendKit takes."""

    PDF = "pdf"
    DOCX = "docx"
    TXT = "txt"


class Tone(StrEnum):
    """How an agent speaks."""

    PROFESSIONAL = "professional"
    FRIENDLY = "friendly"
    CASUAL = "casual"
    FORMAL = "formal"
    ENTHUSIASTIC = "enthusiastic"


class ReplyMode(StrEnum):
    """Who writes a reply."""

    AI = "ai"
    TEMPLATE = "template"


# left_to_right: an unknown member falls through to the text it is.
TrainingStatusOrText = Annotated[TrainingStatus | str | None, Field(union_mode="left_to_right")]
DocumentStatusOrText = Annotated[DocumentStatus | str | None, Field(union_mode="left_to_right")]
FileTypeOrText = Annotated[FileType | str | None, Field(union_mode="left_to_right")]
ToneOrText = Annotated[Tone | str | None, Field(union_mode="left_to_right")]
ReplyModeOrText = Annotated[ReplyMode | str | None, Field(union_mode="left_to_right")]


class CompanyInfo(Tolerant):
    """The company an agent speaks for."""

    name: str | None = None
    domain: str | None = None
    industry: str | None = None
    description: str | None = None


class Persona(Tolerant):
    """How an agent presents itself."""

    tone: ToneOrText = None
    role: str | None = None
    communication_style: str | None = None
    custom_instructions: str | None = None


class WorkingHours(Tolerant):
    """When an agent may answer by itself."""

    enabled: bool | None = None
    start_hour: Whole | None = None
    end_hour: Whole | None = None
    timezone: str | None = None


class AutonomousMode(Tolerant):
    """Whether an agent answers leads by itself: if so, a retrain changes live replies."""

    enabled: bool | None = None
    confidence_threshold: float | None = None
    max_auto_replies_per_lead: Whole | None = None
    only_positive_replies: bool | None = None
    skip_ooo: bool | None = Field(default=None, alias="skipOOO")
    working_hours: WorkingHours | None = None
    escalation_email: str | None = None
    cooldown_minutes: Whole | None = None
    mode: ReplyModeOrText = None
    template: str | None = None


class FollowupSettings(Tolerant):
    """How an agent follows up."""

    enabled: bool | None = None
    max_followups: Whole | None = None
    interval_days: Whole | None = None
    mode: ReplyModeOrText = None
    templates: Many[str] = ()


class Document(Tolerant):
    """One uploaded document of an agent."""

    decisive: ClassVar[frozenset[str]] = frozenset({"status"})

    file_name: str | None = None
    file_key: str | None = None
    file_url: str | None = Field(default=None, repr=False)
    file_type: FileTypeOrText = None
    file_size: Whole | None = None
    uploaded_at: str | None = None
    status: DocumentStatusOrText = None


class KnowledgeBase(Tolerant):
    """What an agent has read of the company's website."""

    decisive: ClassVar[frozenset[str]] = frozenset({"last_scraped_at"})

    total_pages: Whole | None = None
    total_chunks: Whole | None = None
    last_scraped_at: str | None = None
    domain: str | None = None


class Agent(Tolerant):
    """
    An agent.

    Times stay the vendor's text: they are compared with each other, never with our clock.
    ``training_progress`` has no documented scale; show it, never decide on it.
    """

    decisive: ClassVar[frozenset[str]] = frozenset(
        {"id", "training_status", "uploaded_documents", "knowledge_base"}
    )

    id: str | None = Field(default=None, alias="_id")
    name: str | None = None
    user_id: str | None = None
    workspace_id: str | None = None
    company_url: str | None = None
    company_info: CompanyInfo | None = None
    persona: Persona | None = None
    autonomous_mode: AutonomousMode | None = None
    followup_settings: FollowupSettings | None = None
    uploaded_documents: Many[Document] = ()
    training_status: TrainingStatusOrText = None
    training_progress: float | None = None
    training_error: Words = None
    knowledge_base: KnowledgeBase | None = None
    is_default: bool | None = None
    is_active: bool | None = None
    usage: Any = None
    created_at: str | None = None
    updated_at: str | None = None

    @property
    def fields_present(self) -> frozenset[str]:
        """
        Which of :data:`TRAINING_MEMBERS` the answer had as keys, by the vendor's names.

        ``null`` counts as present: *not yet trained* and *this answer never says* are different facts.
        """
        fields = type(self).model_fields
        return TRAINING_MEMBERS & {fields[name].alias or name for name in self.model_fields_set}


class RetrainedAgent(Agent):
    """The agent in the answer to a retrain: that is paid, so nothing in it may make the answer unreadable."""

    decisive: ClassVar[frozenset[str]] = frozenset()


class Job(Tolerant):
    """A job id; no documented call can ask about it, so it is for the vendor's support."""

    id: str | None = None
    type: str | None = None


class RetrainMeta(Tolerant):
    """What stands beside ``data`` in the answer to a retrain."""

    credits_charged: Annotated[Decimal, Field(ge=0, le=1_000_000)] | None = None
    jobs: Many[Job] = ()


class UploadSlot(Tolerant):
    """Where to PUT the bytes of a document, and how to name it afterwards."""

    decisive: ClassVar[frozenset[str]] = frozenset({"presigned_url", "upload_url", "key"})

    presigned_url: str | None = Field(default=None, repr=False)
    upload_url: str | None = Field(default=None, repr=False)
    url: str | None = Field(default=None, repr=False)
    key: str | None = None
    filename: str | None = None
    file_type: FileTypeOrText = None

    @property
    def put_url(self) -> str | None:
        """Return the URL to PUT to; how ``presignedUrl`` and ``uploadUrl`` differ is not documented."""
        return self.presigned_url or self.upload_url


class ProcessReceipt(Tolerant):
    """The answer to *process document*: one job, inside ``data`` (a retrain has several, in ``meta``)."""

    message: str | None = None
    document: Document | None = None
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class RetrainReceipt:
    """
    The answer to an accepted retrain.

    :param credits_charged: the vendor's own figure; None if it gave none
    """

    agent: Agent
    credits_charged: Decimal | None
    jobs: tuple[Job, ...]
