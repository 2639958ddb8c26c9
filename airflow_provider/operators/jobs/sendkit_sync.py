"""The arguments of a sync of an agent's documents, checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.hooks.sendkit import SendKitHook
from airflow_provider.sources.document import Document
from airflow_provider.sources.items import Items
from airflow_provider.sync import run as syncs
from airflow_provider.sync.content import ReadingRules
from airflow_provider.sync.manifest import Manifest
from airflow_provider.sync.mark import key_hash
from airflow_provider.sync.options import SyncOptions, read_options
from airflow_provider.tasks.failures import refuse
from airflow_provider.triggers.sync import SendKitDocumentsSyncTrigger
from airflow_provider.vendors.sendkit.documents import AgentKnowledge
from airflow_provider.vendors.sendkit.endpoints import CONTENT_TYPES, MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.operators.sendkit import (
        SendKitSyncDocumentsOperator,
        SendKitUploadDocumentOperator,
    )
    from airflow_provider.sync.saved_state import SyncReport


def sync(
    operator: SendKitSyncDocumentsOperator, context: Context, report: SyncReport | None
) -> dict[str, Any]:
    """Check the arguments, all at once, then sync."""
    check = Checker()
    options = _options(operator, check)
    return _run(operator, context, report, options, check)


def upload(
    operator: SendKitUploadDocumentOperator, context: Context, report: SyncReport | None
) -> dict[str, Any]:
    """Sync one document."""
    check = Checker()
    options = _options(operator, check)
    path, text = check.text("path", operator.path), check.text("text", operator.text)
    name = check.text("name", operator.name)
    if (path is None) == (text is None):
        check.problems.append("give exactly one of path and text")
    if name is None and path is None:
        check.problems.append("a text needs a name")
    key = (name or PurePosixPath(path or "document").name).strip()
    document = Document(key=key, file=path, text=text)
    options = replace(options, source=Items([document]), strict=True)
    return _run(operator, context, report, options, check, key)


def _options(operator: SendKitSyncDocumentsOperator, check: Checker) -> SyncOptions:
    options = read_options(operator, check)
    if options.strategy == "update":
        check.problems.append("strategy='update' is not possible: a SendKit document cannot be changed")
    if options.adopt is not None:
        check.problems.append("adopt is not possible: a SendKit document cannot be renamed")
    return options


def _run(
    operator: SendKitSyncDocumentsOperator,
    context: Context,
    report: SyncReport | None,
    options: SyncOptions,
    check: Checker,
    only: str | None = None,
) -> dict[str, Any]:
    agent_id = check.needed("agent_id", operator.agent_id)
    refuse(type(operator).__name__, check.problems)
    hook = SendKitHook(operator.sendkit_conn_id)
    recipe = ReadingRules(
        destination=f"sendkit:{agent_id}",
        encoding=options.encoding,
        files=frozenset(f".{kind}" for kind in CONTENT_TYPES),
        texts=frozenset(),
        max_file_bytes=MAX_DOCUMENT_BYTES,
    )
    header = {"host": hook.settings().base_url, "agent": agent_id, "sync": options.sync_id}
    key = key_hash(recipe.destination, only) if only else ""
    manifest = Manifest.read(options.manifest, header, recipe.name)
    return syncs.run(
        context,
        operator.log,
        report,
        hook=hook,
        destination=AgentKnowledge(
            agent_id=agent_id, sync_id=options.sync_id, recipe=recipe, manifest=manifest, only=key
        ),
        manifest=manifest,
        options=options,
        make_trigger=lambda wait, saved, not_before: SendKitDocumentsSyncTrigger.of(
            wait,
            saved,
            not_before,
            conn_id=operator.sendkit_conn_id,
            agent_id=agent_id,
            sync_id=options.sync_id,
            only=key,
        ),
        only=key,
    )
