"""
What a folder holds, read folder by folder.

A file system's *no* (``exists``, ``is_file``, ``glob``) may mean *I could not look*, so none is believed: a folder that
cannot be listed is an error, and a name that leads to no file is a document that is skipped, hence present.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from typing import Any

from airflow_provider.errors import AgentKnowledgeError, InvalidArgumentError, SourceIncompleteError
from airflow_provider.sources.files import StoredFile, disk_path, storage, storage_path
from airflow_provider.sources.values import Skip, UnusableError

#: A name below the folder, and the file there, or why there is none.
Listed = tuple[str, StoredFile | UnusableError]

#: Stores that know no folders: one flat listing is cheaper than one for each folder, and raises as a whole.
_FLAT = frozenset({"s3", "s3a", "gs", "gcs"})

#: What a link says about itself alone: it leads nowhere, in a circle, or where this worker may not look.
_OF_A_LINK = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})

_EXCLUDED = UnusableError(Skip.EXCLUDED, "exclude leaves it out; what is live of it stays")
_DANGLING = UnusableError(Skip.VANISHED, "it is a link that leads nowhere")
_NO_FILE = UnusableError(Skip.UNSUPPORTED, "it is neither a file nor a folder")


class Globs:
    """
    Which names below a folder are meant. One that begins with a dot never is.

    :param patterns: globs below the folder
    :param excluded: globs of what is left out, with all that is in it; one without a slash means any name
    :raises InvalidArgumentError: one is no glob
    """

    def __init__(self, patterns: list[str], excluded: list[str]) -> None:
        ways: set[str] = set()
        for parts in (pattern.split("/") for pattern in patterns):
            depth = parts.index("**") + 2 if "**" in parts else len(parts)
            ways |= {"/".join(parts[:end]) for end in range(1, depth)}
        stripped = [each.removeprefix("./").strip("/") for each in excluded]
        # Where only the name counts, only the name is looked at: that is most globs, and most of the time.
        self._by_name = all(each.removeprefix("**/").count("/") == 0 for each in patterns) and (
            len({each.startswith("**/") for each in patterns}) == 1
        )
        self._means = _compiled([each.removeprefix("**/") if self._by_name else each for each in patterns])
        self._leads = _compiled(sorted(ways))
        self._names = _compiled([each for each in stripped if each and "/" not in each])
        self._paths = _compiled([each for each in stripped if "/" in each])

    def means(self, key: str, name: str) -> bool:
        """Is it a document?"""
        return self._means is not None and self._means.match(name if self._by_name else key) is not None

    def leads(self, key: str) -> bool:
        """May there be documents below this folder?"""
        return self._leads is not None and self._leads.match(key) is not None

    def excludes(self, key: str, name: str) -> bool:
        """Is it left out by itself, not by a folder above it?"""
        return (self._names is not None and self._names.match(name) is not None) or (
            self._paths is not None and self._paths.match(key) is not None
        )

    def excludes_any(self, key: str) -> bool:
        """Is it left out, or a folder above it?"""
        parts = key.split("/")
        return any(self.excludes("/".join(parts[: end + 1]), part) for end, part in enumerate(parts))

    @property
    def deep(self) -> bool:
        """Do they go into folders?"""
        return self._leads is not None


def list_files(base: str, globs: Globs, *, may_be_empty: bool) -> list[Listed]:
    """
    Return all that the globs mean, by its path below ``base``.

    :param may_be_empty: a prefix of a bucket without any object is an empty folder, not a missing one
    :raises SourceIncompleteError: the folder is not there, or something in it could not be listed
    """
    scheme = base.partition("://")[0].lower()
    try:
        if (path := disk_path(base)) is not None:
            return list(_on_disk(path, globs))
        fs, root = storage(storage_path(base))
        if scheme in _FLAT and globs.deep:
            return list(_flat(fs, root.rstrip("/"), globs, may_be_empty=may_be_empty))
        return list(_in_store(fs, root.rstrip("/"), globs, may_be_empty=may_be_empty and scheme in _FLAT))
    except _MissingError:
        raise SourceIncompleteError(
            f"The folder {base} does not exist, so nobody can tell what is missing from it (is it mounted?). "
            "Nothing was sent. A retry looks again."
        ) from None
    except AgentKnowledgeError:
        raise
    except Exception as error:  # each store has its own
        if type(error).__module__.startswith("airflow."):
            raise  # the connection, not the folder
        raise SourceIncompleteError(
            f"The folder {base} could not be listed to its end ({type(error).__name__}: {error}), so nobody can tell "
            "what is missing from it. Nothing was sent. A retry looks again."
        ) from error


class _MissingError(Exception):
    """The folder itself is not there."""


def _on_disk(root: str, globs: Globs) -> Iterator[Listed]:
    """Walk; linked folders come last and only once, so that a folder with a name of its own keeps that one."""
    try:
        os.stat(root)
    except FileNotFoundError:
        raise _MissingError from None
    seen: set[str] = set()
    folders = [("", root, os.path.realpath(root), False)]
    links: list[tuple[str, str, str, bool]] = []
    while folders or links:
        linked = not folders
        prefix, path, real, left_out = (links if linked else folders).pop()
        if real in seen:
            continue
        if linked or not left_out:
            seen.add(real)
        for entry in _scan(path, left_out=left_out):
            name = entry.name
            if name.startswith("."):
                continue
            key = prefix + name
            try:
                if entry.is_dir():
                    if globs.leads(key):
                        out = left_out or globs.excludes(key, name)
                        if entry.is_symlink():
                            links.append((f"{key}/", entry.path, os.path.realpath(entry.path), out))
                            links.sort(reverse=True)
                        else:
                            folders.append((f"{key}/", entry.path, f"{real}/{name}", out))
                    continue
                found = StoredFile(entry.path) if entry.is_file() else None
                trouble = _DANGLING if found is None and entry.is_symlink() else _NO_FILE
            except OSError as error:
                if error.errno not in _OF_A_LINK:
                    raise
                found, trouble = None, UnusableError(Skip.UNREADABLE, os.strerror(error.errno or 0))
            # A link that leads nowhere may have been a folder of documents: it counts, whatever it is called.
            if globs.means(key, name) or (found is None and trouble is not _NO_FILE and globs.leads(key)):
                out = left_out or globs.excludes(key, name)
                yield key, _EXCLUDED if out else found or trouble


def _scan(path: str, *, left_out: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except PermissionError:
        if left_out:
            return []
        raise


def _in_store(fs: Any, root: str, globs: Globs, *, may_be_empty: bool) -> Iterator[Listed]:
    """Walk a store as it lists its folders."""
    try:
        first = [info for info in _ls(fs, root) if info["name"].strip("/") != root.strip("/")]
    except FileNotFoundError:
        first = []
    if not first and not (_is_bucket(fs, root) if may_be_empty else fs.isdir(root)):
        raise _MissingError
    folders = [("", root, False, False)]
    while folders:
        prefix, path, linked, left_out = folders.pop()
        for info in first if not prefix else _ls(fs, path, left_out=left_out):
            place = info["name"].rstrip("/")
            name = place.rpartition("/")[2]
            key = prefix + name
            trouble = _NO_FILE
            if place.strip("/") == path.strip("/") or name.startswith("."):
                continue
            is_link = info.get("type") not in ("file", "directory")
            if is_link and (globs.means(key, name) or globs.leads(key)):
                try:  # only its target tells what it is
                    info = fs.info(info["name"])
                except FileNotFoundError:
                    trouble = _DANGLING
            out = left_out or globs.excludes(key, name)
            if info.get("type") == "directory":
                if globs.leads(key) and not (is_link and linked):  # no circle: below a link, none is followed
                    folders.append((f"{key}/", place, is_link or linked, out))
            elif globs.means(key, name) or trouble is _DANGLING:
                file = StoredFile.listed(fs, info) if info.get("type") == "file" else trouble
                yield key, _EXCLUDED if out else file


def _ls(fs: Any, path: str, *, left_out: bool = False) -> list[dict[str, Any]]:
    fs.invalidate_cache(path)  # a listing of an hour ago proves nothing
    try:
        found: list[dict[str, Any]] = fs.ls(path, detail=True)
    except PermissionError:
        if left_out:
            return []
        raise
    return found


def _flat(fs: Any, root: str, globs: Globs, *, may_be_empty: bool) -> Iterator[Listed]:
    """Read a whole prefix at once."""
    fs.invalidate_cache(root)
    found: dict[str, dict[str, Any]] = fs.find(root, detail=True)
    below = {name[len(root) + 1 :]: info for name, info in found.items() if name.startswith(f"{root}/")}
    if not below and not ((may_be_empty or "/" not in root) and _is_bucket(fs, root)):
        raise _MissingError
    for key, info in below.items():
        name = key.rpartition("/")[2]  # empty: a marker that stands for the folder itself
        if name and info.get("type") == "file" and "/." not in f"/{key}" and globs.means(key, name):
            yield key, _EXCLUDED if globs.excludes_any(key) else StoredFile.listed(fs, info)


def _is_bucket(fs: Any, root: str) -> bool:
    """Is the bucket there? An error is none of the answers."""
    try:
        fs.ls(root.strip("/").partition("/")[0], detail=False)
    except FileNotFoundError:
        return False
    return True


def _compiled(globs: list[str]) -> re.Pattern[str] | None:
    from fsspec.utils import glob_translate  # type: ignore[import-untyped]

    if not globs:
        return None
    try:
        return re.compile("|".join(glob_translate(each) for each in globs))
    except (ValueError, re.error) as error:
        raise InvalidArgumentError(f"documents: {globs} holds no glob: {error}. Nothing was sent.") from None
