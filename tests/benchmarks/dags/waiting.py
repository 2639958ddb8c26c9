"""Two DAGs of one shape: ask something of a vendor, wait for a job of his on the triggerer, go on."""

from __future__ import annotations

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor

JOB = "{{ dag_run.conf['job'] }}"
INTERVAL = 5
REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"


def ask() -> HttpOperator:
    return HttpOperator(task_id="ask", method="GET", endpoint="jobs/1")


def go_on() -> PythonOperator:
    return PythonOperator(task_id="go_on", python_callable=print)


with DAG("http_sensor", schedule=None):
    wait = HttpSensor(task_id="wait", endpoint=f"jobs/{JOB}", deferrable=True, poke_interval=INTERVAL)
    ask() >> wait >> go_on()

with DAG("ours", schedule=None):
    ready = SensayKnowledgeBaseEntryReadySensor(
        task_id="wait", replica_uuid=REPLICA, entry_id=JOB, deferrable=True, poke_interval=INTERVAL
    )
    ask() >> ready >> go_on()
