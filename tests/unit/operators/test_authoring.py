"""What a DAG author may write: templates, mapping, names in the UI; as the scheduler gets it, serialized."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.serialization import serialized_objects

from airflow_provider.operators.sendkit import (
    SendKitRetrainAgentOperator,
    SendKitSyncDocumentsOperator,
    SendKitUploadDocumentOperator,
)
from airflow_provider.operators.sensay import (
    SensayAskReplicaOperator,
    SensayCreateKnowledgeBaseEntryOperator,
    SensayDeleteKnowledgeBaseEntryOperator,
    SensaySyncKnowledgeBaseOperator,
    SensayUpdateKnowledgeBaseEntryOperator,
)
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor
from airflow_provider.sources import Folder, Query

#: Airflow 3.1 calls it otherwise.
DagSerialization: Any = getattr(
    serialized_objects, "DagSerialization", getattr(serialized_objects, "SerializedDAG", None)
)

REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
AGENT: dict[str, Any] = {"agent_id": "a" * 24}
ENTRY: dict[str, Any] = {"replica_uuid": REPLICA, "entry_id": 1}

ALL: list[tuple[type[Any], dict[str, Any]]] = [
    (SendKitRetrainAgentOperator, AGENT),
    (SendKitSyncDocumentsOperator, {"documents": ["/kb/a.pdf"], **AGENT}),
    (SendKitUploadDocumentOperator, {**AGENT, "path": "/kb/a.pdf"}),
    (SendKitAgentTrainedSensor, AGENT),
    (SensayUpdateKnowledgeBaseEntryOperator, ENTRY),
    (SensayCreateKnowledgeBaseEntryOperator, {"replica_uuid": REPLICA, "text": "x"}),
    (SensayDeleteKnowledgeBaseEntryOperator, ENTRY),
    (SensaySyncKnowledgeBaseOperator, {"documents": "s3://kb/**/*.md", "replica_uuid": REPLICA}),
    (SensayAskReplicaOperator, {"questions": ["Why?"], "replica_uuid": REPLICA}),
    (SensayKnowledgeBaseEntryReadySensor, ENTRY),
]
EACH = [pytest.param(kind, arguments, id=kind.__name__) for kind, arguments in ALL]

#: Decide how a task runs, not what it does: Airflow reads them before it renders anything.
NOT_TEMPLATED = {"deferrable", "wait_for_completion", "poke_interval", "kwargs", "self"}
RENAMED = {"dry_run": "plan_only"}  # BaseOperator.dry_run is a method


@pytest.fixture
def dag() -> Iterator[DAG]:
    with DAG("authored", schedule=None, start_date=datetime(2026, 1, 1)) as made:
        yield made


def own_arguments(kind: type[Any]) -> set[str]:
    """The arguments that our classes add, each by the name of its attribute."""
    ours = [vars(each) for each in kind.__mro__ if each.__module__.startswith("airflow_provider")]
    inits = [each["__init__"] for each in ours if "__init__" in each]
    names = {name for init in inits for name in inspect.signature(init).parameters}
    return {RENAMED.get(name, name) for name in names if name not in NOT_TEMPLATED}


def serialized(dag: DAG, task_id: str) -> dict[str, Any]:
    """A task as the scheduler gets it."""
    tasks = DagSerialization.to_dict(dag)["dag"]["tasks"]
    found: dict[str, Any] = next(each["__var"] for each in tasks if each["__var"]["task_id"] == task_id)
    return found


@pytest.mark.parametrize(("kind", "arguments"), EACH)
def test_every_argument_that_says_what_to_do_may_be_a_template(
    kind: type[Any], arguments: dict[str, Any]
) -> None:
    ignored = {"args", "task_id", "default_args"}
    if kind is SendKitUploadDocumentOperator:
        ignored.add("documents")  # its one document is what it has in their place
    assert own_arguments(kind) - ignored == set(kind.template_fields)


@pytest.mark.parametrize(("kind", "arguments"), EACH)
def test_a_mapped_task_is_named_by_its_target(kind: type[Any], arguments: dict[str, Any], dag: DAG) -> None:
    name, value = next(reversed(arguments.items()))
    fixed = {key: each for key, each in arguments.items() if key != name}
    kind.partial(task_id="mapped", **fixed).expand(**{name: [value, value]})
    template = serialized(dag, "mapped")["partial_kwargs"]["map_index_template"]
    assert template == kind.default_map_index_template
    fields = [each for each in kind.template_fields if f"task.{each}" in template]
    assert fields


@pytest.mark.parametrize(("kind", "arguments"), EACH)
def test_the_authors_name_for_mapped_tasks_wins(kind: type[Any], arguments: dict[str, Any], dag: DAG) -> None:
    kind.partial(task_id="named", map_index_template="{{ mine }}").expand_kwargs([arguments])
    kind.partial(task_id="by_default", default_args={"map_index_template": "{{ ours }}"}).expand_kwargs(
        [arguments]
    )
    for task_id, template in (("named", "{{ mine }}"), ("by_default", "{{ ours }}")):
        assert serialized(dag, task_id)["partial_kwargs"]["map_index_template"] == template


@pytest.mark.parametrize(("kind", "arguments"), EACH)
def test_a_task_that_is_not_mapped_has_no_such_name(
    kind: type[Any], arguments: dict[str, Any], dag: DAG
) -> None:
    assert kind(task_id="plain", **arguments).map_index_template is None


@pytest.mark.parametrize(("kind", "arguments"), EACH)
def test_a_mapped_task_survives_the_way_to_the_scheduler(
    kind: type[Any], arguments: dict[str, Any], dag: DAG
) -> None:
    @task
    def rows() -> list[dict[str, Any]]:
        return [arguments]

    kind.partial(task_id="mapped").expand_kwargs(rows())
    back = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    mapped = back.get_task("mapped")
    assert (mapped.is_mapped, mapped.upstream_task_ids) == (True, {"rows"})


def test_questions_with_functions_look_the_same_at_every_parse(dag: DAG) -> None:
    questions = [{"question": "Why?", "check": own_arguments}]
    ask = SensayAskReplicaOperator(task_id="ask", replica_uuid=REPLICA, questions=questions)
    assert " at 0x" not in str(serialized(dag, "ask"))
    assert " at 0x" not in str(ask.questions)  # all that Airflow 3.1 asks for


def test_a_sync_runs_once_at_a_time_and_uploads_side_by_side(dag: DAG) -> None:
    syncs = SendKitSyncDocumentsOperator(task_id="sync", documents="s3://kb/*", **AGENT)
    uploads = SendKitUploadDocumentOperator(task_id="upload", path="s3://kb/a.pdf", **AGENT)
    named = SendKitSyncDocumentsOperator(
        task_id="two", documents="s3://kb/*", max_active_tis_per_dag=2, **AGENT
    )
    most = [each.max_active_tis_per_dag for each in (syncs, uploads, named)]
    assert most == [1, None, 2]


def test_a_task_function_feeds_an_operator_and_takes_its_result(dag: DAG) -> None:
    @task
    def text() -> str:
        return "We open at nine."

    @task
    def announce(result: dict[str, Any], version: str) -> str:
        return f"{result['outcome']} {version}"

    source: Any = text()  # an XComArg here, a text when the task runs
    update = SensayUpdateKnowledgeBaseEntryOperator(task_id="update", raw_text=source, **ENTRY)
    result: Any = update.output
    announce(result, result["version"])
    assert (update.upstream_task_ids, update.downstream_task_ids) == ({"text"}, {"announce"})


def test_a_sensor_takes_the_operators_output(dag: DAG) -> None:
    retrain = SendKitRetrainAgentOperator(task_id="retrain", wait_for_completion=False, **AGENT)
    sensor = SendKitAgentTrainedSensor(task_id="trained", since=retrain.output, **AGENT)
    assert sensor.upstream_task_ids == {"retrain"}


def test_every_example_is_a_dag_with_a_page_of_its_own() -> None:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]

    folder = Path(__file__).parents[3] / "dags_examples"
    bag = DagBag(str(folder), collect_dags=False)
    bag.collect_dags(str(folder))
    assert bag.import_errors == {}
    assert all(dag.doc_md for dag in bag.dags.values())
    assert {path.stem for path in folder.glob("*.py")} <= {
        Path(dag.fileloc).stem for dag in bag.dags.values()
    }


def test_a_querys_statement_may_stand_in_a_file_beside_the_dag(tmp_path: Path) -> None:
    (tmp_path / "articles.sql").write_text("SELECT id AS key, body AS text FROM {{ params.table }}")
    with DAG("with_sql", schedule=None, start_date=datetime(2026, 1, 1), template_searchpath=[str(tmp_path)]):
        sync = SensaySyncKnowledgeBaseOperator(
            task_id="sync",
            replica_uuid=REPLICA,
            documents=[
                Query("articles.sql", "articles"),
                Folder("/kb/{{ params.table }}/*.md", exclude=["{{ params.table }}"]),
            ],
        )
        upload = SendKitUploadDocumentOperator(task_id="upload", text="See articles.sql", name="a", **AGENT)
    for each in (sync, upload):
        each.render_template_fields({"params": {"table": "news"}})
    documents: Any = sync.documents
    query, folder = documents
    assert query.sql == "SELECT id AS key, body AS text FROM news"
    assert (folder.glob, folder.exclude) == ("/kb/news/*.md", ["news"])
    assert upload.text == "See articles.sql"
