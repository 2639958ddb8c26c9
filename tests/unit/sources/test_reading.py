"""Two passes over a source: what is sent is what was hashed, and what cannot be sent is skipped, not absent."""

from __future__ import annotations

import contextlib
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sources import Document
from airflow_provider.sources.values import Skip, UnusableError
from airflow_provider.sync.documents import Kind, Wanted
from airflow_provider.sync.kinds import MAX_TEXT_BYTES, content_type
from airflow_provider.sync.spool import Spool
from tests.unit.sources.reading import read, reading


def only(documents: Any, **recipe: Any) -> Wanted:
    (document,) = read(documents, **recipe).values()
    return document


def written(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


# --- skipped -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "skip", "detail"),
    [
        ("a.md", b"caf\xe9", Skip.UNDECODABLE, "not utf-8-sig at byte 3"),
        ("a.md", b"", Skip.EMPTY, ""),
        ("a.md", b" \n\t ", Skip.EMPTY, ""),
        ("a.md", b"\xef\xbb\xbf", Skip.EMPTY, ""),
        ("a.pdf", b"", Skip.EMPTY, ""),
        ("a.exe", b"MZ", Skip.UNSUPPORTED, "the vendor takes no .exe"),
        ("a", b"text", Skip.UNSUPPORTED, "the vendor takes no file without a suffix"),
        ("a.pdf", b"x" * 2_000_001, Skip.TOO_LARGE, "2000001 bytes; the vendor takes 1 MB"),
    ],
)
def test_what_cannot_be_sent_is_skipped_with_its_reason(
    tmp_path: Path, name: str, content: bytes, skip: Skip, detail: str
) -> None:
    document = only([written(tmp_path, name, content)], max_file_bytes=2_000_000)
    if skip is Skip.TOO_LARGE:
        detail = detail.replace("1 MB", f"{2_000_000 // (1024 * 1024)} MB")
    assert (document.skip, document.detail, document.digest) == (skip, detail, "")


def test_a_folder_in_the_place_of_a_file_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    document = only([str(tmp_path / "a.md")])
    assert (document.skip, document.detail) == (Skip.UNREADABLE, "it is no file")


def test_a_skipped_document_does_not_keep_the_others(tmp_path: Path) -> None:
    bad = written(tmp_path, "bad.md", b"\xff")
    found = read([bad, Document(key="good", text="good")])
    assert [document.skip for document in found.values()] == [Skip.UNDECODABLE, None]


