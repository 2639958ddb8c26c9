"""The pages say what the code does: examples, arguments, defaults, errors, links."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider import errors, hooks, operators, sensors, triggers
from airflow_provider.operators.base import RefreshOperator, WaitingOperator
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
from airflow_provider.operators.syncing import SyncOperator
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import Outcome
from airflow_provider.sensors.base import RefreshSensor
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor
from tests.unit.refresh.scenes import result_json

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
CLASSES = (
    WaitingOperator,
    RefreshOperator,
    SendKitRetrainAgentOperator,
    SensayUpdateKnowledgeBaseEntryOperator,
    SensayCreateKnowledgeBaseEntryOperator,
    SensayDeleteKnowledgeBaseEntryOperator,
    SyncOperator,
    SensaySyncKnowledgeBaseOperator,
    SendKitSyncDocumentsOperator,
    SendKitUploadDocumentOperator,
    SensayAskReplicaOperator,
    RefreshSensor,
    SendKitAgentTrainedSensor,
    SensayKnowledgeBaseEntryReadySensor,
)
#: Rendered under another name, since Airflow's own operator has a method of this one.
RENDERED_AS = {"dry_run": "plan_only"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def section(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    text = (ROOT / page).read_text()
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, flags=re.MULTILINE)
    assert found, f"{page} has no heading {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, flags=re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str) -> list[list[str]]:
    """Return the rows whose first cell is a name in backticks."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


# --- examples --------------------------------------------------------------------------------------------------


@dataclass
class Block:
    page: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}: {self.code.splitlines()[0][:60] if self.code else 'empty'}"


def blocks() -> Iterator[Block]:
    for page in PAGES:
        for language, code in re.findall(
            r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE
        ):
            yield Block(name_of(page), language, code)


@pytest.mark.parametrize("block", [b for b in blocks() if b.language == "python"], ids=str)
def test_an_example_in_python_parses(block: Block) -> None:
    code = block.code
    if re.match(r"# dags_examples/", code):
        code = f"def of_a_dag():\n{textwrap.indent(code, '    ')}\n    pass"  # it may return
    ast.parse(code)


@pytest.mark.parametrize("block", [b for b in blocks() if b.code.startswith("# dags_examples/")], ids=str)
def test_an_example_stands_in_the_file_that_it_names(block: Block) -> None:
    first, _, rest = block.code.partition("\n")
    source = (ROOT / first.removeprefix("# ").strip()).read_text()
    depths = ("", "    ", "        ")
    assert any(textwrap.indent(rest, depth) in source for depth in depths), f"not in {first}:\n{rest}"


@pytest.mark.parametrize("dag", sorted((ROOT / "dags_examples").glob("*.py")), ids=lambda path: path.name)
def test_every_example_dag_is_shown_somewhere(dag: Path) -> None:
    assert any(block.code.startswith(f"# dags_examples/{dag.name}") for block in blocks())


# --- links -----------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name_of(page)}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{name_of(page)}: {target}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.[mr][ds]*")), ids=name_of)
def test_every_page_is_on_the_map(page: Path) -> None:
    assert page.name == "index.md" or f"({page.name})" in (ROOT / "docs/index.md").read_text()


@pytest.mark.parametrize("room", [hooks, operators, sensors, triggers], ids=lambda room: room.__name__)
def test_every_public_class_is_in_the_api(room: ModuleType) -> None:
    shown = set(re.findall(r"^\.\. automodule:: (\S+)$", (ROOT / "docs/api.rst").read_text(), re.MULTILINE))
    assert {getattr(room, name).__module__ for name in room.__all__} <= shown


# --- the reference ---------------------------------------------------------------------------------------------


def arguments(cls: type) -> dict[str, inspect.Parameter]:
    """Return the arguments that a class itself adds or gives another default."""
    found = inspect.signature(vars(cls)["__init__"]).parameters
    return {name: each for name, each in found.items() if name != "self" and each.kind is each.KEYWORD_ONLY}


