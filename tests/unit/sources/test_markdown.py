"""What a Markdown file says of itself: its front matter is not sent, and it has a title of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider.sources import Document
from airflow_provider.sync.markdown import split
from tests.unit.sources.reading import read, reading

FRONT = "---\nsecret_owner: bob\ntitle: Opening hours\n---\n"


@pytest.mark.parametrize(
    ("text", "body", "title"),
    [
        (f"{FRONT}We open at nine.", "We open at nine.", "Opening hours"),
        (f"{FRONT}# Another\nText", "# Another\nText", "Opening hours"),
        (FRONT.replace("\n", "\r\n") + "Text", "Text", "Opening hours"),
        ("---\ntags:\n  - a\n- b\n\n# why\n...\n# Heading\nText", "# Heading\nText", "Heading"),
        ('---\ntitle: "He said: \\"nine\\""\n---\nText', "Text", 'He said: "nine"'),
        ("---\ntitle: 'It''s open'\n---\nText", "Text", "It's open"),
        ("---\nTitle: 2026 # the year\n---\nText", "Text", "2026"),
        ("---\ntitle: Price: five euros\n---\nText", "Text", "Price: five euros"),
        ("---\ntitle: >\n  folded\n---\n# Heading", "# Heading", "Heading"),
        ("---\ntitle:\n---\n# Heading", "# Heading", "Heading"),
        ("---\ntitle: Alone\n---", "", "Alone"),
        # no front matter: two rules with a text between them, or one that never ends
        ("---\nWelcome to our shop\n---\nText", "---\nWelcome to our shop\n---\nText", None),
        ("---\n# Welcome\n---\nText", "---\n# Welcome\n---\nText", "Welcome"),
        ("---\n- one\n- two\n---\nText", "---\n- one\n- two\n---\nText", None),
        ("---\n\n---\nText", "---\n\n---\nText", None),
        ("---\ntitle: Never ended\nText", "---\ntitle: Never ended\nText", None),
        ("Text\n---\ntitle: Later\n---\n", "Text\n---\ntitle: Later\n---\n", None),
        ("----\ntitle: No\n----\nText", "----\ntitle: No\n----\nText", None),
        # headings
        ("# Returns\nText", "# Returns\nText", "Returns"),
        ("Text\n\n### Deep ###\n# Later", "Text\n\n### Deep ###\n# Later", "Deep"),
        ("Returns\n=======\nText", "Returns\n=======\nText", "Returns"),
        ("```sh\n# a comment\n```\n# Heading", "```sh\n# a comment\n```\n# Heading", "Heading"),
        ("~~~\n```\n# no\n~~~\n# Heading", "~~~\n```\n# no\n~~~\n# Heading", "Heading"),
        ("# **Bold** and `code` [linked](https://a.example) {#id}", None, "Bold and code linked"),
        ("# ![](logo.png)\n## Text", None, "Text"),
        ("#hashtag\nText", None, None),
        ("#\nText", None, None),
        ("Text", None, None),
        ("", "", None),
    ],
)
def test_front_matter_is_no_knowledge_and_the_title_stands_in_it_or_in_a_heading(
    text: str, body: str | None, title: str | None
) -> None:
    assert split(text) == (text if body is None else body, title)


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    """One article with a front matter."""
    (tmp_path / "hours.md").write_text(f"{FRONT}We open at nine.")
    return tmp_path


def test_the_file_keeps_its_key_and_sends_its_body(kb: Path) -> None:
    with reading(f"{kb}/*.md") as done:
        (wanted,) = done.wanted
        now, content = done.again(wanted)
    assert (wanted.key, wanted.title, content.content) == ("hours.md", "Opening hours", b"We open at nine.")
    assert now == wanted
    assert wanted.digest == read([{"key": "a", "text": "We open at nine."}])["a"].digest


def test_a_title_that_was_given_wins(kb: Path) -> None:
    given = Document(key="a", title="Given", file=f"{kb}/hours.md")
    with reading([given]) as done:
        assert (done.wanted[0].title, done.again(done.wanted[0])[0].title) == ("Given", "Given")
    assert read([Document(key="a", title=" ", file=f"{kb}/hours.md")])["a"].title == "Opening hours"


@pytest.mark.parametrize(
    ("name", "title"),
    [("a.markdown", "Heading"), ("A.MD", "Heading"), ("a.txt", "a.txt"), ("a.rst", "a.rst")],
)
def test_only_markdown_has_a_title_of_its_own(tmp_path: Path, name: str, title: str) -> None:
    (tmp_path / name).write_text("# Heading\nText")
    assert read(f"{tmp_path}/*")[name].title == title


def test_a_text_that_somebody_composed_is_sent_as_it_is() -> None:
    with reading([Document(key="hours.md", text=f"{FRONT}Text")]) as done:
        assert done.wanted[0].title == "hours.md"
        assert done.again(done.wanted[0])[1].content == f"{FRONT}Text".encode()


def test_titles_are_the_same_each_night_and_also_where_the_file_is_not_read(kb: Path) -> None:
    stat_cache: dict[str, list[Any]] = {}
    url = f"{kb}/*.md"
    first = read(url)
    assert read(url) == read(url, stat_cache=stat_cache) == first
    looks = {key: list(look) for key, look in stat_cache.items()}
    (kb / "hours.md").write_text("x" * (kb / "hours.md").stat().st_size)
    os.utime(kb / "hours.md", (1, float(str(next(iter(looks.values()))[0]).partition(":")[2])))
    assert read(url, stat_cache=stat_cache) == first, "it looks the same, so it is not read"
    assert stat_cache == looks


def test_a_title_that_changes_between_the_passes_is_the_one_that_is_sent(kb: Path) -> None:
    with reading(f"{kb}/*.md") as done:
        (kb / "hours.md").write_text("# Open\nWe open at nine.")
        assert done.again(done.wanted[0])[0].title == "Open"


def test_a_title_is_one_line_of_characters() -> None:
    title = "Prices\x00 of\n\u202f2026 \ud83d"
    assert read([Document(key="a", title=title, text="T")])["a"].title == "Prices of 2026"
