"""Both vendors' error envelopes, and what is kept of them."""

from __future__ import annotations

import datetime
import json
import pickle
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider import errors
from airflow_provider.http.call import Call
from airflow_provider.http.envelope import error_from_answer, retry_after
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay import training_endpoints as sensay_training
from tests.unit.http import payloads
from tests.unit.http.sending import settings

REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
PUT = sensay_training.update_entry(REPLICA, 12345, raw_text="t")


def error(
    status: int, body: Any, call: Call[Any] | None = None, headers: dict[str, str] | None = None
) -> errors.ApiError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    asking = call or sendkit.retrain("x")
    how = settings(vendor=asking.vendor, label="SendKit" if asking.vendor == "sendkit" else "Sensay")
    return error_from_answer(asking, how, status, headers or {}, content)


def test_sendkits_402_says_who_answered_what_to_what() -> None:
    found = error(402, payloads.SENDKIT_ERRORS[402])
    assert isinstance(found, errors.InsufficientCreditsError)
    assert (
        str(found)
        == "SendKit answered 402: Insufficient credits (retrain agent, connection 'my_vendor', http://127.0.0.1:9, "
        "POST /v1/agents/x/retrain). Nothing was charged. A retrain costs 10 credits: add some to the account."
    )


def test_sendkits_409_is_decided_by_its_status_and_keeps_its_details() -> None:
    found = error(409, payloads.SENDKIT_ERRORS[409])
    assert isinstance(found, errors.ConflictError)
    assert found.details == "Resource already exists"


@pytest.mark.parametrize("status", sorted(payloads.SENSAY_ERRORS))
def test_sensays_envelope_is_kept(status: int) -> None:
    body = payloads.SENSAY_ERRORS[status]
    found = error(status, body, PUT)
    assert found.status == status
    assert found.request_id == payloads.REQUEST_ID
    assert found.fingerprint == body.get("fingerprint")
    assert found.details == body.get("inner_exception")
    assert found.message == (
        f"Sensay answered {status}: {payloads.WORDS} (update knowledge base entry, connection 'my_vendor', "
        f"http://127.0.0.1:9, PUT /v1/replicas/{REPLICA}/training/12345, vendor's request id {payloads.REQUEST_ID})"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"success": "false", "message": "words"},
        {"success": True, "error": "words"},
        {"text": "words"},
        {"error": None, "message": "words"},
        {"error": {"code": 1}, "message": "words"},
        {"message": "", "error": "words"},
        {"message": {"en": "x"}, "error": "words."},
        {"message": " \x1b\nwords \x07"},
    ],
)
def test_the_vendors_words_are_found_in_any_of_its_envelopes(body: dict[str, Any]) -> None:
    assert str(error(400, body, PUT)).startswith("Sensay answered 400: words (")


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"[]", b"null", b'"x"', b"[" * 90_000, b"\xff"]
)
def test_a_body_that_is_no_envelope_leaves_the_status_to_speak(body: bytes) -> None:
    found = error(502, body, headers={"x-vercel-id": "fra1::abc"})
    assert isinstance(found, errors.ServerError)
    assert found.request_id == "fra1::abc"
    assert "html" not in str(found)


def test_the_words_are_cut_and_kept_on_one_line() -> None:
    told = str(error(400, {"error": "a\nb\x1b[31m" + "x" * 10_000}))
    assert told.isprintable()
    assert len(told) < 600


REMEDIES = [
    (sendkit.get_agent("x"), 401, "Check the API key in the connection's password field"),
    (sendkit.retrain("x"), 401, "It was not accepted: nothing was charged or created. Check the API key"),
    (sendkit.retrain("x"), 402, "Nothing was charged. A retrain costs 10 credits"),
    (sendkit.get_agent("x"), 403, "is it of the agent's workspace (connection's Workspace ID)?"),
    (
        sendkit.get_agent("x"),
        404,
        "Is agent_id right, and of the workspace that this API key sees? 'airflow agent-knowledge status my_vendor'",
    ),
    (sendkit.retrain("x"), 409, "It was not accepted: nothing was charged or created"),
    (sendkit.retrain("x"), 422, "It was not accepted: nothing was charged or created"),
    (sendkit.retrain("x"), 503, "It may have been accepted all the same"),
    (sendkit.delete_document("x", "k"), 404, "Are agent_id and fileKey right"),
    (
        sensay.ask(REPLICA, "q"),
        402,
        "Nothing was charged. Add credits to the account that this API key belongs to",
    ),
    (sensay.ask(REPLICA, "q"), 415, "Is the connection's Base URL that of the API"),
    (sensay.get_entry(REPLICA, 7), 404, "Is entry_id right, and of this replica?"),
    (sensay.get_entry(REPLICA, 7), 404, "This asked generation 'knowledge-base'"),
    (sensay.list_entries(REPLICA), 404, "Is replica_uuid right, and of this organization?"),
    (sensay_training.get_entry(7), 404, "This asked the older generation 'training'"),
    (sensay_training.get_entry(7), 404, "extra 'api' is 'auto'"),
    (sensay.list_replicas(), 403, "This API key may not do that"),
]


