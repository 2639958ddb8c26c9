"""
What Sensay's calls accept; ``additionalProperties: false``, so anything else is a 400.

https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-knowledge-base and its neighbours
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from airflow_provider.sandbox.app.sensay_words import EMAIL, URL, Language, MimeType, Model, Tool

Status = Literal[
    "NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT", "VECTOR_CREATED", "READY", "UNPROCESSABLE"
]
OlderStatus = Literal[
    "BLANK",
    "AWAITING_UPLOAD",
    "SUPABASE_ONLY",
    "PROCESSING",
    "READY",
    "SYNC_ERROR",
    "ERR_FILE_PROCESSING",
    "ERR_TEXT_PROCESSING",
    "ERR_TEXT_TO_VECTOR",
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    nullable: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def no_null(cls, given: Any) -> Any:
        """Every field may be left out, few may be ``null``."""
        strict = cls.model_fields.keys() - set(cls.nullable)
        if isinstance(given, dict) and any(given.get(name, ...) is None for name in strict):
            raise ValueError("null is not allowed")
        return given


class _Open(_Body):
    """Members that the vendor does not list are taken."""

    model_config = ConfigDict(extra="allow", strict=True)


class EntryQuota(_Open):
    totalUserQuota: float


class EntryLimits(_Open):
    knowledgeBaseEntries: EntryQuota | None = None


class CreateEntry(_Body):
    """One of ``text``, ``url`` and ``filename`` decides what is created."""

    title: str | None = None
    text: str | None = Field(default=None, min_length=1)
    url: str | None = Field(default=None, pattern=URL)
    autoRefresh: bool = False
    filename: str | None = Field(default=None, min_length=1)
    usageLimits: EntryLimits | None = None


class EntryError(_Body):
    message: str
    fingerprint: str | None = None


class Chunk(_Open):
    content: str | None = None
    chunkIndex: int | None = None
    chunkTokens: int | None = None
    chunkChars: int | None = None


class Website(_Body):
    url: str | None = Field(default=None, pattern=URL)
    links: list[str] | None = None
    title: str | None = None
    text: str | None = None
    description: str | None = None
    autoRefresh: bool | None = None
    screenshotURL: str | None = None
    screenshot: str | None = None


class Youtube(_Body):
    url: str | None = Field(default=None, pattern=URL)
    title: str | None = None
    description: str | None = None
    thumbnailURL: str | None = Field(default=None, pattern=URL)
    summary: str | None = None
    transcription: str | None = None
    visualTranscription: str | None = None


class File(_Body):
    nullable = ("size", "mimeType")

    name: str | None = None
    size: float | None = None
    mimeType: MimeType | None = None
    screenshot: str | None = None


class UpdateEntry(_Body):
    """https://docs.sensay.io/operation/operation-patch-v1-replicas-parameter-knowledge-base-parameter"""

    rawText: str | None = Field(default=None, min_length=1)
    title: str | None = None
    generatedTitle: str | None = None
    summary: str | None = None
    language: Language | None = None
    generatedFacts: list[str] | None = None
    rawTextChunks: list[Chunk] | None = None
    website: Website | None = None
    youtube: Youtube | None = None
    file: File | None = None
    error: EntryError | None = None
    status: Status | None = Field(default=None, description="Not public.")
    processedText: str | None = Field(default=None, min_length=1, description="Not public.")
    qdrantPoints: list[str] | None = Field(default=None, description="Not public.")
    vectorEntryID: str | None = Field(
        default=None,
        pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        description="Not public.",
    )


class UpdateTraining(_Body):
    """https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter"""

    rawText: str | None = Field(default=None, min_length=1)
    processedText: str | None = Field(default=None, min_length=1)
    vectorEntryId: str | None = None
    metadata: dict[str, Any] | None = Field(default=None, description="Used with vectorEntryId only.")


class ConversationQuota(_Open):
    monthlyQuota: float


class ConversationLimits(_Open):
    conversations: ConversationQuota | None = None


class DiscordData(_Body):
    channel_id: str
    channel_name: str
    author_id: str
    author_name: str
    message_id: str
    created_at: str | None = None
    server_id: str | None = None
    server_name: str | None = None


class Ask(_Body):
    """https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-chat-completions"""

    content: str = Field(min_length=1, max_length=100_000)
    skip_chat_history: bool = False
    source: Literal["discord", "telegram", "embed", "web", "telegram_autopilot"] | None = None
    discord_data: DiscordData | None = None
    usageLimits: ConversationLimits | None = None


class LinkedAccount(_Body):
    accountID: str
    accountType: Literal["discord", "telegram", "embed"]


class CreateUser(_Body):
    """https://docs.sensay.io/operation/operation-post-v1-users"""

    id: str | None = Field(default=None, min_length=1)
    email: str | None = Field(default=None, pattern=EMAIL)
    name: str | None = Field(default=None, max_length=50, pattern=r"^[a-zA-Z0-9\s().,'\-/]*$")
    linkedAccounts: list[LinkedAccount] = []


class ClosedLanguageModel(_Body):
    model: Model | None = None
    memoryMode: Literal["prompt-caching", "rag-search"] | None = None
    systemMessage: str | None = Field(default=None, max_length=30_000)
    tools: list[Tool] | None = None
    embeddingModel: Literal["multilingual-e5-large", "qwen3-embedding-8b"] | None = None


class LanguageModel(ClosedLanguageModel):
    model_config = ConfigDict(extra="allow", strict=True)


class ReplicaSettings(_Body):
    nullable = ("introductionAudioID",)

    name: str = Field(max_length=50)
    shortDescription: str = Field(max_length=50)
    greeting: str = Field(max_length=600)
    ownerID: str
    slug: str = Field(max_length=50)
    purpose: str | None = Field(default=None, max_length=1000)
    type: Literal["individual", "character", "brand"] = "character"
    private: bool = False
    whitelistEmails: list[Annotated[str, Field(pattern=EMAIL)]] = []
    tags: list[str] = []
    profileImage: str | None = Field(default=None, pattern=URL)
    suggestedQuestions: list[str] = []
    voicePreviewText: str | None = Field(default=None, max_length=400)
    isAccessibleByCustomerSupport: bool | None = Field(default=None, description="Not public.")
    isEveryConversationAccessibleBySupport: bool | None = None
    isPrivateConversationsEnabled: bool | None = Field(default=None, description="Not public.")
    introductionAudioID: str | None = Field(default=None, description="Not public.")


class CreateReplica(ReplicaSettings):
    """https://docs.sensay.io/operation/operation-post-v1-replicas"""

    llm: LanguageModel


class ReplaceReplica(ReplicaSettings):
    """https://docs.sensay.io/operation/operation-put-v1-replicas-parameter"""

    llm: ClosedLanguageModel
