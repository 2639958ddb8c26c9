"""
One attempt: what has come back so far, and what it means once it has ended.

No socket here: a client feeds it, sync or async, and asks for the result.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from typing import Generic, NoReturn, TypeVar
from urllib.parse import urlsplit

from airflow_provider import errors
from airflow_provider.http.body import AnswerTooLargeError, inflate, parse
from airflow_provider.http.call import JSON, Answer, Call, ShapeError
from airflow_provider.http.envelope import answered, asked, error_from_answer, request_id_of, words_of
from airflow_provider.http.settings import Settings
from airflow_provider.texts import one_line, sentences

T = TypeVar("T")

UPLOAD_TIME = 600.0
"""Further seconds for the bytes of one file to leave: 50 MB at 100 KB/s."""


class AnswerTooSlowError(Exception):
    """The body did not come within the time of one attempt: stop reading."""


class Exchange(Generic[T]):
    """
    What one attempt has brought.

    :param left: seconds until the caller needs no answer any more; None: as long as the settings allow
    :param clock: seconds, monotonic
    """

    def __init__(
        self,
        call: Call[T],
        settings: Settings,
        left: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.call = call
        self.settings = settings
        self._clock = clock or time.monotonic
        self.deadline = settings.attempt_deadline + (UPLOAD_TIME if call.upload or call.file else 0.0)
        if left is not None:
            # Whoever asks at the last moment still gets an answer that comes without delay.
            self.deadline = min(self.deadline, max(left, settings.connect_timeout))
        self._ends = self._clock() + self.deadline
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
        self._fault, self._sent = one_line(fault, 300) or "no reason is given", sent
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
            self._raise_invalid(f"its body could not be read: {self._fault}", kind=self._unread)
        if not 200 <= self._status < 300:
            self._raise_redirect()
        parsed = None if self.call.upload else self._parsed()
        try:
            return self.call.reads(Answer(self._status, self._headers, parsed))
        except ShapeError as error:
            fault = str(error)
        words = words_of(parsed) if isinstance(parsed, dict) else None
        return self._raise_invalid(
            f"{words} (in an undocumented shape: {fault})" if words else f"an undocumented shape: {fault}",
            envelope=parsed,
        )

    def _raise_unanswered(self) -> NoReturn:
        asking = asked(self.call, self.settings)
        if not self._sent:
            raise errors.NotSentError(
                f"{self.settings.name} could not be reached: {self._fault} ({asking})",
                advice=sentences("Nothing was sent", unreached(self._fault or "")),
            )
        raise errors.TransportError(
            f"{self.settings.name} gave no answer: {self._fault} ({asking})",
            advice="" if self.call.repeatable else "It may have been accepted all the same.",
        )

    def _raise_redirect(self) -> NoReturn:
        # A redirect would carry the key to a host that nobody named in the connection.
        target = self._headers.get("location", "")
        try:
            parts = urlsplit(target)
            where = f"{parts.scheme}://{parts.hostname}" if parts.hostname else parts.path[:80]
        except ValueError:
            where = "an unreadable address"
        where = one_line(where, 200) or "nowhere"
        self._raise_invalid(f"a redirect to {where}, which is not followed", WRONG_PLACE)

    def _parsed(self) -> JSON:
        body = self._inflated()
        if not body.strip():
            return None
        parsed, valid = parse(body)
        if not valid:
            kind = one_line(self._headers.get("content-type"), 60) or "no content type"
            advice = WRONG_PLACE if "html" in kind.lower() else ""
            self._raise_invalid(f"{len(body)} bytes that are not JSON ({kind})", advice)
        return parsed

    def _inflated(self) -> bytes:
        try:
            return inflate(bytes(self._body), self._headers.get("content-encoding", ""), self._limit)
        except AnswerTooLargeError:
            fault, kind = f"more than {self._limit} bytes once unpacked", errors.InvalidResponseError
        except zlib.error:
            fault, kind = "a body that cannot be unpacked", errors.TruncatedResponseError
        return self._raise_invalid(fault, kind=kind)

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
        advice: str = "",
        kind: type[errors.InvalidResponseError] = errors.InvalidResponseError,
        envelope: JSON = None,
    ) -> NoReturn:
        status = self._status or 0
        request_id = request_id_of(self._headers, envelope)
        fate = "" if self.call.repeatable else "It may have been accepted all the same"
        raise kind(
            answered(self.call, self.settings, status, words, request_id),
            advice=sentences(fate, advice),
            status=status,
            request_id=request_id,
        )


WRONG_PLACE = "Is the connection's Base URL that of the API, and not a website's or a gateway's?"

_UNREACHED = {
    "WRONG_VERSION_NUMBER": (
        "The server speaks no TLS on this port: a Base URL without a scheme means https://, "
        "so write http:// if that is meant"
    ),
    "CERTIFICATE_VERIFY_FAILED": (
        "Its certificate is not trusted: name your authority's file in the connection's CA file, or set SSL_CERT_FILE"
    ),
    "ProxyError": "Check the connection's Proxy, or HTTPS_PROXY and ALL_PROXY in this process's environment",
}


def unreached(fault: str) -> str:
    """Return what to do about a server that could not be reached."""
    known = (remedy for sign, remedy in _UNREACHED.items() if sign in fault)
    return next(known, "Check the connection's Base URL and Port, and the network of this machine")
