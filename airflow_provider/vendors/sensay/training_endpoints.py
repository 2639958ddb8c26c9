"""
Sensay's older generation, ``/v1/replicas/{replicaUUID}/training``, as calls; nothing is sent here.

The vendor removed it on 2025-10-08 in favour of :mod:`airflow_provider.vendors.sensay.endpoints`. Writes name the
replica; reads and deletes are organization wide and do not. https://docs.sensay.io/changes/f64df6f9
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.http.call import (
    JSON,
    Answer,
    Call,
    acknowledged,
    entry_segment,
    given,
    required_text,
    uuid_segment,
)

if TYPE_CHECKING:
    from airflow_provider.vendors.sensay.values import Deletion, Entry, EntryPage, FileSlot

VENDOR = "sensay"
MAX_LIMIT = 100

_SPOKEN = "This asked the older generation 'training' (the connection's extra 'api' is '{api}'; 'auto' finds out once)"
_REPLICA_HINTS = {404: f"Is replica_uuid right, and of this organization? {_SPOKEN}"}
_ENTRY_HINTS = {
    404: f"Is entry_id right, and of this organization? A deleted entry is not found either. {_SPOKEN}"
}


def create_entry(replica_uuid: str) -> Call[int]:
    """
    Create an empty entry and return its id; sent once. Its text follows by :func:`update_entry`.

    https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-training
    """
    return Call(
        vendor=VENDOR,
        name="create training entry",
        hints=_REPLICA_HINTS,
        method="POST",
        path=_path(replica_uuid),
        body={},
        reads=_created,
        repeatable=False,
    )


def update_entry(
    replica_uuid: str,
    entry_id: int | str,
    *,
    raw_text: str | None = None,
    processed_text: str | None = None,
    vector_entry_id: str | None = None,
    metadata: dict[str, JSON] | None = None,
) -> Call[None]:
    """
    Replace the content of an entry; exactly the given members are sent, in any mix.

    The same twice is the same once, so it may be repeated.
    https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter

    :param processed_text: text that is already optimized
    :param vector_entry_id: its presence says that the text is fully processed already
    :param metadata: used by the vendor only together with ``vector_entry_id``
    """
    texts = given(rawText=raw_text, processedText=processed_text, vectorEntryId=vector_entry_id)
    if not texts:
        raise InvalidArgumentError(
            "Nothing to change in the entry: give raw_text, processed_text or vector_entry_id; nothing was sent"
        )
    for name, text in texts.items():
        required_text(text, name)
    return Call(
        vendor=VENDOR,
        name="update knowledge base entry",
        hints=_ENTRY_HINTS,
        method="PUT",
        path=f"{_path(replica_uuid)}/{entry_segment(entry_id)}",
        body={**texts, **given(metadata=metadata)},
        reads=acknowledged,
        repeatable=True,
    )


def get_entry(entry_id: int | str) -> Call[Entry]:
    """
    Read one entry of the organization; compare its ``replica_uuid`` yourself.

    https://docs.sensay.io/operation/operation-get-v1-training-parameter
    """
    return Call(
        vendor=VENDOR,
        name="get training entry",
        hints=_ENTRY_HINTS,
        method="GET",
        path=f"/v1/training/{entry_segment(entry_id)}",
        reads=_entry,
        repeatable=True,
    )


def list_entries(
    *,
    page: int = 1,
    limit: int = MAX_LIMIT,
    status: str | None = None,
    type: str | None = None,
) -> Call[EntryPage]:
    """
    Read one page of the organization's entries, of all replicas; a page shorter than ``limit`` is the last.

    https://docs.sensay.io/operation/operation-get-v1-training
    """
    if page < 1 or not 1 <= limit <= MAX_LIMIT:
        raise InvalidArgumentError(f"page must be at least 1 and limit 1 to {MAX_LIMIT}; nothing was sent")
    wanted = {"page": str(page), "limit": str(limit), "status": status, "type": type}
    return Call(
        vendor=VENDOR,
        name="list training entries",
        method="GET",
        path="/v1/training",
        query={name: value for name, value in wanted.items() if value is not None},
        reads=_page,
        repeatable=True,
    )


def delete_entry(entry_id: int | str) -> Call[Deletion]:
    """
    Delete an entry and its vectors at once.

    https://docs.sensay.io/operation/operation-delete-v1-training-parameter
    """
    return Call(
        vendor=VENDOR,
        name="delete training entry",
        hints=_ENTRY_HINTS,
        method="DELETE",
        path=f"/v1/training/{entry_segment(entry_id)}",
        reads=_deletion,
        repeatable=True,
    )


def file_upload_url(replica_uuid: str, filename: str) -> Call[FileSlot]:
    """
    Create an entry for a file and return where to PUT its bytes (up to 50 MB).

    A GET that creates: sent once. The PUT's content type is ``application/octet-stream``.
    https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-training-files-upload
    """
    return Call(
        vendor=VENDOR,
        name="ask for an upload URL",
        hints=_REPLICA_HINTS,
        method="GET",
        path=f"{_path(replica_uuid)}/files/upload",
        query={"filename": required_text(filename, "filename")},
        reads=_slot,
        repeatable=False,
    )


def _path(replica_uuid: str) -> str:
    return f"/v1/replicas/{uuid_segment(replica_uuid, 'replica_uuid')}/training"


def _created(answer: Answer) -> int:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.training_models import CreateReceipt

    return read(CreateReceipt, body_of(answer)).knowledge_base_id


def _entry(answer: Answer) -> Entry:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.training_models import TrainingEntry

    return read(TrainingEntry, body_of(answer)).entry()


def _page(answer: Answer) -> EntryPage:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.training_models import TrainingPage
    from airflow_provider.vendors.sensay.values import EntryPage

    page = read(TrainingPage, body_of(answer))
    return EntryPage(tuple(item.entry() for item in page.items), None)


def _deletion(answer: Answer) -> Deletion:
    from airflow_provider.vendors.sensay.values import Deletion

    acknowledged(answer)
    return Deletion.DELETED


def _slot(answer: Answer) -> FileSlot:
    from airflow_provider.http.payload import body_of, read
    from airflow_provider.vendors.sensay.training_models import UploadReceipt
    from airflow_provider.vendors.sensay.values import FileSlot

    receipt = read(UploadReceipt, body_of(answer))
    return FileSlot(receipt.knowledge_base_id, receipt.signed_url)
