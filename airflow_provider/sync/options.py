"""The arguments of a sync, as checked after templating."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider.arguments import Checker
from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.items import Items, Source, source_of
from airflow_provider.sync.guards import Ceiling, ceiling
from airflow_provider.sync.mark import SYNC_ID
from airflow_provider.tasks.options import Waiting, waiting

if TYPE_CHECKING:
    from airflow_provider.operators.syncing import SyncOperator


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
    on_empty_source: str
    strategy: str
    retry_failed: str
    on_failed_documents: str
    adopt: str | None
    title_mark: bool
    manifest: str | None
    detect: str
    report: str | None
    dry_run: bool
    expect_plan: str | None
    concurrency: int
    stall_timeout: float
    strict: bool = False


def read_options(operator: SyncOperator, check: Checker) -> SyncOptions:
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
    title_mark = check.flag("title_mark", operator.title_mark)
    manifest = check.text("manifest", operator.manifest)
    detect = check.word("detect", operator.detect, ("content", "stat"))
    if manifest is None and not title_mark:
        check.problems.append(
            "title_mark=False needs a manifest: nothing else would tell our entries from others"
        )
    if manifest is None and detect == "stat":
        check.problems.append("detect='stat' needs a manifest, which remembers what files looked like")
    adopt = check.word("adopt", operator.adopt or "none", ("none", "title"))
    return SyncOptions(
        **waiting(operator, check),
        source=source,
        sync_id=sync_id,
        encoding=encoding,
        delete_missing=check.flag("delete_missing", operator.delete_missing),
        delete_on_failure=check.flag("delete_on_failure", operator.delete_on_failure),
        max_deletes=ceiling(check, "max_deletes", operator.max_deletes),
        on_empty_source=check.word("on_empty_source", operator.on_empty_source, ("fail", "allow")),
        strategy=check.word("strategy", operator.strategy, ("auto", "update", "replace")),
        retry_failed=check.word("retry_failed", operator.retry_failed, ("changed", "always")),
        on_failed_documents=check.word("on_failed_documents", operator.on_failed_documents, ("fail", "warn")),
        title_mark=title_mark,
        manifest=manifest,
        detect=detect,
        adopt=None if adopt == "none" else adopt,
        report=check.text("report", operator.report),
        dry_run=check.flag("dry_run", operator.plan_only),
        expect_plan=check.text("expect_plan", operator.expect_plan),
        concurrency=check.count("concurrency", operator.concurrency),
        stall_timeout=check.seconds("stall_timeout", operator.stall_timeout),
    )
