"""A folder, in a bucket or on a disk, by a glob."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider.errors import InvalidArgumentError, SourceIncompleteError
from airflow_provider.sources.document import Document

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_MAGIC = re.compile(r"[*?\[]")


class Folder:
    """
    The files of a folder, named by their paths within it.

    :param glob: an ``ObjectStoragePath`` URL with a glob: ``s3://conn@bucket/kb/**/*.md``, ``file:///kb/*``.
        Keys are relative to the part before the first glob character. Files and folders that begin with a
        dot are left out
    """

    template_fields = ("glob",)

    def __init__(self, glob: str) -> None:
        self.glob = glob

    def __str__(self) -> str:
        return self.glob

    __repr__ = __str__

    @property
    def base(self) -> str:
        """The folder: what stands before the first glob character."""
        text = str(self.glob).strip()
        magic = _MAGIC.search(text, text.find("://") + 1)
        return text if magic is None else text[: magic.start()].rpartition("/")[0]

    def documents(self) -> Iterator[Document]:
        """
        Yield one document for each file, ordered by key.

        :raises SourceIncompleteError: the folder is not there: a glob on a missing folder is silently empty
        :raises InvalidArgumentError: nothing that is installed reads such a URL
        """
        try:
            base, pattern = self._split()
            there = base.exists()
        except ValueError as error:
            raise InvalidArgumentError(
                f"documents: {self.base} cannot be read: {error}. Is the provider of that storage installed? Nothing "
                "was sent."
            ) from None
        if not there:
            raise SourceIncompleteError(
                f"The folder {base} does not exist, so nobody can tell what is missing from it (is it mounted?). "
                "Nothing was sent. A retry looks again."
            )
        found = []
        for path in base.glob(pattern):
            key = _relative(path, base)
            if not any(part.startswith(".") for part in key.parts) and path.is_file():
                found.append((str(key), path))
        for name, path in sorted(found, key=lambda pair: pair[0]):
            yield Document(key=name, file=path)

    def _split(self) -> tuple[ObjectStoragePath, str]:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        text = str(self.glob).strip()
        magic = _MAGIC.search(text, text.find("://") + 1)
        if not text or magic is None:
            raise InvalidArgumentError(
                f"documents: {text!r} holds no glob; write s3://bucket/folder/**/*.md, or give a list for single "
                "files. Nothing was sent."
            )
        base, _, rest = text[: magic.start()].rpartition("/")
        if base.endswith((":", ":/", "://")):
            raise InvalidArgumentError(
                f"documents: {text!r} names no bucket or folder before its glob. Nothing was sent."
            )
        return ObjectStoragePath(base or "/"), rest + text[magic.start() :]


def _relative(path: ObjectStoragePath, base: ObjectStoragePath) -> PurePosixPath:
    return PurePosixPath(path.path).relative_to(PurePosixPath(base.path))
