"""
What Sensay's calls accept; ``additionalProperties: false``, so anything else is a 400.

https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-knowledge-base and its neighbours
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    @model_validator(mode="before")
    @classmethod
    def no_null(cls, given: Any) -> Any:
        """Every field may be left out, none may be ``null``."""
        if isinstance(given, dict) and None in given.values():
            raise ValueError("null is not allowed")
        return given


class EntryQuota(_Body):
    totalUserQuota: float = Field(ge=0)


class EntryLimits(_Body):
    knowledgeBaseEntries: EntryQuota | None = None


class CreateEntry(_Body):
    """One of ``text``, ``url`` and ``filename`` decides what is created."""

    title: str | None = None
    text: str | None = Field(default=None, min_length=1)
    url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    autoRefresh: bool = False
    filename: str | None = Field(default=None, min_length=1)
    usageLimits: EntryLimits | None = None


class EntryError(_Body):
    message: str
    fingerprint: str | None = None


class UpdateEntry(_Body):
    """https://docs.sensay.io/operation/operation-patch-v1-replicas-parameter-knowledge-base-parameter"""

    rawText: str | None = Field(default=None, min_length=1)
    title: str | None = None
    generatedTitle: str | None = None
    summary: str | None = None
    language: str | None = Field(default=None, pattern="^[a-z]{2}$")
    generatedFacts: list[str] | None = None
    rawTextChunks: list[dict[str, Any]] | None = None
    website: dict[str, Any] | None = None
    youtube: dict[str, Any] | None = None
    file: dict[str, Any] | None = None
    error: EntryError | None = None
    status: Status | None = Field(default=None, description="Not public.")


class UpdateTraining(_Body):
    """https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter"""

    rawText: str | None = Field(default=None, min_length=1)
    processedText: str | None = Field(default=None, min_length=1)
    vectorEntryId: str | None = None
    metadata: dict[str, Any] | None = Field(default=None, description="Used with vectorEntryId only.")


class ConversationQuota(_Body):
    monthlyQuota: float = Field(ge=0)


class ConversationLimits(_Body):
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
    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    name: str | None = Field(default=None, max_length=50, pattern=r"^[a-zA-Z0-9\s().,'\-/]*$")
    linkedAccounts: list[LinkedAccount] = []


class LanguageModel(_Body):
    model: str | None = None
    memoryMode: str | None = None
    systemMessage: str | None = None
    tools: list[str] | None = None
    embeddingModel: Literal["multilingual-e5-large", "qwen3-embedding-8b"] | None = None


class CreateReplica(_Body):
    """https://docs.sensay.io/operation/operation-post-v1-replicas"""

    name: str = Field(min_length=1, max_length=50)
    shortDescription: str = Field(max_length=50)
    greeting: str = Field(max_length=600)
    ownerID: str
    slug: str = Field(min_length=1, max_length=50)
    llm: LanguageModel
    purpose: str | None = Field(default=None, max_length=200)
    type: Literal["individual", "character", "brand"] = "character"
    private: bool = False
    whitelistEmails: list[str] = []
    tags: list[str] = []
    profileImage: str | None = None
    suggestedQuestions: list[str] = []
    voicePreviewText: str | None = Field(default=None, max_length=400)
