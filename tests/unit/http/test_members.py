"""Which members may refuse an answer: those that something decides on. All others read as None."""

from __future__ import annotations

import importlib
import inspect
import json
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider.http.call import Answer
from airflow_provider.http.payload import Tolerant
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sendkit.models import Agent
from airflow_provider.vendors.sensay.models import KnowledgeBaseEntry
from tests.unit.http import payloads

MODULES = (
    "airflow_provider.vendors.sendkit.models",
    "airflow_provider.vendors.sensay.models",
    "airflow_provider.vendors.sensay.training_models",
)

#: What decides: what names a thing, its status, its marker, its error, where an upload goes, totals.
DECISIVE = {
    "sendkit.Agent": {"_id", "trainingStatus", "uploadedDocuments", "knowledgeBase"},
    "sendkit.Document": {"status"},
    "sendkit.KnowledgeBase": {"lastScrapedAt"},
    "sendkit.UploadSlot": {"presignedUrl", "uploadUrl", "key"},
    "sensay.KnowledgeBaseEntry": {"id", "status", "updatedAt", "error"},
    "sensay.KnowledgeBasePage": {"items", "total"},
    "sensay.CreateResult": {"enqueued", "knowledgeBaseID", "signedURL"},
    "sensay.CreateReceipt": {"results"},
    "sensay.FileTypes": {"mediaGroups"},
    "sensay.Replica": {"uuid"},
    "sensay.ReplicaPage": {"items", "total"},
    "sensay.Reply": {"content"},
    "training.TrainingEntry": {"id", "status", "updated_at"},
    "training.TrainingPage": {"items"},
    "training.CreateReceipt": {"knowledgeBaseID"},
    "training.UploadReceipt": {"signedURL", "knowledgeBaseID"},
}

#: Read whatever their type: an error is an error in any wrapping, and of two members nobody documents the type.
ANY_TYPE = {
    "sendkit.Agent.trainingError",
    "sendkit.RetrainedAgent.trainingError",
    "sensay.CreateResult.error",
    "sensay.EntryError.message",
    "sensay.KnowledgeBaseEntry.error",
    "sendkit.Agent.usage",
    "sendkit.RetrainedAgent.usage",
    "sensay.Reply.success",
}


@dataclass(frozen=True)
class Member:
    """One member of one model."""

    model: type[Tolerant]
    where: str
    field: str
    name: str

    def __str__(self) -> str:
        return f"{self.where}.{self.name}"


def models() -> Iterator[tuple[str, type[Tolerant]]]:
    for path in MODULES:
        module = importlib.import_module(path)
        room = "training" if "training" in path else path.split(".")[2]
        for name, model in inspect.getmembers(module, inspect.isclass):
            if issubclass(model, Tolerant) and model.__module__ == path:
                yield f"{room}.{name}", model


def members() -> list[Member]:
    found = []
    for where, model in models():
        for field, info in model.model_fields.items():
            alias = info.validation_alias
            choices = getattr(alias, "choices", None)
            found.append(Member(model, where, field, str(choices[0] if choices else alias or field)))
    return found


MEMBERS = members()


def whole(model: type[Tolerant]) -> dict[str, Any]:
    """Return an answer with the members that a model needs."""
    needed = {name: info for name, info in model.model_fields.items() if info.is_required()}
    written: dict[str, Any] = {}
    for member in (each for each in MEMBERS if each.model is model and each.field in needed):
        kind = typing.get_type_hints(model)[member.field]
        written[member.name] = "03db5651-cb61-4bdf-9ef0-89561f7c9c53" if kind is str else 7
    return written


def decides(member: Member) -> bool:
    return member.name in DECISIVE.get(member.where, set())


def wrong_for(member: Member) -> list[Any]:
    """Return values of types that a member cannot have."""
    if isinstance(member.model.model_fields[member.field].default, tuple):
        return [{"strange": 1}, "a text", 7]
    hint = typing.get_type_hints(member.model)[member.field]
    kinds = [each for each in (hint, *typing.get_args(hint)) if inspect.isclass(each)]
    return (
        ["a text", [1], 7] if any(issubclass(each, Tolerant) for each in kinds) else [{"strange": 1}, [[1]]]
    )


