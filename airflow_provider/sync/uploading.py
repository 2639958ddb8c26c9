"""Bytes for a storage host: what it refuses says nothing about our key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider.errors import ApiError, UploadFailedError

if TYPE_CHECKING:
    from airflow_provider.http.call import Call
    from airflow_provider.http.client import AsyncClient


async def put(client: AsyncClient, call: Call[None], what: str) -> None:
    """
    PUT a document's bytes to its signed URL.

    :param what: names the document in messages
    :raises UploadFailedError: the host did not take them: the URL has expired or is used up, or the host failed
    """
    try:
        await client.send(call)
    except ApiError as error:
        raise UploadFailedError(
            f"The bytes of {what} did not arrive at the vendor's storage (expired or used upload URL, or the host "
            f"failed): {error.message}",
            status=error.status,
            request_id=error.request_id,
        ) from error
