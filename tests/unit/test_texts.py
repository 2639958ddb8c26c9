"""What may be stored, and what may be shown, of a stranger's texts."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.texts import is_storable, number_of, one_line, sentences, storable, word

GONE = "\ufffd"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("plain", "plain"),
        ("an emoji \U0001f600 stays", "an emoji \U0001f600 stays"),
        ("half \ud83d", f"half {GONE}"),
        ("\ude00 half", f"{GONE} half"),
        ("nu\x00l", f"nu{GONE}l"),
        ("tab\tand line\nstay", "tab\tand line\nstay"),
        ({"\x00": [{"\udfff": "\x00"}]}, {GONE: [{GONE: GONE}]}),
        ([1, None, 2.5, True, ""], [1, None, 2.5, True, ""]),
        ({"a\x00": 1, "b": {"c": ["\ud800", "d"]}}, {f"a{GONE}": 1, "b": {"c": [GONE, "d"]}}),
    ],
)
def test_what_no_store_takes_is_replaced_in_keys_and_values(value: Any, stored: Any) -> None:
    assert storable(value) == stored


def test_deep_nesting_costs_no_stack() -> None:
    deep: Any = "\x00"
    for _ in range(sys.getrecursionlimit() * 3):
        deep = [deep]
    cleaned = storable(deep)
    while isinstance(cleaned, list):
        cleaned = cleaned[0]
    assert cleaned == GONE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
)


@given(value=json_values)
def test_whatever_came_in_utf8_and_a_database_take_what_comes_out(value: Any) -> None:
    told = json.dumps(storable(value), ensure_ascii=False)
    assert "\\u0000" not in told
    assert json.loads(told.encode()) == json.loads(told)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        ("", None),
        ("  \n ", None),
        ({"a": 1}, None),
        (["a"], None),
        (7, "7"),
        ("two\nlines", "two lines"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("turned \u202e around", "turned   around"),
        ("half \ud83d", "half"),
        ("x" * 21, "x" * 19 + "…"),
        ("x" * 20, "x" * 20),
    ],
)
def test_a_text_is_shown_as_one_printable_line(value: Any, shown: str | None) -> None:
    assert one_line(value, 20) == shown


@given(text=st.text(st.characters()), longest=st.integers(1, 50))
def test_no_text_is_longer_than_asked_or_holds_a_control_character(text: str, longest: int) -> None:
    shown = one_line(text, longest)
    assert shown is None or (shown.isprintable() and len(shown) <= longest)
    assert word(text, longest).isprintable()
    assert is_storable(word(text, longest))


def test_a_word_keeps_the_blanks_that_tell_it_from_another() -> None:
    assert word(" READY\n", 60) == " READY "


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (("one", "two"), "one. two."),
        (("one.", "Two?"), "one. Two?"),
        (("", "two", None, "  "), "two."),
        (("cut off…", "then"), "cut off… then."),
        ((), ""),
    ],
)
def test_sentences_are_never_glued_together(parts: tuple[str | None, ...], told: str) -> None:
    assert sentences(*parts) == told


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries"), (100, "100 entries")]
)
def test_a_number_agrees_with_its_noun(number: int, told: str) -> None:
    assert number_of(number, "entry", "entries") == told
    assert number_of(1, "document") == "1 document"
    assert number_of(2, "document") == "2 documents"
