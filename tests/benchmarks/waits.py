"""
Many waits in one process, as a triggerer runs them: ours, and what users would pick instead.

One run is one forked process on its own core; everything is imported before the fork, so that what is counted
is the waiting.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from unittest import mock
from urllib.request import Request, urlopen

from tests.benchmarks.vendor import CLIENT_CORE, REPLICA, SCRAPED, Plan, agent_id, pin, stamp

Wait = Callable[[int], Awaitable[bool]]
"""Waits for a job; returns whether it was told of the job's success."""

#: Seconds between two ticks of the clock that measures how long the loop was away.
TICK = 0.01


@dataclass(frozen=True)
class Scene:
    """
    What is asked of everybody.

    :param interval: seconds between two looks
    :param ramp: seconds over which the waits begin; 0: all at once
    :param shortest: the shortest job, in intervals
    :param longest: the longest job, in intervals
    """

    waits: int
    interval: float
    tls: bool = False
    ramp: float | None = None
    shortest: float = 1.2
    longest: float = 2.2
    history: int = 0
    rate: float | None = None
    faults: float = 0.0
    latency: float = 0.05
    seed: int = 1

    def plan(self, begin: float) -> Plan:
        """Draw the jobs; the same for everybody."""
        draw = random.Random(self.seed)
        ramp = self.interval if self.ramp is None else self.ramp
        starts = [begin + draw.random() * ramp for _ in range(self.waits)]
        ends = [each + draw.uniform(self.shortest, self.longest) * self.interval for each in starts]
        return Plan(starts, ends, self.history, self.latency, self.rate, self.faults)

    @property
    def patience(self) -> float:
        """Seconds after which whoever still waits has lost."""
        return 60.0 + self.waits / 50 + 4 * self.interval


@dataclass(frozen=True)
class Figures:
    """What one run came to; CPU and memory without imports."""

    design: str
    waits: int
    cpu: float
    memory: float
    requests: int
    singles: int
    tcp: int
    refused: int
    lag_p99: float
    lag_max: float
    detect_p50: float
    detect_p99: float
    not_ok: int
    seconds: float

    @property
    def cpu_per_1000(self) -> float:
        return self.cpu / self.waits * 1000

    @property
    def memory_per_1000(self) -> float:
        return self.memory / self.waits * 1000


def median(runs: list[Figures]) -> Figures:
    """Return the median of each figure."""
    rows = [asdict(run) for run in runs]
    merged: dict[str, Any] = {
        name: row if isinstance(row, str) else statistics.median(each[name] for each in rows)
        for name, row in rows[0].items()
    }
    return Figures(**merged)


class Simulator:
    """The vendor's process, in a ``with``."""

    def __init__(self, certificate: Path | None) -> None:
        self.certificate = certificate
        self._command = [sys.executable, "-m", "tests.benchmarks.vendor"]
        if certificate:
            self._command.append(str(certificate))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def begin(self, plan: Plan) -> None:
        """Tell it the jobs of the next run."""
        self._control(Request(f"{self.url}/_sim", json.dumps(asdict(plan)).encode(), method="POST"))

    def counts(self) -> dict[str, int]:
        """What it has counted since."""
        return self._control(Request(f"{self.url}/_sim"))

    def _control(self, request: Request) -> dict[str, int]:
        import ssl

        trust = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        with urlopen(request, timeout=60, context=trust) as answer:
            counted: dict[str, int] = json.load(answer)
        return counted


# --- the designs -------------------------------------------------------------------------------------------


#: Whose waits they are, as a triggerer tells every trigger.
TASK_INSTANCE = SimpleNamespace(dag_id="waits", task_id="wait")


async def first_event(trigger: Any) -> Any:
    """Return the payload of a trigger's event, run as one of the tasks of a DAG."""
    trigger.task_instance = TASK_INSTANCE
    async for event in trigger.run():
        return event.payload
    return None


def floor(scene: Scene, simulator: Simulator, plan: Plan) -> Wait:
    """The same number of tasks that wake once in an interval, and nothing else."""

    async def wait(job: int) -> bool:
        while time.monotonic() < plan.ends[job - 1]:  # noqa: ASYNC110 - that is all there is to it
            await asyncio.sleep(scene.interval)
        return True

    return wait


