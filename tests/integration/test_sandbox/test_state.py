"""The state objects on their own: what is shown is a function of the timeline and of ``now``."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider.sandbox.app.faults import StatusFault
from airflow_provider.sandbox.app.limits import RateLimit
from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.agents import trained
from airflow_provider.sandbox.state.answers import DO_NOT_KNOW, answer
from airflow_provider.sandbox.state.clock import Clock, iso, iso_micro, parse_time
from airflow_provider.sandbox.state.entries import PIPELINE, Step, finished, processing
from airflow_provider.sandbox.state.knowledge import is_refused, playlist_of
from airflow_provider.sandbox.state.ledger import Charge, Ledger
from airflow_provider.sandbox.state.world import World


def test_looking_twice_at_the_same_moment_shows_the_same() -> None:
    world = World(Options())
    agent = world.agents[World.agent_id]
    agent.retrain(1000.0, world.options)
    late, early = agent.show(1100.0, world.options), agent.show(1000.5, world.options)
    assert (early["trainingStatus"], late["trainingStatus"]) == ("pending", "completed")
    assert agent.show(1000.5, world.options) == early


def test_progress_grows_evenly_while_training() -> None:
    world = World(Options(progress_scale=1))
    agent = world.agents[World.agent_id]
    agent.retrain(1000.0, world.options)
    progress = [agent.show(1000.0 + at, world.options)["trainingProgress"] for at in (0.5, 1, 2.5, 4)]
    assert progress == [0, 0, 0.5, 1]


def test_a_failed_run_leaves_its_error_behind_only_if_so_chosen() -> None:
    for keep, error in ((True, "no"), (False, None)):
        world = World(Options(keep_training_error=keep))
        agent = world.agents[World.agent_id]
        agent.training = trained(0)
        agent.retrain(1000.0, Options(training_outcome="failed", training_error="no"))
        agent.retrain(2000.0, world.options)
        assert agent.show(3000.0, world.options)["trainingError"] == error


def test_a_run_of_the_pipeline_never_goes_back() -> None:
    steps = processing(0, "text", Options(), first="NEW")
    order = [PIPELINE.index(step.status) for step in steps if step.status]
    assert order == sorted(order)
    assert [step.knowledge for step in steps] == [None, None, None, "text", "text"]


def test_an_old_status_lingers_only_if_it_was_a_good_one() -> None:
    good = processing(0, "new", Options(stale_ready=5), before=Step(-9, "READY", knowledge="old"))
    bad = processing(0, "new", Options(stale_ready=5), before=Step(-9, "UNPROCESSABLE"))
    assert [(step.at, step.status) for step in good[:2]] == [(0, "READY"), (5, "RAW_TEXT")]
    assert bad[0].status == "RAW_TEXT"
    assert finished(0, "x")[0].knowledge == "x"


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What are your opening hours?", "Opening hours are 9 to 5."),
        ("How much does shipping cost?", "Shipping costs 5 euros."),
        ("Who is the president?", DO_NOT_KNOW),
        ("What is it?", DO_NOT_KNOW),
    ],
)
def test_chat_tells_the_sentence_that_shares_words(question: str, expected: str) -> None:
    texts = ["We sell lamps. Opening hours are 9 to 5.", "Shipping costs 5 euros. Returns are free."]
    assert answer(question, texts) == expected


def test_the_clock_scales_and_jumps() -> None:
    wall = [100.0]
    clock = Clock(10, lambda: wall[0])
    wall[0] += 1
    assert clock.now() == 110
    clock.set_scale(1)
    wall[0] += 1
    clock.advance(5)
    assert clock.now() == 116


def test_times_read_back() -> None:
    at = 1735120800.123
    assert iso(at) == "2024-12-25T10:00:00.123Z"
    assert iso_micro(at, skew=1) == "2024-12-25T10:00:01.123000+00:00"
    assert parse_time(iso(at)) == parse_time("2024-12-25T10:00:00.123") == at


def test_credits_are_exact() -> None:
    ledger = Ledger(Decimal("0.3"))
    for _ in range(3):
        assert ledger.affords(Decimal("0.1"))
        ledger.charge(Charge(0, "a", Decimal("0.1"), "retrain", "r"))
    assert ledger.left == 0


def test_a_rate_limit_below_one_a_second_holds() -> None:
    rate = RateLimit()
    assert rate.admits(0.5, now=0.0) is None
    assert rate.admits(0.5, now=1.0) == 1.0
    assert rate.admits(0.5, now=2.1) is None


def test_a_fault_counts_only_what_it_lets_pass() -> None:
    fault = StatusFault(kind="status", status=500, skip=1, every=2, times=2)
    assert [fault.fires() for _ in range(8)] == [False, False, True, False, True, False, False, False]


@pytest.mark.parametrize(
    ("url", "refused"),
    [("https://docs.google.com/x", True), ("https://google.com", True), ("https://notgoogle.com", False)],
)
def test_google_is_not_crawled(url: str, refused: bool) -> None:
    assert is_refused(url) is refused


def test_only_a_playlist_is_a_playlist() -> None:
    assert playlist_of("https://www.youtube.com/playlist?list=PL1") == "PL1"
    assert playlist_of("https://www.youtube.com/watch?v=a&list=PL1") is None
    assert playlist_of("https://example.com/playlist?list=PL1") is None
