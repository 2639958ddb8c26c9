"""SendKit's half: training, credits, documents, keys."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider.sandbox.client import Sandbox

pytest_plugins = ["airflow_provider.sandbox.fixtures"]


def status(client: httpx.Client, agent: str) -> str:
    return str(client.get(agent).json()["data"]["trainingStatus"])


def test_a_retrain_runs_from_pending_through_training_to_completed(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    before = sendkit.get(agent).json()["data"]["knowledgeBase"]["lastScrapedAt"]
    accepted = sendkit.post(f"{agent}/retrain")
    assert (accepted.status_code, accepted.json()["data"]["trainingStatus"]) == (202, "pending")
    assert status(sendkit, agent) == "pending"
    knowledge_sandbox.advance(1.5)
    assert status(sendkit, agent) == "training"
    knowledge_sandbox.advance(2.5)
    shown = sendkit.get(agent).json()["data"]
    assert shown["trainingStatus"] == "completed"
    assert shown["uploadedDocuments"][0]["status"] == "processing"
    assert shown["knowledgeBase"]["lastScrapedAt"] > before
    knowledge_sandbox.advance(1.5)
    assert sendkit.get(agent).json()["data"]["uploadedDocuments"][0]["status"] == "completed"


def test_every_accepted_retrain_is_in_the_ledger_and_a_refused_one_is_not(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    sendkit.post(f"{agent}/retrain")
    assert sendkit.post(f"{agent}/retrain").status_code == 409
    assert [(charge["agent"], charge["credits"]) for charge in knowledge_sandbox.charges] == [
        (knowledge_sandbox.agent_id, 10.0)
    ]
    assert knowledge_sandbox.state()["credits_left"] == 990.0
    first = knowledge_sandbox.requests[0]
    assert knowledge_sandbox.charges[0]["request_id"] == first["id"]


def test_a_failed_training_says_why_and_may_give_the_credits_back(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.options(training_outcome="failed", training_error="no pages", refund_on_failure=True)
    sendkit.post(f"{agent}/retrain")
    knowledge_sandbox.advance(10)
    shown = sendkit.get(agent).json()["data"]
    assert (shown["trainingStatus"], shown["trainingError"]) == ("failed", "no pages")
    assert [charge["credits"] for charge in knowledge_sandbox.charges] == [10.0, -10.0]


def test_get_can_lag_behind_an_accepted_retrain(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.options(lag=0.9, retrain_answer_status="completed", retrain_status_code=200)
    accepted = sendkit.post(f"{agent}/retrain")
    assert (accepted.status_code, accepted.json()["data"]["trainingStatus"]) == (200, "completed")
    assert status(sendkit, agent) == "completed"
    knowledge_sandbox.advance(0.95)
    assert status(sendkit, agent) == "pending"


@pytest.mark.parametrize("stuck", ["pending", "training"])
def test_a_retrain_can_be_stuck(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, stuck: str
) -> None:
    knowledge_sandbox.options(stuck=stuck, document_outcome="stuck")
    sendkit.post(f"{agent}/retrain")
    knowledge_sandbox.advance(1_000_000)
    assert status(sendkit, agent) == stuck
    assert sendkit.post(f"{agent}/retrain").status_code == 409


@pytest.mark.parametrize(("stamped", "moved"), [("start", True), ("never", False), ("end", False)])
def test_the_marker_is_stamped_at_start_at_end_or_never(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, stamped: str, moved: bool
) -> None:
    knowledge_sandbox.options(last_scraped_at=stamped)
    before = sendkit.get(agent).json()["data"]["knowledgeBase"]["lastScrapedAt"]
    answer = sendkit.post(f"{agent}/retrain").json()["data"]["knowledgeBase"]["lastScrapedAt"]
    assert (answer != before) is moved
    knowledge_sandbox.advance(10)
    after = sendkit.get(agent).json()["data"]["knowledgeBase"]["lastScrapedAt"]
    assert (after != before) is (stamped != "never")


@pytest.mark.parametrize(("shown", "present", "value"), [("pending", True, "pending"), ("null", True, None)])
def test_an_agent_never_trained_is_pending_or_null(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, shown: str, present: bool, value: str | None
) -> None:
    knowledge_sandbox.options(never_trained=shown)
    created = sendkit.post("/v1/agents", json={"name": "New"}).json()["data"]
    assert ("trainingStatus" in created, created.get("trainingStatus")) == (present, value)


def test_an_agent_never_trained_may_lack_the_status_and_any_agent_all_training_fields(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.set_agent(never_trained=True)
    knowledge_sandbox.options(never_trained="absent")
    assert "trainingStatus" not in sendkit.get(agent).json()["data"]
    knowledge_sandbox.options(hide_training_fields=True)
    assert not {"knowledgeBase", "uploadedDocuments"} & set(sendkit.get(agent).json()["data"])


def test_a_test_can_make_get_say_anything(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.set_agent(trainingStatus="dreaming")
    assert status(sendkit, agent) == "dreaming"
    knowledge_sandbox.set_agent(missing=["trainingStatus"], raw={"usage": None}, trainingProgress=3.14)
    shown = sendkit.get(agent).json()["data"]
    assert "trainingStatus" not in shown
    assert (shown["usage"], shown["trainingProgress"]) == (None, 3.14)
    steps = [
        {"trainingStatus": "completed"},
        {"after": 60, "trainingStatus": "failed", "trainingError": "no"},
    ]
    knowledge_sandbox.set_agent(missing=[], timeline=steps)
    assert status(sendkit, agent) == "completed"
    knowledge_sandbox.advance(61)
    assert status(sendkit, agent) == "failed"


def test_someone_elses_run_is_a_409_and_costs_us_nothing(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.set_agent(foreign_run=True)
    assert status(sendkit, agent) == "pending"
    assert sendkit.post(f"{agent}/retrain").status_code == 409
    assert knowledge_sandbox.charges == []


def test_a_completed_can_never_confirm(knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str) -> None:
    knowledge_sandbox.options(lag=1e9, retrain_answer_status="completed")
    before = sendkit.get(agent).json()["data"]
    assert sendkit.post(f"{agent}/retrain").is_success
    knowledge_sandbox.advance(1e6)
    assert sendkit.get(agent).json()["data"] == before
    assert len(knowledge_sandbox.charges) == 1


def test_an_update_merges_and_names_the_site_of_later_retrains(sendkit: httpx.Client, agent: str) -> None:
    body = {"companyUrl": "https://new.example/", "persona": {"tone": "casual"}}
    shown = sendkit.patch(agent, json=body).json()["data"]
    assert shown["knowledgeBase"]["domain"] == "new.example"
    assert (shown["persona"]["tone"], shown["persona"]["role"]) == ("casual", "Sales representative")
    assert sendkit.patch(agent, json={"calendar": {}}).status_code == 400


def test_a_deleted_agent_is_gone_and_makes_room(sendkit: httpx.Client, agent: str) -> None:
    assert [sendkit.post("/v1/agents", json={"name": "A"}).status_code for _ in range(3)] == [201, 201, 403]
    sendkit.delete(agent)
    assert sendkit.get(agent).status_code == sendkit.post(f"{agent}/retrain").status_code == 404
    assert len(sendkit.get("/v1/agents").json()["data"]) == 2


def test_a_document_goes_up_by_url_without_our_key_and_is_processed(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    wanted = {"filename": "faq.txt", "contentType": "text/plain", "fileSize": 5}
    given = sendkit.post(f"{agent}/upload-document", json=wanted).json()["data"]
    put = {"content": b"hello", "headers": {"Content-Type": "text/plain"}}
    assert httpx.put(given["presignedUrl"], **put, trust_env=False).status_code == 200  # type: ignore[arg-type]
    leaked = sendkit.put(given["presignedUrl"], content=b"hello")
    assert (leaked.status_code, leaked.headers["content-type"]) == (400, "application/xml")
    known = {"fileKey": given["key"], "fileUrl": given["url"], "fileName": "faq.txt", "fileType": "txt"}
    processed = sendkit.post(f"{agent}/process-document", json=known).json()["data"]
    assert (processed["document"]["status"], processed["document"]["fileSize"]) == ("processing", 5)
    knowledge_sandbox.advance(6)
    documents = sendkit.get(agent).json()["data"]["uploadedDocuments"]
    assert [document["status"] for document in documents] == ["completed", "completed"]


def test_a_document_whose_bytes_never_came_fails(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    wanted = {"filename": "faq.pdf", "contentType": "application/pdf", "fileSize": 5}
    given = sendkit.post(f"{agent}/upload-document", json=wanted).json()["data"]
    known = {"fileKey": given["key"], "fileUrl": given["url"], "fileName": "faq.pdf", "fileType": "pdf"}
    sendkit.post(f"{agent}/process-document", json=known)
    knowledge_sandbox.advance(6)
    assert sendkit.get(agent).json()["data"]["uploadedDocuments"][-1]["status"] == "failed"


@pytest.mark.parametrize("change", [{"filename": "faq.exe"}, {"fileSize": 10_485_761}, {"colour": "red"}])
def test_an_upload_that_the_vendor_would_not_take_is_a_400(
    sendkit: httpx.Client, agent: str, change: dict[str, object]
) -> None:
    wanted = {"filename": "faq.pdf", "contentType": "application/pdf", "fileSize": 5} | change
    assert sendkit.post(f"{agent}/upload-document", json=wanted).status_code == 400


def test_an_upload_url_expires_and_is_signed_for_one_content_type(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    wanted = {"filename": "faq.txt", "contentType": "text/plain", "fileSize": 5}
    url = sendkit.post(f"{agent}/upload-document", json=wanted).json()["data"]["uploadUrl"]
    other = httpx.put(url, content=b"hello", headers={"Content-Type": "text/html"}, trust_env=False)
    knowledge_sandbox.advance(7201)
    late = httpx.put(url, content=b"hello", headers={"Content-Type": "text/plain"}, trust_env=False)
    assert (other.status_code, late.status_code) == (403, 403)


def test_a_multipart_upload_waits_for_processing_too(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    del sendkit.headers["Content-Type"]
    answer = sendkit.post(f"{agent}/upload-document", files={"file": ("faq.pdf", b"%PDF", "application/pdf")})
    assert answer.json()["data"]["fileType"] == "pdf"
    assert len(sendkit.get(agent).json()["data"]["uploadedDocuments"]) == 1
    knowledge_sandbox.options(multipart_processes=True)
    sendkit.post(f"{agent}/upload-document", files={"file": ("faq.pdf", b"%PDF", "application/pdf")})
    assert len(sendkit.get(agent).json()["data"]["uploadedDocuments"]) == 2


def test_each_kind_of_key_has_its_own_rule_about_the_workspace(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client
) -> None:
    workspace = {"X-Workspace-Id": knowledge_sandbox.workspace_id}
    platform = {"X-Api-Key": knowledge_sandbox.platform_key}
    assert sendkit.get("/v1/agents", headers=workspace).status_code == 400
    assert sendkit.get("/v1/agents", headers=platform).status_code == 403
    assert sendkit.get("/v1/agents", headers=platform | workspace).status_code == 200
    assert sendkit.get("/v1/agents", headers={"X-Api-Key": "sk_other"}).status_code == 401
    bearer = {"Authorization": f"Bearer {knowledge_sandbox.sendkit_connection['password']}"}
    assert httpx.get(f"{knowledge_sandbox.url}/v1/agents", headers=bearer, trust_env=False).is_success
    assert sendkit.get("/v1/agents", headers=bearer).status_code == 400


def test_a_post_without_a_json_content_type_is_a_415(sendkit: httpx.Client, agent: str) -> None:
    del sendkit.headers["Content-Type"]
    assert sendkit.post(f"{agent}/retrain").status_code == 415
