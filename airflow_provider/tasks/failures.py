"""
A bad verdict, said as an error that answers four questions: what happened, what became of the remote run
and the credits, what a retry will do, and what to do now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.wait import Purpose, Verdict

_VENDOR_NAMES = {"sendkit": "SendKit", "sensay": "Sensay"}


def refuse(task: str, problems: list[str]) -> None:
    """
    Raise if any argument is wrong.

    :param task: the operator's or sensor's class, for the message
    :raises InvalidArgumentError: naming every problem at once
    """
    if problems:
        raise InvalidArgumentError(f"{task}: {'; '.join(problems)}. Nothing was sent.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """
    Words for the ways a wait can end badly.

    :param vendor: ``sendkit`` or ``sensay``
    :param target: the target's key
    :param submits: True for an operator, whose retry can submit; False for a sensor, which cannot
    :param price: what another submit costs, in words
    :param durable: whether a record survives for the next try
    """

    vendor: str
    target: str
    submits: bool
    price: str = ""
    durable: bool = True

    def error(self, report: Report) -> AgentKnowledgeError:
        """Return the error for a verdict that is neither a success nor a wait."""
        what = f"{_VENDOR_NAMES.get(self.vendor, self.vendor)} {self.target}"
        last = f"last seen: {report.seen}" if report.seen else "nothing could be read"
        match report.verdict:
            case Verdict.FAILED:
                return self._failed(what, report)
            case Verdict.UNCONFIRMED:
                return RefreshUnconfirmedError(
                    f"{what} shows a terminal status, but nothing ties it to this refresh ({last}). The status may "
                    f"be an earlier run's, or this run ended without a trace.{self._charged()} It is not tried again. "
                    "Look at the vendor's console; clear the task to refresh again, or set on_unconfirmed='accept'."
                )
            case Verdict.UNKNOWN_STATUS:
                status = report.seen.status if report.seen else None
                return UnknownStatusError(
                    f"{what} has {'no status' if status is None else f'the unknown status {status!r}'} for longer "
                    "than start_grace. An unknown status is never taken for success. The remote run, if any, goes "
                    f"on.{self._charged()} It is not tried again. Check the vendor's API for a change; clear the task "
                    "to look again."
                )
            case Verdict.NEVER_STARTED:
                return NeverTrainedError(
                    f"{what} waits to be started ({last}) and nobody started it throughout start_grace: was it never "
                    "trained? Nothing was sent or charged. Submit a refresh first, or set since= to wait for one."
                )
            case Verdict.TIMED_OUT:
                kind = RefreshTimeoutError if self.submits else SensorTimeoutError
                return kind(self._timed_out(what, last, report))
            case Verdict.UNREADABLE:
                cause = (report.error or {}).get("message", "no answer")
                return ReadFailuresError(
                    f"{what} could not be read {report.wait.evidence.failures} times in a row; last: {cause} This says "
                    f"nothing about the remote run, which was left alone.{self._charged()} {self._again()}"
                )
            case Verdict.REFUSED:
                return self._refused(what, report)
        return RefreshError(f"{what} ended in {report.verdict}, which this version does not know ({last})")

    def _failed(self, what: str, report: Report) -> RefreshError:
        seen = report.seen
        cause = (seen.error if seen else None) or "the vendor gives no reason"
        text = f"{what} failed (status {seen.status if seen else 'missing'}): {cause}.{self._charged()} "
        if self.submits:
            return RefreshFailedError(f"{text}A retry starts a new run{self.price}.")
        return RefreshFailedForGoodError(f"{text}A sensor cannot start another run: run the refresh again.")

    def _timed_out(self, what: str, last: str, report: Report) -> str:
        if report.wait.purpose is Purpose.FOREIGN:
            return (
                f"Another run on {what} did not end in time ({last}). Nothing was sent or charged. "
                "A retry waits anew."
            )
        return (
            f"{what} did not end in time ({last}). The remote run goes on.{self._charged()} {self._again()}"
        )

    def _refused(self, what: str, report: Report) -> AgentKnowledgeError:
        error = ApiError.from_json(report.error or {"type": "ApiError", "message": "no answer"})
        fields = error.to_json()
        fields["message"] = (
            f"{error.message} So the wait for {what} cannot go on; the remote run was left alone."
            f"{self._charged()} Mend the cause, then clear the task: it "
            f"{'re-attaches' if self.submits else 'looks again'}."
        )
        return ApiError.from_json(fields)

    def _charged(self) -> str:
        return " What was charged stays charged." if self.submits and self.price else ""

    def _again(self) -> str:
        if not self.submits:
            return "A retry looks again and costs nothing."
        if self.durable:
            return "A retry re-attaches to the same run and is not charged again."
        return (
            "Below Airflow 3.3 there is no record of this try: a retry finds the run only while it is active, "
            f"and else starts a new one{self.price}."
        )


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
        f"Agent {agent_id}: training completed, but documents failed: {names}. What was charged stays charged; it is "
        "not tried again, since the same documents would fail again. Replace or remove them, or set "
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
