"""One sandbox for all tests of operators, sensors and triggers; reset before each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider.sandbox.client import Sandbox
from airflow_provider.sandbox.process import SandboxProcess
from tests.integration.rig import Rig, fresh_world
from tests.integration.syncing import Library


@pytest.fixture(scope="session")
def fast_sandbox() -> Iterator[Sandbox]:
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def rig(fast_sandbox: Sandbox, tmp_path: Path) -> Iterator[Rig]:
    """Both vendors with nothing bent, the connections to them, and a clock that runs fast."""
    with fresh_world(fast_sandbox, tmp_path) as world:
        yield world


@pytest.fixture
def library(rig: Rig, tmp_path: Path) -> Library:
    """A folder to sync."""
    return Library(rig, tmp_path / "kb")
