"""The exported retry policy; Airflow has retry policies since 3.3, so this is not collected below."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ChainRetryPolicy, ExceptionRetryPolicy, RetryRule
from airflow.sdk.definitions.retry_policy import RetryAction, RetryDecision

from airflow_provider import errors
from airflow_provider.operators.retry_policy import KnowledgeRetryPolicy

#: From Airflow 3.4 on a wait for the vendor takes no retry.
LATER = getattr(RetryAction, "RESCHEDULE", RetryAction.RETRY)
HAS_RESCHEDULE = LATER is not RetryAction.RETRY

RATE_LIMITED = errors.RateLimitedError("429", retry_after=17.0)
AT_WORK = errors.AlreadyRunningError("busy")


def context(*, reschedules: int = 0, first: timedelta | None = None) -> Any:
    """A task's context: how often this try was rescheduled, and how long ago for the first time."""
    date = None if first is None else datetime.now(UTC) - first
    ti = SimpleNamespace(
        task=SimpleNamespace(retry_delay=timedelta(minutes=5)),
        get_first_reschedule_date=lambda _: date,
    )
    return {"ti": ti, "task_reschedule_count": reschedules}


def decided(error: BaseException, policy: KnowledgeRetryPolicy | None = None, **past: Any) -> RetryDecision:
    return (policy or KnowledgeRetryPolicy()).evaluate(error, 1, 3, context(**past))


def test_a_rate_limit_waits_as_long_as_the_vendor_asks() -> None:
    decision = decided(RATE_LIMITED)
    assert (decision.action, decision.retry_delay) == (LATER, timedelta(seconds=17))


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 1.0), (1e15, 86_400.0), (float("inf"), 86_400.0)])
def test_no_wish_of_a_vendor_is_too_short_or_too_long(asked: float, waited: float) -> None:
    decision = KnowledgeRetryPolicy(reschedule_timeout=None).evaluate(
        errors.RateLimitedError("429", retry_after=asked), 1, 3
    )
    assert (decision.action, decision.retry_delay) == (RetryAction.RETRY, timedelta(seconds=waited))


def test_a_rate_limit_without_a_wish_keeps_the_tasks_own_delay() -> None:
    assert decided(errors.RateLimitedError("429")).action is RetryAction.DEFAULT


def test_somebody_elses_run_is_waited_for_with_the_tasks_own_delay() -> None:
    decision = decided(AT_WORK)
    assert decision.action is LATER
    assert decision.retry_delay == (timedelta(minutes=5) if HAS_RESCHEDULE else None)


def test_it_decides_without_a_context_too() -> None:
    assert KnowledgeRetryPolicy().evaluate(AT_WORK, 1, 3).action is LATER
    assert KnowledgeRetryPolicy().evaluate(RATE_LIMITED, 1, 3).action is LATER


def test_a_reschedule_comes_no_sooner_than_an_executor_can_take_it() -> None:
    delay = decided(errors.RateLimitedError("429", retry_after=1.0)).retry_delay
    assert delay == timedelta(seconds=6 if HAS_RESCHEDULE else 1)


@pytest.mark.parametrize("error", [RATE_LIMITED, AT_WORK], ids=["rate limit", "conflict"])
@pytest.mark.parametrize(
    ("settings", "past", "expected"),
    [
        ({}, {"reschedules": 7, "first": timedelta(minutes=59)}, LATER),
        ({}, {"reschedules": 7, "first": timedelta(minutes=61)}, RetryAction.RETRY),
        ({"reschedule_timeout": timedelta(days=1)}, {"reschedules": 7, "first": timedelta(hours=2)}, LATER),
        ({"max_reschedules": 3}, {"reschedules": 2, "first": timedelta(minutes=1)}, LATER),
        ({"max_reschedules": 3}, {"reschedules": 3, "first": timedelta(minutes=1)}, RetryAction.RETRY),
        (
            {"max_reschedules": 3, "reschedule_timeout": None},
            {"reschedules": 2, "first": timedelta(days=9)},
            LATER,
        ),
        ({"reschedule_timeout": None}, {}, RetryAction.RETRY),
    ],
)
def test_a_bound_that_is_reached_makes_the_next_wait_a_retry_of_the_same_length(
    error: Exception, settings: dict[str, Any], past: dict[str, Any], expected: RetryAction
) -> None:
    decision = decided(error, KnowledgeRetryPolicy(**settings), **past)
    assert decision.action is expected
    assert error is not RATE_LIMITED or decision.retry_delay == timedelta(seconds=17)


@pytest.mark.parametrize(
    "error", [errors.BadRequestError("400"), errors.ConflictError("409")], ids=["400", "409"]
)
def test_what_would_meet_the_same_answer_fails_at_once(error: Exception) -> None:
    assert decided(error).action is RetryAction.FAIL


@pytest.mark.parametrize(
    "error", [errors.RefreshTimeoutError("late"), errors.RefreshFailedError("no"), ValueError("other")]
)
def test_anything_else_is_airflows_own_business(error: Exception) -> None:
    assert decided(error).action is RetryAction.DEFAULT


def test_it_chains_with_policies_for_other_errors() -> None:
    chain = ChainRetryPolicy(
        [
            KnowledgeRetryPolicy(),
            ExceptionRetryPolicy([RetryRule(exception=PermissionError, action=RetryAction.FAIL)]),
        ]
    )
    assert chain.evaluate(RATE_LIMITED, 1, 3, context()).action is LATER
    assert chain.evaluate(PermissionError(), 1, 3, context()).action is RetryAction.FAIL
    assert chain.evaluate(errors.RefreshFailedError("no"), 1, 3, context()).action is RetryAction.DEFAULT


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_reschedules": 5},
        {"reschedule_timeout": timedelta(hours=6)},
        {"reschedule_timeout": None},
    ],
)
def test_it_survives_serialization(settings: dict[str, Any]) -> None:
    policy = KnowledgeRetryPolicy(**settings)
    assert vars(KnowledgeRetryPolicy.deserialize(policy.serialize())) == vars(policy)


def test_one_that_was_stored_before_there_were_settings_has_the_defaults() -> None:
    assert vars(KnowledgeRetryPolicy.deserialize({})) == vars(KnowledgeRetryPolicy())


@pytest.mark.parametrize(
    "settings", [{"max_reschedules": 0}, {"reschedule_timeout": timedelta(0)}, {"max_reschedules": -1}]
)
def test_a_bound_that_bounds_nothing_is_an_error_of_the_dag(settings: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=next(iter(settings))):
        KnowledgeRetryPolicy(**settings)


def test_a_dag_that_uses_it_serializes() -> None:
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

    with DAG("with_policy", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        SendKitRetrainAgentOperator(task_id="r", agent_id="a", retry_policy=KnowledgeRetryPolicy())
    assert DagSerialization.to_dict(dag)
