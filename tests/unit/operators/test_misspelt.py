"""A misspelt word is an import error of the DAG, and a misspelt argument is seen by a type checker."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.operators.sendkit import (
    SendKitRetrainAgentOperator,
    SendKitSyncDocumentsOperator,
    SendKitUploadDocumentOperator,
)
from airflow_provider.operators.sensay import (
    SensayAskReplicaOperator,
    SensayCreateKnowledgeBaseEntryOperator,
    SensaySyncKnowledgeBaseOperator,
    SensayUpdateKnowledgeBaseEntryOperator,
)
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor

REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
AGENT = {"agent_id": "a"}
ENTRY = {"replica_uuid": REPLICA, "entry_id": 1}
ASK: dict[str, Any] = {"replica_uuid": REPLICA, "questions": []}
SYNC = {"replica_uuid": REPLICA, "documents": []}
DOCUMENTS = {"agent_id": "a", "documents": []}

#: Each argument that takes one of a few words, with all of these.
WORDS: list[tuple[type[BaseOperator], dict[str, Any], str, tuple[str, ...]]] = [
    (SensaySyncKnowledgeBaseOperator, SYNC, "on_empty_source", ("fail", "allow")),
    (SensaySyncKnowledgeBaseOperator, SYNC, "strategy", ("auto", "update", "replace")),
    (SensaySyncKnowledgeBaseOperator, SYNC, "retry_failed", ("changed", "always")),
    (SensaySyncKnowledgeBaseOperator, SYNC, "on_failed_documents", ("fail", "warn")),
    (SensaySyncKnowledgeBaseOperator, SYNC, "on_drift", ("overwrite", "keep", "fail")),
    (SensaySyncKnowledgeBaseOperator, SYNC, "adopt", ("none", "title")),
    (SensaySyncKnowledgeBaseOperator, SYNC, "detect", ("content", "stat")),
    (SendKitSyncDocumentsOperator, DOCUMENTS, "on_failed_documents", ("fail", "warn")),
    (SendKitRetrainAgentOperator, AGENT, "on_running", ("adopt", "wait", "fail", "skip")),
    (SendKitRetrainAgentOperator, AGENT, "on_unknown", ("submit", "fail")),
    (SendKitRetrainAgentOperator, AGENT, "on_unconfirmed", ("fail", "accept")),
    (SendKitRetrainAgentOperator, AGENT, "on_failed_documents", ("fail", "warn", "ignore")),
    (SendKitRetrainAgentOperator, AGENT, "on_empty", ("warn", "fail")),
    (SendKitUploadDocumentOperator, {**AGENT, "text": "t"}, "on_failed_documents", ("fail", "warn")),
    (SensayUpdateKnowledgeBaseEntryOperator, ENTRY, "on_unconfirmed", ("fail", "accept")),
    (SensayCreateKnowledgeBaseEntryOperator, {"replica_uuid": REPLICA}, "on_unconfirmed", ("fail", "accept")),
    (
        SensayAskReplicaOperator,
        {"replica_uuid": REPLICA, "questions": []},
        "on_failed_answers",
        ("fail", "warn", "skip"),
    ),
    (SendKitAgentTrainedSensor, AGENT, "on_failed_documents", ("fail", "warn", "ignore")),
    (SendKitAgentTrainedSensor, AGENT, "on_empty", ("warn", "fail")),
]


def ids(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value)[:30]


@pytest.mark.parametrize(("kind", "needed", "name", "words"), WORDS, ids=ids)
def test_a_misspelt_word_is_an_import_error_that_names_the_words(
    kind: Any, needed: dict[str, Any], name: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        kind(task_id="refresh", **needed, **{name: f"{words[0]}x"})
    said = f"{kind.__name__} 'refresh': {name} must be one of {', '.join(words)}, got '{words[0]}x'."
    assert str(caught.value) == said


@pytest.mark.parametrize(("kind", "needed", "name", "words"), WORDS, ids=ids)
def test_a_word_that_is_known_or_comes_later_is_taken(
    kind: Any, needed: dict[str, Any], name: str, words: tuple[str, ...]
) -> None:
    with DAG("words", schedule=None):
        other = BaseOperator(task_id="other")
        for number, given in enumerate((*words, "{{ params.word }}", "{% if x %}a{% endif %}", other.output)):
            assert getattr(kind(task_id=f"t{number}", **needed, **{name: given}), name) is given


@pytest.mark.parametrize(("kind", "needed", "name", "words"), WORDS, ids=ids)
def test_a_mapped_word_is_checked_when_its_task_is_made(
    kind: Any, needed: dict[str, Any], name: str, words: tuple[str, ...]
) -> None:
    with DAG("mapped", schedule=None):
        mapped = kind.partial(task_id="t", **needed).expand(**{name: [words[0], "misspelt"]})
    assert getattr(mapped.unmap({name: words[0]}), name) == words[0]
    with pytest.raises(InvalidArgumentError, match=f"{name} must be one of"):
        mapped.unmap({name: "misspelt"})


SNIPPET = """
from airflow_provider.decorators.sensay import sensay_documents
from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator, SendKitSyncDocumentsOperator
from airflow_provider.operators.sendkit import SendKitUploadDocumentOperator
from airflow_provider.operators.sensay import (
    SensayAskReplicaOperator,
    SensayCreateKnowledgeBaseEntryOperator,
    SensayDeleteKnowledgeBaseEntryOperator,
    SensaySyncKnowledgeBaseOperator,
    SensayUpdateKnowledgeBaseEntryOperator,
)
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor

