"""SendKit's answers: the documented ones whole, the undocumented ones without a crash."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.http.call import Answer, Call, ShapeError
from airflow_provider.vendors.sendkit import endpoints as sendkit
from airflow_provider.vendors.sendkit.models import (
    Agent,
    DocumentStatus,
    FileType,
    ReplyMode,
    Tone,
    TrainingStatus,
)
from tests.unit.http import payloads

T = TypeVar("T")


def read(call: Call[T], json: Any, status: int = 200) -> T:
    return call.reads(Answer(status, {}, json))


def agent(**members: Any) -> Agent:
    return read(sendkit.get_agent("a"), {"success": True, "data": members})


def test_the_documented_answer_to_a_retrain_is_read_whole() -> None:
    receipt = read(sendkit.retrain("a"), payloads.RETRAIN)
    assert receipt.credits_charged == Decimal("3.14")
    assert [(job.id, job.type) for job in receipt.jobs] == [("example_string", "example_string")]
    dumped = receipt.agent.model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert dumped == payloads.AGENT  # every documented member has a field, under the vendor's name


def test_the_documented_enum_members_are_known() -> None:
    read_agent = read(sendkit.retrain("a"), payloads.RETRAIN).agent
    assert read_agent.training_status is TrainingStatus.PENDING
    assert read_agent.uploaded_documents[0].status is DocumentStatus.PROCESSING
    assert read_agent.uploaded_documents[0].file_type is FileType.PDF
    assert read_agent.persona is not None
    assert read_agent.persona.tone is Tone.PROFESSIONAL
    assert read_agent.autonomous_mode is not None
    assert read_agent.autonomous_mode.mode is ReplyMode.AI
    assert read_agent.autonomous_mode.skip_ooo is True
    assert {*TrainingStatus} == {"pending", "training", "completed", "failed"}
    assert {*DocumentStatus} == {"processing", "completed", "failed"}
    assert {*FileType} == {"pdf", "docx", "txt"}
    assert {*Tone} == {"professional", "friendly", "casual", "formal", "enthusiastic"}
    assert {*ReplyMode} == {"ai", "template"}


def test_an_unknown_enum_member_stays_the_text_it_is() -> None:
    read_agent = agent(
        trainingStatus="queued_v2",
        uploadedDocuments=[{"status": "indexing", "fileType": "odt"}],
        persona={"tone": "dry"},
    )
    assert read_agent.training_status == "queued_v2"
    assert type(read_agent.training_status) is str
    assert (read_agent.uploaded_documents[0].status, read_agent.uploaded_documents[0].file_type) == (
        "indexing",
        "odt",
    )


def test_an_unknown_member_is_ignored() -> None:
    assert agent(_id="a", brandNew={"deep": [1]}, knowledgeBase={"brandNew": 1, "totalPages": 3}).id == "a"


@pytest.mark.parametrize("member", sorted(payloads.AGENT))
def test_any_member_may_be_null(member: str) -> None:
    assert agent(**{**payloads.AGENT, member: None})


@pytest.mark.parametrize("member", sorted(payloads.AGENT))
def test_any_member_may_be_absent(member: str) -> None:
    assert agent(**{name: value for name, value in payloads.AGENT.items() if name != member})


def test_null_counts_as_present_and_absent_does_not() -> None:
    assert agent(_id="a", name="x").fields_present == frozenset()
    assert agent(trainingStatus=None, uploadedDocuments=None).fields_present == {
        "trainingStatus",
        "uploadedDocuments",
    }
    assert agent(**payloads.AGENT).fields_present == {
        "trainingStatus",
        "trainingProgress",
        "trainingError",
        "uploadedDocuments",
        "knowledgeBase",
    }


def test_lists_that_are_null_or_hold_nulls_read_as_nothing_there() -> None:
    assert agent(uploadedDocuments=None).uploaded_documents == ()
    assert agent(uploadedDocuments=[None, {"fileKey": "k"}]).uploaded_documents[0].file_key == "k"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("trainingStatus", {"state": "training"}),
        ("trainingStatus", ["training"]),
        ("knowledgeBase", "acme.com"),
        ("uploadedDocuments", "none"),
        ("uploadedDocuments", [1]),
    ],
)
def test_a_member_of_the_wrong_kind_is_named_without_its_value(member: str, value: Any) -> None:
    with pytest.raises(ShapeError, match=rf"data\.{member}") as caught:
        agent(**{member: value})
    assert "acme" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [{"success": True}, {"data": None}, {"data": {}, "meta": None}, {"data": {}, "meta": {}}]
)
def test_a_thin_answer_to_an_accepted_retrain_is_still_a_receipt(body: dict[str, Any]) -> None:
    receipt = read(sendkit.retrain("a"), body, 202)
    assert (receipt.credits_charged, receipt.jobs) == (None, ())


@pytest.mark.parametrize(
    ("charged", "credits"), [(10, "10"), (0.5, "0.5"), ("10", "10"), (0.1, "0.1"), (0, "0")]
)
def test_credits_are_exact(charged: Any, credits: str) -> None:
    receipt = read(sendkit.retrain("a"), {"data": {}, "meta": {"creditsCharged": charged}})
    assert receipt.credits_charged == Decimal(credits)


@pytest.mark.parametrize("success", [False, "false"])
def test_a_retrain_that_calls_itself_a_failure_is_no_receipt(success: Any) -> None:
    with pytest.raises(ShapeError, match="success"):
        read(sendkit.retrain("a"), {**payloads.RETRAIN, "success": success})


def test_a_list_of_agents_is_read_in_the_vendors_order() -> None:
    agents = read(sendkit.list_agents(), {"success": True, "data": [{"_id": "b"}, {"_id": "a", "usage": []}]})
    assert [a.id for a in agents] == ["b", "a"]
    with pytest.raises(ShapeError):
        read(sendkit.list_agents(), {"success": True, "data": {"items": []}})


def test_an_upload_slot_says_where_to_put() -> None:
    call = sendkit.upload_document("a", "faq.pdf", "application/pdf", 42)
    assert call.body == {"filename": "faq.pdf", "contentType": "application/pdf", "fileSize": 42}
    data = {
        "presignedUrl": "p",
        "uploadUrl": "u",
        "url": "w",
        "key": "k",
        "filename": "faq.pdf",
        "fileType": "pdf",
    }
    slot = read(call, {"success": True, "data": data})
    assert (slot.put_url, slot.url, slot.key, slot.file_type) == ("p", "w", "k", FileType.PDF)
    assert read(call, {"success": True, "data": {"uploadUrl": "u"}}).put_url == "u"
    assert "presigned" not in repr(slot)


def test_a_document_is_processed_under_the_vendors_spelling() -> None:
    call = sendkit.process_document(
        "a", file_key="k", file_url="u", file_name="faq.pdf", file_type="pdf", file_size=42
    )
    assert call.body == {
        "fileKey": "k",
        "fileUrl": "u",
        "fileName": "faq.pdf",
        "fileType": "pdf",
        "fileSize": 42,
    }
    assert not call.repeatable
    answer = {
        "success": True,
        "data": {"message": "m", "document": {"status": "processing"}, "job": {"id": "j"}},
    }
    receipt = read(call, answer)
    assert receipt.document is not None
    assert receipt.document.status is DocumentStatus.PROCESSING
    assert receipt.job is not None
    assert receipt.job.id == "j"


def test_an_agent_is_changed_by_what_is_given_alone() -> None:
    assert sendkit.update_agent("a", company_url="acme.com").body == {"companyUrl": "acme.com"}
    assert sendkit.update_agent("a", name="n").body == {"name": "n"}
    with pytest.raises(InvalidArgumentError):
        sendkit.update_agent("a")


@pytest.mark.parametrize("agent_id", ["", "  ", ".", "..", "a\nb", None, 7])
def test_an_id_that_cannot_be_one_is_refused(agent_id: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="agent_id"):
        sendkit.retrain(agent_id)


@pytest.mark.parametrize("size", [0, -1, 10 * 1024 * 1024 + 1])
def test_a_document_of_a_size_that_the_vendor_refuses_is_refused_here(size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="10 MB"):
        sendkit.upload_document("a", "f.pdf", "application/pdf", size)


def test_a_file_type_that_the_vendor_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="odt"):
        sendkit.process_document("a", file_key="k", file_url="u", file_name="f", file_type="odt", file_size=1)


def test_what_charges_or_creates_is_not_repeatable_and_what_reads_is() -> None:
    once: list[Call[Any]] = [
        sendkit.retrain("a"),
        sendkit.upload_document_multipart("a", "f", b"x", "text/plain"),
    ]
    again: list[Call[Any]] = [
        sendkit.list_agents(),
        sendkit.get_agent("a"),
        sendkit.delete_document("a", "k"),
    ]
    assert not any(call.repeatable for call in once)
    assert all(call.repeatable for call in again)


def test_reading_an_answer_does_not_change_it() -> None:
    before = copy.deepcopy(payloads.RETRAIN)
    read(sendkit.retrain("a"), payloads.RETRAIN)
    assert before == payloads.RETRAIN
