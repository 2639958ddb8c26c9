"""
What this release stores, and what it must still load: one file per stored value and released version.

The files of a released version never change. A value whose form changes gets a file in the folder of the
next version, and today's code loads both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import airflow_provider
from airflow_provider.refresh import codec
from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.record import Ending, Identity, Outcome, Record, Stage, fingerprint
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.result import RefreshResult
from airflow_provider.refresh.wait import Purpose, Receipt, Rules, Verdict, Wait
from airflow_provider.triggers.sendkit import SendKitTrainingTrigger
from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger
from airflow_provider.vendors.sendkit import agent as sendkit
from airflow_provider.vendors.sensay import entry as sensay
from tests.unit.refresh.scenes import AGENT_ID, KB, NEW, OLD, REPLICA, agent, entry, result_json

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(folder.name for folder in GOLDEN.iterdir())
CURRENT = airflow_provider.__version__

T0 = 1_767_225_600.0


def _wait(purpose: Purpose, **fields: Any) -> Wait:
    usual = {"started": T0, "deadline": T0 + 3600, "start_grace": 120.0, "poll_interval": 30.0}
    return Wait(purpose=purpose, **{**usual, **fields})


def _seen(wait: Wait, rules: Rules, *sights: Observation) -> Wait:
    for second, seen in enumerate(sights):
        wait, _ = waits.observe(wait, rules, seen, T0 + second)
    return wait


BEFORE = agent("completed", OLD, processing=["old.pdf"], failed=["bad.pdf"])
OWN = _seen(
    _wait(Purpose.OWN, baseline=BEFORE, receipt=Receipt.ACTIVE),
    sendkit.RULES,
    agent("pending", OLD),
    agent("training", OLD, processing=["new.pdf"], trainingProgress=0.25),
)
ENTRY = _seen(
    _wait(
        Purpose.OWN,
        poll_interval=10.0,
        start_grace=60.0,
        baseline=entry("UNPROCESSABLE", OLD, error="too long"),
        ready_statuses=("READY",),
        generation="knowledge-base",
    ),
    sensay.RULES,
    entry("RAW_TEXT", NEW, error="crawler"),
    entry("ODD", NEW),
)
GATE = _wait(Purpose.GATE, max_read_failures=3, backoff=True, longest_gap=600.0)
SINCE = _wait(Purpose.SINCE, since=OLD)

INTENT = Record(
    identity=Identity(target=f"sendkit:agents/{AGENT_ID}", body=fingerprint(None), cycle=2, forced=True),
    stage=Stage.INTENT,
    at=T0,
    baseline=BEFORE,
    version="a1b2",
    credits=Decimal(20),
)
SUBMITTED = replace(
    INTENT,
    stage=Stage.SUBMITTED,
    wait=OWN,
    charged=Decimal("10.5"),
    credits=Decimal("20.5"),
    jobs=("scrape:1",),
)
RESULT = result_json(
    vendor="sendkit",
    target=f"agents/{AGENT_ID}",
    seen=agent("completed", NEW, indexed=["new.pdf"]),
    outcome=Outcome.REATTACHED,
    now=T0 + 90.5,
    wait=OWN,
    charged=Decimal("10.5"),
    jobs=("scrape:1",),
    reason="the end is proven",
    version="a1b2",
)
ENDED = replace(SUBMITTED, stage=Stage.ENDED, outcome=Outcome.REATTACHED, ending=Ending.OK, result=RESULT)
FAILED = replace(SUBMITTED, stage=Stage.ENDED, ending=Ending.FAILED, message="no pages")
CREATED = Record(
    identity=Identity(
        target=f"sensay:replicas/{REPLICA}/knowledge-base", body=fingerprint({"a": 1}), cycle=1
    ),
    stage=Stage.SUBMITTED,
    at=T0,
    wait=ENTRY,
    generation="knowledge-base",
    titled=(3, 5),
    entry_id=7,
    outcome=Outcome.ADOPTED,
)
DONE = Report(wait=OWN, verdict=Verdict.DONE, seen=agent("completed", NEW), record=SUBMITTED)
LOST = Report(
    wait=GATE,
    verdict=Verdict.UNREADABLE,
    error={"type": "ServerError", "message": "503", "status": 503, "retry_after": 30.0},
)


def _arguments(wait: Wait, record: Record | None) -> dict[str, Any]:
    trigger = SendKitTrainingTrigger.of("sendkit_default", AGENT_ID, wait, record, T0 + 6)
    return dict(trigger.serialize()[1])


def _entry_arguments(wait: Wait, record: Record | None) -> dict[str, Any]:
    target = sensay.EntryTarget(REPLICA, 7, KB, ("READY",))
    trigger = SensayKnowledgeBaseEntryTrigger.of("sensay_default", target, wait, record, T0 + 6)
    return dict(trigger.serialize()[1])


def _load_wait(data: Any) -> Wait:
    return codec.load(Wait, data)


def _same(data: Any) -> Any:
    return data


@dataclass(frozen=True)
class Stored:
    """A value, how it is written, and how it is read."""

    value: Any
    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]


def _as_record(value: Record) -> Stored:
    return Stored(value, Record.to_json, Record.from_json)


def _as_wait(value: Wait) -> Stored:
    return Stored(value, codec.dump, _load_wait)


def _as_report(value: Report) -> Stored:
    return Stored(value, Report.to_event, Report.from_event)


def _as_trigger(kind: Any, arguments: dict[str, Any]) -> Stored:
    """A stored trigger is built again by its class."""
    return Stored(arguments, _same, lambda data: dict(kind(**data).serialize()[1]))


STORED = {
    "wait-own": _as_wait(OWN),
    "wait-entry": _as_wait(ENTRY),
    "wait-gate": _as_wait(GATE),
    "wait-since": _as_wait(SINCE),
    "record-intent": _as_record(INTENT),
    "record-submitted": _as_record(SUBMITTED),
    "record-ended": _as_record(ENDED),
    "record-failed": _as_record(FAILED),
    "record-created": _as_record(CREATED),
    "report-done": _as_report(DONE),
    "report-unreadable": _as_report(LOST),
    "trigger-sendkit": _as_trigger(SendKitTrainingTrigger, _arguments(OWN, SUBMITTED)),
    "trigger-sendkit-sensor": _as_trigger(SendKitTrainingTrigger, _arguments(GATE, None)),
    "trigger-sensay": _as_trigger(SensayKnowledgeBaseEntryTrigger, _entry_arguments(ENTRY, CREATED)),
    "result": Stored(RESULT, _same, lambda data: RefreshResult.from_json(data).to_json()),
}


def _golden(version: str, name: str) -> Any:
    return json.loads((GOLDEN / version / f"{name}.json").read_text())


def _names(version: str) -> list[str]:
    return sorted(path.stem for path in (GOLDEN / version).glob("*.json"))


def _as_airflow_stores_it(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


@pytest.mark.parametrize("name", sorted(STORED))
def test_what_is_stored_today_is_what_this_version_is_known_to_store(name: str) -> None:
    stored = STORED[name]
    assert _as_airflow_stores_it(stored.dump(stored.value)) == _golden(CURRENT, name)


@pytest.mark.parametrize(("version", "name"), [(v, name) for v in VERSIONS for name in _names(v)])
def test_what_any_released_version_stored_is_still_loaded(version: str, name: str) -> None:
    loaded = STORED[name].load(_golden(version, name))
    if version == CURRENT:
        assert loaded == STORED[name].load(_as_airflow_stores_it(STORED[name].dump(STORED[name].value)))


def test_a_wait_goes_on_from_the_result_that_any_released_version_returned() -> None:
    for version in VERSIONS:
        begun = RefreshResult.from_json(_golden(version, "result")).proof
        assert begun is not None
        _, verdict = waits.observe(begun, sendkit.RULES, agent("completed", NEW), T0 + 600)
        assert verdict is Verdict.DONE


def test_the_folder_of_this_version_holds_every_stored_value() -> None:
    assert _names(CURRENT) == sorted(STORED)


def test_what_was_seen_before_rules_had_names_is_not_forgotten() -> None:
    old = _load_wait(_golden("0.1.0.dev1", "wait-own"))
    assert (old.evidence.proven, old.evidence.active, old.first_read) == ("SEEN_ACTIVE", True, None)
    entry_wait = _load_wait(_golden("0.1.0.dev1", "wait-entry"))
    assert entry_wait.first_read is not None
    assert entry_wait.first_read.marker == NEW
