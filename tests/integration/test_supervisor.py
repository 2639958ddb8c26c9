"""The stand-in for the supervisor against Airflow's own list of what a task may send to the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from airflow.providers.common.compat.sdk import BaseOperator
from airflow.sdk.execution_time import comms

from tests.integration import task_state
from tests.integration.supervisor import NOTED, REFUSED, Supervisor, UnansweredMessage
from tests.integration.task import CLEAR_DISCARDS_STATE, TaskUnderTest


def _members(union: Any) -> list[type]:
    return list(get_args(get_args(union)[0]))


#: What a task of the Airflow at hand may send; what it may hear.
SENT = _members(comms.ToSupervisor)
HEARD = tuple(_members(comms.ToTask))


class Calling(BaseOperator):
    """Runs a function with the context."""

    def __init__(self, *, call: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._call = call

    def execute(self, context: Any) -> Any:
        return self._call(context)


def calling(call: Callable[[Any], Any], **arguments: Any) -> TaskUnderTest:
    return TaskUnderTest(lambda: Calling(task_id="t", call=call), **arguments)


def test_airflow_still_lists_what_a_task_may_send() -> None:
    assert {"GetConnection", "DeleteVariable", "TaskState"} <= {kind.__name__ for kind in SENT}
    assert comms.ErrorResponse in HEARD


@pytest.mark.parametrize("kind", SENT, ids=lambda kind: kind.__name__)
def test_every_message_is_answered_or_refused_by_name(kind: type) -> None:
    assert Supervisor.answers(kind.__name__) != (kind.__name__ in REFUSED), (
        f"Airflow's tasks can send {kind.__name__}: answer it as the real supervisor does, or name it in NOTED"
        " (its answer is empty) or in REFUSED"
    )


@pytest.mark.parametrize(
    "kind",
    [kind for kind in SENT if Supervisor.answers(kind.__name__) and kind.__name__ not in NOTED],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize("is_kept", [False, True], ids=["absent", "kept"])
def test_every_answer_is_one_that_a_task_understands(
    monkeypatch: pytest.MonkeyPatch, kind: Any, is_kept: bool
) -> None:
    supervisor = Supervisor()
    if is_kept:
        supervisor.variables["key"] = supervisor.xcoms["key"] = supervisor.task_state["key"] = "value"
        monkeypatch.setenv("AIRFLOW_CONN_KEY", '{"conn_type": "sendkit"}')
    message = kind.model_construct(
        key="key", conn_id="key", value="new", ti_id=None, prefix=None, limit=1000, offset=0
    )
    answer = supervisor.send(message)
    assert answer is None or isinstance(answer, HEARD)
    assert isinstance(answer, comms.ErrorResponse) <= (not is_kept)


def test_what_is_deleted_is_gone() -> None:
    supervisor = Supervisor(variables={"a": "1", "b": "2"})
    supervisor.send(comms.DeleteVariable(key="a"))
    supervisor.send(comms.DeleteVariable(key="never there"))
    assert supervisor.variables == {"b": "2"}


def test_a_message_without_an_answer_fails_the_test_even_if_the_task_swallows_the_error() -> None:
    def ask(_: Any) -> None:
        try:
            comms_of_task().send(comms.GetDagRunState(dag_id="d", run_id="r"))
        except Exception:
            return

    def comms_of_task() -> Any:
        from airflow.sdk.execution_time import task_runner

        return task_runner.SUPERVISOR_COMMS

    with pytest.raises(UnansweredMessage, match="GetDagRunState"):
        calling(ask).run()


# --- clearing ----------------------------------------------------------------------------------------------


def remembering(context: Any) -> Any:
    """Return what an earlier try has kept, and the cycle."""
    store = context["task_state_store"]
    found = store.get("seen")
    store.set("seen", context["ti"].try_number)
    return [found, context["ti"].max_tries]


@pytest.mark.parametrize(
    ("keep_state", "found"), [(True, 1), (False, None), (None, None if CLEAR_DISCARDS_STATE else 1)]
)
def test_a_clear_raises_max_tries_and_keeps_or_discards_the_state(
    keep_state: bool | None, found: int | None
) -> None:
    task = calling(remembering, retries=2)
    assert task.to_the_end().result == [None, 2]
    assert task.clear(keep_state=keep_state).to_the_end().result == [found, 3]


def test_a_retry_keeps_the_state_and_max_tries() -> None:
    task = calling(remembering, retries=2)
    task.to_the_end()
    assert task.retry().to_the_end().result == [1, 2]


def test_a_task_can_clear_its_own_state_store() -> None:
    def forget(context: Any) -> Any:
        store = context["task_state_store"]
        store.set("a", 1)
        store.clear()
        return [store.get("a")]

    assert calling(forget).to_the_end().result == [None]


def test_the_state_of_an_airflow_without_a_store_is_played_by_a_stand_in() -> None:
    assert hasattr(comms, "ClearTaskStateStore") is task_state.HAS_STORE
