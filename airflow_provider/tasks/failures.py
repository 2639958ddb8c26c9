"""
A wait that ended badly, said as an error: the cause first, what became of the remote run and the credits, what to do.

Log views cut lines off at the right edge, so what comes first is what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider.errors import (
    AgentKnowledgeError,
    ApiError,
    InvalidArgumentError,
    NeverTrainedError,
    ReadFailuresError,
    RefreshError,
    RefreshFailedError,
    RefreshFailedForGoodError,
    RefreshTimeoutError,
    RefreshUnconfirmedError,
    SensorTimeoutError,
    UnknownStatusError,
)
from airflow_provider.refresh.observation import Observation, Target
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.wait import Purpose, Verdict
from airflow_provider.texts import number_of, sentences


def refuse(task: str, problems: list[str]) -> None:
    """
    Raise if any argument is wrong.

    :param task: the operator's or sensor's class, for the message
    :raises InvalidArgumentError: naming every problem at once
    """
    if problems:
        raise InvalidArgumentError(f"{task}: {'; '.join(problems)}. Nothing was sent.")


@contextmanager
def said_in_the_log(log: Any) -> Iterator[None]:
    """Write one ERROR line before an error of ours is raised: Airflow's own puts a traceback around it."""
    try:
        yield
    except AgentKnowledgeError as error:
        log.error("%s", line(error))
        raise


def line(error: AgentKnowledgeError) -> str:
    """Return an error as one line that ends with whether a retry helps."""
    return sentences(" ".join(str(error).split()), f"Does a retry help: {'no' if is_final(error) else 'yes'}")


def is_final(error: BaseException) -> bool:
    """Whether Airflow fails the task at once, since no retry can cure it."""
    return isinstance(error, AirflowFailException)


def operator_error(report: Report, target: Target, *, price: str, durable: bool) -> AgentKnowledgeError:
    """
    Return the error of an operator whose wait ended badly; its retry can submit.

    :param price: what another submit costs, in words; empty: nothing
    :param durable: whether a record survives for the next try
    """
    charged = "What was charged stays charged" if price else ""
    again = (
        "A retry re-attaches to the same run and is not charged again"
        if durable
        else "Below Airflow 3.3 nothing is kept of a write that is free: a retry writes again"
    )
    if report.verdict is Verdict.FAILED:
        return RefreshFailedError(
            sentences(_failed(report, target), charged, f"A retry starts a new run{price}")
        )
    return _error(report, target, charged, again, RefreshTimeoutError, "it re-attaches")


def sensor_error(report: Report, target: Target) -> AgentKnowledgeError:
    """Return the error of a sensor whose wait ended badly: it cannot submit, and cost nothing."""
    if report.verdict is Verdict.FAILED:
        return RefreshFailedForGoodError(
            sentences(_failed(report, target), "A sensor cannot start another run: run the refresh again")
        )
    again = "A retry looks again and costs nothing"
    return _error(report, target, "", again, SensorTimeoutError, "it looks again")


