"""File types Sensay takes. https://docs.sensay.io/operation/operation-get-v1-knowledge-base-file-types"""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath
from typing import Any


def words(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


_GROUPS: tuple[tuple[str, str, str], ...] = (
    ("Documents", "document", ".doc .docx .rtf .pdf .pdfa"),
    ("Tables", "document", ".csv .tsv .xls .xlsx .xlsm .xlsb .ods .dta .sas7bdat .xpt"),
    ("Presentations", "document", ".ppt .pptx"),
    ("Text", "document", ".txt .md .htm .html .css .js .xml"),
    ("Data", "data", ".json .yml .yaml"),
    ("E-books", "ebook", ".epub"),
    ("Images", "image", ".png .jpg .jpeg .webp .heic .heif .tiff .bmp"),
    ("Audio", "audio", ".mp3 .wav .aac .ogg .flac"),
    ("Video", "video", ".mp4 .mpeg .mov .avi .mpg .webm .mkv"),
)
MIME_TYPES = words(
    "application/epub+zip application/json application/msword application/pdf application/rtf "
    "application/vnd.ms-excel application/vnd.ms-excel.sheet.binary.macroenabled.12 "
    "application/vnd.ms-excel.sheet.macroEnabled.12 application/vnd.ms-powerpoint "
    "application/vnd.oasis.opendocument.spreadsheet "
    "application/vnd.openxmlformats-officedocument.presentationml.presentation "
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet "
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document application/x-sas-data "
    "application/x-sas-xport application/x-stata application/x-stata-dta application/yaml audio/aac "
    "audio/flac audio/mp3 audio/mpeg audio/ogg audio/wav image/bmp image/heic image/heif image/jpeg "
    "image/png image/tif image/tiff image/webp text/css text/csv text/html text/javascript text/markdown "
    "text/plain text/tab-separated-values text/xml video/avi video/mov video/mp4 video/mpeg video/mpg "
    "video/quicktime video/webm video/x-matroska video/x-msvideo"
)
"""What an entry may name; a file of any other type has none."""

_ACCEPTED = frozenset(extension for *_, extensions in _GROUPS for extension in extensions.split())


def is_accepted(filename: str) -> bool:
    return PurePosixPath(filename).suffix.lower() in _ACCEPTED


def listed_mime_type(mime_type: str | None) -> str | None:
    return mime_type if mime_type in MIME_TYPES else None


def media_groups() -> list[dict[str, Any]]:
    return [_group(label, media_type, extensions.split()) for label, media_type, extensions in _GROUPS]


def _group(label: str, media_type: str, extensions: list[str]) -> dict[str, Any]:
    group: dict[str, Any] = {
        "label": label,
        "mediaType": media_type,
        "fileTypes": [
            {
                "mimeTypes": [mimetypes.guess_type(f"file{extension}")[0] or "application/octet-stream"],
                "extensions": [extension],
                "supportLevel": "production",
            }
            for extension in extensions
        ],
    }
    if media_type == "video":
        group["limitation"] = "At most 90 minutes"
    return group
