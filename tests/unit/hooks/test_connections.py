"""From a connection to settings: what is accepted, what is refused, and that all of it is said at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import Connection
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.errors import InvalidConnectionError
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.http.settings import Settings
from tests.unit.hooks.connections import HOOKS, connection, settings_of


def problems(found: Connection, conn_type: str | None = None) -> list[str]:
    with pytest.raises(InvalidConnectionError) as caught:
        settings_of(found, conn_type)
    assert isinstance(caught.value, AirflowFailException)
    assert "'c'" in str(caught.value)
    assert "nothing was sent" in str(caught.value)
    return caught.value.problems


# --- keys ------------------------------------------------------------------------------------------------


def test_a_workspace_key_travels_alone() -> None:
    found = settings_of(connection(password="sk_live_1"))
    assert found.headers == (("X-Api-Key", "sk_live_1"),)
    assert found.base_url == "https://api.sendkit.ai"


def test_a_platform_key_travels_with_its_workspace() -> None:
    found = settings_of(connection(password="sk_user_1", extra={"workspace_id": " w1 "}))
    assert found.headers == (("X-Api-Key", "sk_user_1"), ("X-Workspace-Id", "w1"))


@pytest.mark.parametrize(
    "extra", [None, {}, {"workspace_id": None}, {"workspace_id": ""}, {"workspace_id": " "}]
)
def test_a_platform_key_without_a_workspace_names_the_field(extra: dict[str, Any] | None) -> None:
    (problem,) = problems(connection(password="sk_user_1", extra=extra))
    assert problem.startswith("Workspace ID is missing")


def test_a_workspace_key_with_a_workspace_names_the_field() -> None:
    (problem,) = problems(connection(password="sk_live_1", extra={"workspace_id": "w1"}))
    assert problem.startswith("Workspace ID must be empty")


@pytest.mark.parametrize(("conn_type", "label"), [("sendkit", "API key"), ("sensay", "Organization secret")])
@pytest.mark.parametrize("password", [None, "", "  "])
def test_a_missing_secret_is_named_by_its_label(conn_type: str, label: str, password: str | None) -> None:
    (problem,) = problems(connection(conn_type, password=password))
    assert problem.startswith(f"{label} is missing")


def test_a_key_in_the_wrong_field_is_pointed_out_without_repeating_it() -> None:
    (problem,) = problems(connection(password=None, login="sk_live_1"))
    assert "Login is not used" in problem
    assert "sk_live_1" not in problem


def test_blanks_around_a_pasted_key_are_dropped() -> None:
    assert settings_of(connection(password=" sk_live_1\n")).headers == (("X-Api-Key", "sk_live_1"),)


@pytest.mark.parametrize("password", ["sk live", "sk\nlive", "sk_é", "sk\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_repeating_it(password: str) -> None:
    (problem,) = problems(connection(password=password))
    assert password not in problem


def test_sensay_headers_say_who_asks_and_in_which_version() -> None:
    found = settings_of(connection("sensay", password="org"))
    assert found.headers == (("X-ORGANIZATION-SECRET", "org"), ("X-API-Version", "2025-03-25"))
    extra = {"user_id": "u1", "user_id_type": "telegram", "api_version": "2025-04-01", "api": "training"}
    found = settings_of(connection("sensay", password="org", extra=extra))
    assert found.headers == (
        ("X-ORGANIZATION-SECRET", "org"),
        ("X-API-Version", "2025-04-01"),
        ("X-USER-ID", "u1"),
        ("X-USER-ID-TYPE", "telegram"),
    )
    assert found.api == "training"
    assert found.base_url == "https://api.sensay.io"


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ({"user_id_type": "discord"}, "User ID type is set although User ID is not"),
        ({"user_id": "u", "user_id_type": "slack"}, "User ID type must be one of discord, telegram, embed"),
        ({"api": "legacy"}, "API generation must be one of auto, knowledge-base, training"),
        ({"api_version": "latest"}, "API version must be a date"),
        ({"api_version": "20250325"}, "API version must be a date"),
        ({"api_version": ["2025-03-25"]}, "API version must be a text"),
        ({"user_id": "ü"}, "User ID holds characters"),
    ],
)
def test_sensay_extras_that_contradict_are_named(extra: dict[str, Any], problem: str) -> None:
    assert [p for p in problems(connection("sensay", extra=extra)) if p.startswith(problem)]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = connection(
        password=None,
        host="http://api.example.com/v1?x=1",
        extra={
            "workspace_id": "w",
            "read_timeout": "soon",
            "max_in_flight": 0,
            "proxy": "nope",
            "allow_http": "maybe",
        },
    )
    said = " | ".join(problems(found))
    for label in ("API key", "Base URL", "Read timeout", "Requests in flight", "Proxy", "Allow http"):
        assert label in said
    assert "path" in said
    assert "query" in said


def test_another_vendors_connection_is_refused_before_its_secret_is_sent() -> None:
    (problem,) = problems(connection("sensay", password="org"), "sendkit")
    assert "'sensay'" in problem


# --- base URLs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://api.sendkit.ai"),
        ({"host": ""}, "https://api.sendkit.ai"),
        ({"host": "api.example.com"}, "https://api.example.com"),
        ({"host": "https://api.example.com/"}, "https://api.example.com"),
        ({"host": "HTTPS://API.example.com"}, "https://api.example.com"),
        ({"host": "api.example.com:8443"}, "https://api.example.com:8443"),
        ({"host": "api.example.com", "port": 8443}, "https://api.example.com:8443"),
        ({"host": "https://api.example.com:8443", "port": 8443}, "https://api.example.com:8443"),
        ({"host": "https://api.example.com:8443", "port": 0}, "https://api.example.com:8443"),
        ({"host": "", "port": 443}, "https://api.sendkit.ai"),
        ({"host": "https://api.example.com", "schema": "https"}, "https://api.example.com"),
        ({"host": "127.0.0.1", "port": 8080, "schema": "http"}, "http://127.0.0.1:8080"),
        ({"host": "http://127.0.0.1", "port": 8080}, "http://127.0.0.1:8080"),
        ({"host": "http://localhost:8080"}, "http://localhost:8080"),
        ({"host": "http://[::1]:8080"}, "http://[::1]:8080"),
        ({"host": "::1", "port": 8080, "schema": "http"}, "http://[::1]:8080"),
        ({"host": "http://sandbox:8080", "extra": {"allow_http": True}}, "http://sandbox:8080"),
        ({"host": "http://sandbox:8080", "extra": {"allow_http": "true"}}, "http://sandbox:8080"),
    ],
)
def test_a_base_url_is_read_from_host_port_and_schema(fields: dict[str, Any], url: str) -> None:
    assert settings_of(connection(**fields)).base_url == url


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "https://api.example.com/v1"}, "must not have a path"),
        ({"host": "api.example.com", "schema": "v1"}, "must not have a path"),
        ({"host": "https://api.example.com?key=1"}, "must not have a query"),
        ({"host": "https://api.example.com#x"}, "must not have a query"),
        ({"host": "https://me:pw@api.example.com"}, "must not hold a user name"),
        ({"host": "http://api.example.com"}, "to another machine"),
        ({"host": "api.example.com", "schema": "http"}, "to another machine"),
        ({"host": "http://127.0.0.1.example.com"}, "to another machine"),
        ({"host": "http://sandbox", "extra": {"allow_http": False}}, "to another machine"),
        ({"host": "https://a.example.com", "schema": "http"}, "different schemes"),
        ({"host": "https://a.example.com:1", "port": 2}, "different ports"),
        ({"host": "", "port": 8080}, "Base URL is missing"),
        ({"host": "ftp://a.example.com"}, "must be http(s)"),
        ({"host": "https://"}, "must be http(s)"),
        ({"host": "https://a b.example.com"}, "must be http(s)"),
        ({"host": "https://a.example.com:99999"}, "must be http(s)"),
        ({"host": "https://a.example.com:x"}, "must be http(s)"),
        ({"host": "https://[::1"}, "must be http(s)"),
        ({"host": "https://a.example.com\n.evil.example"}, "must be http(s)"),
        ({"host": "https://ex\u200bample.com"}, "must be http(s)"),
    ],
)
def test_a_base_url_that_is_more_or_less_than_one_is_refused(fields: dict[str, Any], words: str) -> None:
    said = problems(connection(**fields))
    assert [problem for problem in said if words in problem], said
    assert "pw" not in " ".join(said)


@given(
    host=st.text(max_size=40), schema=st.none() | st.text(max_size=6), port=st.none() | st.integers(0, 70000)
)
def test_any_host_is_a_plain_base_url_or_a_named_problem(
    host: str, schema: str | None, port: int | None
) -> None:
    found = connection(host=host, schema=schema, port=port)
    try:
        url = settings_of(found).base_url
    except InvalidConnectionError:
        return
    scheme, _, rest = url.partition("://")
    assert scheme in {"http", "https"}
    assert rest.isprintable()
    assert not set("/?#@ \\") & set(rest)


# --- the other fields ------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [{"f": 2.5, "i": 4, "b": True}, {"f": "2.5", "i": "4", "b": "True"}])
def test_numbers_and_flags_may_be_texts_as_a_uri_delivers_them(written: dict[str, Any]) -> None:
    extra = {
        "connect_timeout": written["f"],
        "read_timeout": written["f"],
        "requests_per_second": written["f"],
        "max_in_flight": written["i"],
        "allow_http": written["b"],
        "ca_file": "/etc/ca.pem",
        "proxy": "http://user:pw@proxy:3128",
        "console_url": "https://app.example.com",
    }
    found = settings_of(connection(extra=extra))
    assert (found.connect_timeout, found.read_timeout, found.requests_per_second) == (2.5, 2.5, 2.5)
    assert (found.max_in_flight, found.ca_file) == (4, "/etc/ca.pem")
    assert found.proxy == "http://user:pw@proxy:3128"
    assert found.console_url == "https://app.example.com"
    assert "pw" not in repr(found)


def test_fields_left_empty_in_the_form_mean_the_defaults() -> None:
    for conn_type in HOOKS:
        fields = HOOKS[conn_type].settings_from_connection(connection(conn_type), {})
        empty = dict.fromkeys(_form(conn_type)["conn-fields"], None)
        assert settings_of(connection(conn_type, extra=empty)) == fields
        assert settings_of(connection(conn_type, extra=dict.fromkeys(empty, ""))) == fields
    assert fields == Settings(vendor="sensay", base_url="https://api.sensay.io", headers=fields.headers)


@pytest.mark.parametrize("value", ["soon", "-1", 0, "nan", "inf", True, [1], 1e9])
@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "requests_per_second", "max_in_flight"])
def test_a_number_that_is_none_is_named(name: str, value: Any) -> None:
    assert problems(connection(extra={name: value}))


def test_half_a_request_cannot_be_in_flight() -> None:
    assert "whole number" in problems(connection(extra={"max_in_flight": 2.5}))[0]


@pytest.mark.parametrize("name", ["proxy", "console_url"])
def test_an_address_that_is_none_is_refused_without_repeating_it(name: str) -> None:
    (problem,) = problems(connection(extra={name: "javascript://user:pw@x"}))
    assert "pw" not in problem


@pytest.mark.parametrize("extra", ["{", "[1]", '"text"', "1"])
def test_an_extra_that_is_no_json_object_is_named(extra: str) -> None:
    found = connection(extra=extra)
    with pytest.raises(InvalidConnectionError, match="Extra is not a JSON object"):
        SendKitHook.settings_from_connection(found, {} if extra == "{" else json.loads(extra))


# --- the ways a connection can be written ----------------------------------------------------------------

WRITTEN: list[tuple[str, dict[str, Any]]] = [
    ("sendkit", {"password": "sk_live_k:/?#@é".replace("é", "%")}),
    ("sendkit", {"password": "sk_user_1", "extra": {"workspace_id": "w/1"}}),
    ("sendkit", {"host": "http://127.0.0.1:8080", "extra": {"requests_per_second": 0.5}}),
    ("sendkit", {"host": "http://127.0.0.1", "port": 8080}),
    ("sendkit", {"host": "127.0.0.1", "port": 8080, "schema": "http"}),
    ("sensay", {"host": "https://api.example.com:8443", "extra": {"api": "training", "max_in_flight": 2}}),
    ("sensay", {"extra": {"user_id": "a@b", "user_id_type": "embed", "proxy": "http://u:p@h:1"}}),
    ("sensay", {"host": "http://box:1", "extra": {"allow_http": True, "api": "knowledge-base"}}),
]


@pytest.mark.parametrize(("conn_type", "fields"), WRITTEN)
def test_a_uri_and_json_say_the_same_as_the_form(
    conn_type: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = HOOKS[conn_type]
    found = connection(conn_type, **fields)
    expected = settings_of(found)
    as_json = {"conn_type": conn_type, "password": found.password, **fields}
    for written in (found.get_uri(), json.dumps(as_json)):
        monkeypatch.setenv("AIRFLOW_CONN_C", written)
        assert hook("c").settings() == expected
        assert asyncio.run(hook("c").asettings()) == expected


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("sendkit://:sk_live_1@", "https://api.sendkit.ai"),
        ("sendkit://:sk_live_1@/", "https://api.sendkit.ai"),
        ("sendkit://:sk_live_1@api.example.com:8443", "https://api.example.com:8443"),
        ("sendkit://:sk_live_1@127.0.0.1:8080/http", "http://127.0.0.1:8080"),
        ("sendkit://http://:sk_live_1@127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("sendkit://:sk_live_1@http%3A%2F%2F127.0.0.1%3A8080", "http://127.0.0.1:8080"),
    ],
)
def test_uris_as_people_write_them(uri: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_C", uri)
    found = SendKitHook("c").settings()
    assert (found.base_url, dict(found.headers)["X-Api-Key"]) == (url, "sk_live_1")


# --- settings as a key, and what they show ---------------------------------------------------------------


def test_equal_settings_have_one_key_and_it_does_not_show_the_secret() -> None:
    first = settings_of(connection(password="sk_live_1"))
    assert first.key == settings_of(connection(password="sk_live_1")).key
    assert hash(first) == hash(settings_of(connection(password="sk_live_1")))
    others = [
        connection(password="sk_live_2"),
        connection(password="sk_live_1", host="a.example.com"),
        connection(password="sk_live_1", extra={"requests_per_second": 1}),
        connection("sensay", password="sk_live_1"),
    ]
    assert len({first.key, *(settings_of(other).key for other in others)}) == 5
    assert "sk_live_1" not in first.key


@pytest.mark.parametrize("conn_type", sorted(HOOKS))
def test_no_secret_shows_in_settings_or_hook(conn_type: str) -> None:
    extra = {"proxy": "http://u:proxypw@h:1"}
    found = settings_of(connection(conn_type, password="sk_live_hidden", extra=extra))
    shown = f"{found!r} {found} {found.key} {HOOKS[conn_type]('c')!r}"
    assert "hidden" not in shown
    assert "proxypw" not in shown


def test_both_hooks_take_their_connection_id_by_airflows_name() -> None:
    assert SendKitHook().conn_id == "sendkit_default"
    assert SensayHook(sensay_conn_id="x").conn_id == "x"
    assert SendKitHook(sendkit_conn_id="x").sendkit_conn_id == "x"


def _form(conn_type: str) -> dict[str, Any]:
    from airflow_provider.vendors.connection import connection_form

    return connection_form(conn_type)
