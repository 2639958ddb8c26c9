"""
### Wait for a retrain that somebody else started

A colleague presses the button in SendKit's console, or another system retrains the agent. This DAG starts
nothing and pays nothing: it waits until the agent is trained, then goes on. An agent that nobody ever trained
is an error, not an endless wait.

Needs the connection `sendkit_default` and the Variable `sendkit_agent_id`.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag, task

from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, doc_md=__doc__, tags=["knowledge"])
def wait_for_someone_elses_retrain():
    trained = SendKitAgentTrainedSensor(
        task_id="agent_trained",
        agent_id="{{ var.value.sendkit_agent_id }}",
        mode="reschedule",
        poke_interval=30,
        timeout=2 * 3600,
    )

    @task
    def go_on(result: dict) -> str:
        return f"The agent is {result['status']}, last read its site at {result['marker']}."

    go_on(trained.output)


wait_for_someone_elses_retrain()
