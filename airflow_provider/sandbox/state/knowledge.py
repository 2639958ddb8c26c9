"""Writes to a Sensay knowledge base, the same for both generations."""

from __future__ import annotations

import mimetypes
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider.sandbox.state.entries import (
    MEDIA,
    USABLE,
    Entry,
    Kind,
    Step,
    finished,
    processing,
    unprocessable,
    waiting_for_caller,
)
from airflow_provider.sandbox.state.file_types import is_accepted, listed_mime_type
from airflow_provider.sandbox.state.storage import Upload
from airflow_provider.sandbox.state.world import World


def create_blank(world: World, replica_uuid: str) -> Entry:
    return _create(world, replica_uuid, "text", waiting_for_caller(world.now))


def create_text(world: World, replica_uuid: str, text: str, title: str | None) -> Entry:
    steps = processing(world.now, text, world.options, first="NEW")
    return _create(world, replica_uuid, "text", steps, title=title, raw_text=text)


def create_file(world: World, replica_uuid: str, filename: str, title: str | None) -> tuple[Entry, Upload]:
    """The entry waits for its bytes, for ever if need be."""
    entry = _create(
        world,
        replica_uuid,
        "file",
        waiting_for_caller(world.now),
        title=title,
        filename=filename,
        mime_type=listed_mime_type(mimetypes.guess_type(filename)[0]),
    )
    upload = Upload(
        key=world.new_key(),
        vendor="sensay",
        filename=filename,
        expires_at=world.now + world.options.upload_url_seconds,
        entry_id=entry.id,
    )
    world.uploads[upload.key] = upload
    return entry, upload


def create_url(
    world: World, replica_uuid: str, url: str, title: str | None, auto_refresh: bool
) -> list[Entry]:
    """One entry for a page or a video, one per video for a playlist."""
    playlist = playlist_of(url)
    if playlist is None:
        kind: Kind = "youtube" if is_youtube(url) else "website"
        media = {"autoRefresh": auto_refresh} if kind == "website" else {}
        return [_create_page(world, replica_uuid, kind, url, title, media)]
    videos = [
        f"https://www.youtube.com/watch?v={playlist}-{n}" for n in range(1, world.options.playlist_videos + 1)
    ]
    return [
        _create_page(world, replica_uuid, "youtube", video, title, {"playlistID": playlist})
        for video in videos
    ]


def has_url(world: World, replica_uuid: str, url: str) -> bool:
    """Whether a POST of this URL is a 409."""
    now = world.now
    return any(
        entry.url == url
        and entry.replica_uuid == replica_uuid
        and (entry.gone_at is None or (world.options.deleted_url_conflicts and now < entry.gone_at))
        for entry in world.entries.values()
    )


def receive_file(world: World, entry: Entry, content: bytes, content_type: str | None) -> None:
    """The bytes have arrived: extraction begins. What is no text is known by its name only."""
    now = world.now
    entry.file_size = len(content)
    entry.mime_type = listed_mime_type(content_type) or entry.mime_type
    if not is_accepted(entry.filename or ""):
        entry.write(unprocessable(now, world.options), now)
        return
    try:
        entry.raw_text = content.decode()
    except UnicodeDecodeError:
        entry.raw_text = f"{entry.title or ''} {entry.filename}".strip()
    entry.write(processing(now, entry.raw_text, world.options, first="FILE_UPLOADED"), now)


def write_text(
    world: World, entry: Entry, *, raw_text: str | None, processed_text: str | None = None
) -> None:
    """Replace what the entry says; what it said before goes on answering while the old status lingers."""
    now, options = world.now, world.options
    before = entry.step(now)
    text = processed_text or raw_text
    same = raw_text in (None, entry.raw_text) and processed_text in (None, entry.processed_text)
    if raw_text is not None:
        entry.raw_text = raw_text
    entry.processed_text = processed_text if processed_text is not None else entry.processed_text
    lives = before.error is None and before.status not in (None, "UNPROCESSABLE")
    if same and options.identical_text == "ignore" and lives:
        entry.written_at = now
        return
    first = "PROCESSED_TEXT" if raw_text is None else "RAW_TEXT"
    entry.write(processing(now, text, options, first=first, before=before), now)


def write_vector(world: World, entry: Entry, vector_entry_id: str, text: str | None) -> None:
    """
    Older generation: a vector id says that all is done already, so the entry is ready at once.

    https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter
    """
    entry.vector_entry_id = vector_entry_id
    entry.write(finished(world.now, text or entry.raw_text), world.now)


def set_fields(world: World, entry: Entry, fields: dict[str, Any]) -> None:
    """A write that needs no processing; the title and what the pipeline itself may send back."""
    now = world.now
    if "title" in fields:
        entry.title = fields.pop("title")[: world.options.patch_title_cut]
    status, error = fields.pop("status", None), fields.pop("error", None)
    if status == "NEW":
        entry.write(processing(now, entry.raw_text, world.options, first="NEW"), now)
    elif status is not None:
        knowledge = entry.raw_text if status in USABLE else None
        entry.write((Step(now, status, knowledge=knowledge),), now)
    if error is not None:
        entry.write((replace(entry.step(now), at=now, error=str(error["message"])),), now)
    if "processedText" in fields:
        entry.processed_text = fields.pop("processedText")
    for name in MEDIA:
        if name in fields:
            fields[name] = entry.extras.get(name, {}) | fields[name]
    entry.extras |= fields
    entry.written_at = now


def delete(world: World, entry: Entry) -> None:
    """Gone at once, or (202) no longer to be seen but still answering for a while."""
    lingers = world.options.delete_seconds if world.options.delete_status == 202 else 0.0
    entry.gone_at = world.now + lingers


def is_refused(url: str) -> bool:
    """Google's own pages are not crawled; its subdomains neither."""
    host = (urlsplit(url).hostname or "").lower()
    return host == "google.com" or host.endswith(".google.com")


def is_youtube(url: str) -> bool:
    return (urlsplit(url).hostname or "").lower() in ("www.youtube.com", "youtube.com", "youtu.be")


def playlist_of(url: str) -> str | None:
    parts = urlsplit(url)
    listed = parse_qs(parts.query).get("list")
    return listed[0] if is_youtube(url) and parts.path == "/playlist" and listed else None


def _create_page(
    world: World, replica_uuid: str, kind: Kind, url: str, title: str | None, media: dict[str, Any]
) -> Entry:
    text = world.options.websites.get(url, f"Text of {url}.")
    steps = processing(world.now, text, world.options, first="NEW")
    return _create(
        world, replica_uuid, kind, steps, title=title, url=url, raw_text=text, extras={kind: media}
    )


def _create(world: World, replica_uuid: str, kind: Kind, steps: tuple[Step, ...], **fields: Any) -> Entry:
    now = world.now
    entry = Entry(
        id=world.next_entry_id(),
        replica_uuid=replica_uuid,
        kind=kind,
        created_at=now,
        written_at=now,
        steps=steps,
        past=[(now, None)],
        **fields,
    )
    return world.add_entry(entry)
