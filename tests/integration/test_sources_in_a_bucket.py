"""A bucket as a source, on a real S3 server: what it holds is listed at once, and nothing of it gets lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest

from airflow_provider.errors import SourceIncompleteError
from airflow_provider.sources import Folder
from airflow_provider.sources.values import Skip
from tests.integration.syncing import Library
from tests.system.bucket import Bucket
from tests.unit.sources.reading import keys, read, reading

s3fs = pytest.importorskip("s3fs", reason="S3 needs apache-airflow-providers-amazon[s3fs]")


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    """One S3 server for all of these."""
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, and the Airflow connection to it."""
    server.clear()
    monkeypatch.setenv("AIRFLOW_CONN_SOURCES_AWS", json.dumps(server.connection))
    return server


def url(glob: str, bucket: str = Bucket.NAME) -> str:
    return f"s3://sources_aws@{bucket}/{glob}"


def requests() -> Any:
    """Count what is asked of S3, by the names of its calls."""
    asked: Counter[str] = Counter()
    call = s3fs.S3FileSystem._call_s3

    async def counted(fs: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        asked[str(method)] += 1
        return await call(fs, method, *args, **kwargs)

    return asked, mock.patch.object(s3fs.S3FileSystem, "_call_s3", counted)


@pytest.mark.parametrize("glob", ["kb/**/*.md", "kb/**"])
def test_any_name_is_a_document_and_a_marker_is_none(bucket: Bucket, glob: str) -> None:
    names = [
        "a b+c%20d.md",
        "hash#1.md",
        "q?x=1.md",
        "star*.md",
        "[x].md",
        "back\\slash.md",
        "é.md",
        "sub/a.md",
    ]
    names += ["sub//double.md", "both.md", "both.md/inner.md", "100%.md"]
    for name in names:
        bucket.put(f"kb/{name}", f"Text of {name}.")
    for marker in ("kb/", "kb/sub/", "kb/end.md/", "kb/.hidden/x.md", "kb/.keep.md", "other.md"):
        bucket.put(marker, "")
    found = read(url(glob))
    assert list(found) == sorted(names)
    assert {each.skip for each in found.values()} == {None}
    assert keys(url(glob)) == keys(url(glob)), "the second night"


def test_an_object_that_becomes_a_prefix_as_well_is_still_a_document(bucket: Bucket) -> None:
    bucket.put("kb/guide.md", "The guide.")
    before = read(url("kb/**/*.md"))
    bucket.put("kb/guide.md/appendix.md", "Appendix.")
    after = read(url("kb/**/*.md"))
    assert list(after) == ["guide.md", "guide.md/appendix.md"]
    assert after["guide.md"] == before["guide.md"]
    assert read(url("kb/*.md")) == before


def test_listing_is_one_request_for_each_thousand_objects(bucket: Bucket) -> None:
    names = [f"kb/{number // 10:03}/{number:04}.md" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: bucket.put(name, name), names))
    asked, counting = requests()
    with counting:
        listed = list(Folder(url("kb/**/*.md")).documents())
    assert (len(listed), asked) == (1100, {"list_objects_v2": 2})
    assert len(keys(url("kb/*/*[0-4].md"))) == 550
    with counting:
        asked.clear()
        first = Folder(url("kb/000/*.md"))
        assert len(read(first)) == 10
    assert asked == {"list_objects_v2": 1, "get_object": 10}, (
        "not one request beside the listing and the reading"
    )


def test_a_listing_that_breaks_off_is_not_the_end_of_the_folder(bucket: Bucket) -> None:
    bucket.put("kb/a.md", "A")
    call = s3fs.S3FileSystem._call_s3

    async def cut(fs: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ContinuationToken"):
            raise PermissionError("Access Denied")
        answer = await call(fs, method, *args, **kwargs)
        return {**answer, "IsTruncated": True, "NextContinuationToken": "next"}

    for glob in ("kb/**/*.md", "kb/*.md"):
        with (
            mock.patch.object(s3fs.S3FileSystem, "_call_s3", cut),
            pytest.raises(SourceIncompleteError, match=r"could not be listed to its end .*Access Denied"),
        ):
            keys(url(glob))


def test_a_look_that_fails_drops_no_object(bucket: Bucket) -> None:
    bucket.put("kb/a.md", "A")

    async def throttled(fs: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        raise OSError(16, "SlowDown: Please reduce your request rate")

    with mock.patch.object(s3fs.S3FileSystem, "_info", throttled):
        assert keys(url("kb/**/*.md")) == keys(url("kb/*.md")) == ["a.md"]


def test_what_is_there_now_is_listed_and_read(bucket: Bucket) -> None:
    bucket.put("kb/a.md", "A")
    assert keys(url("kb/*.md")) == ["a.md"]
    bucket.put("kb/b.md", "B")
    with reading(url("kb/*.md")) as done:
        assert [each.key for each in done.wanted] == ["a.md", "b.md"]
        bucket.put("kb/a.md", "Longer than it was when it was listed.")
        now, content = done.again(done.wanted[0])
        bucket.delete("kb/b.md")
        with pytest.raises(Exception, match="gone when it was read") as caught:
            done.again(done.wanted[1])
    assert content.content == b"Longer than it was when it was listed."
    assert now.digest == content.digest != done.wanted[0].digest
    assert getattr(caught.value, "skip", None) is Skip.VANISHED


def test_an_object_too_large_is_not_read(bucket: Bucket) -> None:
    bucket.put("kb/big.pdf", "x" * 2000)
    asked, counting = requests()
    with counting:
        told = read(url("kb/**/*.pdf"), max_file_bytes=1000)["big.pdf"]
    assert (told.skip, told.detail) == (Skip.TOO_LARGE, "2000 bytes; the vendor takes 0 MB")
    assert asked == {"list_objects_v2": 1}


def test_a_prefix_without_objects_is_missing_unless_an_empty_source_is_expected(bucket: Bucket) -> None:
    assert keys(url("**/*.md")) == keys(url("*.md")) == [], "a bucket is there, or it is not"
    bucket.put("other.md", "Something else.")
    for glob in ("kb/**/*.md", "kb/*.md"):
        with pytest.raises(SourceIncompleteError, match="is it mounted"):
            keys(url(glob))
        assert keys(url(glob), may_be_empty=True) == []
        with pytest.raises(SourceIncompleteError):
            keys(url(glob, bucket="no-such-bucket"), may_be_empty=True)
    bucket.put("kb/", "")
    assert keys(url("kb/**/*.md")) == keys(url("kb/*.md")) == []


def test_a_file_of_a_bucket_that_was_given_and_is_not_there_has_failed(bucket: Bucket) -> None:
    bucket.put("a.md", "A")
    assert read([url("a.md")])[url("a.md")].skip is None
    with pytest.raises(SourceIncompleteError, match=r"handbooks/gone\.md does not exist on this worker"):
        read([url("a.md"), url("gone.md")])


def test_an_emptied_prefix_empties_the_replica_by_explicit_leave_only(
    library: Library, bucket: Bucket
) -> None:
    for number in range(4):
        bucket.put(f"kb/{number}.md", f"Text {number}")
    source, most = url("kb/**/*.md"), {"delete_missing": True, "max_deletes": "100%"}
    library.bring(source, **most)
    bucket.clear()
    assert library.run(source, **most).verdict == ("up_for_retry", "SourceIncompleteError")
    assert library.written == {}
    assert library.bring(source, on_empty_source="allow", **most)["counts"] == {"delete_accepted": 4}
    assert library.ours() == []
