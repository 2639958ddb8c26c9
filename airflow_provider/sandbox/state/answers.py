"""Chat without a model: the best sentences of what is known, or the plain words *I do not know.*"""

from __future__ import annotations

import re
from collections.abc import Iterable

DO_NOT_KNOW = "I do not know."

_WORD = re.compile(r"\w+", re.UNICODE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_EMPTY = frozenset(
    _WORD.findall(
        "a an and are at be by can could did do does for from give has have how i in is it its me my of on or our"
        " please tell that the their they this to us was we were what when where which who why will with you your"
    )
)


def answer(question: str, texts: Iterable[str]) -> str:
    """Up to three sentences of the text that shares most words with the question."""
    asked = _words(question)
    best: tuple[int, str] = (0, "")
    for text in texts:
        score = len(asked & _words(text))
        if score > best[0]:
            best = (score, text)
    if best[0] == 0:
        return DO_NOT_KNOW
    scored = [(len(asked & _words(sentence)), sentence.strip()) for sentence in _SENTENCE.split(best[1])]
    telling = sorted((item for item in scored if item[0]), key=lambda item: -item[0])[:3]
    return " ".join(sentence for _, sentence in telling) or best[1][:500]


def _words(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text.lower()) if word not in _EMPTY}


def _stem(word: str) -> str:
    """``hours`` meets ``hour``; enough for a sandbox."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
