"""``airflow agent-knowledge`` and ``python -m airflow_provider``: what they show, and what a script learns."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from airflow_provider.cli.look import Exit, Look, look
from airflow_provider.cli.main import app
from airflow_provider.cli.table import watch
from airflow_provider.vendors.status import Row, State
from tests.integration.rig import Rig
from tests.integration.syncing import Library

#: Before 3.2 a provider cannot add to Airflow's own command.
EXTENDS_AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2]) >= (3, 2)
OURS, AIRFLOWS = ["airflow_provider"], ["airflow", "agent-knowledge"]
DOORS = [OURS, AIRFLOWS] if EXTENDS_AIRFLOW else [OURS]

BROKEN = {"trainingStatus": "failed", "trainingError": "the site cannot be read"}


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, ["status", *arguments])


def told(*arguments: str) -> tuple[dict[str, Any], int]:
    result = run(*arguments, "--json")
    return json.loads(result.stdout), result.exit_code


def target(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each for each in told["targets"] if each["kind"] == kind]
    assert isinstance(found, dict)
    return found


# --- what is shown ---------------------------------------------------------------------------------------


def test_both_default_connections_are_shown_when_none_is_named(rig: Rig) -> None:
    seen, code = told()
    assert (seen["ready"], seen["problems"], code) == (True, [], 0)
    agent, replica = target("agent", seen), target("replica", seen)
    assert (agent["id"], agent["state"], agent["status"]) == (rig.sandbox.agent_id, "ready", "completed")
    assert agent["last_refresh"]
    assert agent["counts"] == {"pages": 25, "chunks": 42, "documents": 1}
    assert (replica["id"], replica["state"]) == (rig.sandbox.replica_uuid, "ready")
    assert replica["counts"] == {"entries": 1, "ready": 1}
    assert replica["last_refresh"]


def test_it_only_reads_and_costs_nothing(rig: Rig) -> None:
    told()
    assert rig.written == []
    assert rig.sandbox.charges == []


def test_a_person_gets_a_table_with_ids_that_can_be_copied(rig: Rig) -> None:
    shown = run().stdout
    for word in (rig.sandbox.agent_id, rig.sandbox.replica_uuid, "Sales Agent", "ready", "pages: 25"):
        assert word in shown


def test_no_secret_is_shown_even_where_the_key_is_wrong(rig: Rig) -> None:
    key = "sk_live_wrong_0123456789"
    rig.connect("sendkit", password=key)
    for arguments in ((), ("--json",)):
        result = run(*arguments)
        assert result.exit_code == Exit.NOT_READ
        assert "401" in result.stdout
        assert key not in result.output
        assert str(rig.sandbox.sensay_connection["password"]) not in result.output


def test_the_older_generation_is_counted_replica_by_replica(rig: Rig) -> None:
    rig.speak("training")
    rig.sandbox.options(sensay_generation="training")
    seen, code = told("sensay_default")
    assert target("replica", seen)["counts"] == {"entries": 1, "ready": 1}
    assert code == 0


def test_a_large_knowledge_base_is_counted_by_the_vendors_own_totals(rig: Rig) -> None:
    rig.speak("knowledge-base")
    seeded = rig.sandbox.seed(many={"count": 250, "status": "READY"})
    first = seeded["many"]["first"]
    rig.sandbox.set_entry(first, status="RAW_TEXT")
    rig.sandbox.set_entry(first + 1, status="UNPROCESSABLE")
    rig.sandbox.set_entry(first + 2, error="stuck")
    before = len(rig.asked)
    seen, code = told("sensay_default")
    replica = target("replica", seen)
    assert replica["counts"] == {"entries": 251, "ready": 248, "in_progress": 1, "failed": 2}
    assert (replica["state"], replica["last_refresh"], code) == ("failed", None, 1)
    assert len(rig.asked) - before == 10


# --- what a script learns --------------------------------------------------------------------------------


def test_a_failed_agent_is_exit_code_1_with_the_vendors_words(rig: Rig) -> None:
    rig.sandbox.set_agent(**BROKEN)
    seen, code = told("sendkit_default")
    assert code == Exit.FAILED
    assert (seen["ready"], target("agent", seen)["note"]) == (False, "the site cannot be read")
    assert "the site cannot be read" in run("sendkit_default").stdout


def test_an_agent_in_training_is_exit_code_3(rig: Rig) -> None:
    rig.sandbox.set_agent(trainingStatus="training")
    seen, code = told("sendkit_default")
    assert (target("agent", seen)["state"], code) == ("in_progress", Exit.IN_PROGRESS)


def test_a_status_that_nobody_knows_is_never_ready(rig: Rig) -> None:
    rig.sandbox.set_agent(trainingStatus="dreaming")
    seen, code = told("sendkit_default")
    assert (target("agent", seen)["state"], code) == ("unknown", Exit.FAILED)


@pytest.mark.parametrize(
    ("entry", "state", "code"),
    [
        ({"status": "RAW_TEXT"}, "in_progress", Exit.IN_PROGRESS),
        ({"status": "UNPROCESSABLE"}, "failed", Exit.FAILED),
        ({"error": "the text could not be read"}, "failed", Exit.FAILED),
        ({"status": "ASLEEP"}, "unknown", Exit.FAILED),
    ],
)
def test_a_replica_is_as_its_worst_entry(rig: Rig, entry: dict[str, Any], state: str, code: int) -> None:
    rig.sandbox.set_entry(**entry)
    seen, exit_code = told("sensay_default")
    assert (target("replica", seen)["state"], exit_code) == (state, code)


def test_one_agent_or_replica_can_be_asked_for(rig: Rig) -> None:
    rig.sandbox.set_agent(**BROKEN)
    seen, code = told("--id", rig.sandbox.replica_uuid.upper())
    assert ([each["kind"] for each in seen["targets"]], code) == (["replica"], 0)


def test_an_id_that_no_connection_lists_is_exit_code_2(rig: Rig) -> None:
    seen, code = told("--id", "nobody")
    assert (seen["problems"], code) == (["No connection lists an agent or replica nobody"], 2)


def test_what_can_be_read_is_shown_beside_what_cannot(rig: Rig) -> None:
    seen, code = told("nix", "sendkit_default")
    assert (seen["problems"], code) == (["There is no connection 'nix'"], 2)
    assert target("agent", seen)["state"] == "ready"


def test_a_default_connection_that_does_not_exist_is_left_out(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SENSAY_DEFAULT")
    seen, code = told()
    assert ([each["vendor"] for each in seen["targets"]], code) == (["sendkit"], 0)
    monkeypatch.delenv("AIRFLOW_CONN_SENDKIT_DEFAULT")
    seen, code = told()
    assert (seen["targets"], code) == ([], 2)
    assert "name one" in seen["problems"][0]


def test_a_connection_of_another_type_is_refused_before_anything_is_sent(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ELSE", f"http://:secret@{rig.sandbox.url.removeprefix('http://')}")
    seen, code = told("else")
    assert (seen["problems"], code) == (["Connection 'else' is of type 'http', not sendkit or sensay"], 2)
    assert rig.asked == []


def test_json_and_watch_exclude_each_other() -> None:
    result = run("--json", "--watch")
    assert result.exit_code == 2
    assert "exclude each other" in result.output


# --- watching --------------------------------------------------------------------------------------------


def test_watch_keeps_the_table_current_and_ends_with_what_it_saw_last(rig: Rig) -> None:
    rig.sandbox.set_agent(trainingStatus="training")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt
        rig.sandbox.set_agent(trainingStatus="completed")

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    last = watch(lambda: look(["sendkit_default"]), console, 7.0, sleep)
    assert waits == [7.0, 7.0]
    assert last.exit is Exit.READY
    assert out.getvalue().index("in progress") < out.getvalue().rindex("ready")


def test_a_connection_that_fails_while_watched_is_told_and_watched_on(rig: Rig) -> None:
    looks = iter([Look((), ("it is down",)), Look((_row(),))])
    waits = iter([None])

    def sleep(seconds: float) -> None:
        if next(waits, "over") == "over":
            raise KeyboardInterrupt

    out = io.StringIO()
    assert watch(lambda: next(looks), Console(file=out, force_terminal=True), 1.0, sleep).exit is Exit.READY
    assert "it is down" in out.getvalue()


def _row() -> Row:
    return Row(connection="c", vendor="sendkit", kind="agent", id="[a]", name=None, state=State.READY)


# --- documents -------------------------------------------------------------------------------------------


def listed(*arguments: str) -> tuple[dict[str, Any], int]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["documents", *arguments, "--json"])
    return json.loads(result.stdout), result.exit_code


def test_documents_lists_what_agents_and_replicas_hold(rig: Rig) -> None:
    seen, code = listed()
    assert code == 0
    assert {each["target"].split("/")[0] for each in seen["documents"]} == {"agents", "replicas"}
    assert {each["state"] for each in seen["documents"]} == {"ready"}
    assert rig.written == []


def test_failed_documents_are_listed_with_the_vendors_words(rig: Rig, tmp_path: Path) -> None:
    rig.speak("knowledge-base")
    title = Library(rig, tmp_path / "kb").marked("Prices", "prices.md", "10 euros")
    library = f"replicas/{rig.sandbox.replica_uuid}/knowledge-base"
    rig.sandbox.seed(many={"count": 120, "status": "READY"})
    rig.sandbox.seed(entries=[{"title": title, "status": "UNPROCESSABLE", "error": "no text layer"}])
    seen, code = listed("sensay_default", "--failed")
    (row,) = seen["documents"]
    assert (row["target"], row["title"], row["sync_id"]) == (library, "Prices", "main")
    assert (row["state"], row["status"], row["note"]) == ("failed", "UNPROCESSABLE", "no text layer")
    assert code == Exit.FAILED
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["documents", "sensay_default", "--failed"])
    assert "no text layer" in shown.stdout
    assert "Prices" in shown.stdout


def test_no_failed_document_is_exit_code_0_and_says_so(rig: Rig) -> None:
    shown = CliRunner().invoke(app, ["documents", "--failed"])
    assert (shown.exit_code, shown.stdout.strip()) == (0, "No such document.")


# --- plan ------------------------------------------------------------------------------------------------

_DAG = """
from airflow.sdk import DAG, task
from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator

