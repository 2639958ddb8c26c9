"""Sensay: two generations of statuses, and by which rule one is ours."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import InvalidResponseError
from airflow_provider.refresh.observation import Observation, Phase, later, shorten
from airflow_provider.refresh.wait import Proof, Purpose, Receipt, Wait
from airflow_provider.texts import word
from airflow_provider.vendors.sensay import LABEL

if TYPE_CHECKING:
    from airflow_provider.http.call import Call


class Generation(StrEnum):
    """Which of Sensay's two APIs a connection speaks."""

    KNOWLEDGE_BASE = "knowledge-base"
    TRAINING = "training"


_STEPPING = ("NEW", "FILE_UPLOADED", "RAW_TEXT", "PROCESSED_TEXT", "PROCESSING")

#: https://docs.sensay.io/topic/topic-getting-deeper-knowledge-base ; ``PROCESSING`` stands in the PATCH page's text.
_KNOWLEDGE_BASE = {
    **dict.fromkeys(_STEPPING, Phase.RUNNING),
    "VECTOR_CREATED": Phase.SUCCEEDED,
    "READY": Phase.SUCCEEDED,
    "UNPROCESSABLE": Phase.FAILED,
    "SYNC_ERROR": Phase.FAILED,
}
#: https://docs.sensay.io/topic/topic-training
_TRAINING = {
    "BLANK": Phase.QUEUED,
    "AWAITING_UPLOAD": Phase.QUEUED,
    "SUPABASE_ONLY": Phase.RUNNING,
    "PROCESSING": Phase.RUNNING,
    "READY": Phase.SUCCEEDED,
    "SYNC_ERROR": Phase.FAILED,
}
_TABLES = {Generation.KNOWLEDGE_BASE: _KNOWLEDGE_BASE, Generation.TRAINING: _TRAINING}

#: In the order in which an entry goes through them.
_STEPS = {
    generation: tuple(word for word, phase in table.items() if phase in (Phase.QUEUED, Phase.RUNNING))
    for generation, table in _TABLES.items()
}

#: Statuses that count as success where the caller names none.
DEFAULT_READY = {
    Generation.KNOWLEDGE_BASE: ("READY", "VECTOR_CREATED"),
    Generation.TRAINING: ("READY",),
}

#: Characters of a text that Sensay may cut short ("may be truncated for large entries"; from where on is not said).
_LARGE = 10_000

VECTOR_CREATED = "VECTOR_CREATED"
READY = "READY"


def phase_of(status: str | None, generation: Generation, ready_statuses: tuple[str, ...]) -> Phase:
    """
    Read a status; ``ERR_*`` is a failure in both generations, and a usable one counts only if it is wanted.

    ``READY`` is the last step, so it counts for whoever asked for ``VECTOR_CREATED`` alone.
    """
    if status is None:
        return Phase.UNKNOWN
    if status.startswith("ERR_"):
        return Phase.FAILED
    phase = _TABLES[generation].get(status, Phase.UNKNOWN)
    if phase is Phase.SUCCEEDED and status not in (*ready_statuses, READY):
        return Phase.RUNNING
    return phase


@dataclass(frozen=True, slots=True)
class KnowledgeBaseList:
    """
    The list of a replica's entries, 100 at a time.

    :param replica_uuid: None in the older generation, whose list is the organisation's
    """

    replica_uuid: str | None
    generation: Generation

    @property
    def page_size(self) -> int:
        """100, in both generations."""
        return 100

    @property
    def steps(self) -> tuple[str, ...]:
        """In progress, or waiting for its caller."""
        return _STEPS[self.generation]

    def page(self, status: str | None, number: int) -> Call[Any]:
        """Describe one page, oldest first: an entry created meanwhile then shifts nothing."""
        if self.replica_uuid is None:
            from airflow_provider.vendors.sensay import training_endpoints as sensay_training

            return sensay_training.list_entries(page=number, limit=self.page_size, status=status)
        from airflow_provider.vendors.sensay import endpoints as sensay

        return sensay.list_entries(
            self.replica_uuid, page=number, page_size=self.page_size, status=status, sort_order="asc"
        )

    def listed(self, answer: Any) -> tuple[dict[Hashable, Any], int, int | None]:
        """Read a page; the older generation tells no total."""
        return {item.id: item for item in answer.items}, len(answer.items), answer.total


@dataclass(frozen=True, slots=True)
class EntryTarget:
    """
    One knowledge-base entry.

    :param ready_statuses: which statuses count as success; empty for the generation's default
    """

    replica_uuid: str
    entry_id: int
    generation: Generation
    ready_statuses: tuple[str, ...] = ()

    @property
    def vendor(self) -> str:
        """Always ``sensay``."""
        return "sensay"

    @property
    def label(self) -> str:
        """How the vendor writes itself."""
        return LABEL

    @property
    def key(self) -> str:
        """``replicas/<uuid>/knowledge-base/<id>``, in both generations."""
        return f"replicas/{self.replica_uuid}/knowledge-base/{self.entry_id}"

    @property
    def short(self) -> str:
        """``entry 12345``."""
        return f"entry {self.entry_id}"

    @property
    def entry_list(self) -> KnowledgeBaseList:
        """The replica's list; the older generation has one for the whole organisation."""
        if self.generation is Generation.TRAINING:
            return KnowledgeBaseList(None, self.generation)
        return KnowledgeBaseList(self.replica_uuid, self.generation)

    @property
    def id(self) -> int:
        """The entry's id."""
        return self.entry_id

    def read(self) -> Call[Any]:
        """Describe the GET of one entry; the older generation's path knows no replica."""
        if self.generation is Generation.TRAINING:
            from airflow_provider.vendors.sensay import training_endpoints as sensay_training

            return sensay_training.get_entry(self.entry_id)
        from airflow_provider.vendors.sensay import endpoints as sensay

        return sensay.get_entry(self.replica_uuid, self.entry_id)

    def observe(self, answer: Any) -> Observation:
        """Read an entry's status; an ``error`` beside an unfinished status counts only if it lasts."""
        if answer.id != self.entry_id:
            raise InvalidResponseError(
                f"The answer shows entry {answer.id!r:.40}, not the one that was asked for"
            )
        wanted = self.ready_statuses or DEFAULT_READY[self.generation]
        status = answer.status
        phase = phase_of(status, self.generation, wanted)
        waiting_for_upload = status == "NEW" and str(answer.type) == "file"
        return Observation(
            status=None if status is None else word(status, 60),
            phase=Phase.QUEUED if waiting_for_upload else phase,
            marker=shorten(answer.updated_at, 60),
            error=shorten(answer.error_message) or ("no words" if answer.has_error else None),
            idle=waiting_for_upload or status in ("BLANK", "AWAITING_UPLOAD"),
        )


