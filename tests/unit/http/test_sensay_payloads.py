"""Sensay's answers, both generations, and exactly what is sent to it."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.http.call import Answer, Call, ShapeError
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay import training_endpoints as sensay_training
from airflow_provider.vendors.sensay.models import EntryStatus, KnowledgeBaseEntry
from airflow_provider.vendors.sensay.training_models import TrainingStatus
from airflow_provider.vendors.sensay.values import Deletion, Entry
from tests.unit.http import payloads

T = TypeVar("T")

REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
HOME = f"/v1/replicas/{REPLICA}"


def read(call: Call[T], json: Any, status: int = 200) -> T:
    return call.reads(Answer(status, {}, json))


def sent(call: Call[Any]) -> tuple[str, str, Any]:
    return call.method, call.path, call.body


# --- the current generation ------------------------------------------------------------------------------


def test_each_way_to_create_sends_its_members_and_nothing_else() -> None:
    path = f"{HOME}/knowledge-base"
    assert sent(sensay.create_text(REPLICA, "t")) == ("POST", path, {"text": "t"})
    assert sent(sensay.create_text(REPLICA, "t", title="x")) == ("POST", path, {"title": "x", "text": "t"})
    assert sent(sensay.create_url(REPLICA, "https://a.b/c", auto_refresh=False)) == (
        "POST",
        path,
        {"url": "https://a.b/c", "autoRefresh": False},
    )
    assert sent(sensay.create_file(REPLICA, "h.pdf")) == ("POST", path, {"filename": "h.pdf"})
    assert not sensay.create_text(REPLICA, "t").repeatable


def test_every_line_of_a_multi_status_answer_is_kept() -> None:
    text, file, website = read(sensay.create_text(REPLICA, "t"), payloads.CREATED, 207).results
    assert (text.enqueued, text.knowledge_base_id, text.signed_url) == (True, 12345, None)
    assert file.signed_url is not None
    assert "supabase" not in repr(file)
    assert (website.enqueued, website.knowledge_base_id, website.error) == (
        False,
        None,
        "the page cannot be read",
    )


def test_a_partly_failed_answer_may_call_itself_a_failure_and_is_still_read() -> None:
    receipt = read(sensay.create_text(REPLICA, "t"), {**payloads.CREATED, "success": False}, 207)
    assert len(receipt.results) == 3


@pytest.mark.parametrize("body", [{"success": True}, {"success": True, "results": []}, {"results": None}])
def test_a_create_without_results_is_not_a_success(body: Any) -> None:
    with pytest.raises(ShapeError, match="results"):
        read(sensay.create_text(REPLICA, "t"), body, 207)


def test_a_page_of_entries_has_a_total() -> None:
    page = read(sensay.list_entries(REPLICA), payloads.ENTRY_PAGE)
    assert page.total == 100
    assert page.items == (
        Entry(
            id=12345,
            status="READY",
            updated_at="2025-04-15T08:11:05.299349+00:00",
            created_at="2025-04-15T08:11:00.093761+00:00",
            type="text",
            title="Company information",
            replica_uuid=REPLICA,
        ),
    )
    assert type(page.items[0].status) is str  # it goes into XCom and trigger arguments


def test_a_total_alone_can_be_asked_for() -> None:
    call = sensay.list_entries(REPLICA, page_size=0, status="NEW", search="kb~main")
    assert call.query == {"page": "1", "pageSize": "0", "status": "NEW", "search": "kb~main"}
    assert read(call, {"success": True, "items": [], "total": 3}).total == 3


def test_every_filter_is_sent_under_the_vendors_name() -> None:
    call = sensay.list_entries(REPLICA, page=2, page_size=24, type="text", has_error=True, sort_order="asc")
    assert call.query == {
        "page": "2",
        "pageSize": "24",
        "type": "text",
        "hasError": "true",
        "sortOrder": "asc",
    }


@pytest.mark.parametrize(
    "wrong", [{"page": 0}, {"page_size": 101}, {"page_size": -1}, {"search": "ab"}, {"search": ""}]
)
def test_a_page_that_the_vendor_would_refuse_is_refused_here(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="nothing was sent"):
        sensay.list_entries(REPLICA, **wrong)


def test_an_entry_is_read_whole() -> None:
    entry = read(sensay.get_entry(REPLICA, 7), payloads.FILE_ENTRY)
    assert (entry.id, entry.status, entry.type, entry.title) == (7, "RAW_TEXT", "file", "Handbook")
    assert (entry.raw_text, entry.filename, entry.error_message) == (
        "raw",
        "handbook.pdf",
        "extraction failed",
    )
    assert entry.has_error
    assert isinstance(entry.source, KnowledgeBaseEntry)
    assert entry.source.status is EntryStatus.RAW_TEXT
    dumped = entry.source.model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert {**dumped, "success": True} == payloads.FILE_ENTRY
    assert "sig=1" not in repr(entry.source)


@pytest.mark.parametrize("medium", ["website", "youtube"])
def test_the_address_of_an_entry_may_stand_in_its_medium(medium: str) -> None:
    entry = read(sensay.get_entry(REPLICA, 7), {"id": 7, medium: {"url": "https://a.b"}})
    assert entry.url == "https://a.b"


def test_an_error_without_words_is_still_an_error() -> None:
    entry = read(sensay.get_entry(REPLICA, 7), {"id": 7, "status": "RAW_TEXT", "error": {}})
    assert entry.has_error
    assert entry.error_message is None
    assert not read(sensay.get_entry(REPLICA, 7), {"id": 7, "error": None}).has_error


def test_an_entry_needs_nothing_but_its_id() -> None:
    assert read(sensay.get_entry(REPLICA, 7), {"id": "7"}) == Entry(id=7)
    with pytest.raises(ShapeError, match="id"):
        read(sensay.get_entry(REPLICA, 7), {"status": "READY"})


def test_an_unknown_status_or_type_stays_the_text_it_is() -> None:
    entry = read(sensay.get_entry(REPLICA, 7), {"id": 7, "status": "SYNC_ERROR", "type": "podcast", "new": 1})
    assert (entry.status, entry.type) == ("SYNC_ERROR", "podcast")


@pytest.mark.parametrize("member", sorted(set(payloads.FILE_ENTRY) - {"id"}))
def test_any_member_of_an_entry_may_be_null_or_absent(member: str) -> None:
    without = {name: value for name, value in payloads.FILE_ENTRY.items() if name != member}
    assert read(sensay.get_entry(REPLICA, 7), without).id == 7
    assert read(sensay.get_entry(REPLICA, 7), {**without, member: None}).id == 7


def test_an_update_sends_what_is_given_by_patch() -> None:
    path = f"{HOME}/knowledge-base/7"
    assert sent(sensay.update_entry(REPLICA, 7, raw_text="t")) == ("PATCH", path, {"rawText": "t"})
    both = sensay.update_entry(REPLICA, "7", raw_text="t", title="x")
    assert sent(both) == ("PATCH", path, {"rawText": "t", "title": "x"})
    assert both.repeatable


@pytest.mark.parametrize("wrong", [{}, {"raw_text": ""}, {"title": ""}, {"raw_text": None}])
def test_an_update_of_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        sensay.update_entry(REPLICA, 7, **wrong)


def test_a_delete_is_done_or_only_accepted() -> None:
    call = sensay.delete_entry(REPLICA, 7)
    assert sent(call) == ("DELETE", f"{HOME}/knowledge-base/7", None)
    assert read(call, {"success": True}, 200) is Deletion.DELETED
    assert read(call, None, 204) is Deletion.DELETED
    assert (
        read(call, {"success": True, "message": "full removal may take up to 24 hours"}, 202)
        is Deletion.ACCEPTED
    )


def test_a_question_skips_the_history_and_is_sent_once() -> None:
    call = sensay.ask(REPLICA, "What are your business hours?")
    assert sent(call) == (
        "POST",
        f"{HOME}/chat/completions",
        {"content": "What are your business hours?", "skip_chat_history": True},
    )
    assert not call.repeatable
    assert read(call, {"success": True, "content": "9 to 5"}) == "9 to 5"
    assert read(call, {"success": True, "content": ""}) == ""
    with pytest.raises(ShapeError, match="content"):
        read(call, {"success": True})
    with pytest.raises(InvalidArgumentError):
        sensay.ask(REPLICA, "x" * 100_001)


def test_replicas_are_listed_page_by_page() -> None:
    call = sensay.list_replicas(page=2)
    assert sent(call) == ("GET", "/v1/replicas", None)
    assert call.query == {"page": "2", "page_size": "24"}
    assert call.repeatable
    page = read(call, payloads.REPLICAS)
    assert page.total == 25
    assert [(found.uuid, found.name, found.slug, found.owner_id) for found in page.items] == [
        (REPLICA, "Support", "support", "user-1")
    ]


def test_a_replica_needs_nothing_but_its_uuid() -> None:
    assert read(sensay.list_replicas(), {"items": [{"uuid": REPLICA, "name": None}]}).items[0].name is None
    with pytest.raises(ShapeError, match="uuid"):
        read(sensay.list_replicas(), {"items": [{"name": "Support"}]})


@pytest.mark.parametrize("wrong", [{"page": 0}, {"page_size": 0}])
def test_a_page_of_replicas_that_the_vendor_would_refuse_is_refused_here(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="nothing was sent"):
        sensay.list_replicas(**wrong)


def test_file_types_are_read_and_need_the_vendors_success() -> None:
    groups = read(sensay.file_types(), payloads.FILE_TYPES).media_groups
    assert groups[0].file_types[0].extensions == (".mp4",)
    with pytest.raises(ShapeError, match="success"):
        read(sensay.file_types(), {"status": "ok"})


# --- the older generation --------------------------------------------------------------------------------


def test_the_documented_put_is_sent_member_by_member() -> None:
    call = sensay_training.update_entry(
        REPLICA,
        12345,
        raw_text=payloads.TRAINING_UPDATE["rawText"],  # type: ignore[arg-type]
        processed_text=payloads.TRAINING_UPDATE["processedText"],  # type: ignore[arg-type]
        vector_entry_id="1337",
        metadata=payloads.TRAINING_UPDATE["metadata"],  # type: ignore[arg-type]
    )
    assert sent(call) == ("PUT", f"{HOME}/training/12345", payloads.TRAINING_UPDATE)
    read(call, {"success": True})


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"raw_text": "r"}, {"rawText": "r"}),
        ({"processed_text": "p"}, {"processedText": "p"}),
        ({"vector_entry_id": "v"}, {"vectorEntryId": "v"}),
        ({"raw_text": "r", "metadata": {}}, {"rawText": "r", "metadata": {}}),
        ({"processed_text": "p", "vector_entry_id": "v"}, {"processedText": "p", "vectorEntryId": "v"}),
    ],
)
def test_any_mix_of_the_four_is_sent_as_given(given: dict[str, Any], body: dict[str, Any]) -> None:
    assert sensay_training.update_entry(REPLICA, 1, **given).body == body


@pytest.mark.parametrize("wrong", [{}, {"metadata": {"a": 1}}, {"raw_text": ""}, {"vector_entry_id": ""}])
def test_a_put_without_a_text_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        sensay_training.update_entry(REPLICA, 1, **wrong)


def test_an_entry_of_the_older_generation_is_read_whole() -> None:
    call = sensay_training.get_entry(12345)
    assert sent(call) == ("GET", "/v1/training/12345", None)
    entry = read(call, payloads.TRAINING_ENTRY)
    assert (entry.id, entry.status, entry.type) == (12345, "READY", "text")
    assert (entry.raw_text, entry.processed_text) == ("…", "…")
    assert entry.updated_at == "2025-04-15T08:11:05.299349+00:00"
    assert entry.replica_uuid == "12345678-1234-1234-1234-123456789abc"
    assert not entry.has_error
    assert entry.source is not None
    dumped = entry.source.model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert {**dumped, "success": True} == payloads.TRAINING_ENTRY
    assert len(TrainingStatus) == 9


def test_a_page_of_the_older_generation_has_no_total() -> None:
    call = sensay_training.list_entries(page=2, status="PROCESSING", type="text")
    assert call.query == {"page": "2", "limit": "100", "status": "PROCESSING", "type": "text"}
    page = read(call, {"success": True, "items": [payloads.TRAINING_ENTRY]})
    assert page.total is None
    assert page.items[0].id == 12345
    with pytest.raises(InvalidArgumentError):
        sensay_training.list_entries(limit=101)


def test_an_empty_entry_is_created_once_and_its_id_returned() -> None:
    call = sensay_training.create_entry(REPLICA)
    assert sent(call) == ("POST", f"{HOME}/training", {})
    assert not call.repeatable
    assert read(call, {"success": True, "knowledgeBaseID": 12345}) == 12345
    assert read(call, {"success": True, "kb_id": 12345}) == 12345
    with pytest.raises(ShapeError):
        read(call, {"success": True})


def test_the_get_that_creates_a_file_entry_is_sent_once() -> None:
    call = sensay_training.file_upload_url(REPLICA, "company handbook.pdf")
    assert sent(call) == ("GET", f"{HOME}/training/files/upload", None)
    assert call.query == {"filename": "company handbook.pdf"}
    assert not call.repeatable
    slot = read(
        call, {"success": True, "signedURL": "https://storage.googleapis.com/x?sig=1", "knowledgeBaseID": 1}
    )
    assert (slot.entry_id, slot.signed_url) == (1, "https://storage.googleapis.com/x?sig=1")
    assert "sig=1" not in repr(slot)
    assert read(call, {"success": True}).signed_url is None


def test_an_entry_of_the_older_generation_is_deleted_at_once() -> None:
    call = sensay_training.delete_entry(1)
    assert sent(call) == ("DELETE", "/v1/training/1", None)
    assert read(call, {"success": True}) is Deletion.DELETED


# --- ids -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", ["", "x", "03db5651", None, 5, "03db5651-cb61-4bdf-9ef0-89561f7c9c5g", "../x"]
)
def test_a_replica_that_is_no_uuid_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="replica_uuid"):
        sensay.get_entry(wrong, 1)


def test_a_uuid_is_sent_in_one_spelling() -> None:
    assert sensay.get_entry(f" {REPLICA.upper()} ", 1).path == f"{HOME}/knowledge-base/1"


@pytest.mark.parametrize("wrong", [0, -1, "", "x", "1.5", 1.5, True, None, "\uff11", "1/2", [1]])
def test_an_entry_id_that_is_no_positive_integer_is_refused(wrong: Any) -> None:
    for describe in (lambda: sensay.get_entry(REPLICA, wrong), lambda: sensay_training.delete_entry(wrong)):
        with pytest.raises(InvalidArgumentError, match="entry_id"):
            describe()


@pytest.mark.parametrize("wrong", ["", "a.b/c", "ftp://a.b", "javascript:alert(1)", "https://"])
def test_a_url_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidArgumentError, match="url"):
        sensay.create_url(REPLICA, wrong)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://exa mple.com", "blanks"),
        ("https://example.com/a\n", "blanks"),
        ("https://example.com/\u200b", "control characters"),
        ("HTTPS://EXAMPLE.COM", "in lower case"),
        ("ftp://example.com", "must begin with http:// or https://"),
        ("example.com", "must begin with http:// or https://"),
        ("http://x", "needs a host name with a dot"),
        ("https://localhost:8000/a.b", "needs a host name with a dot"),
        ("https://m\u00fcnchen.example", "write it as xn--"),
        ("https://[::1]/", "needs a host name with a dot"),
        ("https://exa$mple.com/", "no address that the vendor takes"),
        ("https://", "needs a host name with a dot"),
    ],
)
def test_an_address_that_the_vendor_would_refuse_is_refused_here_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match="nothing was sent") as caught:
        sensay.create_url(REPLICA, url)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.example.com/a/b?c=d#e",
        "http://127.0.0.1:8000/page",
        "https://www.youtube.com/watch?v=ID",
        "https://xn--mnchen-3ya.example/%20",
        "https://user@example.com/",
        "https://example.com/m\u00fcnchen",
    ],
)
def test_an_address_that_the_vendor_takes_is_sent_as_it_is(url: str) -> None:
    assert sensay.create_url(REPLICA, url).body == {"url": url}