with DAG("library", schedule=None):
    SensaySyncKnowledgeBaseOperator(
        task_id="sync", replica_uuid="{replica}", documents="{{{{ params.folder }}}}/**/*.md",
        params={{"folder": "file://{folder}"}}, delete_missing=True, max_deletes={max_deletes!r},
    )
    SensaySyncKnowledgeBaseOperator(
        task_id="of_a_task", replica_uuid="{replica}",
        documents="{{{{ ti.xcom_pull(task_ids='write') }}}}",
    )
"""


def planned(
    rig: Rig, tmp_path: Path, task: str = "sync", *, max_deletes: str = "25%"
) -> tuple[dict[str, Any], int, str]:
    """The plan of a task in a DAG file, as JSON, its exit code, and what a person sees."""
    file = tmp_path / "library_dag.py"
    folder = tmp_path / "kb"
    file.write_text(_DAG.format(replica=rig.sandbox.replica_uuid, folder=folder, max_deletes=max_deletes))
    arguments = ["plan", "library", task, "--file", str(file)]
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*arguments, "--json"])
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert shown.exit_code == result.exit_code
    return json.loads(result.stdout), result.exit_code, shown.output


def test_a_plan_names_each_change_and_sends_nothing(rig: Rig, tmp_path: Path) -> None:
    library = Library(rig, tmp_path / "kb")
    library.put_many(8)
    library.bring(documents=f"file://{library.folder}/**/*.md")
    made, code, shown = planned(rig, tmp_path)
    assert (made["changes"], code) == (0, 0)
    library.put("article-000.md", "Changed.")
    library.put("new.md", "New.")
    library.drop("article-007.md")
    library.forget()
    made, code, shown = planned(rig, tmp_path)
    assert code == 2
    actions = {each["key"]: each["action"] for each in made["documents"] if each["action"] != "unchanged"}
    assert actions == {"article-000.md": "update", "new.md": "create", "article-007.md": "delete"}
    assert library.written == {}
    for word in ("article-000.md", "new.md", "article-007.md", "Nothing was sent"):
        assert word in shown


def test_a_plan_that_would_be_refused_is_exit_code_1(rig: Rig, tmp_path: Path) -> None:
    library = Library(rig, tmp_path / "kb")
    library.put_many(4)
    library.bring(documents=f"file://{library.folder}/**/*.md")
    for number in range(3):
        library.drop(f"article-{number:03}.md")
    made, code, shown = planned(rig, tmp_path)
    assert code == 1
    assert "max_deletes" in made["refused"]
    assert "would be refused" in shown


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("of_a_task", "exists only in a run"),
        ("nothing", "has no task 'nothing'; it has of_a_task, sync"),
    ],
)
def test_what_cannot_be_planned_is_said_and_is_exit_code_1(
    rig: Rig, tmp_path: Path, task: str, words: str
) -> None:
    (tmp_path / "kb").mkdir()
    made, code, shown = planned(rig, tmp_path, task)
    assert code == 1
    assert words in made["error"]
    assert words in shown.replace("\n", " ")


# --- cleanup ---------------------------------------------------------------------------------------------

_SET_VARIABLES = """
from airflow.models.variable import Variable
Variable.set("agent_knowledge.delivered.sendkit.agents.1", "{}")
Variable.set("agent_knowledge.credits.sendkit.agents.1", "{}")
Variable.set("agentXknowledge.not_ours", "1")
"""


def test_cleanup_lists_our_variables_and_removes_only_those_and_only_if_asked(tmp_path: Path) -> None:
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "_AIRFLOW_PROCESS_CONTEXT": "server"}

    def airflow(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=120, check=True
        )
        return done.stdout

    airflow("airflow", "db", "migrate")
    subprocess.run([sys.executable, "-c", _SET_VARIABLES], env=environment, check=True, timeout=120)
    ours = ["agent_knowledge.credits.sendkit.agents.1", "agent_knowledge.delivered.sendkit.agents.1"]
    assert airflow(*OURS, "cleanup").splitlines() == [
        *ours,
        "2 Variables of this provider. Nothing was removed; --apply removes.",
    ]
    assert json.loads(airflow(*OURS, "cleanup", "--json", "--apply")) == {"variables": ours, "removed": True}
    assert json.loads(airflow(*OURS, "cleanup", "--json")) == {"variables": [], "removed": False}
    assert "agentXknowledge.not_ours" in airflow("airflow", "variables", "list")


# --- both front doors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_both_front_doors_print_json_alone_on_stdout(rig: Rig, door: list[str]) -> None:
    rig.sandbox.options(sensay_generation="training")  # found out by asking, with a warning in the log
    done = _process(*door, "status", "--json")
    assert json.loads(done.stdout)["ready"], done.stderr
    assert (done.returncode, "removed on 2025-10-08" in done.stderr) == (0, True)


@pytest.mark.parametrize("door", DOORS)
def test_both_front_doors_take_options_and_give_exit_codes(rig: Rig, door: list[str]) -> None:
    rig.sandbox.set_agent(**BROKEN)
    done = _process(*door, "status", "--id", rig.sandbox.agent_id, "sendkit_default")
    assert done.returncode == Exit.FAILED
    assert "the site cannot be read" in done.stdout
    help_page = _process(*door, "status", "--help")
    assert help_page.returncode == 0
    assert "--watch" in help_page.stdout


@pytest.mark.parametrize("door", DOORS)
def test_sandbox_is_the_sandboxs_own_command(door: list[str]) -> None:
    done = _process(*door, "sandbox", "--set", "nonsense=1")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


@pytest.mark.parametrize("door", DOORS)
def test_both_front_doors_list_all_commands(door: list[str]) -> None:
    done = _process(*door, "--help")
    for command in ("status", "documents", "plan", "cleanup", "sandbox"):
        assert command in done.stdout


def test_what_every_airflow_command_loads_of_ours_imports_nothing_else() -> None:
    code = (
        "import sys, airflow.cli.cli_config, airflow_provider; before = set(sys.modules); "
        "from airflow_provider.cli.commands import get_commands; get_commands(); "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(["airflow_provider.cli", "airflow_provider.cli.commands"])


def _process(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