def http_sensor(scene: Scene, simulator: Simulator, plan: Plan) -> Wait:
    """``HttpSensor(deferrable=True)`` of the http provider."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    async def wait(job: int) -> bool:
        trigger = HttpSensorTrigger(endpoint=f"jobs/{job}", poke_interval=scene.interval)
        return (await first_event(trigger)) is True

    return wait


def dbt_cloud(scene: Scene, simulator: Simulator, plan: Plan) -> Wait:
    """``DbtCloudRunJobOperator(deferrable=True)``."""
    from airflow.providers.dbt.cloud.hooks.dbt import DbtCloudHook
    from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

    # It knows https only; where everybody else speaks plain http, so does it.
    urls = DbtCloudHook.get_request_url_params

    def plain(*args: Any, **kwargs: Any) -> Any:
        url, params = urls(*args, **kwargs)
        return url.replace("https://", f"{simulator.scheme}://"), params

    mock.patch.object(DbtCloudHook, "get_request_url_params", staticmethod(plain)).start()

    async def wait(job: int) -> bool:
        trigger = DbtCloudRunJobTrigger(
            conn_id="dbt_cloud_default",
            run_id=job,
            end_time=time.time() + 3600,
            poll_interval=scene.interval,
            account_id=1,
        )
        return bool((await first_event(trigger))["status"] == "success")

    return wait


def shared_aiohttp(scene: Scene, simulator: Simulator, plan: Plan) -> Wait:
    """What a careful author writes by hand: one aiohttp session for all, a loop for each."""
    import aiohttp

    session: list[aiohttp.ClientSession] = []
    headers = {"X-ORGANIZATION-SECRET": "secret", "Content-Type": "application/json"}

    async def wait(job: int) -> bool:
        if not session:
            session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64), headers=headers))
        entry = plan.history + job
        url = f"{simulator.url}/v1/replicas/{REPLICA}/knowledge-base/{entry}"
        while True:
            async with session[0].get(url) as answer:
                body = await answer.json()
            if answer.status == 200 and body["status"] == "READY":
                return True
            await asyncio.sleep(scene.interval)

    return wait


def _our_wait(scene: Scene, status: str, marker: str) -> dict[str, Any]:
    """A wait that the worker has seen at work; begun so long ago that its interval is fixed."""
    from airflow_provider.refresh import codec
    from airflow_provider.refresh.observation import Observation, Phase
    from airflow_provider.refresh.wait import Evidence, Purpose, Wait

    now = time.time()
    return codec.dump(
        Wait(
            purpose=Purpose.OWN,
            started=now - 100 * scene.interval,
            deadline=now + 3600,
            start_grace=60.0,
            poll_interval=scene.interval,
            first_read=Observation(status=status, phase=Phase.RUNNING, marker=marker),
            evidence=Evidence(active=True, status=status, polls=5),
        )
    )


def ours_sensay(scene: Scene, simulator: Simulator, plan: Plan) -> Wait:
    """Entries of one replica."""
    from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger

    async def wait(job: int) -> bool:
        trigger = SensayKnowledgeBaseEntryTrigger(
            conn_id="sensay_default",
            replica_uuid=REPLICA,
            entry_id=plan.history + job,
            generation="knowledge-base",
            wait=_our_wait(scene, "RAW_TEXT", stamp("RAW_TEXT")),
        )
        return bool((await first_event(trigger))["verdict"] == "done")

    return wait


def ours_sendkit(scene: Scene, simulator: Simulator, plan: Plan) -> Wait:
    """Agents, which no list shows: one request for each look."""
    from airflow_provider.triggers.sendkit import SendKitTrainingTrigger

    async def wait(job: int) -> bool:
        trigger = SendKitTrainingTrigger(
            conn_id="sendkit_default", agent_id=agent_id(job), wait=_our_wait(scene, "training", SCRAPED)
        )
        return bool((await first_event(trigger))["verdict"] == "done")

    return wait


DESIGNS: dict[str, Callable[[Scene, Simulator, Plan], Wait]] = {
    "floor": floor,
    "HttpSensorTrigger": http_sensor,
    "DbtCloudRunJobTrigger": dbt_cloud,
    "shared aiohttp loop": shared_aiohttp,
    "ours (Sensay list)": ours_sensay,
    "ours (SendKit single)": ours_sendkit,
}
PEERS = ("HttpSensorTrigger", "DbtCloudRunJobTrigger", "shared aiohttp loop")


def import_everything() -> None:
    """What the runs use, before they are forked."""
    import logging

    import structlog

    # Nobody is to be measured by what the terminal takes.
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


# --- one run -----------------------------------------------------------------------------------------------


def measure(design: str, scene: Scene, simulator: Simulator) -> Figures:
    """Run one design once, in a process of its own."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_measured, args=(design, scene, simulator, sender))
    process.start()
    sender.close()
    try:
        figures = receiver.recv() if receiver.poll(scene.patience + 60) else None
    except EOFError:
        figures = None
    process.join(10)
    if process.is_alive():
        process.kill()
    if figures is None:
        raise RuntimeError(f"{design} gave no figures")
    assert isinstance(figures, Figures)
    return figures


