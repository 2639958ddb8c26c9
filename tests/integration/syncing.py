"""A folder and the replica that is to be equal to it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sync.mark import Mark, digest_of, key_hash, read_title, write_title
from tests.integration.rig import Make, Rig
from tests.integration.task import Outcome, Supervisor, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]

USABLE = ("READY", "VECTOR_CREATED")

#: How long the vendor takes over a document, in seconds of the fast clock.
BRISK = {
    "new_seconds": 0.1,
    "file_uploaded_seconds": 0.1,
    "raw_text_seconds": 0.6,
    "processed_text_seconds": 0.2,
    "vector_created_seconds": 0.1,
    "stale_ready": 0.3,
}

PAGE = "https://www.example.com/faq"


@dataclass(frozen=True)
class Shown:
    """One entry, as the vendor's own books have it."""

    id: int
    title: str
    mark: Mark | None
    status: str
    text: str | None
    kind: str
    updated: str

    @property
    def usable(self) -> bool:
        return self.status in USABLE


@dataclass
class Library:
    """
    A folder on disk, the sync of it, and a look at what came of it.

    :param deferrable: the mode of all its syncs, unless one says otherwise
    """

    rig: Rig
    folder: Path
    deferrable: bool = False
    _asked: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.rig.sandbox.options(**BRISK)

    # --- the source --------------------------------------------------------------------------------------

    @property
    def source(self) -> str:
        return f"file://{self.folder}/**/*"

    def put(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def put_many(self, count: int) -> None:
        for number in range(count):
            self.put(f"article-{number:03}.md", f"Text of article {number}.")

    def drop(self, name: str) -> None:
        (self.folder / name).unlink()

    def move(self, name: str, to: str) -> None:
        (self.folder / name).rename(self.folder / to)

    @property
    def wanted(self) -> dict[str, str]:
        """What the folder says, by key."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_text(errors="replace") for path in files}

    # --- the sync ----------------------------------------------------------------------------------------

    def make(self, documents: Any = None, **arguments: Any) -> Make:
        given = {"deferrable": self.deferrable, **arguments}
        return self.rig.sync(self.source if documents is None else documents, **given)

    def task(
        self, documents: Any = None, *, supervisor: Supervisor | None = None, **arguments: Any
    ) -> TaskUnderTest:
        return TaskUnderTest(self.make(documents, **arguments), supervisor=supervisor, retries=3)

    def run(self, documents: Any = None, **arguments: Any) -> Outcome:
        """One task, to its end; what it asks of the vendor is counted from here on."""
        self.forget()
        return self.task(documents, **arguments).to_the_end()

    def bring(self, documents: Any = None, **arguments: Any) -> dict[str, Any]:
        """One task that has to succeed; its result."""
        ended = self.run(documents, **arguments)
        assert ended.verdict == ("success", None), ended.told
        assert ended.result["status"] == "in_sync"
        return dict(ended.result)

    # --- the replica -------------------------------------------------------------------------------------

    @property
    def entries(self) -> list[Shown]:
        """All entries of the replica, oldest first."""
        return [_shown(entry) for entry in self.rig.sandbox.state(entries=5000)["entries"]][::-1]

    def ours(self, sync_id: str = "main") -> list[Shown]:
        return [entry for entry in self.entries if entry.mark and entry.mark.sync_id == sync_id]

    def entry(self, title: str) -> Shown:
        """Our one entry of a title; entries are created side by side, so their order says nothing."""
        (found,) = [entry for entry in self.ours() if entry.title == title]
        return found

    def theirs(self, sync_id: str = "main") -> list[Shown]:
        return [entry for entry in self.entries if not (entry.mark and entry.mark.sync_id == sync_id)]

    @property
    def said(self) -> dict[str, str | None]:
        """What our usable entries say, by title; a twin is an error."""
        ours = self.ours()
        twins = [title for title, count in Counter(entry.title for entry in ours).items() if count > 1]
        assert twins == []
        return {entry.title: entry.text for entry in ours if entry.usable}

    def is_equal(self) -> bool:
        """Is each document live, once, with its text, and nothing else of ours there?"""
        return len(self.ours()) == len(self.wanted) and self.said == self.wanted

    def seed(self, title: str, text: str = "Not ours.", **members: Any) -> int:
        """Let somebody else create an entry."""
        (entry,) = self.rig.sandbox.seed(
            entries=[{"title": title, "rawText": text, "status": "READY", **members}]
        )["entries"]
        return int(entry)

    def marked(self, title: str, key: str, text: str, *, sync_id: str = "main") -> str:
        """The title that a sync would give."""
        place = f"sensay:{self.rig.sandbox.replica_uuid}"
        return write_title(title, Mark(sync_id, key_hash(place, key), digest_of("text", text.encode())))

    # --- the wire ----------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Count requests from here on."""
        self._asked = len(self.rig.sandbox.requests)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return self.rig.sandbox.requests[self._asked :]

    @property
    def written(self) -> Counter[str]:
        """Methods of the requests that were no reads."""
        return Counter(each["method"] for each in self.asked if each["method"] != "GET")

    @property
    def looks(self) -> list[dict[str, Any]]:
        """The requests of waits: totals."""
        return [each for each in self.asked if "pageSize=0" in each["query"]]

    @property
    def pages(self) -> int:
        """How many pages of the list were read, and single entries."""
        reads = [e for e in self.asked if e["method"] == "GET" and not e["path"].endswith("/file-types")]
        return len(reads) - len(self.looks)


def _shown(entry: dict[str, Any]) -> Shown:
    title, mark = read_title(entry.get("title"))
    return Shown(
        id=entry["id"],
        title=title,
        mark=mark,
        status=str(entry["status"]),
        text=entry.get("rawText"),
        kind=entry["type"],
        updated=entry["updatedAt"],
    )


def report_of(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run, and the line of each outcome."""
    head, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    return head["run"], lines
