"""What a sync refuses, and what it says then; each raises if it has to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from airflow_provider.errors import (
    DeletionRefusedError,
    EmptySourceError,
    InvalidArgumentError,
    PlanChangedError,
    SourceIncompleteError,
)
from airflow_provider.sync.documents import Skip
from airflow_provider.sync.guards import nothing_usable, too_many_deletions

if TYPE_CHECKING:
    from airflow_provider.sync.documents import Held, Wanted
    from airflow_provider.sync.guards import Ceiling
    from airflow_provider.sync.plan import Plan
    from airflow_provider.sync.saved_state import Carried


def empty_source(wanted: Collection[Wanted], held: Collection[Held], key: str, sync_id: str) -> None:
    """
    Refuse a source without any document that can be sent.

    :raises EmptySourceError: mounts come back, so a retry looks again
    """
    if (reason := nothing_usable(wanted)) is not None:
        raise EmptySourceError(
            f"The source {reason}, while {key} holds {len(held)} "
            f"entries of sync '{sync_id}'. Nothing was sent or deleted. A retry looks again; if the "
            "source is meant to be empty, set on_empty_source='allow'."
        )


def skipped_document(wanted: Iterable[Wanted], *, sent: bool) -> None:
    """
    Refuse a document that cannot be sent, where every one has to be.

    :param sent: something was sent before
    :raises SourceIncompleteError: it could not be read, which may pass
    :raises InvalidArgumentError: the vendor takes no such document
    """
    document = next((document for document in wanted if document.skip), None)
    if document is None:
        return
    became = "What was sent before stays at the vendor." if sent else "Nothing was sent."
    told = f"{document.key} cannot be sent ({document.skip}). {document.detail}".rstrip(". ") + "."
    if document.skip in (Skip.VANISHED, Skip.UNREADABLE):
        raise SourceIncompleteError(f"{told} {became} A retry reads it again.")
    raise InvalidArgumentError(f"{told} {became}")


def deletions(plan: Plan, most: Ceiling, key: str) -> None:
    """
    Refuse a plan that deletes too much.

    :raises DeletionRefusedError: for good
    """
    if (reason := too_many_deletions(plan, most)) is not None:
        raise DeletionRefusedError(
            f"{key}: {reason}. Nothing was deleted. A retry is refused as well. Is the source "
            "whole? If it is, raise max_deletes for this run."
        )


def changed_source(version: str, carried: Carried, key: str) -> None:
    """
    Refuse to go on with an approved plan whose source changed during the wait.

    :raises PlanChangedError: for good
    """
    if version != carried.version:
        raise PlanChangedError(
            f"{key}: the source changed while the approved plan was being applied; nothing "
            "more was sent. Make a plan again (dry_run=True) and have it approved."
        )


def other_plan(plan: Plan, expected: str, key: str) -> None:
    """
    Refuse a plan that is not the approved one.

    :raises PlanChangedError: for good
    """
    if plan.digest != expected:
        raise PlanChangedError(
            f"{key}: the plan is {plan.digest}, not {expected}: source or knowledge base changed "
            "since. Nothing was sent, and a retry is refused as well. Make a plan again (dry_run=True) and have it "
            "approved."
        )
