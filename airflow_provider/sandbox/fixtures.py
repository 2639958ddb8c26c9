"""
The pytest fixture ``knowledge_sandbox``, for your own DAG tests.

Put ``pytest_plugins = ["airflow_provider.sandbox.fixtures"]`` into the top ``conftest.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider.sandbox.client import Sandbox
from airflow_provider.sandbox.process import SandboxProcess


@pytest.fixture(scope="session")
def knowledge_sandbox_process() -> Iterator[Sandbox]:
    """One sandbox for the whole session."""
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def knowledge_sandbox(knowledge_sandbox_process: Sandbox) -> Sandbox:
    """Both vendors on loopback, as they were at the start: state, options, faults and counts are reset."""
    knowledge_sandbox_process.reset()
    return knowledge_sandbox_process
