"""The documents of a SendKit agent: synced from a folder, uploaded one by one, and never twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider.http.call import Call
from airflow_provider.http.client import AsyncClient
from airflow_provider.operators.sendkit import SendKitSyncDocumentsOperator, SendKitUploadDocumentOperator
from tests.integration.rig import AGENT, Make, Rig
from tests.integration.task import Killed, Outcome, Supervisor, TaskUnderTest

MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]
PROCESS = r"/process-document$"
SLOT = r"/upload-document$"
STORAGE = r"^/_storage/sendkit/"
DOCUMENTS = r"/documents$"

#: As a listing shows it, and as somebody's own document is called.
FOREIGN = {"fileName": "handbook.pdf", "fileKey": "agents/x/handbook.pdf"}


def begin(rig: Rig, **options: Any) -> None:
    """Begin with an agent that has no documents."""
    rig.reset(**options)
    rig.sandbox.set_agent(documents=[])


@pytest.fixture
def rig(rig: Rig) -> Rig:
    begin(rig)
    return rig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three texts and a PDF."""
    kb = tmp_path / "kb"
    (kb / "deep").mkdir(parents=True)
    for number in range(3):
        (kb / f"d{number}.txt").write_text(f"Text {number}")
    (kb / "deep" / "x.pdf").write_bytes(b"%PDF-1.7 one")
    return kb


def quick(rig: Rig, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"agent_id": rig.sandbox.agent_id, "poll_interval": 0.5, "start_grace": 2, **arguments}


def sync(rig: Rig, documents: Any, **arguments: Any) -> Make:
    given = quick(rig, arguments)
    return lambda: SendKitSyncDocumentsOperator(task_id="sync", documents=documents, **given)


def upload(rig: Rig, **arguments: Any) -> Make:
    given = quick(rig, arguments)
    return lambda: SendKitUploadDocumentOperator(task_id="upload", **given)


def run(make: Make) -> Outcome:
    return TaskUnderTest(make).to_the_end()


def counts(make: Make) -> dict[str, int]:
    ended = run(make)
    assert ended.verdict == ("success", None), ended.told
    assert len(json.dumps(ended.result)) < 2048
    found: dict[str, int] = ended.result["counts"]
    return found


def everything(folder: Path) -> str:
    return f"file://{folder}/**/*"


def shown(rig: Rig) -> list[dict[str, Any]]:
    """The agent's documents."""
    (agent,) = [each for each in rig.sandbox.state()["agents"] if each["_id"] == rig.sandbox.agent_id]
    documents: list[dict[str, Any]] = agent["uploadedDocuments"]
    return documents


def names(rig: Rig) -> list[str]:
    """The documents' names without their marks; one that is not completed is followed by its status."""
    told = []
    for each in shown(rig):
        stem, mark, rest = each["fileName"].partition("~kb~")
        bare = stem + (f".{rest.rpartition('.')[2]}" if mark else "")
        told.append(bare if each["status"] == "completed" else f"{bare} ({each['status']})")
    return sorted(told)


def asked(rig: Rig, what: str) -> int:
    return sum(each.endswith(what) for each in rig.asked)


class Line:
    """Stands at the public door of the client: sees each call before it leaves, and after its answer came."""

    def __init__(self, before: Callable[[Call[Any]], None], after: Callable[[Call[Any]], None]) -> None:
        self.before, self.after = before, after

    def __enter__(self) -> Line:
        send = AsyncClient.send

        async def seen(client: AsyncClient, call: Call[Any], **kwargs: Any) -> Any:
            self.before(call)
            answer = await send(client, call, **kwargs)
            self.after(call)
            return answer

        self._patch = mock.patch.object(AsyncClient, "send", seen)
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


def pass_by(call: Call[Any]) -> None:
    """Nothing to see."""


