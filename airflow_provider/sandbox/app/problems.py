"""
Errors in each vendor's own envelope.

SendKit: https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-retrain ; Sensay:
https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel

from airflow_provider.sandbox.app.responses import Json

Vendor = Literal["sendkit", "sensay"]

_SENDKIT: dict[int, tuple[str, str]] = {
    402: ("Error", "Insufficient credits"),
    403: ("Forbidden", "You don't have permission to access this resource"),
    404: ("Not Found", "The requested resource was not found"),
    409: ("Conflict", "The request conflicts with the current state of the resource"),
}


class SendKitError(BaseModel):
    """``code`` is the HTTP status once more, not a machine code."""

    error: str
    message: str
    code: int
    details: str | None = None


class InnerException(BaseModel):
    name: str
    message: str
    cause: str | None = None
    stack: str | None = None


class SensayError(BaseModel):
    """A 404 has neither ``fingerprint`` nor ``error_code``; only a 500 has ``inner_exception``."""

    success: Literal[False]
    error: str
    request_id: str
    fingerprint: str | None = None
    error_code: str | None = None
    inner_exception: InnerException | None = None


SENDKIT_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": SendKitError} for status in ("4XX", "5XX")
}
SENSAY_ERRORS: dict[int | str, dict[str, Any]] = {status: {"model": SensayError} for status in ("4XX", "5XX")}


class Problem(Exception):
    """
    An answer that is an error; the path decides in whose envelope.

    :param error_code: Sensay's machine code, where it has one
    """

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        details: str | None = None,
        error_code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.error_code = error_code
        self.headers = headers or {}


SENDKIT_ROOTS = frozenset(
    {"agents", "account", "campaigns", "enrichment", "inbox", "leads", "webhooks", "workspaces"}
)


def vendor_of(path: str) -> Vendor:
    """Both vendors share one address here, and no path; also of what is left out here."""
    return "sendkit" if path.removeprefix("/v1/").partition("/")[0] in SENDKIT_ROOTS else "sensay"


def answer(problem: Problem, path: str, request_id: str) -> Json:
    body = sendkit_body(problem) if vendor_of(path) == "sendkit" else sensay_body(problem, request_id)
    return Json(body, problem.status, problem.headers)


def sendkit_body(problem: Problem) -> dict[str, Any]:
    error, message = _SENDKIT.get(problem.status, (_phrase(problem.status), _phrase(problem.status)))
    body: dict[str, Any] = {"error": error, "message": problem.message or message, "code": problem.status}
    if problem.status == 409:
        body["details"] = problem.details or "Resource already exists"
    elif problem.details is not None:
        body["details"] = problem.details
    return body


def sensay_body(problem: Problem, request_id: str) -> dict[str, Any]:
    message = problem.message or _phrase(problem.status)
    body: dict[str, Any] = {"success": False, "error": message, "request_id": request_id}
    if problem.error_code is not None:
        body["error_code"] = problem.error_code
    if problem.status != 404:
        body["fingerprint"] = "14fceadd84e74ec499afe9b0f7952d6b"
    if problem.status == 500:
        body["inner_exception"] = {
            "name": "Server overheated",
            "message": "The server overheated due to an unexpected situation",
            "cause": "Request too complicated",
            "stack": "Error: Server overheated due to an unexpected situation\n    at Object.eval (eval at <anonymous>",
        }
    return body


def _phrase(status: int) -> str:
    """A test may ask for a status that no standard knows."""
    known = {member.value: member.phrase for member in HTTPStatus}
    return known.get(status, "Error")
