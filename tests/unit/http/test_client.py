"""Both clients over real sockets: what is sent, what a fault becomes, what is sent again, what is shown."""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import logging
import socket
import threading
import time
import traceback
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider import errors
from airflow_provider.http.call import Call
from airflow_provider.http.client import AsyncClient, Client
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sensay import endpoints as sensay
from tests.unit.http import server
from tests.unit.http.sending import CLIENTS, SECRET, send, settings
from tests.unit.http.server import Server, answer

AGENT = {"success": True, "data": {"_id": "a1", "trainingStatus": "completed"}}
REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refused(
    client: str,
    vendor: Server,
    call: Call[Any],
    *,
    retry: bool = True,
    slept: list[float] | None = None,
    **changes: Any,
) -> errors.ApiError:
    """Send a call that must fail and return the error."""
    how = settings(vendor.url, **changes)
    with pytest.raises(errors.ApiError) as caught:
        send(client, how, call, retry=retry, slept=slept)
    return caught.value


def test_a_get_carries_the_key_a_content_type_and_no_body(client: str) -> None:
    with Server(answer(200, AGENT)) as vendor:
        agent = send(client, settings(vendor.url), sendkit.get_agent("a1"))
    (seen,) = vendor.seen
    assert agent.id == "a1"
    assert (seen.method, seen.target, seen.body) == ("GET", "/v1/agents/a1", b"")
    assert seen.headers["x-api-key"] == SECRET
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["accept"] == "application/json"
    assert "cookie" not in seen.headers


def test_a_retrain_has_no_body_but_a_content_type(client: str) -> None:
    with Server(answer(200, {"success": True, "data": AGENT["data"], "meta": {}})) as vendor:
        send(client, settings(vendor.url), sendkit.retrain("a1"))
    (seen,) = vendor.seen
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/agents/a1/retrain", b"")
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["content-length"] == "0"


def test_a_delete_carries_its_json_body(client: str) -> None:
    with Server(answer(200, {})) as vendor:
        send(client, settings(vendor.url), sendkit.delete_document("a1", "files/é.pdf"))
    (seen,) = vendor.seen
    assert (seen.method, seen.json) == ("DELETE", {"fileKey": "files/é.pdf"})


def test_an_id_with_a_slash_stays_one_segment(client: str) -> None:
    with Server(answer(200, AGENT)) as vendor:
        send(client, settings(vendor.url), sendkit.get_agent("a/../b?c#d e"))
    assert vendor.seen[0].target == "/v1/agents/a%2F..%2Fb%3Fc%23d%20e"


def test_a_query_is_quoted(client: str) -> None:
    with Server(answer(200, {"success": True, "items": [], "total": 0})) as vendor:
        send(client, settings(vendor.url), sensay.list_entries(REPLICA, search="a&b=ü"))
    assert vendor.seen[0].target.endswith("?page=1&pageSize=100&search=a%26b%3D%C3%BC")


def test_a_cookie_of_one_answer_does_not_go_with_the_next_call() -> None:
    cookie = {"Set-Cookie": "session=1; Path=/"}
    with Server(answer(200, AGENT, cookie)) as vendor, Client(settings(vendor.url)) as sync:
        sync.send(sendkit.get_agent("a1"))
        sync.send(sendkit.get_agent("a1"))
    assert all("cookie" not in seen.headers for seen in vendor.seen)
    assert len(vendor.seen) == 2


# --- uploads ---------------------------------------------------------------------------------------------


def test_a_signed_put_carries_the_bytes_and_none_of_our_headers(client: str) -> None:
    with Server(answer(200)) as storage:
        put = sendkit.put_upload(f"{storage.url}/bucket/k?X-Amz-Signature=s3cr3t", b"%PDF", "application/pdf")
        send(client, settings(), put)
    (seen,) = storage.seen
    assert (seen.method, seen.target, seen.body) == ("PUT", "/bucket/k?X-Amz-Signature=s3cr3t", b"%PDF")
    assert seen.headers["content-type"] == "application/pdf"
    assert not any(name.startswith("x-") for name in seen.headers)
    assert SECRET not in str(seen.headers)


def test_an_answer_to_a_signed_put_need_not_be_json(client: str) -> None:
    with Server(answer(200, b"<ok/>", {"Content-Type": "text/xml"})) as storage:
        send(client, settings(), sendkit.put_upload(f"{storage.url}/k", b"x", "text/plain"))


