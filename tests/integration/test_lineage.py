"""What OpenLineage is told of a refresh, by Airflow's own extractor, without a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor, OperatorLineage
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk.definitions.asset import Asset
from airflow.sdk.execution_time import task_runner
from openlineage.client.serde import Serde

from airflow_provider.assets.lineage import FACET
from airflow_provider.assets.sendkit import agent_asset
from airflow_provider.assets.sensay import entry_asset, knowledge_base_asset
from tests.integration.rig import NEW_TEXT, Make, Rig
from tests.integration.task import TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]


def lineage(make: Make) -> OperatorLineage[Any, Any]:
    """Run a task to its end, then let Airflow ask its operator."""
    ran: list[Any] = []
    run = task_runner.run

    def seen(ti: Any, context: Any, log: Any) -> Any:
        ended = run(ti, context, log)
        ran.append(ti)
        return ended

    with mock.patch.object(task_runner, "run", seen):
        assert TaskUnderTest(make).to_the_end().state == "success"
    found = DefaultExtractor(ran[-1].task).extract_on_complete(task_instance=ran[-1])
    assert found is not None
    return found


def names(datasets: list[Any]) -> list[tuple[str, str]]:
    return [(each.namespace, each.name) for each in datasets]


def facet(found: OperatorLineage[Any, Any]) -> dict[str, Any]:
    told: dict[str, Any] = Serde.to_dict(found.run_facets[FACET])
    return told


@pytest.mark.parametrize("deferrable", MODES)
def test_a_retrain_writes_the_agent_and_tells_what_it_cost(rig: Rig, deferrable: bool) -> None:
    found = lineage(rig.retrain(deferrable=deferrable, version="v1"))
    assert names(found.outputs) == [("sendkit://agents", rig.sandbox.agent_id)]
    told = facet(found)
    assert (told["outcome"], told["credits_charged"], told["version"]) == ("refreshed", 10.0, "v1")
    assert told["counts"]["pages"] > 0


def test_a_skipped_update_tells_so(rig: Rig) -> None:
    rig.sandbox.set_entry(rawText=NEW_TEXT)
    assert facet(lineage(rig.update()))["outcome"] == "skipped"


def test_a_dry_run_writes_nothing(rig: Rig) -> None:
    found = lineage(rig.retrain(dry_run=True))
    assert (found.outputs, facet(found)["dry_run"]) == ([], True)


def test_a_created_entry_is_read_from_its_document(rig: Rig, tmp_path: Path) -> None:
    rig.speak("knowledge-base")
    entry = max(rig.entries()) + 1
    found = lineage(rig.create(url="https://www.example.com/prices", title="Prices"))
    assert names(found.inputs) == [("https://www.example.com", "prices")]
    assert names(found.outputs) == [
        ("sensay://replicas", f"{rig.sandbox.replica_uuid}/knowledge-base/{entry}")
    ]
    document = tmp_path / "prices.txt"
    document.write_text("Prices")
    assert names(lineage(rig.create(path=str(document))).inputs) == [("file", str(document))]


def test_asking_for_lineage_sends_nothing(rig: Rig) -> None:
    operator = rig.retrain()()
    assert operator.get_openlineage_facets_on_complete(None) is None
    assert rig.asked == []


def test_an_asset_of_ours_is_the_dataset_that_a_refresh_writes(rig: Rig) -> None:
    agent, replica, entry = rig.sandbox.agent_id, rig.sandbox.replica_uuid, rig.sandbox.entry_id
    for asset, name in (
        (agent_asset(agent), ("sendkit://agents", agent)),
        (knowledge_base_asset(replica), ("sensay://replicas", f"{replica}/knowledge-base")),
        (entry_asset(replica, entry), ("sensay://replicas", f"{replica}/knowledge-base/{entry}")),
        (Asset(f"sendkit://AGENTS/{agent}/"), ("sendkit://agents", agent)),
    ):
        dataset = translate_airflow_asset(asset, None)
        assert dataset is not None
        assert names([dataset]) == [name]
