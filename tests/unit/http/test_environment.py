"""What the environment does to an HTTP client: an error of ours that names the variable, never what it holds."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from airflow_provider import errors
from airflow_provider.vendors.sendkit import endpoints as sendkit
from tests.unit.http.sending import CLIENTS, send, settings

ELSEWHERE = "https://api.sendkit.invalid"
VARIABLES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _no_variables_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        (
            "ALL_PROXY",
            "socks5://s3cr3t.corp:1080",
            "names a SOCKS proxy, for which the package socksio is missing",
        ),
        ("all_proxy", "socks5h://s3cr3t.corp:1080", "names a SOCKS proxy"),
        ("ALL_PROXY", "socks://s3cr3t.corp:1080/", "names a kind of proxy that is not known"),
        ("HTTPS_PROXY", "ftp://s3cr3t.corp", "names a kind of proxy that is not known"),
        ("HTTPS_PROXY", "http://svc:s3cr3t#x@proxy.corp:3128", "is no URL of a proxy (percent-encode"),
        ("https_proxy", "svc:s3cr3t#x@proxy.corp:3128", "is no URL of a proxy"),
        ("HTTP_PROXY", "http://proxy.corp:s3cr3t", "is no URL of a proxy"),
        ("NO_PROXY", "localhost,fd07:s3cr3t:b51a:cc66:f0::/64", "has an entry that is neither a host name"),
        ("NO_PROXY", "[::1],s3cr3t.corp", "has an entry that is neither a host name"),
        ("no_proxy", "[fe80::1]", "has an entry that is neither a host name"),
    ],
)
def test_a_proxy_variable_that_cannot_be_used_is_named(
    client: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    monkeypatch.setenv(name, value)
    if name.lower() == "no_proxy":  # it is looked at only beside a proxy
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(errors.NotSentError) as caught:
        send(client, settings(ELSEWHERE), sendkit.retrain("a1"))
    assert f"the environment's {name} {why}" in caught.value.message
    assert "Nothing was sent" in caught.value.advice
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cr3t" not in shown
    assert caught.value.__context__ is None
    assert not errors.is_ambiguous(caught.value)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_of_certificates_that_cannot_be_used_is_named(
    client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "s3cr3t.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(errors.NotSentError, match="SSL_CERT_FILE names no usable file") as caught:
        send(client, settings(ELSEWHERE), sendkit.get_agent("a1"))
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_ca_file_of_the_connection_that_holds_nothing_is_named(
    client: str, tmp_path: Path, content: str
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(content)
    with pytest.raises(errors.InvalidArgumentError, match=r"CA file '.*ca\.pem' cannot be used"):
        send(client, settings(ELSEWHERE, ca_file=str(bundle)), sendkit.get_agent("a1"))


def test_this_machine_is_reached_whatever_the_environment_says(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://s3cr3t.corp:1080")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    with pytest.raises(errors.NotSentError, match=r"Connection refused|connection attempts failed"):
        send(client, settings("http://127.0.0.1:9"), sendkit.get_agent("a1"), retry=False)
