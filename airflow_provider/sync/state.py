"""
What a run knows: of each document what was tried and what came of it, of each entry whether its text is proven.

One frozen value: each step of a run takes one and returns the next. It is what a plan is made with, what a deferral
carries, what a retry is told, and what the result is made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from airflow_provider.refresh.wait import Wait
from airflow_provider.sync.mark import Mark


class Done(StrEnum):
    """What this run did for a document; one letter, since a deferral carries one for each document."""

    CREATED = "c"
    UPDATED = "u"
    RENAMED = "r"
    JOINED = "j"
    ROLLED_BACK = "b"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentState:
    """
    What this run tried for one document.

    :param tries: how often it was sent
    :param done: what came of it
    :param given_up: why it is not tried again in this run; empty: it is
    :param final: it would fail again as it is
    :param unsent: given up before anything was sent
    :param error: what its last try that failed was told
    :param request_id: the vendor's, of that try
    """

    tries: int = 0
    done: Done | None = None
    given_up: str = ""
    final: bool = False
    unsent: bool = False
    error: str = ""
    request_id: str = ""


#: A document that this run has not tried.
UNTRIED = DocumentState()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """
    All that a run knows, beside the source and the vendor's list.

    An entry that was written over is *being proven* until a read ties its status to the write; then its status
    speaks for itself. It is *doubted* if the process that wrote it never saw that: the write is repeated. It is
    *distrusted* if that could not be proven either: another entry takes its place.

    :param documents: by key hash
    :param proving: the wait for a sign, by entry
    :param proven: the marker that a sign was seen with, by entry; a list may still show less
    :param doubted: entries whose write no process ever saw proven
    :param distrusted: entries that are not believed any more
    :param drifted: entries that somebody edited by hand, where the caller wants that kept, or told
    :param unlisted: marks that were written, by entry, until the list shows them
    :param backups: digests of the texts that were kept before they were written over, by entry
    :param stopped: why nothing more is sent
    :param quota: why nothing more is created
    """

    documents: Mapping[str, DocumentState] = field(default_factory=dict)
    proving: Mapping[int | str, Wait] = field(default_factory=dict)
    proven: Mapping[int | str, str | None] = field(default_factory=dict)
    doubted: frozenset[int | str] = frozenset()
    distrusted: frozenset[int | str] = frozenset()
    drifted: frozenset[int | str] = frozenset()
    unlisted: Mapping[int | str, Mark] = field(default_factory=dict)
    backups: Mapping[int | str, str] = field(default_factory=dict)
    stopped: str = ""
    quota: str = ""

    def of(self, key_hash: str) -> DocumentState:
        """Return what was tried for a document."""
        return self.documents.get(key_hash, UNTRIED)

    def tried(self, key_hash: str) -> bool:
        """Did this run send it?"""
        return self.of(key_hash).done is not None

    def with_documents(self, changed: Mapping[str, DocumentState]) -> SyncState:
        """Return this state with some documents' states in place of what they were."""
        return replace(self, documents={**self.documents, **changed}) if changed else self

    def give_up(self, reasons: Mapping[str, str], *, unsent: bool = False) -> SyncState:
        """Return this state with some documents given up that are not yet."""
        return self.with_documents(
            {
                key: replace(self.of(key), given_up=reason, unsent=unsent)
                for key, reason in reasons.items()
                if not self.of(key).given_up
            }
        )

    def doubt(self, entries: Iterable[int | str]) -> SyncState:
        """Return this state with some entries doubted."""
        return replace(self, doubted=self.doubted | frozenset(entries))

    def trust(self, entries: Iterable[int | str]) -> SyncState:
        """Return this state with some entries doubted no more."""
        return replace(self, doubted=self.doubted - frozenset(entries))

    def distrust(self, entries: Iterable[int | str]) -> SyncState:
        """Return this state with some entries distrusted; a retry must not believe them either."""
        names = frozenset(entries)
        return replace(self, distrusted=self.distrusted | names, doubted=self.doubted | names)

    @property
    def unproven(self) -> frozenset[int | str]:
        """The entries that a retry has to doubt."""
        return self.doubted | frozenset(self.proving)

    @property
    def given_up(self) -> Mapping[str, str]:
        """Why some documents are not tried again, by key hash."""
        return {key: each.given_up for key, each in self.documents.items() if each.given_up}
