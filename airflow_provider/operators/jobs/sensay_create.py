"""
Creating an entry: it is not idempotent, so the record notes which ids bore the title before.

``INTENT`` (with the ids of that title) → POST → ``INTENT`` (with the new id) → upload or text → ``SUBMITTED``;
from there on it is the same road as an update's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.errors import (
    AgentKnowledgeError,
    AlreadyThereError,
    AmbiguousWriteError,
    ApiError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordMismatchError,
    is_ambiguous,
)
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.operators.jobs.sensay import EntryJob
from airflow_provider.operators.jobs.sensay_source import Source, read_source
from airflow_provider.refresh import submit
from airflow_provider.refresh.observation import Observation, Phase
from airflow_provider.refresh.record import Ending, Identity, Record, Stage
from airflow_provider.refresh.report import Report
from airflow_provider.refresh.schedule import FIRST_PAUSES
from airflow_provider.refresh.submit import Action, Policy
from airflow_provider.refresh.wait import Purpose, Wait
from airflow_provider.tasks.failures import refuse
from airflow_provider.tasks.job import Options, Written, options
from airflow_provider.tasks.record_store import RecordStore
from airflow_provider.tasks.refresh_task import Road
from airflow_provider.tasks.watch import Watch
from airflow_provider.vendors.sensay.entry import RULES, EntryTarget, Generation, ready_argument

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.operators.sensay import SensayCreateKnowledgeBaseEntryOperator

#: What a new entry looked like before it was there: nothing usable.
_NOTHING = Observation(status="NEW", phase=Phase.QUEUED)


@dataclass(kw_only=True)
class CreateJob(EntryJob):
    """The part of the road behind the create: waiting for the new entry."""

    def policy(self, record: Record | None, seen: Observation) -> Policy:
        """The entry is there; nothing on this road may create another."""
        return Policy(repeatable=False, cost=Decimal(0), start_grace=self.options.start_grace)

    def write(self) -> Written:
        """Never asked: the create lies behind."""
        raise AssertionError("the road behind a create writes nothing")

    def accepts(self, seen: Observation) -> bool:
        """A new entry has no older end that this could be."""
        return True


def create(
    operator: SensayCreateKnowledgeBaseEntryOperator, context: Context, report: Report | None
) -> dict[str, Any]:
    """Check the arguments, create at most once, then wait."""
    store = RecordStore(context, operator.log)
    store.keep(report)
    creation = _creation(operator, context, store, report)
    record = report.record if report is not None else store.read()
    if record is None or not creation.resumes(record):
        record = creation.begin(record)
    assert record.entry_id is not None
    job = creation.job(record.entry_id)
    try:
        road = Road(job, context, store)
        result = road.advance(report) if report or record.wait else road.follow(creation.submitted(record))
        return {**result, "entry_id": record.entry_id}
    finally:
        job.watch.close()


def _creation(
    operator: SensayCreateKnowledgeBaseEntryOperator,
    context: Context,
    store: RecordStore,
    report: Report | None,
) -> Creation:
    check = Checker()
    replica_uuid = check.uuid("replica_uuid", operator.replica_uuid)
    common = options(operator, check, context)
    title = check.text("title", operator.title)
    if operator.version is not None:
        check.problems.append(
            "version means nothing to a create, which has no earlier delivery to compare with"
        )
    source = read_source(check, operator.text, operator.url, operator.path)
    refuse(type(operator).__name__, check.problems)
    hook = SensayHook(operator.sensay_conn_id)
    spoken = Generation(hook.generation(store.generation(report)))
    if spoken is Generation.TRAINING:
        if title is not None:
            check.problems.append("title would be dropped: the connection speaks generation 'training'")
        if source.kind == "url":
            check.problems.append("url cannot be created: the connection speaks generation 'training'")
    ready = ready_argument(check.problems, operator.ready_statuses, spoken)
    refuse(type(operator).__name__, check.problems)
    return Creation(
        operator=operator,
        store=store,
        hook=hook,
        options=common,
        replica_uuid=replica_uuid,
        source=source,
        title=title,
        spoken=spoken,
        ready=ready,
        identity=Identity(
            target=f"sensay:replicas/{replica_uuid}/knowledge-base/new",
            body=source.fingerprint(title),
            cycle=int(getattr(context["ti"], "max_tries", 0) or 0),
            forced=common.force,
        ),
    )


@dataclass(kw_only=True)
class Creation:
    """One create, its arguments checked."""

    operator: SensayCreateKnowledgeBaseEntryOperator
    store: RecordStore
    hook: SensayHook
    options: Options
    replica_uuid: str
    source: Source
    title: str | None
    spoken: Generation
    ready: tuple[str, ...]
    identity: Identity

    def resumes(self, record: Record) -> bool:
        """
        Has an earlier process of this task made the entry already, with all that belongs to it?

        :raises RecordMismatchError: the record is of another text, and its entry may be half made
        """
        if not record.open:
            ended = submit.settled(record, self.identity)
            return ended is not None and ended.action is Action.RETURN
        mine = (record.identity.target, record.identity.body) == (self.identity.target, self.identity.body)
        if not mine and not (self.options.force and not record.identity.forced):
            raise RecordMismatchError(
                "The record of an earlier try is of another text, title or replica, and its entry may be half made. "
                "Nothing was sent. Look at the replica's list; then run again with force=True."
            )
        return mine and record.stage is Stage.SUBMITTED

    def begin(self, record: Record | None) -> Record:
        """Make the entry, or find the one that an earlier try made."""
        mine = record is not None and record.open and record.identity.body == self.identity.body
        if mine and record is not None:
            if record.entry_id is not None:
                return self._complete(record)
            return self._after_unknown(record)
        if record is not None and record.ending is Ending.FAILED and record.entry_id is not None:
            self._remove(record.entry_id)  # it cannot be processed any more; a retry makes another
        return self._create(record)

    def submitted(self, record: Record) -> Record:
        """Begin the wait for a new entry."""
        now = time.time()
        wait = Wait(
            purpose=Purpose.OWN,
            started=now,
            deadline=now + self.options.timeout,
            start_grace=self.options.start_grace,
            poll_interval=self.options.poll_interval,
            max_read_failures=self.options.max_read_failures,
            ready_statuses=self.ready,
            generation=self.spoken.value,
            baseline=_NOTHING,
        )
        return replace(record, stage=Stage.SUBMITTED, wait=wait)

    def job(self, entry_id: int) -> CreateJob:
        """The road behind the create."""
        target = EntryTarget(self.replica_uuid, entry_id, self.spoken, self.ready)
        return CreateJob(
            target=target,
            rules=RULES,
            watch=Watch(self.hook.get_conn, target, RULES, self.operator.log),
            options=self.options,
            body=self.identity.body,
            log=self.operator.log,
            name=self.identity.target.removeprefix("sensay:"),
            generation=self.spoken.value,
            ready_statuses=self.ready,
            hook=self.hook,
            replica_uuid=self.replica_uuid,
            spoken=self.spoken,
        )

    # --- creating ----------------------------------------------------------------------------------------

    def _create(self, before: Record | None) -> Record:
        intent = Record(
            identity=self.identity,
            stage=Stage.INTENT,
            at=time.time(),
            version=self.options.version,
            generation=self.spoken.value,
            titled=tuple(sorted(self._titled())) if self.title is not None else None,
        )
        self.store.write(intent)
        try:
            entry_id, signed_url = self._post(time.time() + self.options.timeout)
        except ConflictError as error:
            self.store.restore(before)
            raise self._existing(error) from error
        except ApiError as error:
            if is_ambiguous(error):
                return self._settle(intent, error)
            self.store.restore(before)
            raise
        except AgentKnowledgeError:
            self.store.restore(before)
            raise
        made = replace(intent, entry_id=entry_id)
        self.store.write(made)
        self.operator.log.info("Created entry %d of replica %s", entry_id, self.replica_uuid)
        return self._fill(made, signed_url)

    def _post(self, deadline: float) -> tuple[int, str | None]:
        """Send the create; a 429 was not accepted, so it is sent again once the vendor allows it."""
        while True:
            try:
                return self.source.create(self.hook, self.replica_uuid, self.title, self.spoken)
            except RateLimitedError as error:
                pause = error.retry_after if error.retry_after is not None else self.options.poll_interval
                if time.time() + pause > deadline:
                    raise
                self.operator.log.warning("Rate limit, not accepted; again in %.0f s. %s", pause, error)
                time.sleep(pause)

    def _fill(self, made: Record, signed_url: str | None) -> Record:
        """Give the entry what the create did not carry: a file's bytes, or the older generation's text."""
        assert made.entry_id is not None
        try:
            self.source.fill(self.hook, self.replica_uuid, made.entry_id, signed_url, self.spoken)
        except ApiError:
            if self.source.kind == "path" and self._remove(made.entry_id):
                self.store.restore(None)  # nothing is left of it, so nothing is unknown
            raise
        return made

    def _complete(self, record: Record) -> Record:
        """An earlier try made the entry and died before it was whole."""
        assert record.entry_id is not None
        if self.source.kind == "path":
            # The signed URL died with that try; an entry without its file helps nobody.
            self._remove(record.entry_id)
            return self._create(None)
        if self.spoken is Generation.TRAINING:
            return self._fill(record, None)
        return record

    def _remove(self, entry_id: int) -> bool:
        self.operator.log.info("Removing entry %d, which did not become ready", entry_id)
        try:
            if self.spoken is Generation.TRAINING:
                self.hook.training_delete_entry(entry_id)
            else:
                self.hook.delete_entry(self.replica_uuid, entry_id)
        except NotFoundError:
            return True
        except ApiError as error:
            self.operator.log.warning("Entry %d could not be removed and stays empty: %s", entry_id, error)
            return False
        return True

    # --- an unknown end ----------------------------------------------------------------------------------

    def _settle(self, intent: Record, error: ApiError) -> Record:
        """The create's end is unknown: look for a new id of this title, never send it again here."""
        if intent.titled is None or not self.store.durable:
            why = "it has no title" if intent.titled is None else "below Airflow 3.3 there is no record"
            raise OutcomeUnknownError(
                f"The create was sent once and its end is unknown ({error}). It may have made an entry in replica "
                f"{self.replica_uuid}, which cannot be told from others, since {why}. It is not tried again. Look "
                "at the replica's list, then run again with force=True; give a title to let retries find their entry."
            ) from error
        for pause in FIRST_PAUSES:
            time.sleep(pause)
            found = self._found(intent)
            if found is not None:
                return found
        raise AmbiguousWriteError(
            f"The create was sent once and its end is unknown ({error}). No new entry of the title {self.title!r} is "
            "listed yet. A retry looks for it first, and creates only if there is none."
        ) from error

    def _after_unknown(self, record: Record) -> Record:
        """An earlier try stopped while it created; adopt what it made, else create."""
        if record.titled is None:
            raise OutcomeUnknownError(
                "An earlier try stopped while it created the entry. Without a title its entry cannot be told from "
                f"others in replica {self.replica_uuid}. Nothing was sent, and no retry will send it. Look at the "
                "replica's list; then run again with force=True."
            )
        until = record.at + self.options.start_grace
        while True:
            found = self._found(record)
            if found is not None:
                return found
            if time.time() >= until:
                return self._create(None)
            time.sleep(max(0.05, min(self.options.poll_interval, until - time.time())))

    def _found(self, record: Record) -> Record | None:
        new = self._titled() - set(record.titled or ())
        if len(new) > 1:
            raise OutcomeUnknownError(
                f"Several new entries are titled {self.title!r}: {sorted(new)}. Which one an earlier try made cannot "
                "be told. Nothing was sent. Remove the ones that are not wanted, then run again with force=True."
            )
        if not new:
            return None
        made = replace(record, entry_id=new.pop())
        self.operator.log.info("Entry %s is the one that an earlier request made", made.entry_id)
        if self.source.kind == "path":
            return self._complete(made)
        self.store.write(made)
        return made

    def _titled(self) -> set[int]:
        """Return the ids that bear exactly this title."""
        assert self.title is not None
        search = self.title if len(self.title) >= 3 else None
        found: set[int] = set()
        page = 1
        while True:
            listed = self.hook.list_entries(
                self.replica_uuid, page=page, page_size=100, search=search, sort_order="asc"
            )
            found |= {entry.id for entry in listed.items if entry.title == self.title}
            if page * 100 >= (listed.total or 0) or not listed.items:
                return found
            page += 1

    def _existing(self, error: ConflictError) -> AlreadyThereError:
        """Say which entry has the URL already; the vendor's 409 does not."""
        url = self.source.content if isinstance(self.source.content, str) else ""
        listed = self.hook.list_entries(self.replica_uuid, page_size=100, search=url)
        ids = [entry.id for entry in listed.items if entry.url == url]
        fields = error.to_json()
        fields["message"] = (
            f"{error.message} The URL stands in entry {ids or 'that the list does not show'} already; nothing was "
            "created. Update or delete that entry instead."
        )
        told = ApiError.from_json({**fields, "type": AlreadyThereError.__name__})
        assert isinstance(told, AlreadyThereError)
        return told