def test_a_refused_signed_put_shows_neither_its_url_nor_the_storage_hosts_words(client: str) -> None:
    body = b"<Error><Code>SignatureDoesNotMatch</Code><StringToSign>s3cr3t</StringToSign></Error>"
    with Server(answer(403, body)) as storage:
        put = sendkit.put_upload(f"{storage.url}/k?X-Amz-Signature=s3cr3t", b"x", "text/plain")
        error = refused(client, storage, put)
    assert isinstance(error, errors.ForbiddenError)
    assert "s3cr3t" not in str(error)
    assert str(storage.port) not in str(error)
    assert "s3cr3t" not in repr(put)


@pytest.mark.parametrize(
    ("url", "content_type"),
    [
        ("https://storage.example.com:99999/x?sig=s3cr3t", "text/plain"),
        ("https://storage.example.com/x?sig=s3cr3t\x07", "text/plain"),
        ("https://storage.example.com/x?sig=s3cr3t", "téxt/plain"),
    ],
)
def test_an_upload_that_cannot_be_addressed_is_refused_without_showing_where(
    client: str, url: str, content_type: str
) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="nothing was sent") as caught:
        send(client, settings(), sendkit.put_upload(url, b"x", content_type))
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "file:///etc/passwd", "//host/x", "nonsense", "https://[::1"]
)
def test_an_upload_url_that_is_no_http_url_is_refused_before_anything_is_sent(client: str, url: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="nothing was sent"):
        send(client, settings(), sendkit.put_upload(url, b"x", "text/plain"))


def test_an_unencrypted_upload_url_of_an_encrypted_vendor_is_refused(client: str) -> None:
    put = sendkit.put_upload("http://storage.example.com/x?sig=1", b"x", "text/plain")
    with pytest.raises(errors.InvalidArgumentError, match="not encrypted"):
        send(client, settings("https://api.sendkit.ai"), put)


def test_a_multipart_upload_names_file_type_and_bytes(client: str) -> None:
    with Server(answer(200, {"success": True, "data": {"key": "k"}})) as vendor:
        call = sendkit.upload_document_multipart("a1", 'f"q.pdf', b"%PDF\r\n", "application/pdf")
        slot = send(client, settings(vendor.url), call)
    (seen,) = vendor.seen
    assert slot.key == "k"
    assert seen.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert seen.headers["x-api-key"] == SECRET
    assert b'name="file"' in seen.body
    assert b"Content-Type: application/pdf" in seen.body
    assert b"%PDF\r\n" in seen.body


# --- answers that are no answers -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_not_followed_and_is_named_without_its_query(client: str, status: int) -> None:
    there = {"Location": "https://user:pw@elsewhere.example.com/login?token=s3cr3t"}
    with Server(answer(status, None, there)) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"))
    assert isinstance(error, errors.InvalidResponseError)
    assert error.status == status
    assert "https://elsewhere.example.com" in str(error)
    assert "s3cr3t" not in str(error)
    assert "pw" not in str(error)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<html>busy</html>",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"success": true, "data": NaN}',
        b"1" * 5000,
        b'{"a": "\xff"}',
    ],
)
def test_a_success_that_is_not_json_is_an_error_with_status_and_request_id(client: str, body: bytes) -> None:
    with Server(answer(200, body, {"x-request-id": "r-1"})) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"))
    assert type(error) is errors.InvalidResponseError
    assert (error.status, error.request_id) == (200, "r-1")
    assert error.__context__ is None
    assert "busy" not in str(error)


@pytest.mark.parametrize("body", [None, b"", b"  ", [], 1, "text", True, {"success": True, "data": []}])
def test_a_success_of_the_wrong_shape_is_an_error_with_status(client: str, body: Any) -> None:
    with Server(answer(200, body)) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"))
    assert type(error) is errors.InvalidResponseError
    assert error.status == 200


def test_a_success_that_calls_itself_a_failure_is_not_believed(client: str) -> None:
    with Server(answer(200, {"success": False, "request_id": "r-2"})) as vendor:
        error = refused(client, vendor, sensay.update_entry(REPLICA, 1, raw_text="x"))
    assert isinstance(error, errors.InvalidResponseError)
    assert error.request_id == "r-2"


def test_an_answer_above_the_limit_is_refused_without_reading_on(client: str) -> None:
    with Server(answer(200, b" " * 300_000)) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), max_answer_bytes=1000)
    assert type(error) is errors.InvalidResponseError
    assert "larger than 1000 bytes" in str(error)
    assert len(vendor.seen) == 1


