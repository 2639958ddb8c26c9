"""Arguments that every waiting task has, checked after templating; all problems at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias, TypeVar, get_args
from uuid import UUID

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.texts import is_storable

T = TypeVar("T")

# The words that a policy argument may be; templates may render them, so the arguments take any text as well.
OnRunning: TypeAlias = Literal["adopt", "wait", "fail", "skip"]
OnUnknown: TypeAlias = Literal["submit", "fail"]
OnUnconfirmed: TypeAlias = Literal["fail", "accept"]
OnFailedDocuments: TypeAlias = Literal["fail", "warn", "ignore"]
OnEmpty: TypeAlias = Literal["warn", "fail"]
OnFailedAnswers: TypeAlias = Literal["fail", "warn", "skip"]
OnEmptySource: TypeAlias = Literal["fail", "allow"]
OnFailedDocumentsOfSync: TypeAlias = Literal["fail", "warn"]
Strategy: TypeAlias = Literal["auto", "update", "replace"]
RetryFailed: TypeAlias = Literal["changed", "always"]
OnDrift: TypeAlias = Literal["overwrite", "keep", "fail"]
Adopt: TypeAlias = Literal["none", "title"]
Detect: TypeAlias = Literal["content", "stat"]

#: Ten years, in seconds: what a database, a timedelta and a clock can all hold.
MOST_SECONDS = 315_360_000.0
MOST_COUNT = 1_000_000
MOST_CREDITS = Decimal(1_000_000_000)
#: Ids travel through the triggerer's pipe, which takes 64 bits.
MOST_ID = 2**63 - 1


def check_words(task: Any, **allowed: Any) -> None:
    """
    Refuse a misspelt policy word where the DAG is written, so that it is an import error and no failed night.

    What a template or another task gives is checked when the task runs, and so is what a mapped task gets.

    :param allowed: the ``Literal`` of each argument's words, by the argument's name
    :raises InvalidArgumentError: naming every argument at once
    """
    check = Checker()
    for name, words in allowed.items():
        value = getattr(task, name)
        if isinstance(value, str) and not any(sign in value for sign in ("{{", "{%")):
            check.word(name, value, words)
    if check.problems:
        raise InvalidArgumentError(f"{type(task).__name__} '{task.task_id}': {'; '.join(check.problems)}.")


class Checker:
    """
    Reads arguments as templates leave them (text, mostly) and collects what is wrong with them.

    Each method returns the value it understood, or a harmless stand-in once a problem is noted: the caller
    looks at :attr:`problems` before anything is sent.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def seconds(self, name: str, value: Any) -> float:
        """Return a duration in seconds, more than 0, from a number, its text, or a timedelta."""
        number = value.total_seconds() if isinstance(value, timedelta) else self._number(name, value, float)
        if number is None:
            return 1.0
        if not 0 < number <= MOST_SECONDS:
            self.problems.append(
                f"{name} must be more than 0 and at most {MOST_SECONDS:.0f} seconds (10 years), got {_got(value)}"
            )
            return 1.0
        return number

    def at_most(self, name: str, seconds: float) -> None:
        """Refuse a duration that Airflow took, and that a database or a clock cannot hold."""
        if not seconds <= MOST_SECONDS:
            self.problems.append(
                f"{name} must be at most {MOST_SECONDS:.0f} seconds (10 years), got {seconds:g}"
            )

    def count(self, name: str, value: Any, least: int = 1) -> int:
        """Return a whole number."""
        number = self._number(name, value, int)
        if number is None:
            return least
        if not least <= number <= MOST_COUNT:
            self.problems.append(f"{name} must be {least} or more, at most {MOST_COUNT}, got {_got(value)}")
        return min(max(number, least), MOST_COUNT)

    def credits(self, name: str, value: Any) -> Decimal | None:
        """Return an amount of credits, or None where no ceiling is set."""
        if value is None or value == "":
            return None
        number = self._number(name, str(value), Decimal)
        if number is None:
            return None
        if not number.is_finite() or not 0 <= number <= MOST_CREDITS:
            self.problems.append(
                f"{name} must be 0 or more credits, at most {MOST_CREDITS}, got {_got(value)}"
            )
            return None
        return number

    def word(self, name: str, value: Any, words: Any) -> str:
        """
        Return one of the known words.

        :param words: a tuple, or the ``Literal`` that names them
        """
        words = get_args(words) or words
        if value not in words:
            self.problems.append(f"{name} must be one of {', '.join(words)}, got {_got(value)}")
            return str(words[0])
        return str(value)

    def flag(self, name: str, value: Any) -> bool:
        """Return a boolean, also from the text that a template leaves."""
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text in ("true", "1", "yes"):
            return True
        if text in ("false", "0", "no", "none", ""):
            return False
        self.problems.append(f"{name} must be true or false, got {_got(value)}")
        return False

    def label(self, name: str, value: Any) -> str | None:
        """
        Return a short text; a whole number will do as well.

        Other numbers are refused: where templates render natively, the git sha ``12e4567`` becomes infinity, and
        ``1.10`` becomes ``1.1``.
        """
        if isinstance(value, float):
            self.problems.append(
                f"{name} must be a text, got the number {_got(value)}: write it so that it stays a text"
            )
            return None
        return self.text(name, f"{value:d}" if _is_whole(value) else value)

    def text(self, name: str, value: Any) -> str | None:
        """Return a text of at least one character that is not blank, or None where none is given."""
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.problems.append(
                f"{name} must be a text that is not empty, got {type(value).__name__} {_got(value)}"
            )
        elif value.strip() == "None":
            self.problems.append(f"{name} must be a text, got 'None': what the template reads is not there")
        elif not is_storable(value):
            self.problems.append(
                f"{name} holds a NUL or half of a surrogate pair, which neither vendor nor Airflow can hold"
            )
        else:
            return value
        return None

    def needed(self, name: str, value: Any) -> str:
        """Return a text, or a whole number, that must be given, without the blanks around it."""
        if value is None:
            self.problems.append(f"{name} is missing")
        return (self.label(name, value) or "?").strip()

    def uuid(self, name: str, value: Any) -> str:
        """Return a UUID in its usual spelling."""
        try:
            return str(UUID(str(value).strip()))
        except ValueError:
            self.problems.append(f"{name} must be a UUID, got {_got(value)}")
            return str(UUID(int=0))

    def entry_id(self, name: str, value: Any) -> int:
        """Return a positive whole number, also from the text that a template leaves."""
        text = value.strip() if isinstance(value, str) else str(value) if _is_whole(value) else ""
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:40]) <= MOST_ID:
            self.problems.append(f"{name} must be a positive integer, got {_got(value)}")
            return 1
        return int(text)

    def _number(self, name: str, value: Any, kind: Callable[[Any], T]) -> T | None:
        try:
            if isinstance(value, bool):
                raise TypeError
            return kind(value)
        except (TypeError, ValueError, InvalidOperation, OverflowError):
            self.problems.append(f"{name} must be a number, got {_got(value)}")
            return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_ID


def _got(value: Any) -> str:
    """Return what was given, as far as a message can hold it."""
    try:
        return f"{value!r:.60}"
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"
