"""Handing a wait to the triggerer, and taking its report back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from airflow.providers.common.compat.sdk import TaskDeferred, conf

from airflow_provider.errors import AgentKnowledgeError
from airflow_provider.refresh.report import Report

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger


T = TypeVar("T")


class Deadline(Protocol):
    """What a deferral asks of a wait."""

    @property
    def deadline(self) -> float:
        """When it gives up, in seconds since the epoch."""

    @property
    def poll_interval(self) -> float:
        """The longest gap between two looks, in seconds."""


#: Seconds added to the deadline for Airflow's own deferral timeout, which must lose against the trigger's:
#: when Airflow's expires, the trigger's report is lost.
_BACKSTOP = 60.0


def executor_lag() -> float:
    """
    Return the seconds after which an executor has surely noticed that a process of ours ended.

    A task that is queued again before that is failed by the scheduler, although nothing is wrong
    (apache/airflow#66374).
    """
    lag: float = conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0)
    return lag + 1.0


def defer(wait: Deadline, make_trigger: Callable[[float], BaseTrigger]) -> NoReturn:
    """
    End this process and let the triggerer wait.

    :param make_trigger: takes the time (seconds since the epoch) before which the trigger must not fire
    """
    now = time.time()
    not_before = now + executor_lag()
    raise TaskDeferred(
        trigger=make_trigger(not_before),
        method_name="execute_complete",
        timeout=timedelta(seconds=max(wait.deadline, not_before) - now + wait.poll_interval + _BACKSTOP),
    )


def report_from(event: Any) -> Report:
    """
    Read a trigger's event.

    :raises AgentKnowledgeError: the event is none of ours; retryable: an operator re-attaches, a sensor looks again
    """
    return read_event(Report.from_event, event)


def read_event(reader: Callable[[Any], T], event: Any) -> T:
    """
    Read a trigger's event by its reader.

    :raises AgentKnowledgeError: the event is none of ours; retryable: a retry takes the wait up again
    """
    try:
        return reader(event)
    except ValueError as error:
        raise AgentKnowledgeError(
            f"The trigger's event cannot be used: {error}. The remote run, if any, goes on. A retry takes the wait up "
            "again and is not charged."
        ) from None
