"""The rows of the crash matrix: where a process is killed, which one, and what has to come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum


class Mode(StrEnum):
    """How the task waits."""

    SYNC = "sync"
    DEFERRABLE = "deferrable"


class Victim(StrEnum):
    """Who is killed, with SIGKILL where it is not said otherwise."""

    RUNNER = "task runner"  # its supervisor sees exit code -9 at once
    SUPERVISOR = "supervisor"  # only the missing heartbeats tell; the runner lives on as an orphan
    TRIGGER_RUNNER = "trigger runner"
    TRIGGERER = "triggerer"
    TRIGGERER_TERM = "triggerer (SIGTERM)"
    NOBODY = "nobody"


class Step(StrEnum):
    """Where the first try is stopped; the names up to the stages are those that the DAG reaches."""

    BEFORE_INTENT = "before intent"
    AFTER_INTENT = "after intent"
    POST_SENT = "POST sent, not accepted"
    POST_ACCEPTED = "POST accepted, no answer"
    POST_LATE = "POST accepted during the retry"
    ANSWERED = "before submitted"
    SUBMITTED = "after submitted"
    WAITING = "in the wait"
    BEFORE_DEFER = "before defer"
    AFTER_DEFER = "after defer"
    IN_TRIGGER = "in the trigger"
    AFTER_EVENT = "after event"
    BEFORE_ENDED = "before ended"
    AFTER_ENDED = "after ended"
    XCOM = "XCom push fails"
    DEFERRAL_TIMEOUT = "Airflow's deferral timeout"
    RUN_ENDED = "POST accepted, run ended"


class Marker(StrEnum):
    """What the agent's ``lastScrapedAt`` does."""

    MOVES = "moves"
    FROZEN = "stands still"
    ABSENT = "is absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One run of one task, killed once.

    :param outcome: what the result has to say; None where the task has to fail
    :param charges: how often the vendor has to have charged
    :param tries: how many tries the task has to have taken
    :param forgotten: the task's state is gone at the retry, as after a clear on Airflow 3.4, or below 3.3
    :param away: seconds for which no triggerer runs after the kill; longer than ``start_grace``, which is 10
    """

    step: Step
    mode: Mode
    victim: Victim
    outcome: str | None = "refreshed"
    charges: int = 1
    tries: int = 2
    marker: Marker = Marker.MOVES
    on_unknown: str | None = None
    forgotten: bool = False
    away: float = 0.0

    @property
    def name(self) -> str:
        """As the table has it."""
        name: str = self.step
        if self.step is Step.RUN_ENDED:
            policy = "default" if self.on_unknown is None else self.on_unknown
            name = f"{self.step}; marker {self.marker}, on_unknown {policy}"
        if self.forgotten:
            name += "; task state gone"
        return f"{name}; nobody looks for {self.away:.0f} s" if self.away else name

    @property
    def unclosable(self) -> bool:
        """Documented beside ``on_unknown``: nothing at the vendor tells that the first POST landed."""
        return self.charges > 1


def all_rows() -> list[Row]:
    """Every row; those that kill the triggerer last, since they disturb all that waits there."""
    return [
        *_rows(Mode.SYNC),
        *_rows(Mode.DEFERRABLE),
        *_unclosable(),
        *_forgotten(),
        *_trigger_rows(),
    ]


# What a retry finds, by what was left behind: nothing, a trace at the vendor, or a record of the submit.
_AFTER_RUNNER = {
    Step.BEFORE_INTENT: "refreshed",
    Step.AFTER_INTENT: "refreshed",
    Step.POST_SENT: "refreshed",
    Step.POST_ACCEPTED: "adopted",
    Step.POST_LATE: "adopted",
    Step.ANSWERED: "reattached",  # the trace is written first
    Step.SUBMITTED: "reattached",
    Step.WAITING: "reattached",
    Step.BEFORE_DEFER: "reattached",
    Step.AFTER_DEFER: "refreshed",
    Step.AFTER_EVENT: "reattached",
    Step.BEFORE_ENDED: "reattached",
    Step.AFTER_ENDED: "refreshed",
}
# An orphan goes on: what it had not sent yet it sends, and only its notes are lost.
_AFTER_SUPERVISOR = _AFTER_RUNNER | {Step.AFTER_INTENT: "adopted", Step.POST_SENT: "adopted"}
_ONLY = {
    Step.WAITING: Mode.SYNC,
    Step.BEFORE_DEFER: Mode.DEFERRABLE,
    Step.AFTER_DEFER: Mode.DEFERRABLE,
    Step.AFTER_EVENT: Mode.DEFERRABLE,
}


def _rows(mode: Mode) -> Iterator[Row]:
    for victim, outcomes in ((Victim.RUNNER, _AFTER_RUNNER), (Victim.SUPERVISOR, _AFTER_SUPERVISOR)):
        for step, outcome in outcomes.items():
            if _ONLY.get(step, mode) is mode and not (step is Step.POST_LATE and victim is Victim.SUPERVISOR):
                # The task was deferred already: its try went on without the process.
                tries = 1 if step is Step.AFTER_DEFER else 2
                yield Row(step=step, mode=mode, victim=victim, outcome=outcome, tries=tries)
    yield Row(step=Step.XCOM, mode=mode, victim=Victim.NOBODY)
    if mode is Mode.DEFERRABLE:
        yield Row(step=Step.DEFERRAL_TIMEOUT, mode=mode, victim=Victim.NOBODY, outcome="reattached")


def _unclosable() -> Iterator[Row]:
    for mode in Mode:
        ended = Row(step=Step.RUN_ENDED, mode=mode, victim=Victim.RUNNER)
        yield replace(ended, outcome="adopted")
        yield replace(ended, marker=Marker.FROZEN, charges=2)
        yield replace(ended, marker=Marker.ABSENT, outcome=None)
        yield replace(ended, marker=Marker.FROZEN, on_unknown="fail", outcome=None)


def _forgotten() -> Iterator[Row]:
    """What the trace alone has to tell."""
    for mode in Mode:
        for step in (
            Step.AFTER_INTENT,
            Step.POST_SENT,
            Step.POST_ACCEPTED,
            Step.ANSWERED,
            Step.SUBMITTED,
            Step.WAITING,
            Step.BEFORE_DEFER,
            Step.AFTER_EVENT,
            Step.AFTER_ENDED,
        ):
            if _ONLY.get(step, mode) is mode:
                yield Row(
                    step=step, mode=mode, victim=Victim.RUNNER, outcome=_AFTER_RUNNER[step], forgotten=True
                )
        ended = Row(step=Step.RUN_ENDED, mode=mode, victim=Victim.RUNNER, forgotten=True)
        yield replace(ended, outcome="adopted")
        yield replace(ended, marker=Marker.FROZEN, on_unknown="fail", outcome=None)


def _trigger_rows() -> Iterator[Row]:
    for victim in (Victim.TRIGGER_RUNNER, Victim.TRIGGERER, Victim.TRIGGERER_TERM):
        yield Row(step=Step.IN_TRIGGER, mode=Mode.DEFERRABLE, victim=victim, tries=1)
    yield Row(step=Step.IN_TRIGGER, mode=Mode.DEFERRABLE, victim=Victim.TRIGGERER, tries=1, away=25.0)
