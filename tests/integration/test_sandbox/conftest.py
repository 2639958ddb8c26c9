"""Plain HTTP clients for both vendors, with the headers each of them wants."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from airflow_provider.sandbox.client import Sandbox

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def sendkit(knowledge_sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = JSON | {"X-Api-Key": knowledge_sandbox.sendkit_connection["password"]}
    with httpx.Client(base_url=knowledge_sandbox.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def sensay(knowledge_sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = JSON | {"X-ORGANIZATION-SECRET": knowledge_sandbox.sensay_connection["password"]}
    with httpx.Client(base_url=knowledge_sandbox.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def agent(knowledge_sandbox: Sandbox) -> str:
    """Path of the ready-made agent."""
    return f"/v1/agents/{knowledge_sandbox.agent_id}"


@pytest.fixture
def base(knowledge_sandbox: Sandbox) -> str:
    """Path of the ready-made replica's knowledge base."""
    return f"/v1/replicas/{knowledge_sandbox.replica_uuid}/knowledge-base"


@pytest.fixture
def entry(base: str, knowledge_sandbox: Sandbox) -> str:
    """Path of the ready-made entry."""
    return f"{base}/{knowledge_sandbox.entry_id}"