def _measured(design: str, scene: Scene, simulator: Simulator, sender: Any) -> None:
    pin(CLIENT_CORE)
    os.environ.update(connections(simulator))
    sender.send(asyncio.run(_run(design, scene, simulator)))
    sender.close()
    os._exit(0)  # a design that left something open is not asked about it here


def connections(simulator: Simulator) -> dict[str, str]:
    ca = {"ca_file": str(simulator.certificate)} if simulator.certificate else {}
    place = {"host": "localhost", "port": simulator.port}
    connections = {
        "http": {"conn_type": "http", "schema": simulator.scheme, **place},
        "dbt_cloud": {
            "conn_type": "dbt_cloud",
            "login": "1",
            "password": "t",
            "host": f"localhost:{simulator.port}",
        },
        "sensay": {
            "conn_type": "sensay",
            "host": simulator.url,
            "password": "secret",
            "extra": {"api": "knowledge-base", **ca},
        },
        "sendkit": {"conn_type": "sendkit", "host": simulator.url, "password": "sk_secret", "extra": ca},
    }
    return {f"AIRFLOW_CONN_{name.upper()}_DEFAULT": json.dumps(value) for name, value in connections.items()}


class Clock:
    """Measures how long the loop was away, and the largest memory; costs the same for everybody."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.memory = self._began = resident()

    @property
    def grown(self) -> float:
        """Megabytes above the beginning."""
        return self.memory - self._began

    async def run(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK)
            self.gaps.append(time.monotonic() - before - TICK)
            if len(self.gaps) % 25 == 0:
                self.memory = max(self.memory, resident())


def resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def cpu() -> float:
    """Seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _run(design: str, scene: Scene, simulator: Simulator) -> Figures:
    await _warm_up(design, scene, simulator)
    plan = scene.plan(time.monotonic() + 0.5)
    simulator.begin(plan)
    wait = DESIGNS[design](scene, simulator, plan)
    delays: list[float] = []

    async def one(job: int) -> None:
        await asyncio.sleep(plan.starts[job - 1] - time.monotonic())
        if await wait(job):
            delays.append(time.monotonic() - plan.ends[job - 1])

    clock = Clock()
    used, began = cpu(), time.monotonic()
    ticking = asyncio.create_task(clock.run())
    tasks = [asyncio.create_task(one(job)) for job in range(1, scene.waits + 1)]
    await asyncio.wait(tasks, timeout=scene.patience)
    used, took = cpu() - used, time.monotonic() - began
    ticking.cancel()
    counts = simulator.counts()
    return Figures(
        design=design,
        waits=scene.waits,
        cpu=used,
        memory=clock.grown,
        requests=counts["requests"],
        singles=counts["singles"],
        tcp=counts["connections"],
        refused=counts["refused"],
        lag_p99=share(clock.gaps, 0.99) * 1000,
        lag_max=max(clock.gaps) * 1000,
        detect_p50=share(delays, 0.5),
        detect_p99=share(delays, 0.99),
        not_ok=scene.waits - len(delays),
        seconds=took,
    )


async def _warm_up(design: str, scene: Scene, simulator: Simulator) -> None:
    """One wait ahead of the others: what is built once in a process is not the cost of a thousand waits."""
    now = time.monotonic()
    plan = Plan([now - 2], [now - 1])
    simulator.begin(plan)
    await DESIGNS[design](replace(scene, interval=0.05), simulator, plan)(1)
    await asyncio.sleep(0.2)


def share(values: list[float], part: float) -> float:
    """Return the value below which this part of all lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")
