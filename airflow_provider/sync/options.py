"""The arguments of a sync, as checked after templating."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any, Protocol, cast

from airflow_provider.arguments import (
    Adopt,
    Checker,
    Detect,
    OnDrift,
    OnEmptySource,
    OnFailedDocumentsOfSync,
    RetryFailed,
    Strategy,
)
from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.folder import Folder
from airflow_provider.sources.items import Items, Source, source_of
from airflow_provider.sources.query import Query
from airflow_provider.sync.guards import Ceiling, ceiling
from airflow_provider.sync.mark import SYNC_ID
from airflow_provider.tasks.options import Waiting, waiting


class SyncArguments(Protocol):
    """The arguments of a sync's operator, as they stand in the DAG."""

    documents: Any
    sync_id: Any
    delete_missing: Any
    delete_on_failure: Any
    max_deletes: Any
    max_changes: Any
    on_empty_source: Any
    strategy: Any
    retry_failed: Any
    on_failed_documents: Any
    on_drift: Any
    adopt: Any
    adopt_from: Any
    title_mark: Any
    manifest: Any
    detect: Any
    encoding: Any
    report: Any
    plan_only: Any
    expect_plan: Any
    concurrency: Any
    stall_timeout: Any
    wait_for_completion: Any
    deferrable: Any
    poll_interval: Any
    timeout: Any
    max_read_failures: Any
    start_grace: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions(Waiting):
    """
    What the caller wants; see the operator.

    :param strict: a document that cannot be sent is an error, before anything is sent
    """

    source: Source
    sync_id: str
    encoding: str
    delete_missing: bool
    delete_on_failure: bool
    max_deletes: Ceiling
    max_changes: Ceiling | None
    on_empty_source: str
    strategy: str
    retry_failed: str
    on_failed_documents: str
    on_drift: str
    adopt: str | None
    adopt_from: str | None
    manifest: str | None
    detect: str
    report: str | None
    dry_run: bool
    expect_plan: str | None
    concurrency: int
    stall_timeout: float
    strict: bool = False

    @property
    def source_name(self) -> str:
        """
        Return what tells this source from others of the same sync; empty: it has no name.

        Numbers are left out: a path may hold the day.
        """
        return re.sub(r"\d{2,}", "#", _name_of(self.source))

    @property
    def is_local(self) -> bool:
        """Does each worker see its own?"""
        bases = _bases(self.source)
        return any(base.startswith(("file:", "local:", "/")) for base in bases)


def read_options(operator: SyncArguments, check: Checker) -> SyncOptions:
    """Read the arguments that every sync has; problems are added to ``check``."""
    try:
        source = source_of(operator.documents)
    except InvalidArgumentError as error:
        check.problems.append(str(error))
        source = Items([])
    sync_id = check.needed("sync_id", operator.sync_id)
    if SYNC_ID.fullmatch(sync_id) is None:
        check.problems.append(
            f"sync_id must be 1 to 24 of a-z, 0-9 and '-', as it stands in every title; got {sync_id!r:.40}"
        )
    encoding = check.needed("encoding", operator.encoding)
    try:
        codecs.lookup(encoding)
    except LookupError:
        check.problems.append(f"encoding {encoding!r:.40} is unknown")
    if not check.flag("title_mark", operator.title_mark):
        check.problems.append(
            "title_mark=False is not possible any more: nothing but the mark in its title tells an entry of ours from "
            "others. Remove the argument; adopt='title' takes over the entries that have bare titles"
        )
    manifest = check.text("manifest", operator.manifest)
    detect = check.word("detect", operator.detect, Detect)
    if manifest is None and detect == "stat":
        check.problems.append("detect='stat' needs a manifest, which remembers what files looked like")
    on_drift = check.word("on_drift", operator.on_drift, OnDrift)
    adopt_from = check.text("adopt_from", operator.adopt_from)
    if adopt_from is not None and (SYNC_ID.fullmatch(adopt_from) is None or adopt_from == sync_id):
        check.problems.append(f"adopt_from must be the sync_id of another sync, got {adopt_from!r:.40}")
    max_changes = operator.max_changes
    adopt = check.word("adopt", operator.adopt or "none", Adopt)
    return SyncOptions(
        **waiting(cast("Any", operator), check),
        source=source,
        sync_id=sync_id,
        encoding=encoding,
        delete_missing=check.flag("delete_missing", operator.delete_missing),
        delete_on_failure=check.flag("delete_on_failure", operator.delete_on_failure),
        max_deletes=ceiling(check, "max_deletes", operator.max_deletes),
        max_changes=None if max_changes is None else ceiling(check, "max_changes", max_changes),
        on_empty_source=check.word("on_empty_source", operator.on_empty_source, OnEmptySource),
        strategy=check.word("strategy", operator.strategy, Strategy),
        retry_failed=check.word("retry_failed", operator.retry_failed, RetryFailed),
        on_failed_documents=check.word(
            "on_failed_documents", operator.on_failed_documents, OnFailedDocumentsOfSync
        ),
        on_drift=on_drift,
        manifest=manifest,
        detect=detect,
        adopt=None if adopt == "none" else adopt,
        adopt_from=adopt_from,
        report=check.text("report", operator.report),
        dry_run=check.flag("dry_run", operator.plan_only),
        expect_plan=check.text("expect_plan", operator.expect_plan),
        concurrency=check.count("concurrency", operator.concurrency),
        stall_timeout=check.seconds("stall_timeout", operator.stall_timeout),
    )


def _bases(source: object) -> list[str]:
    if not isinstance(source, Folder):
        return []
    globs = [source.glob] if isinstance(source.glob, str) else list(source.glob)
    return [Folder(glob).base for glob in globs]


def _name_of(source: object) -> str:
    if isinstance(source, Query):
        table = re.search(r"\bfrom\s+([^\s,;()]+)", str(source.sql), re.IGNORECASE)
        return f"{source.conn_id}:{table[1] if table else ''}"
    if isinstance(source, Items):
        return str(source) if callable(source.items) else ""
    return " ".join(_bases(source))
