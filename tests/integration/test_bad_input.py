"""What is wrong is said after templating, all at once, before any request; and no retry follows."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.integration.rig import AGENT, ENTRIES, ENTRY, RETRAIN, Make, Rig
from tests.integration.task import Outcome, Supervisor, TaskUnderTest

NAN = float("nan")
MODES = [pytest.param(False, id="sync"), pytest.param(True, id="deferrable")]


def _refused(rig: Rig, make: Make, *words: str, error: str = "InvalidArgumentError") -> Outcome:
    task = TaskUnderTest(make, retries=3)
    ended = task.to_the_end()
    assert ended.verdict == ("failed", error), ended.told
    assert [word for word in words if word not in ended.told] == [], ended.told
    assert rig.asked == []
    assert task.supervisor.task_state == {}
    return ended


# --- arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"agent_id": ""}, "agent_id"),
        ({"agent_id": "   "}, "agent_id"),
        ({"agent_id": 6641e1}, "agent_id must be a text, got the number 66410.0"),
        ({"agent_id": "None"}, "agent_id must be a text, got 'None': what the template reads is not there"),
        ({"version": "{{ none }}"}, "version must be a text, got 'None'"),
        ({"version": 12e4567}, "version must be a text, got the number inf"),
        ({"timeout": 1e14}, "at most 315360000 seconds (10 years)"),
        ({"agent_id": None}, "agent_id"),
        ({"on_running": "{{ 'adapt' }}"}, "on_running must be one of adopt, wait, fail, skip"),
        ({"on_unknown": "{{ 'retry' }}"}, "on_unknown must be one of submit, fail"),
        ({"on_unconfirmed": "{{ 'maybe' }}"}, "on_unconfirmed must be one of fail, accept"),
        ({"on_failed_documents": "{{ 'panic' }}"}, "on_failed_documents must be one of fail, warn, ignore"),
        ({"poll_interval": -1}, "poll_interval must be more than 0"),
        ({"poll_interval": 0}, "poll_interval must be more than 0"),
        ({"poll_interval": NAN}, "poll_interval must be more than 0"),
        ({"poll_interval": "soon"}, "poll_interval must be a number"),
        ({"poll_interval": True}, "poll_interval must be a number"),
        ({"timeout": "{{ -5 }}"}, "timeout must be more than 0"),
        ({"timeout": float("inf")}, "timeout must be more than 0"),
        ({"start_grace": None}, "start_grace must be a number"),
        ({"start_grace": "nan"}, "start_grace must be more than 0"),
        ({"max_read_failures": 0}, "max_read_failures must be 1 or more"),
        ({"max_read_failures": "many"}, "max_read_failures must be a number"),
        ({"max_credits": "abc"}, "max_credits must be a number"),
        ({"max_credits": -1}, "max_credits must be 0 or more"),
        ({"max_credits": NAN}, "max_credits must be 0 or more"),
        ({"max_credits_per_day": "ten"}, "max_credits_per_day must be a number"),
        ({"dry_run": "perhaps"}, "dry_run must be true or false"),
        ({"force": "perhaps"}, "force must be true or false"),
        ({"wait_for_completion": "later"}, "wait_for_completion must be true or false"),
        ({"version": ""}, "version"),
    ],
    ids=str,
)
def test_a_retrain_with_a_wrong_argument_asks_for_nothing(
    rig: Rig, arguments: dict[str, Any], word: str
) -> None:
    _refused(rig, rig.retrain(**arguments), word, "Nothing was sent")


@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"replica_uuid": "not-a-uuid"}, "replica_uuid must be a UUID"),
        ({"replica_uuid": ""}, "replica_uuid must be a UUID"),
        ({"replica_uuid": None}, "replica_uuid must be a UUID"),
        ({"entry_id": 0}, "entry_id must be a positive integer"),
        ({"entry_id": -1}, "entry_id must be a positive integer"),
        ({"entry_id": "abc"}, "entry_id must be a positive integer"),
        ({"entry_id": "1.5"}, "entry_id must be a positive integer"),
        ({"entry_id": "\u0661\u0662"}, "entry_id must be a positive integer"),
        ({"entry_id": True}, "entry_id must be a positive integer"),
        ({"entry_id": None}, "entry_id must be a positive integer"),
        ({"entry_id": "{{ '' }}"}, "entry_id must be a positive integer"),
        ({"raw_text": ""}, "raw_text must be a text that is not empty"),
        ({"raw_text": " \n "}, "raw_text must be a text that is not empty"),
        ({"raw_text": 7}, "raw_text must be a text"),
        ({"raw_text": None}, "raw_text"),
        ({"raw_text": None, "title": "Alone"}, "raw_text"),
        ({"metadata": "text"}, "metadata must be a dict"),
        ({"ready_statuses": ["DONE"]}, "ready_statuses: 'DONE' is no success"),
        ({"ready_statuses": "UNPROCESSABLE"}, "ready_statuses: 'UNPROCESSABLE' is no success"),
        ({"poll_interval": "-3"}, "poll_interval must be more than 0"),
        ({"on_unconfirmed": "{{ '' }}"}, "on_unconfirmed must be one of"),
    ],
    ids=str,
)
def test_an_update_with_a_wrong_argument_asks_for_nothing(
    rig: Rig, arguments: dict[str, Any], word: str, generation: str
) -> None:
    rig.speak(generation)
    _refused(rig, rig.update(**arguments), word, "Nothing was sent")


@pytest.mark.parametrize(
    ("generation", "arguments", "words"),
    [
        ("knowledge-base", {"processed_text": "p"}, ["processed_text would be dropped"]),
        ("knowledge-base", {"vector_entry_id": "v"}, ["vector_entry_id would be dropped"]),
        ("knowledge-base", {"metadata": {"a": 1}}, ["metadata would be dropped"]),
        (
            "knowledge-base",
            {"raw_text": None, "processed_text": "p", "metadata": {}},
            ["processed_text would be dropped", "metadata would be dropped"],
        ),
        ("training", {"title": "t"}, ["title would be dropped", "'training'"]),
        ("training", {"ready_statuses": ["VECTOR_CREATED"]}, ["'VECTOR_CREATED' is no success"]),
    ],
    ids=str,
)
def test_a_field_that_the_generation_would_drop_is_refused(
    rig: Rig, generation: str, arguments: dict[str, Any], words: list[str]
) -> None:
    rig.speak(generation)
    _refused(rig, rig.update(**arguments), *words, "'api'" if "dropped" in words[0] else "")


@pytest.mark.parametrize(
    ("generation", "arguments", "word"),
    [
        ("knowledge-base", {}, "exactly one of text, url, path"),
        ("knowledge-base", {"text": "a", "url": "https://a.example"}, "exactly one of text, url, path"),
        ("knowledge-base", {"text": ""}, "text must be a text that is not empty"),
        ("knowledge-base", {"url": "ftp://a.example"}, "url must begin with http"),
        ("knowledge-base", {"url": "https://youtube.com/playlist?list=a"}, "playlist"),
        ("knowledge-base", {"url": "https://YouTube.com/watch?v=a&list=b"}, "playlist"),
        ("knowledge-base", {"path": "file.txt"}, "'file.txt' is a relative path"),
        ("knowledge-base", {"text": "a", "title": " "}, "title must be a text"),
        ("knowledge-base", {"text": "a", "replica_uuid": "x"}, "replica_uuid must be a UUID"),
        ("training", {"text": "a", "title": "t"}, "title would be dropped"),
        ("training", {"url": "https://a.example"}, "url cannot be created"),
    ],
    ids=str,
)
def test_a_create_with_a_wrong_argument_asks_for_nothing(
    rig: Rig, generation: str, arguments: dict[str, Any], word: str
) -> None:
    rig.speak(generation)
    _refused(rig, rig.create(**arguments), word, "Nothing was sent")


def test_an_empty_file_is_not_sent(rig: Rig) -> None:
    (rig.scratch / "empty.txt").touch()
    ended = TaskUnderTest(rig.create(path=str(rig.scratch / "empty.txt"))).to_the_end()
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert "empty.txt is empty" in ended.told
    assert rig.written == []


@pytest.mark.parametrize("name", ["raw_text", "title"])
@pytest.mark.parametrize("value", ["None", "{{ none }}", " {{ params.get('nothing') }}\n"])
def test_a_template_that_reads_nothing_overwrites_no_entry(rig: Rig, name: str, value: str) -> None:
    rig.speak("knowledge-base")
    arguments = {"raw_text": "A text.", name: value}
    _refused(
        rig,
        rig.update(**arguments),
        f"{name} must be a text, got 'None': what the template reads is not there",
    )


@pytest.mark.parametrize("name", ["raw_text", "processed_text", "vector_entry_id"])
def test_a_template_that_reads_nothing_overwrites_no_entry_of_the_older_generation(
    rig: Rig, name: str
) -> None:
    rig.speak("training")
    arguments = {"raw_text": "A text.", name: "{{ none }}"}
    _refused(rig, rig.update(**arguments), f"{name} must be a text, got 'None'")


@pytest.mark.parametrize("name", ["text", "url", "path", "title"])
def test_a_template_that_reads_nothing_creates_no_entry(rig: Rig, name: str) -> None:
    arguments = {**({"text": "A text."} if name == "title" else {}), name: "{{ none }}"}
    _refused(rig, rig.create(**arguments), f"{name} must be a text, got 'None'")


@pytest.mark.parametrize("name", ["sync_id", "manifest", "report", "expect_plan", "encoding", "adopt_from"])
def test_a_template_that_reads_nothing_names_no_sync(rig: Rig, name: str) -> None:
    rig.speak("knowledge-base")
    make = rig.sync([{"key": "a", "text": "A text."}], **{name: "{{ none }}"})
    _refused(rig, make, f"{name} must be a text, got 'None'")


def test_numbers_are_taken_for_ids_where_templates_render_natively(rig: Rig) -> None:
    rig.speak("knowledge-base")
    ended = TaskUnderTest(rig.sync([{"key": "a", "text": "A text."}], sync_id=2026)).to_the_end()
    assert ended.state == "success", ended.told
    ended = TaskUnderTest(rig.retrain(agent_id=664, version=7)).to_the_end()
    assert ended.verdict == ("failed", "NotFoundError")
    assert "GET /v1/agents/664" in rig.asked


def test_a_file_that_is_not_there_is_said_to_be_so(rig: Rig) -> None:
    ended = TaskUnderTest(rig.create(path="/no/such/file.txt"), retries=3).to_the_end()
    assert ended.verdict == ("up_for_retry", "SourceIncompleteError")
    assert "/no/such/file.txt does not exist on this worker" in ended.told
    assert rig.asked == []


@pytest.mark.parametrize("entry_id", [0, -1, "abc", True, "12345/../1"])
def test_a_delete_of_no_entry_asks_for_nothing(rig: Rig, entry_id: Any) -> None:
    _refused(rig, rig.delete(entry_id=entry_id), "entry_id must be a positive integer")


def test_the_sensors_refuse_as_the_operators_do(rig: Rig) -> None:
    _refused(
        rig,
        rig.agent_sensor(
            agent_id=" ", start_grace=-1, max_read_failures="x", on_failed_documents="{{ '?' }}"
        ),
        "agent_id",
        "start_grace",
        "max_read_failures",
        "on_failed_documents",
    )
    _refused(
        rig, rig.entry_sensor(replica_uuid="x", entry_id=0, start_grace="soon"), "replica_uuid", "entry_id"
    )
    rig.speak("training")
    _refused(rig, rig.entry_sensor(ready_statuses=["VECTOR_CREATED"]), "ready_statuses")


@pytest.mark.parametrize("deferrable", MODES)
def test_a_sensor_that_waits_for_ages_is_refused(rig: Rig, deferrable: bool) -> None:
    wrong = {"timeout": 1e10, "poke_interval": 1e9}
    for make in (
        rig.agent_sensor(deferrable=deferrable, **wrong),
        rig.entry_sensor(deferrable=deferrable, **wrong),
    ):
        _refused(
            rig, make, "timeout must be at most 315360000 seconds (10 years)", "poke_interval must be at most"
        )


@pytest.mark.parametrize("deferrable", MODES)
def test_everything_that_is_wrong_is_named_at_once(rig: Rig, deferrable: bool) -> None:
    wrong = {
        "poll_interval": -1,
        "timeout": "x",
        "start_grace": 0,
        "max_read_failures": 0,
        "on_unconfirmed": "{{ '?' }}",
    }
    _refused(
        rig,
        rig.retrain(
            agent_id=" ",
            on_running="{{ 'x' }}",
            on_unknown="{{ 'x' }}",
            max_credits="x",
            deferrable=deferrable,
            **wrong,
        ),
        "agent_id",
        "on_running",
        "on_unknown",
        "max_credits",
        *wrong,
    )
    _refused(
        rig,
        rig.update(replica_uuid="x", entry_id=0, raw_text="", deferrable=deferrable, **wrong),
        "replica_uuid",
        "entry_id",
        "raw_text",
        *wrong,
    )
    _refused(
        rig,
        rig.create(replica_uuid="x", deferrable=deferrable, **wrong),
        "replica_uuid",
        "exactly one",
        *wrong,
    )


def test_what_templates_leave_as_text_is_read(rig: Rig) -> None:
    retrain = rig.retrain(
        agent_id="{{ ti.xcom_pull }}" and " {{ '" + rig.sandbox.agent_id + "' }} ",
        poll_interval="{{ 2 / 2 }}",
        timeout="{{ 60 * 5 }}",
        start_grace="4.5",
        max_read_failures="{{ 3 }}",
        max_credits="{{ 10 }}",
        max_credits_per_day="",
        force="{{ 1 > 2 }}",
        dry_run="False",
        on_running="{{ 'adopt' }}",
    )
    assert TaskUnderTest(retrain).to_the_end().state == "success"
    update = rig.update(
        entry_id="{{ " + str(rig.sandbox.entry_id) + " }}",
        replica_uuid=rig.sandbox.replica_uuid.upper(),
        raw_text="Rendered {{ 'here' }}",
    )
    assert TaskUnderTest(update).to_the_end().state == "success"
    assert rig.sandbox.set_entry()["rawText"] == "Rendered here"


def test_metadata_without_a_vector_is_sent_with_a_warning(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.speak("training")
    assert TaskUnderTest(rig.update(metadata={"source": "cms"})).to_the_end().state == "success"
    assert "the vendor uses it only beside vector_entry_id" in capsys.readouterr().out


@pytest.mark.parametrize("deferrable", MODES)
def test_a_dry_run_says_what_it_would_cost_and_touches_nothing(rig: Rig, deferrable: bool) -> None:
    supervisor = Supervisor()
    dry = rig.retrain(dry_run=True, version="c3d4", max_credits_per_day=50, deferrable=deferrable)
    ended = TaskUnderTest(dry, supervisor=supervisor).to_the_end()
    assert (ended.state, ended.result["outcome"], ended.result["dry_run"]) == ("success", "skipped", True)
    assert "would submit: version c3d4 was never delivered (10 credits)" in ended.result["reason"]
    assert (rig.written, supervisor.task_state, supervisor.variables) == ([], {}, {})

    TaskUnderTest(rig.retrain(version="a1b2"), supervisor=supervisor).to_the_end()
    ended = TaskUnderTest(dry, supervisor=Supervisor(variables=supervisor.variables)).to_the_end()
    assert "version changed a1b2 → c3d4" in ended.result["reason"]
    same = rig.retrain(dry_run=True, version="a1b2")
    ended = TaskUnderTest(same, supervisor=Supervisor(variables=supervisor.variables)).to_the_end()
    assert "would skip: version a1b2 was delivered already" in ended.result["reason"]
    assert rig.paid == 1


# --- connections -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"password": ""}, "API key"),
        ({"password": None, "login": "sk_live_x"}, "Login is not used"),
        ({"host": "https://api.sendkit.ai/v1"}, "must not have a path"),
        ({"host": "http://api.sendkit.ai"}, "http:// to another machine"),
        ({"host": "http://127.0.0.1.example.com"}, "http:// to another machine"),
        ({"conn_type": "sensay"}, "its type is 'sensay'"),
        ({"password": "sk_user_platform"}, "platform key"),
        ({"extra": {"workspace_id": "665a1b2c3d4e5f6a7b8c9d0e"}}, "a workspace key"),
        ({"extra": {"requests_per_second": "-1"}}, "must be a number above 0"),
    ],
    ids=str,
)
def test_a_connection_that_cannot_be_used_is_said_before_any_request(
    rig: Rig, fields: dict[str, Any], word: str
) -> None:
    rig.connect("sendkit", **fields)
    for make in (
        rig.retrain(),
        rig.retrain(deferrable=True),
        rig.agent_sensor(),
        rig.agent_sensor(deferrable=True),
    ):
        ended = _refused(rig, make, word, "sendkit_default", error="InvalidConnectionError")
        assert "sk_" not in ended.told.replace("sk_user_…", "")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"password": ""}, "rganization secret"),
        ({"host": "https://api.sensay.io/v1/"}, "must not have a path"),
        ({"host": "http://api.sensay.io"}, "http:// to another machine"),
        ({"extra": {"api": "v2"}}, "must be one of auto, knowledge-base, training"),
    ],
    ids=str,
)
def test_a_sensay_connection_that_cannot_be_used_is_said_before_any_request(
    rig: Rig, fields: dict[str, Any], word: str
) -> None:
    rig.connect("sensay", **fields)
    for make in (rig.update(), rig.create(text="a"), rig.delete(), rig.entry_sensor()):
        _refused(rig, make, word, "sensay_default", error="InvalidConnectionError")


def test_all_that_is_wrong_with_a_connection_is_said_at_once(rig: Rig) -> None:
    rig.connect("sensay", {"api": "v2", "read_timeout": "x"}, password="", host="https://api.sensay.io/v1")
    _refused(rig, rig.update(), "path", "one of auto", "above 0", "ecret", error="InvalidConnectionError")


def test_http_to_another_machine_is_the_users_choice(rig: Rig) -> None:
    rig.connect("sendkit", {"allow_http": True}, host="http://sendkit.invalid")
    ended = TaskUnderTest(rig.retrain(wait_for_completion=False)).to_the_end()
    assert ended.error is not None
    assert type(ended.error).__name__ == "NotSentError"


# --- the vendor's refusals -------------------------------------------------------------------------------

REFUSALS = {
    401: "AuthenticationError",
    402: "InsufficientCreditsError",
    403: "ForbiddenError",
    404: "NotFoundError",
    415: "UnsupportedMediaTypeError",
    422: "UnprocessableRequestError",
}


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("status", REFUSALS)
def test_a_refused_retrain_is_not_tried_again_and_leaves_the_record_as_it_was(
    rig: Rig, status: int, deferrable: bool
) -> None:
    task = TaskUnderTest(rig.retrain(deferrable=deferrable, max_credits_per_day=10), retries=3)
    rig.sandbox.fault("status", method="POST", path=RETRAIN, status=status)
    ended = task.to_the_end()
    assert ended.verdict == ("failed", REFUSALS[status]), ended.told
    assert (rig.retrains, rig.paid) == (1, 0)
    assert task.supervisor.task_state == {}
    # Neither the task's nor the day's credits were used up.
    assert task.clear().to_the_end().state == "success"
    assert rig.paid == 1


@pytest.mark.parametrize("status", [401, 402, 422])
def test_a_refusal_after_a_failed_run_restores_that_runs_record(rig: Rig, status: int) -> None:
    rig.sandbox.options(training_outcome="failed")
    task = TaskUnderTest(rig.retrain(max_credits=20), retries=3)
    assert task.to_the_end().verdict == ("up_for_retry", "RefreshFailedError")
    before = dict(task.supervisor.task_state)
    rig.sandbox.fault("status", method="POST", path=RETRAIN, status=status)
    assert task.retry().to_the_end().verdict == ("failed", REFUSALS[status])
    assert task.supervisor.task_state == before
    rig.sandbox.options(training_outcome="completed")
    assert task.clear().to_the_end().state == "success"
    # The ceiling holds over clears, until somebody forces.
    assert task.clear().to_the_end().verdict == ("failed", "BudgetExceededError")
    task.make = rig.retrain(max_credits=20, force=True)
    assert task.clear().to_the_end().state == "success"
    assert rig.paid == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_first_look_charges_nothing(rig: Rig, status: int) -> None:
    rig.sandbox.fault("status", method="GET", path=AGENT, status=status, times=None)
    ended = TaskUnderTest(rig.retrain(), retries=3).to_the_end()
    assert ended.verdict == ("failed", REFUSALS[status])
    assert rig.retrains == 0


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("status", [401, 403, 404, 415, 422])
@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_a_refused_update_is_not_tried_again(
    rig: Rig, generation: str, status: int, deferrable: bool
) -> None:
    rig.speak(generation)
    method = "PATCH" if generation == "knowledge-base" else "PUT"
    rig.sandbox.fault("status", method=method, path=ENTRY, status=status)
    task = TaskUnderTest(rig.update(deferrable=deferrable), retries=3)
    ended = task.to_the_end()
    assert ended.verdict == ("failed", REFUSALS[status]), ended.told
    assert len(rig.written) == 1
    assert task.supervisor.task_state == {}


@pytest.mark.parametrize("status", [401, 403, 404, 415, 422])
def test_a_refused_create_is_not_tried_again(rig: Rig, status: int) -> None:
    rig.sandbox.fault("status", method="POST", path=ENTRIES, status=status)
    task = TaskUnderTest(rig.create(text="a", title="Title"), retries=3)
    assert task.to_the_end().verdict == ("failed", REFUSALS[status])
    assert task.supervisor.task_state == {}
    assert len(rig.written) == 1


def test_a_quota_is_no_rate_limit(rig: Rig) -> None:
    rig.sandbox.fault(
        "status",
        method="POST",
        path=ENTRIES,
        status=429,
        error_code="KNOWLEDGE_BASE_CUSTOM_QUOTA_EXCEEDED",
        times=None,
    )
    ended = TaskUnderTest(rig.create(text="a", title="Title"), retries=3).to_the_end()
    assert ended.verdict == ("failed", "QuotaExceededError")
    assert len(rig.written) == 1


@pytest.mark.parametrize("generation", ["knowledge-base", "training"])
def test_a_404_on_an_entry_names_the_generation(rig: Rig, generation: str) -> None:
    rig.speak(generation)
    ended = TaskUnderTest(rig.update(entry_id=999_999)).to_the_end()
    assert ended.verdict == ("failed", "NotFoundError")
    assert f"generation '{generation}' (the connection's extra 'api' is '{generation}'" in ended.told


def test_an_entry_of_another_replica_is_not_written(rig: Rig) -> None:
    rig.speak("training")
    other = "11111111-1111-4111-8111-111111111111"
    for make in (rig.update(replica_uuid=other), rig.delete(replica_uuid=other)):
        ended = TaskUnderTest(make).to_the_end()
        assert ended.verdict == ("failed", "InvalidArgumentError")
        assert "belongs to replica" in ended.told
    assert rig.written == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_not_followed_with_a_key_in_the_headers(rig: Rig, method: str, status: int) -> None:
    there = f"{rig.sandbox.url}/v1/agents/elsewhere"
    path = AGENT if method == "GET" else RETRAIN
    rig.sandbox.fault("redirect", method=method, path=path, status=status, location=there, times=None)
    ended = TaskUnderTest(rig.retrain()).to_the_end()
    assert ended.error is not None
    assert not [asked for asked in rig.asked if "elsewhere" in asked]
    assert str(status) in ended.told
    assert rig.paid == 0


SPOILT = ["not_json", "huge", "cut_json", "cut_connection", "wrong_shape", "empty"]


@pytest.mark.parametrize("shape", SPOILT)
def test_a_first_look_that_cannot_be_read_is_one_clear_error(rig: Rig, shape: str) -> None:
    rig.speak("knowledge-base")
    rig.sandbox.fault("body", method="GET", path=f"({AGENT})|({ENTRY})", shape=shape, times=None)
    for make in (rig.retrain(), rig.update()):
        ended = TaskUnderTest(make).to_the_end()
        assert ended.state == "up_for_retry"
        assert type(ended.error).__name__ in ("InvalidResponseError", "TruncatedResponseError"), ended.told
        assert "200" in ended.told
    assert rig.written == []


def test_an_answer_that_cannot_be_read_is_named_by_the_vendors_request_id(rig: Rig) -> None:
    rig.speak("knowledge-base")
    for headers in ({"X-Vercel-Id": "cdg1::abc"}, {"X-Request-Id": "cdg1::abc"}):
        rig.sandbox.fault("status", method="GET", path=ENTRY, status=200, body="<html>", headers=headers)
        ended = TaskUnderTest(rig.update()).to_the_end()
        assert "request id cdg1::abc" in ended.told, ended.told


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("shape", SPOILT)
def test_what_was_accepted_is_accepted_however_odd_the_answer_is(
    rig: Rig, shape: str, deferrable: bool
) -> None:
    rig.sandbox.fault("body", method="POST", path=RETRAIN, shape=shape)
    ended = TaskUnderTest(rig.retrain(deferrable=deferrable)).to_the_end()
    assert ended.state == "success", ended.told
    assert (ended.result["outcome"], ended.result["credits_charged"]) == ("refreshed", 10.0)
    assert (rig.retrains, rig.paid) == (1, 1)


@pytest.mark.parametrize("deferrable", MODES)
@pytest.mark.parametrize("shape", SPOILT)
def test_a_look_that_cannot_be_read_is_one_failed_read(rig: Rig, shape: str, deferrable: bool) -> None:
    rig.sandbox.fault("body", method="GET", path=AGENT, shape=shape, skip=1, times=2)
    ended = TaskUnderTest(rig.retrain(deferrable=deferrable)).to_the_end()
    assert ended.state == "success", ended.told
    assert rig.paid == 1


def test_no_parser_traceback_reaches_the_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig.sandbox.fault(
        "body",
        method="GET",
        path=AGENT,
        shape="wrong_shape",
        body={"data": {"trainingStatus": []}},
        times=None,
    )
    ended = TaskUnderTest(rig.retrain()).to_the_end()
    assert ended.error is not None
    assert "validation error" not in ended.told.lower()
    assert "Traceback" not in ended.told
