"""A home for whatever the tests make Airflow write; set before anything imports Airflow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version

import pytest

_HOME = tempfile.TemporaryDirectory(prefix="airflow-tests-")

# Settings of the developer's own Airflow must not decide a test.
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"


_AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
if _AIRFLOW < (3, 3):
    # What the record says to a store that this Airflow does not have; the tests bring a stand-in for it.
    from airflow.sdk.execution_time import context as _context

    _context.NEVER_EXPIRE = timedelta.max

#: What came with 3.3 as a whole: retry policies, and the streams and the memory that watchers share.
_SINCE_3_3 = [
    "integration/test_retry_policy.py",
    "integration/test_watchers.py",
    "unit/operators/test_retry_policy.py",
]
collect_ignore = _SINCE_3_3 if _AIRFLOW < (3, 3) else []


@pytest.fixture(scope="session", autouse=True)
def _airflow_home() -> Iterator[None]:
    yield
    _HOME.cleanup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, all that needs one server runs in one process; the Airflow stack begins first: it takes longest."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    stack = [item for item in items if "tests/system/" in item.nodeid]
    for name, those in (
        ("stack", stack),
        ("bucket", [item for item in items if "in_a_bucket" in item.nodeid]),
    ):
        for item in those:
            item.add_marker(pytest.mark.xdist_group(name))
    items[:] = [*stack, *(item for item in items if item not in set(stack))]