def each_death(rig: Rig, make: Callable[[], Make], world: Callable[[], None], when: str) -> Iterator[Any]:
    """
    Yield a task for every request before which, or after whose answer, its process died; fresh world each.

    :param world: sets up what the vendor holds before
    """
    for at in range(1, 100):
        world()
        task = TaskUnderTest(make(), supervisor=Supervisor(), retries=3)
        passed: list[str] = []

        def die(
            call: Call[Any], task: TaskUnderTest = task, passed: list[str] = passed, at: int = at
        ) -> None:
            passed.append(call.name)
            if len(passed) >= at:
                task.supervisor.is_task_dead = True
                raise Killed

        line = Line(**{"before": pass_by, "after": pass_by, when: die})
        with line:
            outcome = task.run()
        while outcome.deferred:
            event = task.fire()  # the triggerer lives
            with line:
                outcome = task.resume(event)
        if outcome.state != "killed":
            assert at > 5
            return
        yield task, f"{when} {passed[at - 1]} ({at})"
    raise AssertionError("the task never came to its end")


# --- a sync ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
def test_documents_follow_their_folder(rig: Rig, folder: Path, deferrable: bool) -> None:
    rig.sandbox.set_agent(documents=[FOREIGN])
    make = sync(rig, everything(folder), deferrable=deferrable, delete_missing=True, max_deletes=1)
    assert counts(make) == {"created": 4}
    assert names(rig) == ["d0.txt", "d1.txt", "d2.txt", "handbook.pdf", "x.pdf"]
    writes = len(rig.written)

    assert counts(make) == {"unchanged": 4}
    assert len(rig.written) == writes

    (folder / "d1.txt").write_text("Another text")
    (folder / "d2.txt").rename(folder / "e2.txt")
    assert counts(make) == {"updated": 1, "unchanged": 2, "created": 1, "superseded": 1, "deleted": 1}
    assert names(rig) == ["d0.txt", "d1.txt", "e2.txt", "handbook.pdf", "x.pdf"]


def test_what_left_the_folder_stays_unless_it_is_told_to_go(rig: Rig, folder: Path) -> None:
    assert counts(sync(rig, everything(folder))) == {"created": 4}
    (folder / "d2.txt").unlink()
    assert counts(sync(rig, everything(folder))) == {"unchanged": 3, "missing": 1}
    assert len(shown(rig)) == 4


def test_more_removals_than_allowed_are_refused_before_anything_is_sent(rig: Rig, folder: Path) -> None:
    assert counts(sync(rig, everything(folder))) == {"created": 4}
    writes = len(rig.written)
    for path in (folder / "d0.txt", folder / "d1.txt"):
        path.unlink()
    (folder / "d2.txt").write_text("Another text")
    ended = run(sync(rig, everything(folder), delete_missing=True))
    assert ended.verdict == ("failed", "DeletionRefusedError")
    assert len(rig.written) == writes


@pytest.mark.parametrize("deferrable", MODES)
def test_the_old_document_goes_only_when_the_new_one_is_completed(
    rig: Rig, folder: Path, deferrable: bool
) -> None:
    make = sync(rig, everything(folder), deferrable=deferrable)
    run(make)
    (old,) = [each["fileKey"] for each in shown(rig) if each["fileName"].startswith("d1~")]
    (folder / "d1.txt").write_text("Another text")
    at_removal: list[dict[str, str]] = []

    def look(call: Call[Any]) -> None:
        if call.name == "delete document":
            at_removal.append(
                {each["fileKey"]: each["status"] for each in shown(rig) if "d1~" in each["fileName"]}
            )

    with Line(look, pass_by):
        assert counts(make) == {"updated": 1, "unchanged": 3, "superseded": 1}
    (seen,) = at_removal
    assert len(seen) == 2
    assert seen.pop(old) == "completed"
    assert list(seen.values()) == ["completed"]


def test_a_new_document_that_fails_leaves_the_old_one_alone(rig: Rig, folder: Path) -> None:
    make = sync(rig, everything(folder))
    run(make)
    rig.sandbox.options(document_outcome="failed")
    (folder / "d1.txt").write_text("Another text")
    ended = run(make)
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert names(rig) == ["d0.txt", "d1.txt", "d1.txt (failed)", "d2.txt", "x.pdf"]
    rig.sandbox.options(document_outcome="completed")
    (folder / "d1.txt").write_text("A third text")
    assert counts(make) == {"updated": 1, "unchanged": 3, "superseded": 2}
    assert names(rig) == ["d0.txt", "d1.txt", "d2.txt", "x.pdf"]


