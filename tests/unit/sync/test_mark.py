"""The mark in an entry's title: whose the entry is, for which document, with which content."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.sync import mark as marks
from airflow_provider.sync.mark import (
    SYNC_ID,
    TITLE_LENGTH,
    UNSEEN,
    Mark,
    bare_title,
    digest_of,
    key_hash,
    read_name,
    read_title,
    search_term,
    write_name,
    write_title,
)
from tests.unit.refresh.effort import effort

MARK = Mark("main", "k4u7x2mvqa", "7hd2k9qe".replace("9", "3"))

symbols = "abcdefghijklmnopqrstuvwxyz234567"
mark_values = st.builds(
    Mark,
    st.from_regex(SYNC_ID, fullmatch=True).filter(str.isascii),
    st.text(symbols, min_size=10, max_size=10),
    st.text(symbols, min_size=8, max_size=8),
)


@given(st.text(), mark_values)
@effort(300)
def test_whatever_a_title_says_it_and_its_mark_are_read_back(text: str, mark: Mark) -> None:
    title = bare_title(text)
    assert read_title(write_title(title, mark)) == (title, mark)


@given(st.text(symbols + "-_ äß.", max_size=40), st.sampled_from(["", ".pdf", ".md", ".xlsx"]), mark_values)
@effort(200)
def test_whatever_a_file_is_called_its_name_and_its_mark_are_read_back(
    stem: str, suffix: str, mark: Mark
) -> None:
    assert read_name(write_name(stem, suffix, mark)) == (stem + suffix, mark)


@pytest.mark.parametrize(
    "title",
    [
        "Prices [2026]",
        "Prices [draft] [final]",
        "[kb]",
        "kb~main",
        f"A copy of a title [{Mark('other', 'a' * 10, 'b' * 8)}]",
        "Line one\nline two",
    ],
)
def test_brackets_in_a_title_are_its_own(title: str) -> None:
    assert read_title(write_title(bare_title(title), MARK)) == (bare_title(title), MARK)


@pytest.mark.parametrize(
    "title",
    [
        None,
        "",
        "Company information",
        "Prices [2026]",
        f"[{MARK}] and more behind it",
        "Cut off [kb~main.k4u7x2mvqa.7hd2",
        "Too short [kb~main.k4u7x2mvq.7hd2k3qe]",
        "Foreign letters [kb~main.k4u7x2mvq1.7hd2k3qe]",
        "No sync [kb~.k4u7x2mvqa.7hd2k3qe]",
        "Bad sync [kb~-main.k4u7x2mvqa.7hd2k3qe]",
        "Another tool's [oikb~main.k4u7x2mvqa.7hd2k3qe]",
    ],
)
def test_a_title_without_a_whole_mark_at_its_end_is_nobodys(title: str | None) -> None:
    assert read_title(title) == ((title or "").strip(), None)


def test_another_syncs_mark_is_read_as_its_own() -> None:
    other = Mark("faq-2", MARK.key, MARK.digest)
    assert read_title(write_title("Prices", other)) == ("Prices", other)
    assert str(other).startswith(search_term("faq-2"))
    assert not str(other).startswith(search_term("faq"))
    assert str(other).startswith(search_term("faq-2", MARK.key))


def test_a_mark_whose_letters_were_made_large_is_still_ours() -> None:
    assert read_title(write_title("Prices", MARK).upper()) == ("PRICES", MARK)


@pytest.mark.parametrize("good", ["main", "a", "7", "team-faq", "x" * 24])
def test_a_sync_may_be_called_so(good: str) -> None:
    assert SYNC_ID.fullmatch(good)
    assert read_title(write_title("t", Mark(good, MARK.key, MARK.digest)))[1] is not None


@pytest.mark.parametrize("bad", ["", "Main", "a.b", "-a", "a-", "a b", "x" * 25, "ä", "a]"])
def test_a_sync_may_not_be_called_so(bad: str) -> None:
    assert not SYNC_ID.fullmatch(bad)


def test_a_long_title_is_cut_so_that_the_mark_stays_whole() -> None:
    title = bare_title("word " * 100)
    assert len(title) <= TITLE_LENGTH
    assert title.endswith("word…")
    assert bare_title("x" * TITLE_LENGTH) == "x" * TITLE_LENGTH


def test_a_cut_title_stays_as_it_is_when_it_is_cut_again() -> None:
    title = bare_title("word " * 100)
    assert bare_title(title) == title


def test_a_key_means_the_same_in_either_composition() -> None:
    composed = "Größe/Überblick.md"
    assert key_hash("here", composed) == key_hash("here", unicodedata.normalize("NFD", composed))
    assert bare_title(unicodedata.normalize("NFD", composed)) == composed


def test_two_destinations_never_share_a_key() -> None:
    assert key_hash("sensay:one", "faq.md") != key_hash("sensay:two", "faq.md")


def test_the_digest_tells_content_kind_and_manner_apart() -> None:
    told = {
        digest_of("text", b"a"),
        digest_of("text", b"b"),
        digest_of("file", b"a"),
        digest_of("file", b"a", ".csv"),
        digest_of("file", b"a", ".txt"),
        digest_of("url", b"a", "v1"),
    }
    assert len(told) == 6
    assert UNSEEN not in told
    assert {len(each) for each in told} == {8}


def test_twenty_thousand_keys_have_twenty_thousand_hashes() -> None:
    assert len({key_hash("here", f"articles/{n}.md") for n in range(20_000)}) == 20_000


def test_the_mark_is_found_by_the_vendors_search() -> None:
    assert len(search_term("a")) >= 3  # the vendor searches for three characters at least
    assert search_term("main") in write_title("Prices", MARK)
    assert marks.search_term("main", MARK.key) in write_title("Prices", MARK)