def test_a_small_answer_that_unpacks_into_a_huge_one_is_refused(client: str) -> None:
    packed = {"Content-Encoding": "gzip"}
    with Server(answer(200, gzip.compress(b" " * 10_000_000), packed)) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), max_answer_bytes=100_000)
    assert type(error) is errors.InvalidResponseError
    assert "once unpacked" in str(error)


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_answer_is_unpacked(client: str, name: str, pack: Callable[[bytes], bytes]) -> None:
    with Server(answer(200, pack(json.dumps(AGENT).encode()), {"Content-Encoding": name})) as vendor:
        assert send(client, settings(vendor.url), sendkit.get_agent("a1")).id == "a1"


MEMBERS = json.dumps(AGENT).encode()
PACK = functools.partial(gzip.compress, mtime=0)


@pytest.mark.parametrize(
    "body",
    [
        PACK(MEMBERS[:40]) + PACK(MEMBERS[40:]),
        PACK(b"") + PACK(MEMBERS),
        PACK(MEMBERS) + b"\0" * 512,
        b"".join(PACK(bytes([byte])) for byte in MEMBERS),
    ],
)
def test_all_members_of_a_packed_answer_are_read(client: str, body: bytes) -> None:
    with Server(answer(200, body, {"Content-Encoding": "gzip"})) as vendor:
        assert send(client, settings(vendor.url), sendkit.get_agent("a1")).id == "a1"


def test_many_small_members_do_not_unpack_into_a_huge_answer(client: str) -> None:
    packed = {"Content-Encoding": "gzip"}
    with Server(answer(200, gzip.compress(b" " * 1000) * 200, packed)) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), max_answer_bytes=100_000)
    assert "once unpacked" in str(error)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("gzip", PACK(b"{}") + b"no gzip"),
        ("gzip", PACK(b"{}" * 99)[:-12]),
        ("gzip", b"no gzip"),
        ("br", b"x"),
        ("gzip, gzip", b"x"),
    ],
)
def test_an_answer_that_cannot_be_unpacked_is_an_error(client: str, name: str, body: bytes) -> None:
    with Server(answer(200, body, {"Content-Encoding": name})) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), retry=False)
    assert isinstance(error, errors.TruncatedResponseError)


def test_an_answer_that_breaks_off_is_an_error_with_status_and_request_id(client: str) -> None:
    with Server(server.truncated(headers="X-Request-Id: r-3\r\n")) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), retry=False)
    assert isinstance(error, errors.TruncatedResponseError)
    assert (error.status, error.request_id) == (200, "r-3")


def test_a_refusal_whose_body_breaks_off_is_still_that_refusal(client: str) -> None:
    with Server(server.truncated(402)) as vendor:
        error = refused(client, vendor, sendkit.retrain("a1"))
    assert isinstance(error, errors.InsufficientCreditsError)
    assert not errors.is_ambiguous(error)


def test_a_server_that_dribbles_its_body_is_left_at_the_deadline(client: str) -> None:
    began = time.monotonic()
    with Server(server.dribbling(6)) as vendor:
        how = settings(vendor.url, connect_timeout=0.2, read_timeout=0.3, attempt_slack=0.0)
        with pytest.raises(errors.TruncatedResponseError, match="took longer than"):
            send(client, how, sendkit.get_agent("a1"), retry=False)
        assert time.monotonic() - began < 3


def test_an_attempt_ends_with_the_wait_that_it_is_for(client: str) -> None:
    began = time.monotonic()
    with Server(server.dribbling(8)) as vendor:
        how = settings(vendor.url, connect_timeout=0.2, read_timeout=30.0)
        with pytest.raises(errors.TruncatedResponseError, match="took longer than"):
            send(client, how, sendkit.get_agent("a1"), deadline=time.time() + 0.6)
        assert 0.5 < time.monotonic() - began < 3
    assert len(vendor.seen) == 1


def test_a_silent_server_is_left_when_the_wait_is_over(client: str) -> None:
    began = time.monotonic()
    with Server(server.silent(8)) as vendor:
        how = settings(vendor.url, connect_timeout=0.2, read_timeout=30.0)
        with pytest.raises(errors.TransportError):
            send(client, how, sendkit.get_agent("a1"), deadline=time.time() + 0.5)
        assert time.monotonic() - began < 3