@pytest.mark.parametrize("member", [each for each in MEMBERS if str(each) not in ANY_TYPE], ids=str)
def test_only_what_decides_may_refuse_an_answer(member: Member) -> None:
    for wrong in wrong_for(member):
        answer = {**whole(member.model), member.name: wrong}
        if decides(member):
            with pytest.raises(ValidationError):
                member.model.model_validate(answer)
        else:
            assert getattr(member.model.model_validate(answer), member.field) in (None, ()), wrong


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ("The site is down", "The site is down"),
        ({"message": "The site is down"}, "The site is down"),
        ({"code": 7}, '{"code": 7}'),
        (["a", "b"], '["a", "b"]'),
        (7, "7"),
        (None, None),
        (False, None),
    ],
)
def test_an_error_is_an_error_whatever_it_is_wrapped_in(member: Any, told: str | None) -> None:
    assert Agent.model_validate({"trainingError": member}).training_error == told
    entry = KnowledgeBaseEntry.model_validate({"id": 7, "error": member}).entry()
    assert (entry.has_error, entry.error_message) == (
        told is not None,
        None if member == {"code": 7} else told,
    )


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_a_member_that_is_null_or_absent_reads_as_nothing(member: Member) -> None:
    answer = whole(member.model)
    if member.name in answer:  # what names a thing has to be there
        for broken in ({**answer, member.name: None}, {}):
            with pytest.raises(ValidationError):
                member.model.model_validate(broken)
        return
    for told in (answer, {**answer, member.name: None}):
        assert getattr(member.model.model_validate(told), member.field) in (None, ())


def test_every_model_that_may_refuse_is_in_the_table() -> None:
    found = {
        where: {m.name for m in MEMBERS if m.model is model and m.field in model.decisive}
        for where, model in models()
        if model.decisive
    }
    assert found == DECISIVE


def bent(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(payloads.RETRAIN))
    node: Any = answer
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return answer


def paths(node: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in steps:
        yield (*here, step)
        yield from paths(value, (*here, step))


RETRAIN_PATHS = [path for path in paths(payloads.RETRAIN) if path != ("success",)]


@pytest.mark.parametrize("odd", [None, [], {}, "87%", -1, True, [[]], {"a": {}}], ids=repr)
@pytest.mark.parametrize("path", RETRAIN_PATHS, ids=lambda path: ".".join(map(str, path)))
def test_no_member_makes_an_accepted_retrain_unreadable(path: tuple[str | int, ...], odd: Any) -> None:
    receipt = sendkit.retrain("a").reads(Answer(202, {}, bent(path, odd)))
    if path[0] == "data" and path != ("data",) and path[1] != "trainingStatus":
        assert receipt.agent.training_status == "pending"
    if path[0] == "meta" and path != ("meta",) and path[1] != "creditsCharged":
        assert receipt.credits_charged == Decimal("3.14")


@pytest.mark.parametrize(
    "body", [None, [], {}, "OK", 7, {"data": None}, {"data": [], "meta": "x"}, {"success": True}]
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_an_accepted_retrain_is_accepted_however_thin_its_answer(status: int, body: Any) -> None:
    receipt = sendkit.retrain("a").reads(Answer(status, {}, body))
    assert receipt.credits_charged is None
    assert receipt.jobs == ()


@pytest.mark.parametrize(
    "credits", ["NaN", "Infinity", "-10", -10, 1e300, "ten", [10], {"credits": 10}, True]
)
def test_an_impossible_price_is_no_price(credits: Any) -> None:
    receipt = sendkit.retrain("a").reads(Answer(202, {}, bent(("meta", "creditsCharged"), credits)))
    assert receipt.credits_charged is None
    assert receipt.agent.training_status == "pending"


@pytest.mark.parametrize("credits", [10, 10.0, "10", "10.0"])
def test_a_price_is_read_in_any_spelling(credits: Any) -> None:
    receipt = sendkit.retrain("a").reads(Answer(202, {}, bent(("meta", "creditsCharged"), credits)))
    assert receipt.credits_charged == Decimal(10)
