"""Sources as users have them, synced: nothing live is lost for what could not be looked at, and the rest goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.operators.sendkit import SendKitSyncDocumentsOperator
from airflow_provider.sources import Document, Folder
from tests.integration.rig import Rig
from tests.integration.syncing import MODES, Library
from tests.integration.task import TaskUnderTest

WHOLE: dict[str, Any] = {"delete_missing": True, "max_deletes": "100%"}


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders whose listing fails, as on a network mount that hiccups: by their names."""
    names: list[str] = []
    scan = os.scandir

    def scandir(path: str = ".") -> Any:
        if Path(path).name in names:
            raise OSError(116, "Stale file handle")
        return scan(path)

    monkeypatch.setattr("os.scandir", scandir)
    return names


@pytest.mark.parametrize("deferrable", MODES)
def test_a_folder_that_cannot_be_listed_for_a_night_costs_nothing(
    library: Library, stale: list[str], deferrable: bool
) -> None:
    library.put_many(4)
    library.put("legal/terms.md", "Terms.")
    library.bring(deferrable=deferrable, **WHOLE)
    before = library.entries
    stale.append("legal")
    ended = library.run(deferrable=deferrable, **WHOLE)
    assert ended.verdict == ("up_for_retry", "SourceIncompleteError")
    assert "Stale file handle" in ended.told
    assert (library.written, library.entries) == ({}, before)
    stale.clear()
    assert library.bring(deferrable=deferrable, **WHOLE)["counts"] == {"unchanged": 5}


def agents_documents(rig: Rig, documents: Any, **arguments: Any) -> TaskUnderTest:
    given = {"agent_id": rig.sandbox.agent_id, "poll_interval": 0.5, "start_grace": 2, **arguments}
    return TaskUnderTest(
        lambda: SendKitSyncDocumentsOperator(task_id="sync", documents=documents, **given), retries=1
    )


def test_the_same_holds_for_an_agent(rig: Rig, tmp_path: Path, stale: list[str]) -> None:
    rig.sandbox.set_agent(documents=[])
    for name in ("a.txt", "legal/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert agents_documents(rig, f"{tmp_path}/**/*.txt", **WHOLE).to_the_end().result["counts"] == {
        "created": 2
    }
    stale.append("legal")
    ended = agents_documents(rig, f"{tmp_path}/**/*.txt", **WHOLE).to_the_end()
    assert ended.verdict == ("up_for_retry", "SourceIncompleteError")
    assert (
        len(
            next(each for each in rig.sandbox.state()["agents"] if each["_id"] == rig.sandbox.agent_id)[
                "uploadedDocuments"
            ]
        )
        == 2
    )


def test_a_folder_that_an_agent_can_use_nothing_of_gives_no_version_to_pay_for(
    rig: Rig, tmp_path: Path
) -> None:
    (tmp_path / "handbook.md").write_text("# Handbook")
    ended = agents_documents(rig, f"{tmp_path}/*").to_the_end()
    assert ended.verdict == ("up_for_retry", "EmptySourceError")
    assert (
        "1 document of which none can be sent (1 unsupported; first handbook.md: the vendor takes no .md)"
        in ended.told
    )
    assert rig.written == []


