"""What Sensay's schema allows to be written is taken, and what it does not allow is a 400."""

from __future__ import annotations

import json
import re
from typing import Any

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode
from starlette.testclient import TestClient

from airflow_provider.sandbox.app.build import build
from airflow_provider.sandbox.app.site import Site
from airflow_provider.sandbox.options import Options

from .test_described import SCHEMAS

described = json.loads((SCHEMAS / "sensay.json").read_text())
site = Site(Options())
KNOWN = {
    "replicaUUID": site.world.replica_uuid,
    "knowledgeBaseID": site.world.entry_id,
    "trainingID": site.world.entry_id,
}
CREATE = "POST /v1/replicas/{replicaUUID}/knowledge-base"


def page() -> dict[str, Any]:
    """The described bodies as an OpenAPI page, so that schemathesis makes good and bad ones of them."""
    paths: dict[str, Any] = {}
    for operation, schema in described["requests"].items():
        method, path = operation.split(" ")
        names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
        paths.setdefault(path, {})[method.lower()] = {
            "parameters": [{"in": "path", "name": name, "required": True, "schema": {}} for name in names],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "responses": {"default": {"description": ""}},
        }
    whole = {"paths": paths, "components": {"schemas": described["types"]}}
    told: dict[str, Any] = json.loads(json.dumps(whole).replace("#/types/", "#/components/schemas/"))
    return {"openapi": "3.1.0", "info": {"title": "Sensay", "version": "1"}} | told


schema = schemathesis.openapi.from_dict(page())


def allowed(operation: str, body: Any) -> bool:
    wanted = described["requests"][operation] | {"types": described["types"]}
    return jsonschema_rs.Draft202012Validator(wanted, validate_formats=True).is_valid(body)


def settled(operation: str, body: Any) -> Any:
    """What no schema says: an owner that exists, one content, names that are not empty, URLs without blanks."""
    if not isinstance(body, dict):
        return body
    if "/replicas" in operation and "ownerID" in body and isinstance(body["ownerID"], str):
        body["ownerID"] = site.world.user_id
    if operation == CREATE:
        contents = [name for name in ("text", "url", "filename") if name in body]
        for name in contents[1:]:
            del body[name]
        if not contents:
            body["text"] = "some"
    for name in ("url", "profileImage"):
        if isinstance(body.get(name), str) and re.search(r"\s", body[name]):
            body[name] = "https://a.example/"
    for name in ("id", "filename"):
        if body.get(name) == "":
            body[name] = "some"
    return body


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation", described["requests"])
@hypothesis.settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(data=strategies.data())
def test_a_body_is_taken_exactly_if_it_is_described(
    operation: str, mode: GenerationMode, data: strategies.DataObject
) -> None:
    method, path = operation.split(" ")
    case = data.draw(schema[path][method].as_strategy(generation_mode=mode))
    body = settled(operation, case.body)
    try:
        content = json.dumps(body)
    except TypeError:
        return
    site.reset()
    headers = {
        "X-ORGANIZATION-SECRET": site.world.credentials.organization_secret,
        "Content-Type": "application/json",
    }
    answer = client.request(method, path.format(**KNOWN), content=content, headers=headers)
    taken = answer.status_code != 400
    hypothesis.note(f"{answer.status_code} {answer.text}")
    assert answer.status_code < 500
    assert taken is allowed(operation, body), body


client = TestClient(build(site))
