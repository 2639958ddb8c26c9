"""One file of any store that Airflow knows: its size is asked before its bytes."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Any

from airflow_provider.errors import InvalidArgumentError, SourceIncompleteError
from airflow_provider.sources.values import Skip, UnusableError

_TAGS = ("ETag", "etag", "mtime", "LastModified", "updated")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """
    A file, as its store lists it.

    :param path: as the store names it
    :param fs: the fsspec file system; None: this worker's own disk
    :param size: bytes, where the listing tells
    :param tag: the store's own word for the content or its date, where the listing tells
    """

    path: str
    fs: Any = None
    size: int | None = None
    tag: str = ""

    @staticmethod
    def listed(fs: Any, info: dict[str, Any]) -> StoredFile:
        """Return what a listing of ``fs`` names."""
        tag = next((str(info[name]) for name in _TAGS if info.get(name) is not None), "")
        return StoredFile(info["name"], fs, info.get("size"), tag)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return self.path

    def exists(self) -> bool:
        """Is there something of this very name? No may mean that nobody could look."""
        try:
            os.stat(self.path) if self.fs is None else self.fs.info(self.path)
        except OSError:
            return False
        return True

    def look(self) -> str | None:
        """Return what it looks like from outside: size, and tag or date; None: nobody tells."""
        try:
            if self.fs is None:
                told = os.stat(self.path)
                return f"{told.st_size}:{told.st_mtime}"
            seen = self if self.size is not None else StoredFile.listed(self.fs, self.fs.info(self.path))
        except Exception:  # whatever a store raises; it is read then, which tells
            return None
        return f"{seen.size}:{seen.tag}" if seen.tag else None

    def read(self, limit: int | None = None) -> bytes:
        """
        Return its bytes.

        :param limit: bytes; of a larger file not one is read
        :raises UnusableError: it is gone, no file, too large, or cannot be read
        """
        try:
            return self._read_disk(limit) if self.fs is None else self._read_store(limit)
        except UnusableError:
            raise
        except FileNotFoundError:
            raise UnusableError(Skip.VANISHED, "it was listed, and gone when it was read") from None
        except Exception as error:  # each store has its own; one file is one document
            raise UnusableError(Skip.UNREADABLE, type(error).__name__) from None

    def _read_disk(self, limit: int | None) -> bytes:
        # A pipe would block for ever without the flag; on a file it changes nothing.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            told = os.fstat(descriptor)
            if not stat.S_ISREG(told.st_mode):
                raise UnusableError(Skip.UNREADABLE, "it is no file")
            check_size(told.st_size, limit)
            content = os.read(descriptor, told.st_size + 1)
            while more := os.read(descriptor, 1 << 20):
                content += more
                check_size(len(content), limit)
            return content
        finally:
            os.close(descriptor)

    def _read_store(self, limit: int | None) -> bytes:
        size = self.size
        if size is None:
            info = self.fs.info(self.path)
            if info.get("type") == "directory":
                raise UnusableError(Skip.UNREADABLE, "it is a folder")
            size = info.get("size")
        check_size(size or 0, limit)
        if size == 0:
            return b""  # there is no range of nothing
        # One GET of what is there now: open() insists on the ETag of the listing, and a whole read on its size.
        content: bytes = self.fs.cat_file(self.path, start=0, end=None if limit is None else limit + 1)
        check_size(len(content), limit)
        return content


def given_file(file: Any) -> StoredFile:
    """
    Return the file that a path, a URL or a path object means.

    :raises InvalidArgumentError: a relative path, which begins elsewhere on each worker; or nobody reads such a URL
    """
    if isinstance(file, StoredFile):
        return file
    text = str(file)
    if (path := disk_path(text)) is None:
        fs, path = storage(file if hasattr(type(file), "fs") else storage_path(text))
        return StoredFile(path, fs)
    if path.startswith("/"):
        return StoredFile(path)
    here = "" if os.path.exists(path) else ", and does not exist on this worker"
    raise InvalidArgumentError(
        f"{text!r:.120} is a relative path{here}: give a whole one (/…, s3://…). A text goes as "
        "Document(key=…, text=…). Nothing was sent."
    )


def disk_path(url: str) -> str | None:
    """Return the path on this worker's own disk, with or without a scheme; None: it leads elsewhere."""
    scheme, found, rest = url.partition("://")
    if not found or url.startswith("/"):
        return url
    host, slash, path = rest.partition("/")
    return f"{host.rpartition('@')[2]}{slash}{path}" if scheme.lower() in ("file", "local") else None


def read_given(file: Any, limit: int) -> tuple[str, bytes]:
    """
    Return the name and the bytes of the one file that a task is about.

    :raises SourceIncompleteError: it is not there or cannot be read now
    :raises InvalidArgumentError: it is empty or larger than ``limit`` bytes, or its path is none
    """
    found = given_file(file)
    try:
        content = found.read(limit)
    except UnusableError as error:
        if error.skip is Skip.TOO_LARGE:
            raise InvalidArgumentError(f"{found} cannot be sent: {error.detail}. Nothing was sent.") from None
        raise missing(found, error) from None
    if not content:
        raise InvalidArgumentError(f"{found} is empty. Nothing was sent.")
    return found.name, content


def missing(file: StoredFile, error: UnusableError) -> SourceIncompleteError:
    """Return the error for a file that somebody gave, and that is not there or cannot be read."""
    gone = error.skip is Skip.VANISHED
    told = "does not exist on this worker" if gone else f"cannot be read on this worker ({error.detail})"
    hint = " (did another task write it, on another worker?)" if gone and file.fs is None else ""
    return SourceIncompleteError(f"{file} {told}{hint}. Nothing was sent. A retry looks again.")


def storage_path(url: str) -> Any:
    """Return Airflow's path for a URL."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        return ObjectStoragePath(url)
    except (ValueError, ImportError) as error:
        raise _unknown(url, error) from None


def storage(path: Any) -> tuple[Any, str]:
    """
    Return the file system of a path, as its connection opens it, and what the path is called there.

    :raises InvalidArgumentError: nothing that is installed reads such a URL
    """
    try:
        try:
            fs = path.fs
        except ValueError:
            if getattr(path, "conn_id", None) is not None or not hasattr(path, "__wrapped__"):
                raise
            fs = path.__wrapped__.fs  # Airflow lists no such scheme; fsspec may know it by itself
    except (ValueError, ImportError) as error:
        raise _unknown(str(path), error) from None
    return fs, str(fs._strip_protocol(path.path))


def _unknown(url: str, error: Exception) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{url} cannot be read: {error}. Is the provider of that storage installed? Nothing was sent."
    )


def check_size(size: int, limit: int | None) -> None:
    """
    Refuse what the vendor would refuse.

    :raises UnusableError: it is too large
    """
    if limit is not None and size > limit:
        megabytes = limit // (1024 * 1024)
        raise UnusableError(Skip.TOO_LARGE, f"{size} bytes; the vendor takes {megabytes} MB")
