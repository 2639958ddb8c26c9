"""A real browser before a real Airflow that has no connections yet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from airflow_provider.sandbox.client import Sandbox
from tests.system.conftest import PROVIDERS, ROOT
from tests.system.sandbox import InstalledSandbox, airflow_environment
from tests.system.stack import AirflowStack

# A busy machine may take its time; what comes sooner is not waited for.
expect.set_options(timeout=20_000)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox of its own: in a container, and as root, it does not start with one. The rest keeps it off the network.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of this machine; playwright's own download is not needed."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None or not Path(found).is_file():
        missing = f"There is no {found}" if found else f"None of {', '.join(_NAMES)} was found"
        pytest.exit(
            f"{missing}: apt-get install chromium, or name one with CHROMIUM=/path/to/it", returncode=1
        )
    return found


@pytest.fixture(scope="session")
def wheel_python() -> Path:
    """The wheel beside the Airflow of the lock; ``make test-browser AIRFLOW=3.1.8`` names another environment."""
    if other := os.environ.get("STACK_PYTHON"):
        return Path(other)
    made = subprocess.run(
        ["sh", ROOT / ".ci" / "bootstrap", "wheel", *PROVIDERS], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(made.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def installed_sandbox(wheel_python: Path) -> Iterator[Sandbox]:
    """Both vendors: from the wheel, or, beside another Airflow, from the environment of these tests."""
    python = Path(sys.executable) if "STACK_PYTHON" in os.environ else wheel_python
    with InstalledSandbox(python=python) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def late_dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of DAGs that is empty at first: what a test puts there is read within seconds."""
    return tmp_path_factory.mktemp("late_dags")


@pytest.fixture(scope="session")
def stack(
    chromium: str, wheel_python: Path, installed_sandbox: Sandbox, late_dags: Path
) -> Iterator[AirflowStack]:
    """An Airflow that knows the vendors' ids, but not their connections: those are typed into the form."""
    env = airflow_environment(installed_sandbox)
    for name in installed_sandbox.environment:
        del env[name]
    env |= {
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
    }
    installed_sandbox.reset()
    folders = [ROOT / "dags_examples", ROOT / "tests" / "browser" / "dags", late_dags]
    stack = AirflowStack(python=wheel_python, dags=folders, env=env)
    (stack.home / "passwords.json").write_text(json.dumps({"admin": "admin", "viewer": "viewer"}))
    with stack:
        yield stack


def log_in(page: Page, url: str, user: str = "admin") -> None:
    """Log in through the login page; each user's password is the name."""
    page.set_default_timeout(20_000)
    page.goto(url)
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(user)
    page.locator("button[type=submit]").click()
    page.wait_for_url(f"{url}/")


@pytest.fixture(scope="session")
def page(chromium: str, stack: AirflowStack, pictures: Path) -> Iterator[Page]:
    """One tab, logged in through the login page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        log_in(page, stack.url)
        yield page
        browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: those in the docs are renewed by ``make test-browser SCREENSHOTS=docs/images``."""
    wanted = os.environ.get("SCREENSHOTS")
    return ROOT / wanted if wanted else tmp_path_factory.mktemp("screenshots")
