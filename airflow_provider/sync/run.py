"""
One sync, read top to bottom: list → read → plan → guard → apply → confirm → remove → report.

``execute`` and ``execute_complete`` both come here. A retry, and a worker that resumes after a deferral, begin at the
top: planning again is the resume.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider import telemetry
from airflow_provider.errors import AgentKnowledgeError, InvalidArgumentError
from airflow_provider.sources.values import Skip
from airflow_provider.sync import confirmation, guards, outcomes, planning, saved_state, waiting
from airflow_provider.sync.apply import Applier
from airflow_provider.sync.documents import UNREAD, Deletion, Held, Kind, Wanted
from airflow_provider.sync.journal import Journal, OwedEvent
from airflow_provider.sync.mark import digest_of, source_tag
from airflow_provider.sync.outcomes import Removals
from airflow_provider.sync.plan import WRITES, Action, Method, Plan, Row
from airflow_provider.sync.planning import PlanOptions
from airflow_provider.sync.progress import Verdict
from airflow_provider.sync.reading import Reading
from airflow_provider.sync.saved_state import SyncReport
from airflow_provider.sync.session import Session
from airflow_provider.sync.spool import Spool
from airflow_provider.sync.state import SyncState
from airflow_provider.sync.waiting import MakeTrigger, Waiter
from airflow_provider.sync.writing import Writer, is_whole
from airflow_provider.tasks.links import note_link
from airflow_provider.tasks.publish import publish_result

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.http.settings import SettingsSource
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.manifest import Manifest
    from airflow_provider.sync.options import SyncOptions

#: Documents that the log names one by one.
_NAMED = 20

#: A document's content is not yet where it shall answer from.
_UNDERWAY = WRITES | {Action.PENDING}


def run(
    context: Context,
    log: Any,
    report: SyncReport | None,
    *,
    hook: SettingsSource,
    destination: Destination,
    manifest: Manifest,
    options: SyncOptions,
    make_trigger: MakeTrigger,
    only: str = "",
) -> dict[str, Any]:
    """
    Make a knowledge base equal to a source.

    :param report: what the trigger told; None at the start of a try
    :param make_trigger: builds the trigger that goes on with the wait
    :param only: key hash of the one document that this is about; empty: all of the sync
    :returns: the task's result, below 2 KB
    :raises DocumentsFailedError: some documents failed, and ``on_failed_documents`` says fail
    """
    deadline = report.carried.deadline if report else time.time() + options.timeout
    with (
        telemetry.span("sync", destination.vendor, destination.key),
        Session(
            hook,
            destination,
            manifest,
            sync_id=options.sync_id,
            only=only,
            concurrency=options.concurrency,
            deadline=deadline,
        ) as session,
        Spool() as spool,
    ):
        note_link(context, session.client.settings.console_url, destination.key)
        waiter = Waiter(session, make_trigger, options, deadline, log)
        return SyncRun(context, log, destination, manifest, options, session, waiter, spool, report).run()


class SyncRun:
    """
    One process of one sync.

    :ivar wanted: the source's documents, by key hash
    :ivar state: what is known; each step gives another
    """

    def __init__(
        self,
        context: Context,
        log: Any,
        destination: Destination,
        manifest: Manifest,
        options: SyncOptions,
        session: Session,
        waiter: Waiter,
        spool: Spool,
        report: SyncReport | None,
    ) -> None:
        self.context = context
        self.log = log
        self.destination = destination
        self.manifest = manifest
        self.options = options
        self.session = session
        self.waiter = waiter
        self.spool = spool
        self.report = report
        self.saved = report.carried if report else None
        self.started = self.saved.started if self.saved else time.time()
        self.first = self.saved.plan if self.saved else ""
        self.tag = source_tag(_source_name(context, options))
        self.journal = Journal(context)
        self.event = OwedEvent(destination.vendor, destination.key, options.sync_id)
        self.removals = Removals(earlier=self.saved.superseded if self.saved else 0)
        self.wanted: dict[str, Wanted] = {}
        self.state = SyncState()
        self.idle_since: float | None = None
        self.version = ""
        self.owed = False
        self.moved: set[str] = set()

    def run(self) -> dict[str, Any]:
        """From the top to the result."""
        if self.report is not None and (error := waiting.failure(self.report, self.destination.key)):
            raise error  # not the trouble that whoever looks now would meet, too
        self.session.list_held()
        if self.session.misnamed:
            self.log.warning(
                "Entries %s bear a mark of sync '%s' that is not at the end of their titles: somebody edited those. "
                "They are not ours any more and go on answering; delete them, or bring the titles back",
                sorted(self.session.misnamed, key=str)[:_NAMED],
                self.options.sync_id,
            )
        self.read()
        if self.report is not None:
            self._take_in(self.report)
        plan = self.plan(is_first=True)
        for line in plan.lines():
            self.log.info("Plan %s: %s", plan.digest, line)
        if self.options.dry_run:
            return self._tell_plan(plan)
        self.guard(plan)
        self.first = self.first or plan.digest
        try:
            plan = self.settle(plan)
            self.remove(plan)
        except AgentKnowledgeError:
            self.log.info("So far: %s", outcomes.summary(self.state))
            raise
        return self.tell(plan)

    def settle(self, plan: Plan) -> Plan:
        """Apply and confirm, until nothing is left to send and nothing is on its way; once, if nobody waits."""
        while not plan.settled:
            self._remove_superseded(plan)
            sent = self.apply(plan)
            if not self.options.waits:
                return self._again()
            if sent or plan.of(Action.PENDING) or any(row.method is Method.LATER for row in plan.rows):
                self._take_in(self.waiter.wait(lambda plan=plan: self._save(plan)))  # type: ignore[misc]
            before, plan = plan, self._again()
            if not sent and plan.counts == before.counts:
                plan = self._idle(plan)
            else:
                self.idle_since = None
                if not sent:  # the totals may run ahead of the list
                    self.session.sleep(min(1.0, self.options.poll_interval))
        return plan

    # --- read --------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the source once; keep what may have to be sent."""
        have = {(entry.key_hash, entry.digest) for entry in self.session.held if entry.usable}
        has_doubts = bool(self.journal.doubted or self.journal.texts or self.options.adopt_from)

        def keep(wanted: Wanted) -> bool:
            return (wanted.key_hash, wanted.digest) not in have or has_doubts

        self.reading = Reading(
            self.options.source,
            self.destination.recipe,
            self.spool,
            keep,
            self.manifest.stat_cache,
            trusting=self.options.detect == "stat",
            may_be_empty=self.options.on_empty_source == "allow",
            sent=self.saved is not None,
        )
        read = {document.key_hash: document for document in self.reading.read()}
        self.version = saved_state.version_of_source(read.values())
        self.wanted = self._resume(read) if self.saved else read
        self._begin_state()
        skipped = [document for document in self.wanted.values() if document.skip]
        self._refuse_skipped(sent=self.saved is not None)
        unmeant = [document for document in skipped if document.skip is not Skip.EXCLUDED]
        for document in unmeant[:_NAMED]:
            self.log.warning("%s is skipped (%s): %s", document.key, document.skip, document.detail)
        if left_out := len(skipped) - len(unmeant):
            self.log.info("Left out by exclude, and not deleted: %d files", left_out)
        self.log.info(
            "Source: %d documents, %d of them skipped; vendor: %d entries of sync '%s'",
            len(self.wanted),
            len(skipped),
            len(self.session.held),
            self.options.sync_id,
        )
        if self.saved is None and getattr(self.context["ti"], "map_index", -1) not in (None, -1):
            self.log.info("Each mapped instance reads the source by itself, as it may run on another worker")
        if self.options.on_empty_source == "fail":
            guards.refuse_empty_source(
                read.values(),
                self.session.held,
                self.destination.key,
                self.options.sync_id,
                sent=self.saved is not None,
            )

    def _resume(self, read: Mapping[str, Wanted]) -> dict[str, Wanted]:
        """Take up what an earlier process of this run knew, as far as the source is still the same."""
        assert self.saved is not None
        self.session.looks = self.saved.polls + (self.report.wait.polls if self.report else 0)
        if self.saved.version == self.version:
            self.state = saved_state.load(self.saved, read)
            return dict(read)
        if self.saved.worker and self.saved.worker != _worker() and self.options.is_local:
            guards.refuse_other_source(self.destination.key, self.saved.worker, _worker())
        self.state = saved_state.load(self.saved, read)
        begun = saved_state.begun_with(self.saved, read, self.session.held, self.state)
        self.moved = {key for key, document in begun.items() if document is not read[key]}
        self.log.warning(
            "The source changed during the wait (read on worker %s, now on %s): what changed since is not sent now, "
            "the next run brings it along",
            self.saved.worker or "unknown",
            _worker(),
        )
        return begun

    def _begin_state(self) -> None:
        self.backups = {digest_of(Kind.TEXT, text): text for text in self.journal.texts.values()}
        texts = {entry: digest_of(Kind.TEXT, text) for entry, text in self.journal.texts.items()}
        self.state = replace(self.state.doubt(self.journal.doubted), backups={**self.state.backups, **texts})
        self.writer = Writer(
            destination=self.destination,
            reading=self.reading,
            sync_id=self.options.sync_id,
            source=self.tag,
            strategy=self.options.strategy,
            limit=self.session.limit,
            deadline=self.session.deadline,
            log=self.log,
            backups=self.backups,
            is_approved=bool(self.options.expect_plan),
        )
        self.applier = Applier(
            session=self.session,
            destination=self.destination,
            options=self.options,
            journal=self.journal,
            writer=self.writer,
            backups=self.backups,
            log=self.log,
        )

    # --- plan --------------------------------------------------------------------------------------------

    def plan(self, *, is_first: bool = False) -> Plan:
        """Compare the source with the list as it was read last."""
        fresh = is_first and self.saved is None
        held = list(self.session.held)
        self.state = self.applier.take_in(self.state, held)
        # It bears our mark and is at work: the write that nobody saw through has landed, and its end will tell.
        self.state = self.state.trust(entry.id for entry in held if entry.working)
        if fresh:
            self._look_for_edits()
        options = PlanOptions(
            delete_missing=self.options.delete_missing,
            strategy=self.options.strategy,
            retry_failed=self.options.retry_failed,
            patches=self.destination.patches,
            fresh=fresh,
            sync_id=self.options.sync_id,
            on_drift=self.options.on_drift,
        )
        held += self._taken_over()
        plan = planning.make_plan(self.wanted.values(), held, options, self.state)
        if self._is_suspicious(plan):
            held = [*self.session.list_whole(), *self._taken_over(whole=True)]
            plan = planning.make_plan(self.wanted.values(), held, options, self.state)
        if self.saved is not None:
            has_moved = self.saved.version != self.version
            plan = _begun(plan, self.moved, self.saved.leaving if has_moved else None)
        if fresh and self.options.adopt == "title" and plan.of(Action.CREATE):
            plan = planning.adopt(plan, self.session.list_unmarked())
        return plan

    def _again(self) -> Plan:
        self.session.list_held()
        return self.plan()

    def _is_suspicious(self, plan: Plan) -> bool:
        """Would more be created than the list shows, while there are about as many? It may have left them out."""
        missing, shown = plan.of(Action.CREATE), len(self.session.held)
        if any(self.state.tried(row.key_hash) for row in missing):
            return True
        return len(missing) > shown and 2 * (self.session.count() - shown) >= len(missing)

    def _taken_over(self, *, whole: bool = False) -> list[Held]:
        """Return the entries of another sync that are this source's documents."""
        if self.options.adopt_from is None:
            return []
        others = self.session.list_of(self.options.adopt_from, whole=whole)
        return [entry for entry in others if entry.key_hash in self.wanted]

    def _look_for_edits(self) -> None:
        """Read the entries that changed since they were known to hold what we sent; it costs nothing where none did."""
        moved = {
            entry.id: entry
            for entry in self.session.held
            if entry.usable
            and entry.kind is Kind.TEXT
            and self.manifest.markers.get(str(entry.id)) not in (None, entry.seen.marker)
            and entry.id not in self.state.doubted
        }
        if not moved:
            return
        read = {entry.id: entry for entry in self.session.get(moved.keys())}
        edited = {each for each, entry in read.items() if entry.text is not None and not is_whole(entry)}
        if not edited:
            return
        self.log.warning(
            "Edited by hand: entries %s; on_drift='%s'", sorted(edited, key=str), self.options.on_drift
        )
        if self.options.on_drift == "overwrite":
            self.state = self.state.distrust(edited)
        else:
            self.state = replace(self.state, drifted=self.state.drifted | edited)

    # --- guard -------------------------------------------------------------------------------------------

    def guard(self, plan: Plan) -> None:
        """Refuse before anything is sent."""
        key = self.destination.key
        self.owed = self.saved.owed if self.saved else self.event.is_owed
        if self.saved is not None:
            return
        guards.refuse_deletions(plan, self.options.max_deletes, self.tag, key)
        guards.refuse_changes(plan, self.options.max_changes, key)
        if expected := self.options.expect_plan:
            begun = self.journal.approved == expected and self.journal.version == self.version
            if not begun:
                guards.refuse_other_plan(plan, expected, key)
        self.manifest.check()
        if self.options.report:
            try:
                outcomes.write_report(self.options.report, self._head() | {"ended": False}, [])
            except Exception as error:
                raise InvalidArgumentError(
                    f"The report {self.options.report} cannot be written ({type(error).__name__}: {error}). "
                    "Nothing was sent."
                ) from error
        if expected:
            self.journal.approve(expected, self.version)

    def _refuse_skipped(self, *, sent: bool) -> None:
        if self.options.strict:
            guards.refuse_skipped(self.wanted.values(), sent=sent)

    # --- apply, confirm ----------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> bool:
        """Send what the plan says; return whether anything was sent."""
        if not self.applier.ripe(plan, self.state):
            return False
        self.event.owe()
        self.state = self.applier.send(plan, self.state, self._keep, self.wanted.update)
        return True

    def _keep(self, state: SyncState) -> None:
        self.state = state

    def _take_in(self, report: SyncReport) -> None:
        """Take in the end of a wait: give up what will not move any more."""
        if (error := waiting.failure(report, self.destination.key)) is not None:
            raise error
        troubled = report.wait.last is not None and report.wait.last.troubled > 0
        if report.verdict is Verdict.STALLED:
            self._abandon(self._again(), f"nothing has moved for {self.options.stall_timeout:.0f} s")
        elif troubled:
            self._abandon(self._again(), "")

    def _abandon(self, plan: Plan, reason: str) -> None:
        """
        Give up what is still on its way: with an error, if no reason is given; else all of it.

        A newer text does not wait for an entry that will not move any more: another takes its place.
        """
        given_up: dict[str, str] = {}
        for row in plan.rows:
            if row.entry is None or (row.action is not Action.PENDING and row.method is not Method.LATER):
                continue
            if row.method is Method.LATER and reason and self.options.strategy != "update":
                self.state = self.state.distrust({row.entry.id})
                continue
            error = row.entry.seen.error
            if error or reason:
                given_up[row.key_hash] = f"{row.entry.seen.status}: {error or reason}"
        self.state = self.state.give_up(given_up)

    def _idle(self, plan: Plan) -> Plan:
        """Nothing was sent and nothing moved, though the totals name nothing on its way: pass some time."""
        now = time.time()
        self.idle_since = self.idle_since if self.idle_since is not None else now
        behind = any(confirmation.is_open(self.state, entry) for entry in self.session.held)
        patience = self.options.stall_timeout if behind else self.options.start_grace
        if now - self.idle_since < patience:
            self.session.sleep(min(self.options.poll_interval, self.options.start_grace))
            return self._again()
        self._abandon(plan, "the vendor's totals name nothing on its way, and its list shows it so")
        return self.plan()

    def _save(self, plan: Plan) -> saved_state.SavedState:
        return saved_state.dump(
            self.wanted,
            self.state,
            plan,
            started=self.started,
            deadline=self.session.deadline,
            digest=self.first,
            version=self.saved.version if self.saved else self.version,
            superseded=self.removals.superseded,
            polls=self.session.looks,
            worker=_worker(),
            owed=self.owed,
        )

    # --- remove ------------------------------------------------------------------------------------------

    def remove(self, plan: Plan) -> None:
        """Delete last: what was replaced always, what left the source only if nothing failed in this run."""
        self._remove_superseded(plan)
        gone = plan.of(Action.DELETE)
        if not gone:
            return
        if (why := self._why_withheld(plan)) is not None:
            self.removals = self.removals.withheld(gone, why)
            named = ", ".join(row.key for row in gone[:_NAMED])
            more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
            self.log.warning("Not deleted, %s: %s%s", why, named, more)
            return
        guards.refuse_deletions(plan, self.options.max_deletes, self.tag, self.destination.key)
        self.event.owe()
        self._delete(gone)

    def _remove_superseded(self, plan: Plan) -> None:
        """Remove entries whose document answers from a newer one: safe whatever the other documents do."""
        self._delete([row for row in plan.of(Action.SUPERSEDED) if row.entry])

    def _delete(self, rows: tuple[Row, ...] | list[Row]) -> None:
        due = [row for row in rows if row.entry and row.entry.id not in self.removals.ends]
        if not due:
            return
        ends: dict[int | str, Any] = {}
        try:
            self.session.ask(lambda: self.writer.remove(self.session.client, due, ends))
        finally:
            self.removals = self.removals.after(due, ends)
            gone = {each for each, answer in ends.items() if not isinstance(answer, AgentKnowledgeError)}
            for each, answer in ends.items():
                if answer is Deletion.ACCEPTED:
                    self.manifest.bury(each)
            self.session.forget(gone)

    def _why_withheld(self, plan: Plan) -> str | None:
        """Say why nothing that left the source may be deleted now; what failed on an earlier night is no reason."""
        unread = [row.key for row in plan.rows if row.wanted and row.wanted.skip in UNREAD]
        failed = [
            row.key
            for row in plan.of(Action.FAILED)
            if self.state.tried(row.key_hash) or self.state.of(row.key_hash).given_up
        ]
        moving = {
            (row.wanted.kind, row.wanted.digest)
            for row in plan.rows
            if row.wanted and row.action in _UNDERWAY
        }
        if any(row.entry and (row.entry.kind, row.entry.digest) in moving for row in plan.of(Action.DELETE)):
            return (
                "since what it says is still on its way to another entry; a run that waits for it deletes it"
            )
        if self.options.delete_on_failure:
            return None
        if unread:
            return f"since {unread[0]} could not be read; a run that reads everything deletes it"
        if failed or self.state.stopped:
            what = failed[0] if failed else "the vendor"
            return f"since {what} failed in this run; a run without failures deletes it"
        return None

    # --- report ------------------------------------------------------------------------------------------

    def tell(self, plan: Plan) -> dict[str, Any]:
        """Say what became of each document; raise for those that failed."""
        self._refuse_skipped(sent=bool(self.state.documents))
        lines = list(outcomes.outcomes(plan, self.state, self.removals))
        is_over = plan.settled and not self.destination.blind
        if self.destination.blind:
            self.log.warning("%s does not show how far it is: the end stays unseen", self.destination.key)
        result = self._head() | outcomes.applied(
            plan,
            lines,
            self.first,
            self.removals.still_answering,
            ended=is_over,
            is_owed=self.owed,
        )
        with telemetry.harmless("Writing the manifest"):
            self._note_markers(plan)
            self.manifest.save()
        if self.options.report:
            with telemetry.harmless(f"Writing the report {self.options.report}"):
                outcomes.write_report(self.options.report, result, lines)
        for outcome, number in result["counts"].items():
            telemetry.count("documents", self.destination.vendor, number, outcome=outcome)
        error = outcomes.failure(result, lines, self.state.stopped, outcomes.final_keys(plan, self.state))
        if error is not None and (self.options.on_failed_documents == "fail" or self.state.stopped):
            raise error
        if error is not None:
            self.log.warning("%s", error)
        self.journal.close()
        told = self._publish(result)
        if is_over:
            self.event.settle()
        return told

    def _note_markers(self, plan: Plan) -> None:
        known = {
            str(row.entry.id): row.entry.seen.marker
            for row in plan.of(Action.UNCHANGED)
            if row.entry and row.entry.seen.marker and row.entry.kind is Kind.TEXT
        }
        self.manifest.note_markers(known, {str(entry.id) for entry in self.session.held})

    def _tell_plan(self, plan: Plan) -> dict[str, Any]:
        theirs = guards.foreign(plan, self.tag)
        refused = (
            guards.too_many_deletions(plan, self.options.max_deletes)
            or guards.too_many_changes(plan, self.options.max_changes)
            or (f"{len(theirs)} entries to delete are another source's" if theirs else None)
        )
        if refused:
            self.log.warning("Applied, this plan would be refused: %s", refused)
        result = self._head() | outcomes.planned(plan, refused)
        rows = [{"key": row.key, "action": str(row.action), "reason": row.reason} for row in plan.rows]
        if self.options.report:
            outcomes.write_report(self.options.report, result, rows)
        return self._publish(result)

    def _head(self) -> dict[str, Any]:
        return outcomes.head(
            self.destination, self.options.sync_id, len(self.wanted), self.started, time.time()
        ) | {"polls": self.session.looks}

    def _publish(self, result: dict[str, Any]) -> dict[str, Any]:
        self.context["ti"].xcom_push(key="plan", value=result["plan"])
        return publish_result(self.context, self.log, result)


