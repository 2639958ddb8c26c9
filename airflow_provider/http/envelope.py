"""
From an answer that is not a success to an error of ours.

The class is decided by the HTTP status alone: the vendors' words are templates ("Resource already exists"
for *already training*) and their ``success`` and ``code`` members contradict each other on their own pages.
"""

from __future__ import annotations

import datetime
import email.utils
import json
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider import errors
from airflow_provider.http.call import JSON, VENDORS, Call
from airflow_provider.http.settings import Settings

BY_STATUS: dict[int, type[errors.ApiError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.InsufficientCreditsError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    408: errors.ServerError,
    409: errors.ConflictError,
    410: errors.NotFoundError,
    413: errors.UnprocessableRequestError,
    415: errors.UnsupportedMediaTypeError,
    422: errors.UnprocessableRequestError,
    425: errors.ServerError,
    429: errors.RateLimitedError,
}

QUOTA_SUFFIX = "_QUOTA_EXCEEDED"
REQUEST_ID_HEADERS = ("x-request-id", "x-vercel-id", "cf-ray")
LONGEST_WORDS = 400
LONGEST_ID = 200


def error_from_answer(
    call: Call[Any], settings: Settings, status: int, headers: Mapping[str, str], body: bytes
) -> errors.ApiError:
    """
    Map a 4xx or 5xx answer.

    :param headers: names in lower case
    :param body: as far as it came; it need not be JSON
    """
    envelope = {} if call.upload else _parsed(_redacted(body, settings))
    code = one_line(envelope.get("error_code"), LONGEST_ID)
    kind = BY_STATUS.get(status, errors.ServerError if status >= 500 else errors.ApiError)
    if status == 429 and code is not None and code.endswith(QUOTA_SUFFIX):
        kind = errors.QuotaExceededError
    request_id = request_id_of(headers, envelope)
    details = [envelope[name] for name in ("details", "inner_exception") if envelope.get(name) is not None]
    return kind(
        answered(call, status, _words(envelope), request_id),
        status=status,
        request_id=request_id,
        fingerprint=one_line(envelope.get("fingerprint"), LONGEST_ID),
        error_code=code,
        details=details[0] if len(details) == 1 else details or None,
        retry_after=retry_after(headers),
    )


def answered(call: Call[Any], status: int, words: str | None, request_id: str | None) -> str:
    """Say what the vendor answered to what."""
    told = f"{VENDORS.get(call.vendor, call.vendor)} answered {status} to {call}"
    told += f": {words}" if words else ""
    return told + (f" (vendor's request id {request_id})" if request_id else "")


def request_id_of(headers: Mapping[str, str], envelope: JSON = None) -> str | None:
    """Return the vendor's id of a request: from the body, else from a header that a gateway sets."""
    named = envelope.get("request_id") if isinstance(envelope, dict) else None
    found = named or next((headers[name] for name in REQUEST_ID_HEADERS if headers.get(name)), None)
    return one_line(found, LONGEST_ID)


def retry_after(headers: Mapping[str, str], now: datetime.datetime | None = None) -> float | None:
    """
    Return the seconds that ``Retry-After`` asks for: a number, or a date.

    A date is measured from the answer's own ``Date``, so that a skewed clock on either side does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        return float(value)
    until = _date(value)
    if until is None:
        return None
    since = _date(headers.get("date", "")) or now or datetime.datetime.now(datetime.UTC)
    return max(0.0, (until - since).total_seconds())


def _date(value: str) -> datetime.datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=datetime.UTC)


def _redacted(body: bytes, settings: Settings) -> bytes:
    for secret in settings.secrets:
        body = body.replace(secret.encode(), b"***")
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _words(envelope: dict[str, Any]) -> str | None:
    """
    Return the vendor's own words.

    SendKit's ``error`` is a title ("Error", "Conflict") and ``message`` the sentence; Sensay has the sentence
    in ``error``, and on older pages in ``message`` or ``text``.
    """
    sentence = next((envelope[k] for k in ("message", "error", "text") if envelope.get(k)), None)
    return one_line(sentence, LONGEST_WORDS)


def one_line(value: Any, longest: int) -> str | None:
    """Return a value as one printable line of bounded length."""
    if value is None or isinstance(value, (dict, list)):
        return None
    line = "".join(c if c.isprintable() else " " for c in str(value)[: longest + 1]).strip()
    return (line[:longest] + "…" if len(line) > longest else line) or None
