"""
The storage behind upload URLs: not the vendors' API, and no place for their keys.

Cloudflare R2 for SendKit, Supabase for Sensay (https://supabase.com/docs/reference/python/storage-from-createsigneduploadurl)
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from airflow_provider.sandbox.app.responses import Json
from airflow_provider.sandbox.app.site import AnyWorld
from airflow_provider.sandbox.state import knowledge
from airflow_provider.sandbox.state.storage import Upload

router = APIRouter(prefix="/_storage", tags=["Storage"])

_VENDOR_HEADERS = (
    "x-api-key",
    "authorization",
    "x-workspace-id",
    "x-organization-secret",
    "x-user-id",
    "x-api-version",
)
MAX_FILE_BYTES = 50 * 1024 * 1024


@router.put("/{vendor}/{key}", summary="Put the bytes of a file")
async def put_file(
    vendor: Literal["sendkit", "sensay"], key: str, request: Request, world: AnyWorld, signature: str = ""
) -> Response:
    """A request that carries a vendor's header is refused; so is an expired URL and, at Sensay, a second PUT."""
    leaked = [name for name in _VENDOR_HEADERS if name in request.headers]
    if leaked:
        return _refuse(400, "InvalidRequest", f"Unexpected headers: {', '.join(leaked)}")
    upload = world.uploads.get(key)
    if upload is None or upload.vendor != vendor or signature != key[:12]:
        return _refuse(403, "SignatureDoesNotMatch", "The signature does not match")
    if world.now > upload.expires_at:
        return _refuse(403 if vendor == "sendkit" else 400, "AccessDenied", "Request has expired")
    content = await request.body()
    content_type = request.headers.get("content-type")
    if vendor == "sendkit":
        return _put_sendkit(upload, content, content_type)
    return _put_sensay(world, upload, content, content_type)


def _put_sendkit(upload: Upload, content: bytes, content_type: str | None) -> Response:
    if upload.content_type is not None and content_type != upload.content_type:
        return _refuse(403, "SignatureDoesNotMatch", "Content-Type differs from the signed one")
    upload.content = content
    return Response(status_code=200, headers={"ETag": f'"{len(content):032x}"'})


def _put_sensay(world: AnyWorld, upload: Upload, content: bytes, content_type: str | None) -> Response:
    entry = world.find_entry(upload.entry_id or 0)
    if entry is None:
        return _refuse(404, "not_found", "The object is gone")
    if upload.content is not None:
        return _refuse(409, "Duplicate", "The resource already exists")
    if len(content) > MAX_FILE_BYTES:
        return _refuse(413, "Payload too large", "The object exceeded the maximum allowed size")
    upload.content = content
    entry.remember(world.now)
    knowledge.receive_file(world, entry, content, content_type)
    return Json({"Key": f"replica_files/{upload.key}/{upload.filename}"})


def _refuse(status: int, code: str, message: str) -> Response:
    """Storage speaks neither vendor's envelope."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status, media_type="application/xml")
