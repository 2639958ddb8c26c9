"""A stand-in for the supervisor at the other end of a task's pipe; it knows every message of the real one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms

from tests.integration import task_state

#: What the real supervisor takes and answers with nothing.
NOTED = frozenset(
    {
        "AwaitInputTask",
        "DeferTask",
        "MaskSecret",
        "RescheduleTask",
        "RetryTask",
        "SetExecutionTimeout",
        "SetRenderedFields",
        "SetRenderedMapIndex",
        "SkipDownstreamTasks",
        "SucceedTask",
        "TaskState",
    }
)

#: What no task of this package has a reason to send. One that does fails its test.
REFUSED = frozenset(
    {
        "ClearAssetStateStoreByName",
        "ClearAssetStateStoreByUri",
        "CreateHITLDetailPayload",
        "DeleteAssetStateStoreByName",
        "DeleteAssetStateStoreByUri",
        "GetAssetByName",
        "GetAssetByUri",
        "GetAssetEventByAsset",
        "GetAssetEventByAssetAlias",
        "GetAssetStateStoreByName",
        "GetAssetStateStoreByUri",
        "GetAssetsByAlias",
        "GetDRCount",
        "GetDag",
        "GetDagRun",
        "GetDagRunState",
        "GetHITLDetailResponse",
        "GetPrevSuccessfulDagRun",
        "GetPreviousDagRun",
        "GetPreviousTI",
        "GetTICount",
        "GetTaskBreadcrumbs",
        "GetTaskStates",
        "GetXComCount",
        "GetXComSequenceItem",
        "GetXComSequenceSlice",
        "ResendLoggingFD",
        "SetAssetStateStoreByName",
        "SetAssetStateStoreByUri",
        "TriggerDagRun",
        "UpdateDagRunNote",
        "UpdateHITLDetail",
    }
)


class Killed(BaseException):
    """The process under test was killed: nothing that it sends from here on arrives."""


class UnansweredMessage(AssertionError):
    """The process under test sent what this stand-in does not answer."""


def made(model: Any, **fields: Any) -> Any:
    """Build one of Airflow's messages; its members differ between versions, so missing ones are None."""
    names = [(f.alias or name, f.is_required()) for name, f in model.model_fields.items()]
    known = {name: fields.get(name) for name, is_required in names if name in fields or is_required}
    return model(**known)


@dataclass
class Supervisor:
    """
    The other end of the task's pipe: answers like the execution API, and remembers.

    :param before: sees each message before it is delivered; may raise :class:`Killed` in place of that
    :param is_task_state_available: False plays an Airflow before 3.3
    :ivar unanswered: kinds of message that were refused, also where the code under test swallowed the error
    """

    task_state: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    xcoms: dict[str, Any] = field(default_factory=dict)
    sent: list[Any] = field(default_factory=list)
    first_reschedule: datetime | None = None
    before: Callable[[Any], None] = lambda message: None
    is_task_state_available: bool = True
    is_task_dead: bool = False
    unanswered: list[str] = field(default_factory=list)

    @classmethod
    def answers(cls, kind: str) -> bool:
        """Is there an answer to this kind of message, if only an empty one?"""
        return kind in NOTED or hasattr(cls, f"_{kind}")

    def send(self, msg: Any) -> Any:
        if self.is_task_dead:
            raise Killed
        try:
            self.before(msg)
        except Killed:
            self.is_task_dead = True
            raise
        return self._take(msg)

    async def asend(self, msg: Any) -> Any:
        return self._take(msg)  # the triggerer's pipe: another process

    def check(self) -> None:
        """
        Fail the test in which a message was refused.

        :raises UnansweredMessage: one was
        """
        if self.unanswered:
            raise UnansweredMessage(f"the stand-in for the supervisor has no answer to {self.unanswered}")

    def _take(self, msg: Any) -> Any:
        kind = type(msg).__name__
        self.sent.append(msg)
        if not self.answers(kind):
            self.unanswered.append(kind)
            self.check()
        return None if kind in NOTED else getattr(self, f"_{kind}")(msg)

    def _GetConnection(self, msg: Any) -> Any:
        value = os.environ.get(f"AIRFLOW_CONN_{msg.conn_id.upper()}")
        if value is None:
            return comms.ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": msg.conn_id})
        fields = json.loads(value)
        if isinstance(fields.get("extra"), dict):
            fields["extra"] = json.dumps(fields["extra"])
        return made(comms.ConnectionResult, conn_id=msg.conn_id, **fields)

    def _GetVariable(self, msg: Any) -> Any:
        if msg.key not in self.variables:
            return comms.ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"key": msg.key})
        return comms.VariableResult(key=msg.key, value=self.variables[msg.key])

    def _GetVariableKeys(self, msg: Any) -> Any:
        keys = sorted(key for key in self.variables if key.startswith(msg.prefix or ""))
        return comms.VariableKeysResult(
            keys=keys[msg.offset : msg.offset + msg.limit], total_entries=len(keys)
        )

    def _PutVariable(self, msg: Any) -> Any:
        self.variables[msg.key] = msg.value

    def _DeleteVariable(self, msg: Any) -> Any:
        self.variables.pop(msg.key, None)
        return comms.OKResponse(ok=True)

    def _SetXCom(self, msg: Any) -> Any:
        self.xcoms[msg.key] = msg.value

    def _GetXCom(self, msg: Any) -> Any:
        return comms.XComResult(key=msg.key, value=self.xcoms.get(msg.key))

    def _DeleteXCom(self, msg: Any) -> Any:
        self.xcoms.pop(msg.key, None)

    def _GetTaskStateStore(self, msg: Any) -> Any:
        return task_state.answer(self.task_state, msg.key)

    def _SetTaskStateStore(self, msg: Any) -> Any:
        self.task_state[msg.key] = msg.value
        return comms.OKResponse(ok=True)

    def _DeleteTaskStateStore(self, msg: Any) -> Any:
        self.task_state.pop(msg.key, None)
        return comms.OKResponse(ok=True)

    def _ClearTaskStateStore(self, msg: Any) -> Any:
        self.task_state.clear()
        return comms.OKResponse(ok=True)

    def _ValidateInletsAndOutlets(self, msg: Any) -> Any:
        return comms.InactiveAssetsResult(inactive_assets=[])

    def _GetTaskRescheduleStartDate(self, msg: Any) -> Any:
        return comms.TaskRescheduleStartDate(start_date=self.first_reschedule)
