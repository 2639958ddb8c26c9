"""Operators for Sensay knowledge bases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider.arguments import OnFailedAnswers, check_words
from airflow_provider.operators.base import RefreshOperator
from airflow_provider.operators.links import SensayEntryLink
from airflow_provider.operators.syncing import SyncOperator
from airflow_provider.tasks.mapping import NamedWhenMapped

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.keywords import BaseOperatorKwargs
    from airflow_provider.operators.keywords import ConcurrentSyncKwargs, RefreshKwargs
    from airflow_provider.sync.saved_state import SyncReport
    from airflow_provider.tasks.record_store import RecordStore
    from airflow_provider.tasks.refresh_task import MakeTrigger, RefreshTask


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
        **kwargs: Unpack[RefreshKwargs],
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

    def _task(self, context: Context, records: RecordStore, generation: str | None) -> RefreshTask:
        from airflow_provider.arguments import Checker
        from airflow_provider.hooks.sensay import SensayHook, generation_of
        from airflow_provider.tasks.failures import refuse
        from airflow_provider.tasks.options import options
        from airflow_provider.tasks.refresh_task import RefreshTask
        from airflow_provider.vendors.sensay.entry import EntryTarget, Generation, ready_argument
        from airflow_provider.vendors.sensay.update import Update, dropped

        check = Checker()
        replica_uuid = check.uuid("replica_uuid", self.replica_uuid)
        entry_id = check.entry_id("entry_id", self.entry_id)
        common = options(self, check, context)
        fields = {
            "raw_text": check.text("raw_text", self.raw_text),
            "processed_text": check.text("processed_text", self.processed_text),
            "vector_entry_id": check.text("vector_entry_id", self.vector_entry_id),
            "metadata": self.metadata,
            "title": check.text("title", self.title),
        }
        given = {name: value for name, value in fields.items() if value is not None}
        if self.metadata is not None and not isinstance(self.metadata, dict):
            check.problems.append(f"metadata must be a dict, got {type(self.metadata).__name__}")
        if not check.problems and not {"raw_text", "processed_text", "vector_entry_id"} & set(given):
            check.problems.append("give at least one of raw_text, processed_text, vector_entry_id")
        refuse(type(self).__name__, check.problems)
        hook = SensayHook(self.sensay_conn_id)
        with hook.handed_on() as client:
            spoken = Generation(generation_of(client, generation))
            check.problems += dropped(given, spoken)
            ready = ready_argument(check.problems, self.ready_statuses, spoken)
            refuse(type(self).__name__, check.problems)
        if "metadata" in given and "vector_entry_id" not in given:
            self.log.warning("metadata is sent, but the vendor uses it only beside vector_entry_id")
        return RefreshTask(
            refresh=Update(target=EntryTarget(replica_uuid, entry_id, spoken, ready), fields=given),
            options=common,
            connect=hook.get_conn,
            opened=client,
            make_trigger=_entry_trigger(self.sensay_conn_id),
            records=records,
            context=context,
            log=self.log,
        )


def _entry_trigger(conn_id: str) -> MakeTrigger:
    from functools import partial

    from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger

    return partial(SensayKnowledgeBaseEntryTrigger.of, conn_id)


class SensayCreateKnowledgeBaseEntryOperator(RefreshOperator):
    """
    Create a knowledge-base entry from a text, a URL or a file, and wait until it is ready.

    The vendor does not de-duplicate texts and files. The record notes which ids bear the title before the
    create; a retry adopts only a new one of that title that reads as what was sent. Without a title, a create
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
        **kwargs: Unpack[RefreshKwargs],
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

    _traced = True

    def _task(self, context: Context, records: RecordStore, generation: str | None) -> RefreshTask:
        from airflow_provider.arguments import Checker
        from airflow_provider.hooks.sensay import SensayHook, generation_of
        from airflow_provider.tasks.create_task import CreateTask
        from airflow_provider.tasks.failures import refuse
        from airflow_provider.tasks.options import options
        from airflow_provider.vendors.sensay.create import Create, Source
        from airflow_provider.vendors.sensay.entry import Generation, ready_argument

        check = Checker()
        replica_uuid = check.uuid("replica_uuid", self.replica_uuid)
        common = options(self, check, context)
        title = check.text("title", self.title)
        if self.version is not None:
            check.problems.append(
                "version means nothing to a create, which has no earlier delivery to compare with"
            )
        source = Source.of(check, self.text, self.url, self.path)
        refuse(type(self).__name__, check.problems)
        hook = SensayHook(self.sensay_conn_id)
        with hook.handed_on() as client:
            spoken = Generation(generation_of(client, generation))
            if spoken is Generation.TRAINING and title is not None:
                check.problems.append("title would be dropped: the connection speaks generation 'training'")
            if spoken is Generation.TRAINING and source.kind == "url":
                check.problems.append("url cannot be created: the connection speaks generation 'training'")
            ready = ready_argument(check.problems, self.ready_statuses, spoken)
            refuse(type(self).__name__, check.problems)
        return CreateTask(
            refresh=Create(
                replica_uuid=replica_uuid, source=source, title=title, api=spoken, ready_statuses=ready
            ),
            options=common,
            connect=hook.get_conn,
            opened=client,
            make_trigger=_entry_trigger(self.sensay_conn_id),
            records=records,
            context=context,
            log=self.log,
        )


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
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(**kwargs)
        self.replica_uuid = replica_uuid
        self.entry_id = entry_id
        self.sensay_conn_id = sensay_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete, once or until it is gone."""
        from airflow_provider.tasks.failures import said_in_the_log

        with said_in_the_log(self.log):
            return self._delete()

    def _delete(self) -> dict[str, Any]:
        from airflow_provider.arguments import Checker
        from airflow_provider.hooks.sensay import SensayHook, generation_of
        from airflow_provider.tasks.failures import refuse
        from airflow_provider.vendors.sensay.delete import delete_entry
        from airflow_provider.vendors.sensay.entry import EntryTarget, Generation

        check = Checker()
        replica_uuid = check.uuid("replica_uuid", self.replica_uuid)
        entry_id = check.entry_id("entry_id", self.entry_id)
        refuse(type(self).__name__, check.problems)
        with SensayHook(self.sensay_conn_id).get_conn() as client:
            spoken = Generation(generation_of(client))
            target = EntryTarget(replica_uuid, entry_id, spoken)
            outcome = delete_entry(client.send, target)
        self.log.info("%s: %s", target.key, outcome)
        return {
            "vendor": target.vendor,
            "target": target.key,
            "outcome": outcome,
            "entry_id": entry_id,
            "generation": spoken.value,
        }


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
        **kwargs: Unpack[ConcurrentSyncKwargs],
    ) -> None:
        super().__init__(**kwargs)
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
        on_failed_answers: OnFailedAnswers | str = "fail",
        sensay_conn_id: str = "sensay_default",
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(**kwargs)
        self.replica_uuid = replica_uuid
        self.questions = _with_lasting_looks(questions)
        self.attempts = attempts
        self.on_failed_answers = on_failed_answers
        self.sensay_conn_id = sensay_conn_id
        check_words(self, on_failed_answers=OnFailedAnswers)

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask, compare, judge."""
        from airflow_provider.tasks.failures import said_in_the_log

        with said_in_the_log(self.log):
            return self._ask(context)

    def _ask(self, context: Context) -> dict[str, Any]:
        from airflow_provider.arguments import Checker
        from airflow_provider.errors import AnswersFailedError
        from airflow_provider.hooks.sensay import SensayHook
        from airflow_provider.tasks.failures import refuse
        from airflow_provider.vendors.sensay.answers import read_questions
        from airflow_provider.vendors.sensay.ask import ask

        check = Checker()
        replica_uuid = check.uuid("replica_uuid", self.replica_uuid)
        attempts = check.count("attempts", self.attempts)
        policy = check.word("on_failed_answers", self.on_failed_answers, OnFailedAnswers)
        questions = read_questions(check, self.questions, attempts)
        refuse(type(self).__name__, check.problems)
        with SensayHook(self.sensay_conn_id).get_conn() as client:
            result, message = ask(client.send, replica_uuid, questions, self.log)
        if message is None:
            return result
        if policy == "fail":
            raise AnswersFailedError(f"{message} Nothing was changed. A retry asks again.")
        self.log.warning("%s", message)
        if policy == "skip":
            _skip_downstream(context, result)
        return result


def _skip_downstream(context: Context, result: dict[str, Any]) -> None:
    """End well, and skip what is directly downstream, as Airflow's own short circuit does."""
    from airflow.providers.common.compat.sdk import DownstreamTasksSkipped

    task = context["task"]
    if getattr(task, "do_xcom_push", True):
        context["ti"].xcom_push(key="return_value", value=result)
    below = task.get_direct_relatives(upstream=False)
    raise DownstreamTasksSkipped(tasks=sorted(each.task_id for each in below if not each.is_teardown))
