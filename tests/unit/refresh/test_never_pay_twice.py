"""
A retrain is paid once: the real loop, with its record and its rules, against a model of the vendor, while
workers die at any step, answers get lost, triggers restart, people clear and somebody else retrains too.

What may not happen, whatever the order: a second charge for one refresh, except after a run that the vendor
reported as failed, and where a paid run left no trace at all; a success or a failure that no run earned; a
wait without an end; more credits than ``max_credits``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider import errors
from airflow_provider.refresh.observation import Observation, Phase, same_time
from airflow_provider.refresh.record import Ending, Record, Stage
from airflow_provider.refresh.submit import WriteReceipt
from airflow_provider.refresh.wait import Receipt
from airflow_provider.tasks.options import Options
from airflow_provider.tasks.refresh_task import RefreshTask
from airflow_provider.triggers.sendkit import SendKitTrainingTrigger
from airflow_provider.vendors.sendkit.agent import AgentTarget
from airflow_provider.vendors.sendkit.models import Agent
from airflow_provider.vendors.sendkit.retrain import Retrain
from tests.unit.refresh.effort import effort
from tests.unit.refresh.scenes import AGENT_ID
from tests.unit.refresh.world import LOG, Airflow, Clock, Killed, ModelClient, Process, Vendor

COST = Decimal(10)
GRACE, POLL, TIMEOUT = 120.0, 30.0, 900.0
RATE_LIMIT = 40.0
#: A run that never was: the vendor took the credits and did nothing.
NOTHING = "nothing"


@dataclass(frozen=True)
class Shape:
    """
    How a run goes.

    :param lag: seconds between the vendor's yes and the first read that shows it; shorter than the grace
    :param documents: seconds that documents are in work beyond ``completed``
    :param stamps: when ``lastScrapedAt`` is stamped: ``start``, ``end`` or ``never``
    """

    lag: float = 0.0
    queue: float = 0.0
    work: float = 60.0
    documents: float = 0.0
    ends: str = "completed"
    stamps: str = "end"


@dataclass(frozen=True)
class Request:
    """
    One POST of ours.

    :param refresh: which refresh it was sent for
    :param baseline: what the record held when it was sent
    """

    refresh: int
    baseline: Observation


@dataclass
class Run:
    """
    One run at the vendor.

    :param request: the POST of ours that started it; None for somebody else's
    :param late: its sender had died before the vendor had the request
    :param submitted: whether our record ever said so
    """

    shape: Shape
    accepted: float
    request: Request | None = None
    late: bool = False
    submitted: bool = False

    @property
    def begins(self) -> float:
        return self.accepted + self.shape.lag + self.shape.queue

    @property
    def trained(self) -> float:
        return self.begins + self.shape.work

    @property
    def over(self) -> float:
        return self.trained + (self.shape.documents if self.shape.ends == "completed" else 0.0)


class SendKit(Vendor):
    """One agent."""

    def __init__(self, clock: Clock, first: str | None, scraped: str | None) -> None:
        super().__init__(clock)
        self.first, self.scraped = first, scraped
        self.runs: list[Run] = []
        self.answers: list[str] = []
        self.shape = Shape()
        self.arrivals: list[tuple[float, Shape, Request | None]] = []
        self.charged: list[Run] = []

    def catch_up(self) -> None:
        """Take what arrived meanwhile: requests whose sender had died, and somebody else's."""
        for arrival in sorted((a for a in self.arrivals if a[0] <= self.clock.now), key=lambda a: a[0]):
            self.arrivals.remove(arrival)
            at, shape, request = arrival
            if not self.active(at):
                self.accept(Run(shape, at, request, late=True))

    def accept(self, run: Run) -> None:
        if run.request is not None:
            self.charged.append(run)
        self.runs.append(run)

    def active(self, at: float) -> bool:
        return bool(self.runs) and at < self.runs[-1].trained

    def answer(self, then: float) -> Agent:
        self.catch_up()
        now, status, documents = then, self.first, "completed"
        scraped = self.scraped and self.spelt(datetime.fromisoformat(self.scraped))
        for number, run in enumerate(self.runs):
            if now < run.accepted + run.shape.lag or run.shape.ends == NOTHING:
                continue
            status = "pending" if now < run.begins else "training" if now < run.trained else run.shape.ends
            stamped = {"start": run.begins, "end": run.trained, "never": float("inf")}[run.shape.stamps]
            if now >= stamped and (run.shape.ends == "completed" or run.shape.stamps == "start"):
                scraped = self.spelt(datetime(2026, 2, 1, 0, 0, number % 60, tzinfo=UTC))
            if run.shape.documents and run.begins <= now < run.over:
                documents = "processing"
        return Agent.model_validate(
            {
                "_id": AGENT_ID,
                "trainingStatus": status,
                "knowledgeBase": {"lastScrapedAt": scraped},
                "uploadedDocuments": [{"fileKey": "k", "status": documents}],
            }
        )

    def retrain(self, request: Request) -> WriteReceipt:
        """Answer our POST."""
        self.catch_up()
        kind = self.answers.pop(0) if self.answers else "active"
        match kind:
            case "not sent":
                raise errors.NotSentError("connection refused")
            case "dropped":
                raise errors.TransportError("reset before the vendor had it")
            case "429":
                raise errors.RateLimitedError("slow down", status=429, retry_after=RATE_LIMIT)
            case "402":
                raise errors.InsufficientCreditsError("Insufficient credits", status=402)
        if self.active(self.clock.now):
            if kind in ("lost", "500"):
                raise errors.TransportError("no answer")
            raise errors.ConflictError("conflict", status=409)
        shape = Shape(work=0.0, ends=NOTHING) if kind == "no-op" else self.shape
        self.accept(Run(shape, self.clock.now, request))
        match kind:
            case "lost":
                raise errors.TransportError("no answer")
            case "500":
                raise errors.ServerError("Internal Server Error", status=500)
            case "garbled":
                raise errors.TruncatedResponseError("cut off", status=200)
        receipt = Receipt.ACTIVE if kind == "active" else Receipt.PLAIN
        return WriteReceipt(receipt=receipt, charged=COST, jobs=("scrape:1",))


