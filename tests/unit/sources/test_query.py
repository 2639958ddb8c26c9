"""A table as a source, through a real connection."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.errors import DuplicateKeyError, InvalidArgumentError
from airflow_provider.sources import Query
from airflow_provider.sources.values import Skip
from airflow_provider.sync.documents import Kind
from tests.unit.sources.reading import keys, read, skips

pytest.importorskip("airflow.providers.sqlite", reason="the SQLite provider is not installed")


@pytest.fixture
def articles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of articles, and an Airflow connection to it."""
    path = tmp_path / "articles.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE articles (id INTEGER, name TEXT, body TEXT, page TEXT, changed TEXT)")
        database.executemany(
            "INSERT INTO articles VALUES (?, ?, ?, ?, ?)",
            [(n, f"Article {n}", f"Text of article {n}.", None, None) for n in range(1, 1201)],
        )
    monkeypatch.setenv("AIRFLOW_CONN_ARTICLES", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def ask(columns: str, where: str = "id <= 3", parameters: Any = None) -> Query:
    return Query(f"SELECT {columns} FROM articles WHERE {where} ORDER BY id", "articles", parameters)


def test_rows_are_documents_by_the_names_of_their_columns(articles: Path) -> None:
    found = read(ask('body AS "TEXT", id AS Key, name AS Title'))
    assert [(each.key, each.title, each.kind) for each in found.values()] == [
        (f"{n}", f"Article {n}", Kind.TEXT) for n in (1, 2, 3)
    ]


def test_more_rows_than_are_fetched_at_a_time_are_all_read_once(articles: Path) -> None:
    assert keys(ask("id AS key, body AS text", "1")) == [f"{n}" for n in range(1, 1201)]


@pytest.mark.parametrize(
    ("where", "parameters"), [("id = ?", (7,)), ("id = :wanted", {"wanted": 7})], ids=["by place", "by name"]
)
def test_values_go_beside_the_statement(articles: Path, where: str, parameters: Any) -> None:
    assert keys(ask("id AS key, body AS text", where, parameters)) == ["7"]


def test_a_row_may_give_a_page_or_a_text(articles: Path) -> None:
    page = "https://www.example.com/' || id AS url"
    found = read(ask(f"id AS key, changed AS version, '{page}"))
    assert (found["1"].kind, found["1"].url) == (Kind.URL, "https://www.example.com/1")
    both = (
        "CASE WHEN id = 1 THEN 'https://www.example.com/1' END AS url, CASE WHEN id > 1 THEN body END AS text"
    )
    found = read(ask(f"id AS key, {both}"))
    assert [each.kind for each in found.values()] == [Kind.URL, Kind.TEXT, Kind.TEXT]


def test_no_rows_are_no_documents(articles: Path) -> None:
    assert keys(ask("id AS key, body AS text", "0")) == []


def test_a_row_with_an_empty_text_is_skipped_and_not_absent(articles: Path) -> None:
    assert read(ask("id AS key, '' AS text", "id = 1"))["1"].skip is Skip.EMPTY


def test_bytes_are_not_written_as_a_text(articles: Path) -> None:
    assert skips(ask("id AS key, CAST(body AS BLOB) AS text", "id = 1")) == {
        "1": (Skip.UNUSABLE, "its text is bytes; give a text")
    }


@pytest.mark.parametrize(
    "columns",
    [
        "id, body AS text",
        "id AS key",
        "id AS key, body",
        "id AS key, name AS key, body AS text",
        "id AS key, name AS title",
    ],
)
def test_columns_that_are_missing_or_unknown_or_doubled_are_named(articles: Path, columns: str) -> None:
    with pytest.raises(InvalidArgumentError, match="the query gives the columns"):
        keys(ask(columns))


def test_a_row_without_a_key_or_a_text_is_skipped_and_the_others_are_read(articles: Path) -> None:
    found = read(ask("CASE WHEN id <> 2 THEN id END AS key, CASE WHEN id <> 3 THEN body END AS text"))
    assert {key: (each.skip, each.detail) for key, each in found.items()} == {
        "1": (None, ""),
        "document 2": (Skip.UNUSABLE_NAME, "its key is empty"),
        "3": (Skip.EMPTY, "it has no text, file or url"),
    }


def test_the_statement_may_stand_in_a_file(articles: Path, tmp_path: Path) -> None:
    (tmp_path / "articles.sql").write_text("SELECT id AS key, body AS text FROM articles WHERE id < ?")
    assert keys(Query(f"{tmp_path}/articles.sql", "articles", (3,))) == ["1", "2"]
    with pytest.raises(InvalidArgumentError, match=rf"{tmp_path}/gone\.sql.*cannot be read"):
        keys(Query(f"{tmp_path}/gone.sql", "articles"))
    with pytest.raises(InvalidArgumentError, match=r"'articles\.sql' is a relative path"):
        keys(Query("articles.sql", "articles"))


def test_two_rows_of_one_key_are_an_error_that_names_both(articles: Path) -> None:
    with pytest.raises(DuplicateKeyError) as caught:
        read(ask("7 AS key, name AS title, body AS text", "id <= 2"))
    assert "Article 1" in str(caught.value)
    assert "Article 2" in str(caught.value)


def test_a_statement_that_fails_is_an_error_and_not_an_empty_source(articles: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        keys(Query("SELECT * FROM nowhere", "articles"))


def test_a_connection_that_runs_no_sql_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_VENDOR", '{"conn_type": "sensay", "password": "secret"}')
    with pytest.raises(InvalidArgumentError, match=r"connection 'vendor' .* runs no SQL"):
        keys(Query("SELECT 1", "vendor"))


def test_the_database_is_let_go_of_before_anything_is_sent(articles: Path) -> None:
    """Its documents wait in the spool: no cursor, and no lock, outlives the reading."""
    read(ask("id AS key, body AS text", "1"))
    with closing(sqlite3.connect(articles, timeout=0.1)) as database, database:
        database.execute("DELETE FROM articles")


def test_a_query_shows_its_connection_and_its_statement_and_no_values(articles: Path) -> None:
    query = ask("id AS key, body AS text", "id = ?", ("a secret",))
    assert (
        str(query)
        == repr(query)
        == ("articles: SELECT id AS key, body AS text FROM articles WHERE id = ? ORDER BY id")
    )
