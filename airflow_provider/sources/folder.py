"""A folder, in a bucket or on a disk, by one or several globs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.document import Document, SkippedDocument
from airflow_provider.sources.files import StoredFile, disk_path
from airflow_provider.sources.listing import Globs, list_files

#: Left out of every folder: what programs put beside documents, and nobody means. Names that begin with a dot are
#: not even listed, with the folders of version control among them.
LEFT_OUT = ("~$*", "__MACOSX", "Thumbs.db", "desktop.ini", "lost+found")

#: A brace group is one only with a comma: ``{md,txt}``.
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MAGIC = re.compile(rf"[*?\[]|{_BRACES.pattern}")

_BUCKETS = ("s3", "s3a", "gs", "gcs")


class Folder:
    """
    The files of a folder, named by their paths within it.

    :param glob: an ``ObjectStoragePath`` URL with a glob, or a list of them: ``s3://conn@bucket/kb/**/*.{md,txt}``,
        ``/srv/kb/*``. Keys are relative to the part before the first glob character. Files and folders that
        begin with a dot are left out; linked folders are followed once
    :param exclude: globs of what is left out beside :data:`LEFT_OUT`, each with all that is in it: ``drafts``
        means any file or folder of that name, ``eu/old/*.md`` a path below the folder. It is not sent, and
        what is live of it stays
    """

    template_fields = ("glob", "exclude")

    def __init__(self, glob: str | Sequence[str], exclude: str | Sequence[str] | None = None) -> None:
        self.glob = glob
        self.exclude = exclude

    def __str__(self) -> str:
        return ", ".join(_texts(self.glob))

    __repr__ = __str__

    @property
    def base(self) -> str:
        """The folder: what stands before the first glob character."""
        text = next(iter(_texts(self.glob)), "")
        magic = _magic(text)
        return text if magic is None else text[: magic.start()].rpartition("/")[0]

    def documents(self, *, may_be_empty: bool = False) -> Iterator[Document | SkippedDocument]:
        """
        Yield one document for each file, ordered by key; a file that several globs mean is one.

        :param may_be_empty: a bucket's prefix without any object is an empty folder
        :raises SourceIncompleteError: the folder is not there, or a part of it cannot be listed
        :raises InvalidArgumentError: a path is relative, or the whole disk; or nothing installed reads such a URL
        """
        excluded = [each for text in (*LEFT_OUT, *_texts(self.exclude)) for each in _expanded(text)]
        found: dict[str, Document | SkippedDocument] = {}
        for text in _texts(self.glob) or [""]:
            base, patterns = _split(text)
            for key, file in list_files(base, Globs(patterns, excluded), may_be_empty=may_be_empty):
                if isinstance(file, StoredFile):
                    if str(file) not in found:
                        found[str(file)] = Document(key=key, file=file)
                else:
                    found.setdefault(
                        f"{base}/{key}", SkippedDocument(key=key, skip=file.skip, detail=file.detail)
                    )
        yield from sorted(found.values(), key=lambda document: document.key)


def has_glob(text: str) -> bool:
    """Does it hold a glob?"""
    return _magic(text) is not None


def _split(text: str) -> tuple[str, list[str]]:
    """Return the folder, and the globs below it."""
    magic = _magic(text)
    if magic is None:
        raise InvalidArgumentError(
            f"documents: {text!r} holds no glob; write s3://bucket/folder/**/*.md, or give a list for single "
            "files. Nothing was sent."
        )
    base, _, rest = text[: magic.start()].rpartition("/")
    scheme, found, place = text[: magic.start()].partition("://")
    if not found or text.startswith("/"):
        scheme, found, place = "", "", text[: magic.start()]
    host, _, below = place.rpartition("/")[0].partition("/")
    host = host.rpartition("@")[2]
    trouble = ""
    if not found and not text.startswith("/"):
        trouble = "is a relative path, which begins elsewhere on each worker"
    elif not found and not below.strip("/."):
        trouble = "begins at the root of the worker's disk (is a Variable empty?)"
    elif not (host or below.strip("/.")) or (not host and scheme.lower() in _BUCKETS):
        trouble = "names no bucket or folder before its glob"
    elif found and host and disk_path(base) is not None:
        trouble = "is a relative path: three slashes, file:///…"
    if trouble:
        raise InvalidArgumentError(f"documents: {text!r} {trouble}. Nothing was sent.")
    return base, _expanded(rest + text[magic.start() :])


def _magic(text: str) -> re.Match[str] | None:
    return _MAGIC.search(text, text.find("://") + 1)


def _expanded(text: str) -> list[str]:
    """Return what the brace groups stand for: ``*.{md,txt}`` is ``*.md`` and ``*.txt``."""
    braces = _BRACES.search(text)
    if braces is None:
        return [text]
    ways = (text[: braces.start()] + each + text[braces.end() :] for each in braces[1].split(","))
    return [each for way in ways for each in _expanded(way)]


def _texts(value: str | Sequence[str] | None) -> list[str]:
    return [value.strip()] if isinstance(value, str) else [str(each).strip() for each in value or ()]
