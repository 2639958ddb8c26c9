"""The optional manifest: tombstones, files that are not read twice, edits by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.rig import Rig
from tests.integration.syncing import MODES, Library


@pytest.fixture
def library(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> Library:
    """A folder to sync; deferrable on request."""
    return Library(rig, tmp_path / "kb", getattr(request, "param", False))


@pytest.fixture
def noted(tmp_path: Path) -> dict[str, Any]:
    """The argument that names a manifest."""
    return {"manifest": f"file://{tmp_path}/state/manifest.json"}


def test_bare_titles_are_refused_and_adopt_takes_them_over_as_the_message_says(library: Library) -> None:
    library.put_many(3)
    for name, text in library.wanted.items():
        library.seed(name, text)
    ended = library.run(title_mark=False)
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "adopt='title' takes over the entries that have bare titles" in ended.told
    assert library.asked == []
    library.bring(adopt="title")
    assert library.is_equal()
    assert library.written["POST"] == 0


def test_a_manifest_of_another_sync_is_refused(library: Library, noted: dict[str, Any]) -> None:
    library.put("a.md", "Ours.")
    library.bring(**noted)
    ended = library.run(sync_id="other", **noted)
    assert ended.verdict == ("failed", "ManifestError")
    assert "a manifest of its own" in ended.told
    assert library.asked == []


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", '{"format": 1}'])
def test_what_is_no_manifest_is_refused_and_not_overwritten(
    library: Library, noted: dict[str, Any], tmp_path: Path, content: str
) -> None:
    library.put("a.md", "Ours.")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "manifest.json").write_text(content)
    assert library.run(**noted).verdict == ("failed", "ManifestError")
    assert (tmp_path / "state" / "manifest.json").read_text() == content
    assert library.written == {}


def test_a_lost_manifest_costs_nothing(library: Library, tmp_path: Path) -> None:
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


# --- edits by hand -------------------------------------------------------------------------------------------


def edited(library: Library, noted: dict[str, Any]) -> None:
    """A folder in sync, one of whose entries somebody edits in the vendor's console."""
    library.put_many(3)
    library.bring(**noted)
    entry = library.entry("article-001.md")
    library.rig.sandbox.advance(5)
    library.rig.sandbox.set_entry(entry.id, rawText="Edited by hand.")


@pytest.mark.parametrize("library", MODES, indirect=True)
def test_an_edit_by_hand_is_written_over(library: Library, noted: dict[str, Any]) -> None:
    edited(library, noted)
    assert library.bring(**noted)["counts"] == {"updated": 1, "unchanged": 2, "superseded": 1}
    assert library.is_equal()
    assert library.bring(**noted)["counts"] == {"unchanged": 3}
    assert library.written == {}


@pytest.mark.parametrize("library", MODES, indirect=True)
def test_an_edit_by_hand_is_kept(library: Library, noted: dict[str, Any]) -> None:
    edited(library, noted)
    for _ in range(2):
        ended = library.run(on_drift="keep", **noted)
        assert ended.verdict == ("success", None)
        assert ended.result["counts"] == {"unchanged": 2, "skipped": 1}
    assert library.said["article-001.md"] == "Edited by hand."


@pytest.mark.parametrize("library", MODES, indirect=True)
def test_an_edit_by_hand_fails_its_document(library: Library, noted: dict[str, Any]) -> None:
    edited(library, noted)
    ended = library.run(on_drift="fail", **noted)
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert "edited entry" in ended.told
    assert library.said["article-001.md"] == "Edited by hand."


@pytest.mark.parametrize("library", MODES, indirect=True)
@pytest.mark.parametrize(
    ("on_drift", "state", "says"),
    [
        ("overwrite", "success", "Text of article 1."),
        ("keep", "success", "Edited by hand."),
        ("fail", "up_for_retry", "Edited by hand."),
    ],
)
def test_an_edit_by_hand_is_noticed_though_its_document_moved(
    library: Library, noted: dict[str, Any], on_drift: str, state: str, says: str
) -> None:
    edited(library, noted)
    library.move("article-001.md", "moved.md")
    for _ in range(2):
        assert library.run(on_drift=on_drift, delete_missing=True, **noted).state == state
    assert set(library.said.values()) == {"Text of article 0.", says, "Text of article 2."}


@pytest.mark.parametrize("library", MODES, indirect=True)
def test_an_edit_by_hand_is_noticed_before_a_changed_text_is_written_over_it(library: Library) -> None:
    """Without a manifest as well: the text is read before it is written over, and its mark tells."""
    for on_drift, says in (("keep", "Edited by hand."), ("overwrite", "The source's own.")):
        library.put("a.md", f"Before {on_drift}.")
        library.bring()
        library.rig.sandbox.set_entry(library.entry("a.md").id, rawText="Edited by hand.")
        library.put("a.md", "The source's own.")
        assert library.run(on_drift=on_drift).state == "success"
        assert library.said == {"a.md": says}


def test_a_manifest_whose_place_takes_nothing_is_refused_before_anything_is_sent(library: Library) -> None:
    library.put("a.md", "Text.")
    ended = library.run(manifest="file:///proc/nowhere/manifest.json")
    assert ended.verdict == ("failed", "ManifestError")
    assert library.written == {}
