"""How an entry reads on the wire: camelCase in the current generation, snake_case in the older one."""

from __future__ import annotations

from typing import Any

from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.clock import iso_micro
from airflow_provider.sandbox.state.entries import MEDIA, Entry, older_status

OLDER_TYPES = {"text": "text", "file": "file_upload", "website": "url", "youtube": "url"}


def show(entry: Entry, now: float, options: Options, *, with_text: bool) -> dict[str, Any]:
    """
    The entry in the current generation.

    https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base-parameter

    :param with_text: a list leaves texts, facts and chunks out; reading one entry shows them
    """
    step = entry.step(now)
    shown: dict[str, Any] = {
        "id": entry.id,
        "replicaUUID": entry.replica_uuid,
        "type": entry.kind,
        "status": step.status,
        "createdAt": iso_micro(entry.created_at, options.clock_skew),
        "updatedAt": iso_micro(entry.updated_at(now, options), options.clock_skew),
        "title": entry.title,
        "url": entry.url,
    }
    left_out = MEDIA if with_text else (*MEDIA, *_LONG)
    shown |= {key: value for key, value in entry.extras.items() if key not in left_out}
    shown |= _media(entry)
    if step.error is not None:
        shown["error"] = {"message": step.error, "fingerprint": f"{entry.id:032x}"}
    if with_text and _content_known(entry, step.status):
        shown["rawText"] = _cut(entry.raw_text, options)
        shown["processedText"] = _cut(entry.processed_text, options)
    shown = {key: value for key, value in shown.items() if value is not None or key == "status"}
    return {key: value for key, value in (shown | entry.raw).items() if key not in entry.missing}


def show_older(entry: Entry, now: float, options: Options) -> dict[str, Any]:
    """
    The entry in the older generation; it has no error field.

    https://docs.sensay.io/operation/operation-get-v1-training-parameter
    """
    known = _content_known(entry, entry.step(now).status)
    shown: dict[str, Any] = {
        "id": entry.id,
        "replica_uuid": entry.replica_uuid,
        "type": OLDER_TYPES[entry.kind],
        "filename": entry.filename,
        "status": older_status(entry, now, options),
        "raw_text": _cut(entry.raw_text, options) if known else None,
        "processed_text": _cut(entry.processed_text, options) if known else None,
        "created_at": iso_micro(entry.created_at, options.clock_skew),
        "updated_at": iso_micro(entry.updated_at(now, options), options.clock_skew),
        "title": entry.title,
        "description": None,
    }
    if entry.url is not None:
        shown["url"] = entry.url
    return {key: value for key, value in (shown | entry.raw).items() if key not in entry.missing}


_LONG = ("generatedFacts", "rawTextChunks")


def _content_known(entry: Entry, status: str | None) -> bool:
    """Text written by a caller reads back at once; that of a file or a site only once it was extracted."""
    return entry.kind == "text" or status not in ("NEW", "FILE_UPLOADED")


def _media(entry: Entry) -> dict[str, Any]:
    """Of its own kind only, whatever was written; a screenshot is written and never read."""
    if entry.kind == "text":
        return {}
    own: dict[str, Any] = {"url": entry.url}
    if entry.kind == "file":
        own = {"name": entry.filename, "size": entry.file_size, "mimeType": entry.mime_type}
    written = entry.extras.get(entry.kind, {})
    return {entry.kind: own | {key: value for key, value in written.items() if key != "screenshot"}}


def _cut(text: str | None, options: Options) -> str | None:
    return None if text is None else text[: options.truncate_raw_text]
