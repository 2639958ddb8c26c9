"""
An update is proven before it is called done: the real loop against a model of an entry whose ``READY`` may
be an old one, while workers die at any step, triggers restart, and people clear the task with another text.

What may not happen, whatever the order: a success while the replica does not answer from what was sent, or a
wait without an end. Writes may be repeated; they cost nothing.

What nobody can see, and the model leaves out: another text that was written within the last grace and waits
behind a ``READY`` that still stands, or that reads which lag do not show yet. Its first steps would be taken for those
of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider import errors
from airflow_provider.refresh.submit import WriteReceipt
from airflow_provider.refresh.wait import Receipt
from airflow_provider.tasks.options import Options
from airflow_provider.tasks.refresh_task import RefreshTask
from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation
from airflow_provider.vendors.sensay.update import Update
from airflow_provider.vendors.sensay.values import Entry
from tests.unit.refresh.effort import effort
from tests.unit.refresh.scenes import KB, REPLICA, TRAINING
from tests.unit.refresh.world import LOG, Airflow, Clock, ModelClient, Process, Vendor

GRACE, POLL, TIMEOUT = 60.0, 10.0, 400.0
VECTOR = "5f0c2c9e-7a55-4c1e-9c0e-2f5a1f3c9d11"

STEPS = {KB: ("RAW_TEXT", "PROCESSED_TEXT"), TRAINING: ("PROCESSING", "PROCESSING")}


@dataclass(frozen=True)
class Course:
    """
    How the processing of a write goes.

    :param stale: seconds that the old status stands after the write
    :param steps: seconds of the two steps before the text is usable
    :param optimising: seconds from ``VECTOR_CREATED`` to ``READY``
    :param stamps_write: the write stamps ``updatedAt``
    :param stamps_steps: each step stamps it
    :param ends: ``usable``, ``failed``, ``stuck`` with an error, or ``ignored``: nothing is processed at all
    """

    stale: float = 0.0
    steps: tuple[float, float] = (3.0, 3.0)
    optimising: float = 5.0
    stamps_write: bool = True
    stamps_steps: bool = True
    ends: str = "usable"


@dataclass(frozen=True)
class Write:
    """A write that the vendor took; ``vector`` ones bring their own index and need no processing."""

    at: float
    text: str
    course: Course
    vector: bool = False


@dataclass(frozen=True)
class Moment:
    """What changed at one time."""

    at: float
    status: str | None = None
    stamps: bool = False
    error: str | None = None
    indexed: str | None = None


class Sensay(Vendor):
    """One entry."""

    def __init__(self, clock: Clock, generation: Generation, first: Course, age: float) -> None:
        super().__init__(clock)
        self.generation = generation
        self.writes = [Write(clock.now - age, "the old text", first)]
        self.answers: list[str] = []
        self.course = Course()

    def take(self, text: str, *, vector: bool = False) -> None:
        self.writes.append(Write(self.clock.now, text, self.course, vector))

    def write(self, text: str, *, vector: bool) -> WriteReceipt:
        """Answer our PATCH or PUT."""
        match self.answers.pop(0) if self.answers else "done":
            case "dropped":
                raise errors.TransportError("reset before the vendor had it")
            case "500, not done":
                raise errors.ServerError("Internal Server Error", status=500)
            case "429":
                raise errors.RateLimitedError("slow down", status=429, retry_after=20.0)
            case "lost":
                self.take(text, vector=vector)
                raise errors.TransportError("no answer")
        self.take(text, vector=vector)
        return WriteReceipt(receipt=Receipt.VECTOR if vector else Receipt.PLAIN)

    def _moments(self, write: Write) -> Iterator[Moment]:
        course, at = write.course, write.at
        yield Moment(at, stamps=course.stamps_write or write.vector)
        if write.vector:
            yield Moment(at, "READY", indexed=write.text)
            return
        if course.ends == "ignored":
            return
        at += course.stale
        one, two = STEPS[self.generation]
        yield Moment(at, one, course.stamps_steps)
        if course.ends == "stuck":
            yield Moment(at + course.steps[0], one, course.stamps_steps, error="extraction failed")
            return
        yield Moment(at + course.steps[0], two, course.stamps_steps)
        at += sum(course.steps)
        if course.ends == "failed":
            failed = "UNPROCESSABLE" if self.generation is KB else "ERR_TEXT_TO_VECTOR"
            yield Moment(at, failed, course.stamps_steps)
            return
        if self.generation is KB:
            yield Moment(at, "VECTOR_CREATED", course.stamps_steps, indexed=write.text)
            at += course.optimising
        yield Moment(at, "READY", course.stamps_steps, indexed=write.text)

    def at(self, then: float) -> tuple[Entry, str]:
        """The entry as it was, and the text that the replica answered from."""
        status, error, stamped, indexed = "NEW", None, 0.0, ""
        writes = [write for write in self.writes if write.at <= then] or self.writes[:1]
        for number, write in enumerate(writes):
            ends = min(
                (w.at + (0.0 if w.vector else w.course.stale) for w in writes[number + 1 :] if _moves(w)),
                default=float("inf"),
            )
            for moment in self._moments(write):
                if moment.at > then or (moment.at >= ends and moment.status is not None):
                    continue
                if moment.stamps:
                    stamped = max(stamped, moment.at)
                if moment.status is not None:
                    status, error = moment.status, moment.error
                indexed = moment.indexed or indexed
        updated = self.spelt(datetime.fromtimestamp(stamped, UTC))
        return Entry(
            id=7,
            status=status,
            updated_at=updated,
            type="text",
            error_message=error,
            raw_text=writes[-1].text,
        ), indexed

    def answer(self, then: float) -> Entry:
        return self.at(then)[0]


def _moves(write: Write) -> bool:
    return write.vector or write.course.ends != "ignored"


pauses = st.sampled_from([0.0, 0.0, 0.5, 3.0, 8.0, 30.0])
courses = st.builds(
    Course,
    stale=st.sampled_from([0.0, 0.0, 0.5, 3.0, 20.0, 50.0]),
    steps=st.tuples(pauses, pauses),
    optimising=st.sampled_from([0.0, 3.0, 20.0, 70.0, 200.0, 1e9]),
    stamps_write=st.booleans(),
    stamps_steps=st.booleans(),
    ends=st.sampled_from(["usable", "usable", "usable", "ignored", "failed", "stuck"]),
)
deaths = st.one_of(
    st.builds(Process, st.just(0)),
    st.builds(lambda at, after: Process(at, after=after), st.integers(1, 20), st.booleans()),
)
answers_to_writes = st.lists(st.sampled_from(["done", "lost", "dropped", "500, not done", "429"]), max_size=2)


#: Seconds by which reads are behind; less than two looks are apart, else nothing that is read twice says anything.
lags = st.sampled_from([(0.0,), (0.0,), (0.5,), (3.0,), (8.0,), (0.0, 8.0), (8.0, 0.0, 3.0)])
#: Seconds in which no triggerer runs.
silences = st.sampled_from([0.0, 0.0, 25.0, 70.0, 300.0])


class NeverBelieveAnOldReady(RuleBasedStateMachine):
    @initialize(
        generation=st.sampled_from([KB, KB, TRAINING]),
        first=courses,
        age=st.sampled_from([0.0, 10.0, 100.0, 1e6]),
        ready=st.sampled_from([(), (), ("READY",), ("VECTOR_CREATED",)]),
        vector=st.booleans(),
        waits=st.sampled_from([True, True, True, False]),
        deferrable=st.booleans(),
        lags=lags,
    )
    def begin(
        self,
        generation: Generation,
        first: Course,
        age: float,
        ready: tuple[str, ...],
        vector: bool,
        waits: bool,
        deferrable: bool,
        lags: tuple[float, ...],
    ) -> None:
        self.clock = Clock()
        self.entry_lags = lags
        self.entry = Sensay(self.clock, generation, self._stamped(first), age)
        self.entry.lags = lags
        self.airflow = Airflow(self.clock, self.entry, self._task, self._write)
        self.airflow.timeout = TIMEOUT
        self.ready = ready if generation is KB else ()
        self.vector = vector and generation is TRAINING
        self.text = "text 1"
        self.options = Options(
            waits=waits,
            deferrable=deferrable,
            poll_interval=POLL,
            timeout=TIMEOUT,
            max_read_failures=3,
            start_grace=GRACE,
            version=None,
            force=False,
            on_unconfirmed="fail",
        )

    def _task(self, **of_the_process: Any) -> RefreshTask:
        def connect() -> Any:
            return ModelClient(self.airflow)

        fields = {"raw_text": self.text} | ({"vector_entry_id": VECTOR} if self.vector else {})
        return RefreshTask(
            refresh=Update(target=EntryTarget(REPLICA, 7, self.entry.generation, self.ready), fields=fields),
            options=self.options,
            connect=connect,
            make_trigger=partial(SensayKnowledgeBaseEntryTrigger.of, "sensay_default"),
            log=LOG,
            **of_the_process,
        )

    def _write(self, call: Any) -> WriteReceipt:
        """Take a write of ours."""
        return self.airflow.process.step(lambda: self.entry.write(self.text, vector=self.vector))

    def _stamped(self, course: Course) -> Course:
        """
        Let each change stamp ``updatedAt`` where one replica is behind the other.

        If nothing is stamped, a step of the text before cannot be told from one of ours by anybody.
        """
        return replace(course, stamps_write=True, stamps_steps=True) if len(self.entry_lags) > 1 else course

    # --- what happens -------------------------------------------------------------------------------------

    @precondition(lambda self: self.airflow.state in ("none", "retry"))
    @rule(process=deaths, answers=answers_to_writes, course=courses)
    def a_try(self, process: Process, answers: list[str], course: Course) -> None:
        self.entry.answers, self.entry.course = answers, self._stamped(course)
        self._work(process)

    @precondition(lambda self: self.airflow.state == "deferred")
    @rule(
        process=deaths,
        answers=answers_to_writes,
        course=courses,
        rand=st.floats(0, 0.99),
        restarts=st.lists(st.integers(1, 12), max_size=2),
        silence=silences,
    )
    def the_trigger_waits_and_the_task_resumes(
        self,
        process: Process,
        answers: list[str],
        course: Course,
        rand: float,
        restarts: list[int],
        silence: float,
    ) -> None:
        self.entry.answers, self.entry.course = answers, self._stamped(course)
        self._work(process, self.airflow.trigger(rand, tuple(restarts), silence))

    @precondition(lambda self: self.airflow.state == "deferred")
    @rule()
    def airflows_own_deferral_timeout_loses_the_event(self) -> None:
        self.airflow.state = "retry"

    @precondition(lambda self: self.airflow.state != "none")
    @rule(other_text=st.sampled_from([True, True, False]), force=st.sampled_from([False, False, True]))
    def a_person_clears_the_task(self, other_text: bool, force: bool) -> None:
        if other_text:
            self.text = f"text {int(self.text.split()[1]) + 1}"
            self.clock.pass_time(GRACE)  # see the module's docstring
        self.options = replace(self.options, force=force)
        self.airflow.clear()

    @rule(passes=st.sampled_from([1.0, 15.0, 59.0, 70.0, 500.0]))
    def time_passes(self, passes: float) -> None:
        self.clock.pass_time(passes)

    @precondition(lambda self: self.airflow.store.record is None or not self.airflow.store.record.open)
    @rule(course=courses)
    def somebody_else_writes_while_nothing_of_ours_is_open(self, course: Course) -> None:
        self.entry.course = replace(self._stamped(course), stale=0.0)  # see the module's docstring
        self.entry.take("somebody else's text")
        self.clock.pass_time(max(self.entry.lags))  # see the module's docstring

    @rule(lasts=st.sampled_from([3.0, 15.0, 100.0]))
    def reads_fail_for_a_while(self, lasts: float) -> None:
        self.entry.unreadable_until = self.clock.now + lasts

    # --- what may not happen ------------------------------------------------------------------------------

    def _work(self, process: Process, event: Any = None) -> None:
        self.airflow.work(process, event)
        result = self.airflow.result
        if self.airflow.state != "success" or result is None or not result["confirmed"]:
            return
        _, indexed = self.entry.at(self.clock.now)
        assert result["outcome"] == "skipped" or indexed == self.text, (
            f"{result['status']} was believed while the replica answers from {indexed!r}"
        )


TestNeverBelieveAnOldReady = NeverBelieveAnOldReady.TestCase
TestNeverBelieveAnOldReady.settings = effort(quick=60, steps=30)
