"""
Two passes over a source: the first hashes each document, the second reads those that are sent.

Memory holds names and hashes only. A file is read again, and hashed again, when it is sent; what cannot be read
twice waits in a :class:`~airflow_provider.sync.spool.Spool`. What is wrong with one document is its own outcome:
``Wanted.skip`` and ``Wanted.detail`` say it, and the others go on.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from airflow_provider.errors import AgentKnowledgeError, DuplicateKeyError
from airflow_provider.sources.document import Document, SkippedDocument
from airflow_provider.sources.files import StoredFile, given_file, missing
from airflow_provider.sources.items import Source
from airflow_provider.sources.values import Skip, UnusableError, key_of, text_of
from airflow_provider.sync.content import Content, ReadingRules, shown
from airflow_provider.sync.documents import Kind, Wanted
from airflow_provider.sync.mark import key_hash
from airflow_provider.sync.spool import Spool

log = logging.getLogger(__name__)

#: How many documents are read at a time, and how many of the worker's own disk are one errand.
_SIDE_BY_SIDE, _BATCH = 8, 32


class Reading:
    """
    One source, read for one destination.

    :param keep: says of a document whether its content may have to be sent, so that it has to be kept
    :param stat_cache: what files looked like (size and date) when they had a digest, by key hash; a file that looks the
        same is not read. Brought up to date
    :param trusting: False: read every file, and only forget the looks that deceived
    :param may_be_empty: a source without any document is what the caller expects
    :param sent: something was sent before, and an error must not say otherwise
    :ivar wanted: all documents, in the source's order, after :meth:`read`
    """

    def __init__(
        self,
        source: Source,
        rules: ReadingRules,
        spool: Spool,
        keep: Callable[[Wanted], bool] = lambda _: True,
        stat_cache: dict[str, list[Any]] | None = None,
        *,
        trusting: bool = True,
        may_be_empty: bool = False,
        sent: bool = False,
    ) -> None:
        self._source = source
        self._rules = rules
        self._spool = spool
        self._keep = keep
        self._stat_cache = stat_cache
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
            if self._sent and error.args:
                told = str(error.args[0]).replace(
                    "Nothing was sent.", "What was sent before stays at the vendor."
                )
                error.args = (told, *error.args[1:])
            raise
        if unsent := sorted({str(name) for each in self.wanted for name in each.metadata or ()}):
            log.info("Metadata is not sent, since the vendor has no place for it: %s", ", ".join(unsent[:20]))
        return self.wanted

    def _distinct(self) -> list[Wanted]:
        found: dict[str, _Taken] = {}
        pages: dict[str, Wanted] = {}
        for taken in self._taken():
            wanted, first = taken.wanted, found.setdefault(taken.wanted.key_hash, taken)
            if first is not taken and first.wanted.skip is not Skip.EXCLUDED:
                if wanted.skip is Skip.EXCLUDED or (taken.file is not None and taken.file == first.file):
                    continue  # two folders of one source hold it
                if (unusable := self._told_by_blanks(first, taken)) is not None:
                    keep = first if unusable is taken else taken
                    self._files[wanted.key_hash] = keep.file, None  # type: ignore[assignment]
                    (self._stat_cache or {}).pop(wanted.key_hash, None)
                    found[wanted.key_hash] = keep
                    why = f"nothing but blanks tells its name from that of {keep.file}"
                    other = self._skipped(str(unusable.key), UnusableError(Skip.UNUSABLE_NAME, why))
                    found[other.key_hash] = unusable._replace(wanted=other)
                    continue
                raise DuplicateKeyError(
                    f"documents: {first.key!r} ({first.wanted.title}) and {taken.key!r} ({wanted.title}) have the same "
                    "key. Keys tell documents apart, so neither can be kept up to date. Nothing was sent."
                )
            found[wanted.key_hash] = taken
            if wanted.url and (twin := pages.setdefault(wanted.url, wanted)) is not wanted:
                raise DuplicateKeyError(
                    f"documents: {twin.key!r} and {wanted.key!r} have the same url, which the vendor takes only once. "
                    "Nothing was sent."
                )
        return [taken.wanted for taken in found.values()]

    @staticmethod
    def _told_by_blanks(first: _Taken, other: _Taken) -> _Taken | None:
        """Return which of two files of one key is not kept, if they differ in blanks alone: the one that has them."""
        if first.file is None or other.file is None or first.key == other.key:
            return None
        if str(first.key).strip() != str(other.key).strip():
            return None
        return first if other.key == other.wanted.key else other

    def again(self, wanted: Wanted) -> tuple[Wanted, Content]:
        """
        Return a document's content as it is now; its digest tells whether it is still the one that was planned.

        :raises UnusableError: it cannot be read any more
        """
        if wanted.url is not None:
            return wanted, self._rules.of_page(wanted.url, self._versions.get(wanted.key_hash, ""))
        if wanted.key_hash in self._spool:
            name = self._rules.filename(wanted.key) if wanted.kind is Kind.FILE else ""
            return wanted, Content(kind=wanted.kind, content=self._spool.get(wanted.key_hash), filename=name)
        file, title = self._files.get(wanted.key_hash, (None, None))
        if file is None:  # the vendor had it when the source was read, so its text was not kept
            raise UnusableError(Skip.UNREADABLE, "its entry disappeared meanwhile; a retry reads it again")
        content = self._rules.of_file(file)
        members = _members(content)
        self._note(wanted.key_hash, None, members)
        return replace(wanted, **members, title=shown(title or content.title or wanted.key)), content

    def _note(self, hashed: str, look: str | None, members: dict[str, Any], title: str | None = None) -> None:
        """Note how a file looks; or forget a look that deceived: it looked the same, or changed as it was read."""
        if self._stat_cache is None:
            return
        kind, digest, size = str(members["kind"]), members["digest"], members["size"]
        if look is not None:
            self._stat_cache[hashed] = [look, kind, digest, size, title]
        elif (known := self._stat_cache.get(hashed)) is not None and known[2] != digest:
            self._stat_cache.pop(hashed, None)

    def _taken(self) -> Iterator[_Taken]:
        """Read some documents side by side, which a bucket and a network disk reward; hold no more than those."""
        ahead: deque[Future[list[_Taken]]] = deque()
        batch: list[tuple[Document | SkippedDocument, int]] = []
        documents = self._source.documents(may_be_empty=self._may_be_empty)
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for number, document in enumerate(documents, start=1):
                batch.append((document, number))
                if len(batch) >= _BATCH or not _is_quick(document):
                    ahead.append(pool.submit(self._take_all, batch))
                    batch = []
                if len(ahead) > 2 * _SIDE_BY_SIDE:
                    yield from ahead.popleft().result()
            ahead.append(pool.submit(self._take_all, batch))
            while ahead:
                yield from ahead.popleft().result()

    def _take_all(self, batch: list[tuple[Document | SkippedDocument, int]]) -> list[_Taken]:
        return [
            _Taken(self._take(document, number), document.key, _stored(document))
            for document, number in batch
        ]

    def _take(self, document: Document | SkippedDocument, number: int) -> Wanted:
        try:
            key = key_of(document.key)
        except UnusableError as error:
            named = ascii(document.key)[1:-1].strip() if isinstance(document.key, str) else ""
            return self._skipped(named or f"document {number}", error)
        if isinstance(document, SkippedDocument):
            return self._skipped(key, document)
        try:
            return self._read(document, key)
        except UnusableError as error:
            return self._skipped(key, error)

    def _skipped(self, key: str, why: UnusableError | SkippedDocument) -> Wanted:
        return Wanted(key=key, key_hash=self._hash(key), title=shown(key), skip=why.skip, detail=why.detail)

    def _hash(self, key: str) -> str:
        return key_hash(self._rules.destination, key)

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
        hashed = self._hash(key)
        named: dict[str, Any] = {"key": key, "key_hash": hashed, "metadata": _metadata(document.metadata)}
        if file is not None:
            self._files[hashed] = file, title
            members = self._read_file(hashed, file, was_given=file is not document.file)
            own = members.pop("title")
            return Wanted(**named, **members, title=shown(title or own or key))
        content = (
            self._rules.of_text(text, key) if text is not None else self._rules.of_page(url or "", version)
        )
        members = _members(content)
        self._note(hashed, None, members)
        wanted = Wanted(**named, **members, title=shown(title or key), url=url)
        if url is not None:
            self._versions[hashed] = version
        elif self._keep(wanted):
            self._spool.put(hashed, content.content)
        return wanted

    def _read_file(self, hashed: str, file: StoredFile, *, was_given: bool) -> dict[str, Any]:
        """
        Read a file, unless it looks as it did when it was read last; return what it says of itself.

        :raises SourceIncompleteError: somebody gave its path, and it is not there
        """
        look = file.look() if self._stat_cache is not None and self._trusting else None
        known = (self._stat_cache or {}).get(hashed)
        if look is not None and known is not None and known[0] == look and len(known) > 4:
            return {"kind": Kind(known[1]), "digest": known[2], "size": known[3], "title": known[4]}
        try:
            content = self._rules.of_file(file)
        except UnusableError as error:
            if was_given and error.skip is Skip.VANISHED:
                raise missing(file, error) from None
            raise
        members = _members(content)
        self._note(hashed, look, members, content.title)
        return {**members, "title": content.title}


class _Taken(NamedTuple):
    """A document that was read; its content is not held."""

    wanted: Wanted
    key: Any
    file: StoredFile | None


def _is_quick(document: Document | SkippedDocument) -> bool:
    """Is it on this worker's disk? A few of them are then one errand."""
    file = _stored(document)
    return isinstance(document, SkippedDocument) or (file is not None and file.fs is None)


def _stored(document: Document | SkippedDocument) -> StoredFile | None:
    file = document.file if isinstance(document, Document) else None
    return file if isinstance(file, StoredFile) else None


def _given(file: Any) -> StoredFile | None:
    """Return the file that somebody gave; None: a value that holds nothing."""
    path = file if hasattr(file, "read_bytes") else (text_of(file, "file") or "").strip()
    return given_file(path) if path else None


def _members(content: Content) -> dict[str, Any]:
    """Return what a document's content says of it."""
    return {"kind": content.kind, "digest": content.digest, "size": len(content.content)}


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
