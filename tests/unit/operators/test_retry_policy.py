"""The exported retry policy; Airflow has retry policies since 3.3, so this is not collected below."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from airflow_provider import errors
from airflow_provider.operators.retry_policy import KnowledgeRetryPolicy


def test_a_rate_limit_waits_as_long_as_the_vendor_asks():
    decision = KnowledgeRetryPolicy().evaluate(errors.RateLimitedError("429", retry_after=17.0), 1, 3)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == timedelta(seconds=17)


def test_a_rate_limit_without_a_wish_keeps_the_tasks_own_delay():
    decision = KnowledgeRetryPolicy().evaluate(errors.RateLimitedError("429"), 1, 3)
    assert decision.action is RetryAction.DEFAULT


@pytest.mark.parametrize("error", [errors.BadRequestError("400"), errors.ConflictError("409")])
def test_what_would_meet_the_same_answer_fails_at_once(error):
    assert KnowledgeRetryPolicy().evaluate(error, 1, 3).action is RetryAction.FAIL


def test_anything_else_is_airflows_own_business():
    decision = KnowledgeRetryPolicy().evaluate(errors.RefreshTimeoutError("late"), 1, 3)
    assert decision.action is RetryAction.DEFAULT


def test_it_survives_serialization():
    policy = KnowledgeRetryPolicy()
    assert isinstance(KnowledgeRetryPolicy.deserialize(policy.serialize()), KnowledgeRetryPolicy)


def test_a_dag_that_uses_it_serializes(monkeypatch):
    from datetime import UTC, datetime

    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator

    with DAG("with_policy", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        SendKitRetrainAgentOperator(task_id="r", agent_id="a", retry_policy=KnowledgeRetryPolicy())
    assert DagSerialization.to_dict(dag)
