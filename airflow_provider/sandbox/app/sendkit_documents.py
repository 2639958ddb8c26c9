"""Documents of a SendKit agent: upload URL, bytes, processing, removal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from airflow_provider.sandbox.app.problems import Problem
from airflow_provider.sandbox.app.responses import JsonRoute
from airflow_provider.sandbox.app.sendkit import AgentToChange
from airflow_provider.sandbox.app.sendkit_bodies import (
    MAX_DOCUMENT_BYTES,
    ProcessDocument,
    RemoveDocument,
    UploadDocument,
)
from airflow_provider.sandbox.app.site import AnySite, AnyWorld, Site
from airflow_provider.sandbox.state.agents import Agent, Document
from airflow_provider.sandbox.state.storage import Upload
from airflow_provider.sandbox.state.world import World

router = APIRouter(route_class=JsonRoute, prefix="/v1/agents/{agentId}", tags=["SendKit documents"])

_UPLOAD_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": UploadDocument.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@router.post(
    "/upload-document", summary="Upload a document (JSON: get an upload URL)", openapi_extra=_UPLOAD_SCHEMA
)
async def upload_document(request: Request, agent: AgentToChange, site: AnySite) -> dict[str, Any]:
    """https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-upload-document"""
    if request.headers["content-type"].startswith("multipart/"):
        return await _upload_inline(request, agent, site)
    try:
        wanted = UploadDocument.model_validate_json(await request.body())
    except ValidationError as error:
        raise Problem(400, _first(error)) from None
    upload = _new_upload(site.world, agent, wanted.filename)
    upload.content_type = wanted.contentType
    url = site.upload_url(upload.key, "sendkit")
    return {"success": True, "data": _uploaded(upload, agent) | {"presignedUrl": url, "uploadUrl": url}}


async def _upload_inline(request: Request, agent: Agent, site: Site) -> dict[str, Any]:
    async with request.form() as form:
        sent = form.get("file")
        if not isinstance(sent, UploadFile) or not sent.filename:
            raise Problem(400, "A multipart upload needs the part 'file'")
        content = await sent.read()
        filename = sent.filename
    if len(content) > MAX_DOCUMENT_BYTES:
        raise Problem(400, "The file is larger than 10 MB")
    upload = _new_upload(site.world, agent, filename)
    upload.content = content
    answer = _uploaded(upload, agent)
    if site.world.options.multipart_processes:
        given = ProcessDocument(
            fileKey=answer["key"],
            fileUrl=answer["url"],
            fileName=filename,
            fileType=answer["fileType"],
            fileSize=len(content),
        )
        _process(site.world, agent, given, upload)
    return {"success": True, "data": answer}


@router.post("/process-document", summary="Index an uploaded document")
async def process_document(body: ProcessDocument, agent: AgentToChange, world: AnyWorld) -> dict[str, Any]:
    """A file whose bytes never arrived is accepted, and fails."""
    upload = world.uploads.get(body.fileKey.rpartition("/")[2].partition("-")[0])
    if upload is None or upload.agent_id != agent.id:
        raise Problem(404)
    document = _process(world, agent, body, upload)
    return {
        "success": True,
        "data": {
            "message": "Document queued for processing",
            "document": document.show(world.now, world.options.clock_skew),
            "job": {"id": f"job_{world.new_key()[:12]}", "type": "process_document"},
        },
    }


@router.delete("/documents", summary="Remove a document (JSON body)")
async def remove_document(body: RemoveDocument, agent: AgentToChange, world: AnyWorld) -> dict[str, Any]:
    """https://docs.sendkit.ai/api-reference/delete-v1-agents-agentid-documents"""
    kept = tuple(document for document in agent.training.documents if document.file_key != body.fileKey)
    if len(kept) == len(agent.training.documents):
        raise Problem(404)
    agent.set_documents(kept)
    return {}


def _new_upload(world: World, agent: Agent, filename: str) -> Upload:
    if _file_type(filename) not in ("pdf", "docx", "txt"):
        raise Problem(400, "Only PDF, DOCX and TXT files are supported")
    expires = world.now + world.options.upload_url_seconds
    upload = Upload(world.new_key(), "sendkit", filename, expires, agent_id=agent.id)
    world.uploads[upload.key] = upload
    return upload


def _uploaded(upload: Upload, agent: Agent) -> dict[str, Any]:
    key = f"agents/{agent.id}/{upload.key}-{upload.filename}"
    return {
        "url": f"https://files.sandbox.invalid/{key}",
        "key": key,
        "filename": upload.filename,
        "fileType": _file_type(upload.filename),
    }


def _process(world: World, agent: Agent, given: ProcessDocument, upload: Upload) -> Document:
    now, options = world.now, world.options
    arrived = upload.content is not None and len(upload.content) <= MAX_DOCUMENT_BYTES
    document = Document(
        file_key=given.fileKey,
        file_name=given.fileName,
        file_url=given.fileUrl,
        file_type=given.fileType,
        file_size=len(upload.content or b"") or given.fileSize,
        uploaded_at=now,
        settles_at=now + options.document_seconds,
        outcome="completed",
    ).processed_again(now, options)
    if not arrived:
        document = replace(document, outcome="failed")
    others = tuple(known for known in agent.training.documents if known.file_key != given.fileKey)
    agent.set_documents((*others, document))
    return document


def _file_type(filename: str) -> str:
    return PurePosixPath(filename).suffix.lower().removeprefix(".")


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
