"""
One attempt: what has come back so far, and what it means once it has ended.

No socket here: a client feeds it, sync or async, and asks for the result.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Generic, NoReturn, TypeVar
from urllib.parse import urlsplit

from airflow_provider import errors
from airflow_provider.http.call import JSON, VENDORS, Answer, Call, ShapeError
from airflow_provider.http.envelope import answered, error_from_answer, one_line, request_id_of
from airflow_provider.http.settings import Settings

T = TypeVar("T")

UPLOAD_TIME = 600.0
"""Further seconds for the bytes of one file to leave: 50 MB at 100 KB/s."""


class AnswerTooLargeError(Exception):
    """The body passes the limit: stop reading."""


class AnswerTooSlowError(Exception):
    """The body did not come within the time of one attempt: stop reading."""


class Exchange(Generic[T]):
    """
    What one attempt has brought.

    :param clock: seconds, monotonic
    """

    def __init__(
        self, call: Call[T], settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.call = call
        self.settings = settings
        self._clock = clock
        self.deadline = settings.attempt_deadline + (UPLOAD_TIME if call.upload or call.file else 0.0)
        self._ends = clock() + self.deadline
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._fault: str | None = None
        self._sent = True
        self._unread: type[errors.InvalidResponseError] = errors.TruncatedResponseError

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Note that an answer has begun."""
        self._status = status
        self._headers = {name.lower(): value for name, value in headers.items()}

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body as it came over the wire; refuse to go on for ever."""
        self._body += chunk
        if len(self._body) > self.settings.max_answer_bytes:
            raise AnswerTooLargeError
        if self._clock() > self._ends:
            raise AnswerTooSlowError

    def failed(self, fault: str, *, sent: bool = True, too_large: bool = False) -> None:
        """
        Note why the attempt ended early.

        :param fault: one safe line: no URL, no header, no body
        :param sent: False if the request certainly never left
        :param too_large: the answer would be no smaller if it were asked for again
        """
        self._fault, self._sent = fault, sent
        self._unread = errors.InvalidResponseError if too_large else errors.TruncatedResponseError

    def result(self) -> T:
        """Return what the call reads from the answer, or raise what the attempt came to."""
        if self._status is None:
            self._raise_unanswered()
        if self._status >= 400:  # a refusal is a refusal, however little of its body came
            raise error_from_answer(
                self.call, self.settings, self._status, self._headers, self._inflated_or_empty()
            )
        if self._fault is not None:
            self._raise_invalid(f"but the body could not be read: {self._fault}", self._unread)
        if not 200 <= self._status < 300:
            self._raise_redirect()
        parsed = None if self.call.upload else self._parsed()
        try:
            return self.call.reads(Answer(self._status, self._headers, parsed))
        except ShapeError as error:
            fault = str(error)
        return self._raise_invalid(f"in an undocumented shape: {fault}", envelope=parsed)

    def _raise_unanswered(self) -> NoReturn:
        vendor = VENDORS.get(self.call.vendor, self.call.vendor)
        if not self._sent:
            raise errors.NotSentError(
                f"{vendor} could not be reached for {self.call}: {self._fault}; nothing was sent"
            )
        raise errors.TransportError(f"{vendor} gave no answer to {self.call}: {self._fault}")

    def _raise_redirect(self) -> NoReturn:
        # A redirect would carry the key to a host that nobody named in the connection.
        target = self._headers.get("location", "")
        try:
            parts = urlsplit(target)
            where = f"{parts.scheme}://{parts.hostname}" if parts.hostname else parts.path[:80]
        except ValueError:
            where = "an unreadable address"
        where = one_line(where, 200) or "nowhere"
        self._raise_invalid(
            f"a redirect to {where}, which is not followed: check the base URL of the connection"
        )

    def _parsed(self) -> JSON:
        body = self._inflated()
        if not body.strip():
            return None
        parsed, valid = parse(body)
        if not valid:
            kind = one_line(self._headers.get("content-type"), 60) or "no content type"
            self._raise_invalid(f"with {len(body)} bytes that are not JSON ({kind})")
        return parsed

    def _inflated(self) -> bytes:
        try:
            return inflate(bytes(self._body), self._headers.get("content-encoding", ""), self._limit)
        except AnswerTooLargeError:
            fault, kind = f"with more than {self._limit} bytes once unpacked", errors.InvalidResponseError
        except zlib.error:
            fault, kind = "with a body that cannot be unpacked", errors.TruncatedResponseError
        return self._raise_invalid(fault, kind)

    def _inflated_or_empty(self) -> bytes:
        try:
            return inflate(bytes(self._body), self._headers.get("content-encoding", ""), self._limit)
        except (AnswerTooLargeError, zlib.error):
            return b""

    @property
    def _limit(self) -> int:
        return self.settings.max_answer_bytes

    def _raise_invalid(
        self,
        words: str,
        kind: type[errors.InvalidResponseError] = errors.InvalidResponseError,
        envelope: JSON = None,
    ) -> NoReturn:
        status = self._status or 0
        request_id = request_id_of(self._headers, envelope)
        raise kind(answered(self.call, status, words, request_id), status=status, request_id=request_id)


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """
    Undo ``Content-Encoding``, never producing more than ``limit`` bytes.

    :raises AnswerTooLargeError: a small body that unpacks into a huge one
    :raises zlib.error: broken, cut off, or an encoding that was not asked for
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"} or not body:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise zlib.error("an encoding that was not asked for")
    unpacker = zlib.decompressobj(wbits=47)
    unpacked = unpacker.decompress(body, limit + 1)
    if len(unpacked) > limit:
        raise AnswerTooLargeError
    if not unpacker.eof:
        raise zlib.error("cut off")
    return unpacked


def parse(body: bytes) -> tuple[JSON, bool]:
    """
    Parse strict JSON, and say whether it was.

    Not by an exception: the parser's own holds the whole body, and would travel along as its context.
    """
    try:
        parsed: JSON = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None, False
    return parsed, True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
