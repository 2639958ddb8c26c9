"""Deleting an entry; one that is gone already is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from airflow_provider.errors import InvalidArgumentError, NotFoundError
from airflow_provider.vendors.sensay import endpoints, training_endpoints
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation

if TYPE_CHECKING:
    from airflow_provider.http.call import Call

T = TypeVar("T")


class Send(Protocol):
    """A client's ``send``."""

    def __call__(self, call: Call[T], /) -> T:
        """Send one call."""


def delete_entry(send: Send, target: EntryTarget) -> str:
    """
    Delete an entry.

    :returns: ``deleted``, ``delete_accepted`` (the vendor removes it within 24 hours) or ``absent``
    :raises NotFoundError: the list of the entry's replica is not there either: a mistyped replica, the wrong API
        generation, or a server that is not the vendor's. The entry may well be there
    """
    try:
        if target.generation is Generation.TRAINING:
            _refuse_anothers(target, send(training_endpoints.get_entry(target.entry_id)).replica_uuid)
            deletion = send(training_endpoints.delete_entry(target.entry_id))
        else:
            deletion = send(endpoints.delete_entry(target.replica_uuid, target.entry_id))
    except NotFoundError:
        # Only beside a list that can be read does *not found* mean that the entry is gone.
        send(_list(target))
        return "absent"
    return "deleted" if deletion.value == "deleted" else "delete_accepted"


def _list(target: EntryTarget) -> Call[Any]:
    if target.generation is Generation.TRAINING:
        return training_endpoints.list_entries(limit=1)
    return endpoints.list_entries(target.replica_uuid, page=1, page_size=1)


def _refuse_anothers(target: EntryTarget, owner: str | None) -> None:
    """The older generation deletes any entry of the organisation: whose is it?"""
    if owner is not None and owner.lower() != target.replica_uuid:
        raise InvalidArgumentError(
            f"Entry {target.entry_id} belongs to replica {owner}, not to {target.replica_uuid}. Nothing was deleted."
        )