def test_other_syncs_and_other_peoples_documents_are_left_alone(rig: Rig, folder: Path) -> None:
    marked = "d0~kb~theirs.aaaaaaaaaa.bbbbbbbb.txt"  # the mark of another sync
    rig.sandbox.set_agent(documents=[FOREIGN, {"fileName": marked, "fileType": "txt"}])
    assert counts(sync(rig, everything(folder), sync_id="one")) == {"created": 4}
    (folder / "d0.txt").unlink()
    other = sync(rig, everything(folder), sync_id="two", delete_missing=True)
    assert counts(other) == {"created": 3}
    assert counts(other) == {"unchanged": 3}
    assert len(shown(rig)) == 2 + 4 + 3
    assert {FOREIGN["fileName"], marked} <= {each["fileName"] for each in shown(rig)}


@pytest.mark.parametrize("deferrable", MODES)
def test_somebody_elses_document_in_work_is_not_waited_for(rig: Rig, folder: Path, deferrable: bool) -> None:
    rig.sandbox.set_agent(documents=[{**FOREIGN, "status": "processing"}])
    assert counts(sync(rig, everything(folder), deferrable=deferrable)) == {"created": 4}


def test_the_version_changes_with_the_content_and_only_then(rig: Rig, folder: Path) -> None:
    make = sync(rig, everything(folder))
    first, second = run(make).result["version"], run(make).result["version"]
    (folder / "d1.txt").write_text("Another text")
    third = run(make).result["version"]
    (folder / "d1.txt").write_text("Text 1")
    assert (first == second, first == third, run(make).result["version"]) == (True, False, first)


@pytest.mark.parametrize("deferrable", MODES)
def test_a_moved_document_that_failed_goes_on_answering_from_its_old_place(
    rig: Rig, folder: Path, deferrable: bool
) -> None:
    make = sync(
        rig, everything(folder), deferrable=deferrable, delete_missing=True, on_failed_documents="warn"
    )
    counts(make)
    rig.sandbox.options(document_outcome="failed")
    (folder / "d0.txt").rename(folder / "moved.txt")
    for _ in range(3):  # what failed for good is no reason to keep others, but its own text is
        assert counts(make) == {"failed": 1, "unchanged": 3, "missing": 1}
        assert names(rig) == ["d0.txt", "d1.txt", "d2.txt", "moved.txt (failed)", "x.pdf"]
    rig.sandbox.options(document_outcome="completed")
    (folder / "moved.txt").write_text("Changed, and the vendor can read it.")
    assert counts(make) == {"updated": 1, "unchanged": 3, "superseded": 1, "deleted": 1}
    assert names(rig) == ["d1.txt", "d2.txt", "moved.txt", "x.pdf"]


@pytest.mark.parametrize("deferrable", MODES)
def test_an_agents_documents_are_taken_over_from_another_sync_once(
    rig: Rig, folder: Path, deferrable: bool
) -> None:
    counts(sync(rig, everything(folder), sync_id="old"))
    (folder / "d1.txt").write_text("Changed on the way.")
    taken = sync(rig, everything(folder), sync_id="new", adopt_from="old", deferrable=deferrable)
    rig.sandbox.options(document_outcome="failed")
    ended = run(taken)
    assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
    assert sum("~kb~old." in each["fileName"] and each["status"] == "completed" for each in shown(rig)) == 4
    rig.sandbox.options(document_outcome="completed")
    again = sync(
        rig, everything(folder), sync_id="new", adopt_from="old", deferrable=deferrable, retry_failed="always"
    )
    for expected in ({"updated": 4, "superseded": 8}, {"unchanged": 4}):
        assert counts(again) == expected
    assert names(rig) == ["d0.txt", "d1.txt", "d2.txt", "x.pdf"]
    assert all("~kb~new." in each["fileName"] for each in shown(rig))


@pytest.mark.parametrize("deferrable", MODES)
def test_a_folder_of_which_nothing_can_be_sent_names_no_new_version(
    rig: Rig, folder: Path, deferrable: bool
) -> None:
    """What the agent knows has not changed, so the retrain behind it pays nothing."""
    before = run(sync(rig, everything(folder), deferrable=deferrable)).result["version"]
    for path in folder.rglob("*.*"):
        path.rename(path.with_suffix(".md"))
    ended = run(sync(rig, everything(folder), deferrable=deferrable, on_empty_source="allow"))
    assert ended.result["counts"] == {"skipped": 4, "missing": 4}
    assert ended.result["version"] == before


