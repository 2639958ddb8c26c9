"""What a person on call reads: one ERROR line with the cause first, no warning that contradicts it, no empty words."""

from __future__ import annotations

import re

import pytest

from tests.integration.rig import Make, Rig
from tests.integration.task import TaskUnderTest

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])


#: A line of the task's log as structlog prints it; Airflow's own about a task come from another logger.
LINE = re.compile(
    r"\[(info|warning|error) *\] (.*?) +\[(airflow_provider|airflow\.task\.operators\.airflow_provider)"
)


def said(read: pytest.CaptureFixture[str], *levels: str) -> list[str]:
    """Return what ours logged at some levels since the last look."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "".join(read.readouterr()))
    return [found[2] for found in map(LINE.search, plain.splitlines()) if found and found[1] in levels]


def errors_of(read: pytest.CaptureFixture[str], make: Make) -> list[str]:
    read.readouterr()
    TaskUnderTest(make).to_the_end()
    return said(read, "error")


@MODES
def test_a_failed_training_is_one_line_with_the_cause_first(
    rig: Rig, capfd: pytest.CaptureFixture[str], deferrable: bool
) -> None:
    rig.sandbox.options(training_outcome="failed")
    (line,) = errors_of(capfd, rig.retrain(deferrable=deferrable))
    assert line == (
        "The website could not be crawled (SendKit on agent 664a…9d0e, which failed with status failed). What was "
        "charged stays charged. A retry starts a new run, 10 credits. Does a retry help: yes."
    )


def test_a_wrong_key_is_one_line_that_names_the_connection(
    rig: Rig, capfd: pytest.CaptureFixture[str]
) -> None:
    rig.connect("sendkit", password="sk_live_wrong")
    for make in (rig.retrain(), rig.agent_sensor()):
        (line,) = errors_of(capfd, make)
        assert line.startswith("SendKit answered 401: ")
        assert "connection 'sendkit_default', http://127.0.0.1:" in line
        assert "Check the API key in the connection's password field" in line
        assert line.endswith("Does a retry help: no.")


def test_a_connection_that_cannot_be_used_is_said_once_and_no_warning_contradicts_it(
    rig: Rig, capfd: pytest.CaptureFixture[str]
) -> None:
    rig.connect("sendkit", password="")
    rig.connect("sensay", password="")
    for make in (rig.retrain(), rig.update(), rig.create(text="a"), rig.delete(), rig.agent_sensor()):
        capfd.readouterr()
        TaskUnderTest(make).to_the_end()
        (line,) = said(capfd, "warning", "error")
        assert "cannot be used, nothing was sent" in line
        assert line.endswith("Does a retry help: no.")


def test_wrong_arguments_are_one_line(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    for make in (
        rig.retrain(agent_id=""),
        rig.sync([], sync_id=""),
        rig.delete(entry_id=0),
        rig.entry_sensor(entry_id=0),
    ):
        (line,) = errors_of(capfd, make)
        assert line.endswith("Nothing was sent. Does a retry help: no.")


def test_the_last_try_says_why_the_run_before_failed(rig: Rig) -> None:
    rig.sandbox.options(training_outcome="failed")
    task = TaskUnderTest(rig.retrain(max_credits=10), retries=2)
    task.to_the_end()
    ended = task.retry().to_the_end()
    assert type(ended.error).__name__ == "BudgetExceededError"
    assert "10.0 credits are spent, 10 more would pass max_credits=10" in ended.told
    assert "The run before ended so: The website could not be crawled" in ended.told
    assert rig.paid == 1


def test_a_conflict_does_not_say_that_nothing_was_sent(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    rig.sandbox.set_agent(trainingStatus="training")
    for on_running in ("fail", "adopt"):
        capfd.readouterr()
        ended = TaskUnderTest(rig.retrain(on_running=on_running, wait_for_completion=False)).to_the_end()
        everything = " ".join(said(capfd, "info", "warning", "error")) + ended.told
        assert "othing was sent" not in everything
        assert "nothing was charged" in everything
