"""The arguments that our operators hand on to their bases, by name and type; see :mod:`airflow_provider.keywords`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Required, TypedDict

from airflow_provider.keywords import BaseOperatorKwargs, TaskKwargs

if TYPE_CHECKING:
    from airflow_provider.arguments import (
        Adopt,
        Detect,
        OnDrift,
        OnEmptySource,
        OnFailedDocumentsOfSync,
        OnUnconfirmed,
        RetryFailed,
        Strategy,
    )
    from airflow_provider.sources import Folder, Query
    from airflow_provider.sources.items import Items


class WaitKwargs(TypedDict, total=False):
    """How an operator waits, but for what has another default in each."""

    wait_for_completion: bool
    deferrable: bool
    timeout: float | str | timedelta
    max_read_failures: int | str


class WaitingKwargs(BaseOperatorKwargs, WaitKwargs, total=False):
    """What ``WaitingOperator`` takes, but for the same."""


class TimedWaitingKwargs(WaitingKwargs, total=False):
    """What ``WaitingOperator`` takes."""

    poll_interval: Required[float | str]
    start_grace: Required[float | str]


class RefreshKwargs(WaitingKwargs, total=False):
    """What ``RefreshOperator`` takes, but for the same."""

    version: str | None
    force: bool | str
    on_unconfirmed: OnUnconfirmed | str


class SyncOptionKwargs(WaitKwargs, total=False):
    """How a sync goes about it: what ``SyncOperator`` takes, but for its source, its name and ``concurrency``."""

    delete_missing: bool | str
    delete_on_failure: bool | str
    max_deletes: int | str
    max_changes: int | str | None
    on_empty_source: OnEmptySource | str
    strategy: Strategy | str
    retry_failed: RetryFailed | str
    on_failed_documents: OnFailedDocumentsOfSync | str
    on_drift: OnDrift | str
    adopt: Adopt | str | None
    adopt_from: str | None
    title_mark: bool | str
    manifest: str | None
    detect: Detect | str
    encoding: str
    report: str | None
    dry_run: bool | str
    expect_plan: str | None
    stall_timeout: float | str
    poll_interval: float | str
    start_grace: float | str


class SyncKwargs(BaseOperatorKwargs, SyncOptionKwargs, total=False):
    """What ``SyncOperator`` takes, but for ``concurrency``."""

    sync_id: str
    documents: Required[str | Folder | Query | Items | Iterable[Any] | Callable[[], Iterable[Any]]]


class ConcurrentSyncKwargs(SyncKwargs, total=False):
    """What ``SyncOperator`` takes."""

    concurrency: int | str


class DecoratedSyncKwargs(TaskKwargs, SyncOptionKwargs, total=False):
    """What ``@task.sensay_documents`` takes: the function is the source, and its name the task's, if none is given."""

    task_id: str
    sync_id: str
    replica_uuid: Required[str]
    sensay_conn_id: str
    concurrency: int | str


class UploadKwargs(BaseOperatorKwargs, SyncOptionKwargs, total=False):
    """What an upload hands on to the sync of one document that it is."""

    sendkit_conn_id: str
    concurrency: int | str
