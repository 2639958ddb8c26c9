"""File types Sensay takes. https://docs.sensay.io/operation/operation-get-v1-knowledge-base-file-types"""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath
from typing import Any

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
_ACCEPTED = frozenset(extension for *_, extensions in _GROUPS for extension in extensions.split())


def is_accepted(filename: str) -> bool:
    return PurePosixPath(filename).suffix.lower() in _ACCEPTED


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
