"""Arguments as templates leave them: what is understood, and that everything wrong is named at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider.arguments import Checker

UUID = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"

Reads = Callable[[Checker, Any], Any]


def seconds(check: Checker, value: Any) -> Any:
    return check.seconds("x", value)


def count(check: Checker, value: Any) -> Any:
    return check.count("x", value)


def credits(check: Checker, value: Any) -> Any:
    return check.credits("x", value)


def word(check: Checker, value: Any) -> Any:
    return check.word("x", value, ("fail", "accept"))


def flag(check: Checker, value: Any) -> Any:
    return check.flag("x", value)


def text(check: Checker, value: Any) -> Any:
    return check.text("x", value)


def label(check: Checker, value: Any) -> Any:
    return check.label("x", value)


def needed(check: Checker, value: Any) -> Any:
    return check.needed("x", value)


def uuid(check: Checker, value: Any) -> Any:
    return check.uuid("x", value)


def entry_id(check: Checker, value: Any) -> Any:
    return check.entry_id("x", value)


ALL = [seconds, count, credits, word, flag, text, label, needed, uuid, entry_id]


@pytest.mark.parametrize(
    ("reads", "value", "understood"),
    [
        (seconds, 30, 30.0),
        (seconds, "30", 30.0),
        (seconds, "1e3", 1000.0),
        (seconds, timedelta(minutes=2), 120.0),
        (count, 5, 5),
        (count, "5", 5),
        (credits, None, None),
        (credits, "", None),
        (credits, 10, Decimal(10)),
        (credits, "0.5", Decimal("0.5")),
        (credits, 0.1, Decimal("0.1")),
        (credits, 0, Decimal(0)),
        (word, "accept", "accept"),
        (flag, True, True),
        (flag, "True", True),
        (flag, " yes ", True),
        (flag, "1", True),
        (flag, "False", False),
        (flag, "None", False),
        (flag, None, False),
        (flag, "", False),
        (text, None, None),
        (text, " we open at nine\n", " we open at nine\n"),
        (text, "None of these", "None of these"),
        (text, "none", "none"),
        (label, 7, "7"),
        (label, "1.10", "1.10"),
        (label, "12e4567", "12e4567"),
        (label, None, None),
        (needed, " abc ", "abc"),
        (needed, 664, "664"),
        (needed, 2026, "2026"),
        (seconds, 315_360_000, 315_360_000.0),
        (count, "1000000", 1_000_000),
        (entry_id, 2**63 - 1, 2**63 - 1),
        (uuid, UUID.upper(), UUID),
        (uuid, f" {UUID} ", UUID),
        (entry_id, 7, 7),
        (entry_id, " 007 ", 7),
    ],
)
def test_a_good_argument_is_understood(reads: Reads, value: Any, understood: Any) -> None:
    check = Checker()
    assert reads(check, value) == understood
    assert check.problems == []


@pytest.mark.parametrize(
    ("reads", "value"),
    [
        (seconds, 0),
        (seconds, -1),
        (seconds, "soon"),
        (seconds, None),
        (seconds, True),
        (seconds, "inf"),
        (seconds, "nan"),
        (seconds, timedelta(0)),
        (seconds, 10**400),
        pytest.param(seconds, 10**5000, id="seconds-5000 digits"),
        (seconds, 315_360_001),
        (seconds, 1e12),
        (seconds, timedelta(days=3660)),
        (count, 10**7),
        (count, 10**30),
        pytest.param(count, 10**5000, id="count-5000 digits"),
        (credits, "1e999"),
        (credits, 1e300),
        (text, "None"),
        (text, " None\n"),
        (text, "nu\x00l"),
        (text, "half \ud83d"),
        (label, "None"),
        (label, 1.5),
        (label, float("inf")),
        (label, float("nan")),
        (label, True),
        pytest.param(label, 10**5000, id="label-5000 digits"),
        (needed, "None"),
        (needed, "  None "),
        (needed, 6641e1),
        (entry_id, "None"),
        (entry_id, 2**63),
        pytest.param(entry_id, 10**5000, id="entry_id-5000 digits"),
        (entry_id, "9" * 400),
        (count, float("inf")),
        (count, 0),
        (count, "many"),
        (count, None),
        (count, False),
        (credits, -1),
        (credits, "all"),
        (credits, "nan"),
        (credits, "inf"),
        (word, "perhaps"),
        (word, None),
        (word, ["fail"]),
        (flag, "maybe"),
        (flag, 2),
        (text, ""),
        (text, "  \n"),
        (text, 7),
        (text, ["a"]),
        (label, ""),
        (label, ["a"]),
        (needed, None),
        (needed, ""),
        (uuid, None),
        (uuid, "none"),
        (uuid, f"{UUID}0"),
        (entry_id, 0),
        (entry_id, -3),
        (entry_id, "1.5"),
        (entry_id, "\N{ARABIC-INDIC DIGIT ONE}"),
        (entry_id, True),
        (entry_id, None),
    ],
)
def test_a_bad_argument_is_named_with_what_was_given(reads: Reads, value: Any) -> None:
    check = Checker()
    reads(check, value)
    (problem,) = check.problems
    assert problem.startswith("x ")


@pytest.mark.parametrize("reads", [text, label, needed])
@pytest.mark.parametrize("value", ["None", " None", "None\n"])
def test_what_a_template_makes_of_nothing_is_told_from_a_text(reads: Reads, value: str) -> None:
    check = Checker()
    reads(check, value)
    assert check.problems == ["x must be a text, got 'None': what the template reads is not there"]


def test_a_version_that_native_rendering_made_a_number_is_refused_with_the_reason() -> None:
    check = Checker()
    check.label("version", float("12e4567"))
    (problem,) = check.problems
    assert problem == "version must be a text, got the number inf: write it so that it stays a text"


def test_all_problems_are_named_at_once() -> None:
    check = Checker()
    check.seconds("timeout", "soon")
    check.word("on_unconfirmed", "perhaps", ("fail", "accept"))
    check.needed("agent_id", None)
    assert [problem.split()[0] for problem in check.problems] == ["timeout", "on_unconfirmed", "agent_id"]


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.lists(st.integers(), max_size=2),
)


@given(value=anything, reads=st.sampled_from(ALL))
def test_nothing_given_breaks_the_check(value: Any, reads: Reads) -> None:
    check = Checker()
    reads(check, value)
    assert len(check.problems) <= 1


@given(value=anything)
def test_what_is_understood_is_always_within_bounds(value: Any) -> None:
    check = Checker()
    assert 0 < check.seconds("x", value) <= 315_360_000
    assert 1 <= check.count("x", value) <= 1_000_000
    assert 1 <= check.entry_id("x", value) < 2**63
    amount = check.credits("x", value)
    assert amount is None or (amount.is_finite() and 0 <= amount <= 10**9)
    for read in (check.text, check.label, check.needed):
        (read("x", value) or "").encode()
