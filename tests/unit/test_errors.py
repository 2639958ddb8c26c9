"""The exception tree: what a worker raises must survive a pipe, and a message must not glue sentences together."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider import errors
from airflow_provider.tasks.failures import line

TREE = sorted(
    (
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.AgentKnowledgeError)
    ),
    key=lambda each: each.__name__,
)


def one_of(kind: type[errors.AgentKnowledgeError]) -> errors.AgentKnowledgeError:
    """Return an error of a kind, with all that it can hold."""
    made: Any = kind
    if issubclass(kind, errors.InvalidConnectionError):
        return kind("my_vendor", ["API key is missing", "Base URL must not have a path"])
    if issubclass(kind, errors.ApiError):
        error: errors.AgentKnowledgeError = made(
            "The vendor answered 500: down",
            advice="It may have been accepted all the same.",
            status=500,
            request_id="r-1",
            fingerprint="f",
            error_code="CODE",
            details={"a": [1]},
            retry_after=3.0,
        )
        return error
    if issubclass(kind, errors.DocumentsFailedError):
        return kind("1 document failed", {"failed": [{"key": "a"}]})
    return kind("what happened")


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling_and_copying(kind: type[errors.AgentKnowledgeError]) -> None:
    error = one_of(kind)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_is_airflows_and_documented(kind: type[errors.AgentKnowledgeError]) -> None:
    assert issubclass(kind, AirflowException)
    assert kind.__doc__


@pytest.mark.parametrize(
    "kind", [kind for kind in TREE if issubclass(kind, errors.ApiError)], ids=lambda kind: kind.__name__
)
def test_what_crosses_from_a_trigger_to_a_worker_is_whole(kind: type[errors.ApiError]) -> None:
    error = one_of(kind)
    assert isinstance(error, errors.ApiError)
    again = errors.ApiError.from_json(json.loads(json.dumps(error.to_json())))
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.to_json() == error.to_json()


def test_what_crosses_can_be_stored_whatever_a_fault_of_ours_holds() -> None:
    told = errors.TransportError("A read broke: KeyError: 'nu\x00l \ud83d\n" + "x" * 10_000).to_json()
    json.dumps(told, ensure_ascii=False).encode()
    assert told["message"].isprintable()
    assert len(told["message"]) == 4000


def test_an_error_that_an_earlier_version_stored_still_loads() -> None:
    again = errors.ApiError.from_json({"type": "NotFoundError", "message": "gone", "status": 404})
    assert (type(again), str(again), again.advice) == (errors.NotFoundError, "gone", "")
    assert type(errors.ApiError.from_json({"type": "AgentKnowledgeError", "message": "x"})) is errors.ApiError
    assert type(errors.ApiError.from_json({"type": "Any", "message": None})) is errors.ApiError


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_the_line_in_the_log_ends_with_whether_a_retry_helps(kind: type[errors.AgentKnowledgeError]) -> None:
    told = line(one_of(kind))
    helps = "no" if issubclass(kind, AirflowFailException) else "yes"
    assert told.endswith(f". Does a retry help: {helps}.")
    assert "\n" not in told
    assert ".." not in told


def test_a_connection_without_a_lasting_name_is_not_named() -> None:
    assert (
        str(errors.InvalidConnectionError("", ["x"])) == "This connection cannot be used, nothing was sent: x"
    )
