"""
May we create, or is it there already? A create is not idempotent, so what an earlier try may have made is looked for.

An entry is ours if its id was in the answer; or if it is new since the intent and reads back as what was sent; or if
it waits for an upload, right after the request that began ours. A title proves nothing: an entry that is ready with
other content is somebody else's, and is neither adopted nor removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider.refresh.observation import Target
from airflow_provider.refresh.record import Ending, Identity, Record, Stage
from airflow_provider.refresh.submit import Action, Decision, Policy, Refresh, mismatch, overridden, settled
from airflow_provider.refresh.wait import Purpose

if TYPE_CHECKING:
    from airflow_provider.http.call import Call


class Shows(StrEnum):
    """What an entry shows of its content."""

    OURS = "ours"  # it reads back as what was sent
    OTHERS = "others"
    NOTHING = "nothing"  # its content cannot be read (yet)
    EMPTY = "empty"  # it waits for the content that its creator still owes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    One entry that an earlier try may have made.

    :param failed: it could not be processed, as it reads now
    """

    entry_id: int
    shows: Shows
    failed: bool = False


class Create(Refresh, Protocol):
    """What a vendor brings for a create, beside what every refresh has."""

    @property
    def title(self) -> str | None:
        """What an entry is looked for by; without it nobody can look."""

    @property
    def url(self) -> str:
        """What may be there already, if the vendor says so (409)."""

    @property
    def uploads(self) -> bool:
        """Its content is uploaded, to an address that only the create's own answer names."""

    def entry(self, entry_id: int) -> Target:
        """What was made."""

    def fill(self, entry_id: int, upload_url: str | None) -> Call[None] | None:
        """Describe what the create did not carry, if anything."""

    def remove(self, entry_id: int) -> Call[Any]:
        """Describe the removal of an entry of ours."""

    def search(self, words: str, page: int) -> Call[Any]:
        """Describe one page of the entries that a search finds."""

    def listed(self, answer: Any) -> tuple[frozenset[int], frozenset[int], bool]:
        """Read a page: all ids, those of exactly this title, and whether it is surely the last."""

    def same_url(self, answer: Any) -> list[int]:
        """Return the ids of the listed entries that read the URL which is to be created."""

    def shows(self, answer: Any) -> Shows:
        """Compare what an entry shows with what was sent."""


def decide_create(
    record: Record | None,
    identity: Identity,
    policy: Policy,
    found: tuple[Found, ...] | None,
    now: float,
) -> Decision:
    """
    Decide what one try of a create does.

    :param found: None before anybody looked. Where the record names the entry, that one, or nothing if it is gone;
        else all entries of the title that were not there before
    """
    if record is None:
        return Decision(action=Action.SUBMIT, reason="nothing was created yet")
    if not record.open:
        return _after_an_end(record, identity, policy, found)
    if overridden(record, identity, policy):
        return Decision(action=Action.SUBMIT, reason="forced; what an earlier try made, if anything, stays")
    if not record.same_write(identity):
        return mismatch(record, identity)
    again = policy.force and record.identity.cycle != identity.cycle
    if record.stage is Stage.SUBMITTED and not again:
        return _reattach(record)
    if record.entry_id is None and record.titled is None:
        if again:
            return Decision(action=Action.SUBMIT, reason="forced")
        return _unknown("without a title its entry cannot be told from others")
    if found is None:
        return Decision(action=Action.LOOK, reason="an earlier try may have created it")
    if record.entry_id is not None:
        return _known(record, policy, found, now, again=again)
    return _searched(record, policy, found, now, again=again)


def _after_an_end(
    record: Record, identity: Identity, policy: Policy, found: tuple[Found, ...] | None
) -> Decision:
    ended = settled(record, identity)
    if ended is not None:
        return ended
    if record.ending is Ending.FAILED and record.entry_id is not None and record.same_write(identity):
        if found is None:
            return Decision(
                action=Action.LOOK, reason="somebody may have repaired what could not be processed"
            )
        for one in found:
            return _failed_once(one, policy)
    return Decision(action=Action.SUBMIT, reason="forced" if policy.force else "asked for again")


def _failed_once(found: Found, policy: Policy) -> Decision:
    """It could not be processed then. What it shows now may be somebody's repair, which is not ours to remove."""
    if found.shows is Shows.OTHERS:
        return Decision(
            action=Action.SUBMIT, reason="somebody gave the entry that failed another content; it stays"
        )
    if found.failed:
        return Decision(
            action=Action.REPLACE,
            reason="it could not be processed, and never will be",
            entry_id=found.entry_id,
        )
    if policy.force:
        return Decision(action=Action.SUBMIT, reason="forced; what failed was processed after all, and stays")
    return Decision(
        action=Action.ADOPT, reason="what failed was processed after all", entry_id=found.entry_id
    )


def _reattach(record: Record) -> Decision:
    return Decision(action=Action.REATTACH, reason="an earlier try had created it", entry_id=record.entry_id)


def _known(record: Record, policy: Policy, found: tuple[Found, ...], now: float, *, again: bool) -> Decision:
    """The vendor's answer named the entry: it is ours, whatever it shows."""
    entry_id = record.entry_id
    if not found:
        if now - record.at < policy.start_grace:
            return _grace("the entry that was created is not shown yet")
        return Decision(action=Action.SUBMIT, reason="the entry that an earlier try created is gone")
    if record.stage is Stage.SUBMITTED:
        return _reattach(record)
    if again:
        return Decision(action=Action.SUBMIT, reason="forced; what an earlier try made stays")
    if found[0].shows is Shows.EMPTY:
        return Decision(
            action=Action.FILL,
            reason="an earlier try stopped before its content was there",
            entry_id=entry_id,
        )
    return Decision(action=Action.ADOPT, reason="an earlier try had created it", entry_id=entry_id)


def _searched(
    record: Record, policy: Policy, found: tuple[Found, ...], now: float, *, again: bool
) -> Decision:
    """The answer was lost: what is new under the title is ours only by its content."""
    recent = now - record.at < policy.start_grace
    # Later than that an empty entry may well be somebody's upload under way. Ours, if it is, is left empty.
    mine = (Shows.OURS, Shows.EMPTY) if recent else (Shows.OURS,)
    ours = [each for each in found if each.shows in mine]
    if len(ours) == 1:
        (one,) = ours
        if one.shows is Shows.EMPTY:
            return Decision(
                action=Action.FILL,
                reason="it waits for the upload that an earlier try began",
                entry_id=one.entry_id,
            )
        return Decision(
            action=Action.ADOPT,
            reason="a new entry reads back as what an earlier try sent",
            entry_id=one.entry_id,
        )
    if len(ours) > 1 and not again:
        ids = ", ".join(str(each.entry_id) for each in ours)
        return _unknown(f"several new entries read like it ({ids}); remove the ones that are not wanted")
    if recent:
        return _grace("an earlier try may have created it; it may still show")
    if any(each.shows is Shows.NOTHING for each in found) and not again:
        ids = ", ".join(str(each.entry_id) for each in found if each.shows is Shows.NOTHING)
        return _unknown(f"a new entry of its title does not show its content ({ids})")
    return Decision(action=Action.SUBMIT, reason="no trace of an earlier try after the grace")


def _grace(reason: str) -> Decision:
    return Decision(action=Action.WAIT, purpose=Purpose.GRACE, reason=reason)


def _unknown(reason: str) -> Decision:
    return Decision(
        action=Action.REFUSE_UNKNOWN, reason=f"an earlier try stopped while it created it, and {reason}"
    )