GOOD = [
    SendKitRetrainAgentOperator(task_id="t", agent_id="a", on_running="wait", version="1", timeout=60, retries=2),
    SendKitSyncDocumentsOperator(task_id="t", agent_id="a", documents=[], sync_id="a", concurrency=2, pool="p"),
    SendKitUploadDocumentOperator(task_id="t", agent_id="a", path="a.pdf", sync_id="x", timeout=60),
    SensaySyncKnowledgeBaseOperator(task_id="t", replica_uuid="r", documents="*.md", strategy="{{ x }}", dry_run=True),
    SensayUpdateKnowledgeBaseEntryOperator(task_id="t", replica_uuid="r", entry_id=1, raw_text="t", deferrable=True),
    SensayCreateKnowledgeBaseEntryOperator(task_id="t", replica_uuid="r", text="t", poll_interval=5),
    SensayDeleteKnowledgeBaseEntryOperator(task_id="t", replica_uuid="r", entry_id=1, queue="q"),
    SensayAskReplicaOperator(task_id="t", replica_uuid="r", questions=["q"], trigger_rule="all_done"),
    SendKitAgentTrainedSensor(task_id="t", agent_id="a", mode="reschedule", since=None, soft_fail=True),
    SensayKnowledgeBaseEntryReadySensor(task_id="t", replica_uuid="r", entry_id=1, timeout=60.0, poke_interval=5),
    sensay_documents(replica_uuid="r", sync_id="s", delete_missing=True),
]
SendKitRetrainAgentOperator(task_id="t", agent_id="a", on_runing="wait")  # error
SendKitRetrainAgentOperator(task_id="t", on_running="wait")  # error
SendKitRetrainAgentOperator(agent_id="a")  # error
SendKitRetrainAgentOperator(task_id="t", agent_id="a", retires=2)  # error
SendKitRetrainAgentOperator(task_id="t", agent_id="a", verison="1")  # error
SendKitSyncDocumentsOperator(task_id="t", agent_id="a", documents=[], sinc_id="a")  # error
SendKitUploadDocumentOperator(task_id="t", agent_id="a", pth="a.pdf")  # error
SensaySyncKnowledgeBaseOperator(task_id="t", replica_uuid="r", documents=[], delete_mising=True)  # error
SensaySyncKnowledgeBaseOperator(task_id="t", replica_uuid="r")  # error
SensayUpdateKnowledgeBaseEntryOperator(task_id="t", replica_uuid="r", entry_id=1, rawtext="t")  # error
SensayCreateKnowledgeBaseEntryOperator(task_id="t", replica_uuid="r", txt="t")  # error
SensayDeleteKnowledgeBaseEntryOperator(task_id="t", replica_uuid="r", entry=1)  # error
SensayAskReplicaOperator(task_id="t", replica_uuid="r", questions=["q"], attempt=1)  # error
SendKitAgentTrainedSensor(task_id="t", agent_id="a", sinse=None)  # error
SendKitAgentTrainedSensor(task_id="t", agent_id="a", pokeinterval=1)  # error
SensayKnowledgeBaseEntryReadySensor(task_id="t", replica_uuid="r", entry_id=1, softfail=True)  # error
sensay_documents(replica_uuid="r", sinc_id="s")  # error
sensay_documents(sync_id="s")  # error
"""


def test_a_type_checker_sees_misspelt_and_missing_arguments(tmp_path: Path) -> None:
    dag = tmp_path / "a_dag.py"
    dag.write_text(textwrap.dedent(SNIPPET))
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--no-error-summary",
        "--no-pretty",
        "--no-color-output",
        "--hide-error-context",
        str(dag),
    ]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    # By the file's name alone: what mypy remembers of an earlier run bears that run's folder.
    said = [line for line in checked.stdout.splitlines() if f"{dag.name}:" in line and " error: " in line]
    named = {int(line.split(":")[1]) for line in said}
    expected = {
        number for number, line in enumerate(dag.read_text().splitlines(), 1) if line.endswith("# error")
    }
    assert named == expected, checked.stdout + checked.stderr
