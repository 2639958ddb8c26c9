"""
The mark: which sync keeps an entry, for which document, with which content.

The vendors have no metadata, so it travels in the entry's title (or in the file name), and the
vendor's own list is the manifest: no state to lose. ``[kb~main.k4u7x2mvqa.7hd2k9qe-q3x]`` holds the sync's name in
clear, 50 bits of the document's key, 40 of its content and 15 of the source it came from.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

#: What a sync may be called: it stands in clear in every title, and the vendor's search has to find it.
SYNC_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?")

_KEY, _DIGEST, _SOURCE = 10, 8, 3

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]
_CORE = rf"kb~({SYNC_ID.pattern})\.([a-z2-7]{{{_KEY}}})\.([a-z2-7]{{{_DIGEST}}})(?:-([a-z2-7]{{{_SOURCE}}}))?"
_IN_TITLE = re.compile(rf"\s*\[{_CORE}\]\s*$", re.IGNORECASE)
_IN_NAME = re.compile(rf"~{_CORE}(\.[a-z0-9]{{1,10}})?$", re.IGNORECASE)

#: Characters of a title in front of the mark: a vendor that cuts long titles would cut the mark off.
TITLE_LENGTH = 120

#: The digest of an entry whose content nobody of us has sent: it equals no document's.
UNSEEN = "a" * _DIGEST


@dataclass(frozen=True, slots=True)
class Mark:
    """
    Whose an entry is, and what it holds.

    :param sync_id: the sync
    :param key: hash of destination and document key
    :param digest: hash of what was sent
    :param source: tag of the source that it was read from; empty: of one that has no name
    """

    sync_id: str
    key: str
    digest: str
    source: str = ""

    def belongs(self, sync_id: str, only: str = "") -> bool:
        """Is it of this sync, and of this document where one is named by its key hash?"""
        return self.sync_id == sync_id and only in ("", self.key)

    def __str__(self) -> str:
        return f"kb~{self.sync_id}.{self.key}.{self.digest}{f'-{self.source}' if self.source else ''}"


def search_term(sync_id: str, key: str = "") -> str:
    """Return what the vendor's search finds a sync's entries by, or those of one document."""
    return f"kb~{sync_id}.{key}"


def nfc(text: str) -> str:
    """Return the one spelling of a key: a file system may tell a name in another composition tomorrow."""
    return unicodedata.normalize("NFC", text)


def key_hash(destination: str, key: str) -> str:
    """Return the hash of a document's key; the destination is part of it, so two knowledge bases never mix."""
    return _short(f"{destination}\0{nfc(key)}".encode(), _KEY)


def source_tag(name: str) -> str:
    """Return the tag of a source: two of one sync are told apart by it."""
    return _short(name.encode(), _SOURCE) if name else ""


def digest_of(kind: str, content: bytes, extra: str = "") -> str:
    """
    Return the hash of what is sent; never of a time, an ETag or a path.

    :param extra: what decides how the vendor reads it: a file's suffix, a URL's version
    """
    return _short(kind.encode() + b"\0" + extra.encode() + b"\0" + content, _DIGEST)


def bare_title(text: str) -> str:
    """Return a title as it is shown in front of the mark: one line, cut short."""
    title = " ".join(nfc(text).split())
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1].rstrip() + "…"


def write_title(title: str, mark: Mark) -> str:
    """Return the title that carries the mark."""
    return f"{title} [{mark}]"


def read_title(text: str | None) -> tuple[str, Mark | None]:
    """Return the title without the mark, and the mark, if it has one."""
    found = _IN_TITLE.search(text or "")
    if found is None:
        return (text or "").strip(), None
    return (text or "")[: found.start()].strip(), _mark(found)


def write_name(stem: str, suffix: str, mark: Mark) -> str:
    """Return the file name that carries the mark: ``faq~kb~main.….….pdf``."""
    return f"{stem}~{mark}{suffix}"


def read_name(text: str | None) -> tuple[str, Mark | None]:
    """Return the file name without the mark, and the mark, if it has one."""
    found = _IN_NAME.search(text or "")
    if found is None:
        return text or "", None
    return (text or "")[: found.start()] + (found[5] or ""), _mark(found)


def _mark(found: re.Match[str]) -> Mark:
    return Mark(found[1].lower(), found[2].lower(), found[3].lower(), (found[4] or "").lower())


def _short(content: bytes, length: int) -> str:
    """Return the first characters of the hash in base 32, two at a time; Python's own way takes four times as long."""
    number = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
    return "".join(_PAIRS[number >> shift & 1023] for shift in (54, 44, 34, 24, 14))[:length]
