"""A folder as a source: which files it is, what they are called, and when it is no folder at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec  # type: ignore[import-untyped]
import pytest
import upath.registry
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]
from upath.implementations.memory import MemoryPath

from airflow_provider.errors import DuplicateKeyError, InvalidArgumentError, SourceIncompleteError
from airflow_provider.sources import Folder
from airflow_provider.sources.items import Items
from airflow_provider.sources.values import Skip
from tests.unit.sources.reading import keys, read, reading, skips


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    """A folder of a few articles, with what a real one holds beside them."""
    for name in (
        "faq.md",
        "prices.txt",
        "eu/faq.md",
        "eu/de/faq.md",
        ".draft.md",
        ".git/faq.md",
        "eu/.old/faq.md",
    ):
        path = tmp_path / "kb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Text of {name}.")
    (tmp_path / "kb" / "folder.md").mkdir()
    return tmp_path / "kb"


def test_keys_are_paths_within_the_folder(kb: Path) -> None:
    assert keys(f"file://{kb}/**/*") == ["eu/de/faq.md", "eu/faq.md", "faq.md", "prices.txt"]
    assert keys(f"file://{kb}/*.md") == ["faq.md"]
    assert keys(f"{kb}/eu/**/*.md") == ["de/faq.md", "faq.md"]


def test_files_of_one_name_in_two_folders_are_two_documents(kb: Path) -> None:
    found = read(f"file://{kb}/**/*.md")
    assert list(found) == ["eu/de/faq.md", "eu/faq.md", "faq.md"]
    assert len({document.key_hash for document in found.values()}) == 3


def test_what_begins_with_a_dot_is_left_out_unless_the_folder_itself_does(kb: Path) -> None:
    assert not any(part.startswith(".") for key in keys(f"file://{kb}/**/*") for part in key.split("/"))
    assert keys(f"file://{kb}/.git/*.md") == ["faq.md"]


def test_a_folder_may_have_an_at_sign_and_a_url_a_connection(kb: Path) -> None:
    kb.rename(kb.with_name("kb@2026"))
    for url in (f"{kb}@2026/*.md", f"file://{kb}@2026/*.md", f"file://any_connection@{kb}@2026/*.md"):
        assert keys(url) == ["faq.md"]
        given = url.replace("*", "faq")
        assert read([given])[given].skip is None


def test_a_missing_folder_is_not_an_empty_one(kb: Path) -> None:
    with pytest.raises(SourceIncompleteError, match="is it mounted"):
        keys(f"file://{kb}/nowhere/**/*.md")
    (kb / "bare").mkdir()
    assert keys(f"file://{kb}/bare/**/*.md") == []


def test_a_folder_that_moves_keeps_its_keys(kb: Path) -> None:
    before = read(f"file://{kb}/**/*.md")
    kb.rename(kb.with_name("elsewhere"))
    assert read(f"file://{kb.with_name('elsewhere')}/**/*.md") == before


def test_a_file_that_was_only_touched_is_the_same(kb: Path) -> None:
    before = read(f"file://{kb}/**/*.md")
    os.utime(kb / "faq.md", (1, 1))
    assert read(f"file://{kb}/**/*.md") == before


def test_two_names_that_differ_in_their_composition_only_are_an_error_that_names_both(tmp_path: Path) -> None:
    composed, apart = "größe.md", unicodedata.normalize("NFD", "größe.md")
    for name in (composed, apart):
        (tmp_path / name).write_text(name)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system keeps one of them only")
    with pytest.raises(DuplicateKeyError) as caught:
        read(f"file://{tmp_path}/*.md")
    assert str(caught.value).count("größe.md") >= 2


@pytest.mark.parametrize("odd", [" faq.md", "faq.md ", "\u00a0faq.md"])
def test_a_name_that_differs_in_blanks_alone_is_skipped_and_the_other_goes(tmp_path: Path, odd: str) -> None:
    (tmp_path / "faq.md").write_text("The one that is meant.")
    (tmp_path / odd).write_text("A copy with a slip in its name.")
    with reading(f"file://{tmp_path}/*", stat_cache={}) as done:
        kept, skipped = sorted(done.wanted, key=lambda each: each.skip is not None)
        assert done.again(kept)[1].content == b"The one that is meant."
    assert (kept.key, kept.skip) == ("faq.md", None)
    assert (skipped.key, skipped.skip) == (odd, Skip.UNUSABLE_NAME)
    assert f"that of {tmp_path}/faq.md" in skipped.detail
    (tmp_path / "faq.md").unlink()
    assert list(read(f"file://{tmp_path}/*")) == ["faq.md"]


def test_a_name_in_another_composition_is_the_same_document(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "größe.md")
    (tmp_path / apart).write_text("Text.")
    (document,) = read(f"file://{tmp_path}/*.md").values()
    (tmp_path / apart).rename(tmp_path / "größe.md")
    assert list(read(f"file://{tmp_path}/*.md").values()) == [document]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://bucket/folder", "holds no glob"),
        ("s3://bucket/folder/faq.md", "holds no glob"),
        ("/srv/{kb}/faq.md", "holds no glob"),
        ("", "holds no glob"),
        ("s3://*.md", "names no"),
        ("s3:///*.md", "names no"),
        ("s3:///kb/*.md", "names no"),
        ("S3:///kb/*.md", "names no"),
        ("FILE:///*.md", "names no"),
        ("s3://aws@/kb/*.md", "names no"),
        ("file:///*.md", "names no"),
        ("file://**/*.md", "names no"),
        ("/**/*.md", r"begins at the root of the worker's disk \(is a Variable empty\?\)"),
        ("//**/*.md", "begins at the root"),
        ("/../*.md", "begins at the root"),
        ("/./**/*", "begins at the root"),
        ("**/*.md", "is a relative path"),
        ("*.md", "is a relative path"),
        ("handbook/*.md", "is a relative path"),
        ("./handbook/*.md", "is a relative path"),
        ("~/handbook/*.md", "is a relative path"),
        ("file://handbook/*.md", "is a relative path"),
        ("/srv/kb/**.md", "holds no glob: .*'\\*\\*'"),
    ],
)
def test_a_url_that_names_no_folder_is_refused_by_name(url: str, says: str) -> None:
    for source in (Folder(url), Folder([url]), Items([Folder(url)])):
        with pytest.raises(InvalidArgumentError, match=says) as caught:
            list(source.documents())
        assert "Nothing was sent" in str(caught.value)


# --- globs and filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        ("**/*.{md,txt}", ["eu/de/faq.md", "eu/faq.md", "faq.md", "prices.txt"]),
        ("{eu,us}/**/*.md", ["eu/de/faq.md", "eu/faq.md"]),
        ("{faq,prices}.{md,txt}", ["faq.md", "prices.txt"]),
        ("*/*.md", ["eu/faq.md"]),
        ("**", ["eu/de/faq.md", "eu/faq.md", "faq.md", "prices.txt"]),
        ("e*/**", ["eu/de/faq.md", "eu/faq.md"]),
        ("**/de/*", ["eu/de/faq.md"]),
        ("[!f]*", ["prices.txt"]),
        ("?aq.md", ["faq.md"]),
        ("**/*.csv", []),
    ],
)
def test_a_glob_means_what_it_means_in_a_shell(kb: Path, globs: str, expected: list[str]) -> None:
    assert keys(f"file://{kb}/{globs}") == expected


def test_several_globs_are_one_folder_and_a_file_is_one_document(kb: Path) -> None:
    assert keys(Folder([f"{kb}/*.md", f"{kb}/**/*.md", f"{kb}/*.txt"])) == [
        "eu/de/faq.md",
        "eu/faq.md",
        "faq.md",
        "prices.txt",
    ]
    assert Folder([f"{kb}/*.md", f"{kb}/eu/*.txt"]).base == str(kb)
    with pytest.raises(DuplicateKeyError):
        read(Folder([f"{kb}/*.md", f"{kb}/eu/*.md"]))


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("de", ["eu/faq.md", "faq.md", "prices.txt"]),
        ("*.txt", ["eu/de/faq.md", "eu/faq.md", "faq.md"]),
        ("*.{txt,md}", []),
        ("eu/*.md", ["eu/de/faq.md", "faq.md", "prices.txt"]),
        ("eu/**", ["faq.md", "prices.txt"]),
        ("./eu/", ["faq.md", "prices.txt"]),
        (["eu", "prices.*"], ["faq.md"]),
        ("EU", ["eu/de/faq.md", "eu/faq.md", "faq.md", "prices.txt"]),
    ],
)
def test_what_exclude_names_is_not_sent_and_stays_present(kb: Path, exclude: Any, left: list[str]) -> None:
    everything = keys(f"{kb}/**/*")
    folder = Folder(f"{kb}/**/*", exclude=exclude)
    assert keys(folder) == left
    told = (Skip.EXCLUDED, "exclude leaves it out; what is live of it stays")
    assert skips(folder) == dict.fromkeys([key for key in everything if key not in left], told)


def test_what_programs_put_beside_documents_is_left_out(kb: Path) -> None:
    for name in (
        "~$Prices.docx",
        "__MACOSX/Prices.docx",
        "Thumbs.db",
        "eu/desktop.ini",
        "Prices.docx",
        "a~.md",
    ):
        (kb / name).parent.mkdir(exist_ok=True)
        (kb / name).write_text(name)
    assert [key for key in keys(f"{kb}/**/*") if "faq" not in key] == ["Prices.docx", "a~.md", "prices.txt"]
    assert set(skips(f"{kb}/**/*.docx")) == {"~$Prices.docx", "__MACOSX/Prices.docx"}


def test_a_document_that_one_folder_excludes_and_another_does_not_is_sent(kb: Path) -> None:
    both = [Folder(f"{kb}/**/*.md", exclude="eu"), Folder(f"{kb}/**/faq.md")]
    for order in (both, both[::-1]):
        assert {key: each.skip for key, each in read(order).items()} == dict.fromkeys(
            ["eu/de/faq.md", "eu/faq.md", "faq.md"]
        )


# --- absent has to be proven ---------------------------------------------------------------------------------


#: Reads folders as somebody whom the modes of files bind, which they do not do for root.
_AS_SOMEBODY = """
import json, sys
from airflow_provider.errors import SourceIncompleteError
from airflow_provider.sources import Folder
from tests.unit.sources.reading import read

