"""A refresh whose target is still to be made: the same loop, with the decision and the acts of a create."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import (
    AgentKnowledgeError,
    AlreadyThereError,
    AmbiguousWriteError,
    ApiError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
)
from airflow_provider.refresh.create import Create, Found, Shows, decide_create
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import Outcome, Record
from airflow_provider.refresh.schedule import FIRST_PAUSES
from airflow_provider.refresh.submit import Action, Decision, WriteReceipt
from airflow_provider.refresh.wait import Wait
from airflow_provider.tasks.refresh_task import RefreshTask

if TYPE_CHECKING:
    from airflow_provider.refresh.report import Report

#: What a new entry looked like before it was there: nothing usable.
_NOTHING = Observation(status="NEW", phase=Phase.QUEUED)


@dataclass(kw_only=True)
class CreateTask(RefreshTask):
    """``INTENT`` (with the ids of that title) → POST → ``INTENT`` (with the new id) → its content → ``SUBMITTED``."""

    refresh: Create
    _entry_id: int | None = field(init=False, default=None)

    def run(self, record: Record | None, report: Report | None) -> dict[str, Any]:
        """Go on from here; the result names the entry."""
        if report is not None and record is not None and record.entry_id is not None:
            self._look_at_entry(record.entry_id)
        result = super().run(record, report)
        return result if "entry_id" in result else {**result, "entry_id": self._entry_id}

    def decide(self, record: Record | None, report: Report | None) -> tuple[Decision, Observation | None]:
        """Decide from the record; look for what an earlier try may have made only if that decides."""
        now = time.time()
        decision = decide_create(record, self.identity, self.policy, None, now)
        if decision.action is Action.LOOK and record is not None:
            decision = decide_create(record, self.identity, self.policy, self._find(record), now)
        if decision.action is Action.RETURN and record is not None:
            self._entry_id = record.entry_id
        return decision, None

    def act(
        self, decision: Decision, record: Record | None, seen: Observation | None, report: Report | None
    ) -> Record | Wait | None:
        """Create, or go on with what an earlier try made."""
        match decision.action:
            case Action.SUBMIT:
                return self.submit(record, _NOTHING, report)
            case Action.REPLACE if decision.entry_id is not None:
                self._remove(decision.entry_id)
                return self.submit(record, _NOTHING, report)
            case Action.FILL if record is not None and decision.entry_id is not None:
                if not self.refresh.uploads:
                    return self._fill(replace(record, entry_id=decision.entry_id), None)
                # Its upload URL died with that try; an entry without its file helps nobody.
                self._remove(decision.entry_id)
                return self.submit(None, _NOTHING, report)
            case Action.ADOPT if record is not None and decision.entry_id is not None:
                found = record.entry_id is None
                made = replace(
                    record, identity=self.identity, entry_id=decision.entry_id, ending=None, message=""
                )
                return self._made(replace(made, outcome=Outcome.ADOPTED) if found else made)
            case Action.REATTACH if record is not None and record.entry_id is not None:
                self._look_at_entry(record.entry_id)
                return self.reattached(record)
        raise AssertionError(f"{decision.action} is no act of a create")

    def _wait_before(self, decision: Decision, record: Record | None) -> None:
        """There is nothing to look at but the list: leave it alone for a while, then decide again."""
        assert record is not None
        left = record.at + self.options.start_grace - time.time()
        time.sleep(max(0.05, min(self.options.poll_interval, left)))

    # --- writing -----------------------------------------------------------------------------------------

    def intent(self, seen: Observation, credits: Decimal) -> Record:
        """Note which ids bear the title before."""
        titled = None if self.refresh.title is None else tuple(sorted(self._titled(self.refresh.title)))
        return replace(super().intent(seen, credits), titled=titled)

    def accepted(self, intent: Record, credits: Decimal, receipt: WriteReceipt) -> Record:
        """Note the new id at once, then send what the create did not carry."""
        made = replace(intent, entry_id=receipt.entry_id)
        self.records.write(made)
        self.log.info("Created entry %s: %s", receipt.entry_id, self.refresh.target.key)
        return self._fill(made, receipt.upload_url)

    def _fill(self, made: Record, upload_url: str | None) -> Record:
        assert made.entry_id is not None
        try:
            call = self.refresh.fill(made.entry_id, upload_url)
            if call is not None:
                self.send(call)
        except AgentKnowledgeError:
            if self.refresh.uploads and self._remove(made.entry_id):
                # Nothing is left of it, so nothing is unknown.
                self.records.restore(None, self.identity.target)
            raise
        return self._made(made)

    def _made(self, made: Record) -> Record:
        assert made.entry_id is not None
        self._look_at_entry(made.entry_id)
        made = replace(made, baseline=made.baseline or _NOTHING)
        return super().accepted(made, made.credits, WriteReceipt())

    def _remove(self, entry_id: int) -> bool:
        self.log.info("Removing entry %d, which cannot become ready", entry_id)
        try:
            self.send(self.refresh.remove(entry_id))
        except NotFoundError:
            return True
        except ApiError as error:
            self.log.warning("Entry %d could not be removed and stays as it is: %s", entry_id, error)
            return False
        return True

    def _look_at_entry(self, entry_id: int) -> None:
        self._entry_id = entry_id
        self.look_at(self.refresh.entry(entry_id))
        self._note_link()

    # --- an unknown end ----------------------------------------------------------------------------------

    def settle(self, intent: Record, error: ApiError) -> Record:
        """The create's end is unknown: look for what it made, never send it again here."""
        if intent.titled is None:
            raise OutcomeUnknownError(
                f"The create was sent once and its end is unknown ({error}). It may have made an entry: "
                f"{self.refresh.target.key}. Without a title it cannot be told from others. It is not tried again. "
                "Look at the list there, then clear the task with force=True to create it; give a title to let retries "
                "find their entry."
            ) from error
        self.log.warning("The end of the create is unknown, looking for what it made: %s", error)
        for pause in FIRST_PAUSES:
            time.sleep(pause)
            found = self._find(intent)
            decision = decide_create(intent, self.identity, self.policy, found, time.time())
            if decision.action in (Action.ADOPT, Action.FILL):
                self.log.info("Entry %s: %s", decision.entry_id, decision.reason)
                record = self.act(decision, intent, None, None)
                assert isinstance(record, Record)
                return record
        raise AmbiguousWriteError(
            f"The create was sent once and its end is unknown ({error}). No new entry of the title "
            f"{self.refresh.title!r} that reads like it is listed yet. A retry looks for it first, and creates only if "
            "there is none."
        ) from error

    def _find(self, record: Record) -> tuple[Found, ...]:
        """Read what an earlier try may have made."""
        ids = {record.entry_id} if record.entry_id is not None else set[int]()
        if record.entry_id is None and self.refresh.title is not None:
            ids = self._titled(self.refresh.title) - set(record.titled or ())
        found = []
        for entry_id in sorted(ids):
            entry = self.refresh.entry(entry_id)
            try:
                answer = self.send(entry.read())
            except NotFoundError:
                continue
            seen, shows = entry.observe(answer), self.refresh.shows(answer)
            if shows is Shows.OTHERS and self.refresh.uploads and record.entry_id is not None:
                shows = Shows.NOTHING  # its id says whose it is; what a file holds cannot be compared
            found.append(Found(entry_id=entry_id, shows=shows, failed=_failed(seen)))
            self.log.info("Entry %d may be an earlier try's: it shows %s", entry_id, shows)
        return tuple(found)

    def _titled(self, title: str) -> set[int]:
        """
        Return the ids that bear exactly this title.

        The list is walked until a page brings nothing new: a total may be missing, or lag.
        """
        seen: set[int] = set()
        found: set[int] = set()
        page = 1
        while True:
            ids, titled, last = self.refresh.listed(self.send(self.refresh.search(title, page)))
            found |= titled
            if last or ids <= seen:
                return found
            seen |= ids
            page += 1

    # --- refusals ----------------------------------------------------------------------------------------

    def conflict(self, intent: Record, report: Report | None, error: ConflictError) -> Record | Wait | None:
        """409: say which entry has the URL already; the vendor does not."""
        listed = self.send(self.refresh.search(self.refresh.url, 1))
        ids = self.refresh.same_url(listed)  # the vendor's answer does not say which
        fields = error.to_json()
        fields["advice"] = (
            f"The URL stands in entry {ids or 'that the list does not show'} already; nothing was created. Update or "
            "delete that entry instead."
        )
        named = ApiError.from_json({**fields, "type": AlreadyThereError.__name__})
        raise named from error

    def refused(self, decision: Decision) -> AgentKnowledgeError:
        """Say why nothing is created."""
        if decision.action is Action.REFUSE_UNKNOWN:
            return OutcomeUnknownError(
                f"{self.refresh.target.key}: {decision.reason}. Nothing was sent now, and no retry will send it. Look "
                "at the list there; then clear the task with force=True to create it."
            )
        return super().refused(decision)


def _failed(seen: Observation) -> bool:
    """Failed, or stopped on its way with an error."""
    return seen.phase is Phase.FAILED or (bool(seen.error) and seen.phase is not Phase.SUCCEEDED)
