"""One Airflow and one sandbox for all system tests, both run from the built wheel."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider.sandbox.client import Sandbox
from tests.system.crash.matrix import DAGS as CRASH_DAGS
from tests.system.sandbox import InstalledSandbox, airflow_environment
from tests.system.secrets import keys_of, leaks
from tests.system.stack import AirflowStack

ROOT = Path(__file__).parents[2]

#: What the examples use beside Airflow itself: a bucket and a table.
PROVIDERS = ("apache-airflow-providers-amazon[s3fs]", "apache-airflow-providers-sqlite")


@pytest.fixture(scope="session")
def wheel_python() -> Path:
    """The interpreter of an environment that holds the wheel and Airflow, made anew when either changed."""
    made = subprocess.run(
        ["sh", ROOT / ".ci" / "bootstrap", "wheel", *PROVIDERS], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(made.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def installed_sandbox(wheel_python: Path) -> Iterator[Sandbox]:
    """Both vendors for the whole session, as the stack's tasks see them."""
    with InstalledSandbox(python=wheel_python) as sandbox:
        yield sandbox


@pytest.fixture
def vendors(installed_sandbox: Sandbox) -> Sandbox:
    """Both vendors as they were at the start: state, options, faults and counts are reset."""
    installed_sandbox.reset()
    return installed_sandbox


@pytest.fixture(scope="session")
def stack(wheel_python: Path, installed_sandbox: Sandbox) -> Iterator[AirflowStack]:
    """A real Airflow with the example DAGs and those of ``tests/system/dags``, deferring by default."""
    env = airflow_environment(installed_sandbox) | {
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
        # How soon the waits of a killed triggerer are handed on; the default of 30 s would rule the tests.
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    }
    folders = [ROOT / "dags_examples", ROOT / "tests" / "system" / "dags", CRASH_DAGS]
    with AirflowStack(python=wheel_python, dags=folders, env=env) as stack:
        yield stack
        assert leaks(stack.home, stack.rest, keys_of(installed_sandbox)) == [], "a key was left behind"