def told(url, exclude):
    try:
        found = read(Folder(url, exclude=exclude))
    except SourceIncompleteError as error:
        return str(error)
    return {key: each.skip and f"{each.skip}: {each.detail}" for key, each in found.items()}

json.dump([told(*each) for each in json.loads(sys.argv[1])], sys.stdout)
"""


def as_somebody(*folders: tuple[str, str]) -> list[Any]:
    """What somebody sees of each folder: documents and why they are skipped, or the error's words."""
    command = [sys.executable, "-c", _AS_SOMEBODY, json.dumps(folders)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not there, and root may read everything")
        drop = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", *command]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    told: list[Any] = json.loads(done.stdout)
    return told


def test_what_may_not_be_looked_at_is_present_or_stops_the_sync(kb: Path) -> None:
    (kb / "hr").mkdir()
    (kb / "hr" / "pay.md").write_text("Paid on the 1st.")
    (kb / "lost").symlink_to(kb / "hr" / "pay.md")
    closed = {"eu/de": 0, "hr": 0o444, "prices.txt": 0}  # of hr the names can be listed, and nothing else
    for name, mode in closed.items():
        (kb / name).chmod(mode)
    try:
        seen = as_somebody(
            (f"{kb}/**/*.md", ""),
            (f"file://{kb}/*/*/*.md", ""),
            (f"{kb}/**/*.md", "eu/de"),
            (f"{kb}/*.txt", ""),
            (f"{kb}/[eh]*/*.md", ""),
            (f"{kb}/los[t]", ""),
        )
    finally:
        for name in closed:
            (kb / name).chmod(0o755)
    incomplete = (
        f"could not be listed to its end (PermissionError: [Errno 13] Permission denied: '{kb}/eu/de')"
    )
    denied = "unreadable: PermissionError"
    assert [incomplete in each for each in seen[:2]] == [True, True]
    assert seen[2:] == [
        {"eu/faq.md": None, "faq.md": None, "hr/pay.md": denied, "lost": "unreadable: Permission denied"},
        {"prices.txt": denied},
        {"eu/faq.md": None, "hr/pay.md": denied},
        {"lost": "unreadable: Permission denied"},
    ]


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.ENOENT])
def test_a_part_of_a_folder_that_cannot_be_listed_is_not_absent(
    kb: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A broken network mount, and a folder that goes away between two looks."""
    scan = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("/eu"):
            raise OSError(code, os.strerror(code))
        return scan(path)

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(SourceIncompleteError, match="could not be listed to its end"):
        keys(f"{kb}/**/*.md")
    assert keys(f"{kb}/*.md") == ["faq.md"]


def test_what_is_listed_and_leads_to_no_file_is_present(kb: Path, tmp_path: Path) -> None:
    (kb / "dangling.md").symlink_to(tmp_path / "gone.md")
    (kb / "unmounted").symlink_to(tmp_path / "gone")  # it may have been a folder of documents
    (kb / "circle.md").symlink_to("circle.md")
    os.mkfifo(kb / "pipe.md")
    os.mkfifo(kb / "pipe.log")
    gone = (Skip.VANISHED, "it is a link that leads nowhere")
    assert skips(f"{kb}/**/*.md") == {
        "dangling.md": gone,
        "unmounted": gone,
        "circle.md": (Skip.UNREADABLE, os.strerror(errno.ELOOP)),
        "pipe.md": (Skip.UNSUPPORTED, "it is neither a file nor a folder"),
    }
    assert "unmounted" not in skips(f"{kb}/*.md"), "no document could be below it"


def test_a_linked_folder_is_followed_once(kb: Path, tmp_path: Path) -> None:
    before = keys(f"{kb}/**/*.md")
    (tmp_path / "shared" / "deep").mkdir(parents=True)
    (tmp_path / "shared" / "deep" / "s.md").write_text("S")
    (tmp_path / "shared" / "up").symlink_to("..")
    (kb / "a-loop").symlink_to(kb)
    (kb / "eu" / "loop").symlink_to("..")
    (kb / "a-second-eu").symlink_to("eu")
    assert keys(f"{kb}/**/*.md") == before
    (kb / "one").symlink_to(tmp_path / "shared")
    (kb / "two").symlink_to(tmp_path / "shared")
    assert keys(f"{kb}/**/*.md") == sorted([*before, "one/deep/s.md"])


def test_a_folder_that_becomes_a_link_keeps_its_documents(kb: Path, tmp_path: Path) -> None:
    before = read(f"{kb}/**/*.md")
    (kb / "eu").rename(tmp_path / "elsewhere")
    (kb / "eu").symlink_to(tmp_path / "elsewhere")
    assert read(f"{kb}/**/*.md") == before
    (kb / ".hidden").mkdir()
    (tmp_path / "elsewhere").rename(kb / ".hidden" / "eu")  # as a Kubernetes volume has it
    (kb / "eu").unlink()
    (kb / "eu").symlink_to(".hidden/eu")
    assert read(f"{kb}/**/*.md") == before


def test_a_folder_by_a_link_and_a_folder_that_is_a_file(kb: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(kb)  # as git-sync has it
    assert keys(f"{tmp_path}/current/*.md") == ["faq.md"]
    for place in (kb / "faq.md", tmp_path / "dangling"):
        (tmp_path / "dangling").unlink(missing_ok=True)
        (tmp_path / "dangling").symlink_to("gone")
        with pytest.raises(SourceIncompleteError):
            keys(f"{place}/*.md")


def test_a_disk_is_asked_once_for_each_folder_and_not_for_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        (tmp_path / f"{number % 10}").mkdir(exist_ok=True)
        (tmp_path / f"{number % 10}" / f"{number}.md").write_text("Text.")
    asked: Counter[str] = Counter()

    def counted(name: str, real: Any) -> Any:
        return lambda *args, **kwargs: (asked.update([name]), real(*args, **kwargs))[1]

    for name in ("scandir", "stat", "lstat"):
        monkeypatch.setattr(f"os.{name}", counted(name, getattr(os, name)))
    listed = list(Folder(f"{tmp_path}/**/*.md").documents())
    monkeypatch.undo()
    assert (len(listed), asked["scandir"]) == (200, 11)
    assert asked["stat"] + asked["lstat"] < 20, "the folder itself, and the way to it"


def test_no_byte_of_a_file_that_is_too_large_is_read(kb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (kb / "talk.mp4").open("wb") as file:
        file.truncate(1_500_000_000)
    tracemalloc.start()
    try:
        told = skips(f"{kb}/**/*")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told == {"talk.mp4": (Skip.TOO_LARGE, "1500000000 bytes; the vendor takes 50 MB")}
    assert most < 20_000_000


# --- other stores --------------------------------------------------------------------------------------------


class Walking(MemoryFileSystem):  # type: ignore[misc]
    """
    A store that is neither flat nor a disk, as SFTP and SMB are: each folder is a request, and each may fail.

    :cvar failing: what a listing raises, by the end of its path
    :cvar links: where links lead, by their paths
    """

    protocol = ("walking",)
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    failing: ClassVar[dict[str, Exception]] = {}
    links: ClassVar[dict[str, str]] = {}
    listed: ClassVar[list[str]] = []
    find = AbstractFileSystem.find

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("walking://", "memory://")))

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        path = self._strip_protocol(path)
        self.listed.append(path)
        for end, error in self.failing.items():
            if path.endswith(end):
                raise error
        for link, target in self.links.items():
            path = path.replace(link, target)
        found = super().ls(path, detail=True, **kwargs)
        found += [
            {"name": link, "size": 0, "type": "link"}
            for link in self.links
            if link.rpartition("/")[0] == path
        ]
        return found if detail else [each["name"] for each in found]

    def info(self, path: str, **kwargs: Any) -> Any:
        path = self._strip_protocol(path)
        return {**super().info(self.links.get(path, path), **kwargs), "name": path}


@pytest.fixture
def walking() -> Iterator[type[Walking]]:
    """A store of some documents."""
    fsspec.register_implementation("walking", Walking, clobber=True)
    upath.registry.register_implementation("walking", MemoryPath, clobber=True)
    Walking.clear_instance_cache()
    if not is_known("walking://bucket"):
        pytest.skip("this Airflow knows only the storages of its providers")
    for name in (
        "kb/faq.md",
        "kb/eu/faq.md",
        "kb/eu/de/faq.md",
        "kb/.git/faq.md",
        "shared/s.md",
        "kb/big.pdf",
    ):
        Walking().pipe(f"/bucket/{name}", f"Text of {name}.".encode())
    yield Walking
    for state in (Walking.store, Walking.failing, Walking.links):
        state.clear()
    Walking.pseudo_dirs[:] = [""]
    Walking.listed.clear()


def test_a_store_that_is_walked_is_listed_folder_by_folder(walking: type[Walking]) -> None:
    assert keys("walking://bucket/kb/**/*.md") == ["eu/de/faq.md", "eu/faq.md", "faq.md"]
    assert walking.listed == ["/bucket/kb", "/bucket/kb/eu", "/bucket/kb/eu/de"]
    found = read("walking://bucket/kb/**/*.md")
    assert [(each.skip, each.size) for each in found.values()] == [(None, 24), (None, 21), (None, 18)]
    walking().makedirs("/bucket/bare")
    assert keys("walking://bucket/bare/**/*.md") == []
    for place in ("gone", "kb/faq.md"):
        with pytest.raises(SourceIncompleteError, match="is it mounted"):
            keys(f"walking://bucket/{place}/**/*.md")


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("timed out"),
        PermissionError("denied"),
        FileNotFoundError("gone"),
        RuntimeError("its own"),
    ],
)
@pytest.mark.parametrize("where", ["/kb/eu", "/kb/eu/de"])
def test_a_folder_of_a_store_that_cannot_be_listed_is_not_absent(
    walking: type[Walking], error: Exception, where: str
) -> None:
    walking.failing[where] = error
    with pytest.raises(
        SourceIncompleteError, match=f"could not be listed to its end .*{type(error).__name__}"
    ):
        keys("walking://bucket/kb/**/*.md")
    assert keys("walking://bucket/kb/*.md") == ["faq.md"]


def test_links_of_a_store_are_followed_once_and_a_dangling_one_is_present(walking: type[Walking]) -> None:
    walking.links |= {
        "/bucket/kb/shared": "/bucket/shared",
        "/bucket/shared/loop": "/bucket/shared",
        "/bucket/kb/gone.md": "/bucket/nowhere.md",
    }
    assert keys("walking://bucket/kb/**/*.md") == ["eu/de/faq.md", "eu/faq.md", "faq.md", "shared/s.md"]
    assert skips("walking://bucket/kb/*.md") == {
        "gone.md": (Skip.VANISHED, "it is a link that leads nowhere")
    }


def test_the_size_in_a_stores_listing_is_asked_before_the_bytes(
    walking: type[Walking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "cat_file", lambda *_: pytest.fail("a byte was read"))
    assert skips("walking://bucket/kb/*.pdf", max_file_bytes=3) == {
        "big.pdf": (Skip.TOO_LARGE, "19 bytes; the vendor takes 0 MB")
    }


def test_a_file_of_a_store_that_was_given_and_is_not_there_has_failed(walking: type[Walking]) -> None:
    assert list(read(["walking://bucket/kb/faq.md"])) == ["walking://bucket/kb/faq.md"]
    with pytest.raises(SourceIncompleteError, match=r"/bucket/kb/gone\.md does not exist on this worker"):
        read(["walking://bucket/kb/gone.md"])


def is_known(url: str) -> bool:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        ObjectStoragePath(url).exists()
    except ValueError:
        return False
    return True


def test_a_storage_that_nobody_reads_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgumentError, match="carrierpigeon"):
        keys("carrierpigeon://bucket/kb/*.md")


def test_a_bucket_is_a_folder_too() -> None:
    system = fsspec.filesystem("memory")
    system.store.clear()
    for name in ("/bucket/kb/faq.md", "/bucket/kb/eu/faq.md", "/bucket/other.md", "/bucket/kb/.hidden.md"):
        system.pipe(name, b"Text of " + name.encode())
    try:
        if not is_known("memory://bucket"):
            pytest.skip("this Airflow knows no memory:// storage")
        assert keys("memory://bucket/kb/**/*.md") == ["eu/faq.md", "faq.md"]
        assert [document.skip for document in read("memory://bucket/kb/**/*.md").values()] == [None, None]
        with pytest.raises(SourceIncompleteError):
            keys("memory://bucket/gone/**/*.md")
    finally:
        system.store.clear()
