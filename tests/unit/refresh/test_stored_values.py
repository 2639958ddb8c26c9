"""What Airflow stores comes back as it was: through JSON text, past unknown keys, without keys that are new."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh import codec
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import Ending, Identity, Outcome, Record, Stage
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.wait import Evidence, Purpose, Receipt, Verdict, Wait
from tests.unit.refresh.effort import effort

text = st.text(max_size=8)
maybe_text = st.none() | text
number = st.floats(allow_nan=False, allow_infinity=False)
time = st.floats(0, 4e9)
count = st.integers(0, 2**31)
texts = st.lists(text, max_size=3).map(tuple)
amount = st.decimals(0, 1000, places=2)
any_json = st.recursive(
    st.none() | st.booleans() | count | text,
    lambda inner: st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)

observations = st.builds(
    Observation,
    status=maybe_text,
    phase=st.sampled_from(Phase),
    marker=maybe_text,
    error=maybe_text,
    progress=st.none() | number,
    processing=texts,
    unlisted=count,
    failed_documents=texts,
    counts=st.dictionaries(text, count, max_size=3),
    readable=st.booleans(),
    idle=st.booleans(),
)
evidences = st.builds(
    Evidence,
    active=st.booleans(),
    proven=maybe_text,
    marker=maybe_text,
    unchanged_since=st.none() | time,
    looked_at=time,
    refusals=count,
    silent_until=st.none() | time,
    marker_moves=count,
    status=maybe_text,
    status_since=st.none() | time,
    unknown_since=st.none() | time,
    error_since=st.none() | time,
    polls=count,
    failures=count,
)
waits = st.builds(
    Wait,
    purpose=st.sampled_from(Purpose),
    started=time,
    deadline=time,
    start_grace=time,
    poll_interval=time,
    max_read_failures=count,
    receipt=st.sampled_from(Receipt),
    baseline=st.none() | observations,
    first_read=st.none() | observations,
    since=maybe_text,
    ready_statuses=texts,
    generation=maybe_text,
    backoff=st.booleans(),
    longest_gap=st.none() | time,
    evidence=evidences,
)
records = st.builds(
    Record,
    identity=st.builds(Identity, target=text, body=text, cycle=count, forced=st.booleans()),
    stage=st.sampled_from(Stage),
    at=time,
    baseline=st.none() | observations,
    version=maybe_text,
    wait=st.none() | waits,
    outcome=st.sampled_from(Outcome),
    credits=amount,
    charged=amount,
    jobs=texts,
    generation=maybe_text,
    titled=st.none() | st.lists(count, max_size=3).map(tuple),
    entry_id=st.none() | count,
    ending=st.none() | st.sampled_from(Ending),
    result=st.dictionaries(text, any_json, max_size=3),
    message=text,
)
reports = st.builds(
    Report,
    wait=waits,
    verdict=st.sampled_from(Verdict),
    seen=st.none() | observations,
    error=st.none() | st.dictionaries(text, any_json, max_size=3),
    record=st.none() | records,
)


def through_text(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


def strewn(data: Any) -> Any:
    """The same JSON with a key that nobody knows in every object of ours."""
    if not isinstance(data, dict):
        return data
    # ``counts``, ``result`` and ``error`` hold keys of their own.
    inner = {
        key: value if key in ("counts", "result", "error") else strewn(value) for key, value in data.items()
    }
    return {**inner, "written by a later version": {"x": [1]}}


@effort(quick=100)
@given(value=st.one_of(observations, evidences, waits))
def test_a_value_comes_back_from_json_text_as_it_was(value: Any) -> None:
    assert codec.load(type(value), through_text(codec.dump(value))) == value


@effort(quick=100)
@given(record=records)
def test_a_record_comes_back_from_json_text_as_it_was(record: Record) -> None:
    assert Record.from_json(through_text(record.to_json())) == record


@effort(quick=100)
@given(report=reports)
def test_a_report_comes_back_from_json_text_as_it_was(report: Report) -> None:
    assert Report.from_event(through_text(report.to_event())) == report


@effort(quick=50)
@given(report=reports)
def test_keys_of_a_later_version_are_ignored(report: Report) -> None:
    assert Report.from_event(strewn(through_text(report.to_event()))) == report


@pytest.mark.parametrize("kind", [Observation, Evidence, Wait, Record, Report, Identity])
def test_a_key_that_an_earlier_version_did_not_write_takes_its_default(kind: type[Any]) -> None:
    least: dict[type[Any], dict[str, Any]] = {
        Observation: {"status": None, "phase": "unknown"},
        Evidence: {},
        Identity: {"target": "t", "body": "b", "cycle": 1},
    }
    least[Wait] = {"purpose": "own", "started": 1, "deadline": 2, "start_grace": 3, "poll_interval": 4}
    least[Record] = {"identity": least[Identity], "stage": "intent", "at": 1}
    least[Report] = {"wait": least[Wait], "verdict": "wait"}
    value = codec.load(kind, least[kind])
    for member in fields(kind):
        if member.name in least[kind]:
            continue
        usual = member.default if member.default_factory is MISSING else member.default_factory()
        assert getattr(value, member.name) == usual


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "done",
        {},
        {"schema": 1},
        {"schema": 2, "wait": {}, "verdict": "done"},
        {"schema": 1, "wait": {}, "verdict": "done"},
        {"schema": 1, "verdict": "brilliant"},
        {"status": "success"},
    ],
    ids=repr,
)
def test_an_event_that_is_no_report_is_refused_and_never_a_success(event: Any) -> None:
    with pytest.raises(ValueError, match=r"(?i)not a report"):
        Report.from_event(event)


def test_what_does_not_fit_is_counted_and_not_shown() -> None:
    with pytest.raises(ValueError, match="not a Wait: 5 fields do not fit") as caught:
        codec.load(Wait, {"purpose": "a customer's secret"})
    assert "secret" not in str(caught.value)


def test_credits_keep_their_fractions() -> None:
    record = Record(identity=Identity(target="t", body="b", cycle=1), stage=Stage.INTENT, at=0.0)
    stored = through_text(record.to_json()) | {"credits": "0.1", "charged": "10.50"}
    assert Record.from_json(stored).credits == Decimal("0.1")
    assert Record.from_json(stored).charged == Decimal("10.5")


def test_defaults_are_not_stored() -> None:
    assert codec.dump(Evidence()) == {}
    assert set(codec.dump(Observation(status=None, phase=Phase.UNKNOWN))) == {"status", "phase"}
