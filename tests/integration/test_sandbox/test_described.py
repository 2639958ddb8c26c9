"""Every answer of the sandbox, of every endpoint and status, is one that the vendor's own description allows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from airflow_provider.sandbox.app.sensay_words import LANGUAGES, MODELS, TOOLS
from airflow_provider.sandbox.client import Sandbox
from airflow_provider.sandbox.state.file_types import MIME_TYPES

pytest_plugins = ["airflow_provider.sandbox.fixtures"]

SCHEMAS = Path(__file__).parents[2] / "fixtures" / "vendor_schemas"

#: Declared, and without a state of the sandbox that leads there: the vendors do not say when.
ONLY_BY_FAULT = {
    ("POST /v1/replicas", "429"),
    ("POST /v1/replicas", "404"),
    ("GET /v1/replicas", "404"),
    ("DELETE /v1/users/me", "404"),
}


class Description:
    """
    What a vendor declares: members, types, statuses.

    ``undeclared`` are statuses that the vendor's prose has for every call and its list of some calls leaves out.
    """

    def __init__(self, vendor: str) -> None:
        told = json.loads((SCHEMAS / f"{vendor}.json").read_text())
        self.types: dict[str, Any] = told["types"]
        self.answers: dict[str, dict[str, str | None]] = told["answers"]
        self.undeclared: dict[str, str] = told["undeclared"]
        self._patterns: list[tuple[re.Pattern[str], str]] = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", key)), key)
            for key in sorted(self.answers, key=lambda key: key.count("{"))
        ]

    def operation(self, method: str, path: str) -> str:
        return next(key for pattern, key in self._patterns if pattern.fullmatch(f"{method} {path}"))

    def faults(self, operation: str, status: str, content: bytes) -> list[str]:
        declared = self.undeclared | self.answers[operation]
        if status not in declared:
            return [f"{operation} {status} is not declared"]
        name = declared[status]
        if name is None:
            return [f"{operation} {status} has a body"] if content else []
        schema = {"$ref": f"#/types/{name}", "types": self.types}
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        errors = validator.iter_errors(json.loads(content))
        return [
            f"{operation} {status} {'.'.join(map(str, error.instance_path))}: {error.message}"
            for error in errors
        ]


class Walk:
    """A client that holds every answer against the description."""

    def __init__(self, sandbox: Sandbox, vendor: str, headers: dict[str, str]) -> None:
        self.description = Description(vendor)
        self.seen: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []
        self.client = httpx.Client(
            base_url=sandbox.url,
            headers={"Content-Type": "application/json"} | headers,
            trust_env=False,
            event_hooks={"response": [self._check]},
        )

    def _check(self, response: httpx.Response) -> None:
        if not response.request.url.path.startswith("/v1/"):
            return
        operation = self.description.operation(response.request.method, response.request.url.path)
        status = str(response.status_code)
        self.seen[operation, status] += 1
        self.faults += self.description.faults(operation, status, response.read())

    def missing(self) -> set[tuple[str, str]]:
        return {
            (operation, status)
            for operation, statuses in self.description.answers.items()
            for status in statuses
            if (operation, status) not in self.seen
        }


@pytest.fixture
def sensay_walk(knowledge_sandbox: Sandbox) -> Iterator[Walk]:
    walk = Walk(
        knowledge_sandbox,
        "sensay",
        {"X-ORGANIZATION-SECRET": knowledge_sandbox.sensay_connection["password"]},
    )
    with walk.client:
        yield walk


@pytest.fixture
def sendkit_walk(knowledge_sandbox: Sandbox) -> Iterator[Walk]:
    walk = Walk(knowledge_sandbox, "sendkit", {"X-Api-Key": knowledge_sandbox.sendkit_connection["password"]})
    with walk.client:
        yield walk


def paths(walk: Walk, sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    """Method and path of every operation, with ids that are there."""
    known = {
        "replicaUUID": sandbox.replica_uuid,
        "knowledgeBaseID": sandbox.entry_id,
        "trainingID": sandbox.entry_id,
        "userID": sandbox.user_id,
        "agentId": sandbox.agent_id,
    }
    for operation in walk.description.answers:
        method, path = operation.split(" ")
        yield method, path.format(**known)


def every_entry_in_every_status(
    sandbox: Sandbox, client: httpx.Client, base: str
) -> tuple[set[str], set[str]]:
    """Both generations read and list each kind through the whole pipeline, to each of its ends."""
    current: set[str] = set()
    older: set[str] = set()
    bodies: list[dict[str, Any]] = [
        {"title": "A", "text": "a"},
        {"url": "https://a.example/b", "autoRefresh": True},
        {"url": "https://www.youtube.com/watch?v=1"},
        {"url": "https://www.youtube.com/playlist?list=2"},
        {"filename": "a.md"},
        {"filename": "a.xlsm"},
        {"filename": "a.exe"},
        {"url": "https://docs.google.com/x"},
    ]
    failures = ["SYNC_ERROR", "ERR_FILE_PROCESSING", "ERR_TEXT_PROCESSING", "ERR_TEXT_TO_VECTOR"]
    for outcome in ("READY", "error", *failures):
        sandbox.options(
            entry_outcome="UNPROCESSABLE" if outcome in failures else outcome,
            training_failure_status=outcome if outcome in failures else "ERR_TEXT_PROCESSING",
            unsupported_file="unprocessable",
        )
        ids, uploads = [], []
        for body in bodies:
            for result in client.post(base, json=body).json()["results"]:
                ids += [result["knowledgeBaseID"]] if result["enqueued"] else []
                uploads += [result["signedURL"]] if "signedURL" in result else []
        training = base.replace("knowledge-base", "training")
        ids.append(client.post(training, json={}).json()["knowledgeBaseID"])
        given = client.get(f"{training}/files/upload", params={"filename": "b.txt"}).json()
        ids.append(given["knowledgeBaseID"])
        for step in (0, 0, 0.6, 1, 1, 1):
            sandbox.advance(step)
            for each in ids:
                current.add(client.get(f"{base}/{each}").json()["status"])
                older.add(client.get(f"/v1/training/{each}").json()["status"])
            client.get(base, params={"pageSize": 100})
            client.get("/v1/training")
            for url in (*uploads, *([given["signedURL"]] if uploads else [])):
                httpx.put(url, content=b"x", headers={"Content-Type": "application/odd"}, trust_env=False)
            uploads = []
        for each in ids:
            client.delete(f"{base}/{each}" if each % 2 else f"/v1/training/{each}")
        sandbox.advance(10)
    return current, older


def test_every_answer_of_sensay_is_as_described(knowledge_sandbox: Sandbox, sensay_walk: Walk) -> None:
    sandbox, walk, client = knowledge_sandbox, sensay_walk, sensay_walk.client
    base = f"/v1/replicas/{sandbox.replica_uuid}/knowledge-base"
    entry = f"{base}/{sandbox.entry_id}"
    training = f"/v1/replicas/{sandbox.replica_uuid}/training"
    me = {"X-USER-ID": sandbox.user_id}

    current, older = every_entry_in_every_status(sandbox, client, base)
    assert current == set(walk.description.types["EntryListed"]["properties"]["status"]["enum"])
    assert older == set(walk.description.types["Training"]["properties"]["status"]["enum"])

    sandbox.reset()
    client.get("/v1/knowledge-base/file-types")
    for body in WRITES:
        assert client.patch(entry, json=body).status_code == 200, body
        client.get(entry)
        client.get(base)
    full = {"rawText": "a", "processedText": "b", "vectorEntryId": "1337", "metadata": {"page": 42}}
    assert client.put(f"{training}/{sandbox.entry_id}", json=full).status_code == 200
    client.get(f"/v1/training/{sandbox.entry_id}")
    question = {"content": "When?", "skip_chat_history": True, "source": "web"}
    client.post(f"/v1/replicas/{sandbox.replica_uuid}/chat/completions", json=question)
    account = {"accountID": "1", "accountType": "embed"}
    for user in ({}, {"id": "u", "email": "a@b.example", "name": "U", "linkedAccounts": [account]}):
        assert client.post("/v1/users", json=user).status_code == 200
    client.get("/v1/users/me", headers=me)
    client.get("/v1/users/u")
    for profile in REPLICAS:
        uuid = client.post("/v1/replicas", json=profile).json()["uuid"]
        client.get(f"/v1/replicas/{uuid}")
        client.put(f"/v1/replicas/{uuid}", json=profile)
        client.get(f"/v1/replicas/{uuid}")
        client.get("/v1/replicas")
        client.delete(f"/v1/replicas/{uuid}")

    # What the state of things refuses.
    client.post(base, json={"url": "https://a.example/"})
    client.post(base, json={"url": "https://a.example/"})
    quota = {"knowledgeBaseEntries": {"totalUserQuota": 1}}
    client.post(base, json={"text": "one too many", "usageLimits": quota})
    client.post("/v1/users", json={"id": "u"})
    uuid = client.post("/v1/replicas", json=REPLICAS[0]).json()["uuid"]
    client.post("/v1/replicas", json=REPLICAS[0])
    client.put(f"/v1/replicas/{uuid}", json=REPLICAS[0] | {"slug": "support-replica"})
    sandbox.options(conversation_quota=0, delete_status=200)
    client.post(f"/v1/replicas/{sandbox.replica_uuid}/chat/completions", json={"content": "Still?"})
    created = client.post(base, json={"text": "to be deleted"}).json()["results"][0]["knowledgeBaseID"]
    client.delete(f"{base}/{created}")

    # What every call can meet.
    for method, path in paths(walk, sandbox):
        client.request(method, path, headers={"X-ORGANIZATION-SECRET": "wrong"})
        client.request(method, path, headers={"X-API-Version": "latest"})
        client.request(method, path.replace(sandbox.replica_uuid, UNKNOWN), json={})
    sandbox.options(require_content_type=True)
    for method, path in paths(walk, sandbox):
        client.request(method, path, headers=me | {"Content-Type": "text/plain"})
    for path in (f"{base}/1", "/v1/users/nobody"):
        client.get(path)
    client.patch(f"{base}/1", json={"title": "x"})
    client.delete(f"{base}/1")
    client.delete("/v1/users/me", headers=me | {"X-USER-ID": "u"})
    client.get("/v1/training/1")
    client.delete("/v1/training/1")
    for generation in ("training", "knowledge-base"):
        sandbox.options(sensay_generation=generation)
        for path in ("/v1/knowledge-base/file-types", "/v1/training"):
            client.get(path)
    sandbox.options(sensay_generation="both")
    assert walk.missing() - {(key, "500") for key in walk.description.answers} == ONLY_BY_FAULT

    for operation, status in walk.missing():
        method, path = operation.split(" ")
        path = next(p for m, p in paths(walk, sandbox) if walk.description.operation(m, p) == operation)
        sandbox.fault("status", status=int(status))
        client.request(method, path, headers=me)
    assert walk.missing() == set()
    assert walk.faults == []


UNKNOWN = "00000000-0000-4000-8000-000000000000"
WRITES: list[dict[str, Any]] = [
    {"rawText": "All is new.", "title": "T", "generatedTitle": "G", "summary": "S", "language": "de"},
    {"generatedFacts": ["a"], "rawTextChunks": [{"content": "a", "chunkIndex": 0, "nonsense": 1}]},
    {"website": {"title": "no url", "screenshot": "aGk="}, "youtube": {"summary": "s"}},
    {"file": {"size": None, "mimeType": None, "screenshot": "aGk="}},
    {"error": {"message": "no", "fingerprint": "f"}},
    {"status": "NEW", "processedText": "a", "qdrantPoints": ["1"], "vectorEntryID": UNKNOWN},
]
REPLICAS: list[dict[str, Any]] = [
    {
        "name": "R",
        "shortDescription": "r",
        "greeting": "Hi",
        "slug": "r",
        "ownerID": "sandbox-user",
        "llm": {},
    },
    {
        "name": "Full",
        "shortDescription": "s" * 50,
        "greeting": "g" * 600,
        "slug": "full",
        "ownerID": "sandbox-user",
        "purpose": "p" * 1000,
        "type": "brand",
        "private": True,
        "whitelistEmails": ["a@b.example"],
        "tags": ["male"],
        "profileImage": "https://images.invalid/photo.jpeg",
        "suggestedQuestions": ["Why?"],
        "voicePreviewText": "v" * 400,
        "isAccessibleByCustomerSupport": True,
        "isEveryConversationAccessibleBySupport": True,
        "isPrivateConversationsEnabled": False,
        "introductionAudioID": None,
        "llm": {
            "model": "claude-haiku-4-5",
            "memoryMode": "rag-search",
            "systemMessage": "Be kind.",
            "tools": ["answerToLife"],
            "embeddingModel": "qwen3-embedding-8b",
        },
    },
]


def test_every_answer_of_sendkit_is_as_described(knowledge_sandbox: Sandbox, sendkit_walk: Walk) -> None:
    sandbox, walk, client = knowledge_sandbox, sendkit_walk, sendkit_walk.client
    agent = f"/v1/agents/{sandbox.agent_id}"
    statuses: set[str | None] = set()
    documents: set[str] = set()

    def look() -> None:
        told = client.get(agent).json()["data"]
        statuses.add(told["trainingStatus"])
        documents.update(document["status"] for document in told["uploadedDocuments"])
        client.get("/v1/agents")

    for code, outcome in ((202, "completed"), (201, "failed"), (200, "completed")):
        sandbox.options(retrain_status_code=code, training_outcome=outcome, document_outcome=outcome)
        client.post(f"{agent}/retrain")
        client.post(f"{agent}/retrain")
        for step in (0, 1.1, 4, 5):
            sandbox.advance(step)
            look()
    sandbox.set_agent(never_trained=True)
    sandbox.options(never_trained="null")
    look()
    assert statuses == {"pending", "training", "completed", "failed", None}
    assert documents == {"processing", "completed", "failed"}

    made = client.post("/v1/agents", json=AGENT).json()["data"]["_id"]
    client.patch(f"/v1/agents/{made}", json=AGENT | {"companyUrl": "https://b.example"} | SETTINGS)
    client.get(f"/v1/agents/{made}")
    client.delete(f"/v1/agents/{made}")
    wanted = {"filename": "a.pdf", "contentType": "application/pdf", "fileSize": 3}
    uploaded = client.post(f"{agent}/upload-document", json=wanted).json()["data"]
    document = {
        "fileKey": uploaded["key"],
        "fileUrl": uploaded["url"],
        "fileName": "a.pdf",
        "fileType": "pdf",
    }
    client.post(f"{agent}/process-document", json=document)
    look()
    client.request("DELETE", f"{agent}/documents", json={"fileKey": uploaded["key"]})

    sandbox.options(credits=0)
    client.post(f"{agent}/retrain")
    client.post("/v1/agents", json={"name": "A"})
    for method, path in paths(walk, sandbox):
        client.request(method, path, headers={"X-Api-Key": "wrong"})
        client.request(method, path, headers={"Authorization": "Bearer both"})
        client.request(method, path, headers={"X-Api-Key": sandbox.platform_key})
        if path != "/v1/agents":
            body = {"fileKey": "none", "fileUrl": "u", "fileName": "n.pdf", "fileType": "pdf"}
            name = path.rpartition("/")[2]
            body = {"process-document": body, "documents": {"fileKey": "none"}}.get(name, {})
            client.request(method, path.replace(sandbox.agent_id, "none"), json=body)
        if walk.description.answers[walk.description.operation(method, path)].get("415"):
            client.request(method, path, content=b"x", headers={"Content-Type": "text/plain"})
    assert walk.missing() == set()
    assert walk.faults == []


AGENT: dict[str, Any] = {
    "name": "Second",
    "companyInfo": {"name": "B", "domain": "b.example", "industry": "i", "description": "d"},
    "persona": {"tone": "formal", "role": "r", "communicationStyle": "c", "customInstructions": "x"},
}
SETTINGS: dict[str, Any] = {
    "autonomousMode": {
        "enabled": True,
        "confidenceThreshold": 0.5,
        "mode": "template",
        "template": "<p>",
        "workingHours": {"enabled": True, "startHour": 8, "endHour": 18, "timezone": "UTC"},
    },
    "followupSettings": {"enabled": True, "maxFollowups": 1, "mode": "template", "templates": ["<p>"]},
}


@pytest.mark.parametrize(
    "edit",
    [
        {"members": {"unheard_of": 1}},
        {"members": {"status": "DONE"}},
        {"members": {"updatedAt": "yesterday"}},
        {"members": {"id": "12345"}},
        {"members": {"error": {"message": 1}}},
        {"missing": ["createdAt"]},
    ],
)
def test_an_answer_off_the_description_is_noticed(
    knowledge_sandbox: Sandbox, sensay_walk: Walk, edit: dict[str, Any]
) -> None:
    knowledge_sandbox.fault("edit", **edit)
    path = f"/v1/replicas/{knowledge_sandbox.replica_uuid}/knowledge-base/{knowledge_sandbox.entry_id}"
    sensay_walk.client.get(path)
    assert len(sensay_walk.faults) == 1
    sensay_walk.client.get(path)
    assert len(sensay_walk.faults) == 1


@pytest.mark.parametrize("vendor", ["sendkit", "sensay"])
def test_every_endpoint_of_the_sandbox_is_described(knowledge_sandbox: Sandbox, vendor: str) -> None:
    page = httpx.get(f"{knowledge_sandbox.url}/openapi.json", trust_env=False).json()
    served = {
        f"{method.upper()} {path}"
        for path, operations in page["paths"].items()
        for method in operations
        if path.startswith("/v1") and (path.startswith("/v1/agents") == (vendor == "sendkit"))
    }
    assert served == set(Description(vendor).answers)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/v1/agents/{agent}/generate-reply", 404),
        ("GET", "/v1/account", 404),
        ("GET", "/v1/workspaces", 404),
        ("GET", "/v1/webhooks", 404),
        ("POST", "/v1/enrichment/enrich", 404),
        ("PUT", "/v1/users/me", 405),
        ("GET", "/v1/users/me/usage", 404),
        ("GET", "/v1/replicas/{replica}/chat/history", 404),
        ("POST", "/v1/experimental/replicas/{replica}/chat/completions", 404),
        ("GET", "/v1/replicas/{replica}/conversations", 404),
        ("GET", "/v1/knowledge-base", 404),
        ("PATCH", "/v1/knowledge-base/{entry}", 404),
        ("GET", "/v1/replicas/{replica}/training", 405),
    ],
)
def test_what_the_page_says_is_left_out_is_answered_in_the_vendors_own_envelope(
    knowledge_sandbox: Sandbox, sensay_walk: Walk, sendkit_walk: Walk, method: str, path: str, code: int
) -> None:
    sandbox = knowledge_sandbox
    known = {"agent": sandbox.agent_id, "replica": sandbox.replica_uuid, "entry": sandbox.entry_id}
    sendkit = path.split("/")[2] in ("agents", "account", "workspaces", "webhooks", "enrichment")
    walk = sendkit_walk if sendkit else sensay_walk
    walk.client.event_hooks = {}
    answer = walk.client.request(
        method, path.format(**known), headers={"X-USER-ID": sandbox.user_id}, json={}
    )
    assert answer.status_code == code
    assert set(answer.json()) >= ({"error", "message", "code"} if sendkit else {"success", "request_id"})


def test_the_words_of_the_sandbox_are_the_described_ones() -> None:
    types = Description("sensay").types
    model = types["LanguageModel"]["properties"]
    assert list(LANGUAGES) == types["Language"]["enum"]
    assert [*MIME_TYPES, None] == types["MimeType"]["enum"]
    assert list(MODELS) == model["model"]["enum"]
    assert list(TOOLS) == model["tools"]["items"]["enum"]
