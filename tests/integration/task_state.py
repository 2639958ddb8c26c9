"""
The task state store of Airflow 3.3 and later, and a stand-in for it below.

With the stand-in the record, and all that is said of it, is tried on the task runner of an older Airflow too;
what is weaker there without a store is tested with ``is_task_state_available=False``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms

HAS_STORE = hasattr(comms, "GetTaskStateStore")


class Pipe(Protocol):
    """What takes a task's messages."""

    def send(self, msg: Any) -> Any:
        """Answer one."""


@dataclass
class GetTaskStateStore:
    """As the message of Airflow 3.3."""

    key: str


@dataclass
class SetTaskStateStore:
    """As the message of Airflow 3.3."""

    key: str
    value: Any


@dataclass
class DeleteTaskStateStore:
    """As the message of Airflow 3.3."""

    key: str


@dataclass
class ClearTaskStateStore:
    """As the message of Airflow 3.3."""


@dataclass
class TaskStateStoreResult:
    """As the answer of Airflow 3.3."""

    value: Any


class StandIn:
    """The accessor that Airflow 3.3 puts into a task's context."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def get(self, key: str, default: Any = None) -> Any:
        answer = self._pipe.send(GetTaskStateStore(key))
        return default if answer is None else answer.value

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self._pipe.send(SetTaskStateStore(key, value))

    def delete(self, key: str) -> None:
        self._pipe.send(DeleteTaskStateStore(key))

    def clear(self) -> None:
        self._pipe.send(ClearTaskStateStore())


def answer(kept: dict[str, Any], key: str) -> Any:
    """Answer a question for a key, in the words of the Airflow at hand."""
    if key in kept:
        value = json.loads(json.dumps(kept[key]))
        return comms.TaskStateStoreResult(value=value) if HAS_STORE else TaskStateStoreResult(value)
    if HAS_STORE:
        return comms.ErrorResponse(error=ErrorType.TASK_STORE_NOT_FOUND, detail={"key": key})
    return None