ANSWERS = ("active", "plain", "lost", "500", "garbled", "dropped", "not sent", "429", "402", "no-op")


shapes = st.builds(
    Shape,
    lag=st.sampled_from([0.0, 0.0, 0.5, 5.0, 20.0, 60.0]),
    queue=st.sampled_from([0.0, 0.0, 0.5, 3.0, 25.0, 110.0]),
    work=st.sampled_from([0.0, 0.0, 0.2, 3.0, 40.0, 200.0, 2000.0, 1e9]),
    documents=st.sampled_from([0.0, 0.0, 5.0, 100.0]),
    ends=st.sampled_from(["completed", "completed", "failed"]),
    stamps=st.sampled_from(["never", "start", "end"]),
)
no_answers: list[str] = []
answers_to_posts = st.one_of(
    st.just(no_answers), st.just(["429"]), st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3)
)
deaths = st.one_of(
    st.builds(Process, st.just(0)),
    st.builds(lambda at, after: Process(at, after=after), st.integers(1, 30), st.booleans()),
)


class NeverPayTwice(RuleBasedStateMachine):
    @initialize(
        first=st.sampled_from(["completed", "completed", "failed", "pending", None]),
        scraped=st.sampled_from([None, "2026-01-01T00:00:00Z"]),
        on_unknown=st.sampled_from([None, "submit", "fail"]),
        on_running=st.sampled_from(["adopt", "wait", "fail", "skip"]),
        waits=st.sampled_from([True, True, True, False]),
        deferrable=st.booleans(),
        max_credits=st.sampled_from([None, None, Decimal(10), Decimal(20), Decimal(25)]),
        lag=st.sampled_from([0.0, 0.0, 0.0, 0.5, 5.0]),
    )
    def begin(
        self,
        first: str | None,
        scraped: str | None,
        on_unknown: str | None,
        on_running: str,
        waits: bool,
        deferrable: bool,
        max_credits: Decimal | None,
        lag: float,
    ) -> None:
        self.clock = Clock()
        self.agent = SendKit(self.clock, first, scraped)
        self.agent.lags = (lag,)
        self.airflow = Airflow(self.clock, self.agent, self._task, self._post, traced=True)
        self.airflow.timeout = TIMEOUT
        self.airflow.store.watcher = self._watch
        self.on_unknown, self.on_running, self.max_credits = on_unknown, on_running, max_credits
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
        self.in_flight: float | None = None
        self.judged = 0  # how many of the charges have been looked at
        self.refresh = 1  # counts what a person, or a run that failed, made a new one of
        self.paid: list[Run] = []
        self.fresh_after = 0.0
        self.budget = Decimal(0)

    def _task(self, **of_the_process: Any) -> RefreshTask:
        def trigger(target: Any, *wait: Any) -> Any:
            return SendKitTrainingTrigger.of("sendkit_default", AGENT_ID, *wait)

        def connect() -> Any:
            return ModelClient(self.airflow)

        return RefreshTask(
            refresh=Retrain(target=AgentTarget(AGENT_ID)),
            options=self.options,
            connect=connect,
            make_trigger=trigger,
            log=LOG,
            on_running=self.on_running,
            on_unknown=self.on_unknown,
            max_credits=self.max_credits,
            **of_the_process,
        )

    def _post(self, call: Any) -> WriteReceipt:
        """Take a POST of ours."""
        record = self.airflow.store.record
        assert record is not None
        assert record.stage is Stage.INTENT, "nothing is sent without an intent"
        assert record.baseline is not None
        request, before = Request(self.refresh, record.baseline), len(self.agent.runs)
        try:
            return self.airflow.process.step(lambda: self.agent.retrain(request), "POST")
        except Killed:
            if len(self.agent.runs) == before and self.in_flight is not None:
                arrives = self.agent.clock.now + self.in_flight
                self.agent.arrivals.append((arrives, self.agent.shape, request))
            raise

    def _seen(self, shape: Shape) -> Shape:
        """
        Let a run last as long as reads lag at least.

        One that begins and ends between what the baseline shows and our POST cannot be seen by anybody; what then
        shows of it after the POST is taken for ours.
        """
        return replace(shape, work=max(shape.work, *self.agent.lags, 0.0))

    # --- what happens -------------------------------------------------------------------------------------

    @precondition(lambda self: self.airflow.state in ("none", "retry"))
    @rule(process=deaths, answers=answers_to_posts, shape=shapes)
    def a_try(self, process: Process, answers: list[str], shape: Shape) -> None:
        self.agent.answers, self.agent.shape, self.in_flight = answers, self._seen(shape), None
        self._work(process)

    @precondition(lambda self: self.airflow.state in ("none", "retry"))
    @rule(after=st.booleans(), in_flight=st.sampled_from([None, 2.0, 60.0]), shape=shapes)
    def a_try_that_dies_at_its_post(self, after: bool, in_flight: float | None, shape: Shape) -> None:
        self.agent.answers, self.agent.shape, self.in_flight = [], self._seen(shape), in_flight
        self._work(Process("POST", after=after))

    @precondition(lambda self: self.airflow.state == "deferred")
    @rule(
        process=deaths,
        answers=answers_to_posts,
        shape=shapes,
        rand=st.floats(0, 0.99),
        restarts=st.lists(st.integers(1, 12), max_size=2),
        silence=st.sampled_from([0.0, 0.0, 70.0, 130.0, 1000.0]),
    )
    def the_trigger_waits_and_the_task_resumes(
        self,
        process: Process,
        answers: list[str],
        shape: Shape,
        rand: float,
        restarts: list[int],
        silence: float,
    ) -> None:
        self.agent.answers, self.agent.shape, self.in_flight = answers, self._seen(shape), None
        self._work(process, self.airflow.trigger(rand, tuple(restarts), silence))

    @precondition(lambda self: self.airflow.state == "deferred")
    @rule()
    def airflows_own_deferral_timeout_loses_the_event(self) -> None:
        self.airflow.state = "retry"

    @precondition(lambda self: self.airflow.state != "none")
    @rule(force=st.sampled_from([False, False, False, True]), keep_state=st.booleans())
    def a_person_clears_the_task(self, force: bool, keep_state: bool) -> None:
        was_green = self.airflow.state == "success"
        self.airflow.clear(keep_state=keep_state)
        record = self.airflow.record
        lost = record is not None and record.ending is Ending.OK and record.noted is False and not force
        if record is not None and record.stage is Stage.ENDED and not lost:
            self.refresh += 1
        if was_green and not lost:
            self.fresh_after = self.clock.now
        if force and not (self.options.force and record is not None and record.stage is Stage.SUBMITTED):
            self.refresh += 1  # another charge is what was asked for
        if force:
            self.budget = Decimal(0)
        self.options = replace(self.options, force=force)

    @rule(passes=st.sampled_from([1.0, 15.0, 60.0, 119.0, 130.0, 1000.0]))
    def time_passes(self, passes: float) -> None:
        self.clock.pass_time(passes)
        self._judge()

    @rule(after=st.sampled_from([0.0, 0.5, 5.0, 30.0, 200.0]), shape=shapes)
    def somebody_else_retrains(self, after: float, shape: Shape) -> None:
        self.agent.arrivals.append((self.clock.now + after, self._seen(shape), None))
        self.agent.catch_up()

    @rule(lasts=st.sampled_from([3.0, 50.0, 300.0]))
    def reads_fail_for_a_while(self, lasts: float) -> None:
        self.agent.unreadable_until = self.clock.now + lasts

    def _work(self, process: Process, event: Any = None) -> None:
        before = self.airflow.record
        self.airflow.work(process, event)
        self._judge()
        result, record = self.airflow.result, self.airflow.record
        if self.airflow.state == "success" and result is not None and result["confirmed"]:
            assert record is not None
            self._earned("completed", record)
        if isinstance(self.airflow.error, errors.InsufficientCreditsError):
            assert self.airflow.record == before, "nothing was charged, yet the record has changed"

    # --- what may not happen ------------------------------------------------------------------------------

    def _watch(self, value: Any) -> None:
        """Look at each record as it is written."""
        record = Record.from_json(value)
        self._judge()
        if record.stage is Stage.SUBMITTED:
            for run in self.paid:
                run.submitted = True
        # What is put back after a refused request is an earlier cycle's.
        if record.stage is Stage.ENDED and record.identity.cycle == self.airflow.cycle:
            assert record.ending is not None
            if record.ending is Ending.FAILED:
                self._earned("failed", record)
                self.refresh += 1
            elif record.ending is Ending.OK and record.result["confirmed"]:
                self._earned("completed", record)

    def _earned(self, end: str, record: Record) -> None:
        """An end that the task reports must be one that a run had, after the record's baseline was read."""
        now = self.clock.now
        since = max(record.at, self.fresh_after)
        runs = [run for run in self.agent.runs if since <= run.over <= now]
        assert any(run.shape.ends == end for run in runs), f"nothing {end} since the baseline"
        own = [run for run in self.paid if run.accepted >= record.at and not run.late]
        # ``failed`` ends a wait even while documents are in work.
        over = [run.trained if end == "failed" else run.over for run in own]
        assert all(at <= now for at in over), f"{end} while the run that was paid for is at work"

    def _judge(self) -> None:
        """Look at each charge once."""
        self.agent.catch_up()
        for run in self.agent.charged[self.judged :]:
            self.judged += 1
            assert run.request is not None
            for earlier in self.paid:
                if earlier.request is not None and earlier.request.refresh == run.request.refresh:
                    self._left_no_trace(earlier, run)
            self.paid.append(run)
            if run.request.refresh == self.refresh:
                self.budget += COST
                assert self.max_credits is None or self.budget <= self.max_credits, "more than max_credits"

    def _left_no_trace(self, earlier: Run, again: Run) -> None:
        """The one way to pay twice: nothing that can be read tells the paid run from none at all."""
        assert self.on_unknown != "fail", "paid twice in spite of on_unknown='fail'"
        assert not earlier.submitted, "paid twice although the record said that it was submitted"
        assert earlier.trained <= again.accepted, "paid twice while the first run was at work"
        assert earlier.request is not None
        assert again.request is not None
        before, now = earlier.request.baseline, again.request.baseline
        if self.on_unknown is None:
            assert before.marker is not None, "paid twice where no marker could have moved"
        if before.phase is Phase.RUNNING and (self.on_unknown == "submit" or max(self.agent.lags)):
            return  # somebody else's run in the baseline blurs every trace; so does a read of it that lags
        assert set(now.processing) <= set(before.processing), "paid twice although documents were in work"
        assert same_time(now.marker, before.marker), "paid twice although the marker had moved"
        assert before.phase is Phase.RUNNING or now.status == before.status, (
            "paid twice although the status had changed"
        )