def test_a_dry_run_tells_the_plan_and_sends_nothing(rig: Rig, folder: Path) -> None:
    ended = run(sync(rig, everything(folder), dry_run=True))
    assert ended.result["counts"] == {"create": 4}
    assert rig.written == []


def test_what_the_vendor_does_not_take_is_skipped_and_the_rest_goes(rig: Rig, folder: Path) -> None:
    (folder / "notes.md").write_text("Not one of the vendor's types")
    (folder / "empty.txt").write_text("")
    (folder / "huge.pdf").write_bytes(b"%PDF" + bytes(10 * 1024 * 1024))
    make = sync(rig, everything(folder), delete_missing=True)
    assert counts(make) == {"created": 4, "skipped": 3}
    assert counts(make) == {"unchanged": 4, "skipped": 3}


def test_a_document_that_became_unusable_keeps_what_the_vendor_has_of_it(rig: Rig, folder: Path) -> None:
    make = sync(rig, everything(folder), delete_missing=True, max_deletes="100%")
    run(make)
    (folder / "d0.txt").write_text("")
    assert counts(make) == {"unchanged": 3, "skipped": 1}
    assert len(shown(rig)) == 4


def test_a_document_that_vanishes_before_it_is_sent_does_not_keep_the_others(rig: Rig, folder: Path) -> None:
    def vanish(call: Call[Any]) -> None:
        if call.name == "ask for an upload URL":
            (folder / "d2.txt").unlink(missing_ok=True)

    make = sync(rig, everything(folder), concurrency=1)
    with Line(vanish, pass_by):
        assert counts(make) == {"created": 3, "skipped": 1}
    assert counts(make) == {"unchanged": 3}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"strategy": "update"}, "strategy='update' is not possible"),
        ({"adopt": "title"}, "adopt is not possible"),
        ({"title_mark": False, "manifest": "file:///tmp/m.json"}, "title_mark=False is not possible"),
        ({"sync_id": "Not This"}, "sync_id must be"),
        ({"agent_id": " "}, "agent_id must be"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    rig: Rig, folder: Path, arguments: dict[str, Any], told: str
) -> None:
    ended = run(sync(rig, everything(folder), **arguments))
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert told in ended.told
    assert rig.asked == []


def test_an_agent_that_is_not_there_is_refused(rig: Rig, folder: Path) -> None:
    ended = run(sync(rig, everything(folder), agent_id="f" * 24))
    assert ended.verdict == ("failed", "NotFoundError")
    assert rig.written == []


# --- one document ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES)
def test_a_file_is_uploaded_once_and_replaced_when_it_changes(
    rig: Rig, folder: Path, deferrable: bool
) -> None:
    path = folder / "deep" / "x.pdf"
    make = upload(rig, path=str(path), deferrable=deferrable)
    first = run(make)
    (document,) = shown(rig)
    assert (first.result["counts"], first.result["entry_id"]) == ({"created": 1}, document["fileKey"])
    assert document["fileName"].startswith("x~kb~upload.")
    assert (document["fileType"], document["fileSize"], document["status"]) == ("pdf", 12, "completed")

    assert counts(make) == {"unchanged": 1}
    path.write_bytes(b"%PDF-1.7 two")
    assert counts(make) == {"updated": 1, "superseded": 1}
    assert names(rig) == ["x.pdf"]


@pytest.mark.parametrize("deferrable", MODES)
def test_a_text_is_uploaded_under_its_name(rig: Rig, deferrable: bool) -> None:
    assert counts(upload(rig, text="We open at nine.", name="Hours", deferrable=deferrable)) == {"created": 1}
    assert counts(upload(rig, text="We open at ten.", name="Hours", deferrable=deferrable)) == {
        "updated": 1,
        "superseded": 1,
    }
    assert counts(upload(rig, text="We close at five.", name="Closing")) == {"created": 1}
    assert names(rig) == ["Closing.txt", "Hours.txt"]


def test_a_file_may_come_from_object_storage(rig: Rig) -> None:
    place = ObjectStoragePath("memory://bucket/prices.txt")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except ValueError:
        pytest.skip("this Airflow knows no memory:// storage")
    place.write_text("A lamp costs 5 euros.")
    assert counts(upload(rig, path="memory://bucket/prices.txt")) == {"created": 1}
    assert names(rig) == ["prices.txt"]


