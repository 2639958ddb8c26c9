"""A folder as a source: which files it is, what they are called, and when it is no folder at all."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from airflow_provider.errors import DuplicateKeyError, InvalidArgumentError, SourceIncompleteError
from airflow_provider.sources import Folder
from tests.unit.sources.reading import keys, read


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    """A folder of a few articles, with what a real one holds beside them."""
    for name in (
        "faq.md",
        "prices.txt",
        "eu/faq.md",
        "eu/de/faq.md",
        ".draft.md",
        ".git/faq.md",
        "eu/.old/faq.md",
    ):
        path = tmp_path / "kb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Text of {name}.")
    (tmp_path / "kb" / "folder.md").mkdir()
    return tmp_path / "kb"


def test_keys_are_paths_within_the_folder(kb: Path) -> None:
    assert keys(f"file://{kb}/**/*") == ["eu/de/faq.md", "eu/faq.md", "faq.md", "prices.txt"]
    assert keys(f"file://{kb}/*.md") == ["faq.md"]
    assert keys(f"{kb}/eu/**/*.md") == ["de/faq.md", "faq.md"]


def test_files_of_one_name_in_two_folders_are_two_documents(kb: Path) -> None:
    found = read(f"file://{kb}/**/*.md")
    assert list(found) == ["eu/de/faq.md", "eu/faq.md", "faq.md"]
    assert len({document.key_hash for document in found.values()}) == 3


def test_what_begins_with_a_dot_is_left_out_unless_the_folder_itself_does(kb: Path) -> None:
    assert not any(part.startswith(".") for key in keys(f"file://{kb}/**/*") for part in key.split("/"))
    assert keys(f"file://{kb}/.git/*.md") == ["faq.md"]


def test_a_missing_folder_is_not_an_empty_one(kb: Path) -> None:
    with pytest.raises(SourceIncompleteError, match="is it mounted"):
        keys(f"file://{kb}/nowhere/**/*.md")
    (kb / "bare").mkdir()
    assert keys(f"file://{kb}/bare/**/*.md") == []


def test_a_folder_that_moves_keeps_its_keys(kb: Path) -> None:
    before = read(f"file://{kb}/**/*.md")
    kb.rename(kb.with_name("elsewhere"))
    assert read(f"file://{kb.with_name('elsewhere')}/**/*.md") == before


def test_a_file_that_was_only_touched_is_the_same(kb: Path) -> None:
    before = read(f"file://{kb}/**/*.md")
    os.utime(kb / "faq.md", (1, 1))
    assert read(f"file://{kb}/**/*.md") == before


def test_two_names_that_differ_in_their_composition_only_are_an_error_that_names_both(tmp_path: Path) -> None:
    composed, apart = "größe.md", unicodedata.normalize("NFD", "größe.md")
    for name in (composed, apart):
        (tmp_path / name).write_text(name)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system keeps one of them only")
    with pytest.raises(DuplicateKeyError) as caught:
        read(f"file://{tmp_path}/*.md")
    assert str(caught.value).count("größe.md") >= 2


def test_a_name_in_another_composition_is_the_same_document(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "größe.md")
    (tmp_path / apart).write_text("Text.")
    (document,) = read(f"file://{tmp_path}/*.md").values()
    (tmp_path / apart).rename(tmp_path / "größe.md")
    assert list(read(f"file://{tmp_path}/*.md").values()) == [document]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://bucket/folder", "holds no glob"),
        ("s3://bucket/folder/faq.md", "holds no glob"),
        ("", "holds no glob"),
        ("s3://*.md", "names no"),
        ("s3:///*.md", "names no"),
        ("file:///*.md", "names no"),
        ("file://**/*.md", "names no"),
    ],
)
def test_a_url_that_names_no_folder_is_refused_by_name(url: str, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        list(Folder(url).documents())


def is_known(url: str) -> bool:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        ObjectStoragePath(url).exists()
    except ValueError:
        return False
    return True


def test_a_storage_that_nobody_reads_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgumentError, match="carrierpigeon"):
        keys("carrierpigeon://bucket/kb/*.md")


def test_a_bucket_is_a_folder_too() -> None:
    fsspec = pytest.importorskip("fsspec")

    system = fsspec.filesystem("memory")
    system.store.clear()
    for name in ("/bucket/kb/faq.md", "/bucket/kb/eu/faq.md", "/bucket/other.md", "/bucket/kb/.hidden.md"):
        system.pipe(name, b"Text of " + name.encode())
    try:
        if not is_known("memory://bucket"):
            pytest.skip("this Airflow knows no memory:// storage")
        assert keys("memory://bucket/kb/**/*.md") == ["eu/faq.md", "faq.md"]
        assert [document.skip for document in read("memory://bucket/kb/**/*.md").values()] == [None, None]
        with pytest.raises(SourceIncompleteError):
            keys("memory://bucket/gone/**/*.md")
    finally:
        system.store.clear()
