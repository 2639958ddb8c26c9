"""Values of tables and lists as texts, in one place: a key has to be the same text every night."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

#: Nobody means them in a name, and the vendors' databases do not take all of them.
_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


_YOUTUBE = frozenset({"youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"})


class Skip(StrEnum):
    """Why a document of the source is not sent. It counts as present: what the vendor has of it stays."""

    UNDECODABLE = "undecodable"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    VANISHED = "vanished"
    UNREADABLE = "unreadable"
    UNUSABLE = "unusable"
    UNUSABLE_NAME = "unusable_name"
    EXCLUDED = "excluded"


class UnusableError(Exception):
    """A document cannot be sent, for a reason of its own."""

    def __init__(self, skip: Skip, detail: str = "") -> None:
        super().__init__(detail or skip)
        self.skip = skip
        self.detail = detail


def text_of(value: object, what: str) -> str | None:
    """
    Return a value as a text; None: it holds nothing (NULL, NaN, NA).

    :param what: names the value in the error
    :raises UnusableError: it is bytes, or has no text of its own: its address would be another one each night
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, bytes | bytearray | memoryview) and hasattr(value, "tolist"):
        value = value.tolist()  # NumPy's numbers and arrays
    if _is_nothing(value):
        return None
    if isinstance(value, Mapping | list | tuple):
        try:
            return json.dumps(value, ensure_ascii=False, default=lambda inner: _inside(inner, what))
        except (TypeError, ValueError) as error:
            raise UnusableError(Skip.UNUSABLE, f"its {what} is no JSON: {error}") from None
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview | set | frozenset) or (
        type(value).__str__ is object.__str__ and type(value).__repr__ is object.__repr__
    ):
        raise UnusableError(Skip.UNUSABLE, f"its {what} is {type(value).__name__}; give a text")
    return str(value)


def key_of(value: object) -> str:
    """
    Return the one spelling of a key: NFC, without blanks around it and without ``./`` before it.

    :raises UnusableError: it is empty, or holds what no name may hold
    """
    try:
        key = unicodedata.normalize("NFC", text_of(value, "key") or "").strip()
    except UnusableError as error:
        raise UnusableError(Skip.UNUSABLE_NAME, error.detail) from None
    while key.startswith("./"):
        key = key[2:]
    if not key:
        raise UnusableError(Skip.UNUSABLE_NAME, "its key is empty")
    if (odd := _NO_NAME.search(key)) is not None:
        raise UnusableError(Skip.UNUSABLE_NAME, f"its key has {odd[0]!a} at position {odd.start()}")
    return key


def url_problem(url: str) -> str | None:
    """Say what keeps the vendor from reading a page, if anything does."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return "must begin with http:// or https://"
    if any(character.isspace() or not character.isprintable() for character in url):
        return "must not hold blanks or control characters"
    is_youtube = parts.netloc.lower().removeprefix("www.") in _YOUTUBE
    if is_youtube and (parts.path == "/playlist" or "list" in parse_qs(parts.query)):
        return "is a playlist, which makes one entry for each video: give the videos"
    return None


def _is_nothing(value: object) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN and NaT are not equal to themselves; pandas' NA does not even say
    except (TypeError, ValueError, ArithmeticError):
        return type(value).__name__ == "NAType"


def _inside(value: object, what: str) -> object:
    """Return what stands in JSON for a value that JSON does not know."""
    return dict(value) if isinstance(value, Mapping) else text_of(value, what)