def test_a_deadline_that_has_passed_leaves_one_quick_attempt(client: str) -> None:
    with Server(answer(503, {})) as vendor:
        with pytest.raises(errors.ServerError):
            send(client, settings(vendor.url), sendkit.get_agent("a1"), deadline=time.time() - 60)
        assert len(vendor.seen) == 1
        vendor.script = [answer(200, AGENT)]
        assert (
            send(client, settings(vendor.url), sendkit.get_agent("a1"), deadline=time.time() - 60).id == "a1"
        )


def test_a_server_that_dribbles_its_headers_is_left_at_the_deadline() -> None:
    def behave(connection: Any) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200:
            connection.sendall(bytes([byte]))
            time.sleep(0.03)

    with Server(behave) as vendor:
        how = settings(vendor.url, connect_timeout=0.2, read_timeout=0.3, attempt_slack=0.0)
        with pytest.raises(errors.TransportError, match="took longer than"):
            send("async", how, sendkit.get_agent("a1"), retry=False)


def test_a_silent_server_is_left_after_the_read_timeout(client: str) -> None:
    with Server(server.silent(1.5)) as vendor, pytest.raises(errors.TransportError) as caught:
        send(client, settings(vendor.url, read_timeout=0.2), sendkit.get_agent("a1"), retry=False)
    assert caught.value.sent
    assert "gave no answer" in str(caught.value)


@pytest.mark.parametrize("fault", [server.reset, server.hang_up, server.raw(b"SSH-2.0-OpenSSH\r\n")])
def test_a_connection_that_ends_without_an_answer_is_a_transport_error(
    client: str, fault: server.Behaviour
) -> None:
    with Server(fault) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), retry=False)
    assert type(error) is errors.TransportError
    assert errors.is_ambiguous(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_a_request_that_never_left_says_so(client: str, url: str) -> None:
    with pytest.raises(errors.NotSentError, match="Nothing was sent") as caught:
        send(client, settings(url), sendkit.retrain("a1"))
    assert not errors.is_ambiguous(caught.value)


def test_a_server_without_the_expected_certificate_is_not_spoken_to(client: str) -> None:
    with Server(answer(200, AGENT)) as vendor, pytest.raises(errors.NotSentError):
        send(client, settings(f"https://127.0.0.1:{vendor.port}"), sendkit.retrain("a1"))
    assert vendor.seen == []


def test_a_server_that_speaks_no_tls_is_told_from_one_that_is_not_there(client: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def behave() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=behave, daemon=True)
        thread.start()
        with pytest.raises(errors.NotSentError) as caught:
            send(client, settings(f"https://127.0.0.1:{listener.getsockname()[1]}"), sendkit.retrain("a1"))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert "a Base URL without a scheme means https://" in caught.value.advice


def test_a_website_in_the_place_of_the_api_asks_for_the_base_url(client: str) -> None:
    page = answer(200, b"<!doctype html><title>Welcome</title>", {"Content-Type": "text/html; charset=utf-8"})
    with Server(page) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"))
    assert "37 bytes that are not JSON (text/html; charset=utf-8)" in error.message
    assert error.advice == "Is the connection's Base URL that of the API, and not a website's or a gateway's?"


def test_a_success_that_says_it_is_none_keeps_the_vendors_words(client: str) -> None:
    body = {"success": False, "message": "Insufficient\ncredits \x1b[31m" + "x" * 900}
    with Server(answer(200, body)) as vendor:
        error = refused(client, vendor, sendkit.retrain("a1"))
    assert error.message.startswith("SendKit answered 200: Insufficient credits  [31mxxx")
    assert "it says success: false" in error.message
    assert error.advice == "It may have been accepted all the same."
    assert str(error).isprintable()
    assert len(str(error)) < 1000


def test_a_ca_file_that_is_not_there_is_named(client: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=r"/no/such\.pem"):
        send(client, settings("https://127.0.0.1:9", ca_file="/no/such.pem"), sendkit.retrain("a1"))


def test_a_text_that_json_cannot_hold_is_refused_before_anything_is_sent(client: str) -> None:
    call = sensay.update_entry(REPLICA, 1, raw_text="\ud800")
    with Server(answer()) as vendor, pytest.raises(errors.InvalidArgumentError, match="nothing was sent"):
        send(client, settings(vendor.url), call)
    assert vendor.seen == []


# --- sending again ---------------------------------------------------------------------------------------

TRANSIENT = [
    answer(500, {"error": "x"}),
    answer(503, b"<html>"),
    answer(408),
    answer(425),
    answer(429, {"error": "slow down"}),
    server.reset,
    server.hang_up,
    server.truncated(),
]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_repeatable_call_survives_a_blip(client: str, fault: server.Behaviour) -> None:
    slept: list[float] = []
    with Server(fault, answer(200, AGENT)) as vendor:
        agent = send(client, settings(vendor.url), sendkit.get_agent("a1"), slept=slept)
    assert agent.id == "a1"
    assert len(vendor.seen) == 2
    assert slept == [0.5]


@pytest.mark.parametrize("fault", TRANSIENT)
@pytest.mark.parametrize(
    "call", [sendkit.retrain("a1"), sensay.create_text(REPLICA, "x"), sensay.ask(REPLICA, "x")]
)
def test_a_call_that_charges_or_creates_is_sent_once(
    client: str, fault: server.Behaviour, call: Call[Any]
) -> None:
    with Server(fault) as vendor:
        error = refused(client, vendor, call)
    assert len(vendor.seen) == 1
    assert errors.is_ambiguous(error) is not isinstance(error, errors.RateLimitedError)


@pytest.mark.parametrize("fault", TRANSIENT)
def test_without_retry_there_is_exactly_one_attempt(client: str, fault: server.Behaviour) -> None:
    with Server(fault) as vendor:
        refused(client, vendor, sendkit.get_agent("a1"), retry=False)
    assert len(vendor.seen) == 1


def test_the_last_error_is_raised_when_the_attempts_are_used_up(client: str) -> None:
    slept: list[float] = []
    with Server(answer(503)) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), slept=slept)
    assert isinstance(error, errors.ServerError)
    assert len(vendor.seen) == 5
    assert slept == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (402, errors.InsufficientCreditsError),
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (405, errors.ApiError),
        (409, errors.ConflictError),
        (410, errors.NotFoundError),
        (413, errors.UnprocessableRequestError),
        (415, errors.UnsupportedMediaTypeError),
        (422, errors.UnprocessableRequestError),
    ],
)
def test_a_refusal_is_not_repeated(client: str, status: int, kind: type[errors.ApiError]) -> None:
    with Server(answer(status, {"error": "x", "success": True})) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"))
    assert type(error) is kind
    assert error.status == status
    assert len(vendor.seen) == 1
    assert not errors.is_ambiguous(error)


