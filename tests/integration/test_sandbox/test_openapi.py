"""The sandbox keeps what its own OpenAPI page promises: bounded, and the same in every run."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from airflow_provider.sandbox.app.build import build
from airflow_provider.sandbox.app.site import Site
from airflow_provider.sandbox.options import Options

site = Site(Options(credits=1e6, max_agents=1000))
schema = schemathesis.openapi.from_asgi("/openapi.json", build(site)).include(path_regex="^/v1/")
CHECKS: list[Any] = [not_a_server_error, status_code_conformance, response_schema_conformance]

KNOWN = {
    "agentId": site.world.agent_id,
    "replicaUUID": site.world.replica_uuid,
    "knowledgeBaseID": site.world.entry_id,
    "trainingID": site.world.entry_id,
    "userID": site.world.user_id,
}
"""What is there from the start, so that bodies and queries are tried and not 404s."""


@schema.parametrize()
@hypothesis.settings(
    max_examples=5, derandomize=True, deadline=None, database=None, phases=[hypothesis.Phase.generate]
)
def test_any_request_is_answered_as_promised(case: schemathesis.Case[Any]) -> None:
    known = site.world.credentials
    case.headers.update(
        {"X-Api-Key": known.workspace_key}
        if case.path.startswith("/v1/agents")
        else {"X-ORGANIZATION-SECRET": known.organization_secret}
    )
    case.headers.pop("x-user-id", None)
    case.headers.setdefault("Content-Type", "application/json")
    case.path_parameters.update(
        {name: value for name, value in KNOWN.items() if name in case.path_parameters}
    )
    site.reset()
    case.call_and_validate(checks=CHECKS)


@pytest.mark.parametrize("path", ["/v1/agents/{agentId}/retrain", "/v1/training/{trainingID}"])
def test_the_page_tells_each_vendors_errors(path: str) -> None:
    (operation, *_) = site_schema()["paths"][path].values()
    name = operation["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert name == ("SendKitError" if "agents" in path else "SensayError")
    assert "422" not in operation["responses"]


def site_schema() -> dict[str, Any]:
    return build(site).openapi()
