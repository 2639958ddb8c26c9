"""
A :class:`Call` describes one request and how to read its answer; it sends nothing.

The vendor modules are catalogues of functions that return calls; the clients in
:mod:`airflow_provider.http.client` send them. So each endpoint is written once, for sync and async alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from airflow_provider.errors import InvalidArgumentError

T = TypeVar("T")
U = TypeVar("U")

JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None


class ShapeError(ValueError):
    """
    An answer parsed as JSON, but it is not what the vendor documents.

    Raised by ``Call.reads``; the client turns it into ``InvalidResponseError`` with status and request id.
    The message names members, never their values.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A successful answer (2xx), already parsed.

    :param status: HTTP status
    :param headers: names in lower case
    :param json: the parsed body; None if the body was empty or is not read (signed uploads)
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    json: JSON = field(repr=False)


@dataclass(frozen=True, slots=True)
class FilePart:
    """The one file of a ``multipart/form-data`` body."""

    member: str
    filename: str
    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class SignedPut:
    """
    Bytes for a storage host that the vendor named in an earlier answer.

    The URL carries its own permission: it is a secret while it lives, so it is neither shown nor logged,
    and none of our headers goes with it.
    """

    url: str = field(repr=False)
    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """
    One request to a vendor, and how to read its answer.

    :param vendor: its word in connections and results
    :param name: what it does, in a few words, for messages
    :param path: path below the base URL, ids percent-quoted (see :func:`segment`)
    :param reads: turns the answer into a value; imports the models it needs when it is called
    :param repeatable: False for a call that charges or creates: such a call is sent once, whatever happens
    :param body: sent as JSON; None means that no body is sent
    :param upload: bytes for a signed URL; ``path`` and ``query`` are then not used
    :param file: sent as ``multipart/form-data`` in place of a JSON body
    :param hints: what to do about an answer with this HTTP status, where the call knows better than the status;
        ``{conn}``, ``{secret}`` and ``{api}`` stand for the connection's id, its secret's label and its ``api``
    """

    vendor: str
    name: str
    method: str
    path: str
    reads: Callable[[Answer], T] = field(repr=False)
    repeatable: bool
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: JSON = field(default=None, repr=False)
    accept: str = "application/json"
    upload: SignedPut | None = None
    file: FilePart | None = None
    hints: Mapping[int, str] = field(default_factory=dict, repr=False)

    def then(self, reads: Callable[[T], U]) -> Call[U]:
        """Return the same request, whose answer is read once more."""
        first = self.reads
        call: Call[Any] = self
        return replace(call, reads=lambda answer: reads(first(answer)))

    def __str__(self) -> str:
        """Return what may stand in a log line: no query, no body, no signed URL."""
        return f"'{self.name}' ({self.method} {self.path})"


def segment(value: object, label: str) -> str:
    """
    Return an id as one quoted path segment.

    ``.`` and ``..`` survive quoting and would walk up the path, so they are refused.

    :param value: the id
    :param label: how the DAG author calls it
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgumentError(f"{label} is empty; nothing was sent")
    text = value.strip()
    if text in {".", ".."} or not text.isprintable():
        raise InvalidArgumentError(f"{label} {text!r} cannot be an id; nothing was sent")
    return quote(text, safe="")


def uuid_segment(value: object, label: str) -> str:
    """Return a UUID as a path segment, in the vendor's spelling (lower case, with hyphens)."""
    import uuid

    try:
        return str(uuid.UUID(str(value).strip()))
    except ValueError:
        raise InvalidArgumentError(f"{label} {str(value)[:80]!r} is not a UUID; nothing was sent") from None


def entry_segment(value: object) -> str:
    """Return a knowledge-base entry id, a positive integer (as text from a template), as a path segment."""
    text = str(value).strip()
    is_number = not isinstance(value, bool) and text.isascii() and text.isdigit()
    if not is_number or not 1 <= int(text[:40]) < 2**63:
        raise InvalidArgumentError(f"entry_id {text[:80]!r} is not a positive integer; nothing was sent")
    return str(int(text))


def required_text(value: object, label: str) -> str:
    """Return a text that the vendor wants to hold at least one character."""
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(f"{label} must be a text of at least one character; nothing was sent")
    return value


def given(**members: JSON) -> dict[str, JSON]:
    """Return the members that are not None: these vendors refuse ``null`` and unknown members."""
    return {name: value for name, value in members.items() if value is not None}


def acknowledged(answer: Answer) -> None:
    """
    Read an answer that only says that it was done.

    The vendors' own pages show both ``false`` and ``"false"`` (and errors with ``true``): a 2xx that calls
    itself a failure is refused, everything else is decided by the status.
    """
    if isinstance(answer.json, dict) and answer.json.get("success") in (False, "false"):
        raise ShapeError("it says success: false in spite of its status")


def signed_put(vendor: str, url: str, content: bytes, content_type: str) -> Call[None]:
    """Describe a PUT to a signed URL; the path shown in messages says nothing about where it goes."""
    return Call(
        vendor=vendor,
        name="upload to signed URL",
        method="PUT",
        path="<signed URL>",
        upload=SignedPut(required_text(url, "upload URL"), content, content_type),
        reads=acknowledged,
        repeatable=True,
    )