def test_a_quota_is_not_waited_for(client: str) -> None:
    body = {"success": False, "error": "10/10", "error_code": "KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED"}
    with Server(answer(429, body)) as vendor:
        error = refused(client, vendor, sensay.list_entries(REPLICA))
    assert isinstance(error, errors.QuotaExceededError)
    assert error.error_code == "KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED"
    assert len(vendor.seen) == 1


def test_retry_after_in_seconds_is_waited_for(client: str) -> None:
    slept: list[float] = []
    with Server(answer(429, {}, {"Retry-After": "7"}), answer(200, AGENT)) as vendor:
        send(client, settings(vendor.url), sendkit.get_agent("a1"), slept=slept)
    assert slept == [7.5]


def test_retry_after_as_a_date_is_measured_by_the_vendors_own_clock(client: str) -> None:
    slept: list[float] = []
    dates = {"Date": "Sun, 01 Jan 2034 00:00:00 GMT", "Retry-After": "Sun, 01 Jan 2034 00:00:09 GMT"}
    with Server(answer(503, {}, dates), answer(200, AGENT)) as vendor:
        send(client, settings(vendor.url), sendkit.get_agent("a1"), slept=slept)
    assert slept == [9.5]


def test_a_wait_beyond_the_deadline_is_not_begun_and_the_vendors_wish_is_kept(client: str) -> None:
    slept: list[float] = []
    with Server(answer(429, {}, {"Retry-After": "3600"})) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"), slept=slept)
    assert isinstance(error, errors.RateLimitedError)
    assert error.retry_after == 3600
    assert slept == []


