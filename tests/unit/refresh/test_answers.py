"""Is an answer as expected? Questions as a DAG author writes them, answers as a model gives them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider.arguments import Checker
from airflow_provider.vendors.sensay.answers import Question, read_questions


def trouble(answer: str, **expected: Any) -> str | None:
    (question,) = read(question="When do you open?", **expected)
    return question.trouble(answer)


def read(*plain: Any, **members: Any) -> list[Question]:
    check = Checker()
    questions = read_questions(check, [*plain, *([members] if members else [])], 3)
    assert check.problems == []
    return questions


def problems(value: Any, attempts: Any = 3) -> str:
    check = Checker()
    read_questions(check, value, attempts)
    return "; ".join(check.problems)


def says_no(answer: str) -> bool:
    return False


def breaks(answer: str) -> bool:
    raise KeyError("opening")


# --- expectations ------------------------------------------------------------------------------------------


def test_a_text_is_looked_for_in_any_case() -> None:
    assert trouble("We open at NINE.", contains="nine") is None
    assert trouble("Die STRASSE ist zu.", contains="Straße") is None


def test_several_texts_all_have_to_be_there_and_the_missing_ones_are_named() -> None:
    assert trouble("From nine to five.", contains=["nine", "five"]) is None
    assert trouble("From nine on.", contains=("nine", "five")) == "it does not contain ['five']"


def test_a_regular_expression_is_looked_for_anywhere_in_the_answer() -> None:
    assert trouble("We open at 9:30 am.", matches=r"\b9:\d\d\b") is None
    assert trouble("We open at nine.", matches=r"\d") == r"it does not match '\\d'"


def test_a_compiled_expression_keeps_its_flags() -> None:
    assert trouble("we open\nat nine", matches=re.compile("^AT", re.IGNORECASE | re.MULTILINE)) is None


def test_a_function_decides_by_what_it_returns() -> None:
    assert trouble("nine", check=lambda answer: answer == "nine") is None
    assert trouble("nine", check=says_no) == "its check said no"


def test_a_function_that_breaks_says_no_and_why() -> None:
    assert trouble("nine", check=breaks) == "its check raised KeyError: 'opening'"


def test_all_expectations_have_to_hold() -> None:
    expected = {"contains": "nine", "matches": "am$", "check": lambda answer: len(answer) < 20}
    assert trouble("At nine am", **expected) is None
    for answer in ("At ten am", "At nine pm", "At nine am, or rather at nine am"):
        assert trouble(answer, **expected)


def test_an_empty_answer_is_never_as_expected_whatever_the_expectation() -> None:
    for answer in ("", " \n"):
        assert trouble(answer) == "the answer is empty"
        assert trouble(answer, matches=".*", check=lambda _: True) == "the answer is empty"


def test_a_question_without_an_expectation_takes_any_answer() -> None:
    (question,) = read("Are you there?")
    assert question.trouble("I do not know.") is None


# --- reading -----------------------------------------------------------------------------------------------


def test_a_question_has_the_attempts_of_the_task_unless_it_names_its_own() -> None:
    first, second = read("one", question="two", attempts=5)
    assert (first.attempts, second.attempts) == (3, 5)


def test_attempts_may_be_the_text_that_a_template_leaves() -> None:
    (question,) = read(question="one", attempts="2")
    assert question.attempts == 2


def test_one_question_needs_no_list() -> None:
    check = Checker()
    assert [each.question for each in read_questions(check, " When? ", 1)] == ["When?"]
    assert [each.question for each in read_questions(check, {"question": "When?"}, 1)] == ["When?"]
    assert check.problems == []


@pytest.mark.parametrize("nothing", [None, [], "", (), {}])
def test_a_gate_that_asks_nothing_is_refused(nothing: Any) -> None:
    assert problems(nothing)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (3, "questions[0] must be a text or a dict, got int"),
        ({"contains": "nine"}, "questions[0]: question is missing"),
        ({"question": "  "}, "questions[0]: question must be a text that is not empty"),
        ({"question": "?", "matches": "["}, "questions[0]: matches is no regular expression"),
        ({"question": "?", "contains": ""}, "questions[0]: contains must be one or more texts"),
        ({"question": "?", "contains": []}, "questions[0]: contains must be one or more texts"),
        ({"question": "?", "contains": ["nine", 9]}, "questions[0]: contains must be one or more texts"),
        ({"question": "?", "contains": 9}, "questions[0]: contains must be one or more texts"),
        ({"question": "?", "check": "len"}, "questions[0]: check must be a function"),
        ({"question": "?", "attempts": 0}, "questions[0]: attempts must be 1 or more"),
        ({"question": "?", "contain": "nine"}, "questions[0] has unknown members ['contain']"),
    ],
)
def test_what_is_no_question_is_named_by_its_place(question: Any, told: str) -> None:
    assert told in problems([question])


def test_all_problems_are_told_at_once() -> None:
    told = problems([{"question": "?", "matches": "["}, 3, "fine", {"question": "?", "check": 1}])
    assert [f"questions[{place}]" in told for place in range(4)] == [True, True, False, True]


@pytest.mark.parametrize("questions", [7, object()])
def test_questions_that_are_no_list_are_a_problem_and_no_crash(questions: Any) -> None:
    assert "questions must be" in problems(questions)
