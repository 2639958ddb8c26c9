"""
### When the agent has been trained, whoever started it

Nobody in Airflow retrains the agent here: a colleague presses the button in the vendor's console. A watcher in the
triggerer sees the training end and this DAG runs, once for each training. Nothing is written, and it costs nothing.

Needs the connection `sendkit_default` and the agent's id below: an asset is known when the DAG is parsed, so its id
is no template. Define a watched asset in one file and import it elsewhere: Airflow takes the watchers of the file
that it read last.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider.triggers.sendkit import SendKitAgentTrainedEventTrigger

AGENT = "664a1b2c3d4e5f6a7b8c9d0e"

knowledge = Asset(
    f"sendkit://agents/{AGENT}",
    watchers=[
        AssetWatcher(
            name="trained",
            trigger=SendKitAgentTrainedEventTrigger(agent_id=AGENT, poll_interval=60),
        )
    ],
)


@dag(
    schedule=[knowledge],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["knowledge"],
)
def on_agent_trained():
    @task
    def smoke_test(triggering_asset_events=None) -> list[str]:
        """Stands for what must follow a training: a smoke test, a message, the start of a campaign."""
        told = [event.extra["payload"] for event in triggering_asset_events[knowledge]]
        for each in told:
            print(f"{each['target']} is {each['status']} since {each['marker']}: {each['counts']}")
        return [each["status"] for each in told]

    smoke_test()


on_agent_trained()
