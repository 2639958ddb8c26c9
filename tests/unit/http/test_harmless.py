"""
Nothing that a vendor says can hurt what stores it.

A triggerer dies of an event that the supervisor's pipe (UTF-8, 64-bit numbers) or PostgreSQL (no NUL) cannot take, and
so does the next one that takes the wait over.
"""

from __future__ import annotations

import json
import math
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider import errors
from airflow_provider.http.call import Call
from airflow_provider.http.exchange import Exchange
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.record import Identity, Outcome, Record, Stage
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.wait import Purpose, Verdict, Wait
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sendkit.agent import AgentTarget
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation
from tests.unit.http import payloads, sending
from tests.unit.refresh.scenes import result_json

AGENT = str(payloads.AGENT["_id"])
REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"

#: All of Unicode, halves of surrogate pairs and NUL too, which valid JSON may hold.
texts = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "\x00",
        "half \ud83d",
        "\ude00 half",
        "a\nb\x1b[31m",
        "\u202e",
        "x" * 5000,
        "NaN",
        "1e999",
        "9" * 400,
        "completed",
    ]
)
numbers = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([10**30, -(2**63)])
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def bent(draw: st.DrawFn, node: Any) -> Any:
    """Return a documented answer with its texts replaced by any text, and some members by anything."""
    if draw(st.integers(0, 11)) == 0:
        return draw(anything)
    if isinstance(node, dict):
        return {name: bent(draw, value) for name, value in node.items()}
    if isinstance(node, list):
        return [bent(draw, item) for item in node]
    return draw(texts) if isinstance(node, str) and draw(st.booleans()) else node


@st.composite
def answers(draw: st.DrawFn, documented: Any) -> bytes:
    return json.dumps(bent(draw, documented)).encode()


def read(call: Call[Any], body: bytes, status: int = 200) -> Any:
    """Return what the call reads, or the error that the answer came to."""
    exchange = Exchange(call, sending.settings())
    exchange.begin(status, {"x-request-id": "r\x1b[31m-1"})
    exchange.feed(body)
    try:
        return exchange.result()
    except errors.ApiError as error:
        return error


