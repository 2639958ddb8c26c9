"""``python -m airflow_provider.sandbox``: what it prints, how it starts and ends, what it imports."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import typing
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airflow_provider.sandbox.app.faults import Fault
from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.process import SandboxProcess

FAULT_KINDS = typing.get_args(Fault)[0]
COMMAND = [sys.executable, "-m", "airflow_provider.sandbox"]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    ready = tmp_path / "ready.json"
    command = [*COMMAND, "--port", "0", "--verbose", "--ready-file", str(ready), "--set", "credits=5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(
    started: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    told = json.loads((tmp_path / "ready.json").read_text())
    assert told["pid"] == started.pid
    started.send_signal(number)
    said, _ = started.communicate(timeout=5)
    assert started.returncode == 0
    for name in ("sendkit", "sensay"):
        line = re.search(rf"^export AIRFLOW_CONN_{name.upper()}_DEFAULT='(.*)'$", said, re.MULTILINE)
        assert line is not None
        assert line[1] == told[f"{name}_connection"]
        assert json.loads(line[1])["conn_type"] == name
    for known in ("base_url", "agent_id", "replica_uuid", "entry_id"):
        assert str(told[known]) in said
    assert f"{told['base_url']}/docs" in said


def test_it_ends_even_while_it_holds_a_request(tmp_path: Path) -> None:
    process = SandboxProcess(verbose=True, log=tmp_path / "log.txt")
    sandbox = process.start()
    sandbox.fault("hold")
    headers = f"X-Api-Key: {sandbox.sendkit_connection['password']}\r\nHost: x\r\n"
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2]))) as client:
        client.sendall(f"GET /v1/agents HTTP/1.1\r\n{headers}\r\n".encode())
        sandbox.held(at_least=1)
        assert process.stop() == 0
    assert process.stop() is None


def test_verbose_logs_one_line_per_request_without_the_key(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with SandboxProcess(verbose=True, log=log) as sandbox:
        key = sandbox.sendkit_connection["password"]
        httpx.get(f"{sandbox.url}/v1/agents", headers={"X-Api-Key": key}, trust_env=False)
    lines = [line for line in log.read_text().splitlines() if line.startswith("GET ")]
    assert len(lines) == 1
    assert re.match(r"GET /v1/agents -> 200 in \d\.\d{3} s", lines[0])
    assert key not in lines[0]


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    starter = (
        "import subprocess, sys, time, pathlib\n"
        f"subprocess.Popen({[*COMMAND, '--port', '0', '--with-parent', '--ready-file', str(ready)]!r},"
        " stdout=subprocess.DEVNULL)\n"
        f"while not pathlib.Path({str(ready)!r}).exists(): time.sleep(0.01)\n"
    )
    subprocess.run([sys.executable, "-c", starter], check=True, timeout=10)
    pid = json.loads(ready.read_text())["pid"]
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_help_names_every_option() -> None:
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    said = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    for name in [
        *Options.model_fields,
        "--port",
        "--ready-file",
        "--verbose",
        "--generation",
        "--time-scale",
    ]:
        assert name in said


@pytest.mark.parametrize(
    "arguments",
    [["--set", "nope=1"], ["--set", "latency"], ["--generation", "newest"], ["--time-scale", "0"]],
)
def test_a_wrong_setting_is_said_before_anything_listens(arguments: list[str]) -> None:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=10)
    assert ended.returncode == 2
    assert "Invalid value" in ended.stderr


def test_an_option_that_does_not_exist_is_named_and_the_help_lists_those_that_do() -> None:
    with pytest.raises(RuntimeError, match="nosuch: no such option") as refused:
        SandboxProcess(nosuch=1).start()
    assert "--help" in str(refused.value)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=rf"Cannot listen on 127\.0\.0\.1:{port}"):
            SandboxProcess(port=port).start()


def test_it_imports_neither_airflow_nor_an_http_client() -> None:
    code = (
        "import sys, airflow_provider.sandbox.__main__, airflow_provider.sandbox.process; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {name for name in loaded if name.split(".")[0] in ("airflow", "httpx", "requests", "tenacity")}


def test_it_takes_less_than_two_seconds_of_work_to_start_and_stop() -> None:
    """Work, not time on the wall: a busy machine must not decide this test."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with SandboxProcess():
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_the_docs_name_every_option_with_its_default_and_every_fault() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    for name, field in Options.model_fields.items():
        assert f"| `{name}` | `{json.dumps(field.get_default(call_default_factory=True))}` |" in page
    kinds = [
        typing.get_args(kind.model_fields["kind"].annotation)[0] for kind in typing.get_args(FAULT_KINDS)
    ]
    assert len(kinds) == 11
    for kind in kinds:
        assert f"| `{kind}` |" in page
