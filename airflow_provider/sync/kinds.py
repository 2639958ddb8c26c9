"""Which files are texts, which the vendors take as files, and what their types are called."""

from __future__ import annotations

import mimetypes

#: The vendor names no limit in its present pages; 50 MB is the one of the older ones.
MAX_FILE_BYTES = 50 * 1024 * 1024

#: Bytes of a text, as JSON, above which it goes as a file: the vendor's host refuses JSON bodies of about 4.5 MB.
MAX_TEXT_BYTES = 3_500_000

#: Sent as text: the entry then keeps its id when it changes.
TEXTS = frozenset({".md", ".markdown", ".txt", ".text", ".rst"})

#: https://docs.sensay.io/operation/operation-get-v1-knowledge-base-file-types
FILES = frozenset(
    f".{suffix}"
    for group in (
        "doc docx rtf pdf pdfa ppt pptx epub",
        "csv tsv xls xlsx xlsm xlsb ods dta sas7bdat xpt",
        "txt md htm html css js xml json yml yaml",
        "png jpg jpeg webp heic heif tiff bmp",
        "mp3 wav aac ogg flac mp4 mpeg mov avi mpg webm mkv",
    )
    for suffix in group.split()
)

#: Types that a slim image's table lacks, or names otherwise than the vendor.
_TYPES = {
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".heic": "image/heic",
}


def suffix_of(name: str) -> str:
    """Return the suffix of a file's name, in lower case."""
    last = name.lower().rpartition("/")[2]
    dot = last.rfind(".")
    return last[dot:] if 0 < dot < len(last) - 1 else ""


def content_type(filename: str) -> str:
    """Return the MIME type of a file by its name."""
    return _TYPES.get(suffix_of(filename)) or mimetypes.guess_type(filename)[0] or "application/octet-stream"