class EntryProof(Proof):
    """By which rule an entry's status belongs to our write."""

    SEEN_IN_PROGRESS = "a read after the write showed the entry in progress"
    BECAME_USABLE = "the entry was not usable before the write, and now it is"
    STEPPED_BACK = "the entry was READY before the write, and went back to VECTOR_CREATED"
    MARKER_LATER = "updatedAt is later than right after the write, in two reads in a row"
    VECTOR_GIVEN = "vector_entry_id was sent, which needs no processing, and updated_at is later than before"
    OTHER_FAILURE = "the entry failed, and not as it had before the write"
    STOOD_ALL_GRACE = "a failure was read all through the grace"


class SensayRules:
    """
    The rules for an entry whose write is idempotent.

    The danger is believing a ``READY`` that was there before. *B* is the baseline, *W* the first read after the write
    that shows its stamp; the write itself stamps ``updatedAt``, so only a step past W's says anything.
    """

    def proof(self, wait: Wait, seen: Observation) -> EntryProof | None:
        """Rules 5 to 11 of ``docs/how-it-decides.md``."""
        before, moved = wait.baseline, wait.evidence.marker_moves >= 2
        if _in_progress(before, seen):
            return EntryProof.SEEN_IN_PROGRESS
        if before is not None and before.status == READY and seen.status == VECTOR_CREATED:
            return EntryProof.STEPPED_BACK  # the other way round is only the old run moving on
        if not seen.ended:
            return None
        if seen.phase is Phase.FAILED:
            if before is None or seen.failure != before.failure:
                return EntryProof.OTHER_FAILURE
            if moved:
                return EntryProof.MARKER_LATER
            return EntryProof.STOOD_ALL_GRACE if wait.stood >= wait.start_grace else None
        if before is None or not usable(before):
            return EntryProof.BECAME_USABLE
        if moved and (before.status == READY or seen.status == before.status):
            return EntryProof.MARKER_LATER
        if wait.receipt is Receipt.VECTOR and later(seen.marker, before.marker):
            return EntryProof.VECTOR_GIVEN
        return None

    def stands_for_write(self, wait: Wait, seen: Observation) -> bool:
        """The first read whose ``updatedAt`` is past the baseline's: the write stamps it, so any other is older."""
        return wait.baseline is None or later(seen.marker, wait.baseline.marker)

    def busy(self, seen: Observation) -> bool:
        """In progress, unless it waits for its caller or is stuck with an error, which our write repairs."""
        return (
            seen.phase in (Phase.RUNNING, Phase.UNKNOWN) and seen.status != VECTOR_CREATED and not seen.error
        )

    def before_write(self, seen: Observation) -> Purpose | None:
        """An entry in progress ends first, since its ``READY`` could not be told from ours."""
        if self.busy(seen):
            return Purpose.FOREIGN
        return Purpose.GRACE if seen.status == VECTOR_CREATED else None


def _in_progress(before: Observation | None, seen: Observation) -> bool:
    """An in-progress status; what waits for its caller is none, nor is the old failure that still stands."""
    if seen.phase is not Phase.RUNNING or seen.status == VECTOR_CREATED or seen.idle:
        return False
    return before is None or seen.failure != before.failure or not seen.error


RULES = SensayRules()


def ready_argument(
    problems: list[str], statuses: Sequence[str] | None, generation: Generation
) -> tuple[str, ...]:
    """Read the caller's ``ready_statuses``; empty for the generation's default. Adds to ``problems``."""
    wanted = (statuses,) if isinstance(statuses, str) else tuple(statuses or ())
    known = [word for word, phase in _TABLES[generation].items() if phase is Phase.SUCCEEDED]
    problems += [
        f"ready_statuses: {status!r} is no success of generation '{generation}': {', '.join(known)}"
        for status in wanted
        if status not in known
    ]
    return wanted


def usable(seen: Observation) -> bool:
    """Could the replica answer from this entry, whoever wrote it?"""
    return seen.status in (READY, VECTOR_CREATED)


def reads_back(sent: str, shown: str | None) -> bool:
    """
    Is the text shown the text sent? Sensay may cut large texts short, so the beginning of one counts too.

    A whole text to which something was added begins as well with what it was before: so the beginning counts only if
    it is marked as cut, or as long as what may be cut. It proves delivery only where no unfinished write is recorded
    for the entry.
    """
    if not shown or len(shown) >= len(sent):
        return sent == shown
    cut = shown.rstrip("…").removesuffix("...")
    may_be_cut = cut != shown or len(shown) >= _LARGE
    return may_be_cut and bool(cut) and sent.startswith(cut)
