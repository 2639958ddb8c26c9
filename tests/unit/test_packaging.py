"""What is shipped: names, files, addresses, and what importing it costs."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider
from airflow_provider.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
DISTRIBUTION = "airflow-provider-agent-knowledge"
PUBLIC_ROOMS = ("hooks", "operators", "sensors", "triggers", "decorators", "assets")
HEAVY = ("aiohttp", "airflow.providers.http", "httpx2", "pandas", "requests", "urllib3")
# Airflow's SDK alone decides these; our own share is measured against it.
BASE = "from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_the_package_name_is_the_canonical_name_of_the_distribution() -> None:
    # Airflow compares the two while it loads its configuration; any difference breaks every airflow command.
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    assert re.sub(r"[-_.]+", "-", declared).lower() == DISTRIBUTION
    assert get_provider_info()["package-name"] == DISTRIBUTION


def test_the_entry_point_leads_to_the_provider_info() -> None:
    (entry,) = importlib.metadata.distribution(DISTRIBUTION).entry_points.select(
        group="apache_airflow_provider"
    )
    assert entry.load() is get_provider_info


def test_every_class_that_the_provider_info_names_exists() -> None:
    for connection in get_provider_info().get("connection-types", []):
        module, _, name = connection["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert hook.conn_type == connection["connection-type"]


def test_everything_else_that_the_provider_info_names_exists() -> None:
    info = get_provider_info()
    named = [*info["extra-links"], *info["cli"]]
    for uris in info["asset-uris"]:
        named += [uris["handler"], uris["to_openlineage_converter"]]
    for path in named:
        module, _, name = path.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
    for room in ("hooks", "operators", "sensors", "triggers"):
        for integration in info[room]:
            for module in integration["python-modules"]:
                importlib.import_module(module)


def test_the_provider_info_imports_nothing_beyond_the_standard_library() -> None:
    before = _modules_after("import airflow_provider")
    after = _modules_after(
        "from airflow_provider.get_provider_info import get_provider_info; get_provider_info()"
    )
    brought = after - before - {"airflow_provider.get_provider_info"}
    assert {name.partition(".")[0] for name in brought} <= sys.stdlib_module_names


def test_the_lock_names_no_address_and_not_ourselves() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--" not in lock
    assert DISTRIBUTION not in lock


def test_the_lock_pins_everything_once() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert all(re.match(r"[a-z0-9.-]+==\S+( ; .+)?$", line) for line in lines)


def test_the_wheel_holds_our_package_alone(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {
        "airflow_provider",
        f"{DISTRIBUTION.replace('-', '_')}-{airflow_provider.__version__}.dist-info",
    }


def test_the_examples_are_in_the_wheel_below_our_own_name(wheel: zipfile.ZipFile) -> None:
    shipped = {name for name in wheel.namelist() if name.startswith("airflow_provider/example_dags/")}
    assert shipped == {
        f"airflow_provider/example_dags/{path.name}" for path in (ROOT / "dags_examples").glob("*.py")
    }


def test_the_wheel_says_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert "airflow_provider/py.typed" in wheel.namelist()


def test_the_wheel_holds_every_module_of_the_checkout(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "airflow_provider"
    modules = {path.relative_to(ROOT).as_posix() for path in package.rglob("*.py")}
    assert modules <= set(wheel.namelist())


@pytest.mark.parametrize("room", PUBLIC_ROOMS)
def test_importing_our_public_names_brings_nothing_heavy(room: str) -> None:
    imports = "; ".join(f"import {name}" for name in _public_modules(room))
    brought = _modules_after(f"{BASE}; {imports}") - _modules_after(BASE)
    assert not {name for name in brought for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")}


def _public_modules(room: str) -> list[str]:
    package = ROOT / "airflow_provider" / room
    found = [f"airflow_provider.{room}"] if (package / "__init__.py").exists() else []
    # Airflow has retry policies since 3.3; importing ours says so below.
    has_policies = importlib.util.find_spec("airflow.sdk.definitions.retry_policy") is not None
    return found + [
        f"airflow_provider.{room}.{module.name}"
        for module in pkgutil.iter_modules([str(package)])
        if has_policies or module.name != "retry_policy"
    ]


@functools.cache
def _modules_after(statements: str) -> set[str]:
    """What a fresh interpreter has imported after some statements."""
    program = f"import json, sys\n{statements}\njson.dump(sorted(sys.modules), sys.stdout)"
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(finished.stdout.splitlines()[-1]))