def strings(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        return [text for pair in node.items() for each in pair for text in strings(each)]
    return [text for each in node for text in strings(each)] if isinstance(node, (list, tuple)) else []


def numbers_of(node: Any) -> list[float]:
    if isinstance(node, dict):
        return [number for value in node.values() for number in numbers_of(value)]
    if isinstance(node, (list, tuple)):
        return [number for value in node for number in numbers_of(value)]
    return [node] if isinstance(node, (int, float)) and not isinstance(node, bool) else []


def assert_storable(stored: Any, longest: int) -> None:
    """As strict as PostgreSQL's JSONB and the supervisor's pipe; and fit for a log line."""
    written = json.dumps(stored, allow_nan=False, ensure_ascii=False).encode()  # UTF-8
    assert json.loads(written) == json.loads(json.dumps(stored))
    for text in strings(stored):
        assert text.isprintable(), text
        assert len(text) <= longest
    for number in numbers_of(stored):
        assert math.isfinite(number)
        assert isinstance(number, float) or -(2**63) <= number < 2**64


def everything(seen: Observation, jobs: tuple[str, ...], charged: Decimal, vendor: str) -> list[Any]:
    """Return all that travels with an observation: event, record, result."""
    now = time.time()
    wait = Wait(
        purpose=Purpose.OWN, started=now, deadline=now + 9, start_grace=1, poll_interval=1, baseline=seen
    )
    record = Record(
        identity=Identity(target=f"{vendor}:x", body="b", cycle=0),
        stage=Stage.SUBMITTED,
        at=now,
        baseline=seen,
        wait=wait,
        jobs=jobs,
        charged=charged,
    )
    result = result_json(
        vendor=vendor,
        target="x",
        seen=seen,
        outcome=Outcome.REFRESHED,
        now=now,
        wait=wait,
        charged=charged,
        jobs=jobs,
        reason=str(seen),
    )
    report = Report(wait=wait, verdict=Verdict.FAILED, seen=seen, record=record)
    return [report.to_event(), record.to_json(), result]


def observed(target: Any, answer: Any) -> Observation | None:
    """What an answer shows; None where it shows another object, which is a failed read and can be stored as one."""
    try:
        seen: Observation = target.observe(answer)
    except errors.InvalidResponseError as error:
        assert_storable(error.to_json(), 1500)
        return None
    return seen


@settings(max_examples=400, deadline=None)
@given(body=answers({"success": True, "data": payloads.AGENT}))
@example(body=b'{"success": true, "data": {"trainingStatus": "failed", "trainingError": "The page \\ud83d"}}')
@example(
    body=b'{"success": true, "data": {"trainingStatus": "failed", "trainingError": "The site\\u0000could"}}'
)
@example(body=b'{"success": true, "data": {"knowledgeBase": {"totalPages": "%s"}}}' % (b"9" * 40))
def test_what_an_agent_says_can_be_stored(body: bytes) -> None:
    answer = read(sendkit.get_agent(AGENT), body)
    if isinstance(answer, errors.ApiError):
        assert_storable(answer.to_json(), 1500)
        return
    seen = observed(AgentTarget(AGENT), answer)
    for stored in everything(seen, (), Decimal(0), "sendkit") if seen else ():
        assert_storable(stored, 250)


@settings(max_examples=300, deadline=None)
@given(body=answers(payloads.RETRAIN))
def test_what_a_retrain_answers_can_be_stored(body: bytes) -> None:
    from airflow_provider.texts import word

    receipt = read(sendkit.retrain(AGENT), body, 202)
    if isinstance(receipt, errors.ApiError):
        assert_storable(receipt.to_json(), 1500)
        return
    jobs = tuple(word(f"{job.type or 'job'}:{job.id}", 100) for job in receipt.jobs if job.id)[:10]
    seen = observed(AgentTarget(AGENT), receipt.agent)
    for stored in everything(seen, jobs, receipt.credits_charged or Decimal(10), "sendkit") if seen else ():
        assert_storable(stored, 250)


@settings(max_examples=400, deadline=None)
@given(body=answers(payloads.FILE_ENTRY))
def test_what_an_entry_says_can_be_stored(body: bytes) -> None:
    answer = read(sensay.get_entry(REPLICA, 7), body)
    if isinstance(answer, errors.ApiError):
        assert_storable(answer.to_json(), 1500)
        return
    seen = observed(EntryTarget(REPLICA, 7, Generation.KNOWLEDGE_BASE), answer)
    for stored in everything(seen, (), Decimal(0), "sensay") if seen else ():
        assert_storable(stored, 250)


@settings(max_examples=300, deadline=None)
@given(
    body=st.one_of(
        *(answers(each) for each in (*payloads.SENDKIT_ERRORS.values(), *payloads.SENSAY_ERRORS.values()))
    ),
    status=st.sampled_from([400, 401, 402, 403, 404, 409, 415, 422, 429, 500, 503]),
)
def test_what_a_refusal_says_can_be_stored_and_logged(body: bytes, status: int) -> None:
    for call in (sendkit.retrain("a"), sensay.ask(REPLICA, "q")):
        error = read(call, body, status)
        assert isinstance(error, errors.ApiError)
        assert error.status == status
        assert str(error).isprintable()
        assert_storable(error.to_json(), 1500)
        json.dumps(error.details, allow_nan=False).encode()


@settings(max_examples=200, deadline=None)
@given(content=texts)
def test_what_a_replica_answers_can_be_stored(content: str) -> None:
    told = read(sensay.ask(REPLICA, "q"), json.dumps({"success": True, "content": content}).encode())
    assert isinstance(told, str)
    assert "\x00" not in told
    told.encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"success": true, "data": {"trainingProgress": NaN}}',
        b'{"success": true, "data": {"trainingProgress": Infinity}}',
        b'{"success": true, "data": {"trainingProgress": 1e999}}',
        b'{"success": true, "data": {"trainingProgress": -1e999}}',
        b'{"success": true, "data": {"knowledgeBase": {"totalPages": 9223372036854775808}}}',
        b'{"success": true, "data": {"knowledgeBase": {"totalPages": %s}}}' % (b"9" * 5000),
        b'{"success": true, "data": {"usage": %s1%s}}' % (b"[" * 100_000, b"]" * 100_000),
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'"\xff"',
        b"{'success': true}",
    ],
    ids=lambda body: str(body[:60]),
)
def test_what_is_no_json_that_every_store_can_hold_is_a_clean_error(body: bytes) -> None:
    error = read(sendkit.get_agent(AGENT), body)
    assert type(error) is errors.InvalidResponseError
    assert f"{len(body)} bytes that are not JSON" in error.message
    assert len(str(error)) < 500
    assert error.__context__ is None


def test_a_status_that_only_looks_like_a_known_one_stays_unknown() -> None:
    body = b'{"success": true, "id": 7, "status": "READY\\u0000", "updatedAt": "2026-01-01T00:00:00Z"}'
    seen = EntryTarget(REPLICA, 7, Generation.KNOWLEDGE_BASE).observe(
        read(sensay.get_entry(REPLICA, 7), body)
    )
    assert (seen.status, seen.phase.value) == ("READY\ufffd", "unknown")
    body = b'{"success": true, "id": 7, "status": "READY\\n"}'
    seen = EntryTarget(REPLICA, 7, Generation.KNOWLEDGE_BASE).observe(
        read(sensay.get_entry(REPLICA, 7), body)
    )
    assert (seen.status, seen.phase.value) == ("READY ", "unknown")
