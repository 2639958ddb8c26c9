"""Operators for Sensay knowledge bases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider.operators.base import RefreshOperator
from airflow_provider.operators.links import SensayEntryLink
from airflow_provider.operators.syncing import SyncOperator
from airflow_provider.tasks.mapping import NamedWhenMapped

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.operators.keywords import SyncKwargs
    from airflow_provider.refresh.report import Report
    from airflow_provider.sync.saved_state import SyncReport
    from airflow_provider.tasks.job import Job


class SensayUpdateKnowledgeBaseEntryOperator(RefreshOperator):
    """
    Give a knowledge-base entry its text and prove that *this* text is ready. Idempotent; costs no credits.

    Speaks whichever API generation the connection has. The current one takes ``raw_text`` and ``title``
    (PATCH); the older one, which the vendor removed in 2025-10, takes any mix of ``raw_text``,
    ``processed_text``, ``vector_entry_id`` and ``metadata`` (PUT). A field that would be dropped is refused.

    An old ``READY`` is never believed: success needs a sign that the entry was processed after the write.
    An entry that reads back as what would be sent is skipped, unless ``force``.

    :param replica_uuid: the replica
    :param entry_id: the entry (older generation: ``trainingID``)
    :param raw_text: the text; at least one character
    :param processed_text: text that is optimised already (older generation)
    :param vector_entry_id: id of a vector entry: processed already, the vendor says (older generation)
    :param metadata: used by the vendor only beside ``vector_entry_id`` (older generation)
    :param title: what the vendor's list shows (current generation)
    :param ready_statuses: which statuses are success: ``READY``, ``VECTOR_CREATED`` ("ready to use", current
        generation only). Default: both, or ``READY`` in the older generation
    :param sensay_conn_id: the connection
    :param on_unconfirmed: ``fail`` (default), or ``accept`` an end that nothing ties to this write if the
        text reads back as sent

    :raises RefreshFailedError: the vendor could not process the text; a retry writes it again
    :raises RefreshUnconfirmedError: ready, but nothing shows that it was processed since the write

    https://docs.sensay.io/operation/operation-patch-v1-replicas-parameter-knowledge-base-parameter
    https://docs.sensay.io/operation/operation-put-v1-replicas-parameter-training-parameter
    """

    template_fields = (
        "sensay_conn_id",
        "replica_uuid",
        "entry_id",
        "raw_text",
        "processed_text",
        "vector_entry_id",
        "metadata",
        "title",
        "ready_statuses",
        *RefreshOperator._common_template_fields,
    )
    operator_extra_links = (SensayEntryLink(),)
    default_map_index_template = "entry {{ task.entry_id }}"
    ui_color = "#e8ecf8"

    def __init__(
        self,
        *,
        replica_uuid: str,
        entry_id: int | str,
        raw_text: str | None = None,
        processed_text: str | None = None,
        vector_entry_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        title: str | None = None,
        ready_statuses: Sequence[str] | None = None,
        sensay_conn_id: str = "sensay_default",
        poll_interval: float | str = 10.0,
        start_grace: float | str = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poll_interval=poll_interval, start_grace=start_grace, **kwargs)
        self.replica_uuid = replica_uuid
        self.entry_id = entry_id
        self.raw_text = raw_text
        self.processed_text = processed_text
        self.vector_entry_id = vector_entry_id
        self.metadata = metadata
        self.title = title
        self.ready_statuses = ready_statuses
        self.sensay_conn_id = sensay_conn_id

    def _job(self, context: Context, generation: str | None) -> Job:
        from airflow_provider.operators.jobs.sensay import update_job

        return update_job(self, context, generation)


class SensayCreateKnowledgeBaseEntryOperator(RefreshOperator):
    """
    Create a knowledge-base entry from a text, a URL or a file, and wait until it is ready.

    The vendor does not de-duplicate texts and files. The record notes which ids bear the title before the
    create; a retry adopts only a new one of that title. Without a title, or below Airflow 3.3, a create
    whose end is unknown fails and says so.

    :param replica_uuid: the replica
    :param text: the text; at least one character. Above about 4 MB give it as a file
    :param url: a public page or a YouTube video; Google's own sites and playlists are refused
    :param path: a file, local or an object-storage URL (``s3://…``); up to 50 MB
    :param title: what the vendor's list shows, and what a retry finds the entry by (current generation only)
    :param ready_statuses: as in :class:`SensayUpdateKnowledgeBaseEntryOperator`
    :param sensay_conn_id: the connection

    :returns: the result; ``entry_id`` is the new entry's id
    :raises AlreadyThereError: the URL is in the knowledge base already; the message names the entry

    https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-knowledge-base
    """

    template_fields = (
        "sensay_conn_id",
        "replica_uuid",
        "text",
        "url",
        "path",
        "title",
        "ready_statuses",
        *RefreshOperator._common_template_fields,
    )
    operator_extra_links = (SensayEntryLink(),)
    default_map_index_template = "{{ task.title or task.url or task.path or ti.map_index }}"
    ui_color = "#e8ecf8"

    def __init__(
        self,
        *,
        replica_uuid: str,
        text: str | None = None,
        url: str | None = None,
        path: str | None = None,
        title: str | None = None,
        ready_statuses: Sequence[str] | None = None,
        sensay_conn_id: str = "sensay_default",
        poll_interval: float | str = 10.0,
        start_grace: float | str = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poll_interval=poll_interval, start_grace=start_grace, **kwargs)
        self.replica_uuid = replica_uuid
        self.text = text
        self.url = url
        self.path = path
        self.title = title
        self.ready_statuses = ready_statuses
        self.sensay_conn_id = sensay_conn_id

    def _lineage_source(self) -> str | None:
        return self.url or self.path

    def _advance(self, context: Context, report: Report | None) -> dict[str, Any]:
        from airflow_provider.operators.jobs.sensay_create import create

        return create(self, context, report)


class SensayDeleteKnowledgeBaseEntryOperator(NamedWhenMapped, BaseOperator):
    """
    Delete a knowledge-base entry. Idempotent: an entry that is gone already is a success.

    :param replica_uuid: the replica
    :param entry_id: the entry
    :param sensay_conn_id: the connection

    :returns: ``outcome`` is ``deleted``, ``delete_accepted`` (the vendor removes it within 24 hours and may
        answer from it until then) or ``absent``

    https://docs.sensay.io/operation/operation-delete-v1-replicas-parameter-knowledge-base-parameter
    """

    template_fields = ("sensay_conn_id", "replica_uuid", "entry_id")
    default_map_index_template = "entry {{ task.entry_id }}"
    ui_color = "#e8ecf8"

    def __init__(
        self,
        *,
        replica_uuid: str,
        entry_id: int | str,
        sensay_conn_id: str = "sensay_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.replica_uuid = replica_uuid
        self.entry_id = entry_id
        self.sensay_conn_id = sensay_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete, once or until it is gone."""
        from airflow_provider.operators.jobs.sensay import delete_entry

        return delete_entry(self)


class SensaySyncKnowledgeBaseOperator(SyncOperator):
    """
    Make a replica's knowledge base equal to a source, and wait until all of it is live. Costs no credits.

    Only what changed is sent. Only entries that bear this sync's mark in their titles are ever changed or
    removed: the vendor's list is the manifest, so there is no state to lose, and a killed task plans again.

    :param replica_uuid: the replica
    :param sensay_conn_id: the connection; it has to speak generation ``knowledge-base``

    :returns: counts that add up, the first ``failed`` documents, ``version`` (a name for all that is live; also
        an XCom of its own) and ``plan`` (the plan's digest); below 2 KB

    https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-knowledge-base
    https://docs.sensay.io/operation/operation-get-v1-replicas-parameter-knowledge-base
    """

    template_fields: Sequence[str] = ("sensay_conn_id", "replica_uuid", *SyncOperator._sync_template_fields)
    operator_extra_links = (SensayEntryLink(),)
    default_map_index_template = "{{ task.replica_uuid }}"
    ui_color = "#e8ecf8"

    def __init__(
        self,
        *,
        replica_uuid: str,
        sensay_conn_id: str = "sensay_default",
        concurrency: int | str = 8,
        **kwargs: Unpack[SyncKwargs],
    ) -> None:
        super().__init__(concurrency=concurrency, **kwargs)
        self.replica_uuid = replica_uuid
        self.sensay_conn_id = sensay_conn_id

    def _sync(self, context: Context, report: SyncReport | None) -> dict[str, Any]:
        from airflow_provider.operators.jobs.sensay_sync import sync

        return sync(self, context, report)


class _Check:
    """A function of an answer. Airflow 3.1 writes down how it looks, so it looks the same at every parse."""

    def __init__(self, function: Callable[[str], object]) -> None:
        self._function = function

    def __call__(self, answer: str) -> object:
        return self._function(answer)

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", type(self._function).__qualname__)
        return f"<function {name}>"


def _with_lasting_looks(questions: Any) -> Any:
    if not isinstance(questions, (list, tuple)):
        return questions  # of another task, or to be rendered
    return [
        each | {"check": _Check(each["check"])}
        if isinstance(each, dict) and callable(each.get("check"))
        else each
        for each in questions
    ]


class SensayAskReplicaOperator(NamedWhenMapped, BaseOperator):
    """
    Ask a replica, and compare its answers with what is expected: a gate before publishing. May cost quota.

    Answers vary, so a question is asked up to ``attempts`` times, each without a history, until one answer is as
    expected. An answer decides nothing but that. The vendor gives up after 90 seconds.

    :param replica_uuid: the replica
    :param questions: dicts of ``question`` and one or more expectations: ``contains`` (a text, or several that all
        have to be there, in any case), ``matches`` (a regular expression, looked for) and ``check`` (a function of
        the answer; not templated); also ``attempts`` of its own. A plain text expects any answer at all
    :param attempts: how often a question is asked at most
    :param on_failed_answers: ``fail`` (a retry asks again), ``warn``, or ``skip`` what is directly downstream
    :param sensay_conn_id: the connection

    :returns: ``passed``, ``failed`` and for each question ``verdict``, ``attempts`` and its last ``answer``, cut
    :raises AnswersFailedError: an answer was not as expected
    :raises QuotaExceededError: the replica's conversations are used up; not tried again

    https://docs.sensay.io/operation/operation-post-v1-replicas-parameter-chat-completions
    """

    template_fields: Sequence[str] = (
        "sensay_conn_id",
        "replica_uuid",
        "questions",
        "attempts",
        "on_failed_answers",
    )
    default_map_index_template = "{{ task.replica_uuid }}"
    ui_color = "#e8ecf8"

    def __init__(
        self,
        *,
        replica_uuid: str,
        questions: Sequence[str | dict[str, Any]],
        attempts: int | str = 3,
        on_failed_answers: str = "fail",
        sensay_conn_id: str = "sensay_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.replica_uuid = replica_uuid
        self.questions = _with_lasting_looks(questions)
        self.attempts = attempts
        self.on_failed_answers = on_failed_answers
        self.sensay_conn_id = sensay_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask, compare, judge."""
        from airflow_provider.operators.jobs.sensay_ask import ask

        return ask(self, context)
