"""Sensay's half: pipeline, lists, files, URLs, chat, people, both generations."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from airflow_provider.sandbox.client import Sandbox

pytest_plugins = ["airflow_provider.sandbox.fixtures"]

OLD = "Our company was founded in 2020. We specialize in AI-powered customer service solutions."


def status(client: httpx.Client, path: str) -> str:
    return str(client.get(path).json()["status"])


def ask(client: httpx.Client, sandbox: Sandbox, question: str) -> str:
    path = f"/v1/replicas/{sandbox.replica_uuid}/chat/completions"
    return str(client.post(path, json={"content": question}).json()["content"])


def create(client: httpx.Client, base: str, **body: Any) -> dict[str, Any]:
    results = client.post(base, json=body).json()["results"]
    first: dict[str, Any] = results[0]
    return first


def test_a_text_passes_every_status_of_the_pipeline(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str
) -> None:
    path = f"{base}/{create(sensay, base, text='Opening hours are 9 to 5.')['knowledgeBaseID']}"
    seen = []
    for step in (0, 0.6, 1, 1, 1):
        knowledge_sandbox.advance(step)
        seen.append(status(sensay, path))
    assert seen == ["NEW", "RAW_TEXT", "PROCESSED_TEXT", "VECTOR_CREATED", "READY"]


def test_an_updated_entry_reads_ready_for_a_while_with_a_moved_updated_at(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str
) -> None:
    before = sensay.get(entry).json()
    assert sensay.patch(entry, json={"rawText": "All is new."}).json() == {"success": True}
    written = sensay.get(entry).json()
    assert (written["status"], written["rawText"]) == ("READY", "All is new.")
    assert written["updatedAt"] > before["updatedAt"]
    assert ask(sensay, knowledge_sandbox, "When was the company founded?").startswith(
        "Our company was founded"
    )
    knowledge_sandbox.advance(0.6)
    assert status(sensay, entry) == "RAW_TEXT"
    assert ask(sensay, knowledge_sandbox, "What is new?") == "I do not know."
    knowledge_sandbox.advance(2)
    assert status(sensay, entry) == "VECTOR_CREATED"
    assert ask(sensay, knowledge_sandbox, "What is new?") == "All is new."


@pytest.mark.parametrize(
    ("policy", "by_write", "by_processing"),
    [("both", True, True), ("write", True, False), ("processing", False, True), ("never", False, False)],
)
def test_updated_at_is_moved_by_the_write_by_the_pipeline_by_both_or_never(
    knowledge_sandbox: Sandbox,
    sensay: httpx.Client,
    entry: str,
    policy: str,
    by_write: bool,
    by_processing: bool,
) -> None:
    knowledge_sandbox.options(stamp_updated_at=policy)
    before = sensay.get(entry).json()["updatedAt"]
    sensay.patch(entry, json={"rawText": "All is new."})
    written = sensay.get(entry).json()["updatedAt"]
    knowledge_sandbox.advance(10)
    processed = sensay.get(entry).json()["updatedAt"]
    assert (written > before, processed > written) == (by_write, by_processing)


def test_a_text_that_is_there_already_is_not_processed_again_unless_asked(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str
) -> None:
    sensay.patch(entry, json={"rawText": OLD})
    knowledge_sandbox.advance(0.6)
    assert status(sensay, entry) == "READY"
    knowledge_sandbox.options(identical_text="reprocess")
    sensay.patch(entry, json={"rawText": OLD})
    knowledge_sandbox.advance(0.6)
    assert status(sensay, entry) == "RAW_TEXT"


@pytest.mark.parametrize(
    ("options", "ends", "error"),
    [
        ({"entry_outcome": "VECTOR_CREATED"}, "VECTOR_CREATED", None),
        ({"entry_outcome": "UNPROCESSABLE", "entry_error": "no"}, "UNPROCESSABLE", "no"),
        ({"entry_outcome": "error", "entry_error": "no"}, "RAW_TEXT", "no"),
        ({"entry_stuck": "PROCESSED_TEXT"}, "PROCESSED_TEXT", None),
    ],
)
def test_the_pipeline_can_end_otherwise(
    knowledge_sandbox: Sandbox,
    sensay: httpx.Client,
    entry: str,
    options: dict[str, Any],
    ends: str,
    error: str | None,
) -> None:
    knowledge_sandbox.options(**options)
    sensay.patch(entry, json={"rawText": "All is new."})
    knowledge_sandbox.advance(1000)
    shown = sensay.get(entry).json()
    assert (shown["status"], shown.get("error", {}).get("message")) == (ends, error)


def test_a_test_can_script_what_an_entry_shows(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str
) -> None:
    knowledge_sandbox.set_entry(timeline=[{"status": "VECTOR_CREATED"}, {"after": 5, "status": "READY"}])
    assert status(sensay, entry) == "VECTOR_CREATED"
    knowledge_sandbox.advance(5)
    assert status(sensay, entry) == "READY"
    knowledge_sandbox.set_entry(status="SYNC_ERROR", error="lost", updatedAt="2025-01-01T00:00:00Z")
    shown = sensay.get(entry).json()
    assert (shown["status"], shown["error"]["message"]) == ("SYNC_ERROR", "lost")
    assert shown["updatedAt"] == "2025-01-01T00:00:00.000000+00:00"
    knowledge_sandbox.set_entry(missing=["status"], raw={"surprise": 1})
    assert "status" not in sensay.get(entry).json()


def test_a_long_text_reads_back_cut(knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str) -> None:
    knowledge_sandbox.options(truncate_raw_text=10)
    sensay.patch(entry, json={"rawText": "0123456789abc"})
    assert sensay.get(entry).json()["rawText"] == "0123456789"


def test_lists_page_filter_search_and_count(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str
) -> None:
    knowledge_sandbox.seed(
        many={"count": 120, "title": "Guide {n}"},
        entries=[{"title": "Broken", "status": "RAW_TEXT", "error": "no"}],
    )

    def listed(**query: Any) -> Any:
        return sensay.get(base, params=query).json()

    assert (listed()["total"], len(listed()["items"])) == (122, 24)
    assert listed(pageSize=0) == {"success": True, "items": [], "total": 122}
    ids = [
        item["id"] for page in (1, 2) for item in listed(pageSize=100, page=page, sortOrder="asc")["items"]
    ]
    assert ids == sorted(ids)
    assert len(set(ids)) == 122
    assert listed(search="guide 12")["total"] == 2
    assert listed(hasError="true")["items"][0]["title"] == "Broken"
    assert listed(status="RAW_TEXT")["total"] == 1
    assert "rawText" not in listed()["items"][0]


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=101",
        "page=0",
        "search=ab",
        "sortBy=title",
        "hasError=yes",
        "status=DONE",
        "status=NEW,READY",
        "status=NEW&status=DONE",
        "type=pdf",
    ],
)
def test_a_query_off_the_contract_is_a_400(sensay: httpx.Client, base: str, query: str) -> None:
    assert sensay.get(f"{base}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("way", "query", "code"),
    [
        ("repeat", "status=NEW&status=READY&type=text&type=file", 200),
        ("comma", "status=NEW,READY&type=text,file", 200),
        ("one", "status=NEW&status=READY", 400),
        ("one", "status=READY", 200),
    ],
)
def test_several_values_in_one_query_repeat_the_key_unless_asked_otherwise(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str, way: str, query: str, code: int
) -> None:
    if way != "repeat":
        knowledge_sandbox.options(status_list=way)
    answer = sensay.get(f"{base}?{query}")
    assert (answer.status_code, answer.json().get("total")) == (code, 1 if code == 200 else None)


def test_a_file_waits_for_its_bytes_and_takes_them_once(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str
) -> None:
    created = create(sensay, base, filename="handbook.md")
    path = f"{base}/{created['knowledgeBaseID']}"
    knowledge_sandbox.advance(1000)
    assert status(sensay, path) == "NEW"
    assert sensay.put(created["signedURL"], content=b"x").status_code == 400
    put = {"content": b"Parking is free.", "headers": {"Content-Type": "text/markdown"}}
    codes = [httpx.put(created["signedURL"], **put, trust_env=False).status_code for _ in range(2)]  # type: ignore[arg-type]
    assert codes == [200, 409]
    assert status(sensay, path) == "FILE_UPLOADED"
    assert "rawText" not in sensay.get(path).json()
    knowledge_sandbox.advance(10)
    shown = sensay.get(path).json()
    assert (shown["status"], shown["rawText"], shown["file"]["size"]) == ("READY", "Parking is free.", 16)
    assert ask(sensay, knowledge_sandbox, "Is parking free?") == "Parking is free."


def test_a_file_type_off_the_list_is_refused_in_the_207_or_after_the_upload(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str
) -> None:
    assert create(sensay, base, filename="virus.exe")["enqueued"] is False
    knowledge_sandbox.options(unsupported_file="unprocessable")
    created = create(sensay, base, filename="virus.exe")
    httpx.put(created["signedURL"], content=b"x", trust_env=False)
    knowledge_sandbox.advance(10)
    assert status(sensay, f"{base}/{created['knowledgeBaseID']}") == "UNPROCESSABLE"


def test_a_url_exists_once_and_a_playlist_makes_many_entries(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str
) -> None:
    knowledge_sandbox.options(playlist_videos=4, websites={"https://example.com/": "We sell lamps."})
    created = create(sensay, base, url="https://example.com/")
    assert created["type"] == "website"
    assert sensay.post(base, json={"url": "https://example.com/"}).status_code == 409
    playlist = sensay.post(base, json={"url": "https://www.youtube.com/playlist?list=PL1"}).json()["results"]
    assert [result["type"] for result in playlist] == ["youtube"] * 4
    knowledge_sandbox.advance(10)
    assert ask(sensay, knowledge_sandbox, "Do you sell lamps?") == "We sell lamps."
    sensay.delete(f"{base}/{created['knowledgeBaseID']}")
    assert sensay.post(base, json={"url": "https://example.com/"}).status_code == 409
    knowledge_sandbox.advance(6)
    assert sensay.post(base, json={"url": "https://example.com/"}).status_code == 207


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a", "url": "https://a.example"},
        {"text": ""},
        {"url": "ftp://a.example"},
        {"url": "https://exa mple.com"},
        {"url": "HTTPS://EXAMPLE.COM"},
        {"url": "http://x"},
        {"url": "https://bücher.example"},
        {"text": "a", "x": 1},
        {"text": "a", "title": None},
    ],
)
def test_a_create_off_the_contract_is_a_400(sensay: httpx.Client, base: str, body: dict[str, Any]) -> None:
    assert sensay.post(base, json=body).status_code == 400


def test_a_202_delete_is_out_of_sight_but_answers_for_a_while(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str
) -> None:
    assert sensay.delete(entry).status_code == 202
    assert sensay.get(entry).status_code == sensay.delete(entry).status_code == 404
    assert "2020" in ask(sensay, knowledge_sandbox, "When was the company founded?")
    knowledge_sandbox.advance(6)
    assert ask(sensay, knowledge_sandbox, "When was the company founded?") == "I do not know."


def test_chat_can_miss_and_can_run_out(knowledge_sandbox: Sandbox, sensay: httpx.Client) -> None:
    knowledge_sandbox.options(chat_misses=1, conversation_quota=2)
    answers = [ask(sensay, knowledge_sandbox, "When was the company founded?") for _ in range(2)]
    assert (answers[0], "2020" in answers[1]) == ("I do not know.", True)
    path = f"/v1/replicas/{knowledge_sandbox.replica_uuid}/chat/completions"
    refused = sensay.post(path, json={"content": "Still there?"})
    assert (refused.status_code, refused.json()["error_code"]) == (429, "CONVERSATION_QUOTA_EXCEEDED")


def test_a_client_can_set_up_its_own_world(sensay: httpx.Client) -> None:
    account = {"accountID": "42", "accountType": "telegram"}
    user = sensay.post("/v1/users", json={"email": "a@example.com", "linkedAccounts": [account]}).json()["id"]
    assert sensay.post("/v1/users", json={"email": "a@example.com"}).status_code == 409
    assert sensay.get(f"/v1/users/{user}").json()["email"] == "a@example.com"
    profile = {
        "name": "R",
        "shortDescription": "r",
        "greeting": "Hi",
        "slug": "r",
        "ownerID": user,
        "llm": {},
    }
    uuid = sensay.post("/v1/replicas", json=profile).json()["uuid"]
    assert sensay.post("/v1/replicas", json=profile).status_code == 409
    assert sensay.get("/v1/replicas", params={"ownerID": user}).json()["total"] == 1
    assert sensay.get(f"/v1/replicas/{uuid}").json()["slug"] == "r"
    linked = {"X-USER-ID": "42", "X-USER-ID-TYPE": "telegram"}
    assert sensay.get("/v1/users/me", headers=linked).json()["id"] == user
    assert sensay.delete("/v1/users/me", headers=linked).status_code == 204
    assert sensay.get(f"/v1/replicas/{uuid}").status_code == 404


def test_a_deleted_replica_takes_its_knowledge_along(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str
) -> None:
    assert sensay.delete(f"/v1/replicas/{knowledge_sandbox.replica_uuid}").is_success
    assert sensay.get(entry).status_code == 404
    assert knowledge_sandbox.state()["entry_total"] == 0


def test_header_rules(knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str) -> None:
    def code(**headers: str) -> int:
        return sensay.get(
            entry, headers={name.replace("_", "-"): value for name, value in headers.items()}
        ).status_code

    assert sensay.get(entry).headers["X-API-Version"] == "2025-03-25"
    assert sensay.get(entry, headers={"X-API-Version": "2024-02-29"}).headers["X-API-Version"] == "2024-02-29"
    assert code(X_API_Version="2025-02-30") == 400
    assert code(X_API_Version="latest") == 400
    assert code(X_USER_ID="nobody") == 401
    assert code(X_USER_ID=knowledge_sandbox.user_id) == 200
    del sensay.headers["Content-Type"]
    assert sensay.get(entry).status_code == 200
    assert sensay.patch(entry, content=b'{"title": "x"}').status_code == 415
    assert sensay.request("DELETE", entry, content=b"{}").status_code == 415
    knowledge_sandbox.options(require_content_type=True)
    assert sensay.get(entry).status_code == 415
    assert sensay.delete(entry).status_code == 415


@pytest.mark.parametrize("older_one", [False, True])
def test_the_vendors_own_client_is_served(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str, entry: str, older_one: bool
) -> None:
    """No Content-Type where there is no body, repeated keys, packed bodies, pages as large as it likes."""
    del sensay.headers["Content-Type"]
    sensay.headers["X-API-Version"] = "2025-04-01" if older_one else "2025-03-25"
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    def write(method: str, path: str, body: Any) -> int:
        content = gzip.compress(json.dumps(body).encode())
        return sensay.request(method, path, content=content, headers=packed).status_code

    assert sensay.get("/v1/replicas?page_size=1000").json()["total"] == 1
    assert sensay.get("/v1/users/me", headers={"X-USER-ID": knowledge_sandbox.user_id}).is_success
    replica = f"/v1/replicas/{knowledge_sandbox.replica_uuid}"
    profile = {
        "name": "Renamed",
        "shortDescription": "r",
        "greeting": "Hi",
        "slug": "renamed",
        "ownerID": knowledge_sandbox.user_id,
        "llm": {"model": "claude-haiku-4-5", "embeddingModel": "qwen3-embedding-8b"},
    }
    assert write("PUT", replica, profile) == 200
    assert sensay.get(replica).json()["slug"] == "renamed"
    assert write("POST", f"{replica}/chat/completions", {"content": "When?"}) == 200
    if older_one:
        assert write("POST", older(knowledge_sandbox), {}) == 200
        put = f"{older(knowledge_sandbox)}/{knowledge_sandbox.entry_id}"
        assert write("PUT", put, {"rawText": "a"}) == 200
        assert sensay.get("/v1/training?status=READY").is_success
        assert sensay.delete(f"/v1/training/{knowledge_sandbox.entry_id}").is_success
    else:
        assert write("POST", base, {"text": "a", "title": "A"}) == 207
        assert write("PATCH", entry, {"rawText": "a"}) == 200
        assert sensay.get(f"{base}?status=NEW&status=READY&type=text&type=youtube").json()["total"] == 2
        assert sensay.delete(entry).status_code == 202


@pytest.mark.parametrize(
    "query",
    ["page_index=nil", "page_size=0", "page=0", "sort=age", "integration=slack", "tags=Nonsense"],
)
def test_a_list_of_replicas_off_the_contract_is_a_400(sensay: httpx.Client, query: str) -> None:
    assert sensay.get(f"/v1/replicas?{query}").status_code == 400


def test_replicas_are_listed_by_name_in_pages_and_by_tags(
    knowledge_sandbox: Sandbox, sensay: httpx.Client
) -> None:
    profile = {"shortDescription": "r", "greeting": "Hi", "ownerID": knowledge_sandbox.user_id, "llm": {}}
    for name, tags in (("Zoe", ["male"]), ("Adam", ["Sensay", "Arts"])):
        body = profile | {"name": name, "slug": name.lower(), "tags": tags}
        assert sensay.post("/v1/replicas", json=body).status_code == 201

    def names(**query: Any) -> list[str]:
        told = sensay.get("/v1/replicas", params=query).json()
        return [item["name"] for item in told["items"]]

    everything = ["Adam", "Support Replica", "Zoe"]
    assert names() == everything
    assert names(page_size=2) + names(page_size=2, page=2) == everything
    assert names(page_size=2, page_index=2) == ["Zoe"]
    assert names(tags=["Arts", "male"]) == ["Adam", "Zoe"]
    assert names(integration="telegram") == []
    ask(sensay, knowledge_sandbox, "When was the company founded?")
    assert names(sort="popularity")[-1] == "Support Replica"
    assert sensay.get("/v1/replicas").json()["items"][1]["chat_history_count"] == 1


REPLICA: dict[str, Any] = {
    "name": "R",
    "shortDescription": "r",
    "greeting": "Hi",
    "slug": "r",
    "ownerID": "sandbox-user",
    "llm": {},
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"llm": {"model": "gpt-17"}},
        {"llm": {"memoryMode": "elephant"}},
        {"llm": {"tools": ["hammer"]}},
        {"llm": {"systemMessage": "x" * 30_001}},
        {"profileImage": "photo.jpeg"},
        {"whitelistEmails": ["nobody"]},
        {"purpose": "p" * 1001},
        {"ownerID": "nobody"},
        {"surprise": 1},
        {"tags": None},
    ],
)
def test_a_replica_off_the_contract_is_a_400(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, wrong: dict[str, Any]
) -> None:
    assert sensay.post("/v1/replicas", json=REPLICA | wrong).status_code == 400
    assert (
        sensay.put(f"/v1/replicas/{knowledge_sandbox.replica_uuid}", json=REPLICA | wrong).status_code == 400
    )


def test_a_put_replaces_a_replica_and_knows_no_other_member_of_its_model(
    knowledge_sandbox: Sandbox, sensay: httpx.Client
) -> None:
    replica = f"/v1/replicas/{knowledge_sandbox.replica_uuid}"
    odd = REPLICA | {"llm": {"temperature": 1}}
    assert sensay.put(replica, json=odd).status_code == 400
    assert sensay.post("/v1/replicas", json=odd).status_code == 201
    assert sensay.put(replica, json=REPLICA).status_code == 409
    assert sensay.put(replica, json=REPLICA | {"slug": "own", "introductionAudioID": None}).is_success
    assert sensay.put(replica, json=REPLICA | {"slug": "own", "purpose": "p"}).is_success
    shown = sensay.get(replica).json()
    assert (shown["slug"], shown["purpose"], "suggestedQuestions" in shown) == ("own", "p", True)
    assert sensay.put("/v1/replicas/00000000-0000-4000-8000-000000000000", json=REPLICA).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"language": "xx"},
        {"website": {"foo": 1}},
        {"website": {"url": "nowhere"}},
        {"youtube": {"foo": 1}},
        {"youtube": {"autoRefresh": True}},
        {"youtube": {"title": None}},
        {"file": {"mimeType": "no/such"}},
        {"file": {"downloadURL": "https://a.example"}},
        {"rawTextChunks": [{"chunkIndex": "first"}]},
        {"error": {"fingerprint": "no message"}},
        {"vectorEntryID": "1337"},
        {"processedText": ""},
        {"autoRefresh": True},
    ],
)
def test_an_update_off_the_contract_is_a_400(sensay: httpx.Client, entry: str, wrong: dict[str, Any]) -> None:
    before = sensay.get(entry).json()
    assert sensay.patch(entry, json=wrong).status_code == 400
    assert sensay.get(entry).json() == before


def test_media_are_merged_and_shown_by_entries_of_their_own_kind_only(
    sensay: httpx.Client, base: str, entry: str
) -> None:
    site = f"{base}/{create(sensay, base, url='https://a.example/', autoRefresh=True)['knowledgeBaseID']}"
    video = f"{base}/{create(sensay, base, url='https://youtu.be/1')['knowledgeBaseID']}"
    for path in (entry, site, video):
        media = {"website": {"title": "W", "screenshot": "aGk="}, "youtube": {"title": "Y"}}
        assert sensay.patch(path, json=media).is_success
    assert "website" not in sensay.get(entry).json()
    website = {"url": "https://a.example/", "autoRefresh": True, "title": "W"}
    assert sensay.get(site).json()["website"] == website
    assert sensay.get(video).json()["youtube"] == {"url": "https://youtu.be/1", "title": "Y"}


def test_bodies_may_be_gzipped_and_must_not_be_huge(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str
) -> None:
    packed = gzip.compress(json.dumps({"rawText": "packed"}).encode())
    assert sensay.patch(entry, content=packed, headers={"Content-Encoding": "gzip"}).status_code == 200
    assert sensay.get(entry).json()["rawText"] == "packed"
    assert sensay.patch(entry, content=b"{}", headers={"Content-Encoding": "gzip"}).status_code == 400
    assert sensay.patch(entry, content=b"{}", headers={"Content-Encoding": "br"}).status_code == 400
    knowledge_sandbox.options(max_body_bytes=100)
    assert sensay.patch(entry, json={"rawText": "x" * 200}).status_code == 413


def older(sandbox: Sandbox) -> str:
    return f"/v1/replicas/{sandbox.replica_uuid}/training"


def test_the_older_generation_fills_an_empty_entry_by_put(
    knowledge_sandbox: Sandbox, sensay: httpx.Client
) -> None:
    made = sensay.post(older(knowledge_sandbox), json={}).json()["knowledgeBaseID"]
    path = f"/v1/training/{made}"
    knowledge_sandbox.advance(1000)
    assert status(sensay, path) == "BLANK"
    sensay.put(f"{older(knowledge_sandbox)}/{made}", json={"rawText": "Parking is free."})
    assert status(sensay, path) == "PROCESSING"
    knowledge_sandbox.advance(10)
    assert status(sensay, path) == "READY"
    assert ask(sensay, knowledge_sandbox, "Is parking free?") == "Parking is free."
    assert sensay.delete(path).json() == {"success": True}
    assert sensay.get(path).status_code == 404


def test_a_put_with_a_vector_id_is_ready_at_once(knowledge_sandbox: Sandbox, sensay: httpx.Client) -> None:
    path = f"/v1/training/{knowledge_sandbox.entry_id}"
    before = sensay.get(path).json()["updated_at"]
    body = {"rawText": "a", "processedText": "b", "vectorEntryId": "1337", "metadata": {"page": 42}}
    sensay.put(f"{older(knowledge_sandbox)}/{knowledge_sandbox.entry_id}", json=body)
    shown = sensay.get(path).json()
    assert (shown["status"], shown["raw_text"], shown["processed_text"]) == ("READY", "a", "b")
    assert shown["updated_at"] > before


def test_the_older_generation_uploads_by_a_get_that_creates(
    knowledge_sandbox: Sandbox, sensay: httpx.Client
) -> None:
    given = sensay.get(f"{older(knowledge_sandbox)}/files/upload", params={"filename": "a.txt"}).json()
    path = f"/v1/training/{given['knowledgeBaseID']}"
    seen = [status(sensay, path)]
    httpx.put(given["signedURL"], content=b"Parking is free.", trust_env=False)
    for step in (0, 0.6, 10):
        knowledge_sandbox.advance(step)
        seen.append(status(sensay, path))
    assert seen == ["AWAITING_UPLOAD", "SUPABASE_ONLY", "PROCESSING", "READY"]


def test_the_older_list_is_organisation_wide_pages_by_strings_and_has_no_total(
    knowledge_sandbox: Sandbox, sensay: httpx.Client
) -> None:
    knowledge_sandbox.seed(many={"count": 120})
    lengths = [len(sensay.get("/v1/training", params={"page": page}).json()["items"]) for page in (1, 2, 3)]
    assert lengths == [100, 21, 0]
    assert "total" not in sensay.get("/v1/training").json()
    assert len(sensay.get("/v1/training?limit=5&status=READY&type=text").json()["items"]) == 5
    assert sensay.get(f"{older(knowledge_sandbox)}/files/upload?filename=").status_code == 400
    for query in ("limit=101", "limit=x", "page=-1", "status=VECTOR_CREATED"):
        assert sensay.get(f"/v1/training?{query}").status_code == 400


def test_the_older_generation_names_failures_its_own_way(
    knowledge_sandbox: Sandbox, sensay: httpx.Client
) -> None:
    knowledge_sandbox.options(entry_outcome="UNPROCESSABLE", training_failure_status="ERR_TEXT_TO_VECTOR")
    sensay.put(f"{older(knowledge_sandbox)}/{knowledge_sandbox.entry_id}", json={"rawText": "new"})
    knowledge_sandbox.advance(10)
    shown = sensay.get(f"/v1/training/{knowledge_sandbox.entry_id}").json()
    assert shown["status"] == "ERR_TEXT_TO_VECTOR"
    assert "error" not in shown


@pytest.mark.parametrize(
    ("generation", "current", "older_one"), [("knowledge-base", 200, 404), ("training", 404, 200)]
)
def test_one_generation_can_be_missing(
    knowledge_sandbox: Sandbox,
    sensay: httpx.Client,
    entry: str,
    generation: str,
    current: int,
    older_one: int,
) -> None:
    knowledge_sandbox.options(sensay_generation=generation)
    assert sensay.get("/v1/knowledge-base/file-types").status_code == current
    assert sensay.get(entry).status_code == current
    assert sensay.get(f"/v1/training/{knowledge_sandbox.entry_id}").status_code == older_one
    put = sensay.put(f"{older(knowledge_sandbox)}/{knowledge_sandbox.entry_id}", json={"rawText": "new"})
    assert put.status_code == older_one
    knowledge_sandbox.options(removed_status=410)
    paths = ("/v1/knowledge-base/file-types", f"/v1/training/{knowledge_sandbox.entry_id}")
    assert sorted(sensay.get(path).status_code for path in paths) == [200, 410]
