"""SendKit: what an agent's status means, and by which rule it is ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from airflow_provider.errors import InvalidResponseError
from airflow_provider.refresh.observation import Observation, Phase, shorten
from airflow_provider.refresh.wait import Proof, Purpose, Receipt, Wait
from airflow_provider.texts import shortened_id, word
from airflow_provider.vendors.sendkit import LABEL

if TYPE_CHECKING:
    from airflow_provider.http.call import Call
    from airflow_provider.vendors.sendkit.models import Agent, Document

#: Credits one retrain costs, as the vendor's page says; used where an answer that names them was lost.
RETRAIN_CREDITS = 10

#: Documents in work that an observation lists; it has to fit into a result.
_LISTED = 12

_PHASES = {
    "pending": Phase.QUEUED,
    "training": Phase.RUNNING,
    "completed": Phase.SUCCEEDED,
    "failed": Phase.FAILED,
}


@dataclass(frozen=True, slots=True)
class AgentTarget:
    """A SendKit agent."""

    agent_id: str

    @property
    def vendor(self) -> str:
        """Always ``sendkit``."""
        return "sendkit"

    @property
    def label(self) -> str:
        """How the vendor writes itself."""
        return LABEL

    @property
    def key(self) -> str:
        """``agents/<id>``."""
        return f"agents/{self.agent_id}"

    @property
    def short(self) -> str:
        """``agent 664a…9d0e``."""
        return f"agent {shortened_id(self.agent_id)}"

    @property
    def entry_list(self) -> None:
        """None: the vendor's list of agents has no training fields."""
        return None

    @property
    def id(self) -> str:
        """The agent's id."""
        return self.agent_id

    def read(self) -> Call[Agent]:
        """``GET /v1/agents/{agentId}``: the only place where a training status can be read."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return sendkit.get_agent(self.agent_id)

    def observe(self, answer: Agent) -> Observation:
        """Read the training fields; an old ``trainingError`` may stand on, so it counts only with ``failed``."""
        refuse_another(answer, self.agent_id)
        status = answer.training_status
        phase = _PHASES.get(str(status), Phase.UNKNOWN)
        progress = answer.training_progress
        documents = answer.uploaded_documents
        processing = tuple(sorted(_short(each) for each in documents if each.status == "processing"))
        base = answer.knowledge_base
        counts = {
            "pages": base.total_pages if base else None,
            "chunks": base.total_chunks if base else None,
            "documents": len(documents) if "uploadedDocuments" in answer.fields_present else None,
        }
        return Observation(
            status=None if status is None else word(str(status), 60),
            phase=phase,
            marker=shorten(base.last_scraped_at, 60) if base else None,
            error=shorten(answer.training_error) if phase is Phase.FAILED else None,
            progress=progress if progress is not None and isfinite(progress) else None,
            processing=processing[:_LISTED],
            unlisted=max(0, len(processing) - _LISTED),
            failed_documents=tuple(
                str(shorten(each.file_name or each.file_key or "?", 60))
                for each in documents
                if each.status == "failed"
            )[:5],
            counts={name: count for name, count in counts.items() if count is not None},
            readable=bool(answer.fields_present),
            idle=phase is Phase.QUEUED and not processing,
            caveat=_caveat(answer, counts) if phase is Phase.SUCCEEDED else None,
        )


def refuse_another(answer: Agent, agent_id: str) -> None:
    """
    Refuse the answer of another agent, as a cache that mixes two answers gives it.

    :raises InvalidResponseError: it is a failed read
    """
    if answer.id is not None and answer.id.lower() != agent_id.lower():
        shown = word(answer.id, 40)
        raise InvalidResponseError(f"The answer shows agent {shown}, not the one that was asked for")


def _caveat(answer: Agent, counts: Mapping[str, int | None]) -> str | None:
    """Say what a completed agent lacks. What the answer does not show is not lacking."""
    if answer.is_active is False:
        return "the agent is switched off (isActive: false): nobody gets an answer from it"
    shown = {name: count for name, count in counts.items() if count is not None}
    if {"pages", "chunks"} & shown.keys() and not any(shown.values()):
        return f"it knows nothing ({', '.join(f'0 {name}' for name in shown)})"
    return None


def _short(document: Document) -> str:
    return hashlib.sha256((document.file_key or document.file_name or "").encode()).hexdigest()[:8]


class AgentProof(Proof):
    """By which rule an agent's status belongs to our retrain."""

    SEEN_ACTIVE = "a read after the POST showed the agent at work"
    OTHER_STATUS = "the terminal status is another one than before the POST"
    MARKER_LATER = "lastScrapedAt is later than before the POST, in two reads in a row"
    STOOD_ALL_GRACE = (
        "the vendor said that a run is on its way, and the terminal status was read all through the grace"
    )


class SendKitRules:
    """
    The rules for an agent that shows a status but no run id.

    The vendor documents one run at a time (409 *already training*), so a run that is active after our
    accepted POST is ours until it ends.
    """

    def proof(self, wait: Wait, seen: Observation) -> AgentProof | None:
        """
        Rules 1 to 4 of ``docs/how-it-decides.md``.

        Where the baseline showed somebody else's run at work, its leftovers prove nothing: until a terminal read only
        a fresh ``pending`` does, and after it that read stands in the baseline's place.
        """
        before = wait.reference
        if _foreign(wait) and wait.first_read is None:
            return AgentProof.SEEN_ACTIVE if seen.phase is Phase.QUEUED else None
        if _at_work(before, seen):
            return AgentProof.SEEN_ACTIVE
        if not seen.ended:
            return None
        if before is not None and before.phase is not Phase.RUNNING and seen.status != before.status:
            return AgentProof.OTHER_STATUS
        if wait.evidence.marker_moves >= 2:
            return AgentProof.MARKER_LATER
        said = wait.receipt in (Receipt.ACTIVE, Receipt.CONFLICT)
        return AgentProof.STOOD_ALL_GRACE if said and wait.stood >= wait.start_grace else None

    def stands_for_write(self, wait: Wait, seen: Observation) -> bool:
        """Only where the baseline is of a run that was not ours: the first terminal read after it."""
        return _foreign(wait) and seen.phase in (Phase.SUCCEEDED, Phase.FAILED)

    def busy(self, seen: Observation) -> bool:
        """Training, documents in work, or a status we do not know."""
        return seen.phase in (Phase.RUNNING, Phase.UNKNOWN) or bool(seen.processing)

    def before_write(self, seen: Observation) -> Purpose | None:
        """Nothing: whatever the status says, only the vendor's 409 says that a run is active."""
        return None


def _foreign(wait: Wait) -> bool:
    """Did the baseline show a run that cannot be ours, since our POST was accepted after it?"""
    before = wait.baseline
    return before is not None and before.phase is Phase.RUNNING and wait.receipt is not Receipt.CONFLICT


def _at_work(before: Observation | None, seen: Observation) -> bool:
    """``training``; or ``pending``, or a document in work, where there was none before."""
    if seen.phase is Phase.RUNNING:
        return True
    if before is None:
        return bool(seen.processing)
    if seen.phase is Phase.QUEUED and before.phase is not Phase.QUEUED:
        return True
    if before.unlisted:
        return False  # what the earlier read did not list cannot be told from what is new
    return seen.unlisted > 0 or bool(set(seen.processing) - set(before.processing))


RULES = SendKitRules()
