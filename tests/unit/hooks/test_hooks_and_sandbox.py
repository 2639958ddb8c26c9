"""Every endpoint against the sandbox, which was written from the vendors' pages without a look at this client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider import errors
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.sandbox.client import Sandbox
from airflow_provider.sandbox.process import SandboxProcess
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay import generation
from airflow_provider.vendors.sensay.values import Deletion


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    process.reset()
    generation.forget()
    for name, value in process.environment.items():
        monkeypatch.setenv(name, value)
    return process


def test_the_connections_that_the_sandbox_prints_work(sandbox: Sandbox) -> None:
    for hook in (SendKitHook(), SensayHook()):
        passed, told = hook.test_connection()
        assert passed, told
    assert sandbox.charges == []


def test_an_agent_is_read_retrained_and_changed(sandbox: Sandbox) -> None:
    hook, agent = SendKitHook(), sandbox.agent_id
    assert agent in [found.id for found in hook.list_agents()]
    assert hook.get_agent(agent).fields_present
    receipt = hook.retrain(agent)
    assert receipt.credits_charged == 10
    assert receipt.jobs
    with pytest.raises(errors.ConflictError):
        hook.retrain(agent)
    assert len(sandbox.charges) == 1
    hook.update_agent(agent, company_url="acme.example.com")
    with pytest.raises(errors.NotFoundError):
        hook.get_agent("000000000000000000000000")


def test_a_document_is_uploaded_processed_and_removed(sandbox: Sandbox) -> None:
    hook, agent, content = SendKitHook(), sandbox.agent_id, b"What we sell."
    slot = hook.upload_document(agent, "faq.txt", "text/plain", len(content))
    assert slot.put_url is not None
    assert slot.key is not None
    hook.put_upload(slot.put_url, content, "text/plain")
    receipt = hook.process_document(
        agent,
        file_key=slot.key,
        file_url=slot.url or slot.put_url,
        file_name="faq.txt",
        file_type="txt",
        file_size=len(content),
    )
    assert receipt.document is not None
    assert slot.key in [found.file_key for found in hook.get_agent(agent).uploaded_documents]
    hook.delete_document(agent, slot.key)
    assert slot.key not in [found.file_key for found in hook.get_agent(agent).uploaded_documents]


def test_a_document_is_uploaded_in_one_request(sandbox: Sandbox) -> None:
    assert SendKitHook().upload_document_multipart(sandbox.agent_id, "faq.txt", b"x", "text/plain").key


def test_entries_of_the_current_generation_are_created_read_changed_and_deleted(sandbox: Sandbox) -> None:
    hook, replica = SensayHook(), sandbox.replica_uuid
    assert hook.generation() == "knowledge-base"
    assert hook.file_types().media_groups
    (text,) = hook.create_text(replica, "We open at nine.", title="Hours").results
    (page,) = hook.create_url(replica, "https://example.com/pricing").results
    (file,) = hook.create_file(replica, "handbook.txt").results
    assert text.knowledge_base_id is not None
    assert page.enqueued
    assert file.signed_url is not None
    hook.put_upload(file.signed_url, b"Rules.", "text/plain")
    assert hook.get_entry(replica, text.knowledge_base_id).raw_text == "We open at nine."
    hook.update_entry(replica, text.knowledge_base_id, raw_text="We open at ten.", title="Opening hours")
    changed = hook.get_entry(replica, text.knowledge_base_id)
    assert (changed.raw_text, changed.title) == ("We open at ten.", "Opening hours")
    found = hook.list_entries(replica, search="Opening hours", sort_order="asc")
    assert [entry.id for entry in found.items] == [text.knowledge_base_id]
    assert found.total == 1
    with pytest.raises(errors.ConflictError):
        hook.create_url(replica, "https://example.com/pricing")
    assert hook.delete_entry(replica, text.knowledge_base_id) in set(Deletion)
    assert isinstance(hook.ask(replica, "When do you open?"), str)


def test_entries_of_the_older_generation_are_created_read_changed_and_deleted(sandbox: Sandbox) -> None:
    hook, replica = SensayHook(), sandbox.replica_uuid
    entry = hook.training_create_entry(replica)
    assert hook.training_get_entry(entry).status == "BLANK"
    hook.training_update_entry(replica, entry, raw_text="We open at nine.")
    assert hook.training_get_entry(entry).raw_text == "We open at nine."
    assert entry in [found.id for found in hook.training_list_entries().items]
    slot = hook.training_file_upload_url(replica, "handbook.txt")
    assert slot.signed_url is not None
    hook.put_upload(slot.signed_url, b"Rules.", "application/octet-stream")
    assert hook.training_delete_entry(entry) is Deletion.DELETED
    with pytest.raises(errors.NotFoundError):
        hook.training_get_entry(entry)


@pytest.mark.parametrize("named", ["knowledge-base", "training"])
def test_auto_finds_the_generation_that_is_served(sandbox: Sandbox, named: str) -> None:
    sandbox.options(sensay_generation=named)
    assert SensayHook().generation() == named


def test_a_platform_key_works_with_its_workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sendkit://:{sandbox.platform_key}@{sandbox.url.removeprefix('http://')}/http"
    monkeypatch.setenv("AIRFLOW_CONN_P", f"{uri}?workspace_id={sandbox.workspace_id}")
    assert SendKitHook("p").list_agents()


def test_pages_are_walked_oldest_first(sandbox: Sandbox) -> None:
    hook, replica = SensayHook(), sandbox.replica_uuid
    with hook.get_conn() as client:
        for number in range(5):
            client.send(sensay.create_text(replica, f"text {number}", title=f"walk {number}"))
        pages = [
            client.send(sensay.list_entries(replica, page=page, page_size=2, search="walk", sort_order="asc"))
            for page in (1, 2, 3)
        ]
    assert [entry.title for page in pages for entry in page.items] == [
        f"walk {number}" for number in range(5)
    ]
    assert {page.total for page in pages} == {5}