def test_both_clients_send_the_same_bytes() -> None:
    calls: list[Call[Any]] = [
        sendkit.list_agents(),
        sendkit.retrain("a1"),
        sendkit.update_agent("a1", company_url="acme.com"),
        sendkit.delete_document("a1", "k"),
        sensay.list_entries(REPLICA, status="NEW", sort_order="asc"),
        sensay.create_text(REPLICA, "ü", title="t"),
        sensay.ask(REPLICA, "x"),
    ]
    seen: dict[str, list[Any]] = {}
    for client in CLIENTS:
        with Server(answer(500)) as vendor:
            for call in calls:
                refused(client, vendor, call, retry=False)
        seen[client] = [(s.method, s.target, s.headers | {"host": ""}, s.body) for s in vendor.seen]
    assert seen["sync"] == seen["async"]


# --- pace ------------------------------------------------------------------------------------------------


def test_a_rate_ceiling_spaces_the_calls_of_one_process(client: str) -> None:
    with Server(answer(200, AGENT)) as vendor:
        how = settings(vendor.url, requests_per_second=20.0)
        began = time.monotonic()
        if client == "sync":
            for _ in range(2):  # two clients with equal settings share the pace
                with Client(how) as sync:
                    for _ in range(3):
                        sync.send(sendkit.get_agent("a1"))
        else:

            async def main() -> None:
                async with AsyncClient(how) as first, AsyncClient(how) as second:
                    calls = [c.send(sendkit.get_agent("a1")) for c in (first, second) for _ in range(3)]
                    await asyncio.gather(*calls)

            asyncio.run(main())
        assert time.monotonic() - began >= 0.24
    assert len(vendor.seen) == 6


@pytest.mark.parametrize("allowed", [3, 20], ids=["one pool", "several pools"])
def test_no_more_requests_are_in_flight_than_allowed(allowed: int) -> None:
    now = most = 0

    def behave(connection: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        time.sleep(0.02)
        now -= 1
        answer(200, AGENT)(connection)

    async def main(url: str) -> None:
        async with AsyncClient(settings(url, max_in_flight=allowed)) as shared:
            await asyncio.gather(*(shared.send(sendkit.get_agent("a1")) for _ in range(10 * allowed)))

    with Server(behave) as vendor:
        asyncio.run(main(vendor.url))
    assert len(vendor.seen) == 10 * allowed
    assert most <= allowed


def test_a_cancelled_call_leaves_the_client_usable() -> None:
    async def main(url: str) -> None:
        async with AsyncClient(settings(url, max_in_flight=1)) as shared:
            task = asyncio.create_task(shared.send(sendkit.get_agent("a1")))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await shared.send(sendkit.get_agent("a1"))).id == "a1"

    with Server(server.silent(0.5), answer(200, AGENT)) as vendor:
        asyncio.run(main(vendor.url))


# --- what is shown ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        answer(401, {"error": f"Invalid API key {SECRET}", "details": {"key": SECRET}}),
        answer(500, {"error": "x", "inner_exception": {"name": SECRET, "message": SECRET}}),
        answer(302, None, {"Location": f"https://{SECRET}@x.example/"}),
        server.reset,
        server.truncated(),
        answer(200, {"data": SECRET}),
    ],
)
def test_no_secret_is_in_an_error_a_traceback_or_a_log(
    client: str, fault: server.Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Server(fault) as vendor:
        error = refused(client, vendor, sendkit.get_agent("a1"))
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + caplog.text
    assert SECRET not in shown


def test_a_key_that_no_header_can_carry_is_not_shown_either(client: str) -> None:
    how = settings(headers=(("X-Api-Key", "bad\nkey"),))
    with pytest.raises(errors.TransportError) as caught:
        send(client, how, sendkit.get_agent("a1"), retry=False)
    assert "bad" not in "".join(traceback.format_exception(caught.value))


def test_httpx_does_not_log_our_requests(client: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "httpx")
    with Server(answer(200)) as storage:
        put = sendkit.put_upload(f"{storage.url}/k?sig=s3cr3t", b"x", "text/plain")
        send(client, settings(), put)
    assert "s3cr3t" not in caplog.text
    logging.getLogger("httpx").info("somebody else's request")
    assert "somebody else's request" in caplog.text


def test_a_repeated_attempt_leaves_one_line_in_the_log(client: str, caplog: pytest.LogCaptureFixture) -> None:
    with Server(answer(503, {"error": "busy"}), answer(200, AGENT)) as vendor:
        send(client, settings(vendor.url), sendkit.get_agent("a1"))
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("airflow_provider")]
    assert lines == [
        f"SendKit answered 503: busy (get agent, connection 'my_vendor', {vendor.url}, GET /v1/agents/a1); "
        "asking again in 0.5 s (attempt 2 of 5)"
    ]
