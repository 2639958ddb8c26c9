"""What hostile answers leave in Airflow's own database, on SQLite and on PostgreSQL: written, and read again."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def _postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs: on the path, or where Debian puts them."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL of this test's own; it refuses to run as root, so root runs it as ``postgres``."""
    programs = _postgres()
    if programs is None:
        pytest.skip(
            "no PostgreSQL server on this machine: neither initdb on the path nor /usr/lib/postgresql"
        )
    before: list[str] = []
    if os.geteuid() == 0:
        owner = next((each for each in pwd.getpwall() if each.pw_name == "postgres"), None)
        if owner is None:
            pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
        before = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    home = Path(subprocess.check_output([*before, "mktemp", "-d"], text=True).strip())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data, options = home / "data", f"-p {port} -c listen_addresses=127.0.0.1 -k {home} -c fsync=off"
    try:
        run = [*before, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]
        subprocess.run(run, check=True, capture_output=True, cwd="/")
        control = [*before, str(programs / "pg_ctl"), "-D", str(data)]
        start = [*control, "-o", options, "-l", str(home / "log"), "-w", "start"]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        try:
            yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "-w", "stop"], check=True, capture_output=True, cwd="/"
            )
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _stored(database: str, home: Path) -> list[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "PYTHONPATH": str(PROJECT),
    }
    command = [sys.executable, "-m", "tests.integration.stored_values"]
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


@pytest.mark.timeout(300)
def test_what_hostile_answers_leave_can_be_stored_on_sqlite(tmp_path: Path) -> None:
    assert _stored(f"sqlite:///{tmp_path}/airflow.db", tmp_path)[-1] == "stored 64 values"


@pytest.mark.timeout(300)
def test_what_hostile_answers_leave_can_be_stored_on_postgresql(postgresql: str, tmp_path: Path) -> None:
    assert _stored(postgresql, tmp_path)[-1] == "stored 64 values"
