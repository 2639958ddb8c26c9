"""Every method of the hooks over a socket, and the connection test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider.errors import NotFoundError
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sensay import generation
from tests.unit.http import payloads
from tests.unit.http.server import Server, answer

R = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
AGENT = {"success": True, "data": {"_id": "a"}}
DONE = {"success": True}
SECRET = "sk_live_do_not_show_me"


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def connect(url: str, conn_type: str = "sendkit", **extra: Any) -> None:
        parts = {"conn_type": conn_type, "password": SECRET, "host": url, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT", json.dumps(parts))

    generation.forget()
    return connect


SENDKIT: list[tuple[Callable[[SendKitHook], Any], Any, str]] = [
    (lambda h: h.list_agents(), {"data": [{"_id": "a"}]}, "GET /v1/agents"),
    (lambda h: h.get_agent("a"), AGENT, "GET /v1/agents/a"),
    (lambda h: h.retrain("a"), payloads.RETRAIN, "POST /v1/agents/a/retrain"),
    (lambda h: h.update_agent("a", company_url="x.y"), AGENT, "PATCH /v1/agents/a"),
    (
        lambda h: h.upload_document("a", "f.txt", "text/plain", 1),
        {"data": {"key": "k"}},
        "POST /v1/agents/a/upload-document",
    ),
    (
        lambda h: h.upload_document_multipart("a", "f.txt", b"x", "text/plain"),
        {"data": {"key": "k"}},
        "POST /v1/agents/a/upload-document",
    ),
    (
        lambda h: h.process_document(
            "a", file_key="k", file_url="u", file_name="f", file_type="txt", file_size=1
        ),
        {"data": {"job": {"id": "j"}}},
        "POST /v1/agents/a/process-document",
    ),
    (lambda h: h.delete_document("a", "k"), {}, "DELETE /v1/agents/a/documents"),
]

SENSAY: list[tuple[Callable[[SensayHook], Any], Any, str]] = [
    (lambda h: h.file_types(), payloads.FILE_TYPES, "GET /v1/knowledge-base/file-types"),
    (lambda h: h.create_text(R, "t", title="x"), payloads.CREATED, f"POST /v1/replicas/{R}/knowledge-base"),
    (lambda h: h.create_url(R, "https://a.b"), payloads.CREATED, f"POST /v1/replicas/{R}/knowledge-base"),
    (lambda h: h.create_file(R, "f.pdf"), payloads.CREATED, f"POST /v1/replicas/{R}/knowledge-base"),
    (
        lambda h: h.list_entries(R, page_size=1),
        payloads.ENTRY_PAGE,
        f"GET /v1/replicas/{R}/knowledge-base?page=1&pageSize=1",
    ),
    (lambda h: h.get_entry(R, 7), payloads.FILE_ENTRY, f"GET /v1/replicas/{R}/knowledge-base/7"),
    (lambda h: h.update_entry(R, 7, raw_text="t"), DONE, f"PATCH /v1/replicas/{R}/knowledge-base/7"),
    (lambda h: h.delete_entry(R, 7), DONE, f"DELETE /v1/replicas/{R}/knowledge-base/7"),
    (lambda h: h.ask(R, "q"), {"success": True, "content": "a"}, f"POST /v1/replicas/{R}/chat/completions"),
    (lambda h: h.training_create_entry(R), {"knowledgeBaseID": 1}, f"POST /v1/replicas/{R}/training"),
    (lambda h: h.training_update_entry(R, 1, raw_text="t"), DONE, f"PUT /v1/replicas/{R}/training/1"),
    (lambda h: h.training_get_entry(1), payloads.TRAINING_ENTRY, "GET /v1/training/1"),
    (lambda h: h.training_list_entries(limit=5), {"items": []}, "GET /v1/training?page=1&limit=5"),
    (lambda h: h.training_delete_entry(1), DONE, "DELETE /v1/training/1"),
    (
        lambda h: h.training_file_upload_url(R, "f.pdf"),
        {"signedURL": "https://x", "knowledgeBaseID": 1},
        f"GET /v1/replicas/{R}/training/files/upload?filename=f.pdf",
    ),
]


@pytest.mark.parametrize(("ask", "says", "request_line"), SENDKIT, ids=[line for _, _, line in SENDKIT])
def test_each_sendkit_method_sends_its_request(
    connected: Callable[..., None], ask: Callable[[SendKitHook], Any], says: Any, request_line: str
) -> None:
    with Server(answer(200, says)) as vendor:
        connected(vendor.url)
        ask(SendKitHook())
    assert [f"{seen.method} {seen.target}" for seen in vendor.seen] == [request_line]


@pytest.mark.parametrize(("ask", "says", "request_line"), SENSAY, ids=[line for _, _, line in SENSAY])
def test_each_sensay_method_sends_its_request(
    connected: Callable[..., None], ask: Callable[[SensayHook], Any], says: Any, request_line: str
) -> None:
    with Server(answer(200, says)) as vendor:
        connected(vendor.url, "sensay")
        ask(SensayHook())
    assert [f"{seen.method} {seen.target}" for seen in vendor.seen] == [request_line]
    assert vendor.seen[0].headers["x-organization-secret"] == SECRET
    assert vendor.seen[0].headers["x-api-version"] == "2025-03-25"
    assert vendor.seen[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("conn_type", ["sendkit", "sensay"])
def test_a_signed_put_goes_out_without_the_connections_headers(
    connected: Callable[..., None], conn_type: str
) -> None:
    with Server(answer(200)) as storage:
        connected("http://127.0.0.1:9", conn_type)
        hook: Any = SendKitHook() if conn_type == "sendkit" else SensayHook()
        hook.put_upload(f"{storage.url}/k?sig=1", b"x", "text/plain")
    assert SECRET not in str(storage.seen[0].headers)


def test_one_client_serves_many_calls(connected: Callable[..., None]) -> None:
    with Server(answer(200, AGENT)) as vendor:
        connected(vendor.url)
        with SendKitHook().get_conn() as client:
            assert [client.send(sendkit.get_agent("a")).id for _ in range(3)] == ["a"] * 3


def test_a_call_can_be_sent_from_an_event_loop(connected: Callable[..., None]) -> None:
    with Server(answer(200, AGENT)) as vendor:
        connected(vendor.url)
        assert asyncio.run(SendKitHook().asend(sendkit.get_agent("a"))).id == "a"


def test_a_rotated_key_is_picked_up(connected: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    connected("http://127.0.0.1:9")
    hook = SendKitHook()
    before = hook.settings()
    monkeypatch.setenv("AIRFLOW_CONN_SENDKIT_DEFAULT", "sendkit://:sk_live_new@")
    assert hook.settings() != before


# --- the connection test ---------------------------------------------------------------------------------


def test_the_connection_test_reads_the_agents_and_says_so(connected: Callable[..., None]) -> None:
    with Server(answer(200, {"success": True, "data": [{"_id": "a"}]})) as vendor:
        connected(vendor.url)
        told = SendKitHook().test_connection()
    assert told == (
        True,
        f"{vendor.url} accepts the workspace key and lists 1 agent(s). Nothing was changed.",
    )
    assert [(seen.method, seen.target) for seen in vendor.seen] == [("GET", "/v1/agents")]


def test_the_connection_test_names_the_generation(connected: Callable[..., None]) -> None:
    with Server(answer(200, payloads.FILE_TYPES)) as vendor:
        connected(vendor.url, "sensay")
        passed, told = SensayHook().test_connection()
    assert passed
    assert "generation 'knowledge-base', found out by asking" in told
    assert {seen.method for seen in vendor.seen} == {"GET"}


def test_the_connection_test_tries_the_secret_on_the_older_generation_too(
    connected: Callable[..., None],
) -> None:
    with Server(answer(404), answer(401, {"error": "bad secret"})) as vendor:
        connected(vendor.url, "sensay")
        passed, told = SensayHook().test_connection()
    assert not passed
    assert "401" in told
    assert [seen.target for seen in vendor.seen] == [
        "/v1/knowledge-base/file-types",
        "/v1/training?page=1&limit=1",
    ]


@pytest.mark.parametrize("conn_type", ["sendkit", "sensay"])
def test_a_connection_test_that_fails_gives_the_reason_and_no_secret(
    connected: Callable[..., None], conn_type: str
) -> None:
    with Server(answer(401, {"error": f"bad key {SECRET}"})) as vendor:
        connected(vendor.url, conn_type)
        hook: Any = SendKitHook() if conn_type == "sendkit" else SensayHook()
        passed, told = hook.test_connection()
    assert not passed
    assert "401" in told
    assert SECRET not in told
    assert len(vendor.seen) == 1


def test_a_connection_test_reports_all_missing_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SENSAY_DEFAULT", '{"conn_type": "sensay", "extra": {"api": "x"}}')
    passed, told = SensayHook().test_connection()
    assert not passed
    assert "Organization secret is missing" in told
    assert "API generation" in told


def test_airflow_finds_the_hook_of_a_connection_and_tests_it(connected: Callable[..., None]) -> None:
    with Server(answer(200, {"success": True, "data": []})) as vendor:
        connected(vendor.url)
        hook = BaseHook.get_hook("sendkit_default")
        passed, told = hook.test_connection()
    assert type(hook) is SendKitHook
    assert (passed, "0 agent(s)" in told) == (True, True)


def test_a_missing_target_is_final(connected: Callable[..., None]) -> None:
    with Server(answer(404, payloads.SENDKIT_ERRORS[404])) as vendor:
        connected(vendor.url)
        with pytest.raises(NotFoundError):
            SendKitHook().get_agent("a")
