"""What Airflow makes of the provider info: forms, hooks, and no warning."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider.get_provider_info import get_provider_info
from airflow_provider.hooks.base import KnowledgeHook
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook

HOOKS: list[type[KnowledgeHook]] = [SendKitHook, SensayHook]

KEYWORDS = {"type", "default", "format", "enum", "minimum", "maximum", "pattern", "exclusiveMinimum"}


def form(conn_type: str) -> dict[str, Any]:
    return next(t for t in get_provider_info()["connection-types"] if t["connection-type"] == conn_type)


# Before 3.2 Airflow does not read conn-fields; they are then typed into Extra.
READS_FIELDS = tuple(int(part) for part in airflow.__version__.split(".")[:2]) >= (3, 2)


def hooks_known_to_airflow() -> Any:
    """Return Airflow's own table of hooks; it moved into the task SDK in 3.2."""
    try:
        runtime = importlib.import_module("airflow.sdk.providers_manager_runtime")
    except ImportError:
        return ProvidersManager().hooks
    return runtime.ProvidersManagerTaskRuntime().hooks


@pytest.mark.parametrize("hook", HOOKS)
def test_airflow_accepts_the_hook_without_a_warning(
    hook: type[KnowledgeHook], caplog: pytest.LogCaptureFixture
) -> None:
    found = hooks_known_to_airflow()[hook.conn_type]
    assert found is not None
    assert found.hook_name == hook.hook_name
    assert found.connection_id_attribute_name == hook.conn_name_attr
    assert not [
        r for r in caplog.records if r.levelno >= logging.WARNING and "airflow_provider" in r.getMessage()
    ]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_declared_field_is_in_airflows_form(hook: type[KnowledgeHook]) -> None:
    shown = {
        widget.field_name: widget.field["schema"]["title"]
        for name, widget in ProvidersManager().connection_form_widgets.items()
        if name.startswith(f"extra__{hook.conn_type}__")
    }
    declared = {name: field["label"] for name, field in form(hook.conn_type)["conn-fields"].items()}
    assert shown == (declared if READS_FIELDS else {})


@pytest.mark.parametrize("hook", HOOKS)
def test_what_the_hook_tells_airflow_3_1_is_the_declared_form(hook: type[KnowledgeHook]) -> None:
    behaviour = hook.get_ui_field_behaviour()
    declared = form(hook.conn_type)["ui-field-behaviour"]
    assert behaviour == {
        "hidden_fields": declared["hidden-fields"],
        "relabeling": declared["relabeling"],
        "placeholders": declared["placeholders"],
    }
    assert "get_ui_field_behaviour" in vars(hook)  # an inherited one is not looked at
    assert "extra" not in behaviour["hidden_fields"]  # in 3.1 it is where the other fields are typed


SHOW_FORMS = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
forms = {meta.connection_type: json.loads(meta.model_dump_json()) for meta in HookMetaService.hook_meta_data()}
print("FORMS" + json.dumps(forms))
"""


def test_the_web_server_can_show_the_forms() -> None:
    # In a process of its own: Airflow 3.1 collects forms once, and differently outside of its web server.
    done = subprocess.run([sys.executable, "-c", SHOW_FORMS], capture_output=True, text=True, check=True)
    forms = json.loads(done.stdout.partition("FORMS")[2])
    for hook, secret in ((SendKitHook, "API key"), (SensayHook, "Organization secret")):
        shown = forms[hook.conn_type]
        assert shown["standard_fields"]["password"]["title"] == secret
        assert shown["standard_fields"]["host"]["title"] == "Base URL"
        assert shown["standard_fields"]["login"]["hidden"]
        fields = set(form(hook.conn_type)["conn-fields"])
        assert set(shown["extra_fields"] or {}) == (fields if READS_FIELDS else set())


def test_the_schemas_use_only_what_forms_understand() -> None:
    for connection_type in get_provider_info()["connection-types"]:
        for name, field in connection_type["conn-fields"].items():
            assert set(field) == {"label", "description", "schema"}, name
            assert set(field["schema"]) <= KEYWORDS, name


def test_the_provider_info_matches_airflows_schema() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    importlib.import_module("jsonschema").validate(get_provider_info(), schema)


def test_the_provider_info_imports_nothing_and_is_new_each_time() -> None:
    code = (
        "import sys; before = set(sys.modules); "
        "from airflow_provider.get_provider_info import get_provider_info; get_provider_info(); "
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('airflow_provider')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import __future__, typing; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert get_provider_info() is not get_provider_info()


def test_importing_the_hooks_imports_nothing_that_only_sending_needs() -> None:
    code = (
        "import sys; from airflow.sdk import BaseHook; before = set(sys.modules); "
        "import airflow_provider.hooks.sendkit, airflow_provider.hooks.sensay; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    new = done.stdout
    for module in (
        "httpx",
        "tenacity",
        "aiolimiter",
        "pydantic'",
        "requests",
        "aiohttp",
        "api.models",
        "api.client",
    ):
        assert module not in new


def test_the_airflow_command_lists_us_without_a_warning() -> None:
    for command, words in (
        (["providers", "get", "airflow-provider-agent-knowledge"], ["airflow-provider-agent-knowledge"]),
        (["providers", "hooks"], ["SendKitHook", "SensayHook"]),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command, "--output", "plain"],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "agent-knowledge" in line]
        assert all(any(word in line for line in ours) for word in words), done.stdout + done.stderr
        assert "airflow_provider" not in done.stderr, done.stderr
