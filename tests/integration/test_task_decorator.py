"""``@task.sensay_documents``: a function is the knowledge base, as a DAG author writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, assert_type

import pytest
from airflow.sdk import task
from airflow.sdk.bases.decorator import Task
from airflow.serialization import serialized_objects

from airflow_provider.decorators.sensay import sensay_documents
from airflow_provider.sources import Document
from tests.integration.rig import Make, Rig
from tests.integration.task import Outcome, TaskUnderTest, new_dag

#: Airflow 3.1 calls it otherwise.
DagSerialization: Any = getattr(
    serialized_objects, "DagSerialization", getattr(serialized_objects, "SerializedDAG", None)
)

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]

HOURS = Document(key="hours", title="Opening hours", text="We open at nine.")


def made(rig: Rig, function: Callable[..., Any], *args: Any, **arguments: Any) -> Make:
    """A task of a function, written as in a DAG."""
    given = {"replica_uuid": rig.sandbox.replica_uuid, "poll_interval": 0.5, "start_grace": 2, **arguments}

    def make() -> Any:
        return sensay_documents(**given)(function)(*args).operator

    return make


def run(make: Make) -> Outcome:
    return TaskUnderTest(make).to_the_end()


def counts(make: Make) -> dict[str, int]:
    ended = run(make)
    assert ended.verdict == ("success", None), ended.told
    found: dict[str, int] = ended.result["counts"]
    return found


def texts(rig: Rig) -> dict[str, str]:
    """What the replica knows by our hand, by title without the mark."""
    entries = [each for each in rig.sandbox.state()["entries"] if "[kb~" in (each["title"] or "")]
    return {each["title"].partition(" [kb~")[0]: each["rawText"] for each in entries}


# --- what a function may tell ------------------------------------------------------------------------------


def a_text() -> str:
    return "We open at nine."


def a_document() -> Document:
    return HOURS


def a_dict() -> dict[str, str]:
    return {"key": "hours", "title": "Opening hours", "text": "We open at nine."}


def a_list() -> list[Document]:
    return [HOURS, Document(key="prices", text="A lamp costs 5 euros.")]


def a_generator() -> Iterator[Document]:
    yield HOURS
    yield Document(key="prices", text="A lamp costs 5 euros.")


def nothing() -> None:
    return


def many_texts() -> list[str]:
    return ["We open at nine.", "We close at five."]


def texts_one_by_one() -> Iterator[str]:
    yield "We open at nine."
    yield "We close at five."


def a_number() -> int:
    return 9


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize(
    ("function", "titles"),
    [
        (a_text, {"a_text"}),
        (a_document, {"Opening hours"}),
        (a_dict, {"Opening hours"}),
        (a_list, {"Opening hours", "prices"}),
        (a_generator, {"Opening hours", "prices"}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_a_function_tells_becomes_what_the_replica_knows(
    rig: Rig, function: Callable[..., Any], titles: set[str], deferrable: bool
) -> None:
    make = made(rig, function, deferrable=deferrable)
    assert counts(make) == {"created": len(titles)}
    assert set(texts(rig)) == titles
    assert counts(make) == {"unchanged": len(titles)}


def test_a_text_that_changed_changes_its_entry(rig: Rig) -> None:
    told = ["We open at nine."]

    def hours() -> str:
        return told[-1]

    assert counts(made(rig, hours)) == {"created": 1}
    told.append("We open at ten.")
    assert counts(made(rig, hours)) == {"updated": 1}
    assert texts(rig) == {"hours": "We open at ten."}


def test_what_is_told_no_more_goes_if_it_may(rig: Rig) -> None:
    told = list(a_list())

    def facts() -> list[Document]:
        return told

    run(made(rig, facts))
    told.pop()
    assert counts(made(rig, facts)) == {"unchanged": 1, "missing": 1}
    gone = counts(made(rig, facts, delete_missing=True, max_deletes=1))
    assert gone["unchanged"] == 1
    assert set(texts(rig)) == {"Opening hours"}


def test_none_is_an_empty_source_and_fails_unless_it_is_allowed(rig: Rig) -> None:
    assert run(made(rig, nothing)).verdict == ("up_for_retry", "EmptySourceError")
    assert counts(made(rig, nothing, on_empty_source="allow")) == {}


@pytest.mark.parametrize("function", [many_texts, texts_one_by_one], ids=lambda each: each.__name__)
def test_several_bare_texts_are_refused_since_nothing_tells_them_apart(
    rig: Rig, function: Callable[..., Any]
) -> None:
    ended = run(made(rig, function))
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "yield Document(key=" in ended.told
    assert rig.written == []


def test_what_is_no_document_is_refused(rig: Rig) -> None:
    ended = run(made(rig, a_number))
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "int" in ended.told
    assert rig.written == []


def test_a_function_that_fails_half_way_has_sent_nothing(rig: Rig) -> None:
    def broken() -> Iterator[Document]:
        yield HOURS
        raise OSError("the database is away")

    assert run(made(rig, broken)).verdict == ("up_for_retry", "OSError")
    assert rig.written == []


def test_a_function_may_skip_its_task(rig: Rig) -> None:
    from airflow.providers.common.compat.sdk import AirflowSkipException

    def not_today() -> str:
        raise AirflowSkipException("holiday")

    assert run(made(rig, not_today)).state == "skipped"
    assert rig.written == []


# --- arguments ---------------------------------------------------------------------------------------------


def test_a_function_takes_arguments_templates_and_the_context(rig: Rig) -> None:
    def facts(word: str, *, run_id: str, params: Any, task: Any = None) -> Document:
        return Document(key="facts", text=f"{word} in {run_id} by {task.task_id}")

    def make() -> Any:
        decorated: Any = sensay_documents(
            replica_uuid="{{ '" + rig.sandbox.replica_uuid + "' }}", poll_interval=0.5, start_grace=2
        )(facts)
        return decorated("{{ 'rendered' }}").operator

    assert counts(make) == {"created": 1}
    assert texts(rig) == {"facts": "rendered in run-1 by facts"}


@pytest.mark.parametrize("deferrable", MODES)
def test_a_function_takes_what_another_task_returned(rig: Rig, deferrable: bool) -> None:
    def facts(word: str) -> str:
        return f"We open at {word}."

    def make() -> Any:
        @task
        def upstream() -> str:
            return "nine"

        decorated: Any = sensay_documents(
            replica_uuid=rig.sandbox.replica_uuid, deferrable=deferrable, poll_interval=0.5, start_grace=2
        )(facts)
        return decorated(upstream()).operator

    under_test = TaskUnderTest(make)
    upstreams = {"return_value": "nine"}
    xcoms = under_test.supervisor.xcoms
    under_test.supervisor.before = lambda _: xcoms.update(upstreams if not xcoms else {})
    assert under_test.to_the_end().result["counts"] == {"created": 1}
    assert texts(rig) == {"facts": "We open at nine."}


def test_arguments_may_be_overridden(rig: Rig) -> None:
    def make() -> Any:
        decorated: Any = sensay_documents(replica_uuid="elsewhere", poll_interval=0.5, start_grace=2)(a_text)
        other = decorated.override(task_id="other", replica_uuid=rig.sandbox.replica_uuid, sync_id="second")
        return other().operator

    assert counts(make) == {"created": 1}
    assert set(texts(rig)) == {"other"}


def test_airflow_offers_it_by_its_provider() -> None:
    assert task.sensay_documents is sensay_documents


# --- mapping -----------------------------------------------------------------------------------------------


def mapped() -> Any:
    decorated: Any = sensay_documents(replica_uuid="03db5651-cb61-4bdf-9ef0-89561f7c9c53")(a_regions_hours)
    return decorated.partial(opens="nine").expand(region=["north", "south"]).operator


def a_regions_hours(region: str, opens: str) -> Document:
    return Document(key=region, text=f"{region} opens at {opens}.")


def test_it_can_be_mapped_over_the_functions_arguments() -> None:
    with new_dag() as dag:
        operator = mapped()
    assert operator.is_mapped
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("a_regions_hours")
    assert (again.is_mapped, again.task_id) == (True, "a_regions_hours")
    unmapped = operator.unmap({"op_kwargs": {"region": "north", "opens": "nine"}})
    assert (unmapped.sync_id, unmapped.op_kwargs["region"]) == ("main", "north")


def test_a_mapped_text_is_refused_since_it_has_no_lasting_name(rig: Rig) -> None:
    ended = TaskUnderTest(made(rig, a_text), map_index=0).to_the_end()
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "return Document(key=" in ended.told
    assert TaskUnderTest(made(rig, a_document), map_index=0).to_the_end().result["counts"] == {"created": 1}


@pytest.mark.parametrize("delete_missing", [True, "yes"])
def test_a_mapped_function_deletes_nothing_that_its_siblings_told(rig: Rig, delete_missing: Any) -> None:
    make = made(rig, a_document, delete_missing=delete_missing)
    ended = TaskUnderTest(make, map_index=0).to_the_end()
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "its other instances" in ended.told
    assert rig.written == []


# --- types -------------------------------------------------------------------------------------------------


def test_a_type_checker_knows_the_arguments() -> None:
    """`make lint` checks these lines; an ignore that is not needed is an error there."""
    decorate = sensay_documents(
        replica_uuid="03db5651-cb61-4bdf-9ef0-89561f7c9c53", sync_id="hours", delete_missing=True
    )
    assert_type(decorate(a_text), Task[[], str])
    sensay_documents(replica_uuid=7)  # type: ignore[call-overload]
    sensay_documents(replica_uuid="…", max_deletes=None)  # type: ignore[call-overload]
