"""A note of what was delivered names what is there: every write drops it, and no older write brings it back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.rig import Rig
from tests.integration.task import Outcome, Supervisor, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]


class Nights:
    """DAG runs one after the other: each has its own task state, all share the Variables."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def run(self, make: Any, run_id: str) -> Outcome:
        task = TaskUnderTest(make, supervisor=Supervisor(variables=dict(self.variables)), run_id=run_id)
        ended = task.to_the_end()
        assert ended.state == "success", ended.told
        self.variables = dict(task.supervisor.variables)
        return ended


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_what_was_overwritten_without_a_version_is_delivered_again(
    rig: Rig, generation: str, deferrable: bool
) -> None:
    rig.speak(generation)
    nights = Nights()
    nights.run(rig.update(raw_text="Text A", version="v1", deferrable=deferrable), "one")
    nights.run(rig.update(raw_text="Text B", deferrable=deferrable), "two")
    ended = nights.run(rig.update(raw_text="Text A", version="v1", deferrable=deferrable), "three")
    assert ended.result["outcome"] == "refreshed"
    assert rig.sandbox.set_entry(rig.sandbox.entry_id)["rawText"] == "Text A"


def test_a_retrain_without_a_version_forgets_which_one_was_there(rig: Rig) -> None:
    nights = Nights()
    nights.run(rig.retrain(version="v1"), "one")
    nights.run(rig.retrain(), "two")
    assert nights.run(rig.retrain(version="v1"), "three").result["outcome"] == "refreshed"


@pytest.mark.parametrize("sensor", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
def test_an_old_sensor_that_is_cleared_does_not_bring_an_old_version_back(
    rig: Rig, sensor: dict[str, Any]
) -> None:
    nights = Nights()
    first = nights.run(rig.retrain(version="v1", wait_for_completion=False), "one").result
    nights.run(rig.agent_sensor(since=first, **sensor), "one")
    nights.run(rig.retrain(version="v2"), "two")
    nights.run(rig.agent_sensor(since=first, **sensor), "one, cleared")
    assert nights.run(rig.retrain(version="v2"), "three").result["outcome"] == "skipped"
    assert nights.run(rig.retrain(version="v1"), "four").result["outcome"] == "refreshed"
    assert rig.paid == 3


@pytest.mark.parametrize("newer", ["v2", None])
@pytest.mark.parametrize("sensor", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
def test_the_late_end_of_an_older_write_is_not_noted_while_a_newer_one_is_on_its_way(
    rig: Rig, sensor: dict[str, Any], newer: str | None
) -> None:
    nights = Nights()
    old = nights.run(rig.update(raw_text="Text A", version="v1", wait_for_completion=False), "one").result
    nights.run(rig.update(raw_text="Text B", version=newer, wait_for_completion=False), "two")
    nights.run(rig.entry_sensor(since=old, **sensor), "one")
    ended = nights.run(rig.update(raw_text="Text A", version="v1"), "three")
    assert ended.result["outcome"] == "refreshed"
    assert rig.sandbox.set_entry(rig.sandbox.entry_id)["rawText"] == "Text A"


@pytest.mark.parametrize("deferrable", MODES)
def test_an_old_run_that_is_taken_up_again_does_not_bring_an_old_version_back(
    rig: Rig, deferrable: bool
) -> None:
    nights = Nights()
    rig.sandbox.options(training_seconds=30)
    old = TaskUnderTest(rig.retrain(version="v1", timeout=3, deferrable=deferrable), retries=0)
    assert old.to_the_end().verdict == ("failed", "RefreshTimeoutError")
    rig.sandbox.advance(40)
    nights.variables = dict(old.supervisor.variables)
    rig.sandbox.options(training_seconds=1.5)
    nights.run(rig.retrain(version="v2", deferrable=deferrable), "two")
    old.supervisor.variables.update(nights.variables)
    assert old.clear().to_the_end().state == "success"
    nights.variables = dict(old.supervisor.variables)
    assert nights.run(rig.retrain(version="v2"), "three").result["outcome"] == "skipped"
    assert rig.paid == 2
