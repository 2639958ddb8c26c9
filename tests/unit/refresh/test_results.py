"""The result: one small JSON for every path, whatever the vendor and the caller put into it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.refresh import wait as waits
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import Outcome
from airflow_provider.refresh.wait import Receipt, Rules, Wait
from airflow_provider.vendors.sendkit import agent as sendkit
from airflow_provider.vendors.sensay import entry as sensay
from tests.unit.refresh.scenes import AGENT_ID, NEW, OLD, REPLICA, agent, entry, own, proven, result_json

#: Two bytes in UTF-8, six in the JSON that Airflow stores.
CYRILLIC = "Ж"
LONGEST_TIME = "2026-01-01T08:11:05.299349+00:00"


def size(result: dict[str, Any]) -> int:
    """Bytes as a metadata database stores them."""
    return len(json.dumps(result).encode())


def built(wait: Wait, seen: Observation, target: str = f"agents/{AGENT_ID}", **fields: Any) -> dict[str, Any]:
    return result_json(
        vendor="sendkit",
        target=target,
        seen=seen,
        outcome=Outcome.REATTACHED,
        now=1767225600.123456,
        wait=wait,
        **fields,
    )


def looked(wait: Wait, rules: Rules, seen: Observation) -> Wait:
    return waits.observe(wait, rules, seen, 1767225000.654321)[0]


def test_a_result_says_everything_a_downstream_task_asks_for() -> None:
    wait = looked(own(agent(), Receipt.ACTIVE), sendkit.RULES, agent("training"))
    result = built(wait, agent("completed", NEW), charged=Decimal("10.5"), jobs=("scrape:1",), version="v1")
    assert {name: result[name] for name in ("outcome", "status", "marker", "version")} == {
        "outcome": "reattached",
        "status": "completed",
        "marker": NEW,
        "version": "v1",
    }
    assert result["credits_charged"] == 10.5
    assert result["jobs"] == ["scrape:1"]
    assert result["polls"] == 1
    assert result["counts"] == {"pages": 3, "documents": 0}
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("letter", ["x", CYRILLIC])
@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_retrain_of_an_agent_with_a_hundred_documents_in_work_and_ten_jobs_stays_below_two_kilobytes(
    letter: str, status: str
) -> None:
    name = letter * 200
    before = agent(
        status,
        LONGEST_TIME,
        processing=[f"{name}{n}" for n in range(100)],
        failed=[f"{name}-{n}" for n in range(100)],
        error=letter * 1000,
        trainingProgress=0.123456789,
        knowledgeBase={"lastScrapedAt": LONGEST_TIME, "totalPages": 10**6, "totalChunks": 10**7},
    )
    wait = looked(own(before, Receipt.CONFLICT, started=1767225600.123456), sendkit.RULES, before)
    result = built(
        wait,
        before,
        charged=Decimal("10.5"),
        jobs=tuple(f"document_processing:{AGENT_ID}{n}" for n in range(10)),
        reason=f"an earlier try's request left its trace: {before}",
        version="9f42787c0ffee9f42787c0ffee9f42787c0ffee0",
    )
    assert size(result) < 2048
    over = looked(own(replace(before, phase=Phase.RUNNING, status="training")), sendkit.RULES, before)
    assert over.first_read is not None, "the first end after somebody else's run stands in for the baseline"
    assert (
        size(built(over, before, reason="x" * 500, version="9f42787c0ffee9f42787c0ffee9f42787c0ffee0")) < 2048
    )


@pytest.mark.parametrize("letter", ["x", CYRILLIC])
def test_an_update_of_an_entry_with_a_long_error_stays_below_two_kilobytes(letter: str) -> None:
    before = entry("PROCESSED_TEXT", LONGEST_TIME, error=letter * 5000, ready=("READY", "VECTOR_CREATED"))
    wait = looked(
        own(before, generation="knowledge-base", ready_statuses=("READY", "VECTOR_CREATED")),
        sensay.RULES,
        before,
    )
    result = built(
        wait,
        before,
        target=f"replicas/{REPLICA}/knowledge-base/1234567890",
        generation="knowledge-base",
        reason=f"{before} before the write",
        version="2026-01-01T08:11:05.299349+00:00",
    )
    assert size(result) < 2048


@given(in_work=st.sets(st.text(min_size=1, max_size=5), max_size=40), more=st.text(min_size=6, max_size=9))
def test_a_crowded_baseline_never_makes_an_old_document_look_like_a_new_one(
    in_work: set[str], more: str
) -> None:
    before = agent(processing=in_work)
    finished = sorted(in_work)[::2]
    fewer = agent(processing=set(in_work) - set(finished))
    assert proven(own(before), sendkit.RULES, (0, fewer)) is None
    if len(in_work) <= 11:
        further = agent(processing={*in_work, more})
        assert proven(own(before), sendkit.RULES, (0, further)) == "SEEN_ACTIVE"


def test_many_new_documents_in_work_show_the_run_where_the_baseline_had_few() -> None:
    few = [f"{n}.pdf" for n in range(12)]
    many = agent(processing=[f"{n}.pdf" for n in range(80)])
    assert proven(own(agent(processing=few)), sendkit.RULES, (0, many)) == "SEEN_ACTIVE"
    assert "80" in str(many)


def test_a_proof_holds_what_the_rules_ask_for_and_no_more() -> None:
    before = agent("failed", OLD, failed=["a.pdf"], error="no pages")
    result = built(looked(own(before), sendkit.RULES, before), before)
    assert set(result["proof"]["baseline"]) == {"status", "phase", "marker", "error"}
