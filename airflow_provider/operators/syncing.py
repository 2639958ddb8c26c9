"""What the syncs of both vendors have in common; light, since the scheduler parses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider.arguments import (
    Adopt,
    Detect,
    OnDrift,
    OnEmptySource,
    OnFailedDocumentsOfSync,
    RetryFailed,
    Strategy,
    check_words,
)
from airflow_provider.operators.base import WaitingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider.operators.keywords import WaitingKwargs
    from airflow_provider.sources import Folder, Query
    from airflow_provider.sources.items import Items
    from airflow_provider.sync.saved_state import SyncReport


class SyncOperator(WaitingOperator):
    """
    Make a vendor's knowledge base equal to a source.

    Plan, guard, write, wait, remove, tell: nothing is deleted before everything else is live, nothing at all if
    anything failed, and never more than ``max_deletes``.

    :param documents: the source: an ``ObjectStoragePath`` URL with a glob (``s3://bucket/kb/**/*.{md,txt}``), a
        :class:`~airflow_provider.sources.Folder` of several, a :class:`~airflow_provider.sources.Query`, a list
        of documents, paths, globs or sources (another task's output), or a function that yields them
    :param sync_id: names this sync in every title; two syncs into one knowledge base need two
    :param delete_missing: delete entries of this sync whose documents left the source
    :param delete_on_failure: delete also in a run in which a document failed or could not be read
    :param max_deletes: at most so many documents (``10``) or such a share of the live ones (``"25%"``); more is
        refused for good, before anything is sent. Below 100 % it never means all
    :param max_changes: at most so many live documents, or such a share of them, may get another content; ten always
        may. More is refused for good, before anything is sent: an error page in place of each text is no news
    :param on_empty_source: nothing, or nothing that can be sent: ``fail`` (retryable: mounts come back) or ``allow``
    :param strategy: how a changed text is brought along: ``update`` its entry, ``replace`` it by a new one (the
        old one goes once the new one is ready), or ``auto``: update, and replace what cannot be proven
    :param retry_failed: send a document again that the vendor could not process: ``changed`` only if it
        changed, or ``always``
    :param on_failed_documents: ``fail`` or ``warn``; what succeeded stays
    :param on_drift: an entry that somebody edited by hand: ``overwrite`` it, ``keep`` it, or ``fail`` its document. It
        is noticed before a changed text is written over it; where its document did not change, only with a ``manifest``
    :param adopt: ``title`` takes over entries without a mark whose title is a new document's, one to one
    :param adopt_from: the ``sync_id`` of another sync: takes over its entries of this source's documents
    :param title_mark: False is refused: nothing but the mark tells our entries from others
    :param manifest: object-storage URL of a file that remembers accepted deletions, what files looked like and when
        entries were written
    :param detect: ``content`` reads every file; ``stat`` trusts the manifest where size and date (or ETag) are
        unchanged
    :param encoding: of texts; strict. The default drops a byte-order mark
    :param report: object-storage URL for every document's outcome, as JSON lines
    :param dry_run: plan, tell, send nothing
    :param expect_plan: apply only the plan of this digest (``plan`` in a dry run's result)
    :param concurrency: requests at a time; fewer after a rate limit
    :param stall_timeout: seconds in which nothing moves after which the wait ends
    """

    #: Two runs at once would both create what is missing; it heals, but it need not happen.
    _side_by_side: int | None = 1

    _sync_template_fields = (
        "documents",
        "sync_id",
        "delete_missing",
        "delete_on_failure",
        "max_deletes",
        "max_changes",
        "on_empty_source",
        "strategy",
        "retry_failed",
        "on_failed_documents",
        "on_drift",
        "adopt",
        "adopt_from",
        "title_mark",
        "manifest",
        "detect",
        "encoding",
        "report",
        "plan_only",
        "expect_plan",
        "concurrency",
        "stall_timeout",
        *WaitingOperator._waiting_template_fields,
    )

    #: ``Query("articles.sql")`` is read beside the DAG, as in Airflow's own operators.
    template_ext: Sequence[str] = (".sql",)

    def __init__(
        self,
        *,
        documents: str | Folder | Query | Items | Iterable[Any] | Callable[[], Iterable[Any]],
        sync_id: str = "main",
        delete_missing: bool | str = False,
        delete_on_failure: bool | str = False,
        max_deletes: int | str = "25%",
        max_changes: int | str | None = "50%",
        on_empty_source: OnEmptySource | str = "fail",
        strategy: Strategy | str = "auto",
        retry_failed: RetryFailed | str = "changed",
        on_failed_documents: OnFailedDocumentsOfSync | str = "fail",
        on_drift: OnDrift | str = "overwrite",
        adopt: Adopt | str | None = None,
        adopt_from: str | None = None,
        title_mark: bool | str = True,
        manifest: str | None = None,
        detect: Detect | str = "content",
        encoding: str = "utf-8-sig",
        report: str | None = None,
        dry_run: bool | str = False,
        expect_plan: str | None = None,
        concurrency: int | str = 8,
        stall_timeout: float | str = 600,
        poll_interval: float | str = 10.0,
        start_grace: float | str = 60.0,
        **kwargs: Unpack[WaitingKwargs],
    ) -> None:
        kwargs.setdefault("max_active_tis_per_dag", self._side_by_side)
        super().__init__(poll_interval=poll_interval, start_grace=start_grace, **kwargs)
        if callable(documents):
            from airflow_provider.sources.items import Items

            documents = Items(documents)  # Airflow would call it while it renders templates
        self.documents = documents
        self.sync_id = sync_id
        self.delete_missing = delete_missing
        self.delete_on_failure = delete_on_failure
        self.max_deletes = max_deletes
        self.max_changes = max_changes
        self.on_empty_source = on_empty_source
        self.strategy = strategy
        self.retry_failed = retry_failed
        self.on_failed_documents = on_failed_documents
        self.on_drift = on_drift
        self.adopt = adopt
        self.adopt_from = adopt_from
        self.title_mark = title_mark
        self.manifest = manifest
        self.detect = detect
        self.encoding = encoding
        self.report = report
        self.plan_only = dry_run  # BaseOperator.dry_run is a method
        self.expect_plan = expect_plan
        self.concurrency = concurrency
        self.stall_timeout = stall_timeout
        check_words(
            self,
            on_empty_source=OnEmptySource,
            strategy=Strategy,
            retry_failed=RetryFailed,
            on_failed_documents=OnFailedDocumentsOfSync,
            on_drift=OnDrift,
            adopt=Adopt,
            detect=Detect,
        )

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Map this task; its instances run one after the other, unless ``max_active_tis_per_dag`` says otherwise."""
        kwargs.setdefault("max_active_tis_per_dag", cls._side_by_side)
        return super().partial(**kwargs)

    def _sync(self, context: Context, report: SyncReport | None) -> dict[str, Any]:
        """Sync from the top, or from where the trigger's report leaves it."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its documents go")

    def execute(self, context: Context) -> dict[str, Any]:
        """Plan, write, wait or defer, remove, tell."""
        return self._run(context, None)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Take the trigger's report and go on; needs nothing else."""
        from airflow_provider.sync.saved_state import SyncReport
        from airflow_provider.tasks.deferral import read_event

        return self._run(context, read_event(SyncReport.from_event, event))

    def _run(self, context: Context, report: SyncReport | None) -> dict[str, Any]:
        from airflow_provider.tasks.failures import said_in_the_log

        with said_in_the_log(self.log):
            return self._sync(context, report)

    def _lineage_source(self) -> str | None:
        from airflow_provider.sources.folder import Folder

        folder = Folder(self.documents) if isinstance(self.documents, str) else self.documents
        return folder.base if isinstance(folder, Folder) else None

    def on_kill(self) -> None:
        """Say what becomes of what was sent."""
        self.log.warning(
            "Killed. The vendor goes on with what was sent. A retry plans anew, joins what is on its way and sends "
            "only what is missing"
        )
