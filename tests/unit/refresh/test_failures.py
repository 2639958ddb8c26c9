"""How a bad end is said: the cause first, then what became of the run and the credits, then what to do."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider import errors
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.wait import Evidence, Purpose, Verdict, Wait
from airflow_provider.tasks.failures import operator_error, sensor_error
from airflow_provider.vendors.sendkit.agent import AgentTarget
from airflow_provider.vendors.sensay.entry import EntryTarget, Generation

AGENT = AgentTarget("664a1b2c3d4e5f6a7b8c9d0e")
ENTRY = EntryTarget("03db5651-cb61-4bdf-9ef0-89561f7c9c53", 12345, Generation.KNOWLEDGE_BASE)
TRAINING = Observation(status="training", phase=Phase.RUNNING)
FAILED = Observation(status="failed", phase=Phase.FAILED, error="The website could not be crawled.")
RATE_LIMITED = errors.RateLimitedError(
    "SendKit answered 429: Too Many Requests (get agent)", advice="The vendor asks to wait 60 s.", status=429
).to_json()
NOT_FOUND = errors.NotFoundError(
    "SendKit answered 404: Not Found (get agent)", advice="Is agent_id right?", status=404
).to_json()


def report(
    verdict: Verdict, seen: Observation | None = None, *, purpose: Purpose = Purpose.OWN, **fields: Any
) -> Report:
    failures = fields.pop("failures", 0)
    wait = Wait(
        purpose=purpose,
        started=0,
        deadline=60,
        start_grace=1,
        poll_interval=1,
        evidence=Evidence(failures=failures),
    )
    return Report(wait=wait, verdict=verdict, seen=seen, **fields)


OPERATOR = [
    (
        report(Verdict.FAILED, FAILED),
        errors.RefreshFailedError,
        "The website could not be crawled (SendKit on agent 664a…9d0e, which failed with status failed). What was "
        "charged stays charged. A retry starts a new run, 10 credits.",
    ),
    (
        report(Verdict.FAILED, Observation(status="failed", phase=Phase.FAILED)),
        errors.RefreshFailedError,
        "The vendor gives no reason (SendKit on agent 664a…9d0e, which failed with status failed). What was charged "
        "stays charged. A retry starts a new run, 10 credits.",
    ),
    (
        report(Verdict.TIMED_OUT, TRAINING),
        errors.RefreshTimeoutError,
        "SendKit agent 664a…9d0e did not end in time (last seen: status=training). The remote run goes on. What was "
        "charged stays charged. A retry re-attaches to the same run and is not charged again.",
    ),
    (
        report(Verdict.TIMED_OUT, TRAINING, error=RATE_LIMITED),
        errors.RefreshTimeoutError,
        "SendKit agent 664a…9d0e did not end in time (last seen: status=training). The last read failed: SendKit "
        "answered 429: Too Many Requests (get agent). The remote run goes on. What was charged stays charged. A retry "
        "re-attaches to the same run and is not charged again.",
    ),
    (
        report(Verdict.TIMED_OUT, None, purpose=Purpose.FOREIGN),
        errors.RefreshTimeoutError,
        "Another run on SendKit agent 664a…9d0e did not end in time (nothing could be read). Nothing was charged. "
        "A retry waits anew.",
    ),
    (
        report(Verdict.UNREADABLE, None, error=RATE_LIMITED, failures=1),
        errors.ReadFailuresError,
        "SendKit agent 664a…9d0e could not be read 1 time in a row; last: SendKit answered 429: Too Many Requests (get "
        "agent). This says nothing about the remote run, which was left alone. What was charged stays charged. A retry "
        "re-attaches to the same run and is not charged again.",
    ),
    (
        report(Verdict.REFUSED, None, error=NOT_FOUND),
        errors.NotFoundError,
        "SendKit answered 404: Not Found (get agent). Is agent_id right? So the wait for SendKit agent 664a…9d0e "
        "cannot go on; the remote run was left alone. What was charged stays charged. Mend the cause, then clear the "
        "task: it re-attaches.",
    ),
    (
        report(Verdict.UNKNOWN_STATUS, Observation(status="dreaming", phase=Phase.UNKNOWN)),
        errors.UnknownStatusError,
        "SendKit agent 664a…9d0e has the unknown status 'dreaming' for longer than start_grace. An unknown status is "
        "never taken for success. The remote run, if any, goes on. What was charged stays charged. It is not tried "
        "again. Check the vendor's API for a change; clear the task to look again.",
    ),
]


@pytest.mark.parametrize(("told", "kind", "words"), OPERATOR)
def test_an_operator_says_what_happened_what_was_paid_and_what_a_retry_does(
    told: Report, kind: type[errors.AgentKnowledgeError], words: str
) -> None:
    error = operator_error(told, AGENT, price=", 10 credits", durable=True)
    assert type(error) is kind
    assert str(error) == words


@pytest.mark.parametrize("verdict", [each for each in Verdict if each not in (Verdict.WAIT, Verdict.DONE)])
@pytest.mark.parametrize("seen", [None, TRAINING, FAILED], ids=str)
def test_every_verdict_is_said_in_whole_sentences(verdict: Verdict, seen: Observation | None) -> None:
    told = report(verdict, seen, error=NOT_FOUND, failures=5)
    for error in (
        operator_error(told, AGENT, price=", 10 credits", durable=False),
        operator_error(told, ENTRY, price="", durable=True),
        sensor_error(told, ENTRY),
    ):
        words = str(error)
        assert words.isprintable()
        assert words.endswith((".", "?")), words
        assert ".." not in words
        assert "  " not in words
        assert AGENT.agent_id not in words


def test_what_costs_nothing_says_nothing_of_charges() -> None:
    for verdict in Verdict:
        error = operator_error(report(verdict, FAILED, error=NOT_FOUND), ENTRY, price="", durable=True)
        assert "charged stays" not in str(error)


def test_a_sensors_failure_is_final_and_its_timeout_is_airflows() -> None:
    failed = sensor_error(report(Verdict.FAILED, FAILED), ENTRY)
    assert isinstance(failed, AirflowFailException)
    assert str(failed) == (
        "The website could not be crawled (Sensay on entry 12345, which failed with status failed). A sensor cannot "
        "start another run: run the refresh again."
    )
    late = sensor_error(report(Verdict.TIMED_OUT, TRAINING), ENTRY)
    assert isinstance(late, AirflowSensorTimeout)
    assert str(late).endswith("The remote run goes on. A retry looks again and costs nothing.")


def test_below_33_a_retry_of_a_free_write_writes_again() -> None:
    error = operator_error(report(Verdict.TIMED_OUT, TRAINING), ENTRY, price="", durable=False)
    assert str(error).endswith("nothing is kept of a write that is free: a retry writes again.")
