"""
Texts of strangers: what may be stored, and what may be shown.

A vendor's texts travel through records, trigger events, XCom, logs and page titles. PostgreSQL refuses NUL, UTF-8
refuses half a surrogate pair, and a triggerer dies of an event that cannot be stored.
"""

from __future__ import annotations

import re
from typing import Any

REPLACEMENT = "\ufffd"

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether every database takes a text: it holds no NUL and no half of a surrogate pair."""
    return _UNSTORABLE.search(text) is None


def storable(value: Any) -> Any:
    """
    Return parsed JSON with U+FFFD for every NUL and every half of a surrogate pair, in keys and in values.

    Not recursive, so nesting costs no stack. The value is changed in place.
    """
    top = [value]
    todo: list[Any] = [top]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if any(_UNSTORABLE.search(key) for key in node):
                cleaned = {_UNSTORABLE.sub(REPLACEMENT, key): each for key, each in node.items()}
                node.clear()
                node.update(cleaned)
            places: Any = node.items()
        else:
            places = enumerate(node)
        for place, each in places:
            if isinstance(each, str):
                if _UNSTORABLE.search(each):
                    node[place] = _UNSTORABLE.sub(REPLACEMENT, each)
            elif isinstance(each, (dict, list)):
                todo.append(each)
    return top[0]


def one_line(value: object, longest: int) -> str | None:
    """
    Return a stranger's value as one printable line of bounded length; None where it has no words.

    Control and format characters (line breaks, escape sequences, turned writing direction) become blanks: a text
    must not be able to forge a log line.

    :param longest: characters; what is cut off shows as an ellipsis
    """
    if value is None or isinstance(value, (dict, list)):
        return None
    return word(str(value), longest).strip() or None


def word(text: str, longest: int) -> str:
    """Do the same to a word that is compared with others: the blanks around it stay, as they tell it from these."""
    line = "".join(c if c.isprintable() else " " for c in text[: longest + 1])
    return line[: longest - 1] + "…" if len(line) > longest else line


def sentence(words: str) -> str:
    """Return words that end like a sentence, so that another may follow."""
    words = words.rstrip()
    return words if not words or words[-1] in ".!?…" else f"{words}."


def sentences(*parts: str | None) -> str:
    """Join sentences, ours and a vendor's: each gets its full stop, and what is empty is left out."""
    return " ".join(sentence(part.strip()) for part in parts if part and part.strip())


def number_of(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 entry``, ``2 entries``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def shortened_id(text: str) -> str:
    """Return an id as people tell two apart: its first and last four characters."""
    return text if len(text) <= 12 else f"{text[:4]}…{text[-4:]}"