def test_a_name_outlives_the_path(rig: Rig, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"export-{number}.txt").write_text("The same prices")
        made = counts(upload(rig, path=str(tmp_path / f"export-{number}.txt"), name="prices"))
        assert made == ({"created": 1} if number == 1 else {"unchanged": 1})


def test_an_upload_and_a_sync_do_not_touch_each_others_documents(rig: Rig, folder: Path) -> None:
    assert counts(upload(rig, path=str(folder / "d0.txt"))) == {"created": 1}
    assert counts(sync(rig, everything(folder), delete_missing=True)) == {"created": 4}
    assert counts(upload(rig, path=str(folder / "d0.txt"))) == {"unchanged": 1}
    assert len(shown(rig)) == 5


def test_uploads_side_by_side_wait_for_their_own_document_only(rig: Rig) -> None:
    rig.sandbox.options(document_outcome="stuck")
    one = TaskUnderTest(upload(rig, text="One", name="one", deferrable=True))
    assert one.run().deferred
    rig.sandbox.options(document_outcome="completed")
    assert counts(upload(rig, text="Two", name="two", deferrable=True)) == {"created": 1}
    assert names(rig) == ["one.txt (processing)", "two.txt"]
    assert one.deferral.trigger_kwargs.keys() >= {"agent_id", "sync_id", "only"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "give exactly one of path and text"),
        ({"text": "a", "path": "/b.txt"}, "give exactly one of path and text"),
        ({"text": "a"}, "a text needs a name"),
        ({"text": "", "name": "n"}, "text must be"),
        ({"path": "/nowhere/notes.md"}, "unsupported"),
        ({"path": "/nowhere/notes"}, "unsupported"),
    ],
)
def test_an_upload_that_makes_no_sense_is_refused(rig: Rig, arguments: dict[str, Any], told: str) -> None:
    ended = run(upload(rig, **arguments))
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert told in ended.told
    assert rig.written == []


@pytest.mark.parametrize(
    ("content", "told"), [(b"", "(empty)"), (b"x" * (10 * 1024 * 1024 + 1), "(too_large)")]
)
def test_an_upload_that_the_vendor_would_not_take_is_refused(
    rig: Rig, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "x.pdf").write_bytes(content)
    ended = run(upload(rig, path=str(tmp_path / "x.pdf")))
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert told in ended.told
    assert rig.written == []


