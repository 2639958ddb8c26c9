"""The environment in which a throw-away Airflow runs: its own home, ports, keys and a quick pulse."""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LOOPBACK = "127.0.0.1"
# Below the range from which Linux and macOS hand out ports to outgoing connections.
_PORTS = range(20_000, 32_000)
# Set by some machines and harmful to the processes of the stack: without .pyc each of them compiles
# Airflow again, and a module path of the caller's would shadow the installed wheel.
_DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: str


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; all are held until the last is found, so that they differ."""
    held: list[socket.socket] = []
    try:
        for port in random.sample(_PORTS, k=len(_PORTS)):
            candidate = socket.socket()
            try:
                candidate.bind((_LOOPBACK, port))
            except OSError:
                candidate.close()
                continue
            held.append(candidate)
            if len(held) == count:
                return [taken.getsockname()[1] for taken in held]
        raise OSError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop}")
    finally:
        for taken in held:
            taken.close()


def clean_environment(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The caller's environment without another Airflow's settings, and with no proxy before loopback."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in _DROPPED and not name.startswith("AIRFLOW")
    }
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, [kept.get(name), _LOOPBACK, "localhost"]))
    return kept


def airflow_environment(home: Path, dags: Sequence[Path], login: Login) -> tuple[dict[str, str], str]:
    """
    Write the password file into ``home`` and compose the environment of all components.

    :return: the environment, and the URL of the api-server it names
    """
    api, worker_logs, trigger_logs = free_ports(3)
    url = f"http://{_LOOPBACK}:{api}"
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({login.user: login.password}))
    passwords.chmod(0o600)
    settings: dict[str, object] = {
        "API__BASE_URL": url,
        "API__HOST": _LOOPBACK,
        "API__PORT": api,
        "API__SECRET_KEY": secrets.token_hex(32),
        "API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__DAGS_FOLDER": home / "dags",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "CORE__LOAD_EXAMPLES": False,
        # The default of 32 forks as many idle workers.
        "CORE__PARALLELISM": 4,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{login.user}:admin",
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": 1,
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([_bundle(folder) for folder in dags]),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "LOGGING__COLORED_CONSOLE_LOG": False,
        "LOGGING__TRIGGER_LOG_SERVER_PORT": trigger_logs,
        "LOGGING__WORKER_LOG_SERVER_PORT": worker_logs,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.2,
        # Runs are made by the caller: a schedule of its own would add runs, and credits, nobody asked for.
        "SCHEDULER__USE_JOB_SCHEDULE": False,
        "TRIGGERER__JOB_HEARTBEAT_SEC": 1,
        "USAGE_DATA_COLLECTION__ENABLED": False,
        # With the default of 5 a short deferral may end before the executor has noticed the first exit,
        # and the scheduler then fails the task (apache/airflow issue 66374).
        "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
    }
    environment = {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}
    return clean_environment() | {"AIRFLOW_HOME": str(home)} | environment, url


def _bundle(folder: Path) -> dict[str, object]:
    """A folder of DAGs under its own name; a file added later is found within seconds."""
    return {
        "name": folder.name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder), "refresh_interval": 5},
    }
