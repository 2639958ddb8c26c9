"""A proxy variable that cannot be used: a sentence in the Test button, on the command line and in a triggerer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_provider import errors
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.vendors.sendkit import endpoints as sendkit

UNUSABLE = {
    "ALL_PROXY": "socks://s3cr3t.corp:1080",
    "HTTPS_PROXY": "http://svc:s3cr3t#x@proxy.corp:3128",
    "SSL_CERT_FILE": "/no/s3cr3t.pem",
}


@pytest.fixture(params=sorted(UNUSABLE))
def variable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in (*UNUSABLE, "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for vendor in ("sendkit", "sensay"):
        stored = {"conn_type": vendor, "password": "sk_live_key"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(stored))
    monkeypatch.setenv(request.param, UNUSABLE[request.param])
    return str(request.param)


@pytest.mark.parametrize("hook", [SendKitHook, SensayHook])
def test_the_test_button_names_the_variable(variable: str, hook: Any) -> None:
    works, told = hook().test_connection()
    assert not works
    assert f"the environment's {variable}" in told
    assert "s3cr3t" not in told


def test_a_trigger_gets_a_failed_read_that_can_be_tried_again(variable: str) -> None:
    with pytest.raises(errors.NotSentError, match=f"the environment's {variable}") as caught:
        asyncio.run(SendKitHook().asend(sendkit.get_agent("a")))
    assert isinstance(caught.value, errors.ApiError)
    assert "s3cr3t" not in json.dumps(caught.value.to_json())


def test_the_test_button_shows_no_name_that_airflow_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_64V1JI4H", json.dumps({"conn_type": "sendkit", "password": ""}))
    works, told = SendKitHook("64V1Ji4H").test_connection()
    assert (works, told) == (
        False,
        "This connection cannot be used, nothing was sent: API key is missing: it belongs into the password field",
    )
    stored = {"conn_type": "sendkit", "password": "sk_x", "host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_64V1JI4H", json.dumps(stored))
    works, told = SendKitHook("64V1Ji4H").test_connection()
    assert not works
    assert "64V1" not in told
    assert "http://127.0.0.1:9" in told


@pytest.mark.parametrize(("hook", "vendor"), [(SendKitHook, "sendkit"), (SensayHook, "sensay")])
def test_a_bare_key_in_the_environment_is_told_how_it_is_written(
    monkeypatch: pytest.MonkeyPatch, hook: Any, vendor: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", "sk_live_s3cr3t")
    with pytest.raises(errors.InvalidConnectionError) as caught:
        hook().settings()
    written = f'{{"conn_type": "{vendor}", "password": "…"}}'
    assert f"an environment variable holds JSON ({written}) or a URI, not a bare key" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