def test_a_long_text_of_a_kind_that_the_vendor_takes_as_text_only_goes_as_txt(tmp_path: Path) -> None:
    long = b"word " * (MAX_TEXT_BYTES // 5 + 1)
    for name in ("manual.rst", "manual.markdown", "manual.text"):
        with reading([written(tmp_path, name, long)]) as done:
            assert done.again(done.wanted[0])[1].filename == "manual.txt"


# --- texts ---------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    plain, marked = (only([written(tmp_path, "a.md", content)]) for content in (b"text", b"\xef\xbb\xbftext"))
    assert plain == marked


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_a_text_that_says_what_it_is_is_read_so(tmp_path: Path, encoding: str, order: str) -> None:
    """Windows' "Unicode", and what PowerShell's ``>`` writes."""
    marked = ("\ufeff" + "Größe 🎉").encode(f"{encoding}-{order}")
    path = written(tmp_path, "a.txt", marked)
    for told in ("utf-8-sig", "latin-1"):
        with reading([path], encoding=told) as done:
            assert done.again(done.wanted[0])[1].content == "Größe 🎉".encode()
    assert only([written(tmp_path, "b.txt", marked[:-1])]).detail.startswith(f"not {encoding} at byte")


@pytest.mark.parametrize(
    ("content", "position"), [("A lamp".encode("utf-16-le"), 1), (b"padded\0\0 text", 6), (b"\0" * 40, 0)]
)
def test_a_nul_is_no_text(tmp_path: Path, content: bytes, position: int) -> None:
    document = only([written(tmp_path, "a.txt", content)])
    assert (document.skip, document.detail) == (
        Skip.UNDECODABLE,
        f"NUL at position {position}; is it UTF-16?",
    )


def test_another_encoding_is_read_as_the_caller_says(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "Größe".encode("latin-1"))
    with reading([path], encoding="latin-1") as done:
        assert done.again(done.wanted[0])[1].content == "Größe".encode()


def test_the_same_text_is_the_same_wherever_it_comes_from(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", b"text")
    from_file, from_list = only([path]), only([Document(key=path, text="text")])
    assert from_file.digest == from_list.digest


def test_a_text_too_long_for_a_request_goes_as_a_file() -> None:
    long = "word " * (MAX_TEXT_BYTES // 5 + 1)
    with reading([Document(key="eu/handbook", text=long), Document(key="short", text="word")]) as done:
        document, content = done.again(done.wanted[0])
        assert (document.kind, content.kind, content.filename) == (Kind.FILE, Kind.FILE, "handbook.txt")
        assert content.content == long.encode()
        assert content.digest == document.digest
        assert done.wanted[1].kind is Kind.TEXT


def test_a_long_text_file_goes_under_its_own_name(tmp_path: Path) -> None:
    path = written(tmp_path, "handbook.md", b"word " * (MAX_TEXT_BYTES // 5 + 1))
    with reading([path]) as done:
        _, content = done.again(done.wanted[0])
        assert (content.kind, content.filename, content_type(content.filename)) == (
            Kind.FILE,
            "handbook.md",
            "text/markdown",
        )


def test_a_vendor_that_takes_files_only_gets_files(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", b"text")
    with reading([path, Document(key="b", text="text")], texts=frozenset()) as done:
        told = [(done.again(each)[1].kind, done.again(each)[1].filename) for each in done.wanted]
    assert told == [(Kind.FILE, "a.md"), (Kind.FILE, "b.txt")]


# --- pages ---------------------------------------------------------------------------------------------------


def test_a_page_changes_with_its_version_only() -> None:
    def page(**members: Any) -> Wanted:
        return only([Document(key="faq", url="https://www.example.com/faq", **members)])

    assert page().digest == page().digest == page(version="").digest
    assert page(version="2").digest == page(version=2).digest
    assert len({page().digest, page(version="1").digest, page(version="2").digest}) == 3
    assert page(title="Another").digest == page().digest


# --- the second pass -----------------------------------------------------------------------------------------


def test_a_file_is_hashed_again_when_it_is_sent(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", b"before")
    with reading([path]) as done:
        planned = done.wanted[0]
        assert done.again(planned)[0] == planned
        written(tmp_path, "a.md", b"after!")
        now, content = done.again(planned)
    assert now.digest == content.digest != planned.digest
    assert content.content == b"after!"


def test_a_file_that_vanished_between_the_passes_cannot_be_sent(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", b"before")
    with reading([path]) as done:
        os.unlink(path)
        with pytest.raises(UnusableError) as caught:
            done.again(done.wanted[0])
    assert caught.value.skip is Skip.VANISHED


def test_a_file_that_became_unreadable_between_the_passes_cannot_be_sent(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", b"before")
    with reading([path]) as done:
        written(tmp_path, "a.md", b"\xff")
        with pytest.raises(UnusableError) as caught:
            done.again(done.wanted[0])
    assert caught.value.skip is Skip.UNDECODABLE


def test_what_cannot_be_read_twice_is_spooled_and_files_are_not(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", b"in a file")
    documents = iter([Document(key="b", text="from a generator " * 100), Document(key=path, file=path)])
    with Spool() as spool, reading(documents, spool=spool) as done:
        contents = [done.again(each)[1].content for each in done.wanted]
        spooled = spool.size
    assert contents == [b"from a generator " * 100, b"in a file"]
    assert 0 < spooled < 200


def test_only_what_may_have_to_be_sent_is_spooled() -> None:
    documents = [Document(key=f"{n}", text=f"text {n} " * 50) for n in range(20)]
    with Spool() as spool, reading(documents, keep=lambda document: document.key == "7", spool=spool) as done:
        one = spool.size
        assert done.again(done.wanted[7])[1].content == b"text 7 " * 50
    with Spool() as spool, reading(documents, spool=spool):
        assert spool.size > 15 * one


def test_no_content_is_held_in_memory() -> None:
    tracemalloc.start()
    try:
        found = read(lambda: (Document(key=f"{n}", text=f"{n} " + "word " * 40_000) for n in range(300)))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(each.size for each in found.values()) > 60_000_000
    assert most < 25_000_000


# --- the spool -----------------------------------------------------------------------------------------------


def test_the_spool_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with contextlib.suppress(ZeroDivisionError), Spool() as spool:
        spool.put("a", b"content" * 1000)
        assert spool.get("a") == b"content" * 1000
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_the_spool_is_read_by_many_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    contents = {f"{n}": os.urandom(100) * (n % 7 + 1) for n in range(200)}
    with Spool() as spool, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: spool.put(*pair), contents.items()))
        assert dict(zip(contents, pool.map(spool.get, contents), strict=True)) == contents