TestNeverPayTwice = NeverPayTwice.TestCase
TestNeverPayTwice.settings = effort(quick=60, steps=30)


# --- stories that chance tells too rarely -----------------------------------------------------------------


def told(**policy: Any) -> NeverPayTwice:
    usual: dict[str, Any] = {
        "first": "completed",
        "scraped": "2026-01-01T00:00:00Z",
        "on_unknown": None,
        "on_running": "adopt",
        "waits": True,
        "deferrable": False,
        "max_credits": None,
        "lag": 0.0,
    }
    story = NeverPayTwice()
    story.begin(**{**usual, **policy})
    return story


def test_a_run_that_began_and_ended_while_we_waited_out_a_rate_limit_is_not_taken_for_ours() -> None:
    story = told()
    story.somebody_else_retrains(after=5.0, shape=Shape(work=3.0))
    story.a_try(process=Process(), answers=["429"], shape=Shape(lag=20.0))
    assert story.airflow.state == "success"
    assert [run.over <= story.clock.now for run in story.paid] == [True]


def test_a_run_that_left_no_trace_is_paid_again_only_if_the_caller_says_so() -> None:
    for on_unknown, scraped, charges in (
        (None, "2026-01-01T00:00:00Z", 2),
        (None, None, 1),
        ("submit", None, 2),
        ("fail", "2026-01-01T00:00:00Z", 1),
    ):
        story = told(on_unknown=on_unknown, scraped=scraped)
        silent = Shape(work=3.0, stamps="never")
        story.a_try_that_dies_at_its_post(after=True, in_flight=None, shape=silent)
        story.time_passes(passes=15.0)
        story.a_try(process=Process(), answers=[], shape=silent)
        assert len(story.paid) == charges
        assert story.airflow.state == ("success" if charges == 2 else "failed")


def test_a_worker_killed_after_any_step_of_a_run_that_stamps_its_marker_costs_one_charge() -> None:
    for waits in (True, False):
        for after in (True, False):
            for step in range(1, 40):
                story = told(waits=waits)
                story.a_try(process=Process(step, after=after), answers=[], shape=Shape(work=20.0))
                story.time_passes(passes=60.0)
                if story.airflow.state == "retry":
                    story.a_try(process=Process(), answers=[], shape=Shape(work=20.0))
                assert (story.airflow.state, len(story.paid)) == ("success", 1), f"killed at step {step}"


def test_a_run_of_ours_that_ends_while_we_wait_out_a_rate_limit_is_not_paid_again() -> None:
    story = told(on_unknown="fail")
    story.somebody_else_retrains(after=0.0, shape=Shape(work=30.0))
    story.clock.pass_time(1)
    story.a_try_that_dies_at_its_post(after=False, in_flight=60.0, shape=Shape(work=20.0))
    story.clock.pass_time(64)
    story.a_try(answers=["429"], process=Process(), shape=Shape())
    assert len(story.paid) == 1
