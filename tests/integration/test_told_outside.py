"""What a refresh tells others: asset events, links, counters, spans; and that none of them can harm it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias, Stats
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from airflow_provider.assets.sendkit import agent_asset
from airflow_provider.assets.sensay import entry_asset
from airflow_provider.tasks.links import console_link
from tests.integration.rig import AGENT, ENTRY, NEW_TEXT, RETRAIN, Make, Rig
from tests.integration.task import Killed, Outcome, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]
ALIAS = AssetAlias("knowledge")


def told(outcome: Outcome) -> list[dict[str, Any]]:
    """The asset events that a task's success carries: those of the static outlets and those of aliases."""
    return [json.loads(event.model_dump_json()) if hasattr(event, "model_dump_json") else dict(event)
            for event in outcome.message.outlet_events]  # fmt: skip


def extras(outcome: Outcome) -> list[dict[str, Any]]:
    return [event["extra"] for event in told(outcome)]


# --- asset events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
def test_a_static_outlet_tells_what_happened(rig: Rig, deferrable: bool) -> None:
    asset = agent_asset(rig.sandbox.agent_id)
    outcome = TaskUnderTest(rig.retrain(deferrable=deferrable, version="v1", outlets=[asset])).to_the_end()
    (extra,) = extras(outcome)
    assert extra == {
        "target": f"agents/{rig.sandbox.agent_id}",
        "outcome": "refreshed",
        "status": "completed",
        "version": "v1",
        "credits_charged": 10.0,
        "credits_confirmed": True,
        "counts": outcome.result["counts"],
        "seconds": outcome.result["seconds"],
        "marker": outcome.result["marker"],
        "confirmed": True,
        "proven_by": outcome.result["proven_by"],
        "ended": True,
        "dag_id": "dag_under_test",
        "run_id": "run-1",
    }


@pytest.mark.parametrize("deferrable", MODES)
def test_an_alias_gets_the_targets_asset(rig: Rig, deferrable: bool) -> None:
    outcome = TaskUnderTest(rig.update(deferrable=deferrable, outlets=[ALIAS])).to_the_end()
    (event,) = told(outcome)
    asset = entry_asset(rig.sandbox.replica_uuid, rig.sandbox.entry_id)
    assert (event["source_alias_name"], event["dest_asset_key"]["uri"]) == ("knowledge", asset.uri)
    assert (event["extra"]["outcome"], event["extra"]["status"]) == ("refreshed", outcome.result["status"])


@pytest.mark.parametrize("deferrable", MODES)
def test_a_skipped_refresh_adds_nothing_through_an_alias_and_says_so_to_a_static_outlet(
    rig: Rig, deferrable: bool
) -> None:
    asset = entry_asset(rig.sandbox.replica_uuid, rig.sandbox.entry_id)
    rig.sandbox.set_entry(rawText=NEW_TEXT)
    outcome = TaskUnderTest(rig.update(deferrable=deferrable, outlets=[asset, ALIAS])).to_the_end()
    assert outcome.result["outcome"] == "skipped"
    assert [(event["dest_asset_key"]["uri"], event["extra"]["outcome"]) for event in told(outcome)] == [
        (asset.uri, "skipped")
    ]