def default_of(parameter: inspect.Parameter, cls: type) -> str:
    if parameter.name == "deferrable":
        return "`[operators] default_deferrable`"
    if parameter.default is not inspect.Parameter.empty:
        text = repr(parameter.default)
        return f"`{text}`".replace("'", '"')
    # What a common base demands, its classes give a default.
    return "see each class" if cls in (WaitingOperator, RefreshSensor) else "required"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_reference_has_every_argument_with_its_default(cls: type) -> None:
    rows = table(section("docs/reference.md", cls.__name__))
    told = {row[0].strip("`"): row[1] for row in rows}
    assert told == {name: default_of(each, cls) for name, each in arguments(cls).items()}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_reference_knows_which_arguments_are_templates(cls: Any) -> None:
    rows = [row for row in table(section("docs/reference.md", cls.__name__)) if len(row) > 2]
    shared = ("_common_template_fields", "_sync_template_fields", "_waiting_template_fields")
    fields = {*cls.template_fields, *(field for name in shared for field in getattr(cls, name, ()))}
    for row in rows:
        name = row[0].strip("`")
        assert row[2] == ("yes" if RENDERED_AS.get(name, name) in fields else "no"), name


def test_the_reference_has_every_member_of_a_result() -> None:
    seen = Observation(status="completed", phase=Phase.SUCCEEDED)
    made = result_json(
        vendor="sendkit",
        target="agents/a",
        seen=seen,
        outcome=Outcome.REFRESHED,
        now=0.0,
        charged=Decimal(10),
    )
    rows = table(section("docs/reference.md", "The result"))
    assert {row[0].strip("`") for row in rows} == set(made)


def test_the_reference_has_every_outcome() -> None:
    (row,) = [r for r in table(section("docs/reference.md", "The result")) if r[0] == "`outcome`"]
    assert set(re.findall(r"`(\w+)`", row[1])) == {outcome.value for outcome in Outcome}


def error_classes() -> dict[str, type[BaseException]]:
    tree = vars(errors).items()
    return {n: e for n, e in tree if isinstance(e, type) and issubclass(e, errors.AgentKnowledgeError)}


def test_the_reference_has_every_error_and_says_whether_it_is_retried() -> None:
    final = (AirflowFailException, AirflowSensorTimeout)
    told = {row[0].strip("`"): row[1] for row in table(section("docs/reference.md", "Errors"))}
    told = {name: retried for name, retried in told.items() if name in error_classes() or name[0].isupper()}
    assert told == {name: "no" if issubclass(e, final) else "yes" for name, e in error_classes().items()}


#: Roots and answers that say nothing of their own about what to do.
UNREMARKABLE = {
    "AgentKnowledgeError",
    "ApiError",
    "InvalidResponseError",
    "RefreshError",
    "ServerError",
    "TransportError",
    "TruncatedResponseError",
    # The page names these by their HTTP status.
    "AuthenticationError",
    "ForbiddenError",
    "InsufficientCreditsError",
    "UnprocessableRequestError",
    "UnsupportedMediaTypeError",
    # Before anything is sent: docs/connections.md.
    "InvalidConnectionError",
    # Sensors: docs/wait-for-someone-else.md.
    "NeverTrainedError",
    "SensorTimeoutError",
}


def test_the_page_for_the_person_on_call_names_every_end() -> None:
    text = (ROOT / "docs/what-happens-if.md").read_text()
    missing = {name for name in error_classes() if f"`{name}`" not in text}
    assert missing <= UNREMARKABLE


def test_the_page_for_the_person_on_call_does_not_say_that_a_final_error_is_retried() -> None:
    final = (AirflowFailException, AirflowSensorTimeout)
    text = (ROOT / "docs/what-happens-if.md").read_text()
    for name, told in re.findall(r"\| [^|\n]*?`(\w+Error)`,? (\*\*no\*\* retry|retried)", text):
        assert (told == "retried") == (not issubclass(error_classes()[name], final)), name


# --- the readme ------------------------------------------------------------------------------------------------


def test_the_readme_shows_the_dag_on_the_first_screen() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert lines.index("```python") < 10


def test_the_dag_of_the_readme_can_be_saved_as_it_stands() -> None:
    (block,) = [b for b in blocks() if b.page == "README.md" and b.language == "python"]
    module: dict[str, Any] = {"__name__": "retrain_agent", "__doc__": None}
    exec(block.code, module)
    assert module["retrain_agent"]().task_ids == ["retrain", "announce"]


def test_the_readme_names_the_test_command_and_no_command_that_does_not_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", readme))
    assert "test" in named
    assert named <= targets


def test_the_readme_repeats_airflow_in_every_install_of_the_provider() -> None:
    for command in re.findall(
        r"pip install[^\n`]*(?:agent-knowledge|\" \.)[^\n`]*", (ROOT / "README.md").read_text()
    ):
        assert '"apache-airflow==' in command
