"""What the page must think: one table, judged by Node in the unit tests and by Chromium in the browser tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[3] / "airflow_provider" / "plugin" / "judgement.js"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
AGENT = "sendkit://agents/664a1b2c3d4e5f6a7b8c9d0e"
REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"
BASE = f"sensay://replicas/{REPLICA}/knowledge-base"


def ms(at: datetime) -> float:
    return at.timestamp() * 1000


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def ago(**age: float) -> datetime:
    return NOW - timedelta(**age)


def asset(uri: str = AGENT, number: int = 1, **more: Any) -> dict[str, Any]:
    """An asset as the REST API shows it."""
    return {"id": number, "uri": uri, "name": uri, "extra": {}, "producing_tasks": [], **more}


def event(
    at: datetime, number: int = 1, task: str = "retrain", index: int = -1, **extra: Any
) -> dict[str, Any]:
    """An asset event of one of our tasks."""
    told = {
        "outcome": "refreshed",
        "status": "completed",
        "credits_charged": 10.0,
        "marker": iso(at),
        "counts": {"pages": 25, "documents": 3},
        "confirmed": True,
        "ended": True,
        **extra,
    }
    return {
        "asset_id": number,
        "timestamp": iso(at),
        "extra": told,
        "source_dag_id": "nightly",
        "source_run_id": f"run {iso(at)}",
        "source_task_id": task,
        "source_map_index": index,
    }


def task(state: str, at: datetime | None, **more: Any) -> dict[str, Any]:
    """A task instance; ``at`` is its end, None while it is at work."""
    return {
        "dag_id": "nightly",
        "dag_run_id": "today",
        "task_id": "retrain",
        "map_index": -1,
        "state": state,
        "try_number": 2,
        "end_date": iso(at) if at else None,
        "start_date": iso(ago(minutes=5)),
        "queued_when": None,
        "rendered_fields": {},
        **more,
    }


def world(*events: Any, tasks: Any = (), assets: Any = (), dags: Any = ()) -> dict[str, Any]:
    return {
        "events": list(events),
        "tasks": list(tasks),
        "assets": list(assets) or [asset()],
        "dags": list(dags),
    }


def daily(count: int = 5, *, first: float = 2.0) -> list[dict[str, Any]]:
    """Refreshes a day apart, the newest some hours old."""
    return [event(ago(days=day, hours=first)) for day in range(count)]


@dataclass(frozen=True)
class Case:
    """
    :param call: an expression of the functions in ``j``, the facts in ``w`` and the time in ``now``
    """

    says: str
    call: str
    gives: Any
    facts: Any = None

    def __str__(self) -> str:
        return self.says

    @property
    def program(self) -> str:
        facts = json.dumps(self.facts)
        return f"((j, w, now) => ({self.call}))(j, {facts}, {ms(NOW)})"


def row(says: str, members: dict[str, Any], facts: dict[str, Any]) -> Case:
    """The first row that these facts give, by some of its members."""
    names = json.dumps(list(members))
    pick = f"{names}.map((name) => name.split('.').reduce((part, key) => part?.[key] ?? null, j.merge(w, now)[0]))"
    return Case(says, pick, list(members.values()), facts)


HOUR = 3_600_000
OLD = {"max_age": 36 * 3600}

CASES = [
    # --- states
    row("never refreshed is never", {"state": "never", "known": None, "age": None, "last": None}, world()),
    row("young is fresh", {"state": "fresh", "age": 2 * HOUR, "known": ms(ago(hours=2))}, world(*daily())),
    row(
        "the last quarter of the budget is ageing",
        {"state": "ageing", "budget.age": 36 * HOUR, "budget.assumed": False},
        world(event(ago(hours=28)), assets=[asset(extra=OLD)]),
    ),
    row(
        "and not before",
        {"state": "fresh"},
        world(event(ago(hours=27)), assets=[asset(extra=OLD)]),
    ),
    row(
        "older than the budget is stale, though every task was green",
        {"state": "stale", "stale": True, "failing": False},
        world(event(ago(hours=37)), assets=[asset(extra=OLD)]),
    ),
    row(
        "exactly at its budget is not yet stale",
        {"state": "ageing", "stale": False},
        world(event(ago(hours=36)), assets=[asset(extra=OLD)]),
    ),
    row(
        "a task that failed after the last refresh is failing",
        {"state": "failing", "failing": True, "last.outcome": "failed", "last.tries": 2},
        world(*daily(), tasks=[task("failed", ago(hours=1))]),
    ),
    row(
        "a failure before the last refresh is over",
        {"state": "fresh", "failing": False},
        world(*daily(), tasks=[task("failed", ago(hours=3))]),
    ),
    row(
        "a try that failed and is repeated is failing too",
        {"state": "failing"},
        world(*daily(), tasks=[task("up_for_retry", ago(minutes=1))]),
    ),
    row(
        "failing and stale are both counted, failing is said",
        {"state": "failing", "stale": True, "failing": True},
        world(event(ago(days=9)), tasks=[task("failed", ago(hours=1))]),
    ),
    row(
        "at work is running, whatever it was before",
        {"state": "running", "stale": True, "failing": False},
        world(event(ago(days=9)), tasks=[task("deferred", None)]),
    ),
    row(
        "a failure stays counted while the next try runs",
        {"state": "running", "failing": True},
        world(*daily(), tasks=[task("running", None), task("failed", ago(hours=1))]),
    ),
    row(
        "a first run that failed is failing, and knows nothing",
        {"state": "failing", "known": None, "age": None},
        world(tasks=[task("failed", ago(hours=1), rendered_fields={"agent_id": AGENT[-24:]})]),
    ),
    row(
        "an end that nobody awaited is running for a day",
        {"state": "running", "known": None},
        world(event(ago(hours=1), ended=False, outcome="submitted")),
    ),
    row(
        "and then no longer",
        {"state": "never"},
        world(event(ago(hours=25), ended=False, outcome="submitted")),
    ),
    # --- since when
    row(
        "the vendor's marker counts, not the task's time",
        {"known": ms(ago(days=21)), "state": "stale"},
        world(event(ago(hours=1), outcome="skipped", marker=iso(ago(days=21)))),
    ),
    row(
        "the latest marker counts, whatever came in last",
        {"known": ms(ago(hours=3))},
        world(event(ago(hours=1), marker=iso(ago(hours=9))), event(ago(hours=2), marker=iso(ago(hours=3)))),
    ),
    row(
        "without markers the last change counts, and no skip",
        {"known": ms(ago(days=3))},
        world(event(ago(hours=1), outcome="skipped", marker=None), event(ago(days=3), marker=None)),
    ),
    row(
        "of skips alone the oldest counts",
        {"known": ms(ago(days=4))},
        world(*[event(ago(days=day), outcome="skipped", marker=None) for day in (1, 4)]),
    ),
    row(
        "what a watcher saw is known, though nobody here refreshed it",
        {"known": ms(ago(hours=3)), "state": "fresh", "last.outcome": "seen"},
        world(
            {
                **event(ago(hours=1)),
                "extra": {
                    "from_trigger": True,
                    "payload": {"status": "completed", "marker": iso(ago(hours=3))},
                },
            }
        ),
    ),
    row(
        "an event made by hand proves nothing",
        {"known": None, "state": "never"},
        world({**event(ago(hours=1)), "extra": {"from_rest_api": True}}),
    ),
    row(
        "an unreadable marker is none",
        {"known": ms(ago(hours=2)), "state": "fresh"},
        world(event(ago(hours=2), marker="yesterday")),
    ),
    row(
        "a vendor's clock that is ahead makes nothing negative",
        {"age": 0, "state": "fresh"},
        world(event(ago(hours=2), marker=iso(ago(hours=-1)))),
    ),
    # --- budgets
    row(
        "nobody said how old it may be: twice the usual gap",
        {"budget.age": 14 * 24 * HOUR, "budget.assumed": True, "state": "fresh"},
        world(*[event(ago(days=day)) for day in (3, 10, 17, 24)]),
    ),
    row(
        "and no less than 36 hours",
        {"budget.age": 36 * HOUR, "budget.assumed": True},
        world(*[event(ago(minutes=minutes)) for minutes in (1, 3, 5, 9)]),
    ),
    row(
        "with one refresh the schedule tells the gap",
        {"budget.age": 14 * 24 * HOUR, "nextRun": ms(ago(days=-4))},
        world(
            event(ago(days=3)),
            dags=[{"dag_id": "nightly", "is_paused": False, "next_dagrun_run_after": iso(ago(days=-4))}],
        ),
    ),
    row(
        "the newest refresh may say it",
        {"budget.age": 12 * HOUR, "budget.assumed": False, "state": "stale"},
        world(event(ago(hours=13), max_age=12 * 3600)),
    ),
    row(
        "and so may the arguments of a task that failed",
        {"budget.age": 12 * HOUR, "budget.assumed": False},
        world(
            event(ago(hours=1)), tasks=[task("failed", ago(minutes=1), rendered_fields={"max_age": "43200"})]
        ),
    ),
    row(
        "a paused DAG has no next run",
        {"paused": True, "nextRun": None},
        world(
            *daily(),
            dags=[{"dag_id": "nightly", "is_paused": True, "next_dagrun_run_after": iso(ago(days=-1))}],
        ),
    ),
    # --- whose task is it
    Case(
        "a failed task belongs to the entry that its rendered fields name",
        "j.merge(w, now).map((row) => [row.name, row.state])",
        [["entry 12", "never"], ["entry 13", "failing"], ["knowledge base of replica 03db…9c53", "never"]],
        world(
            assets=[asset(f"{BASE}/12", 1), asset(f"{BASE}/13", 2), asset(BASE, 3)],
            tasks=[task("failed", ago(hours=1), rendered_fields={"replica_uuid": REPLICA, "entry_id": 13})],
        ),
    ),
    Case(
        "a mapped task that told of an asset before belongs to it",
        "j.merge(w, now).map((row) => row.state)",
        ["fresh", "failing"],
        world(
            event(ago(hours=9), 1, index=0),
            event(ago(hours=9), 2, index=1),
            assets=[asset("sendkit://agents/a", 1), asset("sendkit://agents/b", 2)],
            tasks=[task("failed", ago(hours=1), map_index=1)],
        ),
    ),
    Case(
        "one whose arguments name another target does not, whatever it told of before",
        "j.merge(w, now).map((row) => [row.name, row.state])",
        [["agent a", "fresh"], ["agent b", "running"]],
        world(
            event(ago(hours=9)),
            assets=[asset("sendkit://agents/a")],
            tasks=[task("deferred", None, rendered_fields={"agent_id": "b"})],
        ),
    ),
    Case(
        "one that never told belongs to its outlets",
        "j.merge(w, now).map((row) => row.state)",
        ["failing"],
        world(
            assets=[
                asset("sendkit://agents/sales", producing_tasks=[{"dag_id": "nightly", "task_id": "retrain"}])
            ],
            tasks=[task("failed", ago(hours=1), rendered_fields={"agent_id": AGENT[-24:]})],
        ),
    ),
    Case(
        "and one without an asset is a row of its own",
        "j.merge(w, now).map((row) => [row.name, row.state, row.uri])",
        [["agent 664a…9d0e", "never", AGENT], ["nightly.retrain [3]", "failing", ""]],
        world(tasks=[task("failed", ago(hours=1), map_index=3)]),
    ),
    Case(
        "by its ids, where its arguments name them",
        "j.merge(w, now).slice(1).map((row) => [row.name, row.state, row.dag])",
        [
            ["agent 5f00…0001", "failing", "nightly"],
            [f"replica {REPLICA[:4]}…{REPLICA[-4:]}, entry 7", "running", "nightly"],
        ],
        world(
            tasks=[
                task(
                    "failed",
                    ago(hours=1),
                    rendered_fields={"sendkit_conn_id": "x", "agent_id": "5f0000000000000000000001"},
                ),
                task("failed", ago(hours=2), rendered_fields={"agent_id": "5f0000000000000000000001"}),
                task(
                    "deferred",
                    None,
                    rendered_fields={"replica_uuid": REPLICA, "entry_id": 7, "vector_entry_id": None},
                ),
            ]
        ),
    ),
    Case(
        "one that succeeded shows a target without an asset, and adds nothing to one that has events",
        "j.merge(w, now).map((row) => [row.name, row.state, row.known, row.refreshes.length])",
        [["agent 664a…9d0e", "fresh", ms(ago(hours=3)), 1], ["agent 5f00…0001", "stale", ms(ago(days=2)), 1]],
        world(
            event(ago(hours=3)),
            tasks=[
                task("success", ago(hours=1), rendered_fields={"agent_id": AGENT[-24:]}),
                task("success", ago(days=2), rendered_fields={"agent_id": "5f0000000000000000000001"}),
            ],
        ),
    ),
    Case(
        "the dashboard hears of what fails, and of what is stale if somebody asked for it to be told",
        "j.merge(w, now).map((row) => [row.state, j.needsLook(row)])",
        [["stale", True], ["fresh", False], ["failing", True], ["stale", False]],
        world(
            event(ago(days=9), 1),
            event(ago(hours=1), 2, task="other"),
            assets=[asset("sendkit://agents/a", 1), asset("sendkit://agents/b", 2)],
            tasks=[
                task("failed", ago(hours=1), rendered_fields={"agent_id": "c"}),
                task("success", ago(days=9), rendered_fields={"agent_id": "d"}),
            ],
        ),
    ),
    Case(
        "an asset that no DAG names is gone, one that came through an alias is not",
        "w.map((each) => j.isAlive(each))",
        [False, True, True, True],
        [
            asset(aliases=[]),
            asset(aliases=[{"id": 1, "name": "knowledge"}]),
            asset(producing_tasks=[{"dag_id": "nightly", "task_id": "retrain"}]),
            asset(scheduled_dags=[{"dag_id": "after"}]),
        ],
    ),
    Case(
        "which tasks are ours",
        "w.tasks.map(([operator, operator_name]) => j.isOurs({ operator, operator_name }, w))",
        [True, True, True, True, False, False, False],
        {
            "operators": ["SendKitRetrainAgentOperator"],
            "prefixes": ["SendKit", "Sensay", "@task.sensay"],
            "tasks": [
                ["SendKitRetrainAgentOperator", "SendKitRetrainAgentOperator"],
                ["SendKitRetrainAgentOperator", None],
                ["SensayOfTheAuthor", "SensayOfTheAuthor"],
                ["_SensayDocumentsOperator", "@task.sensay_documents"],
                ["SensayAskReplicaOperator", "SensayAskReplicaOperator"],
                ["SensayDeleteKnowledgeBaseEntryOperator", "SensayDeleteKnowledgeBaseEntryOperator"],
                ["BashOperator", "BashOperator"],
            ],
        },
    ),
    # --- money
    row(
        "credits add up over 7 and 30 days and the calendar month",
        {"credits.week": 10, "credits.thirty": 30, "credits.month": 20, "credits.sure": True},
        world(*[event(ago(days=day)) for day in (1, 8, 25, 31)]),
    ),
    Case(
        "one bar for each day, the last is today",
        "j.merge(w, now)[0].credits.days.slice(-3)",
        [20, 0, 10],
        world(event(ago(hours=1)), event(ago(days=2, hours=1)), event(ago(days=2, hours=2))),
    ),
    row(
        "a charge that nobody confirmed is counted, and said",
        {"credits.week": 10, "credits.sure": False},
        world(event(ago(hours=1), credits_confirmed=False)),
    ),
    row(
        "a charge that is no number costs nothing",
        {"credits.thirty": 0},
        world(event(ago(hours=1), credits_charged=None)),
    ),
    Case(
        "four numbers on top",
        "j.totals(j.merge(w, now))",
        {"targets": 3, "stale": 2, "failing": 1, "credits": 20},
        world(
            event(ago(hours=1), 1),
            event(ago(days=9), 2),
            event(ago(days=40), 3, task="other"),
            assets=[
                asset("sendkit://agents/a", 1),
                asset("sendkit://agents/b", 2),
                asset("sendkit://agents/c", 3),
            ],
            tasks=[task("failed", ago(hours=3), task_id="other")],
        ),
    ),
    # --- documents
    row("an agent's documents", {"documents.live": 3, "documents.failed": 0}, world(*daily())),
    row(
        "a synced base's documents are those that live, and those that failed",
        {"documents.live": 12, "documents.failed": 2},
        world(
            event(
                ago(hours=1), counts={"unchanged": 9, "created": 1, "updated": 2, "deleted": 4, "failed": 2}
            )
        ),
    ),
    row(
        "what has no counts has no documents", {"documents.live": None}, world(event(ago(hours=1), counts={}))
    ),
    # --- the table
    Case(
        "the worst first",
        "j.select(j.merge(w, now)).map((row) => row.state)",
        ["failing", "stale", "never", "fresh"],
        world(
            event(ago(hours=1), 1, task="a"),
            event(ago(days=9), 2, task="b"),
            event(ago(hours=2), 4, task="d"),
            assets=[asset(f"sendkit://agents/{name}", number) for number, name in enumerate("abcd", 1)],
            tasks=[task("failed", ago(hours=1), task_id="d")],
        ),
    ),
    Case(
        "by age, in both directions",
        "[false, true].map((down) => j.select(j.merge(w, now), { sort: 'age', down }).map((row) => row.id))",
        [[2, 1, 3], [3, 1, 2]],
        world(
            event(ago(hours=2), 1),
            event(ago(hours=9), 2),
            assets=[asset(f"sendkit://agents/{number}", number) for number in (1, 2, 3)],
        ),
    ),
    Case(
        "every word that is searched for, in name, address, DAG and state",
        "['9d0e', 'NIGHTLY', 'fresh agent', 'stale', ''].map((text) => j.select(j.merge(w, now), { text }).length)",
        [1, 1, 1, 0, 1],
        world(*daily()),
    ),
    Case(
        "a running one that is stale is found among the stale",
        "['stale', 'running', 'failing'].map((state) => j.select(j.merge(w, now), { state }).length)",
        [1, 1, 0],
        world(event(ago(days=9)), tasks=[task("running", None)]),
    ),
    Case(
        "by vendor",
        "['', 'sendkit', 'sensay'].map((vendor) => j.select(j.merge(w, now), { vendor }).length)",
        [2, 1, 1],
        world(assets=[asset(AGENT, 1), asset(BASE, 2)]),
    ),
    # --- words
    Case(
        "ages in two digits",
        "w.map((each) => j.span(each))",
        ["0 s", "40 s", "5 min", "2 h", "36 h", "48 h", "3 d", "400 d"],
        [0, 40_000, 300_000, 2 * HOUR, 36 * HOUR, 48 * HOUR, 72 * HOUR, 400 * 24 * HOUR],
    ),
    Case("an author's own name", "j.nameOf(w)", "Sales", {"uri": AGENT, "name": "Sales"}),
    Case(
        "a third vendor's address",
        "j.nameOf(w)",
        "workspace handbook",
        {"uri": "lightrag://workspaces/handbook", "name": "lightrag://workspaces/handbook"},
    ),
    Case(
        "a refresh in a sentence",
        "j.sentence(j.readEvent(w))",
        "Refreshed: status completed, 25 pages, 1 document, 10 credits, in 13 s, proven by marker later.",
        event(NOW, counts={"pages": 25, "documents": 1}, seconds=12.6, proven_by="MARKER_LATER"),
    ),
    Case(
        "what is not proven or not awaited is said",
        "j.sentence(j.readEvent(w))",
        "Submitted: 10 credits (not confirmed), without proof, its end was not awaited.",
        event(
            NOW,
            outcome="submitted",
            status=None,
            counts={},
            confirmed=False,
            ended=False,
            credits_confirmed=False,
        ),
    ),
    Case(
        "failures in a sentence",
        "w.map((each) => j.sentence(j.readTask(each)))",
        ["Try 2 failed.", "Try 2 failed; another one follows.", "At work (deferred), try 2."],
        [task("failed", NOW), task("up_for_retry", NOW), task("deferred", None)],
    ),
]


def record(**more: Any) -> dict[str, Any]:
    """What a task keeps for its next try."""
    seen = {"status": "completed", "marker": "2026-03-19T01:00:00Z"}
    wait = {
        "started": NOW.timestamp() - 60,
        "written": {"status": "pending", "marker": "2026-03-19T01:00:00Z"},
        "evidence": {"active": True, "marker_moves": 2, "polls": 5, "status_since": NOW.timestamp() - 9},
    }
    return {"stage": "submitted", "at": NOW.timestamp() - 70, "baseline": seen, "wait": wait, **more}


DONE = {"outcome": "refreshed", "status": "completed", "credits_charged": 10, "reason": "the end is proven"}
CASES += [
    Case(
        "a try as a timeline",
        "j.timeline(w).steps",
        [
            [
                "Baseline",
                ms(NOW) - 70_000,
                "status completed, marker 2026-03-19T01:00:00Z, before anything was sent",
            ],
            ["First read", ms(NOW) - 60_000, "status pending, marker 2026-03-19T01:00:00Z, after the write"],
            ["Proof", ms(NOW) - 9_000, "seen at work, its marker moved; 5 reads"],
            ["Outcome", ms(NOW), "Refreshed: status completed, 10 credits. The end is proven."],
        ],
        {"task": None, "record": record(), "result": {**DONE, "finished": NOW.timestamp()}},
    ),
    Case(
        "an earlier result alone tells the same, but for the baseline's time",
        "j.timeline(w).steps.map(([name]) => name)",
        ["Baseline", "First read", "Proof", "Outcome"],
        {
            "task": None,
            "record": None,
            "result": {**DONE, "proof": {**record()["wait"], "baseline": {"status": "completed"}}},
        },
    ),
    Case(
        "a rule of proof is said by its name, wherever it stands",
        "w.map((each) => j.timeline(each).steps.find(([name]) => name === 'Proof')[2])",
        ["marker later; 5 reads"] * 2 + ["marker later; 0 reads"],
        [
            {"task": None, "record": record(), "result": {**DONE, "proven_by": "MARKER_LATER"}},
            {
                "task": None,
                "record": record(),
                "result": {**DONE, "proof": {"evidence": {"proven": "MARKER_LATER"}}},
            },
            {
                "task": None,
                "record": {
                    "stage": "submitted",
                    "wait": {"started": 1, "evidence": {"proven": "MARKER_LATER"}},
                },
                "result": None,
            },
        ],
    ),
    Case(
        "an event has the same rule",
        "j.readEvent(w).proof",
        "SEEN_ACTIVE",
        event(NOW, proof={"evidence": {"proven": "SEEN_ACTIVE"}}),
    ),
    Case(
        "or what its log says, where there is no record",
        "j.timeline(w).steps",
        [["Outcome", ms(NOW), "SendKit answered 503."]],
        {"task": task("failed", NOW), "record": None, "result": None, "words": "SendKit answered 503."},
    ),
    Case(
        "a try that failed tells why",
        "j.timeline(w).steps.at(-1)",
        ["Outcome", ms(NOW), "The vendor says: no pages."],
        {
            "task": task("failed", NOW),
            "record": record(stage="ended", ending="failed", message="The vendor says: no pages."),
            "result": None,
        },
    ),
    *[
        Case(
            f"what follows {stage} {ending or ''}".strip(),
            "j.timeline(w).retry.match(/(0 credits|full price|sends again only if|not known)/)[0]",
            says,
            {
                "task": task("failed", NOW),
                "result": None,
                "record": record(stage=stage, ending=ending) if stage != "nothing" else None,
            },
        )
        for stage, ending, says in [
            ("nothing", None, "not known"),
            ("intent", None, "sends again only if"),
            ("submitted", None, "0 credits"),
            ("ended", "ok", "0 credits"),
            ("ended", "unconfirmed", "0 credits"),
            ("ended", "failed", "full price"),
            ("ended", "defective", "full price"),
        ]
    ],
]
