"""
Two nights of a folder of thirty documents, killed wherever a night can be, and then tried again.

A kill at a request: the vendor has it, its answer is lost together with the process. A kill at a message: the
process dies before Airflow hears it, so between a request and the note of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider.sync.mark import Mark, digest_of, key_hash, write_title
from tests.integration.rig import Rig
from tests.integration.syncing import Library
from tests.integration.task import Killed, Supervisor
from tests.integration.wire import Wire

#: Documents beside which the sync must not touch anything.
STRANGERS = ("By hand", "text-00.md", "Cut off [kb~main.abcdefghij.abcd")

NIGHTS = ("first", "second")

_NEITHER = ("MaskSecret", "GetConnection")


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill, and what became of it."""

    night: str
    deferrable: bool
    kind: str
    at: int
    step: str
    wrong: tuple[str, ...]
    writes: int


def _yesterday(library: Library) -> None:
    for number in range(20):
        library.put(f"text-{number:02}.md", f"Text {number}.")
    for number in range(10):
        library.put(f"file-{number:02}.csv", f"file,{number}\n")


def _today(library: Library) -> None:
    """Changed, new, moved and gone; texts and files."""
    for number in range(5):
        library.put(f"text-{number:02}.md", f"Text {number}, changed.")
    for number in range(3):
        library.put(f"file-{number:02}.csv", f"file,{number},changed\n")
    for number in range(20, 23):
        library.put(f"text-{number:02}.md", f"Text {number}.")
    for number in range(10, 12):
        library.put(f"file-{number:02}.csv", f"file,{number}\n")
    library.move("text-10.md", "moved-10.md")
    library.move("file-09.csv", "moved-09.csv")
    for gone in ("text-18.md", "text-19.md", "file-07.csv", "file-08.csv"):
        library.drop(gone)


def _mark(library: Library, key: str, content: str) -> Mark:
    place = f"sensay:{library.rig.sandbox.replica_uuid}"
    kind, extra = ("file", ".csv") if key.endswith(".csv") else ("text", "")
    return Mark("main", key_hash(place, key), digest_of(kind, content.encode(), extra))


def _seeded(library: Library, key: str, content: str) -> dict[str, Any]:
    """What yesterday's sync left at the vendor."""
    entry = {"title": write_title(key, _mark(library, key, content)), "rawText": content, "status": "READY"}
    return {**entry, "filename": key} if key.endswith(".csv") else entry


class Story:
    """
    One night in one mode, told again and again.

    :param scratch: an empty directory
    """

    def __init__(self, rig: Rig, scratch: Path, night: str, deferrable: bool) -> None:
        self.rig = rig
        self.scratch = scratch
        self.night = night
        self.deferrable = deferrable
        self._told = 0

    def _begin(self) -> Library:
        self._told += 1
        self.rig.reset()
        library = Library(self.rig, self.scratch / f"{self.night}-{self._told}", self.deferrable)
        self.rig.sandbox.options(raw_text_seconds=8)  # or a deferrable task had nothing to wait for
        _yesterday(library)
        entries: list[dict[str, Any]] = [
            {"title": title, "rawText": "Not ours.", "status": "READY"} for title in STRANGERS
        ]
        self.before = {}
        if self.night == "second":
            self.before = library.wanted
            entries += [_seeded(library, key, content) for key, content in self.before.items()]
            _today(library)
        self.rig.sandbox.seed(entries=entries)
        return library

    def at_requests(self, every: int = 1, first: int = 1) -> Iterator[Kill]:
        """Kill at each request, or at every so-manieth."""
        at = first
        while (told := self._tell("request", at)) is not None:
            yield told
            at += every

    def at_messages(self, every: int = 1, first: int = 1) -> Iterator[Kill]:
        """Kill at each message to Airflow that somebody keeps, or at every so-manieth."""
        at = first
        while (told := self._tell("message", at)) is not None:
            yield told
            at += every

    def _tell(self, kind: str, at: int) -> Kill | None:
        library = self._begin()
        theirs = library.theirs()
        death = _Death(at if kind == "message" else 0)
        with Wire() as wire:
            make = library.make(delete_missing=True, concurrency=4, max_deletes="50%")
            task = wire.task(make, supervisor=Supervisor(before=death))
            wire.die_after(at if kind == "request" else None)
            if task.to_the_end().state != "killed":
                return None
            step = wire.sent[at - 1] if kind == "request" else death.message
            wrong = self._loses(library)
            wire.die_after(None)
            ended = task.retry().to_the_end()
            if ended.verdict != ("success", None):
                wrong.append(f"the retry ended {ended.verdict}: {ended.told}")
        if not library.is_equal():
            wrong.append(f"the replica is not equal: {[entry.title for entry in library.ours()]}")
        if library.theirs() != theirs:
            wrong.append("somebody else's entry was touched")
        writes = sum(library.written.values())
        again = library.run(delete_missing=True)
        if library.written or (again.result or {}).get("outcome") != "skipped":
            wrong.append(f"the next night writes {dict(library.written)}: {again.told}")
        return Kill(
            night=self.night,
            deferrable=self.deferrable,
            kind=kind,
            at=at,
            step=_short(step),
            wrong=tuple(wrong),
            writes=writes,
        )

    def _loses(self, library: Library) -> list[str]:
        """What is missing at the moment of the death."""
        ours, wanted = library.ours(), library.wanted
        live = {(entry.mark.key, entry.mark.digest) for entry in ours if entry.mark and entry.usable}
        answering = {key for key, _ in live}
        there = {entry.mark.key for entry in ours if entry.mark}
        wrong = []
        for key in self.before:
            name = _mark(library, key, "").key
            if key in wanted and name not in there:
                wrong.append(f"{key} has no entry")
            if key in wanted and key.endswith(".csv") and name not in answering:
                wrong.append(f"{key} has no live version")
        gone = [key for key in self.before if key not in wanted and not self._moved(key)]
        if any(_mark(library, key, "").key not in there for key in gone):
            late = [key for key, text in wanted.items() if not self._live(library, key, text, live)]
            if late:
                wrong.append(f"deleted before {late} were live")
        return wrong

    def _moved(self, key: str) -> bool:
        return key in ("text-10.md", "file-09.csv")

    def _live(self, library: Library, key: str, text: str, live: set[tuple[str, str]]) -> bool:
        mark = _mark(library, key, text)
        return (mark.key, mark.digest) in live


class _Death:
    """Kills the process in place of its n-th message that anybody keeps; 0: never."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._passed = 0
        self.message = ""

    def __call__(self, message: Any) -> None:
        if type(message).__name__ in _NEITHER:
            return
        self._passed += 1
        if self._passed == self._at:
            self.message = type(message).__name__
            raise Killed


def _short(step: str) -> str:
    method, _, path = step.partition(" ")
    if not path:
        return step
    last = path.rsplit("/", 1)[-1]
    return f"{method} {'storage' if '_storage' in path else 'list' if last == 'knowledge-base' else 'entry'}"
