"""
Two passes over a source: the first hashes each document, the second reads those that are sent.

Memory holds names and hashes only. A file is read again, and hashed again, when it is sent; what cannot be read
twice waits in a :class:`~airflow_provider.sync.spool.Spool`. What is wrong with one document is its own outcome:
``Wanted.skip`` and ``Wanted.detail`` say it, and the others go on.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from airflow_provider.errors import AgentKnowledgeError, DuplicateKeyError
from airflow_provider.sources.document import Document, SkippedDocument
from airflow_provider.sources.files import StoredFile, check_size, given_file, missing
from airflow_provider.sources.items import Source
from airflow_provider.sources.values import Skip, key_of, text_of, url_problem
from airflow_provider.sources.values import UnusableError as UnusableError
from airflow_provider.sync import markdown
from airflow_provider.sync.documents import Kind, Wanted
from airflow_provider.sync.kinds import FILES, MAX_FILE_BYTES, MAX_TEXT_BYTES, TEXTS, suffix_of
from airflow_provider.sync.mark import bare_title, digest_of, key_hash
from airflow_provider.sync.spool import Spool

#: Documents read at a time.
_SIDE_BY_SIDE = 8

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
class Recipe:
    """
    How documents are read for one destination.

    :param destination: names it; part of every key's hash
    :param encoding: of texts; decoding is strict
    :param files: suffixes that the vendor takes as files
    :param texts: suffixes that are sent as text; empty where the vendor takes files only
    :param max_file_bytes: the vendor's limit
    """

    destination: str
    encoding: str = "utf-8-sig"
    files: frozenset[str] = FILES
    texts: frozenset[str] = TEXTS
    max_file_bytes: int = MAX_FILE_BYTES

    @property
    def name(self) -> str:
        """Tells one way of reading from another."""
        told = ("titles", self.destination, self.encoding, *sorted(self.texts), "|", *sorted(self.files))
        return digest_of("recipe", " ".join(told).encode())


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


class Reading:
    """
    One source, read for one destination.

    :param keep: says of a document whether its content may have to be sent, so that it has to be kept
    :param glances: what files looked like (size and date) when they had a digest, by key hash; a file that looks the
        same is not read. Brought up to date
    :param trusting: False: read every file, and only forget the looks that deceived
    :param may_be_empty: a source without any document is what the caller expects
    :param sent: something was sent before, and an error must not say otherwise
    :ivar wanted: all documents, in the source's order, after :meth:`read`
    """

    def __init__(
        self,
        source: Source,
        recipe: Recipe,
        spool: Spool,
        keep: Callable[[Wanted], bool] = lambda _: True,
        glances: dict[str, list[Any]] | None = None,
        *,
        trusting: bool = True,
        may_be_empty: bool = False,
        sent: bool = False,
    ) -> None:
        self._source = source
        self._recipe = recipe
        self._spool = spool
        self._keep = keep
        self._glances = glances
        self._trusting = trusting
        self._may_be_empty = may_be_empty
        self._sent = sent
        self._files: dict[str, tuple[StoredFile, str | None]] = {}
        self._versions: dict[str, str] = {}
        self.wanted: list[Wanted] = []

    def read(self) -> list[Wanted]:
        """
        Read everything once.

        :raises InvalidArgumentError: the source yields what is no document, or a relative path; nothing was sent
        :raises DuplicateKeyError: two documents have one key, or one URL
        :raises SourceIncompleteError: a part of the source, or a file that somebody gave, is not there
        """
        try:
            self.wanted = self._distinct()
        except AgentKnowledgeError as error:
            if not self._sent:
                raise
            told = str(error).replace("Nothing was sent.", "What was sent before stays at the vendor.")
            raise type(error)(told) from error
        return self.wanted

    def _distinct(self) -> list[Wanted]:
        found: dict[str, tuple[Wanted, Document | SkippedDocument]] = {}
        pages: dict[str, Wanted] = {}
        for wanted, document in self._taken():
            other, first = found.setdefault(wanted.key_hash, (wanted, document))
            if other is not wanted and other.skip is not Skip.EXCLUDED:
                if wanted.skip is Skip.EXCLUDED or _is_same_file(first, document):
                    continue  # two folders of one source hold it
                raise DuplicateKeyError(
                    f"documents: {first.key!r} ({other.title}) and {document.key!r} ({wanted.title}) have the same "
                    "key. Keys tell documents apart, so neither can be kept up to date. Nothing was sent."
                )
            found[wanted.key_hash] = wanted, document
            if wanted.url and (twin := pages.setdefault(wanted.url, wanted)) is not wanted:
                raise DuplicateKeyError(
                    f"documents: {twin.key!r} and {wanted.key!r} have the same url, which the vendor takes only once. "
                    "Nothing was sent."
                )
        return [wanted for wanted, _ in found.values()]

    def again(self, wanted: Wanted) -> tuple[Wanted, Content]:
        """
        Return a document's content as it is now; its digest tells whether it is still the one that was planned.

        :raises UnusableError: it cannot be read any more
        """
        if wanted.url is not None:
            return wanted, _page(wanted.url, self._versions.get(wanted.key_hash, ""))
        if wanted.key_hash in self._spool:
            name = self._filename(wanted.key, ".txt") if wanted.kind is Kind.FILE else ""
            return wanted, Content(kind=wanted.kind, content=self._spool.get(wanted.key_hash), filename=name)
        file, title = self._files.get(wanted.key_hash, (None, None))
        if file is None:  # the vendor had it when the source was read, so its text was not kept
            raise UnusableError(Skip.UNREADABLE, "its entry disappeared meanwhile; a retry reads it again")
        content = self._file(file)
        wanted = replace(wanted, **_told(content), title=_shown(title or content.title or wanted.key))
        self._forget(wanted)
        return wanted, content

    def _forget(self, wanted: Wanted) -> None:
        """Forget how a file looked that is not what it was: it looked the same, or changed as it was read."""
        known = (self._glances or {}).get(wanted.key_hash)
        if self._glances is not None and known is not None and known[2] != wanted.digest:
            self._glances.pop(wanted.key_hash, None)

    def _taken(self) -> Iterator[tuple[Wanted, Document | SkippedDocument]]:
        """Read a few documents side by side, which a bucket rewards; hold no more than those."""
        documents = self._source.documents(may_be_empty=self._may_be_empty)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            taken: deque[tuple[Future[Wanted], Document | SkippedDocument]] = deque()
            for number, document in enumerate(documents, start=1):
                taken.append((pool.submit(self._take, document, number), document))
                if len(taken) > 2 * _SIDE_BY_SIDE:
                    future, first = taken.popleft()
                    yield future.result(), first
            for future, first in taken:
                yield future.result(), first

    def _take(self, document: Document | SkippedDocument, number: int) -> Wanted:
        try:
            key = key_of(document.key)
        except UnusableError as error:
            named = ascii(document.key)[1:-1].strip() if isinstance(document.key, str) else ""
            return self._wanted(named or f"document {number}", skip=error.skip, detail=error.detail)
        if isinstance(document, SkippedDocument):
            return self._wanted(key, skip=document.skip, detail=document.detail)
        try:
            return self._read(document, key)
        except UnusableError as error:
            return self._wanted(key, skip=error.skip, detail=error.detail)

    def _wanted(self, key: str, **members: Any) -> Wanted:
        hashed = key_hash(self._recipe.destination, key)
        return Wanted(**{"key": key, "key_hash": hashed, "title": _shown(key), **members})

    def _read(self, document: Document, key: str) -> Wanted:
        """
        Read one document.

        :raises UnusableError: it cannot be sent
        """
        title = (text_of(document.title, "title") or "").strip() or None
        version = text_of(document.version, "version") or ""
        text = text_of(document.text, "text")
        url = (text_of(document.url, "url") or "").strip() or None
        file = document.file if isinstance(document.file, StoredFile) else _given(document.file)
        given = [name for name, it in (("text", text), ("file", file), ("url", url)) if it is not None]
        if len(given) != 1:
            told = f"it has {' and '.join(given)}; give one" if given else "it has no text, file or url"
            raise UnusableError(Skip.UNUSABLE if given else Skip.EMPTY, told)
        wanted = self._wanted(key, url=url, metadata=_metadata(document.metadata))
        if file is not None:
            self._files[wanted.key_hash] = file, title
            return self._looked_at(wanted, file, title, was_given=file is not document.file)
        content = self._text(text, key, ".txt") if text is not None else _page(url or "", version)
        wanted = replace(wanted, **_told(content), title=_shown(title or key))
        self._forget(wanted)
        if url is not None:
            self._versions[wanted.key_hash] = version
        elif self._keep(wanted):
            self._spool.put(wanted.key_hash, content.content)
        return wanted

    def _looked_at(self, wanted: Wanted, file: StoredFile, title: str | None, *, was_given: bool) -> Wanted:
        """
        Read a file, unless it looks as it did when it was read last.

        :raises SourceIncompleteError: somebody gave its path, and it is not there
        """
        look = file.look() if self._glances is not None and self._trusting else None
        known = (self._glances or {}).get(wanted.key_hash)
        if look is not None and known is not None and known[0] == look and len(known) > 4:
            _, kind, digest, size, own = known
            shown = _shown(title or own or wanted.key)
            return replace(wanted, kind=Kind(kind), digest=str(digest), size=int(size), title=shown)
        try:
            content = self._file(file)
        except UnusableError as error:
            if was_given and error.skip is Skip.VANISHED:
                raise missing(file, error) from None
            raise
        wanted = replace(wanted, **_told(content), title=_shown(title or content.title or wanted.key))
        if self._glances is not None and look is not None:
            self._glances[wanted.key_hash] = [
                look,
                str(wanted.kind),
                wanted.digest,
                wanted.size,
                content.title,
            ]
        else:
            self._forget(wanted)
        return wanted

    def _file(self, file: StoredFile) -> Content:
        suffix = suffix_of(file.name)
        if suffix not in self._recipe.texts | self._recipe.files:
            raise UnusableError(Skip.UNSUPPORTED, f"the vendor takes no {suffix or 'file without a suffix'}")
        content = file.read(self._recipe.max_file_bytes)
        if suffix not in self._recipe.texts:
            return self._bytes(content, file.name)
        encoding = next((name for mark, name in _MARKS if content.startswith(mark)), self._recipe.encoding)
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            raise UnusableError(Skip.UNDECODABLE, f"not {encoding} at byte {error.start}") from None
        text, title = markdown.split(text) if suffix in markdown.SUFFIXES else (text, None)
        return replace(self._text(text, file.name, suffix), title=title)

    def _text(self, text: str, name: str, suffix: str) -> Content:
        if not text.strip():
            raise UnusableError(Skip.EMPTY)
        if (at := text.find("\0")) >= 0:
            raise UnusableError(Skip.UNDECODABLE, f"NUL at position {at}; is it UTF-16?")
        try:
            content = text.encode()
        except UnicodeEncodeError as error:
            raise UnusableError(Skip.UNDECODABLE, f"no character at position {error.start}") from None
        if self._recipe.texts and _fits(text, content):
            return Content(kind=Kind.TEXT, content=content)
        return self._bytes(content, self._filename(name, suffix))

    def _bytes(self, content: bytes, filename: str) -> Content:
        if not content:
            raise UnusableError(Skip.EMPTY)
        check_size(len(content), self._recipe.max_file_bytes)
        return Content(kind=Kind.FILE, content=content, filename=filename)

    def _filename(self, name: str, suffix: str) -> str:
        """Return what a text is called that goes as a file: ``.txt``, unless the vendor takes its own suffix."""
        last = PurePosixPath(name).name or "document"
        if suffix != ".txt" and suffix in self._recipe.files:
            return last
        return f"{PurePosixPath(last).stem or last}.txt"


def _is_same_file(one: Document | SkippedDocument, other: Document | SkippedDocument) -> bool:
    files = [
        each.file for each in (one, other) if isinstance(each, Document) and isinstance(each.file, StoredFile)
    ]
    return len(files) == 2 and files[0] == files[1]


def _given(file: Any) -> StoredFile | None:
    """Return the file that somebody gave; None: a value that holds nothing."""
    path = file if hasattr(file, "read_bytes") else (text_of(file, "file") or "").strip()
    return given_file(path) if path else None


def _page(url: str, version: str) -> Content:
    if (problem := url_problem(url)) is not None:
        raise UnusableError(Skip.UNUSABLE, f"its url {problem}")
    try:
        return Content(kind=Kind.URL, content=url.encode(), version=version)
    except UnicodeEncodeError:
        raise UnusableError(Skip.UNUSABLE, "its url has what is no character") from None


def _told(content: Content) -> dict[str, Any]:
    """Return what a document's content says of it."""
    return {"kind": content.kind, "digest": content.digest, "size": len(content.content)}


def _shown(title: str) -> str:
    return bare_title(_NO_CHARACTER.sub(" ", title))


def _metadata(value: Any) -> Mapping[str, Any] | None:
    """Return a document's metadata, which a table gives as JSON."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = value
    if found is None or found == "":
        return None
    if not isinstance(found, Mapping):
        raise UnusableError(Skip.UNUSABLE, f"its metadata is {type(found).__name__}; give names and values")
    return MappingProxyType(dict(found))


def _fits(text: str, content: bytes) -> bool:
    """May it travel inside of JSON? Escaped, a character takes up to six bytes."""
    if 6 * len(content) <= MAX_TEXT_BYTES:
        return True
    return len(json.dumps(text, ensure_ascii=False).encode()) <= MAX_TEXT_BYTES
