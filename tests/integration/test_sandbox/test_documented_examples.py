"""The sandbox answers with the keys and types of the vendors' own examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider.sandbox.client import Sandbox

pytest_plugins = ["airflow_provider.sandbox.fixtures"]

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "vendor_examples"
ON_OTHER_PAGES = {"userId", "workspaceId", "updatedAt"}
"""Keys of an agent that the retrain example lacks and the vendor's create and update examples have."""


def example(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return loaded


def differences(documented: Any, answered: Any, where: str = "$") -> list[str]:
    """Where keys or types differ; a list is known by its first item."""
    if isinstance(documented, dict) and isinstance(answered, dict):
        extra = set(answered) - set(documented) - ON_OTHER_PAGES
        found = [f"{where}.{key} is missing" for key in documented.keys() - answered.keys()]
        found += [f"{where}.{key} is not documented" for key in extra]
        for key in documented.keys() & answered.keys():
            found += differences(documented[key], answered[key], f"{where}.{key}")
        return found
    if isinstance(documented, list) and isinstance(answered, list):
        return differences(documented[0], answered[0], f"{where}[0]") if documented and answered else []
    number = isinstance(documented, int | float) and isinstance(answered, int | float)
    same = type(documented) is type(answered) or (number and not isinstance(answered, bool))
    return [] if same else [f"{where} is {answered!r}, documented as {documented!r}"]


def send(client: httpx.Client, name: str, **changes: Any) -> httpx.Response:
    wanted = example(name)["request"] | changes
    return client.request(wanted["method"], wanted["path"], json=wanted.get("body"))


@pytest.mark.parametrize("name", ["list_agents", "upload_document", "retrain", "delete_agent"])
def test_sendkit_answers_as_documented(knowledge_sandbox: Sandbox, sendkit: httpx.Client, name: str) -> None:
    knowledge_sandbox.set_agent(trainingError="the last run failed")
    knowledge_sandbox.options(keep_training_error=True)
    answer = send(sendkit, f"sendkit/{name}")
    assert answer.is_success
    assert differences(example(f"sendkit/{name}")["response"], answer.json()) == []


def test_get_agent_shows_what_the_retrain_example_shows(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.set_agent(trainingError="the last run failed")
    documented = example("sendkit/retrain")["response"]["data"]
    assert differences(documented, sendkit.get(agent).json()["data"]) == []


def test_a_document_is_processed_and_removed_as_documented(sendkit: httpx.Client, agent: str) -> None:
    uploaded = send(sendkit, "sendkit/upload_document").json()["data"]
    body = example("sendkit/process_document")["request"]["body"] | {"fileKey": uploaded["key"]}
    processed = send(sendkit, "sendkit/process_document", body=body)
    removed = send(sendkit, "sendkit/remove_document", body={"fileKey": uploaded["key"]})
    assert differences(example("sendkit/process_document")["response"], processed.json()) == []
    assert removed.json() == {}


def test_sendkit_errors_are_the_documented_ones(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    sendkit.post(f"{agent}/retrain")
    conflict = sendkit.post(f"{agent}/retrain")
    knowledge_sandbox.advance(60)
    knowledge_sandbox.options(credits=9.5)
    unpaid = sendkit.post(f"{agent}/retrain")
    absent = sendkit.get("/v1/agents/0000")
    forbidden = sendkit.get("/v1/agents", headers={"X-Api-Key": knowledge_sandbox.platform_key})
    for answer, status in ((conflict, 409), (unpaid, 402), (absent, 404), (forbidden, 403)):
        assert answer.status_code == status
        assert answer.json() == example(f"sendkit/error_{status}")["response"]


SENSAY_CALLS = [
    "create_text",
    "create_website",
    "create_file",
    "create_refused",
    "get_entry",
    "update_entry",
    "delete_entry_accepted",
    "file_types",
    "ask",
    "create_user",
    "create_replica",
    "training_create",
    "training_update",
    "training_delete",
    "training_upload",
]


@pytest.mark.parametrize("name", SENSAY_CALLS)
def test_sensay_answers_as_documented(sensay: httpx.Client, name: str) -> None:
    answer = send(sensay, f"sensay/{name}")
    documented = example(f"sensay/{name}")
    assert answer.status_code == documented["status"]
    assert differences(documented["response"], answer.json()) == []


def test_a_delete_may_be_done_at_once(knowledge_sandbox: Sandbox, sensay: httpx.Client) -> None:
    knowledge_sandbox.options(delete_status=200)
    answer = send(sensay, "sensay/delete_entry")
    assert (answer.status_code, answer.json()) == (200, {"success": True})


def test_a_list_shows_entries_without_their_texts(sensay: httpx.Client, entry: str) -> None:
    sensay.patch(entry, json={"summary": "Basic company details"})
    answer = send(sensay, "sensay/list_entries")
    assert differences(example("sensay/list_entries")["response"], answer.json()) == []


@pytest.mark.parametrize("name", ["training_get", "training_list"])
def test_the_older_generation_reads_in_snake_case(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, name: str
) -> None:
    send(sensay, "sensay/training_update")
    knowledge_sandbox.set_entry(title=None)
    answer = send(sensay, f"sensay/{name}")
    assert differences(example(f"sensay/{name}")["response"], answer.json()) == []


def test_sensay_errors_are_the_documented_ones(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str, entry: str
) -> None:
    sensay.post(base, json={"url": "https://example.com/"})
    knowledge_sandbox.fault("status", status=500, path="file-types")
    quota = {"knowledgeBaseEntries": {"totalUserQuota": 1}}
    answers = {
        "400": sensay.patch(entry, json={"unknown": 1}),
        "401": sensay.get(entry, headers={"X-ORGANIZATION-SECRET": "wrong"}),
        "404": sensay.get(f"{base}/1"),
        "409": sensay.post(base, json={"url": "https://example.com/"}),
        "415": sensay.patch(entry, content=b"{}", headers={"Content-Type": "text/plain"}),
        "429_quota": sensay.post(base, json={"text": "one too many", "usageLimits": quota}),
        "500": sensay.get("/v1/knowledge-base/file-types"),
    }
    for name, answer in answers.items():
        documented = example(f"sensay/error_{name}")
        assert answer.status_code == documented["status"]
        assert differences(documented["response"], answer.json()) == []
        assert answer.json()["success"] is False
    assert answers["409"].json()["error"] == "URL already exists in the knowledge base"
    assert answers["429_quota"].json()["error_code"] == "KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED"


def test_a_fault_can_speak_the_other_envelope_of_the_prose_page(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str
) -> None:
    prose = example("sensay/error_prose")["response"]
    knowledge_sandbox.fault("status", status=400, body=prose)
    assert sensay.get(entry).json() == prose