def test_ten_megabytes_are_taken(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(b"x" * (10 * 1024 * 1024))
    assert counts(upload(rig, path=str(tmp_path / "x.pdf"))) == {"created": 1}


def test_a_file_that_is_not_there_is_looked_for_again(rig: Rig, tmp_path: Path) -> None:
    task = TaskUnderTest(upload(rig, path=str(tmp_path / "x.txt")))
    missed = task.to_the_end()
    assert missed.verdict == ("up_for_retry", "SourceIncompleteError")
    assert "Nothing was sent" in missed.told
    (tmp_path / "x.txt").write_text("Now it is")
    assert task.retry().to_the_end().result["counts"] == {"created": 1}


def test_a_relative_path_is_refused_for_good(rig: Rig) -> None:
    ended = run(upload(rig, path="nothere.pdf"))
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "'nothere.pdf' is a relative path, and does not exist on this worker" in ended.told
    assert rig.written == []


def test_a_file_that_vanishes_before_it_is_sent_is_no_success(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("Here")

    def vanish(call: Call[Any]) -> None:
        (tmp_path / "x.txt").unlink(missing_ok=True)

    task = TaskUnderTest(upload(rig, path=str(tmp_path / "x.txt")))
    with Line(pass_by, vanish):  # the source is read after the agent
        missed = task.to_the_end()
    assert missed.verdict == ("up_for_retry", "SourceIncompleteError")
    assert f"{tmp_path}/x.txt does not exist on this worker" in missed.told
    assert rig.written == []
    (tmp_path / "x.txt").write_text("Here")
    assert task.retry().to_the_end().result["counts"] == {"created": 1}


def test_a_file_that_vanishes_during_the_wait_is_no_success_and_no_second_upload(
    rig: Rig, tmp_path: Path
) -> None:
    path = tmp_path / "x.txt"
    path.write_text("Here")
    task = TaskUnderTest(upload(rig, path=str(path), deferrable=True))
    assert task.run().deferred
    path.unlink()
    missed = task.resume(task.fire())
    assert missed.verdict == ("up_for_retry", "SourceIncompleteError")
    assert "What was sent before stays" in missed.told
    path.write_text("Here")
    assert task.retry().to_the_end().result["counts"] == {"unchanged": 1}


# --- faults of the way -------------------------------------------------------------------------------------


FAULTS: list[dict[str, Any]] = [
    {"kind": "lose_answer"},
    {"kind": "drop"},
    {"kind": "status", "status": 500},
    {"kind": "status_after", "status": 502},
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "body", "shape": "not_json"},
    {"kind": "body", "shape": "cut_json"},
]
ON_THE_WAY = [
    pytest.param(path, fault, deferrable, id="-".join([name, *map(str, fault.values()), mode]))
    for name, path in (("slot", SLOT), ("storage", STORAGE), ("process", PROCESS), ("agent", AGENT))
    for fault in FAULTS
    for mode, deferrable in (("sync", False), ("deferrable", True))
    if not (path == STORAGE and fault["kind"] == "body")  # storage answers nothing
    and not (deferrable and path in (SLOT, STORAGE))  # a worker's business in both modes
]


@pytest.mark.parametrize(("path", "fault", "deferrable"), ON_THE_WAY)
def test_one_fault_on_the_way_makes_no_twin(
    rig: Rig, path: str, fault: dict[str, Any], deferrable: bool
) -> None:
    rig.sandbox.fault(**fault, path=path)
    task = TaskUnderTest(upload(rig, text="We open at nine.", name="Hours", deferrable=deferrable))
    ended = task.to_the_end()
    if ended.state == "up_for_retry":
        ended = task.retry().to_the_end()
    assert ended.verdict == ("success", None), ended.told
    assert names(rig) == ["Hours.txt"]


def test_an_upload_url_that_expired_is_asked_for_anew(rig: Rig) -> None:
    body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    rig.sandbox.fault("status", status=403, body=body, method="PUT", path=STORAGE)
    assert counts(upload(rig, text="We open at nine.", name="Hours")) == {"created": 1}
    assert (asked(rig, "/upload-document"), asked(rig, "/process-document")) == (2, 1)


def test_upload_urls_that_always_expire_end_in_an_error_that_says_so(rig: Rig) -> None:
    rig.sandbox.options(upload_url_seconds=0)
    task = TaskUnderTest(upload(rig, text="We open at nine.", name="Hours"))
    ended = task.to_the_end()
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert "expired or used upload URL" in ended.told
    assert (shown(rig), asked(rig, "/process-document")) == ([], 0)
    rig.sandbox.options(upload_url_seconds=600)
    assert task.retry().to_the_end().result["counts"] == {"created": 1}


@pytest.mark.parametrize("deferrable", MODES)
def test_a_document_that_cannot_be_processed_fails_the_task_for_good(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(document_outcome="failed")
    make = upload(rig, text="We open at nine.", name="Hours", deferrable=deferrable)
    for _ in range(2):  # the second run does not send the same again
        ended = run(make)
        assert ended.verdict == ("failed", "DocumentsFailedForGoodError")
        assert asked(rig, "/process-document") == 1
    rig.sandbox.options(document_outcome="completed")
    again = upload(rig, text="We open at nine.", name="Hours", deferrable=deferrable, retry_failed="always")
    assert counts(again) == {"updated": 1, "superseded": 1}
    assert names(rig) == ["Hours.txt"]


@pytest.mark.parametrize("deferrable", MODES)
def test_a_document_that_never_ends_is_given_up_and_joined_by_the_retry(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(document_outcome="stuck")
    make = upload(rig, text="We open at nine.", name="Hours", deferrable=deferrable, stall_timeout=5)
    task = TaskUnderTest(make)
    ended = task.to_the_end()
    assert ended.verdict == ("up_for_retry", "DocumentsFailedError")
    assert "nothing has moved" in ended.told
    stuck = shown(rig)[0]
    rig.sandbox.set_agent(documents=[{**_set(stuck), "status": "completed"}])
    assert task.retry().to_the_end().result["counts"] == {"unchanged": 1}
    assert asked(rig, "/process-document") == 1


def _set(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("fileName", "fileKey", "fileType", "fileSize")}


@pytest.mark.parametrize("deferrable", MODES)
def test_a_timeout_leaves_the_document_and_the_retry_joins_it(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(document_seconds=20)
    task = TaskUnderTest(upload(rig, text="Nine.", name="Hours", deferrable=deferrable, timeout=4))
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshTimeoutError")
    rig.sandbox.advance(60)
    assert task.retry().to_the_end().result["counts"] == {"unchanged": 1}
    assert len(shown(rig)) == 1


@pytest.mark.parametrize("deferrable", MODES)
def test_the_agent_goes_while_it_is_waited_for(rig: Rig, deferrable: bool) -> None:
    rig.sandbox.options(document_outcome="stuck")
    task = TaskUnderTest(upload(rig, text="Nine.", name="Hours", deferrable=deferrable))

    def gone(call: Call[Any]) -> None:
        if call.name == "process document":
            rig.sandbox.fault("status", status=404, path=AGENT, times=None, skip=1)

    with Line(pass_by, gone):
        assert task.to_the_end().verdict == ("failed", "NotFoundError")


# --- death at any request ----------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("deferrable", MODES)
def test_an_upload_makes_one_document_wherever_the_worker_dies(rig: Rig, deferrable: bool, when: str) -> None:
    rows = []
    make = upload(rig, text="We open at nine.", name="Hours", deferrable=deferrable)
    for task, death in each_death(rig, lambda: make, lambda: begin(rig), when):
        ended = task.retry().to_the_end()
        rows.append((death, *ended.verdict, names(rig)))
    assert {each.partition(" ")[2].rpartition(" ")[0] for each, *_ in rows} >= {
        "get agent",
        "ask for an upload URL",
        "process document",
    }
    assert [row for row in rows if row[1:] != ("success", None, ["Hours.txt"])] == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_replacement_is_whole_wherever_the_worker_dies(rig: Rig, when: str) -> None:
    def world() -> None:
        begin(rig)
        run(upload(rig, text="We open at nine.", name="Hours"))

    rows = []
    make = upload(rig, text="We open at ten.", name="Hours", deferrable=True)
    for task, death in each_death(rig, lambda: make, world, when):
        never_bare = "Hours.txt" in names(rig)  # one of the two is completed at any time
        ended = task.retry().to_the_end()
        digests = {each["fileName"] for each in shown(rig)}
        rows.append((death, never_bare, *ended.verdict, names(rig), len(digests)))
    assert any("delete document" in row[0] for row in rows)
    assert [row for row in rows if row[1:] != (True, "success", None, ["Hours.txt"], 1)] == []


def test_a_sync_ends_equal_to_its_folder_wherever_the_worker_dies(rig: Rig, folder: Path) -> None:
    def world() -> None:
        begin(rig)
        (folder / "d1.txt").write_text("Text 1")
        (folder / "e2.txt").unlink(missing_ok=True)
        (folder / "d2.txt").write_text("Text 2")
        run(make)
        (folder / "d1.txt").write_text("Another text")
        (folder / "d2.txt").rename(folder / "e2.txt")

    rows = []
    make = sync(rig, everything(folder), delete_missing=True, concurrency=1)
    for task, death in each_death(rig, lambda: make, world, "after"):
        ended = task.retry().to_the_end()
        rows.append((death, *ended.verdict, names(rig)))
    right = ("success", None, ["d0.txt", "d1.txt", "e2.txt", "x.pdf"])
    assert [row for row in rows if row[1:] != right] == []


# --- an agent that does not show its documents -------------------------------------------------------------


def revealed(rig: Rig) -> list[str]:
    """What the agent holds, although it does not show it."""
    rig.sandbox.set_agent(missing=[])
    found = names(rig)
    rig.sandbox.set_agent(missing=["uploadedDocuments"])
    return found


def test_an_agent_that_hides_its_documents_is_refused(rig: Rig, folder: Path) -> None:
    rig.sandbox.set_agent(missing=["uploadedDocuments"])
    for make in (sync(rig, everything(folder)), upload(rig, text="Nine.", name="Hours")):
        ended = run(make)
        assert ended.verdict == ("failed", "InvalidArgumentError")
        assert "has no 'uploadedDocuments'" in ended.told
        assert "manifest=" in ended.told
    assert rig.written == []


@pytest.mark.parametrize("deferrable", MODES)
def test_a_manifest_stands_for_what_an_agent_hides_and_the_end_stays_unseen(
    rig: Rig, folder: Path, tmp_path: Path, deferrable: bool
) -> None:
    rig.sandbox.set_agent(missing=["uploadedDocuments"], documents=[FOREIGN])
    make = sync(
        rig,
        everything(folder),
        deferrable=deferrable,
        delete_missing=True,
        manifest=f"file://{tmp_path}/m/manifest.json",
    )
    ended = run(make)
    assert (ended.result["counts"], ended.result["ended"]) == ({"created": 4}, False)
    assert counts(make) == {"unchanged": 4}
    (folder / "d1.txt").write_text("Another text")
    (folder / "d2.txt").rename(folder / "e2.txt")
    assert counts(make) == {"updated": 1, "unchanged": 2, "created": 1, "superseded": 1, "deleted": 1}
    rig.sandbox.advance(60)
    assert revealed(rig) == ["d0.txt", "d1.txt", "e2.txt", "handbook.pdf", "x.pdf"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hidden_upload_leaves_no_twin_wherever_the_worker_dies(rig: Rig, tmp_path: Path, when: str) -> None:
    place = tmp_path / "manifest.json"

    def world() -> None:
        begin(rig)
        rig.sandbox.set_agent(missing=["uploadedDocuments"])
        place.unlink(missing_ok=True)

    rows = []
    make = upload(rig, text="We open at nine.", name="Hours", manifest=f"file://{place}")
    for task, death in each_death(rig, lambda: make, world, when):
        ended = task.retry().to_the_end()
        rig.sandbox.advance(60)
        rows.append((death, *ended.verdict, revealed(rig)))
    assert [row for row in rows if row[1:] != ("success", None, ["Hours.txt"])] == []


@pytest.mark.parametrize("fault", ["lose_answer", "drop"])
def test_a_lost_answer_of_a_hidden_agent_makes_no_twin(rig: Rig, tmp_path: Path, fault: str) -> None:
    rig.sandbox.set_agent(missing=["uploadedDocuments"])
    rig.sandbox.fault(fault, path=PROCESS)
    make = upload(rig, text="Nine.", name="Hours", manifest=f"file://{tmp_path}/manifest.json")
    task = TaskUnderTest(make)
    ended = task.to_the_end()
    if ended.state == "up_for_retry":
        ended = task.retry().to_the_end()
    assert ended.verdict == ("success", None)
    rig.sandbox.advance(60)
    assert revealed(rig) == ["Hours.txt"]


def test_a_document_that_could_not_be_removed_is_not_forgotten(
    rig: Rig, folder: Path, tmp_path: Path
) -> None:
    rig.sandbox.set_agent(missing=["uploadedDocuments"])
    make = sync(rig, everything(folder), delete_missing=True, manifest=f"file://{tmp_path}/manifest.json")
    run(make)
    (folder / "d2.txt").unlink()
    rig.sandbox.fault("status", status=400, method="DELETE", path=DOCUMENTS)
    assert run(make).verdict == ("up_for_retry", "DocumentsFailedError")
    assert counts(make) == {"unchanged": 3, "deleted": 1}


@pytest.mark.parametrize("deferrable", MODES)
def test_documents_that_are_hidden_in_the_middle_of_a_wait_are_a_failed_look(
    rig: Rig, deferrable: bool
) -> None:
    rig.sandbox.options(document_seconds=10)
    task = TaskUnderTest(upload(rig, text="Nine.", name="Hours", deferrable=deferrable, max_read_failures=3))
    looks: list[int] = []

    def hide(call: Call[Any]) -> None:
        if call.name == "process document" or looks:
            looks.append(1)
            if len(looks) == 3:
                rig.sandbox.set_agent(missing=["uploadedDocuments"])

    with Line(pass_by, hide):
        ended = task.to_the_end()
    assert ended.verdict == ("up_for_retry", "ReadFailuresError"), ended.told
    rig.sandbox.set_agent(missing=[])
    assert task.retry().to_the_end().state == "success"
    assert names(rig) == ["Hours.txt"]