def test_a_link_that_leads_nowhere_for_a_night_costs_nothing(library: Library, tmp_path: Path) -> None:
    """What was below a linked folder cannot be told from what is gone, so nothing goes that night."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "terms.md").write_text("Terms.")
    library.put_many(4)
    (library.folder / "legal").symlink_to(shared)
    (library.folder / "one.md").symlink_to(shared / "terms.md")
    source = f"{library.folder}/**/*.md"
    assert library.bring(source, **WHOLE)["counts"] == {"created": 6}
    before = library.ours()
    shared.rename(tmp_path / "away")
    result = library.run(source, **WHOLE).result
    assert (result["counts"]["unchanged"], result["counts"]["skipped"]) == (4, 2)
    assert library.ours() == before
    (tmp_path / "away").rename(shared)
    assert library.bring(source, **WHOLE)["counts"] == {"unchanged": 6}


def test_what_exclude_leaves_out_stays_live_and_is_never_sent(library: Library) -> None:
    library.put_many(3)
    library.put("drafts/old.md", "Live for years.")
    library.bring(**WHOLE)
    library.put("drafts/new.md", "Not yet.")
    library.put("drafts/old.md", "Changed, but left out.")
    library.put("~$Prices.docx", b"\5Maria")
    source = Folder(library.source, exclude="drafts")
    assert library.bring(source, **WHOLE)["counts"] == {"unchanged": 3, "skipped": 3}
    assert library.written == {}
    assert library.said["drafts/old.md"] == "Live for years."
    (library.folder / "drafts" / "old.md").unlink()
    assert library.bring(source, **WHOLE)["counts"] == {"unchanged": 3, "skipped": 2, "delete_accepted": 1}


def test_one_odd_document_keeps_none_of_the_others(library: Library) -> None:
    library.put_many(2)
    library.put("Screenshot 2026-01-01 at 9.41.00\u202fAM.md", "A screenshot's text.")
    library.put("utf16.txt", "Größe".encode("utf-16"))
    library.put("nul.txt", "Größe".encode("utf-16-le"))
    with open(os.fsencode(library.folder) + b"/caf\xe9.md", "w") as file:
        file.write("Latin-1 in its name.")
    assert library.bring(**WHOLE)["counts"] == {"created": 4, "skipped": 2}
    assert library.bring(**WHOLE)["counts"] == {"unchanged": 4, "skipped": 2}
    assert library.said["utf16.txt"] == "Größe"


def test_a_list_of_all_kinds_is_the_same_every_night(library: Library) -> None:
    def rows() -> list[Any]:
        return [
            {"key": 1, "text": {"q": "Open?", "a": "At nine."}},
            [Document(key="two", text=memoryview(b"Two"))],
            {"key": "three", "text": None},
            {"key": memoryview(b"\1"), "text": "Nobody knows which."},
            {
                "text": "Loaded.",
                "metadata": {"file_name": "a.pdf", "file_path": "/kb/a.pdf", "page_number": 2},
            },
        ]

    assert library.bring(rows, **WHOLE)["counts"] == {"created": 2, "skipped": 3}
    assert library.bring(rows, **WHOLE)["counts"] == {"unchanged": 2, "skipped": 3}
    assert library.said == {"1": '{"q": "Open?", "a": "At nine."}', "a.pdf, page 2": "Loaded."}


def test_a_title_of_a_markdown_file_is_one_night_of_renaming(library: Library) -> None:
    library.put("hours.md", "# Opening hours\nWe open at nine.")
    library.bring(lambda: [{"key": "hours.md", "text": (library.folder / "hours.md").read_text()}])
    assert list(library.said) == ["hours.md"]
    assert library.bring(**WHOLE)["counts"] == {"renamed": 1}
    assert list(library.said) == ["Opening hours"]
    assert library.bring(**WHOLE)["counts"] == {"unchanged": 1}
    assert library.written == {}


@pytest.mark.parametrize("missing", ["/nonexistent/mount/a.md", "file:///nonexistent/mount/a.md"])
def test_a_listed_file_that_is_not_there_is_no_success(library: Library, missing: str) -> None:
    library.put("b.md", "B")
    ended = library.run([f"{library.folder}/b.md", missing], **WHOLE)
    assert ended.verdict == ("up_for_retry", "SourceIncompleteError")
    assert "/nonexistent/mount/a.md does not exist on this worker" in ended.told
    assert library.written == {}


@pytest.mark.parametrize(
    ("documents", "says"),
    [
        ("/**/*.md", "begins at the root of the worker's disk (is a Variable empty?)"),
        ("handbook/*.md", "is a relative path"),
        (lambda: "We open at nine.", "'We open at nine.' is a relative path"),
        (["notes.md"], "'notes.md' is a relative path"),
    ],
)
def test_a_path_that_is_not_whole_is_refused_for_good(library: Library, documents: Any, says: str) -> None:
    ended = library.run(documents)
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert says in ended.told
    assert library.written == {}
