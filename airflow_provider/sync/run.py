"""
The one road of a sync: ``execute`` and ``execute_complete`` both come here.

List, read the source, plan, guard; then rounds of *send, wait, list, plan again* until nothing is left to send and
nothing is on its way; then remove what is superseded or gone; then tell. A retry, and a worker that resumes after a
deferral, begin at the top: planning again is the resume.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider import telemetry
from airflow_provider.errors import AgentKnowledgeError
from airflow_provider.sync import outcomes as ledgers
from airflow_provider.sync import plan as plans
from airflow_provider.sync import refusals, waiting
from airflow_provider.sync import result as telling
from airflow_provider.sync.apply import Sender
from airflow_provider.sync.confirmation import Proofs
from airflow_provider.sync.documents import UNREAD, Wanted, version_of
from airflow_provider.sync.guards import too_many_deletions
from airflow_provider.sync.journal import Journal
from airflow_provider.sync.outcomes import Ledger
from airflow_provider.sync.plan import WRITES, Action, Method, Plan, Wishes
from airflow_provider.sync.progress import Verdict
from airflow_provider.sync.reading import Reading
from airflow_provider.sync.saved_state import Carried, Done, Given, SyncReport, pack, unpack
from airflow_provider.sync.session import Session
from airflow_provider.sync.spool import Spool
from airflow_provider.sync.waiting import Waiter
from airflow_provider.sync.writing import Writer
from airflow_provider.tasks.links import note_link
from airflow_provider.tasks.publish import publish_result

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.http.settings import SettingsSource
    from airflow_provider.operators.syncing import SyncOperator
    from airflow_provider.sync.destination import Destination
    from airflow_provider.sync.options import SyncOptions

#: A document's content is not yet where it shall answer from.
_UNDERWAY = WRITES | {Action.PENDING}

#: Skipped documents that the log names one by one.
_NAMED = 20


def run(
    operator: SyncOperator,
    context: Context,
    report: SyncReport | None,
    *,
    hook: SettingsSource,
    destination: Destination,
    options: SyncOptions,
) -> dict[str, Any]:
    """
    Go the road.

    :param operator: whose log is written
    :param report: what the trigger told; None at the start of a try
    :returns: the task's result, below 2 KB
    :raises DocumentsFailedError: some documents failed, and ``on_failed_documents`` says fail
    """
    now = time.time()
    deadline = report.carried.deadline if report else now + options.timeout
    journal = Journal(context)
    with (
        telemetry.span("sync", destination.vendor, destination.key),
        Session(hook, destination, options.concurrency, deadline) as session,
        Spool() as spool,
    ):
        note_link(context, lambda: session.client.settings.console_url, destination.key)
        return _Sync(context, operator.log, destination, options, journal, session, report, deadline).go(
            spool
        )


class _Sync:
    """One process of one sync."""

    def __init__(
        self,
        context: Context,
        log: Any,
        destination: Destination,
        options: SyncOptions,
        journal: Journal,
        session: Session,
        report: SyncReport | None,
        deadline: float,
    ) -> None:
        self.context = context
        self.log = log
        self.destination = destination
        self.options = options
        self.journal = journal
        self.session = session
        self.report = report
        self.carried = report.carried if report else None
        self.deadline = deadline
        self.started = self.carried.started if self.carried else time.time()
        self.first = self.carried.plan if self.carried else ""
        self.ledger = Ledger(superseded=self.carried.superseded if self.carried else 0)
        self.proofs = Proofs(destination.rules, options.start_grace)
        self.waiter = Waiter(session, destination, options, deadline, log)
        self.distrusted: set[int | str] = set()
        self.idle_since: float | None = None
        self.wanted: dict[str, Wanted] = {}

    def go(self, spool: Spool) -> dict[str, Any]:
        """From the top to the result."""
        if (
            self.report is not None
            and (error := waiting.failure(self.report, self.destination.key)) is not None
        ):
            raise error  # not the trouble that whoever looks now would meet, too
        self.session.list_held()
        self._read(spool)
        if self.report is not None:
            self._take(self.report)
        plan = self._plan(fresh=self.carried is None)
        for line in plan.lines():
            self.log.info("Plan %s: %s", plan.digest, line)
        if self.options.dry_run:
            return self._tell_plan(plan)
        self._guard(plan)
        self.first = self.first or plan.digest
        try:
            plan = self._settle(plan)
            self._remove(plan)
        except AgentKnowledgeError:
            self.log.info("So far: %s", self.writer)
            raise
        if self.destination.blind:
            self.log.warning("%s does not show how far it is: the end stays unseen", self.destination.key)
        ended = plan.settled and not self.destination.blind
        return self._tell(plan, ended=ended)

    def _settle(self, plan: Plan) -> Plan:
        """Go round until nothing is left to send and nothing is on its way; once, if nobody waits for that."""
        while not plan.settled:
            self._remove_superseded(plan)
            sent = self.sender.send(plan)
            if not self.options.waits:
                return self._again()
            if sent or plan.of(Action.PENDING) or any(row.method is Method.LATER for row in plan.rows):
                self._take(self.waiter.wait(self._carry))
            before, plan = plan, self._again()
            if not sent and plan.counts == before.counts:
                plan = self._idle(plan)
            else:
                self.idle_since = None
                if not sent:  # the totals may run ahead of the list
                    self.session.sleep(min(1.0, self.options.poll_interval))
        return plan

    # --- reading and planning ----------------------------------------------------------------------------

    def _read(self, spool: Spool) -> None:
        """Read the source once; keep what may have to be sent."""
        have = {(entry.key_hash, entry.digest) for entry in self.session.held if entry.usable}

        def keep(wanted: Wanted) -> bool:
            return (wanted.key_hash, wanted.digest) not in have or bool(self.journal.doubted)

        reading = Reading(
            self.options.source,
            self.destination.recipe,
            spool,
            keep,
            self.destination.manifest.glances,
            trusting=self.options.detect == "stat",
            may_be_empty=self.options.on_empty_source == "allow",
            sent=self.carried is not None,
        )
        self.wanted = {document.key_hash: document for document in reading.read()}
        self.writer = Writer(
            destination=self.destination,
            reading=reading,
            sync_id=self.options.sync_id,
            limit=self.session.limit,
            deadline=self.deadline,
            proofs=self.proofs,
            log=self.log,
            changed=lambda document: self.wanted.update({document.key_hash: document}),
        )
        self.sender = Sender(
            session=self.session,
            destination=self.destination,
            options=self.options,
            journal=self.journal,
            writer=self.writer,
            proofs=self.proofs,
            ledger=self.ledger,
        )
        skipped = [document for document in self.wanted.values() if document.skip]
        self._refuse_skipped(sent=self.carried is not None)
        for document in skipped[:_NAMED]:
            self.log.warning("%s is skipped (%s): %s", document.key, document.skip, document.detail)
        self.log.info(
            "Source: %d documents, %d of them skipped; vendor: %d entries of sync '%s'",
            len(self.wanted),
            len(skipped),
            len(self.session.held),
            self.options.sync_id,
        )
        if self.options.on_empty_source == "fail":
            refusals.empty_source(
                self.wanted.values(), self.session.held, self.destination.key, self.options.sync_id
            )
        self._remember()

    def _again(self) -> Plan:
        self.session.list_held()
        return self._plan()

    def _plan(self, *, fresh: bool = False) -> Plan:
        """Compare the source with the list as it was read last."""
        held = self.session.held
        self.proofs.feed(held)
        self._distrust()
        # It bears our mark and is at work: the write that nobody saw through has landed, and its end will tell.
        self.sender.doubted -= {entry.id for entry in held if entry.working}
        wishes = Wishes(
            delete_missing=self.options.delete_missing,
            strategy=self.options.strategy,
            retry_failed=self.options.retry_failed,
            patches_text=self.destination.patches,
            patches_title=self.destination.patches,
            fresh=fresh,
            proving=self.proofs.open(held),
            doubted=frozenset(self.sender.doubted),
            distrusted=frozenset(self.distrusted),
            tried=self.writer.done,
            given_up=self.writer.given_up,
        )
        plan = plans.make(self.wanted.values(), held, wishes)
        if fresh and self.options.adopt == "title" and plan.of(Action.CREATE):
            plan = plans.adopt(plan, self.session.do(self.destination.loose(self.session.client)))
        return plan

    def _distrust(self) -> None:
        """
        A write over a ready entry that nothing proves: another entry takes its place, whose end can be proven.

        A retry must not believe it either, so it stays noted.
        """
        for entry in self.session.held:
            if entry.id not in self.proofs.unproven:
                continue
            self.proofs.unproven.discard(entry.id)
            self.distrusted.add(entry.id)
            self.sender.doubted.add(entry.id)
            if self.options.strategy == "update":
                self.writer.given_up[entry.key_hash] = (
                    f"unconfirmed: entry {entry.id} reads {entry.seen.status}, but nothing shows that it was processed "
                    "since the write (strategy='replace' can prove it)"
                )
            else:
                self.log.info("Entry %s shows no sign of the write; it is replaced", entry.id)

    def _refuse_skipped(self, *, sent: bool) -> None:
        if self.options.strict:
            refusals.skipped_document(self.wanted.values(), sent=sent)

    def _guard(self, plan: Plan) -> None:
        """Refuse before anything is sent."""
        refusals.deletions(plan, self.options.max_deletes, self.destination.key)
        expected, version = self.options.expect_plan, self._version()
        if not expected:
            return
        if self.carried is not None:
            refusals.changed_source(version, self.carried, self.destination.key)
            return
        begun = self.journal.approved == expected and self.journal.version == version
        if not begun:
            refusals.other_plan(plan, expected, self.destination.key)
        self.journal.approve(expected, version)

    def _version(self) -> str:
        return version_of((each.key_hash, each.digest) for each in self.wanted.values())

    # --- the wait ----------------------------------------------------------------------------------------

    def _take(self, report: SyncReport) -> None:
        """Take the end of a wait: give up what will not move any more."""
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
        for row in plan.rows:
            if row.action is not Action.PENDING and row.method is not Method.LATER:
                continue
            assert row.entry is not None
            if row.method is Method.LATER and reason and self.options.strategy != "update":
                self.distrusted.add(row.entry.id)
                continue
            error = row.entry.seen.error
            if error or reason:
                self.writer.given_up[row.key_hash] = f"{row.entry.seen.status}: {error or reason}"

    def _idle(self, plan: Plan) -> Plan:
        """Nothing was sent and nothing moved, though the totals name nothing on its way: pass some time."""
        now = time.time()
        self.idle_since = self.idle_since if self.idle_since is not None else now
        behind = bool(self.proofs.open(self.session.held))  # single reads have told more than the list does
        patience = self.options.stall_timeout if behind else self.options.start_grace
        if now - self.idle_since < patience:
            self.session.sleep(min(self.options.poll_interval, self.options.start_grace))
            return self._again()
        self._abandon(plan, "the vendor's totals name nothing on its way, and its list shows it so")
        return self._plan()

    def _carry(self) -> Carried:
        given_up = list(self.writer.given_up.items())[:_NAMED]
        return Carried(
            started=self.started,
            deadline=self.deadline,
            plan=self.first,
            version=self._version(),
            done=pack(self.wanted, self.writer.done),
            given_up={key: reason[:120] for key, reason in given_up} or None,
            refused=pack(
                self.wanted,
                {
                    key: Given.NEVER if key in self.writer.final else Given.LATER
                    for key in self.writer.given_up
                },
            ),
            superseded=self.ledger.superseded,
            polls=self.session.looks,
        )

    def _remember(self) -> None:
        """Remember what an earlier process of this run did, as far as the source is still the same."""
        if self.carried is None:
            return
        self.session.looks = self.carried.polls + (self.report.wait.polls if self.report else 0)
        self.writer.given_up.update(self.carried.given_up or {})
        if self.carried.version != self._version():
            self.log.warning("The source changed during the wait; what changed is brought along now")
        try:
            self.writer.done.update(unpack(self.wanted, self.carried.done, Done))
            for key, given in unpack(self.wanted, self.carried.refused, Given).items():
                self.writer.given_up.setdefault(
                    key, "given up before the wait; the log of that time says why"
                )
                if given is Given.NEVER:
                    self.writer.final.add(key)
        except ValueError as error:
            self.log.warning("The counts speak of this process only: %s", error)

    # --- the end -----------------------------------------------------------------------------------------

    def _remove(self, plan: Plan) -> None:
        """Delete last: what was replaced always, what left the source only if nothing failed in this run."""
        self._remove_superseded(plan)
        gone = plan.of(Action.DELETE)
        if gone and (why := self._why_withheld(plan)) is not None:
            self.ledger.withhold(gone, why)
            named = ", ".join(row.key for row in gone[:_NAMED])
            more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
            self.log.warning("Not deleted, %s: %s%s", why, named, more)
        elif gone:
            refusals.deletions(plan, self.options.max_deletes, self.destination.key)
            self.session.ask(lambda: self.writer.remove(self.session.client, gone, self.ledger))
        self.destination.manifest.save()

    def _remove_superseded(self, plan: Plan) -> None:
        """Remove entries whose document answers from a newer one: safe whatever the other documents do."""
        rows = [
            row
            for row in plan.of(Action.SUPERSEDED)
            if row.entry and row.entry.id not in self.ledger.removed and not row.entry.awaits_upload
        ]
        if rows:
            self.session.ask(lambda: self.writer.remove(self.session.client, rows, self.ledger))

    def _why_withheld(self, plan: Plan) -> str | None:
        """Say why nothing that left the source may be deleted now; what failed on an earlier night is no reason."""
        unread = [row.key for row in plan.rows if row.wanted and row.wanted.skip in UNREAD]
        failed = [
            row.key
            for row in plan.of(Action.FAILED)
            if row.key_hash in self.writer.given_up or row.key_hash in self.writer.done
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
        if failed or self.writer.stopped:
            what = failed[0] if failed else "the vendor"
            return f"since {what} failed in this run; a run without failures deletes it"
        return None

    def _tell_plan(self, plan: Plan) -> dict[str, Any]:
        refused = too_many_deletions(plan, self.options.max_deletes)
        if refused:
            self.log.warning("Applied, this plan would be refused: %s", refused)
        result = self._head() | telling.planned(plan, refused)
        self._report(
            result, [{"key": row.key, "action": str(row.action), "reason": row.reason} for row in plan.rows]
        )
        return self._hand_over(result)

    def _tell(self, plan: Plan, *, ended: bool) -> dict[str, Any]:
        self._refuse_skipped(sent=bool(self.writer.done))
        lines = list(self.ledger.outcomes(plan, self.writer))
        result = self._head() | telling.applied(
            plan, lines, self.first, self.ledger.still_answering, ended=ended
        )
        self._report(result, lines)
        for outcome, number in result["counts"].items():
            telemetry.count("documents", self.destination.vendor, number, outcome=outcome)
        error = telling.failure(result, lines, self.writer.stopped, self._final())
        if error is not None and (self.options.on_failed_documents == "fail" or self.writer.stopped):
            raise error
        if error is not None:
            self.log.warning("%s", error)
        return self._hand_over(result)

    def _final(self) -> set[str]:
        """Return the keys of documents that would fail again as they are."""
        failed = {(entry.key_hash, entry.digest) for entry in self.session.held if entry.failed}
        return {
            document.key
            for document in self.wanted.values()
            if document.key_hash in self.writer.final or (document.key_hash, document.digest) in failed
        }

    def _head(self) -> dict[str, Any]:
        return telling.head(
            self.destination, self.options.sync_id, len(self.wanted), self.started, time.time()
        ) | {"polls": self.session.looks}

    def _report(self, result: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        if self.options.report:
            ledgers.write_report(self.options.report, result, lines)

    def _hand_over(self, result: dict[str, Any]) -> dict[str, Any]:
        self.context["ti"].xcom_push(key="plan", value=result["plan"])
        return publish_result(self.context, self.log, result)
