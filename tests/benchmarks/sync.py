"""
``make bench-sync``: what it costs to keep a knowledge base equal to a source; the tables of docs/performance.md.

``make bench-sync ONLY=requests,apply`` prints some of them. Each run is a process of its own, which begins with
Airflow's task runner loaded and nothing of ours, and runs the operator as a worker does. The vendor is
:mod:`tests.benchmarks.library`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.request import Request

from tests.benchmarks.vendor import CLIENT_CORE, REPLICA, pin
from tests.benchmarks.waits import Simulator, cpu, resident

#: Bytes of one text.
SIZE = 20_000

#: The part of the mapped tasks that is run; the rest is reckoned.
MAPPED = 50

SOURCES = ("folder", "function", "SQL")


class Shelves(Simulator):
    """The vendor's process, in a ``with``."""

    def __init__(self) -> None:
        super().__init__(None)
        self._command[-1] = "tests.benchmarks.library"

    def reset(self, **wanted: Any) -> None:
        """Empty it, unless ``keep`` is given, and count anew."""
        self._control(Request(f"{self.url}/_sim", json.dumps(wanted).encode(), method="POST"))


# --- the documents ------------------------------------------------------------------------------------------


@dataclass
class Texts:
    """
    Texts that look like texts to a compressor; the same for everybody.

    :param changed: so many of them say something else than before
    """

    count: int
    changed: int = 0
    size: int = SIZE
    _paragraphs: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        draw = random.Random(1)
        words = [
            "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(4000)
        ]
        self._paragraphs = [" ".join(draw.choices(words, k=160)) for _ in range(400)]

    def key(self, number: int) -> str:
        return f"part-{number % 100:02}/article-{number:05}.md"

    def text(self, number: int) -> str:
        draw = random.Random(number if number >= self.changed else -1 - number)
        paragraphs = draw.choices(self._paragraphs, k=self.size // 900 + 2)
        return f"# Article {number}\n\n" + "\n\n".join(paragraphs)[: self.size - 20]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for number in range(self.count):
            yield self.key(number), self.text(number)


def lay_out(texts: Texts, source: str, scratch: Path) -> None:
    """Put the texts where the source finds them; only what changed, if they are there."""
    numbers = range(texts.changed) if texts.changed else range(texts.count)
    if source == "folder":
        for number in numbers:
            path = scratch / "folder" / texts.key(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts.text(number))
    elif source == "SQL":
        with closing(sqlite3.connect(scratch / "articles.sqlite")) as table:
            table.execute("CREATE TABLE IF NOT EXISTS articles (key TEXT PRIMARY KEY, body TEXT)")
            rows = ((texts.key(number), texts.text(number)) for number in numbers)
            table.executemany("INSERT OR REPLACE INTO articles VALUES (?, ?)", rows)
            table.commit()


def documents_of(texts: Texts, source: str, scratch: Path) -> Any:
    """Return what an author would give as ``documents``."""
    from airflow_provider.sources import Document, Query

    if source == "folder":
        return f"file://{scratch}/folder/**/*.md"
    if source == "SQL":
        return Query("SELECT key, body AS text FROM articles ORDER BY key", conn_id="articles")
    return lambda: (Document(key=key, text=text) for key, text in texts)


# --- one run, in a process of its own -----------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """What a process is asked to do."""

    what: str
    url: str
    scratch: str
    source: str = "function"
    count: int = 0
    changed: int = 0
    size: int = SIZE
    concurrency: int = 8


def carry_out(order: Order) -> dict[str, Any]:
    """Start a process for an order, and return what it tells."""
    scratch = Path(order.scratch)
    connections = {
        "AIRFLOW_CONN_SENSAY_DEFAULT": {
            "conn_type": "sensay",
            "host": order.url,
            "password": "not-a-real-secret",
            "extra": {"api": "knowledge-base"},
        },
        "AIRFLOW_CONN_ARTICLES": {"conn_type": "sqlite", "host": str(scratch / "articles.sqlite")},
    }
    environment = {
        **os.environ,
        **{name: json.dumps(value) for name, value in connections.items()},
        "AIRFLOW_HOME": str(scratch),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.sync", "--order", json.dumps(order.__dict__)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def obey(order: Order) -> dict[str, Any]:
    """Do what is asked, in this process."""
    pin(CLIENT_CORE)
    texts = Texts(order.count, order.changed, order.size)
    return asyncio.run(bare(order, texts)) if order.what == "bare" else sync(order, texts)


async def bare(order: Order, texts: Texts) -> dict[str, Any]:
    """The same POSTs by httpx, with nothing around them."""
    import httpx

    headers = {"X-ORGANIZATION-SECRET": "not-a-real-secret", "X-API-Version": "2025-03-25"}
    limits = httpx.Limits(
        max_connections=order.concurrency, max_keepalive_connections=order.concurrency, keepalive_expiry=55.0
    )
    # As long as with their marks.
    bodies = iter([{"title": f"{key} [kb~main.aaaaaaaaaa.aaaaaaaa]", "text": text} for key, text in texts])
    url = f"{order.url}/v1/replicas/{REPLICA}/knowledge-base"
    made = []
    async with httpx.AsyncClient(limits=limits, headers=headers, trust_env=False, timeout=100.0) as client:

        async def hand() -> None:
            for body in bodies:
                answer = await client.post(url, json=body)
                answer.raise_for_status()
                made.append(answer.json()["results"][0]["knowledgeBaseID"])

        used, began = cpu(), time.monotonic()
        await asyncio.gather(*(hand() for _ in range(order.concurrency)))
        took = time.monotonic() - began
    assert len(set(made)) == order.count
    return {"seconds": took, "cpu": cpu() - used, "writing_cpu": cpu() - used}


@dataclass
class Split:
    """Where the time of a run went (CPU, for hashing and writing); bytes of the spool at its largest."""

    listing: float = 0.0
    reading: float = 0.0
    hashing: float = 0.0
    writing: float = 0.0
    spool: int = 0


def watched(split: Split) -> Any:
    """Take the time of the parts of a sync; the same calls, with a clock around them."""
    from contextlib import ExitStack

    from airflow_provider.sync import content, reading
    from airflow_provider.sync.apply import Applier
    from airflow_provider.sync.mark import digest_of
    from airflow_provider.sync.session import Session
    from airflow_provider.sync.spool import Spool

    def timed(name: str, work: Callable[..., Any], clock: Callable[[], float]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            began = clock()
            try:
                return work(*args, **kwargs)
            finally:
                setattr(split, name, getattr(split, name) + clock() - began)

        return wrapper

    def closing_spool(self: Spool) -> None:
        split.spool = max(split.spool, self.size)
        close(self)

    close = Spool.close
    stack = ExitStack()
    for patch in (
        mock.patch.object(Session, "list_held", timed("listing", Session.list_held, time.monotonic)),
        mock.patch.object(reading.Reading, "read", timed("reading", reading.Reading.read, time.monotonic)),
        mock.patch.object(content, "digest_of", timed("hashing", digest_of, time.thread_time)),
        mock.patch.object(Applier, "_send", timed("writing", Applier._send, cpu)),
        mock.patch.object(Spool, "close", closing_spool),
    ):
        stack.enter_context(patch)
    return stack


def sync(order: Order, texts: Texts) -> dict[str, Any]:
    """One task of the shipped operator, as a worker runs it."""
    import logging

    import structlog

    from tests.integration.task import TaskUnderTest

    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    Path("/proc/self/clear_refs").write_text("5")
    before, used, began = resident(), cpu(), time.monotonic()
    from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator

    documents = documents_of(texts, order.source, Path(order.scratch))
    split = Split()
    with watched(split):
        task = TaskUnderTest(
            lambda: SensaySyncKnowledgeBaseOperator(
                task_id="sync",
                replica_uuid=REPLICA,
                documents=documents,
                concurrency=order.concurrency,
                deferrable=False,
                poll_interval=1.0,
                timeout=3600,
            )
        )
        outcome = task.to_the_end()
    assert outcome.state == "success", (outcome.state, outcome.error)
    return {
        "seconds": time.monotonic() - began,
        "cpu": cpu() - used,
        "memory": peak() - before,
        "writing_cpu": split.writing,
        "listing": split.listing,
        "reading": split.reading - split.hashing,
        "hashing": split.hashing,
        "spool": split.spool,
    }


def peak() -> float:
    """Megabytes of this process in memory at their most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


# --- the tables ---------------------------------------------------------------------------------------------


def requests(shelves: Shelves, scratch: Path, repeats: int) -> None:
    """How many requests each kind of night costs; exact."""
    from tests.benchmarks.__main__ import Bar, bars, title

    title("Requests of a sync, counted by the vendor")
    print("| documents | night | creates | updates | pages of the list | single reads | looks of the wait |")
    print("|---|---|---|---|---|---|---|")
    told = []
    for count in (1, 100, 250, 2000):
        nights = (("first", 0), ("unchanged", 0), ("one changed", 1))
        shelves.reset(latency=0.0, work=0.5)
        for night, changed in nights:
            shelves.reset(keep=True)
            carry_out(
                Order(
                    "sync", shelves.url, str(scratch), count=count, changed=changed, size=500, concurrency=32
                )
            )
            seen = shelves.counts()
            shown = " | ".join(
                str(seen[kind]) for kind in ("creates", "updates", "pages", "singles", "totals")
            )
            print(f"| {count} | {night} | {shown} |", flush=True)
            pages = ceil(count / 100)
            sent = seen["creates"] + seen["updates"] + seen["deletes"]
            asked = sent + seen["pages"] + seen["singles"]
            if night == "first":
                told.append(
                    Bar(
                        f"first sync of {count}: N + 3 x ceil(N/100), without the wait",
                        count + 3 * pages,
                        asked,
                    )
                )
            elif night == "unchanged":
                told.append(
                    Bar(f"unchanged night of {count}: ceil(N/100) + 3", pages + 3, asked + seen["totals"])
                )
                told.append(Bar(f"unchanged night of {count}: writes", 0, sent))
    bars(*told)


def apply(shelves: Shelves, scratch: Path, repeats: int) -> None:
    """Sending 2,000 texts, beside the same POSTs with nothing around them, and beside a task for each."""
    from tests.benchmarks.__main__ import Bar, bars, title

    count, concurrency = 2000, 32
    title(f"{count} new texts of {SIZE // 1000} KB, 50 ms, {concurrency} requests at a time")
    runs: dict[str, list[dict[str, Any]]] = {"bare": [], "sync": []}
    for _ in range(repeats):
        for what, done in runs.items():
            shelves.reset(latency=0.05, work=1.0)
            told = carry_out(Order(what, shelves.url, str(scratch), count=count, concurrency=concurrency))
            done.append({**told, **shelves.counts()})
    columns = ("writing", "writing_cpu", "seconds", "cpu")
    medians = {
        what: {name: statistics.median(each[name] for each in done) for name in columns}
        for what, done in runs.items()
    }
    print("| who | s, first to last write | CPU s of it | s in all | CPU s in all |\n|---|---|---|---|---|")
    for what, name in (
        ("bare", "bare httpx, the same POSTs"),
        ("sync", "**ours**, from the task's start to its end"),
    ):
        print(f"| {name} | {' | '.join(f'{medians[what][each]:.2f}' for each in columns)} |", flush=True)
    ours, floor = medians["sync"], medians["bare"]
    bars(
        Bar("writing / bare httpx", 1.25, ours["writing"] / floor["writing"]),
        Bar("CPU of writing / bare httpx (reported)", 1.25, ours["writing_cpu"] / floor["writing_cpu"]),
    )


def mapped(shelves: Shelves, scratch: Path, repeats: int) -> None:
    """One task for each text, on the real stack, beside one task for all of them on the same stack."""
    from tests.benchmarks.__main__ import Bar, bars, title
    from tests.system.stack import AirflowStack

    count = 2000
    title(
        f"{count} new texts of {SIZE // 1000} KB on a real Airflow, 50 ms; seconds from the start of the run to its end"
    )
    env = {
        "AIRFLOW_CONN_SENSAY_DEFAULT": json.dumps(
            {
                "conn_type": "sensay",
                "host": shelves.url,
                "password": "x" * 12,
                "extra": {"api": "knowledge-base"},
            }
        ),
        "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps(
            {"conn_type": "http", "schema": "http", "host": "localhost", "port": shelves.port}
        ),
        "AIRFLOW__CORE__PARALLELISM": "16",
        # The stack drops the caller's, so that it may not shadow an installed wheel; here the checkout is meant.
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    folders = [Path(__file__).parent / "sync_dags"]
    seconds = {}
    with AirflowStack(python=Path(sys.executable), dags=folders, env=env) as stack:
        for dag, made in (("mapped_http", MAPPED), ("one_sync", count)):
            shelves.reset(latency=0.05, work=1.0)
            run_id = stack.trigger(dag, {"count": made})
            if (state := stack.wait(dag, run_id, timeout=600)) != "success":
                raise RuntimeError(f"{dag} ended as {state}")
            assert shelves.counts()["creates"] == made
            seconds[dag] = stack.run_seconds(dag, run_id)
    reckoned = seconds["mapped_http"] / MAPPED * count
    print("| who | texts | s |\n|---|---|---|")
    print(f"| mapped HttpOperator, 16 at a time; only sent | {MAPPED} | {seconds['mapped_http']:.1f} |")
    print(f"| the same, reckoned | {count} | {reckoned:.0f} |")
    print(f"| **ours**, one task; sent and live | {count} | {seconds['one_sync']:.1f} |", flush=True)
    bars(Bar("ours / mapped HttpOperator", 0.02, seconds["one_sync"] / reckoned))


def large(shelves: Shelves, scratch: Path, repeats: int) -> None:
    """20,000 documents: memory, spool, and where an unchanged night goes."""
    from tests.benchmarks.__main__ import Bar, bars, title

    count = 20_000
    title(f"{count} documents of {SIZE // 1000} KB; memory above the interpreter with Airflow loaded")
    print("| source | night | s | CPU s | MB | MB in the spool |")
    print("|---|---|---|---|---|---|")
    told, quiet = [], []
    for source in SOURCES:
        place = scratch / source
        place.mkdir()
        shelves.reset(latency=0.0, work=1.0)
        for night, changed in (("first", 0), ("unchanged", 0), ("200 changed", 200)):
            texts = Texts(count, changed)
            if night != "unchanged":
                lay_out(texts, source, place)
            shelves.reset(keep=True)
            seen = carry_out(Order("sync", shelves.url, str(place), source, count, changed, concurrency=32))
            spool = seen["spool"] / 1e6
            print(
                f"| {source} | {night} | {seen['seconds']:.1f} | {seen['cpu']:.1f} | {seen['memory']:.0f} "
                f"| {spool:.1f} |",
                flush=True,
            )
            told.append(Bar(f"{source}, {night}: MB", 150, seen["memory"]))
            sent = (count if night == "first" else changed) * SIZE / 1e6
            told.append(Bar(f"{source}, {night}: MB in the spool (the changed texts)", sent, spool))
            if night == "unchanged":
                quiet.append((source, seen))
        subprocess.run(["rm", "-rf", str(place)], check=True)
    bars(*told)
    title(f"An unchanged night of {count} documents, 0 ms; seconds")
    print("| source | list | read | hash | the rest | in all |\n|---|---|---|---|---|---|")
    for source, seen in quiet:
        rest = seen["seconds"] - seen["listing"] - seen["reading"] - seen["hashing"]
        parts = (seen["listing"], seen["reading"], seen["hashing"], rest, seen["seconds"])
        print(f"| {source} | {' | '.join(f'{part:.1f}' for part in parts)} |", flush=True)


def listing(shelves: Shelves, scratch: Path, repeats: int) -> None:
    """20,000 files on a disk: listed, and listed and read, beside the least that anybody could do; CPU seconds."""
    from airflow_provider.sources import Folder
    from airflow_provider.sync.content import ReadingRules
    from airflow_provider.sync.reading import Reading
    from airflow_provider.sync.spool import Spool
    from tests.benchmarks.__main__ import title

    count, place = 20_000, scratch / "listing"
    place.mkdir()
    lay_out(Texts(count, 0), "folder", place)

    def walk() -> None:
        for _ in os.walk(place):
            pass

    def walk_and_hash() -> None:
        for folder, _, names in os.walk(place):
            for name in names:
                hashlib.sha256((Path(folder) / name).read_bytes()).digest()

    def read() -> None:
        with Spool() as spool:
            Reading(Folder(f"{place}/**/*"), ReadingRules(destination="bench"), spool).read()

    title(f"{count} files of {SIZE // 1000} KB; CPU seconds, the least of {repeats}")
    print("| what | s |\n|---|---|")
    for what, work in (
        ("`os.walk`", walk),
        ("`os.walk`, read and hash", walk_and_hash),
        ("**ours**, list", lambda: list(Folder(f"{place}/**/*").documents())),
        ("**ours**, list, read, hash and find titles", read),
    ):
        times = []
        for _ in range(repeats):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        print(f"| {what} | {min(times):.3f} |", flush=True)


TABLES: dict[str, Callable[[Shelves, Path, int], None]] = {
    "requests": requests,
    "apply": apply,
    "mapped": mapped,
    "large": large,
    "listing": listing,
}


def main(only: Sequence[str], repeats: int) -> None:
    from tests.benchmarks.__main__ import _machine as machine

    if unknown := set(only) - set(TABLES):
        raise SystemExit(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    print(machine())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="airflow-bench-") as scratch, Shelves() as shelves:
        for name, table in TABLES.items():
            if not only or name in only:
                table(shelves, Path(scratch), repeats)
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench-sync")
    parser.add_argument("--only", default="", help="names of tables, by commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--order", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.order:
        print(json.dumps(obey(Order(**json.loads(arguments.order)))))
    else:
        main([name for name in arguments.only.split(",") if name], arguments.repeats)
