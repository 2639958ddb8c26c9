"""
The one road of a sync: ``execute`` and ``execute_complete`` both come here.

List, read the source, plan, guard; then rounds of *write, wait, list, plan again* until nothing is left to write
and nothing is on its way; then remove what is superseded or gone; then tell. A retry, and a worker that resumes
after a deferral, begin at the top: planning again is the resume.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider.api.client import AsyncClient
from airflow_provider.errors import (
    AgentKnowledgeError,
    ApiError,
    AuthenticationError,
    DeletionRefusedError,
    DocumentsFailedError,
    DocumentsFailedForGoodError,
    EmptySourceError,
    MarkLostError,
    PlanChangedError,
    ReadFailuresError,
    RefreshTimeoutError,
)
from airflow_provider.hooks import telemetry
from airflow_provider.hooks.deferral import defer
from airflow_provider.hooks.watch import judge_failed_tally
from airflow_provider.operators.handover import hand_over
from airflow_provider.operators.sync import ledger as ledgers
from airflow_provider.operators.sync.crew import Crew
from airflow_provider.operators.sync.ledger import Ledger
from airflow_provider.operators.sync.proving import Proofs
from airflow_provider.operators.sync.writing import Writer, batches, pauses
from airflow_provider.refresh.sync import plan as plans
from airflow_provider.refresh.sync import progress
from airflow_provider.refresh.sync.carried import Carried, SyncReport, pack, unpack
from airflow_provider.refresh.sync.documents import Held, Wanted, version_of
from airflow_provider.refresh.sync.guards import too_many_deletions
from airflow_provider.refresh.sync.plan import Action, Method, Plan, Row, Wishes
from airflow_provider.refresh.sync.progress import SyncWait, Verdict
from airflow_provider.refresh.sync.totals import tally
from airflow_provider.sources.reading import Reading
from airflow_provider.sources.spool import Spool

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.hooks.base import KnowledgeHook
    from airflow_provider.operators.sync.destination import Destination
    from airflow_provider.operators.sync.journal import Journal
    from airflow_provider.operators.sync.options import SyncOptions

T = TypeVar("T")


class Sync:
    """One process of one sync; its loop and its client live as long as it does."""

    def __init__(
        self,
        *,
        context: Context,
        log: Any,
        hook: KnowledgeHook,
        destination: Destination,
        options: SyncOptions,
        journal: Journal,
        report: SyncReport | None,
    ) -> None:
        self.context = context
        self.log = log
        self.hook = hook
        self.destination = destination
        self.options = options
        self.journal = journal
        self.carried = report.carried if report else None
        self.report = report
        now = time.time()
        self.started = self.carried.started if self.carried else now
        self.deadline = self.carried.deadline if self.carried else now + options.timeout
        self.ledger = Ledger(superseded=self.carried.superseded if self.carried else 0)
        self.polls = self.carried.polls if self.carried else 0
        self.first: Plan | None = None
        self.distrusted: set[int | str] = set()
        self.doubted = set(journal.doubted)
        self.ripe_at: float | None = None
        self.idle_since: float | None = None
        self.rotated = False
        self.client: Any = None
        self.wanted: dict[str, Wanted] = {}

    def run(self) -> dict[str, Any]:
        """
        Go the road.

        :returns: the task's result, below 2 KB
        :raises DocumentsFailedError: some documents failed, and ``on_failed_documents`` says fail
        """
        telling = telemetry.span("sync", self.destination.vendor, self.destination.key)
        with telling, asyncio.Runner() as self.runner, Spool() as spool:
            self.crew = Crew(self.options.concurrency)
            self._connect()
            try:
                return self._run(spool)
            finally:
                self._do(self.client.aclose())

    def _run(self, spool: Spool) -> dict[str, Any]:
        held = self._do(self.destination.held(self.client))
        self._read(held, spool)
        self._restore()
        if self.report is not None:
            self._judge(self.report)
        plan = self._plan(held)
        self.first = plan
        self._tell(plan)
        if self.options.dry_run:
            return self._dry(plan)
        self._guard(plan)
        while not plan.settled:
            sent = self._write(plan)
            if not self.options.waits:
                return self._finish(self._plan(self._list()), removed=False)
            self._wait(plan, sent)
            before, plan = plan, self._plan(self._list())
            if sent or plan.counts != before.counts:
                self.idle_since = None
            elif self._idle():
                self._abandon(plan, "the vendor's list and its totals do not agree on it")
                plan = self._plan(self.held)
        return self._finish(self._remove(plan), removed=True)

    def _connect(self) -> None:
        """Read the connection, and open a client of this sync's own: as many connections as it has hands."""
        settings = self.hook.settings()
        told = settings.on_rate_limit

        def limited(vendor: str) -> None:
            self.crew.halve()
            if told is not None:
                told(vendor)

        if self.client is not None:
            self._do(self.client.aclose())
        most = self.options.concurrency
        self.client = AsyncClient(replace(settings, max_in_flight=most, on_rate_limit=limited))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop; in between no loop runs, so that Airflow's own calls may block."""
        return self.runner.run(work)

    # --- reading and planning ----------------------------------------------------------------------------

    def _read(self, held: list[Held], spool: Spool) -> None:
        have = {(entry.key_hash, entry.digest) for entry in held if entry.usable}

        def keep(wanted: Wanted) -> bool:
            return (wanted.key_hash, wanted.digest) not in have or bool(self.doubted)

        self.reading = Reading(self.options.source, self.destination.recipe, spool, keep)
        self.wanted = {document.key_hash: document for document in self.reading.read()}
        self.writer = Writer(
            destination=self.destination,
            reading=self.reading,
            sync_id=self.options.sync_id,
            crew=self.crew,
            proofs=Proofs(self.destination.rules, self.options.start_grace),
            log=self.log,
            changed=self._changed,
        )
        skipped = [document for document in self.wanted.values() if document.skip]
        for document in skipped[:20]:
            self.log.warning("%s is skipped (%s): %s", document.key, document.skip, document.detail)
        self.log.info(
            "Source: %d documents, %d of them skipped; vendor: %d entries of sync '%s'",
            len(self.wanted),
            len(skipped),
            len(held),
            self.options.sync_id,
        )
        if not self.wanted and self.options.on_empty_source == "fail":
            raise EmptySourceError(
                f"The source holds no document at all, while {self.destination.key} holds {len(held)} entries of sync "
                f"'{self.options.sync_id}'. Nothing was sent or deleted. A retry looks again; if the source is meant "
                "to be empty, set on_empty_source='allow'."
            )

    def _changed(self, document: Wanted) -> None:
        self.wanted[document.key_hash] = document

    def _plan(self, held: list[Held]) -> Plan:
        self.held = held
        proofs = self.writer.proofs
        proofs.feed(held)
        self._distrust()
        fresh = self.carried is None and self.first is None
        wishes = Wishes(
            delete_missing=self.options.delete_missing,
            strategy=self.options.strategy,
            retry_failed=self.options.retry_failed,
            patches_text=self.destination.patches,
            patches_title=self.destination.patches,
            fresh=fresh,
            proving=proofs.open(held),
            doubted=frozenset(self.doubted),
            distrusted=frozenset(self.distrusted),
            tried=self.writer.done,
            given_up=self.writer.given_up,
        )
        plan = plans.make(self.wanted.values(), held, wishes)
        if self.options.adopt == "title" and fresh and plan.of(Action.CREATE):
            plan = plans.adopt(plan, self._do(self.destination.loose(self.client)))
        return plan

    def _distrust(self) -> None:
        """A write over a ready entry that nothing proves: another entry takes its place, whose end can be proven."""
        for entry in self.held:
            if entry.id not in self.writer.proofs.unproven:
                continue
            self.writer.proofs.unproven.discard(entry.id)
            if self.options.strategy == "update":
                self.writer.given_up[entry.key_hash] = (
                    f"unconfirmed: entry {entry.id} reads {entry.seen.status}, but nothing shows that it was processed "
                    "since the write (strategy='replace' can prove it)"
                )
            else:
                self.log.info("Entry %s shows no sign of the write; it is replaced", entry.id)
                self.distrusted.add(entry.id)

    def _tell(self, plan: Plan) -> None:
        for line in plan.lines():
            self.log.info("Plan %s: %s", plan.digest, line)

    def _guard(self, plan: Plan) -> None:
        """Refuse before anything is written; a run that goes on after a deferral was let through already."""
        if (reason := too_many_deletions(plan, self.options.max_deletes)) is not None:
            raise DeletionRefusedError(
                f"{self.destination.key}: {reason}. Nothing was deleted{'' if self.carried else ', nothing sent'}. A "
                "retry is refused as well. Is the source whole? If it is, raise max_deletes for this run."
            )
        expected, version = self.options.expect_plan, self._version()
        if self.carried is not None:
            if expected and version != self.carried.version:
                raise PlanChangedError(
                    "The source changed while the approved plan was being applied; nothing more was sent. Make a plan "
                    "again (dry_run=True) and have it approved."
                )
            return
        if not expected:
            return
        goes_on = self.journal.approved == expected and self.journal.version == version
        if plan.digest != expected and not goes_on:
            raise PlanChangedError(
                f"The plan is {plan.digest}, not {expected}: source or knowledge base changed since. Nothing was "
                "sent, and a retry is refused as well. Make a plan again (dry_run=True) and have it approved."
            )
        self.journal.approve(expected, version)

    def _version(self) -> str:
        return version_of((each.key_hash, each.digest) for each in self.wanted.values())

    # --- writing -----------------------------------------------------------------------------------------

    def _write(self, plan: Plan) -> bool:
        """Send what the plan says; return whether anything was sent."""
        lost = [row for row in plan.of(Action.SUPERSEDED) if row.entry and row.entry.awaits_upload]
        if lost:
            self._do(self.writer.remove(self.client, lost, self.ledger.note))
        rows = self._ripe(plan)
        proofs = self.writer.proofs
        for batch in batches(rows):
            if self.writer.stopped:
                break
            over = [row.entry for row in batch if row.method is Method.PATCH and row.entry]
            self.doubted -= {entry.id for entry in over}
            self.journal.unproven({*self.doubted, *proofs.waits, *(entry.id for entry in over)})
            self._do(self.writer.send(self.client, batch))
            if over:
                self._look(set(proofs.waits))
        if self.writer.stopped:
            left = [*plan.writes, *(row for row in plan.rows if row.method is Method.LATER)]
            for row in left:
                if row.key_hash not in self.writer.done:
                    self.writer.given_up.setdefault(row.key_hash, f"stopped: {self.writer.stopped}")
        self._see()
        self._prove()
        self.journal.unproven({*self.doubted, *proofs.waits})
        return bool(rows)

    def _ripe(self, plan: Plan) -> list[Row]:
        """Return the rows to send now; entries whose last step may be still to come go last, after a grace."""
        rows = [row for row in plan.writes if row.key_hash not in self.writer.given_up]
        early = [
            row
            for row in rows
            if row.method is Method.PATCH and row.entry is not None and self.destination.unripe(row.entry)
        ]
        if not early:
            return rows
        if self.ripe_at is None:
            self.ripe_at = time.time() + self.options.start_grace
        if time.time() >= self.ripe_at:
            return rows
        ripe = [row for row in rows if row not in early]
        if not ripe:
            self._sleep(self.ripe_at - time.time())
        return ripe

    def _look(self, ids: set[int | str]) -> None:
        """Look at entries that were just written."""
        if ids:
            pages = max(1, (len(self.held) + 99) // 100)
            seen = self._do(self.destination.observe(self.client, ids, pages))
            self.polls += 1
            self.writer.proofs.feed(seen)
            self.writer.proofs.missing([*seen, *(each for each in self.held if each.id not in ids)])

    def _see(self) -> None:
        """Wait until the list shows what was created: whoever plans without it would create it again."""
        deadline = time.time() + self.options.start_grace
        pause = 0.5
        while self.writer.made:
            held = self._list()
            self.writer.made -= {entry.id for entry in held}
            if not self.writer.made:
                return
            if time.time() >= deadline:
                break
            self._sleep(pause)
            pause = min(2 * pause, self.options.poll_interval)
        if not self.writer.made:
            return
        known = self._do(self.destination.observe(self.client, self.writer.made, len(self.writer.made)))
        lost = sorted(self.writer.made - {entry.id for entry in known}, key=str)
        self.writer.made.clear()
        if lost:
            raise MarkLostError(
                f"{self.destination.key}: the entries {lost[:10]} were created, but the vendor does not show them by "
                "their mark: their titles were changed or cut, or somebody deleted them. Going on would create them "
                "again and again. Look at their titles; shorten the documents' titles."
            )

    def _prove(self) -> None:
        """Look until each entry that was written over has shown a sign, or its grace is over."""
        proofs, waits = self.writer.proofs, pauses()
        while proofs.waits:
            self._sleep(next(waits, self.options.poll_interval))
            self._look(set(proofs.waits))

    # --- waiting -----------------------------------------------------------------------------------------

    def _wait(self, plan: Plan, sent: bool) -> None:
        """Wait until nothing of ours is on its way."""
        coming = plan.of(Action.PENDING) or any(row.method is Method.LATER for row in plan.rows)
        if not sent and not coming:
            return
        now = time.time()
        wait = SyncWait(
            started=now,
            deadline=self.deadline,
            stall_timeout=self.options.stall_timeout,
            start_grace=self.options.start_grace,
            poll_interval=self.options.poll_interval,
            max_read_failures=self.options.max_read_failures,
        )
        wait, verdict, error = self._step(wait)
        if verdict is Verdict.WAIT and self.options.deferrable:
            carried = self._carry()
            self.log.info("Waiting in the triggerer, %.0f s at most", self.deadline - now)
            defer(wait, lambda not_before: self.destination.trigger(wait, carried, not_before))
        while verdict is Verdict.WAIT:
            asked = error.retry_after if error else None
            self._sleep(progress.next_look(wait, time.time(), random.random(), asked))
            wait, verdict, error = self._step(wait)
        failure = error.to_json() if error else None
        self._judge(SyncReport(wait=wait, verdict=verdict, carried=self._carry(), error=failure))

    def _step(self, wait: SyncWait) -> tuple[SyncWait, Verdict, ApiError | None]:
        """Look once."""
        before = wait.last
        try:
            seen = self._tally()
        except ApiError as error:
            if isinstance(error, AuthenticationError) and not self.rotated:
                self.rotated = True  # a key may have been rotated in the middle of the wait
                self._connect()
                return self._step(wait)
            wait, verdict = judge_failed_tally(wait, error, time.time())
            self.log.warning("Look %d in a row failed: %s", wait.failures, error)
            return wait, verdict, error
        if seen != before:
            self.log.info("%s", seen)
        wait, verdict = progress.look(wait, seen, time.time())
        return wait, verdict, None

    def _tally(self) -> progress.Tally:
        async def read() -> progress.Tally:
            seen = []
            for target in self.destination.totals:
                answer = await self.client.send(target.read(), retry=False)
                seen.append(target.observe(answer))
            return tally(seen)

        self.polls += 1
        return self._do(read())

    def _judge(self, report: SyncReport) -> None:
        """Take the end of a wait."""
        match report.verdict:
            case Verdict.DONE | Verdict.WAIT:
                if report.wait.last is not None and report.wait.last.troubled:
                    self._abandon(self._plan(self._list()), "")
            case Verdict.STALLED:
                self._abandon(
                    self._plan(self._list()), f"it has not moved for {self.options.stall_timeout:.0f} s"
                )
            case Verdict.TIMED_OUT:
                raise RefreshTimeoutError(
                    f"{self.destination.key}: {report.wait.last.working if report.wait.last else 'some'} entries are "
                    f"still in work after {self.options.timeout:.0f} s. The vendor goes on with them. A retry plans "
                    "anew and joins them; what is done is not sent again."
                )
            case Verdict.UNREADABLE:
                raise ReadFailuresError(
                    f"{self.destination.key}: {report.wait.failures} looks in a row failed, the last with: "
                    f"{(report.error or {}).get('message')}. That says nothing of the entries. A retry plans anew."
                )
            case Verdict.REFUSED:
                raise ApiError.from_json(report.error or {})

    def _abandon(self, plan: Plan, reason: str) -> None:
        """Give up what is still on its way: with an error, if no reason is given; else all of it."""
        for row in plan.of(Action.PENDING):
            assert row.entry is not None
            error = row.entry.seen.error
            if error or reason:
                told = f"{row.entry.seen.status}: {error}" if error else f"{row.entry.seen.status}: {reason}"
                self.writer.given_up[row.key_hash] = told
        if reason:
            for row in plan.rows:
                if row.method is Method.LATER:
                    self.writer.given_up[row.key_hash] = f"an older text of it is in work, and {reason}"

    def _carry(self) -> Carried:
        given_up = self.writer.given_up
        return Carried(
            started=self.started,
            deadline=self.deadline,
            plan=self.first.digest if self.first else "",
            version=self._version(),
            done=pack(self.wanted, self.writer.done),
            given_up={key: given_up[key][:120] for key in list(given_up)[:50]} or None,
            superseded=self.ledger.superseded,
            polls=self.polls,
        )

    def _restore(self) -> None:
        """Remember what an earlier process of this run did, as far as the source is still the same."""
        if self.carried is None:
            return
        self.writer.given_up.update(self.carried.given_up or {})
        if self.carried.version != self._version():
            self.log.warning("The source changed during the wait; what changed is brought along now")
        try:
            self.writer.done.update(unpack(self.wanted, self.carried.done))
        except ValueError as error:
            self.log.warning("Counts speak of this process only: %s", error)

    def _idle(self) -> bool:
        """Nothing was sent and nothing moved: pass some time, and say whether the grace for that is over."""
        now = time.time()
        self.idle_since = self.idle_since if self.idle_since is not None else now
        if now - self.idle_since >= self.options.start_grace:
            return True
        self._sleep(min(self.options.poll_interval, self.options.start_grace))
        return False

    # --- the end -----------------------------------------------------------------------------------------

    def _remove(self, plan: Plan) -> Plan:
        """Delete last: what was replaced always, what left the source only if nothing failed."""
        gone = plan.of(Action.DELETE)
        if gone:
            trouble = self.writer.stopped or (plan.of(Action.FAILED) and "documents failed")
            if trouble:
                why = f"not asked for, since {trouble}; the next run deletes it"
                self.ledger.withhold(gone, why)
                gone = ()
            elif (reason := too_many_deletions(plan, self.options.max_deletes)) is not None:
                raise DeletionRefusedError(f"{self.destination.key}: {reason}. Nothing was deleted.")
        rows = [*plan.of(Action.SUPERSEDED), *gone]
        rows = [row for row in rows if row.entry is not None and row.entry.id not in self.ledger.removed]
        if rows:
            self._do(self.writer.remove(self.client, rows, self.ledger.note))
        return plan

    def _finish(self, plan: Plan, *, removed: bool) -> dict[str, Any]:
        lines = list(self.ledger.outcomes(plan, self.writer))
        counts = ledgers.counts(lines)
        wrote = any(counts.get(name) for name in _CHANGES)
        now = time.time()
        assert self.first is not None
        result: dict[str, Any] = {
            "vendor": self.destination.vendor,
            "target": self.destination.key,
            "outcome": "refreshed" if wrote else "skipped",
            "status": "in_work" if plan.of(Action.PENDING) else "in_sync",
            "credits_charged": 0.0,
            "sync_id": self.options.sync_id,
            "documents": len(self.wanted),
            "counts": counts,
            "superseded": self.ledger.superseded,
            "failed": ledgers.failures(lines),
            "version": ledgers.live_version(plan),
            "plan": self.carried.plan if self.carried else self.first.digest,
            "started": round(self.started, 3),
            "finished": round(now, 3),
            "seconds": round(now - self.started, 3),
            "polls": self.polls,
            "ended": removed,
            "reason": ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to do",
        }
        if self.options.report:
            ledgers.write_report(self.options.report, result, lines)
        for line in lines:
            if line["outcome"] == "failed":
                self.log.error("%s failed: %s", line["key"], line.get("reason"))
        error = self._error(result, lines)
        if error is not None and (self.options.on_failed_documents == "fail" or self.writer.stopped):
            raise error
        if error is not None:
            self.log.warning("%s", error)
        return hand_over(self.context, self.log, result)

    def _error(self, result: dict[str, Any], lines: list[dict[str, Any]]) -> AgentKnowledgeError | None:
        failed = [
            line
            for line in lines
            if line["outcome"] in ("failed", "delete_refused", "superseded_delete_refused")
        ]
        if not failed:
            return None
        first = "; ".join(f"{line['key']}: {line.get('reason')}" for line in failed[:5])
        documents = [key for key, each in self.wanted.items() if self._final(key, each)]
        bad = sum(line["outcome"] == "failed" for line in failed)
        for_good = not self.writer.stopped and len(documents) >= len(failed)
        kind = DocumentsFailedForGoodError if for_good else DocumentsFailedError
        again = (
            "It is not tried again, since they would fail again as they are: change them, or set retry_failed='always'."
            if for_good
            else "A retry plans anew and sends only what is missing."
        )
        stopped = f" The run stopped early: {self.writer.stopped}." if self.writer.stopped else ""
        return kind(
            f"{self.destination.key}: {bad} of {result['documents']} documents failed ({result['reason']}).{stopped} "
            f"What succeeded stays, and what the vendor had of the others too. {first}. {again}",
            result,
        )

    def _final(self, key: str, document: Wanted) -> bool:
        """Would this document fail again as it is?"""
        if key in self.writer.final:
            return True
        mine = [entry for entry in self.held if entry.key_hash == key and entry.digest == document.digest]
        return bool(mine) and all(entry.failed for entry in mine)

    def _dry(self, plan: Plan) -> dict[str, Any]:
        reason = ", ".join(f"{count} {action}" for action, count in plan.counts.items()) or "nothing to do"
        refused = too_many_deletions(plan, self.options.max_deletes)
        if refused:
            self.log.warning("Applied, this plan would be refused: %s", refused)
        now = time.time()
        result = {
            "vendor": self.destination.vendor,
            "target": self.destination.key,
            "outcome": "skipped",
            "status": None,
            "dry_run": True,
            "credits_charged": 0.0,
            "sync_id": self.options.sync_id,
            "documents": len(self.wanted),
            "counts": plan.counts,
            "plan": plan.digest,
            "changes": any(row.action in plans.WRITES | plans.REMOVALS for row in plan.rows),
            "refused": refused,
            "seconds": round(now - self.started, 3),
            "ended": False,
            "reason": f"dry run, nothing was sent: would be {reason}",
        }
        if self.options.report:
            lines = [{"key": row.key, "action": str(row.action), "reason": row.reason} for row in plan.rows]
            ledgers.write_report(self.options.report, result, lines)
        return hand_over(self.context, self.log, result)

    def _list(self) -> list[Held]:
        self.held = self._do(self.destination.held(self.client))
        return self.held

    def _sleep(self, seconds: float) -> None:
        """
        Pass time.

        :raises RefreshTimeoutError: it would pass the deadline
        """
        if time.time() + seconds > self.deadline + self.options.start_grace:
            raise RefreshTimeoutError(
                f"{self.destination.key}: not through after {self.options.timeout:.0f} s. The vendor goes on with what "
                "was sent. A retry plans anew, and sends only what is missing."
            )
        time.sleep(max(0.0, seconds))


_FAILED = ("failed", "delete_refused", "superseded_delete_refused")
_CHANGES = ("created", "updated", "renamed", "deleted", "delete_accepted")
