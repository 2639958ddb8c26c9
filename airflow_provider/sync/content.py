"""What is sent for one document: a text, a file or a page, as one destination takes it."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from airflow_provider.sources.files import StoredFile, check_size
from airflow_provider.sources.values import Skip, UnusableError, url_problem
from airflow_provider.sync import markdown
from airflow_provider.sync.documents import Kind
from airflow_provider.sync.kinds import FILES, MAX_FILE_BYTES, MAX_TEXT_BYTES, TEXTS, suffix_of
from airflow_provider.sync.mark import bare_title, digest_of

#: A text that begins so says itself what it is; the longer marks first, one begins like another.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: No character: the vendor would show them as boxes, or refuse the request.
_NO_CHARACTER = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """
    What is sent for one document.

    :param content: a text or an address in UTF-8, or a file's bytes
    :param filename: what the vendor calls the file
    :param title: what it calls itself
    """

    kind: Kind
    content: bytes = field(repr=False)
    filename: str = ""
    version: str = ""
    title: str | None = None

    @property
    def digest(self) -> str:
        """Return the hash of what is sent."""
        extra = suffix_of(self.filename) if self.kind is Kind.FILE else self.version
        return digest_of(self.kind, self.content, extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRules:
    """
    How documents are read for one destination.

    :param destination: names it; part of every key's hash
    :param encoding: of texts; decoding is strict
    :param files: suffixes that the vendor takes as files
    :param texts: suffixes that are sent as text; empty where the vendor takes files only
    :param max_file_bytes: the vendor's limit
    :param refuses_url: says why the vendor takes no such address; None: it does
    """

    destination: str
    encoding: str = "utf-8-sig"
    files: frozenset[str] = FILES
    texts: frozenset[str] = TEXTS
    max_file_bytes: int = MAX_FILE_BYTES
    refuses_url: Callable[[str], str | None] = field(default=url_problem, compare=False)

    @property
    def name(self) -> str:
        """Tells one way of reading from another."""
        told = ("titles", self.destination, self.encoding, *sorted(self.texts), "|", *sorted(self.files))
        return digest_of("recipe", " ".join(told).encode())

    def of_file(self, file: StoredFile) -> Content:
        """
        Read a file.

        :raises UnusableError: it cannot be read, or is nothing that the vendor takes
        """
        suffix = suffix_of(file.name)
        if suffix not in self.texts and suffix not in self.files:
            raise UnusableError(Skip.UNSUPPORTED, f"the vendor takes no {suffix or 'file without a suffix'}")
        content = file.read(self.max_file_bytes)
        if suffix not in self.texts:
            return self._of_bytes(content, file.name)
        encoding = next((name for mark, name in _MARKS if content.startswith(mark)), self.encoding)
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            raise UnusableError(Skip.UNDECODABLE, f"not {encoding} at byte {error.start}") from None
        text, title = markdown.split(text) if suffix in markdown.SUFFIXES else (text, None)
        return self.of_text(text, file.name, suffix, title)

    def of_text(self, text: str, name: str, suffix: str = ".txt", title: str | None = None) -> Content:
        """
        Take a text, which goes as a file where it is long, or where the vendor takes files only.

        :param name: what the file is called then
        :raises UnusableError: it is empty, or holds what is no character
        """
        if not text or text.isspace():
            raise UnusableError(Skip.EMPTY)
        if (at := text.find("\0")) >= 0:
            raise UnusableError(Skip.UNDECODABLE, f"NUL at position {at}; is it UTF-16?")
        try:
            content = text.encode()
        except UnicodeEncodeError as error:
            raise UnusableError(Skip.UNDECODABLE, f"no character at position {error.start}") from None
        if self.texts and _fits(text, content):
            return Content(kind=Kind.TEXT, content=content, title=title)
        return self._of_bytes(content, self.filename(name, suffix), title)

    def of_page(self, url: str, version: str) -> Content:
        """
        Take a page, which the vendor reads itself.

        :raises UnusableError: the vendor takes no such address
        """
        if (why := url_problem(url) or self.refuses_url(url)) is not None:
            raise UnusableError(Skip.UNUSABLE, f"its url {why}")
        return Content(kind=Kind.URL, content=url.encode(), version=version)

    def filename(self, name: str, suffix: str = ".txt") -> str:
        """Return what a text is called that goes as a file: ``.txt``, unless the vendor takes its own suffix."""
        last = PurePosixPath(name).name or "document"
        if suffix != ".txt" and suffix in self.files:
            return last
        return f"{PurePosixPath(last).stem or last}.txt"

    def _of_bytes(self, content: bytes, filename: str, title: str | None = None) -> Content:
        if not content:
            raise UnusableError(Skip.EMPTY)
        check_size(len(content), self.max_file_bytes)
        return Content(kind=Kind.FILE, content=content, filename=filename, title=title)


def shown(title: str) -> str:
    """Return a title as it stands in front of the mark."""
    return bare_title(_NO_CHARACTER.sub(" ", title))


def _fits(text: str, content: bytes) -> bool:
    """May it travel inside of JSON? Escaped, a character takes up to six bytes."""
    if 6 * len(content) <= MAX_TEXT_BYTES:
        return True
    return len(json.dumps(text, ensure_ascii=False).encode()) <= MAX_TEXT_BYTES
