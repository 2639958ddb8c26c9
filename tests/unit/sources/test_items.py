"""Lists and functions as a source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.errors import DuplicateKeyError, InvalidArgumentError
from airflow_provider.sources import Document, Folder, Query
from airflow_provider.sources.items import Items, source_of
from airflow_provider.sync.documents import Kind
from tests.unit.sources.reading import keys, read

PAGE = "https://www.example.com/faq"


def test_a_list_holds_documents_or_their_members_or_paths(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("A")
    (tmp_path / "b.pdf").write_bytes(b"%PDF B")
    found = read(
        [
            Document(key="one", title="One", text="1"),
            {"key": "two", "text": "2"},
            {"key": "page", "url": PAGE, "version": 7},
            str(tmp_path / "a.md"),
            tmp_path / "b.pdf",
        ]
    )
    assert [(key, document.kind) for key, document in found.items()] == [
        ("one", Kind.TEXT),
        ("two", Kind.TEXT),
        ("page", Kind.URL),
        (str(tmp_path / "a.md"), Kind.TEXT),
        (str(tmp_path / "b.pdf"), Kind.FILE),
    ]
    assert (found["one"].title, found["two"].title) == ("One", "two")


def test_a_function_is_called_and_a_generator_is_read() -> None:
    def articles() -> Iterator[Document]:
        for number in range(3):
            yield Document(key=f"{number}", text=f"Text {number}")

    assert keys(articles) == keys(articles()) == keys(lambda: list(articles())) == ["0", "1", "2"]


def test_an_empty_list_is_a_source_of_nothing() -> None:
    assert keys([]) == keys(list) == []


@pytest.mark.parametrize("single", [{"key": "a", "text": "b"}, Document(key="a", text="b")])
def test_a_function_may_return_a_single_document(single: Any) -> None:
    assert keys(lambda: single) == ["a"]


def test_an_error_of_a_function_is_not_the_end_of_its_documents() -> None:
    def half() -> Iterator[Document]:
        yield Document(key="a", text="b")
        raise ConnectionError("the database went away")

    with pytest.raises(ConnectionError):
        read(half)


def test_what_an_argument_means_is_told_by_its_form() -> None:
    query = Query("SELECT 1", "articles")
    assert isinstance(source_of("s3://bucket/*.md"), Folder)
    assert source_of(query) is query
    assert isinstance(source_of([]), Items)
    assert isinstance(source_of(list), Items)


@pytest.mark.parametrize("wrong", [None, 7, b"bytes", {"key": "a", "text": "b"}])
def test_what_is_no_source_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=f"documents is {type(wrong).__name__}"):
        source_of(wrong)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (None, "item 1 is NoneType"),
        (7, "item 1 is int"),
        ({"text": "a"}, "item 1 has no key"),
        ({"key": None, "text": "a"}, "item 1 has no key"),
        ({"key": "a", "text": "b", "body": "c"}, r"item 1 has unknown members \['body'\]"),
        ({"key": "a"}, "'a' gives no content"),
        ({"key": "a", "text": "b", "url": PAGE}, r"'a' gives \['text', 'url'\]"),
        ({"key": "", "text": "b"}, "cannot be a key"),
        ({"key": "  ", "text": "b"}, "cannot be a key"),
        ({"key": "a\nb", "text": "b"}, "cannot be a key"),
        ({"key": "caf\udce9.md", "text": "b"}, "cannot be a key"),
        ({"key": "a", "url": "ftp://example.com"}, "must begin with http"),
        ({"key": "a", "url": "www.example.com"}, "must begin with http"),
        ({"key": "a", "url": "https://www.youtube.com/playlist?list=x"}, "is a playlist"),
        ({"key": "a", "url": "https://youtube.com/watch?v=1&list=x"}, "is a playlist"),
        ({"key": "a", "text": 7}, "text of 'a' is int"),
        ({"key": "a", "text": b"bytes"}, "text of 'a' is bytes"),
        ({"key": "a", "file": 7}, "file of 'a' is int"),
    ],
)
def test_what_is_no_document_is_refused_by_name_and_nothing_is_sent(item: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says) as caught:
        read([item])
    assert "Nothing was sent" in str(caught.value)


def test_one_page_under_two_keys_is_refused_since_the_vendor_takes_it_once() -> None:
    page = "https://example.com/prices"
    with pytest.raises(DuplicateKeyError, match=r"'one' and 'two' have the same url"):
        read([Document(key="one", url=page), Document(key="two", url=page)])
