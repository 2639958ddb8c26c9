"""The code that pages show beside the example DAGs, run as it stands there."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from airflow_provider.sandbox.client import Sandbox

pytest_plugins = ["airflow_provider.sandbox.fixtures"]

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.DOTALL | re.MULTILINE)


def test_the_tests_that_the_page_shows_pass_where_somebody_copies_them_to(tmp_path: Path) -> None:
    for block in blocks("testing-your-dags.md"):
        name = re.match(r"# (\w+\.py)", block)
        assert name, block
        (tmp_path / name[1]).write_text(block)
    (tmp_path / "dags").mkdir()
    shutil.copy(ROOT / "dags_examples" / "retrain_agent.py", tmp_path / "dags")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=ours,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("block", [b for b in blocks("sandbox.md") if b.startswith("knowledge_sandbox.")])
def test_what_the_page_does_to_the_sandbox_is_understood(block: str, knowledge_sandbox: Sandbox) -> None:
    exec(block, {"knowledge_sandbox": knowledge_sandbox})


def test_the_test_on_the_page_of_the_sandbox_passes(
    knowledge_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_my_dag() -> None:
        path = f"{knowledge_sandbox.url}/v1/agents/{knowledge_sandbox.agent_id}/retrain"
        key = str(knowledge_sandbox.sendkit_connection["password"])
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        with urlopen(Request(path, b"{}", headers, method="POST")):
            pass

    (block,) = [each for each in blocks("sandbox.md") if each.startswith("def test_")]
    shown: dict[str, object] = {"run_my_dag": run_my_dag}
    exec(block, shown)
    test = shown["test_a_second_retrain_is_not_paid"]
    assert callable(test)
    test(knowledge_sandbox, monkeypatch)


@pytest.mark.skipif(
    importlib.util.find_spec("airflow.sdk.definitions.retry_policy") is None,
    reason="Airflow has retry policies since 3.3",
)
def test_the_retry_policy_of_the_reference_can_be_written_so() -> None:
    shown = [each for each in blocks("reference.md") if "retry_policy" in each]
    assert len(shown) == 2
    for block in shown:
        exec(block, {})
