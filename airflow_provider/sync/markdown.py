"""What a Markdown file says of itself: front matter is no knowledge, and the title stands in it or in a heading."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress

SUFFIXES = frozenset({".md", ".markdown"})

_FRONT = re.compile(r"---[ \t]*\r?\n(?P<block>(?:.*\r?\n)*?)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)")

#: What the lines of a front matter look like, and the one that it has at least; a text between two rules has none.
_LINE = re.compile(r"[ \t]|#|-( |$)|[\w.-]+:([ \t]|$)|$")
_NAME = re.compile(r"[\w.-]+:([ \t]|$)")

_TITLE = re.compile(r"^title:[ \t]+(?![|>])(?P<title>\S.*?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]+(?P<title>.*?)(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r"[ ]{0,3}=+[ \t]*$")
_FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
_MARKUP = re.compile(r"!?\[(?P<text>[^\]]*)\]\([^)]*\)|[*`]|\{#[^}]*\}")

#: Lines in which a heading is looked for.
_LINES = 200


def split(text: str) -> tuple[str, str | None]:
    """Return a Markdown text without its front matter, and its title, if it has one."""
    title = None
    if (front := _FRONT.match(text)) is not None:
        lines = front["block"].splitlines()
        if any(map(_NAME.match, lines)) and all(map(_LINE.match, lines)):
            text = text[front.end() :]
            if (found := _TITLE.search(front["block"])) is not None:
                title = _unquoted(found["title"])
    return text, title or _first_heading(text)


def _first_heading(text: str) -> str | None:
    if "#" not in text and "\n=" not in text:
        return None
    fence, before = "", ""
    for line in _first_lines(text):
        if (mark := _FENCE.match(line)) is not None and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        elif not fence:
            if (found := _HEADING.match(line)) is not None and (title := _plain(found["title"])):
                return title
            if before.strip() and _UNDERLINE.match(line):
                return _plain(before)
        before = line
    return None


def _first_lines(text: str) -> Iterator[str]:
    """Yield them one by one: most files have their heading at once."""
    start = 0
    for _ in range(_LINES):
        end = text.find("\n", start)
        yield text[start : end if end >= 0 else None].rstrip("\r")
        if end < 0:
            return
        start = end + 1


def _plain(heading: str) -> str | None:
    """Return a heading without its markup; None: nothing else was there."""
    return _MARKUP.sub(lambda found: found["text"] or "", heading).strip() or None


def _unquoted(value: str) -> str:
    if value[:1] == '"':
        with suppress(ValueError):
            return str(json.loads(value))
    if value[:1] == "'" and value[-1:] == "'":
        return value[1:-1].replace("''", "'")
    return re.sub(r"[ \t]#.*", "", value)  # a comment
