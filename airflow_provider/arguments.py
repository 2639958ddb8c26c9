"""Arguments that every waiting task has, checked after templating; all problems at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")


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
        if not 0 < number < float("inf"):
            self.problems.append(f"{name} must be more than 0 seconds, got {value!r}")
            return 1.0
        return number

    def count(self, name: str, value: Any, least: int = 1) -> int:
        """Return a whole number."""
        number = self._number(name, value, int)
        if number is None:
            return least
        if number < least:
            self.problems.append(f"{name} must be {least} or more, got {value!r}")
        return max(number, least)

    def credits(self, name: str, value: Any) -> Decimal | None:
        """Return an amount of credits, or None where no ceiling is set."""
        if value is None or value == "":
            return None
        number = self._number(name, str(value), Decimal)
        if number is None:
            return None
        if not number.is_finite() or number < 0:
            self.problems.append(f"{name} must be 0 or more credits, got {value!r}")
            return None
        return number

    def word(self, name: str, value: Any, words: tuple[str, ...]) -> str:
        """Return one of the known words."""
        if value not in words:
            self.problems.append(f"{name} must be one of {', '.join(words)}, got {value!r}")
            return words[0]
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
        self.problems.append(f"{name} must be true or false, got {value!r}")
        return False

    def label(self, name: str, value: Any) -> str | None:
        """Return a short text; a number will do as well."""
        return self.text(name, str(value) if isinstance(value, (int, float)) else value)

    def text(self, name: str, value: Any) -> str | None:
        """Return a text of at least one character that is not blank, or None where none is given."""
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.problems.append(
                f"{name} must be a text that is not empty, got {type(value).__name__} {value!r:.40}"
            )
            return None
        return value

    def needed(self, name: str, value: Any) -> str:
        """Return a text that must be given, without the blanks around it."""
        if value is None:
            self.problems.append(f"{name} is missing")
        return (self.text(name, value) or "?").strip()

    def uuid(self, name: str, value: Any) -> str:
        """Return a UUID in its usual spelling."""
        try:
            return str(UUID(str(value).strip()))
        except ValueError:
            self.problems.append(f"{name} must be a UUID, got {value!r:.60}")
            return str(UUID(int=0))

    def entry_id(self, name: str, value: Any) -> int:
        """Return a positive whole number, also from the text that a template leaves."""
        text = str(value).strip()
        if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or int(text[:40]) < 1:
            self.problems.append(f"{name} must be a positive integer, got {value!r:.60}")
            return 1
        return int(text[:40])

    def _number(self, name: str, value: Any, kind: Callable[[Any], T]) -> T | None:
        try:
            if isinstance(value, bool):
                raise TypeError
            return kind(value)
        except (TypeError, ValueError, InvalidOperation, OverflowError):
            self.problems.append(f"{name} must be a number, got {value!r}")
            return None
