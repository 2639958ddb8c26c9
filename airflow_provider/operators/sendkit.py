"""Operators for SendKit agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider.arguments import OnEmpty, OnFailedDocuments, OnRunning, OnUnknown, check_words
from airflow_provider.operators.base import RefreshOperator
from airflow_provider.operators.links import SendKitAgentLink
from airflow_provider.operators.syncing import SyncOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.errors import AgentKnowledgeError
    from airflow_provider.operators.keywords import RefreshKwargs, SyncKwargs, UploadKwargs
    from airflow_provider.refresh.observation import Observation
    from airflow_provider.sync.saved_state import SyncReport
    from airflow_provider.tasks.record_store import RecordStore
    from airflow_provider.tasks.refresh_task import RefreshTask


class SendKitRetrainAgentOperator(RefreshOperator):
    """
    Retrain an agent and prove that this retrain finished. **Costs 10 credits**, never twice for one refresh.

    Queues website retraining and re-processing of the uploaded documents. The vendor offers no idempotency
    key, no run id and no cancel; see *What happens if* in the docs for what a retry does in each case.

    :param agent_id: the agent (24 hexadecimal digits)
    :param sendkit_conn_id: the connection
    :param on_running: what to do if the agent is already training (the vendor's 409, free): ``adopt`` that
        run (default: it costs nothing and reads the same sources), ``wait`` for it and then retrain (for
        sources that changed after it began), ``fail`` (a retry asks again), or ``skip``
    :param on_unknown: what to do if an earlier try may have been accepted and left no trace: ``submit`` or
        ``fail``. Default: submit where a moved ``lastScrapedAt`` would have shown the run, else fail
    :param on_unconfirmed: ``fail`` (default) or ``accept`` a ``completed`` that nothing ties to this run
    :param on_failed_documents: what to do if the training completed and documents failed: ``fail``
        (default), ``warn`` or ``ignore``
    :param on_empty: what to do if the training completed and the agent is switched off, or knows no page, chunk or
        document: ``warn`` (default) or ``fail``
    :param max_credits: ceiling for this task instance over all its tries and clears, checked before the POST;
        ``force`` begins to count anew at a clear
    :param max_credits_per_day: ceiling for this agent and UTC day, over all tasks that set it. A soft one:
        two tasks at the same moment may both pass
    :param dry_run: say in log and result what would be done and why; sends nothing but reads

    :returns: the result, a small JSON: ``outcome`` is ``refreshed``, ``adopted``, ``reattached`` or
        ``skipped``; ``credits_charged``, ``status``, ``marker``, ``seconds``, ``polls``, ``counts`` …
    :raises InsufficientCreditsError: 402; no retry
    :raises RefreshFailedError: the training failed; a retry is a new run and costs 10 credits
    :raises RefreshUnconfirmedError: a terminal status that nothing ties to this run; no retry
    :raises RefreshTimeoutError: not done within ``timeout``; a retry re-attaches

    https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-retrain
    """

    template_fields = (
        "sendkit_conn_id",
        "agent_id",
        "on_running",
        "on_unknown",
        "on_failed_documents",
        "on_empty",
        "max_credits",
        "max_credits_per_day",
        "plan_only",
        *RefreshOperator._common_template_fields,
    )
    operator_extra_links = (SendKitAgentLink(),)
    default_map_index_template = "agent {{ task.agent_id }}"
    ui_color = "#e8f3ec"

    def __init__(
        self,
        *,
        agent_id: str,
        sendkit_conn_id: str = "sendkit_default",
        on_running: OnRunning | str = "adopt",
        on_unknown: OnUnknown | str | None = None,
        on_failed_documents: OnFailedDocuments | str = "fail",
        on_empty: OnEmpty | str = "warn",
        max_credits: float | str | None = None,
        max_credits_per_day: float | str | None = None,
        dry_run: bool | str = False,
        poll_interval: float | str = 30.0,
        start_grace: float | str = 120.0,
        **kwargs: Unpack[RefreshKwargs],
    ) -> None:
        super().__init__(poll_interval=poll_interval, start_grace=start_grace, **kwargs)
        self.agent_id = agent_id
        self.sendkit_conn_id = sendkit_conn_id
        self.on_running = on_running
        self.on_unknown = on_unknown
        self.on_failed_documents = on_failed_documents
        self.on_empty = on_empty
        self.max_credits = max_credits
        self.max_credits_per_day = max_credits_per_day
        self.plan_only = dry_run  # BaseOperator.dry_run is a method
        check_words(
            self,
            on_running=OnRunning,
            on_unknown=OnUnknown,
            on_failed_documents=OnFailedDocuments,
            on_empty=OnEmpty,
        )

    _traced = True

    def _task(self, context: Context, records: RecordStore, generation: str | None) -> RefreshTask:
        from airflow_provider.arguments import Checker
        from airflow_provider.hooks.sendkit import SendKitHook
        from airflow_provider.tasks.failures import judge_documents, judge_empty, refuse
        from airflow_provider.tasks.options import options
        from airflow_provider.tasks.refresh_task import RefreshTask
        from airflow_provider.triggers.sendkit import SendKitTrainingTrigger
        from airflow_provider.vendors.sendkit.agent import AgentTarget
        from airflow_provider.vendors.sendkit.retrain import Retrain

        check = Checker()
        agent_id = check.needed("agent_id", self.agent_id)
        common = options(self, check, context)
        on_running = check.word("on_running", self.on_running, OnRunning)
        on_unknown = self.on_unknown
        if on_unknown is not None:
            on_unknown = check.word("on_unknown", on_unknown, OnUnknown)
        on_failed = check.word("on_failed_documents", self.on_failed_documents, OnFailedDocuments)
        on_empty = check.word("on_empty", self.on_empty, OnEmpty)
        max_credits = check.credits("max_credits", self.max_credits)
        max_credits_per_day = check.credits("max_credits_per_day", self.max_credits_per_day)
        dry_run = check.flag("dry_run", self.plan_only)
        refuse(type(self).__name__, check.problems)
        target = AgentTarget(agent_id)

        def judge(seen: Observation) -> AgentKnowledgeError | None:
            failed = judge_documents(agent_id, seen, on_failed, self.log)
            return failed or judge_empty(target.key, seen, on_empty, self.log)

        return RefreshTask(
            refresh=Retrain(target=target),
            options=common,
            connect=SendKitHook(self.sendkit_conn_id).get_conn,
            make_trigger=lambda target, *wait: SendKitTrainingTrigger.of(
                self.sendkit_conn_id, target.agent_id, *wait
            ),
            records=records,
            context=context,
            log=self.log,
            on_running=on_running,
            on_unknown=on_unknown,
            max_credits=max_credits,
            max_credits_per_day=max_credits_per_day,
            dry_run=dry_run,
            judge=judge,
        )


class SendKitSyncDocumentsOperator(SyncOperator):
    """
    Make an agent's documents equal to a source, and wait until all of them are processed. No cost is stated.

    The vendor takes PDF, DOCX and TXT up to 10 MB; a text goes as TXT. A document cannot be changed, so a new
    one is uploaded, and the old one removed once the new one is completed. The mark stands in ``fileName``; documents
    without this sync's mark are never touched. The agent is not retrained: give this task's ``version`` to a
    :class:`SendKitRetrainAgentOperator`, which then skips if nothing changed.

    That an agent shows its documents is inferred, not documented: one that does not is refused, unless there is a
    ``manifest``; then nobody can see whether they were processed.

    :param agent_id: the agent
    :param sendkit_conn_id: the connection

    :returns: counts that add up, the first ``failed`` documents, ``version`` and ``plan``; below 2 KB

    https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-upload-document
    https://docs.sendkit.ai/api-reference/post-v1-agents-agentid-process-document
    """

    template_fields: Sequence[str] = ("sendkit_conn_id", "agent_id", *SyncOperator._sync_template_fields)
    operator_extra_links = (SendKitAgentLink(),)
    default_map_index_template = "agent {{ task.agent_id }}"
    ui_color = "#e8f3ec"

    def __init__(
        self,
        *,
        agent_id: str,
        sendkit_conn_id: str = "sendkit_default",
        concurrency: int | str = 4,
        **kwargs: Unpack[SyncKwargs],
    ) -> None:
        super().__init__(concurrency=concurrency, **kwargs)
        self.agent_id = agent_id
        self.sendkit_conn_id = sendkit_conn_id

    def _sync(self, context: Context, report: SyncReport | None) -> dict[str, Any]:
        from airflow_provider.operators.jobs.sendkit_sync import sync

        return sync(self, context, report)


class SendKitUploadDocumentOperator(SendKitSyncDocumentsOperator):
    """
    Upload one document to an agent, and wait until *this* document is completed. No cost is stated.

    A sync of one document, with the same care: the same content under the same name is not sent again, another
    content takes the place of what this task uploaded under that name before, and a retry makes no twin.

    :param agent_id: the agent
    :param path: a PDF, DOCX or TXT up to 10 MB, local or an object-storage URL; or
    :param text: a text, which goes as TXT
    :param name: what the document is called, for ever; the file's own name, if none is given
    :param sendkit_conn_id: the connection

    :returns: as :class:`SendKitSyncDocumentsOperator`; ``entry_id`` is the document's ``fileKey``
    :raises InvalidArgumentError: the vendor takes no such file; nothing was sent
    """

    template_fields: Sequence[str] = (
        "path",
        "text",
        "name",
        *(field for field in SendKitSyncDocumentsOperator.template_fields if field != "documents"),
    )
    template_ext: Sequence[str] = ()  # a text may end with the name of a file
    default_map_index_template = "{{ task.name or task.path or ti.map_index }}"
    _side_by_side = None  # uploads of several names do not meet

    def __init__(
        self,
        *,
        agent_id: str,
        path: str | None = None,
        text: str | None = None,
        name: str | None = None,
        sync_id: str = "upload",
        **kwargs: Unpack[UploadKwargs],
    ) -> None:
        super().__init__(agent_id=agent_id, sync_id=sync_id, documents=(), **kwargs)
        self.path = path
        self.text = text
        self.name = name

    def _sync(self, context: Context, report: SyncReport | None) -> dict[str, Any]:
        from airflow_provider.operators.jobs.sendkit_sync import upload

        return upload(self, context, report)

    def _lineage_source(self) -> str | None:
        return self.path
