"""
What SendKit's calls accept; anything else is a 400.

https://docs.sendkit.ai/api-reference/post-v1-agents and its neighbours
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FileType = Literal["pdf", "docx", "txt"]
Mode = Literal["ai", "template"]
MAX_DOCUMENT_BYTES = 10 * 1024 * 1024


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CompanyInfo(_Body):
    name: str | None = None
    domain: str | None = None
    industry: str | None = None
    description: str | None = None


class Persona(_Body):
    tone: Literal["professional", "friendly", "casual", "formal", "enthusiastic"] | None = None
    role: str | None = None
    communicationStyle: str | None = None
    customInstructions: str | None = None


class WorkingHours(_Body):
    enabled: bool | None = None
    startHour: int | None = Field(default=None, ge=0, le=23)
    endHour: int | None = Field(default=None, ge=0, le=23)
    timezone: str | None = None


class AutonomousMode(_Body):
    enabled: bool | None = None
    confidenceThreshold: float | None = None
    maxAutoRepliesPerLead: int | None = None
    onlyPositiveReplies: bool | None = None
    skipOOO: bool | None = None
    workingHours: WorkingHours | None = None
    escalationEmail: str | None = None
    cooldownMinutes: int | None = None
    mode: Mode | None = None
    template: str | None = None


class FollowupSettings(_Body):
    enabled: bool | None = None
    maxFollowups: int | None = None
    intervalDays: int | None = None
    mode: Mode | None = None
    templates: list[str] | None = None


class CreateAgent(_Body):
    name: str = Field(min_length=1)
    companyInfo: CompanyInfo | None = None
    persona: Persona | None = None


class UpdateAgent(_Body):
    """The four objects are merged into what is there."""

    name: str | None = Field(default=None, min_length=1)
    companyInfo: CompanyInfo | None = None
    companyUrl: str | None = Field(default=None, description="Website that later retrains crawl.")
    persona: Persona | None = None
    autonomousMode: AutonomousMode | None = None
    followupSettings: FollowupSettings | None = None
    isDefault: bool | None = None


class UploadDocument(_Body):
    """Note ``filename`` here and ``fileName`` in :class:`ProcessDocument`, as the vendor has it."""

    filename: str = Field(min_length=1)
    contentType: str
    fileSize: int = Field(ge=1, le=MAX_DOCUMENT_BYTES)


class ProcessDocument(_Body):
    fileKey: str
    fileUrl: str
    fileName: str
    fileType: FileType
    fileSize: int = Field(default=0, ge=0)


class RemoveDocument(_Body):
    fileKey: str
