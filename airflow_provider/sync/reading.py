"""
Two passes over a source: the first hashes each document, the second reads those that are sent.

Memory holds names and hashes only. A file is read again, and hashed again, when it is sent; what cannot be read
twice waits in a :class:`~airflow_provider.sync.spool.Spool`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider.errors import DuplicateKeyError, InvalidArgumentError
from airflow_provider.sources.document import Document
from airflow_provider.sources.items import Source
from airflow_provider.sync.documents import Kind, Skip, Wanted
from airflow_provider.sync.guards import same_key, same_url
from airflow_provider.sync.kinds import FILES, MAX_FILE_BYTES, MAX_TEXT_BYTES, TEXTS, suffix_of
from airflow_provider.sync.mark import bare_title, digest_of, key_hash, nfc
from airflow_provider.sync.spool import Spool

#: Documents read at a time.
_SIDE_BY_SIDE = 8


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
        told = (self.destination, self.encoding, *sorted(self.texts), "|", *sorted(self.files))
        return digest_of("recipe", " ".join(told).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """
    What is sent for one document.

    :param content: a text or an address in UTF-8, or a file's bytes
    :param filename: what the vendor calls the file
    """

    kind: Kind
    content: bytes = field(repr=False)
    filename: str = ""
    version: str = ""

    @property
    def digest(self) -> str:
        """Return the hash of what is sent."""
        extra = suffix_of(self.filename) if self.kind is Kind.FILE else self.version
        return digest_of(self.kind, self.content, extra)


class UnusableError(Exception):
    """A document cannot be sent, for a reason of its own."""

    def __init__(self, skip: Skip, detail: str = "") -> None:
        super().__init__(detail or skip)
        self.skip = skip
        self.detail = detail


class Reading:
    """
    One source, read for one destination.

    :param keep: says of a document whether its content may have to be sent, so that it has to be kept
    :param glances: what files looked like (size and date) when they had a digest, by key hash; a file that looks the
        same is not read. Brought up to date
    :param trusting: False: read every file, and only forget the looks that deceived
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
    ) -> None:
        self._source = source
        self._recipe = recipe
        self._spool = spool
        self._keep = keep
        self._glances = glances
        self._trusting = trusting
        self._files: dict[str, Document] = {}
        self._versions: dict[str, str] = {}
        self.wanted: list[Wanted] = []

    def read(self) -> list[Wanted]:
        """
        Read everything once.

        :raises InvalidArgumentError: a document is none; nothing was sent
        :raises DuplicateKeyError: two documents have one key, or one URL
        """
        self.wanted = list(self._taken())
        if (twins := same_key(self.wanted)) is not None:
            one, other = twins
            raise DuplicateKeyError(
                f"documents: {one.key!r} ({one.title}) and {other.key!r} ({other.title}) have the same key. Keys tell "
                "documents apart, so neither can be kept up to date. Nothing was sent."
            )
        if (twins := same_url(self.wanted)) is not None:
            one, other = twins
            raise DuplicateKeyError(
                f"documents: {one.key!r} and {other.key!r} have the same url, which the vendor takes only once. "
                "Nothing was sent."
            )
        return self.wanted

    def again(self, wanted: Wanted) -> tuple[Wanted, Content]:
        """
        Return a document's content as it is now; its digest tells whether it is still the one that was planned.

        :raises UnusableError: it cannot be read any more
        """
        if wanted.url is not None:
            return wanted, Content(
                kind=Kind.URL,
                content=wanted.url.encode(),
                version=self._versions.get(wanted.key_hash, ""),
            )
        if wanted.key_hash in self._spool:
            name = _filename(wanted.key, "") if wanted.kind is Kind.FILE else ""
            return wanted, Content(kind=wanted.kind, content=self._spool.get(wanted.key_hash), filename=name)
        document = self._files.get(wanted.key_hash)
        if document is None:  # the vendor had it when the source was read, so its text was not kept
            raise UnusableError(Skip.UNREADABLE, "its entry disappeared meanwhile; a retry reads it again")
        content = self._content(document)
        wanted = replace(wanted, digest=content.digest, kind=content.kind, size=len(content.content))
        self._forget(wanted)
        return wanted, content

    def _forget(self, wanted: Wanted) -> None:
        """Forget how a file looked that is not what it was: it looked the same, or changed as it was read."""
        known = (self._glances or {}).get(wanted.key_hash)
        if self._glances is not None and known is not None and known[2] != wanted.digest:
            self._glances.pop(wanted.key_hash, None)

    def _taken(self) -> Iterator[Wanted]:
        """Read a few documents side by side, which a bucket rewards; hold no more than those."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            taken: deque[Future[Wanted]] = deque()
            for document in self._source.documents():
                taken.append(pool.submit(self._take, document))
                if len(taken) > 2 * _SIDE_BY_SIDE:
                    yield taken.popleft().result()
            while taken:
                yield taken.popleft().result()

    def _take(self, document: Document) -> Wanted:
        key, title = _named(document)
        url = None if document.url is None else _address(document)
        wanted = Wanted(
            key=key, key_hash=key_hash(self._recipe.destination, key), title=bare_title(title), url=url
        )
        look = None
        if self._glances is not None and self._trusting and document.file is not None:
            look = _look(document.file)
            known = self._glances.get(wanted.key_hash)
            if look is not None and known is not None and known[0] == look:
                self._files[wanted.key_hash] = document
                return replace(wanted, kind=Kind(known[1]), digest=str(known[2]), size=int(known[3]))
        try:
            content = self._content(document)
        except UnusableError as error:
            return replace(wanted, skip=error.skip, detail=error.detail)
        wanted = replace(wanted, kind=content.kind, digest=content.digest, size=len(content.content))
        if self._glances is not None and look is not None:
            self._glances[wanted.key_hash] = [look, str(wanted.kind), wanted.digest, wanted.size]
        else:
            self._forget(wanted)
        if document.url is not None:
            self._versions[wanted.key_hash] = content.version
        elif document.file is not None:
            self._files[wanted.key_hash] = document
        elif self._keep(wanted):
            self._spool.put(wanted.key_hash, content.content)
        return wanted

    def _content(self, document: Document) -> Content:
        if document.url is not None:
            return Content(
                kind=Kind.URL, content=_address(document).encode(), version=str(document.version or "")
            )
        if document.text is not None:
            return self._text(document.text, _filename(document.key, ""))
        return self._file(document.file)

    def _file(self, file: Any) -> Content:
        path = _path(file)
        suffix = suffix_of(path.name)
        if suffix not in self._recipe.texts | self._recipe.files:
            raise UnusableError(Skip.UNSUPPORTED, f"the vendor takes no {suffix or 'file without a suffix'}")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise UnusableError(Skip.VANISHED, "it was listed, and gone when it was read") from None
        except OSError as error:
            raise UnusableError(Skip.UNREADABLE, type(error).__name__) from None
        if suffix not in self._recipe.texts:
            return self._bytes(content, path.name)
        try:
            text = content.decode(self._recipe.encoding)
        except UnicodeDecodeError as error:
            raise UnusableError(
                Skip.UNDECODABLE, f"not {self._recipe.encoding} at byte {error.start}"
            ) from None
        return self._text(text, path.name)

    def _text(self, text: str, filename: str) -> Content:
        if not text.strip():
            raise UnusableError(Skip.EMPTY)
        try:
            content = text.encode()
        except UnicodeEncodeError as error:
            raise UnusableError(Skip.UNDECODABLE, f"no character at position {error.start}") from None
        if self._recipe.texts and _fits(text, content):
            return Content(kind=Kind.TEXT, content=content)
        return self._bytes(content, filename)

    def _bytes(self, content: bytes, filename: str) -> Content:
        if not content:
            raise UnusableError(Skip.EMPTY)
        if len(content) > self._recipe.max_file_bytes:
            limit = self._recipe.max_file_bytes // (1024 * 1024)
            raise UnusableError(Skip.TOO_LARGE, f"{len(content)} bytes; the vendor takes {limit} MB")
        return Content(kind=Kind.FILE, content=content, filename=_filename(filename, suffix_of(filename)))


def _fits(text: str, content: bytes) -> bool:
    """May it travel inside of JSON? Escaped, a character takes up to six bytes."""
    if 6 * len(content) <= MAX_TEXT_BYTES:
        return True
    return len(json.dumps(text, ensure_ascii=False).encode()) <= MAX_TEXT_BYTES


def _path(file: Any) -> Any:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(file) if isinstance(file, str) else file


def _look(file: Any) -> str | None:
    """Return what a file looks like from outside: size, and the store's own tag or date; None: it tells neither."""
    try:
        told = _path(file).stat()
    except OSError:
        return None
    tag = next(
        (told[name] for name in ("ETag", "etag", "mtime", "LastModified", "updated") if name in told), None
    )
    return None if tag is None else f"{told['size']}:{tag}"


