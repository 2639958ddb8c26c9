"""What a run takes along to the triggerer, and gets back: small, whatever the number of documents."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from airflow_provider.refresh import codec
from airflow_provider.sync.documents import Held, Wanted, version_of
from airflow_provider.sync.plan import Action, Method, Plan
from airflow_provider.sync.progress import SyncWait, Verdict
from airflow_provider.sync.state import DocumentState, Done, SyncState

E = TypeVar("E", bound=StrEnum)

#: Documents whose reasons, deletions or contents are named one by one.
_REASONS, _NAMED = 20, 400


class Given(StrEnum):
    """Whether a later run tries a document again that this run has given up."""

    LATER = "l"
    NEVER = "n"
    UNSENT = "u"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """
    A run's memory between two of its processes.

    :param started: seconds since the epoch
    :param deadline: when the whole run gives up
    :param plan: digest of the plan it began with
    :param version: of the source as it was read
    :param done: what was done for each document, in the order of the key hashes; packed
    :param given_up: key hashes that are not tried again, with the reason; the first of them
    :param refused: all of them, packed as well
    :param superseded: entries that were removed because another took their place
    :param polls: looks so far
    :param keys: hash of the sorted key hashes: ``done`` and ``refused`` speak of these only
    :param worker: who read the source
    :param owed: an earlier run made a change that no event has told of
    :param leaving: key hashes of what is to be deleted when all else is done
    :param unsent: digests of what is still to be sent, by key hash
    """

    started: float
    deadline: float
    plan: str
    version: str
    done: str = ""
    given_up: dict[str, str] | None = None
    refused: str = ""
    superseded: int = 0
    polls: int = 0
    keys: str = ""
    worker: str = ""
    owed: bool = False
    leaving: tuple[str, ...] = ()
    unsent: dict[str, str] | None = None


def version_of_source(wanted: Iterable[Wanted]) -> str:
    """Return the version of a source as it was read."""
    return version_of((each.key_hash, each.digest) for each in wanted)


def dump(
    wanted: Mapping[str, Wanted], state: SyncState, plan: Plan, *, digest: str, **known: Any
) -> SavedState:
    """
    Write a run's memory down.

    :param plan: what is still to be done
    :param digest: of the plan that the run began with
    :param known: members of the result that are no part of the state
    """
    given = {
        key: Given.NEVER if each.final else Given.UNSENT if each.unsent else Given.LATER
        for key, each in state.documents.items()
        if each.given_up
    }
    reasons = {key: state.of(key).given_up[:120] for key in list(given)[:_REASONS]}
    late = [row for row in plan.rows if row.method is Method.LATER and row.wanted][:_NAMED]
    return SavedState(
        plan=digest,
        done=pack(wanted, {key: each.done for key, each in state.documents.items() if each.done}),
        given_up=reasons or None,
        refused=pack(wanted, given),
        keys=_name_of(wanted),
        leaving=tuple(dict.fromkeys(row.key_hash for row in plan.of(Action.DELETE)))[:_NAMED],
        unsent={row.key_hash: row.wanted.digest for row in late if row.wanted} or None,
        **known,
    )


def load(saved: SavedState, wanted: Mapping[str, Wanted]) -> SyncState:
    """
    Read a run's memory, as far as it speaks of the documents that the source has now.

    What names its documents by their place is left out where the source has others: it would be told of the wrong
    ones.
    """
    reasons = saved.given_up or {}
    documents = {key: DocumentState(given_up=reason) for key, reason in reasons.items() if key in wanted}
    try:
        if saved.keys and saved.keys != _name_of(wanted):
            raise ValueError("the source has other documents")
        for key, done in unpack(wanted, saved.done, Done).items():
            documents[key] = replace(documents.get(key, DocumentState()), done=done, tries=1)
        for key, given in unpack(wanted, saved.refused, Given).items():
            known = documents.get(key, DocumentState())
            why = known.given_up or "given up before the wait; the log of that time says why"
            documents[key] = replace(
                known, given_up=why, final=given is Given.NEVER, unsent=given is Given.UNSENT
            )
    except ValueError:
        pass
    return SyncState(documents=documents)


def begun_with(
    saved: SavedState, wanted: Mapping[str, Wanted], held: Sequence[Held], state: SyncState
) -> dict[str, Wanted]:
    """
    Return the documents that a run began with, where its source has moved on since.

    A resumed process sends nothing that was not in the plan: what has changed counts as what was sent for it, and
    what is new is left out; the next run brings both along.
    """
    if saved.version == version_of_source(wanted.values()):
        return dict(wanted)
    by_key: dict[str, list[Held]] = {}
    for entry in held:
        by_key.setdefault(entry.key_hash, []).append(entry)
    begun: dict[str, Wanted] = {}
    for key, document in wanted.items():
        entries = by_key.get(key, [])
        is_planned = (saved.unsent or {}).get(key) == document.digest
        if document.skip or is_planned or any(entry.digest == document.digest for entry in entries):
            begun[key] = document
        elif entries:
            newest = max(entries, key=lambda entry: entry.age)
            begun[key] = replace(
                document,
                digest=newest.digest,
                kind=newest.kind or document.kind,
                title=newest.title,
                url=newest.url,
            )
        elif state.of(key).given_up:
            begun[key] = document
    return begun


def pack(keys: Iterable[str], done: Mapping[str, StrEnum]) -> str:
    """Write what was done for each key; twenty thousand creates are sixty characters."""
    letters = "".join(done.get(key, "-") for key in sorted(keys))
    return base64.b64encode(zlib.compress(letters.encode(), 9)).decode()


def unpack(keys: Iterable[str], packed: str, kind: type[E]) -> dict[str, E]:
    """
    Read what :func:`pack` wrote for the same keys.

    :raises ValueError: it was written for others
    """
    letters = zlib.decompress(base64.b64decode(packed)).decode() if packed else ""
    names = sorted(keys)
    if packed and len(names) != len(letters):
        raise ValueError("the source has another number of documents")
    return {key: kind(letter) for key, letter in zip(names, letters, strict=False) if letter != "-"}


def _name_of(keys: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:16]


SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """
    What a sync's trigger tells: the end of the wait, and what the worker had given it to carry.

    :param error: the last failed look, as the error tree writes it
    """

    wait: SyncWait
    verdict: Verdict
    carried: SavedState
    error: dict[str, Any] | None = None

    def to_event(self) -> dict[str, Any]:
        """Return plain JSON with its schema version."""
        return {"schema": SCHEMA, **codec.dump(self)}

    @staticmethod
    def from_event(event: Any) -> SyncReport:
        """
        Rebuild a report.

        :raises ValueError: the event is missing, malformed or of a later schema
        """
        if not isinstance(event, dict) or event.get("schema") != SCHEMA:
            raise ValueError("the trigger's event is not a sync's report of schema 1")
        return codec.load(SyncReport, event)
