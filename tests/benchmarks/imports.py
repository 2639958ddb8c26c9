"""What a DAG file pays for its imports: fresh processes, interleaved, above what every DAG file imports anyway."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

BASE = "from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task"

OURS = """
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator
from airflow_provider.operators.sensay import SensayUpdateKnowledgeBaseEntryOperator
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor
"""
OUR_TRIGGERS = """
from airflow_provider.triggers.sendkit import SendKitTrainingTrigger
from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger
"""
HTTP = """
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
"""
DBT = """
from airflow.providers.dbt.cloud.operators.dbt import DbtCloudRunJobOperator
from airflow.providers.dbt.cloud.sensors.dbt import DbtCloudJobRunSensor
"""
AIRFLOW_TRIGGERS = "import airflow.triggers.base"
WAYS = {
    "ours: hooks, operators, sensors": OURS,
    "ours, with triggers": OURS + OUR_TRIGGERS,
    "of which `airflow.triggers.base`, Airflow's own": AIRFLOW_TRIGGERS,
    "http provider": HTTP,
    "dbt-cloud provider": DBT,
}

#: What must not be loaded by importing our public names.
HEAVY = ("aiohttp", "requests", "urllib3", "httpx2", "airflow.providers.http", "pandas")

_MEASURE = """
import json, sys, time
{base}
before, known = time.perf_counter(), set(sys.modules)
{imports}
took = time.perf_counter() - before
print(json.dumps([took * 1000, len(set(sys.modules) - known), [m for m in {heavy} if m in set(sys.modules) - known]]))
"""


@dataclass(frozen=True)
class Cost:
    """Milliseconds and modules above the base, and which heavy modules are among them."""

    milliseconds: float
    shortest: float
    longest: float
    modules: int
    heavy: list[str]


def measure(times: int) -> dict[str, Cost]:
    """Import each way so many times, in turn."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", "airflow_provider"], check=False)
    runs: dict[str, list[tuple[float, int, list[str]]]] = {way: [] for way in WAYS}
    for _ in range(times):
        for way, imports in WAYS.items():
            runs[way].append(_once(imports))
    return {way: _cost(measured) for way, measured in runs.items()}


def _once(imports: str) -> tuple[float, int, list[str]]:
    program = _MEASURE.format(base=BASE, imports=imports, heavy=HEAVY)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    took, modules, heavy = json.loads(done.stdout.splitlines()[-1])
    return took, modules, heavy


def _cost(measured: list[tuple[float, int, list[str]]]) -> Cost:
    times = [took for took, _, _ in measured]
    return Cost(statistics.median(times), min(times), max(times), measured[0][1], measured[0][2])
