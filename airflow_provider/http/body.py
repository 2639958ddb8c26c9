"""What the bytes of an answer hold: unpacked up to a limit, parsed strictly, harmless to whatever stores it."""

from __future__ import annotations

import json
import re
import zlib
from math import isfinite
from typing import NoReturn

from airflow_provider.http.call import JSON
from airflow_provider.texts import storable


class AnswerTooLargeError(Exception):
    """The body passes the limit: stop reading."""


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """
    Undo ``Content-Encoding``, never producing more than ``limit`` bytes.

    A gzip body may have several members (RFC 1952, section 2.2); zeros after the last one are padding.

    :raises AnswerTooLargeError: a small body that unpacks into a huge one
    :raises zlib.error: broken, cut off, or an encoding that was not asked for
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"} or not body:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise zlib.error("an encoding that was not asked for")
    unpacked, rest = b"", body
    while rest:
        unpacker = zlib.decompressobj(wbits=47)
        unpacked += unpacker.decompress(rest, limit + 1 - len(unpacked))
        if len(unpacked) > limit:
            raise AnswerTooLargeError
        if not unpacker.eof:
            raise zlib.error("cut off")
        rest = b"" if encoding == "deflate" else unpacker.unused_data.lstrip(b"\0")
    return unpacked


def parse(body: bytes) -> tuple[JSON, bool]:
    """
    Parse strict JSON that every store can hold, and say whether it was.

    Texts lose what no database takes (see :mod:`airflow_provider.texts`). Numbers beyond 64 bits, and ``1e999``,
    which reads as infinity, are refused: an event that holds one cannot be sent on by a triggerer.

    Not by an exception: the parser's own holds the whole body, and would travel along as its context.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass").removeprefix("\ufeff")
        parsed: JSON = json.loads(text, parse_constant=_no_constant, parse_int=_integer, parse_float=_float)
    except (ValueError, RecursionError):
        return None, False
    # A NUL can only come as an escape, as control characters within a text are not JSON.
    return (storable(parsed) if _SUSPECT.search(text) else parsed), True


_SUSPECT = re.compile(r"\\u0000|\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**63:
        raise ValueError("a number beyond 64 bits")
    return number


def _float(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise ValueError("a number beyond 64 bits")
    return number
