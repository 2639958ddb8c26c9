"""Lists and functions as a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from airflow_provider.errors import DuplicateKeyError, InvalidArgumentError, SourceIncompleteError
from airflow_provider.sources import Document, Folder, Query
from airflow_provider.sources.items import Items, source_of
from airflow_provider.sources.values import Skip
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
        ({"text": "a", "metadata": {}}, "item 1 has no key"),
        ({"key": "a", "text": "b", "body": "c"}, r"item 1 has unknown members \['body'\]"),
        (
            "We open at nine.",
            "'We open at nine.' is a relative path, and does not exist on this worker.*key=…, text=…",
        ),
        ("kb/a.md", "'kb/a.md' is a relative path"),
        (Path("kb/a.md"), "'kb/a.md' is a relative path"),
        ("file://kb/a.md", "is a relative path"),
        ({"key": "a", "file": "kb/a.md"}, "'kb/a.md' is a relative path"),
        ("kb/*.md", "'kb/.*' is a relative path"),
        ("carrierpigeon://kb/a.md", "carrierpigeon.*Is the provider of that storage installed"),
    ],
)
def test_what_is_no_document_or_no_whole_path_is_refused_by_name_and_nothing_is_sent(
    item: Any, says: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=says) as caught:
        read([item])
    assert "Nothing was sent" in str(caught.value)


@pytest.mark.parametrize(
    ("members", "skip", "detail"),
    [
        ({"key": "a"}, Skip.EMPTY, "it has no text, file or url"),
        ({"key": "a", "text": None, "url": None}, Skip.EMPTY, "it has no text, file or url"),
        ({"key": "a", "text": float("nan")}, Skip.EMPTY, "it has no text, file or url"),
        ({"key": "a", "text": "b", "url": PAGE}, Skip.UNUSABLE, "it has text and url; give one"),
        ({"key": "a", "text": b"bytes"}, Skip.UNUSABLE, "its text is bytes; give a text"),
        ({"key": "a", "text": memoryview(b"bytes")}, Skip.UNUSABLE, "its text is memoryview; give a text"),
        ({"key": "a", "text": {"q": b"bytes"}}, Skip.UNUSABLE, "its text is bytes; give a text"),
        ({"key": "a", "text": {"b", "c"}}, Skip.UNUSABLE, "its text is set; give a text"),
        ({"key": "a", "text": object()}, Skip.UNUSABLE, "its text is object; give a text"),
        ({"key": "a", "text": "b", "title": b"T"}, Skip.UNUSABLE, "its title is bytes; give a text"),
        (
            {"key": "a", "url": PAGE, "version": memoryview(b"1")},
            Skip.UNUSABLE,
            "its version is memoryview; give a text",
        ),
        (
            {"key": "a", "text": "b", "metadata": ["c"]},
            Skip.UNUSABLE,
            "its metadata is list; give names and values",
        ),
        ({"key": "a", "text": "b\0c"}, Skip.UNDECODABLE, "NUL at position 1; is it UTF-16?"),
        ({"key": "a", "text": "half \ud83d"}, Skip.UNDECODABLE, "no character at position 5"),
        (
            {"key": "a", "url": "ftp://example.com"},
            Skip.UNUSABLE,
            "its url must begin with http:// or https://",
        ),
        (
            {"key": "a", "url": "www.example.com"},
            Skip.UNUSABLE,
            "its url must begin with http:// or https://",
        ),
        *(
            (
                {"key": "a", "url": url},
                Skip.UNUSABLE,
                "its url is a playlist, which makes one entry for each video: give the videos",
            )
            for url in (
                "https://www.youtube.com/playlist?list=x",
                "https://YouTube.com/watch?v=1&list=x",
                "https://m.youtube.com/watch?v=1&list=x",
                "https://youtu.be/1?list=x",
            )
        ),
    ],
)
def test_what_is_wrong_with_one_document_is_its_own_outcome(members: Any, skip: Skip, detail: str) -> None:
    found = read([{"key": "before", "text": "B"}, members, {"key": "behind", "text": "B"}])
    assert {key: (each.skip, each.detail) for key, each in found.items()} == {
        "before": (None, ""),
        "a": (skip, detail),
        "behind": (None, ""),
    }


@pytest.mark.parametrize(
    ("key", "shown", "detail"),
    [
        ("", "document 2", "its key is empty"),
        ("  ", "document 2", "its key is empty"),
        (None, "document 2", "its key is empty"),
        (float("nan"), "document 2", "its key is empty"),
        (b"\x01", "document 2", "its key is bytes; give a text"),
        (memoryview(b"\x01"), "document 2", "its key is memoryview; give a text"),
        ("a\nb", "a\\nb", r"its key has '\n' at position 1"),
        ("a\x00b", "a\\x00b", r"its key has '\x00' at position 1"),
        ("caf\udce9.md", "caf\\udce9.md", r"its key has '\udce9' at position 3"),
    ],
)
def test_a_key_that_is_none_skips_that_document_only(key: Any, shown: str, detail: str) -> None:
    found = read([{"key": "before", "text": "B"}, {"key": key, "text": "T"}, {"key": "behind", "text": "B"}])
    assert list(found) == ["before", shown, "behind"]
    assert (found[shown].skip, found[shown].detail) == (Skip.UNUSABLE_NAME, detail)


@pytest.mark.parametrize(
    "name",
    [
        "Prix\u00a0liste.md",
        "Screenshot 2026-01-01 at 9.41.00\u202fAM.png",
        "family-\U0001f469\u200d\U0001f467.md",
        "\u0645\u06cc\u200c\u0631\u0648\u0645.md",
        "soft\u00adhyphen.md",
        "\u4fa1\u683c\u3000\u8868.md",
        "mark\ufeff.md",
    ],
)
def test_any_other_name_is_a_key(name: str) -> None:
    assert read([Document(key=name, text="T")])[name].skip is None


NUMBERS = [
    (5, "5"),
    (Decimal("1.50"), "1.50"),
    (Decimal("1E+2"), "100"),
    (UUID("03db5651-cb61-4bdf-9ef0-89561f7c9c53"), "03db5651-cb61-4bdf-9ef0-89561f7c9c53"),
    (date(2026, 11, 26), "2026-11-26"),
    (datetime(2026, 11, 26, 1, 2, tzinfo=UTC), "2026-11-26 01:02:00+00:00"),
    (True, "True"),
]


@pytest.mark.parametrize(("value", "text"), NUMBERS)
def test_a_number_or_a_date_is_a_text_everywhere(value: Any, text: str) -> None:
    page = {"url": PAGE, "version": value}
    given = read([{"key": value, "title": value, "text": value}, {"key": "page", **page}])
    written = read(
        [{"key": text, "title": text, "text": text}, {"key": "page", "url": PAGE, "version": text}]
    )
    assert given == written
    assert given[text].title == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"q": "Größe?", "a": None}, '{"q": "Größe?", "a": null}'),
        (["At nine.", None], '["At nine.", null]'),
        ({"on": date(2026, 1, 2), "price": Decimal("1.50")}, '{"on": "2026-01-02", "price": "1.50"}'),
        (MappingProxyType({"a": 1}), '{"a": 1}'),
    ],
)
def test_json_is_written_as_json(value: Any, text: str) -> None:
    assert read([{"key": "a", "text": value}]) == read([{"key": "a", "text": text}])


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [(" a.md", "a.md", ("' a.md'", "'a.md'")), ("./a.md", "a.md", ("'./a.md'", "'a.md'"))],
)
def test_keys_that_differ_in_blanks_only_are_named_as_they_were_given(
    one: str, other: str, told: Any
) -> None:
    with pytest.raises(DuplicateKeyError) as caught:
        read([Document(key=one, text="1"), Document(key=other, text="2")])
    assert all(each in str(caught.value) for each in told)


def test_lists_in_lists_are_one_list() -> None:
    """What a task gets from a mapped one that returns lists."""
    assert keys(
        [[{"key": "a", "text": "A"}], [[{"key": "b", "text": "B"}], []], ({"key": "c", "text": "C"},)]
    ) == [
        "a",
        "b",
        "c",
    ]


def test_globs_folders_and_documents_may_stand_in_one_list(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "eu/c.txt", "d.csv", "what[1].md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    mixed = [
        f"{tmp_path}/a*",
        Folder(f"{tmp_path}/**/*.txt"),
        {"key": "x", "text": "X"},
        f"{tmp_path}/what[1].md",
    ]
    assert keys(mixed) == ["a.md", "b.txt", "eu/c.txt", "x", f"{tmp_path}/what[1].md"]
    assert list(read([f"{tmp_path}/*.md", f"{tmp_path}/**/*.md"])) == ["a.md", "what[1].md"]


def test_what_airflows_document_loader_returns_is_a_list_of_documents() -> None:
    loaded = [
        {"text": "Faq.", "metadata": {"file_name": "faq.md", "file_path": "/data/kb/faq.md", "lang": "en"}},
        {
            "text": "One.",
            "metadata": {"file_name": "a.pdf", "file_path": "s3://aws@bucket/kb/a.pdf", "page_number": 1},
        },
        {
            "text": "Two.",
            "metadata": {"file_name": "a.pdf", "file_path": "s3://aws@bucket/kb/a.pdf", "page_number": 2},
        },
        {"text": "Row.", "metadata": {"file_name": "t.csv", "file_path": "t.csv", "row_index": 0}},
        {"text": "Item.", "metadata": {"file_name": "t.json", "item_index": 3}},
        {"text": "Page.", "metadata": {"source": "/kb/b.pdf", "page": 0}},
    ]
    found = read(loaded)
    assert [(key, each.title) for key, each in found.items()] == [
        ("data/kb/faq.md", "faq.md"),
        ("bucket/kb/a.pdf#page=1", "a.pdf, page 1"),
        ("bucket/kb/a.pdf#page=2", "a.pdf, page 2"),
        ("t.csv#row=0", "t.csv, row 0"),
        ("t.json#item=3", "t.json, item 3"),
        ("kb/b.pdf#page=0", "b.pdf, page 0"),
    ]
    assert found["data/kb/faq.md"].metadata == loaded[0]["metadata"]
    assert found["data/kb/faq.md"].digest == read([{"key": "x", "text": "Faq."}])["x"].digest


def test_metadata_that_is_not_sent_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        read([Document(key=f"{n}", text="A", metadata={"page": n, "lang": "de"}) for n in range(3)])
        read([Document(key="a", text="A")])
    assert [record.message for record in caplog.records] == [
        "Metadata is not sent, since the vendor has no place for it: lang, page"
    ]


def test_metadata_is_carried_and_cannot_be_changed() -> None:
    given = {"language": "de"}
    wanted = read(
        [Document(key="a", text="A", metadata=given), {"key": "b", "text": "B", "metadata": '{"n": 1}'}]
    )
    assert (wanted["a"].metadata, wanted["b"].metadata) == ({"language": "de"}, {"n": 1})
    given["language"] = "fr"
    assert wanted["a"].metadata == {"language": "de"}
    with pytest.raises(TypeError):
        wanted["a"].metadata["language"] = "fr"  # type: ignore[index]
    assert read([{"key": "a", "text": "A"}])["a"].metadata is None


@pytest.mark.parametrize("form", [str, Path])
def test_a_file_that_was_given_and_is_not_there_has_failed(tmp_path: Path, form: Any) -> None:
    (tmp_path / "a.md").write_text("A")
    for given in (form(tmp_path / "gone.md"), {"key": "b", "file": form(tmp_path / "gone.md")}):
        with pytest.raises(
            SourceIncompleteError, match=rf"{tmp_path}/gone\.md does not exist on this worker"
        ):
            read([str(tmp_path / "a.md"), given])


def test_brackets_that_mean_nothing_are_the_name_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("a.md", "faq [1].md"):
        (tmp_path / name).write_text(name)
    given = [str(tmp_path / "a.md"), str(tmp_path / "faq [1].md")]
    assert list(read(given)) == given
    (tmp_path / "faq [1].md").unlink()
    with pytest.raises(SourceIncompleteError, match=r"faq \[1\]\.md does not exist on this worker"):
        read(given)
    assert list(read([given[0], f"{tmp_path}/*.txt", f"{tmp_path}/[b-z].md*"])) == given[:1]


def test_one_page_under_two_keys_is_refused_since_the_vendor_takes_it_once() -> None:
    page = "https://example.com/prices"
    with pytest.raises(DuplicateKeyError, match=r"'one' and 'two' have the same url"):
        read([Document(key="one", url=page), Document(key="two", url=page)])
