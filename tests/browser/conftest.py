"""A real browser before a real Airflow that has no connections yet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from airflow_provider.sandbox.client import Sandbox
from tests.system.conftest import ROOT
from tests.system.conftest import installed_sandbox as installed_sandbox
from tests.system.conftest import wheel_python as wheel_python
from tests.system.sandbox import airflow_environment
from tests.system.stack import AirflowStack

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
def stack(chromium: str, wheel_python: Path, installed_sandbox: Sandbox) -> Iterator[AirflowStack]:
    """An Airflow that knows the vendors' ids, but not their connections: those are typed into the form."""
    env = airflow_environment(installed_sandbox)
    for name in installed_sandbox.environment:
        del env[name]
    env |= {
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
    }
    installed_sandbox.reset()
    folders = [ROOT / "dags_examples", ROOT / "tests" / "browser" / "dags"]
    with AirflowStack(python=wheel_python, dags=folders, env=env) as stack:
        yield stack


@pytest.fixture(scope="session")
def page(chromium: str, stack: AirflowStack, pictures: Path) -> Iterator[Page]:
    """One tab, logged in through the login page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.set_default_timeout(20_000)
        page.goto(stack.url)
        page.locator("input[name=username]").fill(stack.login.user)
        page.locator("input[name=password]").fill(stack.login.password)
        page.locator("button[type=submit]").click()
        page.wait_for_url(f"{stack.url}/")
        yield page
        browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: those in the docs are renewed by ``make test-browser SCREENSHOTS=docs/images``."""
    wanted = os.environ.get("SCREENSHOTS")
    return ROOT / wanted if wanted else tmp_path_factory.mktemp("screenshots")