@pytest.mark.parametrize("deferrable", MODES)
def test_an_adopted_run_is_told_as_adopted(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.set_agent(foreign_run=True)
    outcome = TaskUnderTest(rig.retrain(deferrable=deferrable, outlets=[ALIAS])).to_the_end()
    assert [(each["outcome"], each["credits_charged"]) for each in extras(outcome)] == [("adopted", 0.0)]


@pytest.mark.parametrize("deferrable", MODES)
def test_a_reattached_refresh_is_told_once_with_what_it_cost(rig: Rig, deferrable: bool) -> None:
    task = TaskUnderTest(_dies_after_submit(rig, deferrable, outlets=[ALIAS]))
    _kill_once_submitted(task)
    assert task.run().state == "killed"
    task.supervisor.before = lambda message: None
    outcome = task.retry().to_the_end()
    assert [(each["outcome"], each["credits_charged"]) for each in extras(outcome)] == [("reattached", 10.0)]
    assert rig.paid == 1


def test_a_refresh_whose_end_nobody_awaits_is_told_by_the_sensor_that_does(rig: Rig) -> None:
    submitted = TaskUnderTest(rig.retrain(wait_for_completion=False, outlets=[ALIAS])).to_the_end()
    assert (submitted.result["ended"], told(submitted)) == (False, [])
    waited = TaskUnderTest(rig.agent_sensor(since=submitted.result, outlets=[ALIAS])).to_the_end()
    assert [each["outcome"] for each in extras(waited)] == ["refreshed"]


def test_a_dry_run_adds_nothing_through_an_alias(rig: Rig) -> None:
    asset = agent_asset(rig.sandbox.agent_id)
    outcome = TaskUnderTest(rig.retrain(dry_run=True, outlets=[asset, ALIAS])).to_the_end()
    assert [each["outcome"] for each in extras(outcome)] == ["skipped"]


def test_a_templated_target_is_told_by_what_the_template_came_to(rig: Rig) -> None:
    task = TaskUnderTest(rig.retrain(agent_id="{{ dag_run.conf['agent'] }}", outlets=[ALIAS]),
                         conf={"agent": rig.sandbox.agent_id})  # fmt: skip
    (event,) = told(task.to_the_end())
    assert event["dest_asset_key"]["uri"] == f"sendkit://agents/{rig.sandbox.agent_id}"


def test_a_created_entry_is_told_by_its_new_id(rig: Rig) -> None:
    outcome = TaskUnderTest(rig.create(text="New.", title="New", outlets=[ALIAS])).to_the_end()
    (event,) = told(outcome)
    asset = entry_asset(rig.sandbox.replica_uuid, outcome.result["entry_id"])
    assert event["dest_asset_key"]["uri"] == asset.uri


def test_another_asset_in_the_outlets_is_told_too_and_an_id_that_is_no_uri_harms_nothing(rig: Rig) -> None:
    rig.sandbox.set_agent(foreign_run=False)
    outcome = TaskUnderTest(rig.retrain(outlets=[Asset("s3://bucket/report")])).to_the_end()
    assert [each["outcome"] for each in extras(outcome)] == ["refreshed"]
    with mock.patch("airflow_provider.tasks.publish.asset_of", side_effect=ValueError("no URI")):
        outcome = TaskUnderTest(rig.retrain(outlets=[ALIAS])).to_the_end()
    assert (outcome.state, told(outcome)) == ("success", [])


# --- links -----------------------------------------------------------------------------------------------


def link(task: TaskUnderTest) -> Any:
    xcoms = task.supervisor.xcoms
    return xcoms.get("_link_SendKitAgentLink", xcoms.get("_link_SensayEntryLink"))


@pytest.mark.parametrize("deferrable", MODES)
def test_a_link_leads_to_the_agent_while_it_waits_and_after(rig: Rig, deferrable: bool) -> None:
    rig.connect("sendkit", {"console_url": "https://console.example.com/agents/{agent_id}"})
    there = f"https://console.example.com/agents/{rig.sandbox.agent_id}"
    task = TaskUnderTest(rig.retrain(deferrable=deferrable))
    outcome = task.run()
    assert link(task) == there
    if deferrable:
        assert outcome.deferred
        task.supervisor.xcoms.clear()
        task.resume(task.fire())
        assert link(task) == there


def test_a_link_leads_to_the_entry(rig: Rig) -> None:
    rig.connect("sensay", {"console_url": "https://c.example.com/{replica_uuid}/{entry_id}"})
    task = TaskUnderTest(rig.update())
    task.to_the_end()
    assert link(task) == f"https://c.example.com/{rig.sandbox.replica_uuid}/{rig.sandbox.entry_id}"


def test_a_link_is_there_again_after_a_reattach(rig: Rig) -> None:
    rig.connect("sendkit", {"console_url": "https://console.example.com/{agent_id}"})
    task = TaskUnderTest(_dies_after_submit(rig, False))
    _kill_once_submitted(task)
    assert task.run().state == "killed"
    task.supervisor.before = lambda message: None
    assert task.retry().to_the_end().result["outcome"] == "reattached"
    assert link(task) == f"https://console.example.com/{rig.sandbox.agent_id}"


def test_without_a_console_url_there_is_no_link(rig: Rig) -> None:
    task = TaskUnderTest(rig.retrain())
    task.to_the_end()
    assert not link(task)


@pytest.mark.parametrize(
    ("console_url", "shown"),
    [
        ("https://c.example.com/{agent_id}", True),
        ("http://localhost:8000/{agent_id}", True),
        ("http://127.0.0.1/{agent_id}", True),
        ("http://[::1]:8000/{agent_id}", True),
        ("http://c.example.com/{agent_id}", False),
        ("http://127.0.0.1.example.com/{agent_id}", False),
        ("https://user:secret@c.example.com/{agent_id}", False),
        ("javascript:alert(1)", False),
        ("", False),
        (None, False),
    ],
)
def test_only_an_address_that_is_safe_to_click_on_becomes_a_link(
    console_url: str | None, shown: bool
) -> None:
    assert bool(console_link(console_url, "agents/65a1b2c3d4e5f6a7b8c9d0e1")) is shown


def test_an_id_cannot_leave_its_place_in_a_link() -> None:
    assert console_link("https://c.example.com/{agent_id}", "agents/..%2F?x=1#y").endswith(
        "/..%252F%3Fx%3D1%23y"
    )


def test_a_connection_deleted_while_the_task_was_deferred_costs_the_link_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TaskUnderTest(rig.retrain(deferrable=True))
    assert task.run().deferred
    event = task.fire()
    monkeypatch.delenv("AIRFLOW_CONN_SENDKIT_DEFAULT")
    outcome = task.resume(event)
    assert (outcome.state, outcome.result["outcome"]) == ("success", "refreshed")


# --- counters and timers ---------------------------------------------------------------------------------


class Counted:
    """What was counted and timed."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Any, dict[str, str]]] = []

    def incr(self, name: str, count: int = 1, rate: float = 1, *, tags: Any = None, **_: Any) -> None:
        self.all.append((name, count, dict(tags or {})))

    def timing(self, name: str, value: Any, *, tags: Any = None, **_: Any) -> None:
        self.all.append((name, value, dict(tags or {})))

    def total(self, what: str) -> int:
        return sum(count for name, count, _ in self.all if name == f"agent_knowledge.{what}")

    def tags(self, what: str) -> list[dict[str, str]]:
        return [tags for name, _, tags in self.all if name == f"agent_knowledge.{what}"]


@pytest.fixture
def counted() -> Iterator[Counted]:
    book = Counted()
    with mock.patch.object(Stats, "incr", book.incr), mock.patch.object(Stats, "timing", book.timing):
        yield book


@pytest.mark.parametrize("deferrable", MODES)
def test_a_refresh_is_counted(rig: Rig, counted: Counted, deferrable: bool) -> None:
    outcome = TaskUnderTest(rig.retrain(deferrable=deferrable)).to_the_end()
    assert (counted.total("submits"), counted.total("credits")) == (1, 10)
    assert counted.total("polls") == outcome.result["polls"]
    assert counted.tags("submits") == [{"vendor": "sendkit"}]
    assert counted.tags("wait") == [{"vendor": "sendkit", "outcome": "refreshed"}]
    assert counted.total("wait") == pytest.approx(outcome.result["seconds"] * 1000)


def test_what_costs_nothing_is_counted_by_its_name(rig: Rig, counted: Counted) -> None:
    rig.sandbox.set_agent(foreign_run=True)
    TaskUnderTest(rig.retrain()).to_the_end()
    rig.sandbox.set_entry(rawText=NEW_TEXT)
    TaskUnderTest(rig.update()).to_the_end()
    assert [counted.total(what) for what in ("submits", "credits", "adoptions", "skips")] == [0, 0, 1, 1]


@pytest.mark.parametrize("deferrable", MODES)
def test_a_reattachment_is_counted_and_the_submit_is_not_counted_again(
    rig: Rig, counted: Counted, deferrable: bool
) -> None:
    task = TaskUnderTest(_dies_after_submit(rig, deferrable))
    _kill_once_submitted(task)
    task.run()
    task.supervisor.before = lambda message: None
    task.retry().to_the_end()
    assert [counted.total(what) for what in ("submits", "credits", "reattachments")] == [1, 10, 1]


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("vendor", ["sendkit", "sensay"])
def test_a_rate_limit_is_counted_wherever_it_is_met(
    rig: Rig, counted: Counted, deferrable: bool, vendor: str
) -> None:
    path, make = (AGENT, rig.retrain) if vendor == "sendkit" else (ENTRY, rig.update)
    rig.sandbox.fault("status", method="GET", path=path, status=429, retry_after="1", times=1, skip=1)
    assert TaskUnderTest(make(deferrable=deferrable)).to_the_end().state == "success"
    assert counted.total("rate_limited") == 1
    assert counted.tags("rate_limited") == [{"vendor": vendor}]


def test_a_rate_limited_write_is_counted(rig: Rig, counted: Counted) -> None:
    rig.sandbox.fault("status", method="POST", path=RETRAIN, status=429, retry_after="1", times=1)
    assert TaskUnderTest(rig.retrain()).to_the_end().state == "success"
    assert (counted.total("rate_limited"), counted.total("submits")) == (1, 1)


@pytest.mark.parametrize("deferrable", MODES)
def test_failing_metrics_harm_nothing(rig: Rig, deferrable: bool) -> None:
    failed: list[str] = []

    def gone(name: str, *_: Any, **__: Any) -> None:
        if name.startswith("agent_knowledge"):  # Airflow's own calls are its own affair
            failed.append(name)
            raise OSError("statsd is gone")

    with mock.patch.object(Stats, "incr", gone), mock.patch.object(Stats, "timing", gone):
        outcome = TaskUnderTest(rig.retrain(deferrable=deferrable)).to_the_end()
    assert (outcome.state, rig.paid) == ("success", 1)
    assert {"agent_knowledge.submits", "agent_knowledge.wait"} <= set(failed)


# --- spans -----------------------------------------------------------------------------------------------


@pytest.fixture
def spans() -> Iterator[Callable[[], list[ReadableSpan]]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with mock.patch.object(trace, "get_tracer_provider", return_value=provider):
        yield lambda: [
            each for each in exporter.get_finished_spans() if each.name.startswith("agent_knowledge")
        ]


@pytest.mark.parametrize("deferrable", MODES)
def test_submit_and_wait_are_spans(
    rig: Rig, spans: Callable[[], list[ReadableSpan]], deferrable: bool
) -> None:
    TaskUnderTest(rig.retrain(deferrable=deferrable)).to_the_end()
    assert [span.name for span in spans()] == ["agent_knowledge.submit", "agent_knowledge.wait"]
    for span in spans():
        assert dict(span.attributes or {}) == {
            "agent_knowledge.vendor": "sendkit",
            "agent_knowledge.target": f"agents/{rig.sandbox.agent_id}",
        }


def test_a_refused_submit_is_a_failed_span_and_the_error_is_the_vendors(
    rig: Rig, spans: Callable[[], list[ReadableSpan]]
) -> None:
    rig.sandbox.fault("status", method="POST", path=RETRAIN, status=402, times=1)
    outcome = TaskUnderTest(rig.retrain()).to_the_end()
    assert outcome.verdict == ("failed", "InsufficientCreditsError")
    assert [(span.name, span.status.is_ok) for span in spans()] == [("agent_knowledge.submit", False)]


def test_failing_tracing_harms_nothing(rig: Rig) -> None:
    with mock.patch.object(trace, "get_tracer_provider", side_effect=RuntimeError("no tracer")):
        outcome = TaskUnderTest(rig.retrain()).to_the_end()
    assert (outcome.state, rig.paid) == ("success", 1)


# --- helpers ---------------------------------------------------------------------------------------------


def _dies_after_submit(rig: Rig, deferrable: bool, **arguments: Any) -> Make:
    return rig.retrain(deferrable=deferrable, **arguments)


def _kill_once_submitted(task: TaskUnderTest) -> None:
    """Kill the process with the first message after the one that records the submit."""
    seen: list[str] = []

    def before(message: Any) -> None:
        if seen:
            raise Killed
        if type(message).__name__ == "SetTaskStateStore" and "submitted" in json.dumps(message.value):
            seen.append("submitted")

    task.supervisor.before = before
