"""Connections as the api-server and a worker handle them: forms, tests, masks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider.get_provider_info import get_provider_info
from airflow_provider.sandbox.client import Sandbox
from tests.system.secrets import keys_of, leaks
from tests.system.stack import AirflowStack

FORMS = {form["connection-type"]: form for form in get_provider_info()["connection-types"]}
WRONG_KEY = "sk_live_wrong_0123456789abcdef"


def as_typed(vendor: str, vendors: Sandbox, **fields: Any) -> dict[str, Any]:
    """What the form sends: the fields left empty are null."""
    known = vendors.sendkit_connection if vendor == "sendkit" else vendors.sensay_connection
    extra = dict.fromkeys(FORMS[vendor]["conn-fields"]) | (known.get("extra") or {})
    typed = {"connection_id": f"typed_{vendor}", "conn_type": vendor, "host": known["host"]}
    return typed | {"password": known["password"], "extra": json.dumps(extra)} | fields


@pytest.fixture(params=sorted(FORMS))
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stored(stack: AirflowStack, vendors: Sandbox, vendor: str) -> Iterator[dict[str, Any]]:
    """A connection in the database; removed afterwards."""
    typed = as_typed(vendor, vendors)
    stack.rest.post("/connections", typed)
    yield typed
    stack.rest.request("DELETE", f"/connections/{typed['connection_id']}")


# --- the form --------------------------------------------------------------------------------------------


def test_the_ui_is_told_the_whole_form_from_the_provider_info_alone(stack: AirflowStack, vendor: str) -> None:
    forms = stack.rest.request("GET", "/connections/hook_meta", root="/ui")
    (shown,) = [form for form in forms if form["connection_type"] == vendor]
    declared = FORMS[vendor]
    behaviour = declared["ui-field-behaviour"]
    assert shown["hook_name"] == declared["hook-name"]
    for name, label in behaviour["relabeling"].items():
        assert shown["standard_fields"][name]["title"] == label
    for name, words in behaviour["placeholders"].items():
        assert shown["standard_fields"][name]["placeholder"] == words
    assert all(shown["standard_fields"][_ours(name)]["hidden"] for name in behaviour["hidden-fields"])
    assert set(shown["extra_fields"]) == set(declared["conn-fields"])
    for name, field in declared["conn-fields"].items():
        schema = shown["extra_fields"][name]["schema"]
        assert (schema["title"], shown["extra_fields"][name]["description"]) == (
            field["label"],
            field["description"],
        )
        for word in ("enum", "format", "minimum", "maximum"):
            assert schema.get(word) == field["schema"].get(word), name


def _ours(name: str) -> str:
    return {"schema": "url_schema"}.get(name, name)


# --- testing ---------------------------------------------------------------------------------------------


def test_a_form_that_is_not_saved_yet_is_tested_in_the_api_server(
    stack: AirflowStack, vendors: Sandbox, vendor: str
) -> None:
    told = stack.rest.post("/connections/test", as_typed(vendor, vendors))
    assert told["status"] is True, told["message"]
    assert vendors.charges == []


def test_a_wrong_key_fails_the_test_and_is_not_repeated(
    stack: AirflowStack, vendors: Sandbox, vendor: str
) -> None:
    told = stack.rest.post("/connections/test", as_typed(vendor, vendors, password=WRONG_KEY))
    assert told["status"] is False
    assert "401" in told["message"]
    assert WRONG_KEY not in told["message"]


def test_all_that_is_wrong_with_a_form_is_named_by_its_labels(stack: AirflowStack, vendors: Sandbox) -> None:
    typed = as_typed("sendkit", vendors, password="sk_user_1", extra=json.dumps({"read_timeout": -1}))
    told = stack.rest.post("/connections/test", typed)
    assert told["status"] is False
    assert "Workspace ID is missing" in told["message"]
    assert "Read timeout must be a number above 0" in told["message"]


@pytest.fixture(scope="module")
def warm(stack: AirflowStack) -> None:
    """
    A task has run before.

    The api-server makes its execution API ready at the first request, which may outlast the 5 s that a worker waits;
    the worker then asks again, and Airflow hands a tested connection out only once.
    """
    assert stack.wait("plain_wait", stack.trigger("plain_wait", {"seconds": 0})) == "success"


@pytest.mark.usefixtures("warm")
def test_a_form_is_tested_on_a_worker(stack: AirflowStack, vendors: Sandbox, vendor: str) -> None:
    queued = stack.rest.post("/connections/enqueue-test", as_typed(vendor, vendors))
    told = _worker_said(stack, queued["token"])
    assert (told["state"], told["result_message"].endswith("Nothing was changed.")) == ("success", True), told


@pytest.mark.usefixtures("warm")
def test_a_wrong_key_fails_on_a_worker_too_and_is_not_repeated(stack: AirflowStack, vendors: Sandbox) -> None:
    queued = stack.rest.post("/connections/enqueue-test", as_typed("sendkit", vendors, password=WRONG_KEY))
    told = _worker_said(stack, queued["token"])
    assert (told["state"], "401" in told["result_message"]) == ("failed", True), told
    assert WRONG_KEY not in told["result_message"]


def _worker_said(stack: AirflowStack, token: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def has_ended() -> bool:
        headers = {"Airflow-Connection-Test-Token": token}
        seen.update(stack.rest.request("GET", "/connections/enqueue-test", headers=headers))
        return seen["state"] in {"success", "failed"}

    stack.until(has_ended, timeout=90, what="the worker's test of a connection")
    return seen


# --- masks -----------------------------------------------------------------------------------------------


def test_a_stored_connection_shows_its_fields_and_no_secret(
    stack: AirflowStack, stored: dict[str, Any]
) -> None:
    shown = stack.rest.get(f"/connections/{stored['connection_id']}")
    assert shown["password"] == "***"
    assert shown["host"] == stored["host"]
    assert set(json.loads(shown["extra"])) == set(json.loads(stored["extra"]))


def test_a_careless_dag_shows_no_secret_in_templates_logs_or_errors(
    stack: AirflowStack, vendors: Sandbox
) -> None:
    # Keys of its own: what any task prints, Airflow's LocalExecutor also writes to the scheduler's output, unmasked.
    keys = {vendor: f"careless_{vendor}_0123456789abcdef" for vendor in FORMS}
    for vendor, key in keys.items():
        typed = as_typed(vendor, vendors, connection_id=f"careless_{vendor}", password=key)
        stack.rest.post("/connections", typed)
    run_id = stack.trigger("show_a_secret")
    assert stack.wait("show_a_secret", run_id) == "failed"
    tasks = {ti.task_id: ti for ti in stack.task_instances("show_a_secret", run_id)}
    assert {name: ti.state for name, ti in tasks.items()} == {
        "print_them": "success",
        "be_refused": "failed",
        "raise_them": "failed",
    }
    logs = {name: stack.log("show_a_secret", run_id, name) for name in tasks}
    assert "SendKit answered 401" in logs["be_refused"]
    assert "***" in logs["print_them"]
    assert "***" in logs["raise_them"]
    told = json.dumps([ti.raw for ti in tasks.values()]) + "".join(logs.values())
    assert not [key for key in keys.values() if key in told]


def test_nothing_that_a_system_test_leaves_behind_holds_a_key(stack: AirflowStack, vendors: Sandbox) -> None:
    # Asked again when the stack ends, of all that the other tests left.
    stack.wait("retrain_agent", stack.trigger("retrain_agent"))
    assert leaks(stack.home, stack.rest, [*keys_of(vendors), WRONG_KEY]) == []


def test_the_search_for_keys_finds_one(stack: AirflowStack) -> None:
    in_a_file, in_an_answer = "planted_in_a_file", "planted_in_an_answer"
    planted = stack.home / "logs" / "planted.log"
    # Across the border of two pieces that are read one after the other.
    planted.write_text("x" * ((1 << 20) - 5) + in_a_file)
    stack.rest.post("/variables", {"key": "planted", "value": f"x{in_an_answer}x"})
    try:
        found = leaks(stack.home, stack.rest, [in_a_file, in_an_answer])
    finally:
        planted.unlink()
        stack.rest.request("DELETE", "/variables/planted")
    assert {"logs/planted.log", "/variables"} <= set(found)