def _named(document: Document) -> tuple[str, str]:
    """Return key and title, checked."""
    key = nfc(str(document.key)).strip()
    given = [name for name in ("text", "file", "url") if getattr(document, name) is not None]
    if not key or not key.isprintable():
        raise InvalidArgumentError(f"documents: {document.key!r:.80} cannot be a key. Nothing was sent.")
    if len(given) != 1:
        raise InvalidArgumentError(
            f"documents: {key!r} gives {given or 'no content'}; exactly one of text, file and url. Nothing was sent."
        )
    for name, right in (
        ("text", document.text is None or isinstance(document.text, str)),
        ("file", isinstance(document.file, str | None) or hasattr(document.file, "read_bytes")),
    ):
        if not right:
            kind = type(getattr(document, name)).__name__
            raise InvalidArgumentError(f"documents: the {name} of {key!r} is {kind}. Nothing was sent.")
    return key, str(document.title or "").strip() or key


def _address(document: Document) -> str:
    url = str(document.url).strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidArgumentError(
            f"documents: the url of {document.key!r} must begin with http:// or https://. Nothing was sent."
        )
    host = parts.netloc.lower().removeprefix("www.")
    if host == "youtube.com" and (parts.path == "/playlist" or "list" in parse_qs(parts.query)):
        raise InvalidArgumentError(
            f"documents: the url of {document.key!r} is a playlist, which makes one entry for each video: give the "
            "videos. Nothing was sent."
        )
    return url


def _filename(name: str, suffix: str) -> str:
    """Return the last part of a name; a text that goes as a file is a ``.txt``."""
    last = PurePosixPath(name).name or "document"
    return last if suffix else f"{PurePosixPath(last).stem or last}.txt"