@pytest.mark.parametrize(("call", "status", "told"), REMEDIES, ids=lambda value: str(value)[:60])
def test_an_error_says_what_became_of_it_and_one_remedy(call: Call[Any], status: int, told: str) -> None:
    found = error(status, {"message": "words"}, call)
    assert told in found.advice
    assert str(found) == f"{found.message}. {found.advice}"
    assert "connection 'my_vendor', http://127.0.0.1:9" in found.message
    assert found.advice.endswith((".", "?"))


def test_a_read_that_fails_says_nothing_of_charges() -> None:
    assert error(503, {}, sendkit.get_agent("x")).advice == ""


def test_a_rate_limit_on_the_paid_call_says_that_nothing_was_charged_and_what_a_retry_does() -> None:
    found = error(429, {"message": "Too Many Requests"}, headers={"retry-after": "86400"})
    assert found.advice == (
        "It was not accepted: nothing was charged or created. The vendor asks to wait 86400 s. A retry sends it again."
    )


def test_what_a_storage_host_answers_is_not_about_our_secret() -> None:
    found = error(
        403, b"<Error/>", sendkit.put_upload("https://storage.example.com/x?sig=1", b"x", "text/plain")
    )
    assert str(found) == "SendKit answered 403 (upload to signed URL)"


@pytest.mark.parametrize(
    ("details", "kept"),
    [("Resource already exists", True), ({"a": [1]}, True), ("x" * 10_000, False), ([[[]]] * 3000, False)],
)
def test_the_rest_of_an_envelope_is_kept_if_it_is_small(details: Any, kept: bool) -> None:
    assert error(500, {"details": details}).details == (details if kept else None)


def test_only_a_quota_code_makes_a_429_final() -> None:
    assert type(error(429, {"error": "x"})) is errors.RateLimitedError
    assert type(error(429, {"error": "x", "error_code": "TOO_FAST"})) is errors.RateLimitedError
    for code in ("KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED", "CONVERSATION_QUOTA_EXCEEDED"):
        assert (
            type(error(429, {"error": "x", "error_code": code}, sensay.ask(REPLICA, "q")))
            is errors.QuotaExceededError
        )


def test_what_no_retry_can_cure_fails_the_task_at_once() -> None:
    for status in (401, 402, 403, 404, 410, 413, 415, 422):
        assert isinstance(error(status, {}), AirflowFailException), status
    for status in (400, 405, 408, 409, 425, 429, 500, 502, 503, 504, 599):
        assert not isinstance(error(status, {}), AirflowFailException), status
        assert isinstance(error(status, {}), AirflowException)


def test_an_error_survives_pickling_and_json() -> None:
    found = error(500, payloads.SENSAY_ERRORS[500], PUT, {"retry-after": "3"})
    again = pickle.loads(pickle.dumps(found))
    assert (str(again), again.status, again.details) == (str(found), 500, payloads.INNER_EXCEPTION)
    assert errors.ApiError.from_json(json.loads(json.dumps(found.to_json()))).retry_after == 3.0


NOW = datetime.datetime(2026, 1, 1, 12, 0, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 120 "}, 120.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT", "date": "Thu, 01 Jan 2026 12:00:20 GMT"}, 10.0),
        ({"retry-after": "Fri, 02 Jan 2026 12:00:30 GMT", "date": "Fri, 02 Jan 2026 12:00:00 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT", "date": "nonsense"}, 30.0),
        ({"retry-after": "Thu, 99 Jan 2026 12:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(value=st.text(), date=st.text())
def test_any_retry_after_is_none_or_a_wait(value: str, date: str) -> None:
    found = retry_after({"retry-after": value, "date": date})
    assert found is None or found >= 0.0


def test_which_ends_are_ambiguous() -> None:
    assert errors.is_ambiguous(errors.TransportError("x"))
    assert errors.is_ambiguous(errors.ServerError("x", status=500))
    assert errors.is_ambiguous(errors.InvalidResponseError("x", status=200))
    assert errors.is_ambiguous(errors.TruncatedResponseError("x", status=200))
    assert errors.is_ambiguous(errors.InvalidResponseError("x", status=303))
    assert not errors.is_ambiguous(errors.NotSentError("x"))
    assert not errors.is_ambiguous(errors.RateLimitedError("x", status=429))
    assert not errors.is_ambiguous(errors.ConflictError("x", status=409))
    assert not errors.is_ambiguous(errors.InvalidArgumentError("x"))
    assert not errors.is_ambiguous(ValueError("x"))
