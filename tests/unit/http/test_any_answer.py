"""Whatever JSON a vendor answers: a value of ours, or one error of ours, never a parser's traceback."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider import errors
from airflow_provider.http.body import AnswerTooLargeError, inflate
from airflow_provider.http.call import Answer, Call, ShapeError
from airflow_provider.http.exchange import Exchange
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay import training_endpoints as sensay_training
from tests.unit.http import payloads, sending

REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"

CALLS: list[Call[Any]] = [
    sendkit.list_agents(),
    sendkit.get_agent("a"),
    sendkit.retrain("a"),
    sendkit.update_agent("a", name="n"),
    sendkit.upload_document("a", "f.txt", "text/plain", 1),
    sendkit.process_document("a", file_key="k", file_url="u", file_name="f", file_type="txt", file_size=1),
    sendkit.delete_document("a", "k"),
    sensay.file_types(),
    sensay.create_text(REPLICA, "t"),
    sensay.list_entries(REPLICA),
    sensay.get_entry(REPLICA, 1),
    sensay.update_entry(REPLICA, 1, raw_text="t"),
    sensay.delete_entry(REPLICA, 1),
    sensay.ask(REPLICA, "t"),
    sensay_training.create_entry(REPLICA),
    sensay_training.update_entry(REPLICA, 1, raw_text="t"),
    sensay_training.get_entry(1),
    sensay_training.list_entries(),
    sensay_training.delete_entry(1),
    sensay_training.file_upload_url(REPLICA, "f"),
]

DOCUMENTED = [
    payloads.RETRAIN,
    {"success": True, "data": [payloads.AGENT]},
    payloads.ENTRY_PAGE,
    payloads.FILE_ENTRY,
    payloads.CREATED,
    payloads.FILE_TYPES,
    payloads.TRAINING_ENTRY,
    *payloads.SENDKIT_ERRORS.values(),
    *payloads.SENSAY_ERRORS.values(),
]

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
)


@st.composite
def bent(draw: st.DrawFn) -> Any:
    """Return a documented answer with some members replaced, removed or added."""
    document = json.loads(json.dumps(draw(st.sampled_from(DOCUMENTED))))

    def bend(node: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(anything)
        if isinstance(node, dict):
            return {name: bend(value) for name, value in node.items() if draw(st.integers(0, 9)) > 0}
        if isinstance(node, list):
            return [bend(item) for item in node]
        return node

    return bend(document)


@settings(max_examples=300, deadline=None)
@given(answer=anything | bent(), call=st.sampled_from(CALLS), status=st.sampled_from([200, 202, 207]))
def test_any_json_is_read_or_refused_as_a_shape(answer: Any, call: Call[Any], status: int) -> None:
    refusal = ""
    try:
        call.reads(Answer(status, {}, answer))
    except ShapeError as error:
        refusal = str(error)
    assert len(refusal) < 600


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(max_size=200) | (anything | bent()).map(lambda value: json.dumps(value).encode()),
    status=st.integers(100, 599),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "retry-after",
                "date",
                "location",
                "content-type",
                "content-encoding",
                "x-request-id",
                "x-vercel-id",
            ]
        ),
        st.text(max_size=60)
        | st.sampled_from(["gzip", "Sun, 01 Jan 2034 00:00:00 GMT", "1e9", "https://[::1"]),
    ),
    call=st.sampled_from(CALLS),
)
def test_any_bytes_are_a_value_or_one_error_with_its_status(
    body: bytes, status: int, headers: dict[str, str], call: Call[Any]
) -> None:
    exchange = Exchange(call, sending.settings())
    exchange.begin(status, headers)
    exchange.feed(body)
    refusal = None
    try:
        exchange.result()
    except errors.ApiError as error:
        refusal = error
    if refusal is None:
        assert 200 <= status < 300
        return
    assert refusal.status == status
    assert len(str(refusal)) < 1500
    assert str(refusal).isprintable()
    assert errors.ApiError.from_json(refusal.to_json()).to_json() == refusal.to_json()


@given(
    body=st.binary(max_size=300), limit=st.integers(0, 400), encoding=st.sampled_from(["gzip", "deflate", ""])
)
def test_unpacking_never_gives_more_than_the_limit(body: bytes, limit: int, encoding: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "": lambda data: data}[encoding](body)
    if encoding == "" or len(body) <= limit or not body:
        assert inflate(packed, encoding, limit) == body
    else:
        with pytest.raises(AnswerTooLargeError):
            inflate(packed, encoding, limit)
