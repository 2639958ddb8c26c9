"""SendKit: what an agent's status means, and when a terminal one is ours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from airflow_provider.refresh.observation import Observation, Phase, later, shorten
from airflow_provider.refresh.wait import Purpose, Receipt, Wait

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
    def key(self) -> str:
        """``agents/<id>``."""
        return f"agents/{self.agent_id}"

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
            status=None if status is None else str(status),
            phase=phase,
            marker=base.last_scraped_at if base else None,
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
        )


def _short(document: Document) -> str:
    return hashlib.sha256((document.file_key or document.file_name or "").encode()).hexdigest()[:8]


class SendKitRules:
    """
    The rules of *is it ours?* for an agent that shows a status but no run id.

    The vendor documents one run at a time (409 *already training*), so a run that is active after our
    accepted POST is ours until it ends.
    """

    def active(self, wait: Wait, seen: Observation) -> bool:
        """``training``; or ``pending``, or a document in work, where the baseline had none."""
        before = wait.baseline
        if seen.phase is Phase.RUNNING:
            return True
        if before is None:
            return bool(seen.processing)
        if seen.phase is Phase.QUEUED and before.phase is not Phase.QUEUED:
            return True
        if before.unlisted:
            return False  # what the baseline did not list cannot be told from what is new
        return seen.unlisted > 0 or bool(set(seen.processing) - set(before.processing))

    def moved(self, wait: Wait, seen: Observation) -> bool:
        """``lastScrapedAt`` differs from the baseline's; past the given time where a sensor waits for one."""
        if wait.purpose is Purpose.SINCE:
            return later(seen.marker, wait.since)
        before = wait.baseline
        return before is not None and seen.marker is not None and seen.marker != before.marker

    def stepped_back(self, wait: Wait, seen: Observation) -> bool:
        """Does not happen here."""
        return False

    def ours(self, wait: Wait, seen: Observation) -> bool:
        """Seen active; or a status that the baseline did not have; or a marker moved in two reads in a row."""
        before = wait.baseline
        evidence = wait.evidence
        if evidence.active or evidence.marker_moves >= 2:
            return True
        return before is not None and before.phase is not Phase.RUNNING and seen.status != before.status

    def confirmed_by_grace(self, wait: Wait, seen: Observation) -> bool:
        """Only where the POST's own answer said that a run is on its way, or a 409 that one is active."""
        return wait.receipt in (Receipt.ACTIVE, Receipt.CONFLICT)

    def finished(self, wait: Wait, seen: Observation) -> bool:
        """``completed`` while a document is still processing is not the end."""
        return seen.phase is Phase.FAILED or not seen.processing

    def busy(self, seen: Observation) -> bool:
        """Training, documents in work, or a status we do not know."""
        return seen.phase in (Phase.RUNNING, Phase.UNKNOWN) or bool(seen.processing)

    def grace_over(self, wait: Wait, seen: Observation) -> bool:
        """The trace of an earlier try showed."""
        return self.traced(wait, seen)

    def before_write(self, seen: Observation) -> Purpose | None:
        """Nothing: whatever the status says, only the vendor's 409 says that a run is active."""
        return None

    def traced(self, wait: Wait, seen: Observation) -> bool:
        """Does the target show that a POST of ours landed since the baseline?"""
        before = wait.baseline
        if before is None:
            return False
        if self.active(wait, seen) and not self.active(wait, before):
            return True
        changed = seen.ended and before.phase is not Phase.RUNNING and seen.status != before.status
        return changed or (before.phase is not Phase.RUNNING and self.moved(wait, seen))


RULES = SendKitRules()
