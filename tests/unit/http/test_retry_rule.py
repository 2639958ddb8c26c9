"""The one rule that decides whether a call is sent again, and when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider import errors
from airflow_provider.http.call import Call
from airflow_provider.http.retry import TRANSIENT, Policy, delay
from airflow_provider.vendors.sendkit import endpoints as sendkit

GET = sendkit.get_agent("a")
RETRAIN = sendkit.retrain("a")

kinds = sorted(
    {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ApiError)},
    key=lambda kind: kind.__name__,
)
waits = st.none() | st.floats(0, 1e9)
outcomes = st.builds(lambda kind, after: kind("x", retry_after=after), st.sampled_from(kinds), waits)
policies = st.builds(
    Policy,
    attempts=st.integers(1, 10),
    base=st.floats(0.001, 60),
    cap=st.floats(0.001, 600),
    deadline=st.floats(0, 3600),
)
fractions = st.floats(0, 1, exclude_max=True)


def wait(
    outcome: BaseException,
    *,
    call: Call[Any] = GET,
    attempt: int = 1,
    elapsed: float = 0.0,
    policy: Policy | None = None,
    rand: float = 0.5,
) -> float | None:
    return delay(call, outcome, attempt, elapsed, policy or Policy(), lambda: rand)


@given(outcomes, st.integers(1, 20), st.floats(0, 1e6), policies, fractions)
def test_a_call_that_charges_or_creates_is_never_repeated(
    outcome: errors.ApiError, attempt: int, elapsed: float, policy: Policy, rand: float
) -> None:
    assert wait(outcome, call=RETRAIN, attempt=attempt, elapsed=elapsed, policy=policy, rand=rand) is None


def test_bytes_are_not_put_twice_to_an_url_that_may_be_used_up() -> None:
    put = sendkit.put_upload("https://storage.example/k?signature=x", b"%PDF", "application/pdf")
    assert wait(errors.TransportError("no answer"), call=put) is None
    assert wait(errors.NotSentError("no connection"), call=put) is not None
    assert wait(errors.ServerError("500", status=500), call=put) is not None


@given(outcomes, st.integers(1, 2000), st.floats(0, 1e6), policies, fractions)
def test_a_wait_never_passes_the_deadline_and_never_undercuts_the_vendors_wish(
    outcome: errors.ApiError, attempt: int, elapsed: float, policy: Policy, rand: float
) -> None:
    seconds = wait(outcome, attempt=attempt, elapsed=elapsed, policy=policy, rand=rand)
    if seconds is None:
        return
    assert isinstance(outcome, TRANSIENT)
    assert attempt < policy.attempts
    assert seconds >= 0
    assert elapsed + seconds <= policy.deadline
    assert seconds >= (outcome.retry_after or 0.0)
    if not outcome.retry_after:
        assert seconds <= min(policy.cap, policy.base * 2.0 ** (attempt - 1))


@given(outcomes)
def test_what_fails_a_task_at_once_is_never_repeated(outcome: errors.ApiError) -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    if isinstance(outcome, AirflowFailException):
        assert wait(outcome) is None


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), errors.InvalidArgumentError("x")])
def test_an_error_that_is_no_answer_of_the_vendor_is_never_repeated(error: BaseException) -> None:
    assert wait(error) is None


def test_the_waits_grow_twofold_up_to_the_cap() -> None:
    busy = errors.ServerError("x")
    policy = Policy(attempts=20, cap=10, deadline=1e9)
    assert [wait(busy, attempt=n, policy=policy, rand=1.0) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert wait(busy, attempt=3, rand=0.0) == 0.0


def test_those_who_were_turned_away_together_do_not_come_back_together() -> None:
    busy = errors.RateLimitedError("x", retry_after=30)
    assert wait(busy, rand=0.0) == 30
    assert wait(busy, rand=0.9) == 30.9
