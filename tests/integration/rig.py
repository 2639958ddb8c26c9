"""A fast sandbox with both connections set, and the operators and sensors as a DAG author would write them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any
from unittest import mock

from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator
from airflow_provider.operators.sensay import (
    SensayCreateKnowledgeBaseEntryOperator,
    SensayDeleteKnowledgeBaseEntryOperator,
    SensaySyncKnowledgeBaseOperator,
    SensayUpdateKnowledgeBaseEntryOperator,
)
from airflow_provider.sandbox.client import Sandbox
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor
from tests.integration.clock import SPEED, running_fast

RETRAIN = r"^/v1/agents/[0-9a-f]+/retrain$"
AGENT = r"^/v1/agents/[0-9a-f]+$"
ENTRY = r"^/v1/(replicas/[^/]+/(knowledge-base|training)|training)/\d+$"
ENTRIES = r"^/v1/replicas/[^/]+/(knowledge-base|training)$"

#: How long the vendors take, in seconds of the fast clock.
QUICK = {
    "pending_seconds": 0.5,
    "training_seconds": 1.5,
    "document_seconds": 1.0,
    "new_seconds": 0.3,
    "file_uploaded_seconds": 0.3,
    "raw_text_seconds": 2.0,
    "processed_text_seconds": 0.5,
    "vector_created_seconds": 0.3,
}

NEW_TEXT = "We open at nine and close at five."

Make = Callable[[], Any]


class Rig:
    """
    The world of one test.

    :param scratch: where files may be put
    """

    def __init__(self, sandbox: Sandbox, environment: MutableMapping[str, str], scratch: Path) -> None:
        self.sandbox = sandbox
        self.scratch = scratch
        self._environment = environment
        self.connect("sendkit")
        self.connect("sensay")

    # --- the world ---------------------------------------------------------------------------------------

    def reset(self, **options: Any) -> None:
        """Begin with a new world, bent as given."""
        self.sandbox.reset()
        self.sandbox.options(**{"time_scale": SPEED, **QUICK, **options})

    def connect(self, vendor: str, extra: dict[str, Any] | None = None, **fields: Any) -> None:
        """Set a vendor's default connection; ``extra`` is added to the sandbox's own."""
        right = self.sandbox.sendkit_connection if vendor == "sendkit" else self.sandbox.sensay_connection
        known = right.get("extra") or {}
        known = json.loads(known) if isinstance(known, str) else known
        connection = {**right, **fields, "extra": {**known, **(extra or {})}}
        self._environment[f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT"] = json.dumps(connection)

    def speak(self, generation: str) -> None:
        """Let the Sensay connection name the API generation."""
        self.connect("sensay", {"api": generation})

    @property
    def paid(self) -> int:
        """How many retrains were charged."""
        return sum(1 for charge in self.sandbox.charges if charge["credits"] > 0)

    @property
    def retrains(self) -> int:
        """How many retrains were asked for, charged or not."""
        return self.sandbox.count("POST", "/v1/agents/{agentId}/retrain")

    @property
    def asked(self) -> list[str]:
        """Every request to a vendor so far, as ``METHOD path``."""
        return [f"{each['method']} {each['path']}" for each in self.sandbox.requests]

    @property
    def written(self) -> list[str]:
        """The requests among them that are no plain read."""
        return [each for each in self.asked if not each.startswith("GET ")]

    def entries(self) -> list[int]:
        """Ids of the entries there are, oldest first."""
        return sorted(entry["id"] for entry in self.sandbox.state()["entries"])

    # --- tasks -------------------------------------------------------------------------------------------

    def retrain(self, **arguments: Any) -> Make:
        given = {"agent_id": self.sandbox.agent_id, "poll_interval": 0.5, "start_grace": 2, **arguments}
        return lambda: SendKitRetrainAgentOperator(task_id="retrain", **given)

    def update(self, **arguments: Any) -> Make:
        given = {"raw_text": NEW_TEXT, **self._entry(), "poll_interval": 0.5, "start_grace": 2, **arguments}
        return lambda: SensayUpdateKnowledgeBaseEntryOperator(task_id="update", **given)

    def create(self, **arguments: Any) -> Make:
        given = {
            "replica_uuid": self.sandbox.replica_uuid,
            "poll_interval": 0.5,
            "start_grace": 2,
            **arguments,
        }
        return lambda: SensayCreateKnowledgeBaseEntryOperator(task_id="create", **given)

    def delete(self, **arguments: Any) -> Make:
        given = {**self._entry(), **arguments}
        return lambda: SensayDeleteKnowledgeBaseEntryOperator(task_id="delete", **given)

    def sync(self, documents: Any, **arguments: Any) -> Make:
        given = {
            "replica_uuid": self.sandbox.replica_uuid,
            "poll_interval": 0.5,
            "start_grace": 2,
            "documents": documents,
            "task_id": "sync",
            **arguments,
        }
        return lambda: SensaySyncKnowledgeBaseOperator(**given)

    def agent_sensor(self, **arguments: Any) -> Make:
        given = {"agent_id": self.sandbox.agent_id, "poke_interval": 0.5, "start_grace": 2, **arguments}
        return lambda: SendKitAgentTrainedSensor(task_id="wait_for_agent", **given)

    def entry_sensor(self, **arguments: Any) -> Make:
        given = {**self._entry(), "poke_interval": 0.5, "start_grace": 2, **arguments}
        return lambda: SensayKnowledgeBaseEntryReadySensor(task_id="wait_for_entry", **given)

    def _entry(self) -> dict[str, Any]:
        return {"replica_uuid": self.sandbox.replica_uuid, "entry_id": self.sandbox.entry_id}


@contextlib.contextmanager
def fresh_world(sandbox: Sandbox, scratch: Path) -> Iterator[Rig]:
    """Reset the sandbox, let time run fast, and forget the connections afterwards."""
    with mock.patch.dict(os.environ), running_fast():
        os.environ["AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL"] = "0"
        rig = Rig(sandbox, os.environ, scratch)
        rig.reset()
        yield rig
