"""Everything the vendors leave open, and everything a test wants to bend: one option each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FOREVER = 1e9
"""Seconds: some thirty years, so that every time that comes of it can be written."""

Seconds = Annotated[float, Field(ge=0, le=FOREVER)]
Generation = Literal["both", "knowledge-base", "training"]
OlderFailure = Literal["SYNC_ERROR", "ERR_FILE_PROCESSING", "ERR_TEXT_PROCESSING", "ERR_TEXT_TO_VECTOR"]
EntryOutcome = Literal["READY", "VECTOR_CREATED", "UNPROCESSABLE", "error"]


class CommonOptions(BaseModel):
    """Clock, network and limits; they hold for both vendors."""

    time_scale: float = Field(
        default=1.0, gt=0, le=1e6, description="World seconds per real second; all durations shrink."
    )
    clock_skew: float = Field(
        default=0.0,
        ge=-FOREVER,
        le=FOREVER,
        description="Seconds by which the vendors' clocks are ahead of this machine's.",
    )
    latency: Seconds = Field(default=0.0, description="Real seconds before every vendor answer.")
    rate_limit: float | None = Field(
        default=None, ge=0.001, description="Requests per real second; beyond it 429. null: no limit."
    )
    rate_limit_retry_after: Literal["seconds", "date", "none"] = Field(
        default="seconds", description="How a 429 of rate_limit says when to come back."
    )
    read_lag_seconds: Seconds = Field(
        default=0.0,
        description="Reads of one agent or entry tell the state of so many seconds ago; what is newer is a 404.",
    )
    max_body_bytes: int = Field(
        default=4_500_000, ge=1, description="Inline JSON bodies above this are 413, as on Sensay's platform."
    )
    storage_host: str = Field(
        default="localhost",
        description="Host name in upload URLs: another one than the API's, as with both vendors.",
    )
    upload_url_seconds: Seconds = Field(default=7200.0, description="How long an upload URL is valid.")


class SendKitOptions(BaseModel):
    """What SendKit's pages do not say, and how its training ends."""

    credits: float = Field(default=1000.0, ge=0, description="Credits left; setting it sets the balance.")
    retrain_cost: float = Field(default=10.0, ge=0, description="Credits of one retrain.")
    create_agent_cost: float = Field(default=0.5, ge=0, description="Credits of one new agent.")
    max_agents: int = Field(default=3, ge=0, description="Agents per workspace.")
    retrain_status_code: Literal[200, 201, 202] = Field(
        default=202, description="HTTP status of an accepted retrain."
    )
    retrain_answer_status: str | None = Field(
        default=None,
        description="What the retrain answer's own data.trainingStatus says; null: the truth (pending).",
    )
    pending_seconds: Seconds = Field(default=1.0, description="Seconds a retrain stays pending.")
    training_seconds: Seconds = Field(default=3.0, description="Seconds it then stays training.")
    training_outcome: Literal["completed", "failed"] = Field(
        default="completed", description="How the next retrains end."
    )
    training_error: str = Field(
        default="The website could not be crawled", description="trainingError of a failed retrain."
    )
    keep_training_error: bool = Field(
        default=True, description="trainingError of a failed run stays visible in later runs."
    )
    stuck: Literal["pending", "training"] | None = Field(
        default=None, description="Status that the next retrains never leave."
    )
    lag: Seconds = Field(
        default=0.0, description="Seconds for which GET still shows the agent as it was before the retrain."
    )
    last_scraped_at: Literal["end", "start", "never"] = Field(
        default="end", description="When lastScrapedAt is stamped."
    )
    refund_on_failure: bool = Field(default=False, description="Give the credits back when training fails.")
    never_trained: Literal["pending", "null", "absent"] = Field(
        default="pending", description="trainingStatus of an agent that was never trained."
    )
    hide_training_fields: bool = Field(
        default=False,
        description="GET leaves out trainingStatus, trainingProgress, trainingError, uploadedDocuments, knowledgeBase.",
    )
    progress_scale: float = Field(default=100.0, gt=0, description="trainingProgress at the end: 100 or 1.")
    document_seconds: Seconds = Field(
        default=5.0, description="Seconds a document stays processing; may outlast training."
    )
    document_outcome: Literal["completed", "failed", "stuck"] = Field(
        default="completed", description="How the next processing of documents ends."
    )
    retrain_reprocesses_documents: bool = Field(
        default=True, description="A retrain sends every document back to processing."
    )
    documents_block_retrain: bool = Field(
        default=False, description="A retrain is 409 while a document is processing."
    )
    deleted_agents_readable: bool = Field(
        default=False, description="GET still shows a deleted agent, with isActive false; else it is a 404."
    )
    multipart_processes: bool = Field(
        default=False, description="A multipart upload is processed without process-document."
    )


