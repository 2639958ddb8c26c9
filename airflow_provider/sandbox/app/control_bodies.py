"""What a test may ask of the sandbox itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from airflow_provider.sandbox.app.holding import Release
from airflow_provider.sandbox.options import FOREVER, Seconds


def _moment(text: str) -> str:
    if not 1900 <= datetime.fromisoformat(text).year <= 9000:
        raise ValueError("a year from 1900 to 9000")
    return text


Moment = Annotated[str, AfterValidator(_moment)]
After = Annotated[float, Field(ge=-FOREVER, le=FOREVER)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class AgentStep(_Body):
    """The agent from ``after`` seconds on; a status may be any string, or null."""

    after: After = 0.0
    trainingStatus: str | None
    active: bool | None = Field(
        default=None, description="Retrain is 409 meanwhile; default: while training."
    )
    trainingError: str | None = None
    lastScrapedAt: Moment | None = Field(default=None, description="ISO time; absent: unchanged.")


class SetDocument(_Body):
    fileName: str
    fileKey: str | None = None
    fileType: Literal["pdf", "docx", "txt"] = "pdf"
    fileSize: int = 42
    status: Literal["processing", "completed", "failed"] = "completed"
    after: Seconds | None = Field(
        default=None, description="processing only: seconds until it is completed; absent: never."
    )


class SetAgent(_Body):
    """Only what is given changes; a later retrain starts a new timeline from here."""

    trainingStatus: str | None = None
    trainingProgress: float | None = None
    trainingError: str | None = None
    lastScrapedAt: Moment | None = None
    totalPages: int | None = None
    totalChunks: int | None = None
    never_trained: bool = False
    timeline: list[AgentStep] | None = Field(
        default=None, min_length=1, description="What GET will show when."
    )
    foreign_run: bool = Field(
        default=False, description="Someone else's retrain begins now; charged to nobody."
    )
    documents: list[SetDocument] | None = None
    isActive: bool | None = Field(default=None, description="false: deleted; see deleted_agents_readable.")
    profile: dict[str, Any] = Field(default_factory=dict, description="name, companyInfo, usage, …")
    missing: list[str] | None = Field(default=None, description="Keys that GET leaves out from now on.")
    raw: dict[str, Any] | None = Field(default=None, description="Keys that GET shows so, whatever is true.")


class EntryStep(_Body):
    after: After = 0.0
    status: str | None
    error: str | None = None
    quiet: bool = Field(default=False, description="Does not stamp updatedAt.")


class SetEntry(_Body):
    """Only what is given changes; a later write starts a new timeline from here."""

    status: str | None = None
    error: str | None = None
    timeline: list[EntryStep] | None = Field(default=None, min_length=1)
    title: str | None = None
    rawText: str | None = None
    updatedAt: Moment | None = Field(default=None, description="ISO time, shown until the next write.")
    missing: list[str] | None = None
    raw: dict[str, Any] | None = None


class SeedAgent(SetAgent):
    name: str = "Seeded Agent"


class SeedEntry(SetEntry):
    replica_uuid: str | None = None
    url: str | None = None
    filename: str | None = None


class SeedMany(_Body):
    """Finished text entries in bulk; ``{n}`` counts from 1 in title and text."""

    count: int = Field(ge=1, le=1_000_000)
    title: str = "Article {n}"
    text: str = "Text of article {n}."
    status: str = "READY"
    replica_uuid: str | None = None


class Seed(_Body):
    agents: list[SeedAgent] = []
    entries: list[SeedEntry] = []
    many: SeedMany | None = None


class Advance(_Body):
    seconds: Seconds


class ReleaseHeld(_Body):
    action: Release = "continue"
