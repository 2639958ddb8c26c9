"""Is an answer as expected? Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider.arguments import Checker
from airflow_provider.vendors.sensay.endpoints import MAX_QUESTION

_MEMBERS = frozenset({"question", "contains", "matches", "check", "attempts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    One question, and what its answer has to be.

    :param contains: texts that all have to be in it, in any case
    :param matches: a regular expression that has to be found in it
    :param check: a function of the answer that has to say yes
    :param attempts: how often it is asked at most
    """

    question: str
    contains: tuple[str, ...] = ()
    matches: re.Pattern[str] | None = None
    check: Callable[[str], object] | None = field(default=None, repr=False)
    attempts: int = 1

    def trouble(self, answer: str) -> str | None:
        """Say what is wrong with an answer; None: it is as expected. An empty answer never is."""
        if not answer.strip():
            return "the answer is empty"
        low = answer.casefold()
        missing = [text for text in self.contains if text.casefold() not in low]
        if missing:
            return f"it does not contain {missing}"
        if self.matches is not None and self.matches.search(answer) is None:
            return f"it does not match {self.matches.pattern!r}"
        if self.check is not None:
            try:
                if not self.check(answer):
                    return "its check said no"
            except Exception as error:
                return f"its check raised {type(error).__name__}: {error}"
        return None


def read_questions(check: Checker, value: Any, attempts: int) -> list[Question]:
    """Read all questions; problems are added to ``check``."""
    if not isinstance(value, (str, Mapping, Iterable, type(None))):
        check.problems.append(f"questions must be a list of texts or dicts, got {type(value).__name__}")
        return []
    items = [value] if isinstance(value, (str, Mapping)) else list(value or ())
    if not items:
        check.problems.append("questions is empty: a gate that asks nothing lets everything through")
    questions = [_read(check, f"questions[{place}]", item, attempts) for place, item in enumerate(items)]
    check.problems += [
        f"questions[{place}] has more than {MAX_QUESTION} characters"
        for place, question in enumerate(questions)
        if len(question.question) > MAX_QUESTION
    ]
    return questions


def _read(check: Checker, name: str, item: Any, attempts: int) -> Question:
    if isinstance(item, str):
        item = {"question": item}
    if not isinstance(item, Mapping):
        check.problems.append(f"{name} must be a text or a dict, got {type(item).__name__}")
        return Question(question="?")
    if strange := sorted(str(member) for member in item if member not in _MEMBERS):
        check.problems.append(f"{name} has unknown members {strange}; known are {sorted(_MEMBERS)}")
    contains, pattern, function = item.get("contains"), item.get("matches"), item.get("check")
    is_one = isinstance(contains, (str, Mapping)) or not isinstance(contains, Iterable)
    texts = () if contains is None else (contains,) if is_one else tuple(contains)
    if contains is not None and (not texts or not all(isinstance(text, str) and text for text in texts)):
        check.problems.append(f"{name}: contains must be one or more texts, got {contains!r:.60}")
    compiled = None
    if pattern is not None:
        try:
            compiled = pattern if isinstance(pattern, re.Pattern) else re.compile(str(pattern))
        except re.error as error:
            check.problems.append(f"{name}: matches is no regular expression: {error}")
    if function is not None and not callable(function):
        check.problems.append(f"{name}: check must be a function of the answer, got {function!r:.60}")
        function = None
    return Question(
        question=check.needed(f"{name}: question", item.get("question")),
        contains=tuple(str(text) for text in texts),
        matches=compiled,
        check=function,
        attempts=check.count(f"{name}: attempts", item.get("attempts", attempts)),
    )
