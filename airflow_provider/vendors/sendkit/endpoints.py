"""
SendKit's endpoints, as calls; nothing is sent here.

The reference is https://docs.sendkit.ai/api-reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.http.call import (
    JSON,
    Answer,
    Call,
    FilePart,
    ShapeError,
    acknowledged,
    given,
    required_text,
    segment,
    signed_put,
)

if TYPE_CHECKING:
    from airflow_provider.vendors.sendkit.models import Agent, ProcessReceipt, RetrainReceipt, UploadSlot

VENDOR = "sendkit"
MAX_DOCUMENT_BYTES = 10 * 1024 * 1024
CONTENT_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "txt": "text/plain",
}

_NO_AGENT = (
    "Is agent_id right, and of the workspace that this {secret} sees? 'airflow agent-knowledge status {conn}' lists "
    "the agents there"
)
_NO_RIGHT = "This {secret} may not do that with this agent: is it of the agent's workspace (connection's Workspace ID)?"
_AGENT_HINTS = {403: _NO_RIGHT, 404: _NO_AGENT}
_RETRAIN_HINTS = {
    **_AGENT_HINTS,
    402: "Nothing was charged. A retrain costs 10 credits: add some to the account",
}
_DOCUMENT_HINTS = {
    **_AGENT_HINTS,
    404: "Are agent_id and fileKey right, and of the workspace that this {secret} sees?",
}


def list_agents() -> Call[tuple[Agent, ...]]:
    """
    List the active agents of the workspace, newest first; free.

    The items carry no training members: a status needs :func:`get_agent`.
    https://docs.sendkit.ai/api-reference/get-v1-agents
    """
    return Call(
        vendor=VENDOR,
        name="list agents",
        method="GET",
        path="/v1/agents",
        reads=_agents,
        repeatable=True,
    )


def get_agent(agent_id: str) -> Call[Agent]:
    """
    Read one agent; free.

    That this answer carries the training members is inferred, not documented: look at
    ``Agent.fields_present``. https://docs.sendkit.ai/api-reference/get-v1-agents-agentid
    """
    return Call(
        vendor=VENDOR,
        name="get agent",
        hints=_AGENT_HINTS,
        method="GET",
        path=f"/v1/agents/{segment(agent_id, 'agent_id')}",
        reads=_agent,
        repeatable=True,
    )


def retrain(agent_id: str) -> Call[RetrainReceipt]:
    """
    Queue a retrain: **costs 10 credits**, so it is sent once and never repeated by a client.

    The vendor has no idempotency key and no cancel. 409: a training is running, nothing was charged.
    402: not enough credits. It takes no body.
    https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-retrain
    """
    return Call(
        vendor=VENDOR,
        name="retrain agent",
        hints=_RETRAIN_HINTS,
        method="POST",
        path=f"/v1/agents/{segment(agent_id, 'agent_id')}/retrain",
        reads=_retrain_receipt,
        repeatable=False,
    )


def update_agent(agent_id: str, *, name: str | None = None, company_url: str | None = None) -> Call[Agent]:
    """
    Change an agent; ``company_url`` is the site that *future* retrains read. Free.

    https://docs.sendkit.ai/api-reference/patch-v1-agents-agentid
    """
    body = given(name=name, companyUrl=company_url)
    if not body:
        raise InvalidArgumentError("Nothing to change in the agent: give name or company_url")
    for label, value in body.items():
        required_text(value, label)
    return Call(
        vendor=VENDOR,
        name="update agent",
        hints=_AGENT_HINTS,
        method="PATCH",
        path=f"/v1/agents/{segment(agent_id, 'agent_id')}",
        body=body,
        reads=_agent,
        repeatable=True,
    )


def upload_document(agent_id: str, filename: str, content_type: str, file_size: int) -> Call[UploadSlot]:
    """
    Ask where to PUT a document (PDF, DOCX or TXT, up to 10 MB); then :func:`put_upload`, then
    :func:`process_document`. No cost is stated.

    Repeatable: an address that is not used leaves no document behind.
    https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-upload-document
    """
    _checked_size(file_size)
    return Call(
        vendor=VENDOR,
        name="ask for an upload URL",
        hints=_AGENT_HINTS,
        method="POST",
        path=f"/v1/agents/{segment(agent_id, 'agent_id')}/upload-document",
        body={
            "filename": required_text(filename, "filename"),
            "contentType": required_text(content_type, "content_type"),
            "fileSize": file_size,
        },
        reads=_upload_slot,
        repeatable=True,
    )


def upload_document_multipart(
    agent_id: str, filename: str, content: bytes, content_type: str
) -> Call[UploadSlot]:
    """
    Send a document in one request, as ``multipart/form-data``.

    The vendor names neither the form field nor whether the document is processed at once; the field is
    ``file`` here. Prefer :func:`upload_document`, whose steps are documented.
    https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-upload-document
    """
    _checked_size(len(content))
    return Call(
        vendor=VENDOR,
        name="upload document",
        hints=_AGENT_HINTS,
        method="POST",
        path=f"/v1/agents/{segment(agent_id, 'agent_id')}/upload-document",
        file=FilePart("file", required_text(filename, "filename"), content, content_type),
        reads=_upload_slot,
        repeatable=False,
    )


def put_upload(url: str, content: bytes, content_type: str) -> Call[None]:
    """PUT a document to the address that :func:`upload_document` gave; our key does not go there."""
    return signed_put(VENDOR, url, content, content_type)


def process_document(
    agent_id: str, *, file_key: str, file_url: str, file_name: str, file_type: str, file_size: int
) -> Call[ProcessReceipt]:
    """
    Queue extraction, chunking and indexing of one uploaded document; it creates a job, so it is sent once.

    Mind the vendor's spelling: ``fileName`` here, ``filename`` on upload; ``fileType`` is pdf, docx or txt,
    not a MIME type. https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-process-document
    """
    if file_type not in CONTENT_TYPES:
        raise InvalidArgumentError(f"file_type {file_type!r} is none of {', '.join(CONTENT_TYPES)}")
    _checked_size(file_size)
    return Call(
        vendor=VENDOR,
        name="process document",
        hints=_AGENT_HINTS,
        method="POST",
        path=f"/v1/agents/{segment(agent_id, 'agent_id')}/process-document",
        body={
            "fileKey": required_text(file_key, "file_key"),
            "fileUrl": required_text(file_url, "file_url"),
            "fileName": required_text(file_name, "file_name"),
            "fileType": file_type,
            "fileSize": file_size,
        },
        reads=_process_receipt,
        repeatable=False,
    )


def delete_document(agent_id: str, file_key: str) -> Call[None]:
    """
    Remove one document from an agent; the key travels in a JSON body, although this is a DELETE.

    https://docs.sendkit.ai/api-reference/delete-v1-agents-agentid-documents
    """
    return Call(
        vendor=VENDOR,
        name="delete document",
        hints=_DOCUMENT_HINTS,
        method="DELETE",
        path=f"/v1/agents/{segment(agent_id, 'agent_id')}/documents",
        body={"fileKey": required_text(file_key, "file_key")},
        reads=acknowledged,
        repeatable=True,
    )


def _checked_size(size: int) -> None:
    if not 0 < size <= MAX_DOCUMENT_BYTES:
        raise InvalidArgumentError(f"A document of {size} bytes: SendKit takes 1 byte to 10 MB")


def _data(answer: Answer) -> JSON:
    from airflow_provider.http.payload import body_of

    return body_of(answer).get("data")


def _agent(answer: Answer) -> Agent:
    from airflow_provider.http.payload import read
    from airflow_provider.vendors.sendkit.models import Agent

    return read(Agent, _data(answer), "data")


def _agents(answer: Answer) -> tuple[Agent, ...]:
    from airflow_provider.http.payload import read
    from airflow_provider.vendors.sendkit.models import Agent

    items = _data(answer)
    if not isinstance(items, list):
        raise ShapeError("data is not a list")
    return tuple(read(Agent, item, f"data.{place}") for place, item in enumerate(items))


def _retrain_receipt(answer: Answer) -> RetrainReceipt:
    from airflow_provider.http.payload import read
    from airflow_provider.vendors.sendkit.models import RetrainedAgent, RetrainMeta, RetrainReceipt

    # Accepted is accepted, and paid: a thin or odd answer must not turn it into an error.
    acknowledged(answer)
    agent = read(RetrainedAgent, _object(answer.json, "data"), "data")
    meta = read(RetrainMeta, _object(answer.json, "meta"), "meta")
    return RetrainReceipt(agent, meta.credits_charged, meta.jobs)


def _object(answer: JSON, name: str) -> JSON:
    """Return a member that should be an object, or an empty one."""
    member = answer.get(name) if isinstance(answer, dict) else None
    return member if isinstance(member, dict) else {}


def _upload_slot(answer: Answer) -> UploadSlot:
    from airflow_provider.http.payload import read
    from airflow_provider.vendors.sendkit.models import UploadSlot

    return read(UploadSlot, _data(answer), "data")


def _process_receipt(answer: Answer) -> ProcessReceipt:
    from airflow_provider.http.payload import read
    from airflow_provider.vendors.sendkit.models import ProcessReceipt

    acknowledged(answer)  # accepted is accepted, as for a retrain
    return read(ProcessReceipt, _object(answer.json, "data"), "data")
