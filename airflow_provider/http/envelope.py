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
from airflow_provider.http.body import parse
from airflow_provider.http.call import JSON, Call
from airflow_provider.http.settings import Settings
from airflow_provider.texts import one_line, sentences

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
LONGEST_DETAILS = 4000


#: What to do now, where the status alone says it; a call may know better (``Call.hints``).
REMEDIES: dict[type[errors.ApiError], str] = {
    errors.AuthenticationError: (
        "Check the {secret} in the connection's password field: it is wrong or revoked, or its owner disabled"
    ),
    errors.InsufficientCreditsError: "Nothing was charged. Add credits to the account that this {secret} belongs to",
    errors.ForbiddenError: "This {secret} may not do that: give it the right at the vendor, or use another one",
    errors.NotFoundError: "Check the ids in the path, and that this {secret} can see them",
    errors.UnsupportedMediaTypeError: "Is the connection's Base URL that of the API, and not a gateway's?",
    errors.QuotaExceededError: "The account's quota is used up, so waiting does not help: raise it at the vendor",
}


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
    asked_to_wait = retry_after(headers)
    advice = sentences(
        _fate(call, kind), _remedy(call, settings, kind, status), _when(call, kind, asked_to_wait)
    )
    return kind(
        answered(call, settings, status, words_of(envelope), request_id),
        advice=advice,
        status=status,
        request_id=request_id,
        fingerprint=one_line(envelope.get("fingerprint"), LONGEST_ID),
        error_code=code,
        details=_bounded(details[0] if len(details) == 1 else details or None),
        retry_after=asked_to_wait,
    )


def answered(
    call: Call[Any], settings: Settings, status: int, words: str | None, request_id: str | None
) -> str:
    """Say what the vendor answered to what; the cause first, since log views cut lines off."""
    told = f"{settings.name} answered {status}" + (f": {words.rstrip('. ')}" if words else "")
    return f"{told} ({asked(call, settings, request_id)})"


def asked(call: Call[Any], settings: Settings, request_id: str | None = None) -> str:
    """Say what was asked, by which connection and where; where a signed URL leads is nobody's business."""
    told = f"{call.name}, {settings.whose}, {call.method} {call.path}" if call.upload is None else call.name
    return f"{told}, vendor's request id {request_id}" if request_id else told


def _remedy(call: Call[Any], settings: Settings, kind: type[errors.ApiError], status: int) -> str:
    if call.upload is not None:
        return ""
    words = call.hints.get(status) or REMEDIES.get(kind, "")
    return words.format(secret=settings.secret_label, conn=settings.conn_id or "CONN_ID", api=settings.api)


def _fate(call: Call[Any], kind: type[errors.ApiError]) -> str:
    """Say what became of a call that charges or creates; of any other there is nothing to say."""
    if call.repeatable or kind is errors.InsufficientCreditsError:
        return ""
    if issubclass(kind, errors.ServerError):
        return "It may have been accepted all the same"
    return "It was not accepted: nothing was charged or created"


def _when(call: Call[Any], kind: type[errors.ApiError], seconds: float | None) -> str:
    if kind is not errors.RateLimitedError:
        return ""
    wish = f"The vendor asks to wait {seconds:.0f} s" if seconds is not None else ""
    return sentences(wish, "" if call.repeatable else "A retry sends it again")


def _bounded(details: Any) -> Any:
    """Return the rest of an envelope if it is small enough to travel with an error."""
    try:
        return details if len(json.dumps(details)) <= LONGEST_DETAILS else None
    except RecursionError:
        return None


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
    parsed, _ = parse(body)
    return parsed if isinstance(parsed, dict) else {}


def words_of(envelope: Mapping[str, Any]) -> str | None:
    """
    Return the vendor's own words, as one line.

    One vendor's ``error`` is a title ("Error", "Conflict") and its ``message`` the sentence; another has the sentence
    in ``error``, and on older pages in ``message`` or ``text``.
    """
    lines = (one_line(envelope.get(name), LONGEST_WORDS) for name in ("message", "error", "text"))
    return next((line for line in lines if line), None)
