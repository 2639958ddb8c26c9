"""
What a call and the settings put on the wire; pure.

Nothing travels that neither of them names: no cookie, no default header of an HTTP library.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from airflow_provider import __version__
from airflow_provider.errors import InvalidArgumentError
from airflow_provider.http.call import Call, FilePart, SignedPut
from airflow_provider.http.settings import Settings, is_loopback

COMMON = {
    "Accept-Encoding": "gzip",  # and nothing that could not be unpacked up to a limit
    "User-Agent": f"airflow-provider-agent-knowledge/{__version__}",
}


def outgoing(call: Call[Any], settings: Settings) -> dict[str, Any]:
    """
    Return ``url``, ``headers`` and body of a request, by httpx's names.

    :raises InvalidArgumentError: what the call holds cannot be sent
    """
    if call.upload is not None:
        return _signed(call, call.upload, settings)
    url = settings.base_url + call.path
    headers = {**dict(settings.headers), **COMMON, "Accept": call.accept}
    if call.file is not None:
        return {"url": url, "headers": headers, "files": _multipart(call.file)}
    # On every call, one without a body too: a vendor may answer 415 where it is missing.
    headers["Content-Type"] = "application/json"
    sent: dict[str, Any] = {"url": url, "headers": headers}
    if call.query:
        sent["params"] = dict(call.query)
    if call.body is not None:
        sent["content"] = _encoded(call)
    return sent


def _signed(call: Call[Any], put: SignedPut, settings: Settings) -> dict[str, Any]:
    try:
        parts = urlsplit(put.url)
        host = parts.hostname if parts.scheme in {"http", "https"} and parts.port != 0 else None
    except ValueError:
        host = None
    if not host:
        raise InvalidArgumentError(f"{call}: the upload URL is no http(s) URL; nothing was sent")
    if parts.scheme == "http" and settings.base_url.startswith("https://") and not is_loopback(host):
        raise InvalidArgumentError(f"{call}: the upload URL is not encrypted (http); nothing was sent")
    return {"url": put.url, "headers": {**COMMON, "Content-Type": put.content_type}, "content": put.content}


def _multipart(file: FilePart) -> dict[str, tuple[str, bytes, str]]:
    return {file.member: (file.filename, file.content, file.content_type)}


def _encoded(call: Call[Any]) -> bytes:
    try:
        text = json.dumps(call.body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidArgumentError(f"{call}: the body cannot be written as JSON; nothing was sent") from None