class SensayOptions(BaseModel):
    """What Sensay's pages do not say, how long its pipeline takes and how it ends."""

    sensay_generation: Generation = Field(default="both", description="Which generation of paths exists.")
    removed_status: Literal[404, 405, 410] = Field(
        default=404, description="What the paths of the missing generation answer."
    )
    require_content_type: bool = Field(
        default=False,
        description="415 for any call without Content-Type, GET included; else only for those that carry a body.",
    )
    new_seconds: Seconds = Field(default=0.5, description="Seconds a new entry stays NEW.")
    file_uploaded_seconds: Seconds = Field(
        default=0.5, description="Seconds in FILE_UPLOADED (older: SUPABASE_ONLY)."
    )
    raw_text_seconds: Seconds = Field(default=1.0, description="Seconds in RAW_TEXT (older: PROCESSING).")
    processed_text_seconds: Seconds = Field(
        default=1.0, description="Seconds in PROCESSED_TEXT (older: PROCESSING)."
    )
    vector_created_seconds: Seconds = Field(
        default=1.0, description="Seconds in VECTOR_CREATED (older: READY)."
    )
    stale_ready: Seconds = Field(
        default=0.5, description="Seconds for which an updated entry still reads its old, good status."
    )
    stamp_updated_at: Literal["both", "write", "processing", "never"] = Field(
        default="both", description="What moves updatedAt: the write, the pipeline, both or nothing."
    )
    identical_text: Literal["ignore", "reprocess"] = Field(
        default="ignore",
        description="Writing the text a live entry already has: nothing happens, or it is processed again.",
    )
    entry_outcome: EntryOutcome = Field(
        default="READY",
        description="How the next processing ends; error: stays in RAW_TEXT with an error object.",
    )
    entry_error: str = Field(
        default="The content could not be processed", description="error.message of a failed entry."
    )
    entry_stuck: str | None = Field(
        default=None, description="Pipeline status that the next entries never leave."
    )
    training_failure_status: OlderFailure = Field(
        default="ERR_TEXT_PROCESSING", description="How the older generation calls UNPROCESSABLE."
    )
    list_lag_seconds: Seconds = Field(default=0.0, description="Lists tell the state of so many seconds ago.")
    patch_title_cut: int | None = Field(
        default=None, ge=1, description="A PATCH keeps only so many characters of a title; null: all."
    )
    truncate_raw_text: int = Field(
        default=20_000, ge=1, description="Characters of rawText that a read shows."
    )
    delete_status: Literal[200, 202] = Field(
        default=202, description="Answer to a delete; 202 removes later."
    )
    delete_seconds: Seconds = Field(
        default=5.0, description="Seconds for which a 202-deleted entry goes on answering in chat."
    )
    deleted_visible: bool = Field(
        default=False, description="A 202-deleted entry is still read and listed until it is gone."
    )
    deleted_url_conflicts: bool = Field(
        default=True, description="A 202-deleted URL is still a 409 until it is gone."
    )
    playlist_videos: int = Field(default=3, ge=1, description="Videos in every YouTube playlist.")
    partial_success: bool = Field(
        default=True, description="Top-level success of a 207 in which an item was refused."
    )
    status_list: Literal["one", "comma", "repeat"] = Field(
        default="repeat",
        description="How the list endpoint takes several status or type values; one: it does not (400).",
    )
    websites: dict[str, str] = Field(default_factory=dict, description="Text that crawling a URL yields.")
    unsupported_file: Literal["refused", "unprocessable"] = Field(
        default="refused",
        description="A file type off the list: enqueued:false at once, or UNPROCESSABLE after the upload.",
    )
    chat_misses: int = Field(
        default=0, ge=0, description='Chat answers "I do not know" to this many next questions.'
    )
    conversation_quota: int | None = Field(
        default=None, ge=0, description="Chat calls until 429 CONVERSATION_QUOTA_EXCEEDED."
    )


def problems(error: ValidationError) -> str:
    """Each on what it is about; ``nosuch: no such option`` for a name that is none."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))}: "
        + ("no such option" if one["type"] == "extra_forbidden" else one["msg"])
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    )


class Options(SensayOptions, SendKitOptions, CommonOptions):
    """All options, with the harsher choice as the default wherever a vendor is silent."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)

    def changed(self, changes: dict[str, object]) -> Options:
        """:raises pydantic.ValidationError: for an unknown name or value; nothing is changed then."""
        return Options.model_validate(self.model_dump() | changes)