def _begun(plan: Plan, moved: Collection[str], leaving: Collection[str] | None) -> Plan:
    """
    Leave out of a resumed process's plan what was not in the one that its run began with.

    :param moved: key hashes of documents that say something else by now
    :param leaving: what was to be deleted; None: what is
    """

    def begun(row: Row) -> Row:
        if row.action is Action.RENAME:
            return replace(row, action=Action.UNCHANGED, reason="its title changed during the wait")
        if row.action in WRITES and row.key_hash in moved and row.method is not Method.ROLL_BACK:
            return replace(
                row, action=Action.FAILED, reason="it changed during the wait; the next run sends it"
            )
        if row.action is Action.DELETE and leaving is not None and row.key_hash not in leaving:
            return replace(row, action=Action.MISSING, reason="it left the source during the wait")
        return row

    return replace(plan, rows=tuple(begun(row) for row in plan.rows))


def _source_name(context: Context, options: SyncOptions) -> str:
    """Name the source; a list has no name but its task's, and each part of a mapped task is a source of its own."""
    ti = context["ti"]
    name = options.source_name or f"{getattr(ti, 'dag_id', '')}.{getattr(ti, 'task_id', '')}"
    index = getattr(ti, "map_index", -1)
    return name if index in (None, -1) else f"{name}[{index}]"


def _worker() -> str:
    """Name this worker, and its view of the disk: two containers of one host have two."""
    with suppress(OSError):
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/mnt')}"
    return socket.gethostname()
