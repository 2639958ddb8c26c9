"""Which generation of the Sensay API is spoken: decided on one free answer, once, and never on a failure."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider import errors
from airflow_provider.hooks.sensay import SensayHook, settings_from_connection
from airflow_provider.http.settings import Settings
from airflow_provider.vendors.connection import AnyConnection
from airflow_provider.vendors.sensay import generation
from tests.unit.http import server
from tests.unit.http.payloads import FILE_TYPES
from tests.unit.http.server import Server, answer

WAYS = ("sync", "async")


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    generation.forget()
    yield
    generation.forget()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Any:
    def connect(url: str, **extra: Any) -> None:
        parts = {"conn_type": "sensay", "password": "org_secret", "host": url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SENSAY_DEFAULT", json.dumps(parts))

    return connect


class HurriedHook(SensayHook):
    """The same hook with hardly a pause between two attempts."""

    @staticmethod
    def settings_from_connection(connection: AnyConnection, extra: object) -> Settings:
        return dataclasses.replace(settings_from_connection(connection, extra), retry_cap=0.001)


def asked(way: str) -> str:
    return HurriedHook().generation() if way == "sync" else asyncio.run(HurriedHook().ageneration())


def test_a_documented_answer_means_the_current_generation_and_is_asked_for_once(
    way: str, connected: Any
) -> None:
    with Server(answer(200, FILE_TYPES)) as vendor:
        connected(vendor.url)
        assert [asked(way), asked("sync"), asked("async")] == ["knowledge-base"] * 3
    assert [(seen.method, seen.target) for seen in vendor.seen] == [("GET", "/v1/knowledge-base/file-types")]


@pytest.mark.parametrize("status", [404, 405, 410])
def test_an_absent_path_means_the_older_generation_with_a_warning(
    way: str, connected: Any, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(answer(status, {"success": False, "error": "x"})) as vendor:
        connected(vendor.url)
        assert [asked(way), asked(way)] == ["training"] * 2
    assert len(vendor.seen) == 1
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len([w for w in warnings if "removed on 2025-10-08" in w]) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answer(401, {"error": "x"}), errors.AuthenticationError),
        (answer(403, {"error": "x"}), errors.ForbiddenError),
        (answer(429, {"error": "x"}), errors.RateLimitedError),
        (answer(503, {"error": "x"}), errors.ServerError),
        (server.reset, errors.TransportError),
    ],
)
def test_what_says_nothing_about_the_generation_is_raised_as_it_is(
    way: str, connected: Any, fault: server.Behaviour, kind: type[errors.ApiError]
) -> None:
    with Server(fault) as vendor:
        connected(vendor.url)
        with pytest.raises(kind):
            asked(way)
    assert len(vendor.seen) == (1 if kind in {errors.AuthenticationError, errors.ForbiddenError} else 5)


@pytest.mark.parametrize(
    "fault",
    [
        answer(200, b"<html>welcome</html>"),
        answer(200, {"status": "ok"}),
        answer(200, {"success": False}),
        answer(302, None, {"Location": "https://login.example.com"}),
        answer(400, {"error": "x"}),
        answer(418, {"error": "x"}),
    ],
)
def test_anything_else_is_an_error_that_names_the_field(
    way: str, connected: Any, fault: server.Behaviour
) -> None:
    with Server(fault) as vendor:
        connected(vendor.url)
        with pytest.raises(errors.InvalidResponseError, match="'api'"):
            asked(way)


def test_a_failure_is_not_remembered(way: str, connected: Any) -> None:
    with Server(answer(401, {"error": "x"}), answer(200, FILE_TYPES)) as vendor:
        connected(vendor.url)
        with pytest.raises(errors.AuthenticationError):
            asked(way)
        assert asked(way) == "knowledge-base"


@pytest.mark.parametrize("named", ["knowledge-base", "training"])
def test_a_generation_that_the_connection_names_is_not_asked_for(
    way: str, connected: Any, named: str
) -> None:
    connected("http://127.0.0.1:9", api=named)
    assert asked(way) == named


def test_what_was_learnt_of_one_key_is_not_believed_of_another(connected: Any) -> None:
    with Server(answer(404), answer(200, FILE_TYPES)) as vendor:
        connected(vendor.url)
        assert asked("sync") == "training"
        connected(vendor.url, user_id="somebody")
        assert asked("sync") == "knowledge-base"


def test_how_it_was_chosen_can_be_said(connected: Any) -> None:
    connected("http://127.0.0.1:9", api="training")
    told = generation.explain("training", SensayHook().settings())
    assert told == "generation 'training', named by the connection (extra 'api')"
    connected("http://127.0.0.1:9")
    assert "asking" in generation.explain("training", SensayHook().settings())