def _error(
    report: Report,
    target: Target,
    charged: str,
    again: str,
    late: type[RefreshTimeoutError],
    after_a_clear: str,
) -> AgentKnowledgeError:
    what, seen = f"{target.label} {target.short}", report.seen
    last = f"last seen: {seen}" if seen else "nothing could be read"
    match report.verdict:
        case Verdict.UNCONFIRMED:
            return RefreshUnconfirmedError(
                sentences(
                    f"{what} shows a terminal status, but nothing ties it to this refresh ({last})",
                    "The status may be an earlier run's, or this run ended without a trace",
                    charged,
                    "It is not tried again. Look at the vendor's console; clear the task to refresh again, or set "
                    "on_unconfirmed='accept'",
                )
            )
        case Verdict.UNKNOWN_STATUS:
            status = (
                "no status" if seen is None or seen.status is None else f"the unknown status {seen.status!r}"
            )
            return UnknownStatusError(
                sentences(
                    f"{what} has {status} for longer than start_grace",
                    "An unknown status is never taken for success. The remote run, if any, goes on",
                    charged,
                    "It is not tried again. Check the vendor's API for a change; clear the task to look again",
                )
            )
        case Verdict.NEVER_STARTED:
            return NeverTrainedError(
                sentences(
                    f"{what} waits to be started ({last}) and nobody started it throughout start_grace: was it never "
                    "trained?",
                    "Nothing was sent or charged. Submit a refresh first, or set since= to wait for one",
                )
            )
        case Verdict.TIMED_OUT if report.wait.purpose is Purpose.FOREIGN:
            return late(
                sentences(
                    f"Another run on {what} did not end in time ({last})",
                    _unread(report),
                    "Nothing was charged. A retry waits anew",
                )
            )
        case Verdict.TIMED_OUT:
            return late(
                sentences(
                    f"{what} did not end in time ({last})",
                    _unread(report),
                    "The remote run goes on",
                    charged,
                    again,
                )
            )
        case Verdict.UNREADABLE:
            failures = number_of(report.wait.evidence.failures, "time")
            return ReadFailuresError(
                sentences(
                    f"{what} could not be read {failures} in a row; last: {_message(report)}",
                    "This says nothing about the remote run, which was left alone",
                    charged,
                    again,
                )
            )
        case Verdict.REFUSED:
            return _refused(report, what, charged, after_a_clear)
    return RefreshError(f"{what} ended in {report.verdict}, which this version does not know ({last})")


def _failed(report: Report, target: Target) -> str:
    seen = report.seen
    cause = (seen.error if seen else None) or "The vendor gives no reason"
    status = seen.status if seen else "missing"
    return f"{cause.rstrip('. ')} ({target.label} on {target.short}, which failed with status {status})"


def _refused(report: Report, what: str, charged: str, after_a_clear: str) -> AgentKnowledgeError:
    """A read was refused for good: the vendor's error, and what it means for the wait."""
    error = ApiError.from_json(report.error or {"type": "ApiError", "message": "no answer"})
    fields = error.to_json()
    fields["advice"] = sentences(
        error.advice,
        f"So the wait for {what} cannot go on; the remote run was left alone",
        charged,
        f"Mend the cause, then clear the task: {after_a_clear}",
    )
    return ApiError.from_json(fields)


def _message(report: Report) -> str:
    return str((report.error or {}).get("message", "no answer"))


def _unread(report: Report) -> str:
    """Say that the last read failed, where it did: a rate limit, mostly."""
    return f"The last read failed: {_message(report)}" if report.error else ""


def judge_documents(
    agent_id: str, seen: Observation, policy: str, log: Any
) -> RefreshFailedForGoodError | None:
    """
    Look at the documents of an agent whose training completed.

    :param policy: ``fail``, ``warn`` or ``ignore``
    :returns: the error to raise, if any. A retry would be charged and meet the same documents, so it is final
    """
    if not seen.failed_documents or policy == "ignore":
        return None
    names = ", ".join(seen.failed_documents)
    if policy == "warn":
        log.warning("Agent %s: training completed, but documents failed: %s", agent_id, names)
        return None
    return RefreshFailedForGoodError(
        f"Documents failed: {names}. The training of agent {agent_id} completed without them. What was charged stays "
        "charged; it is not tried again, since the same documents would fail again. Replace or remove them, or set "
        "on_failed_documents='warn'."
    )


def judge_empty(target: str, seen: Observation, policy: str, log: Any) -> RefreshFailedForGoodError | None:
    """
    Look whether a success left anything that somebody could be answered from.

    :param policy: ``warn`` or ``fail``
    :returns: the error to raise, if any. A retry would be charged and find the same, so it is final
    """
    if seen.caveat is None:
        return None
    if policy == "warn":
        log.warning("%s: the refresh completed, but %s", target, seen.caveat)
        return None
    return RefreshFailedForGoodError(
        f"{target}: the refresh completed, but {seen.caveat}. What was charged stays charged; it is not tried again, "
        "since another run would find the same. Look at the vendor's console, or set on_empty='warn'."
    )
