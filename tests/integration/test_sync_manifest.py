"""The optional manifest: bare titles, tombstones, files that are not read twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.rig import Rig
from tests.integration.syncing import MODES, Library
from tests.integration.wire import Wire


@pytest.fixture
def library(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> Library:
    """A folder to sync; deferrable on request."""
    return Library(rig, tmp_path / "kb", getattr(request, "param", False))


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, Any]:
    """Titles without a mark; a manifest is all that tells whose an entry is."""
    return {"title_mark": False, "manifest": f"file://{tmp_path}/state/manifest.json"}


def titles(library: Library) -> dict[str, str | None]:
    """What everybody's usable entries say, by their whole titles."""
    entries = library.rig.sandbox.state(entries=500)["entries"]
    return {
        entry["title"]: entry.get("rawText") for entry in entries if entry["title"] != "Company information"
    }


@pytest.mark.parametrize("library", MODES, indirect=True)
def test_titles_may_be_left_bare_if_a_manifest_remembers(library: Library, bare: dict[str, Any]) -> None:
    library.put_many(3)
    library.put("prices.csv", "a,b\n1,2\n")
    assert library.bring(**bare)["counts"] == {"created": 4}
    assert titles(library) == library.wanted
    assert library.bring(**bare)["counts"] == {"unchanged": 4}
    assert library.written == {}
    library.put("article-000.md", "Changed.")
    library.move("article-001.md", "moved.md")
    library.drop("article-002.md")
    library.put("prices.csv", "a,b\n3,4\n")
    result = library.bring(delete_missing=True, max_deletes="50%", **bare)
    assert result["counts"] == {"updated": 2, "renamed": 1, "superseded": 1, "delete_accepted": 1}
    assert titles(library) == library.wanted


def test_entries_of_the_same_title_stay_somebody_elses(library: Library, bare: dict[str, Any]) -> None:
    library.put("a.md", "Ours.")
    theirs = library.seed("a.md", "Theirs.")
    library.bring(**bare)
    library.put("a.md", "Ours, changed.")
    library.bring(delete_missing=True, **bare)
    state = {entry["id"]: entry for entry in library.rig.sandbox.state()["entries"]}
    assert state[theirs]["rawText"] == "Theirs."
    assert {entry["rawText"] for entry in state.values() if entry["title"] == "a.md"} == {
        "Theirs.",
        "Ours, changed.",
    }


def test_a_manifest_of_another_sync_is_refused(library: Library, bare: dict[str, Any]) -> None:
    library.put("a.md", "Ours.")
    library.bring(**bare)
    ended = library.run(sync_id="other", **bare)
    assert ended.verdict == ("failed", "ManifestError")
    assert "a manifest of its own" in ended.told
    assert library.asked == []


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", '{"format": 1}'])
def test_what_is_no_manifest_is_refused_and_not_overwritten(
    library: Library, bare: dict[str, Any], tmp_path: Path, content: str
) -> None:
    library.put("a.md", "Ours.")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "manifest.json").write_text(content)
    assert library.run(**bare).verdict == ("failed", "ManifestError")
    assert (tmp_path / "state" / "manifest.json").read_text() == content
    assert library.asked == []


def test_without_marks_a_manifest_is_needed(library: Library) -> None:
    library.put("a.md", "Ours.")
    ended = library.run(title_mark=False)
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "needs a manifest" in ended.told


def test_with_marks_a_lost_manifest_costs_nothing(library: Library, tmp_path: Path) -> None:
    arguments = {"manifest": f"file://{tmp_path}/manifest.json", "detect": "stat"}
    library.put_many(3)
    library.bring(**arguments)
    (tmp_path / "manifest.json").unlink()
    assert library.bring(delete_missing=True, **arguments)["counts"] == {"unchanged": 3}
    assert library.written == {}


def test_an_accepted_deletion_that_is_still_listed_is_not_asked_for_again(
    library: Library, tmp_path: Path
) -> None:
    library.rig.sandbox.options(deleted_visible=True, delete_seconds=1000)
    arguments = {"manifest": f"file://{tmp_path}/manifest.json", "delete_missing": True, "max_deletes": "50%"}
    library.put_many(4)
    library.bring(**arguments)
    library.drop("article-000.md")
    assert library.bring(**arguments)["counts"] == {"unchanged": 3, "delete_accepted": 1}
    assert library.bring(**arguments)["counts"] == {"unchanged": 3}
    assert library.written == {}
    library.put("article-000.md", "Text of article 0.")
    assert library.bring(**arguments)["counts"] == {"created": 1, "unchanged": 3}


@pytest.mark.parametrize("library", MODES, indirect=True)
def test_a_file_that_looks_the_same_is_not_read_again(library: Library, tmp_path: Path) -> None:
    arguments = {"manifest": f"file://{tmp_path}/manifest.json", "detect": "stat"}
    library.put_many(2)
    library.bring(**arguments)
    path = library.folder / "article-000.md"
    before = path.stat()
    path.write_text("Text of article X.")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert library.bring(**arguments)["counts"] == {"unchanged": 2}  # trusted, as the caller said
    library.put("article-001.md", "Text of article 2, and longer.")
    assert library.bring(**arguments)["counts"] == {"updated": 1, "unchanged": 1}
    read_all = {**arguments, "detect": "content"}
    assert library.bring(**read_all)["counts"] == {"updated": 1, "unchanged": 1}
    assert library.is_equal()
    assert library.bring(**arguments)["counts"] == {"unchanged": 2}


def test_another_encoding_reads_every_file_again(library: Library, tmp_path: Path) -> None:
    arguments = {"manifest": f"file://{tmp_path}/manifest.json", "detect": "stat"}
    library.put("a.md", "Größe".encode("latin-1"))
    library.bring(encoding="latin-1", **arguments)
    assert library.said == {"a.md": "Größe"}
    library.bring(encoding="cp437", **arguments)
    assert library.said == {"a.md": "Größe".encode("latin-1").decode("cp437")}


def test_a_manifest_holds_no_titles_and_no_texts(library: Library, tmp_path: Path) -> None:
    library.put("secret-name.md", "A secret text.")
    library.bring(manifest=f"file://{tmp_path}/manifest.json", detect="stat")
    kept = (tmp_path / "manifest.json").read_text()
    assert json.loads(kept)["header"]["replica"] == library.rig.sandbox.replica_uuid
    assert "secret" not in kept


def test_without_marks_what_a_dead_worker_created_is_taken_over_by_its_title(
    library: Library, bare: dict[str, Any]
) -> None:
    """The manifest was not written any more; without ``adopt`` these entries would be nobody's."""
    library.put_many(8)
    with Wire() as wire:
        task = wire.task(library.make(adopt="title", concurrency=2, **bare))
        wire.die_after(6)
        assert task.to_the_end().state == "killed"
        wire.die_after(None)
        ended = task.retry().to_the_end()
    assert ended.verdict == ("success", None)
    assert titles(library) == library.wanted
    assert len(library.entries) == 9
