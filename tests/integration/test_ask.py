"""A replica's answers as a gate: what lets through, what holds back, what is not counted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider.operators.sensay import SensayAskReplicaOperator
from airflow_provider.vendors.sensay.endpoints import MAX_QUESTION
from tests.integration.rig import Make, Rig
from tests.integration.task import Outcome, TaskUnderTest

CHAT = r"/chat/completions$"
FOUNDED = "When was the company founded?"


def ask(rig: Rig, *questions: Any, **arguments: Any) -> Make:
    given = {"replica_uuid": rig.sandbox.replica_uuid, "questions": list(questions), **arguments}
    return lambda: SensayAskReplicaOperator(task_id="ask", **given)


def run(make: Make) -> Outcome:
    return TaskUnderTest(make).to_the_end()


def answered(rig: Rig, *contents: str, status: int = 200) -> None:
    """Let the replica give these answers, one after the other."""
    for content in contents:
        rig.sandbox.fault("status", status=status, path=CHAT, body={"success": True, "content": content})


def asked(rig: Rig) -> int:
    return rig.sandbox.count("POST", "/v1/replicas/{replicaUUID}/chat/completions")


def short(answer: str) -> bool:
    return len(answer) < 200


# --- what lets through -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"contains": "2020"},
        {"contains": ["2020", "Company"]},
        {"matches": r"\b20\d\d\b"},
        {"check": short},
        {"contains": "2020", "matches": "20", "check": short},
    ],
    ids=["anything", "contains", "list", "matches", "check", "all"],
)
def test_an_answer_as_expected_lets_through(rig: Rig, expected: dict[str, Any]) -> None:
    ended = run(ask(rig, {"question": FOUNDED, **expected}))
    assert ended.verdict == ("success", None), ended.told
    assert (ended.result["outcome"], ended.result["passed"], ended.result["failed"]) == ("passed", 1, 0)
    (told,) = ended.result["answers"]
    assert (told["verdict"], told["attempts"], told["reason"]) == ("passed", 1, None)
    assert "2020" in told["answer"]
    assert asked(rig) == 1


def test_a_plain_text_expects_any_answer(rig: Rig) -> None:
    assert run(ask(rig, "Are you there?")).result["outcome"] == "passed"


def test_history_is_skipped(rig: Rig) -> None:
    run(ask(rig, FOUNDED))
    (request,) = [each for each in rig.sandbox.requests if each["path"].endswith("/chat/completions")]
    assert request["method"] == "POST"
    assert rig.written == [f"POST {request['path']}"]


def test_answers_vary_so_a_question_is_asked_again(rig: Rig) -> None:
    rig.sandbox.options(chat_misses=2)
    ended = run(ask(rig, {"question": FOUNDED, "contains": "2020"}))
    assert (ended.result["outcome"], ended.result["answers"][0]["attempts"]) == ("passed", 3)


@pytest.mark.parametrize(("attempts", "own"), [(2, None), (5, 2), ("2", None)])
def test_a_question_is_asked_so_often_and_no_more(rig: Rig, attempts: Any, own: int | None) -> None:
    question = {"question": FOUNDED, "contains": "1999", **({"attempts": own} if own else {})}
    assert run(ask(rig, question, attempts=attempts)).verdict == ("up_for_retry", "AnswersFailedError")
    assert asked(rig) == 2


def test_every_question_is_asked_although_one_failed(rig: Rig) -> None:
    ended = run(
        ask(
            rig,
            {"question": FOUNDED, "contains": "1999"},
            {"question": FOUNDED, "contains": "2020"},
            attempts=1,
            on_failed_answers="warn",
        )
    )
    assert [each["verdict"] for each in ended.result["answers"]] == ["failed", "passed"]
    assert (ended.result["outcome"], ended.result["passed"], ended.result["failed"]) == ("failed", 1, 1)


# --- what holds back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", ["", " \n "])
def test_an_empty_answer_is_no_answer(rig: Rig, nothing: str) -> None:
    answered(rig, *[nothing] * 3)
    ended = run(ask(rig, FOUNDED))
    assert ended.state == "up_for_retry"


def test_a_failed_gate_is_tried_again_since_answers_vary(rig: Rig) -> None:
    rig.sandbox.options(chat_misses=1)
    task = TaskUnderTest(ask(rig, {"question": FOUNDED, "contains": "2020"}, attempts=1))
    missed = task.to_the_end()
    assert missed.verdict == ("up_for_retry", "AnswersFailedError")
    assert "1 of 1 questions failed" in missed.told
    assert "it does not contain ['2020']" in missed.told
    assert "A retry asks again" in missed.told
    assert task.retry().to_the_end().result["outcome"] == "passed"


def test_a_warning_lets_through(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ended = run(ask(rig, {"question": FOUNDED, "contains": "1999"}, on_failed_answers="warn"))
    assert (ended.state, ended.result["outcome"]) == ("success", "failed")


def test_a_skip_skips_what_is_directly_below_and_keeps_the_result(rig: Rig) -> None:
    from airflow.sdk import task

    def make() -> Any:
        gate = ask(rig, {"question": FOUNDED, "contains": "1999"}, on_failed_answers="skip")()

        @task
        def publish() -> None: ...

        @task
        def after() -> None: ...

        @task
        def clean_up() -> None: ...

        first, teardown = publish(), clean_up().as_teardown()
        gate >> first >> after()
        gate >> teardown
        return gate

    held = TaskUnderTest(make)
    ended = held.to_the_end()
    (skip,) = [each for each in held.supervisor.sent if type(each).__name__ == "SkipDownstreamTasks"]
    assert list(skip.tasks) == ["publish"]
    assert (ended.state, ended.result["outcome"]) == ("success", "failed")


def test_a_skip_skips_nothing_if_all_answers_are_as_expected(rig: Rig) -> None:
    passed = TaskUnderTest(ask(rig, {"question": FOUNDED, "contains": "2020"}, on_failed_answers="skip"))
    assert passed.to_the_end().result["outcome"] == "passed"
    assert "SkipDownstreamTasks" not in {type(each).__name__ for each in passed.supervisor.sent}


def test_a_result_that_is_not_wanted_is_not_kept(rig: Rig) -> None:
    gate = ask(rig, {"question": FOUNDED, "contains": "1999"}, on_failed_answers="skip", do_xcom_push=False)
    assert run(gate).result is None


# --- what is not the replica's answer ----------------------------------------------------------------------


def lost(rig: Rig) -> None:
    rig.sandbox.fault("lose_answer", path=CHAT)


def failing(rig: Rig) -> None:
    rig.sandbox.fault("status", status=504, path=CHAT)


def slow(rig: Rig) -> None:
    rig.connect("sensay", {"read_timeout": 1})
    rig.sandbox.fault("delay", path=CHAT, seconds=2)


@pytest.mark.parametrize("trouble", [lost, failing, slow], ids=lambda each: each.__name__)
def test_an_answer_that_never_came_counts_as_an_attempt(rig: Rig, trouble: Callable[[Rig], None]) -> None:
    trouble(rig)
    ended = run(ask(rig, {"question": FOUNDED, "contains": "2020"}))
    assert ended.verdict == ("success", None), ended.told
    assert ended.result["answers"][0]["attempts"] == 2


def test_a_replica_that_never_answers_is_a_fault_of_the_way_and_no_failed_answer(rig: Rig) -> None:
    rig.sandbox.fault("status", status=504, path=CHAT, times=None)
    ended = run(ask(rig, FOUNDED, on_failed_answers="warn"))
    assert ended.verdict == ("up_for_retry", "ServerError")
    assert asked(rig) == 3


def test_a_rate_limit_is_waited_out_and_is_no_attempt(rig: Rig) -> None:
    rig.sandbox.fault("status", status=429, path=CHAT, times=3, retry_after=2)
    ended = run(ask(rig, {"question": FOUNDED, "contains": "2020"}, attempts=1))
    assert ended.result["answers"][0]["attempts"] == 1
    assert ended.result["seconds"] >= 6


def test_a_rate_limit_that_lasts_is_left_to_the_retry(rig: Rig) -> None:
    rig.sandbox.fault("status", status=429, path=CHAT, times=None, retry_after=3600)
    ended = run(ask(rig, FOUNDED))
    assert ended.verdict == ("up_for_retry", "RateLimitedError")
    assert asked(rig) == 1


def test_a_quota_is_not_asked_again(rig: Rig) -> None:
    rig.sandbox.options(conversation_quota=1)
    ended = run(ask(rig, FOUNDED, FOUNDED, FOUNDED, on_failed_answers="warn"))
    assert ended.verdict == ("failed", "QuotaExceededError")
    assert asked(rig) == 2


def test_a_replica_that_is_not_there_is_not_asked_again(rig: Rig) -> None:
    ended = run(ask(rig, FOUNDED, replica_uuid="00000000-0000-4000-8000-000000000000"))
    assert ended.verdict == ("failed", "NotFoundError")
    assert asked(rig) == 1


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("questions", "arguments", "told"),
    [
        ([], {}, "questions is empty"),
        ([{"question": "?", "matches": "["}], {}, "questions[0]: matches is no regular expression"),
        (["fine", 3], {}, "questions[1] must be a text or a dict"),
        (["x" * (MAX_QUESTION + 1)], {}, f"questions[0] has more than {MAX_QUESTION}"),
        (["fine"], {"attempts": 0}, "attempts must be 1 or more"),
        (
            ["fine"],
            {"on_failed_answers": "{{ 'shrug' }}"},
            "on_failed_answers must be one of fail, warn, skip",
        ),
        (["fine"], {"replica_uuid": "mine"}, "replica_uuid must be a UUID"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is(
    rig: Rig, questions: list[Any], arguments: dict[str, Any], told: str
) -> None:
    ended = run(ask(rig, *questions, **arguments))
    assert ended.verdict == ("failed", "InvalidArgumentError")
    assert told in ended.told
    assert rig.asked == []


# --- what is told ------------------------------------------------------------------------------------------


def test_templates_reach_into_the_questions(rig: Rig) -> None:
    question = {
        "question": "When was the {{ 'company' }} founded?",
        "contains": ["{{ 2019 + 1 }}"],
        "check": short,
    }
    assert run(ask(rig, question, attempts="{{ 1 + 1 }}")).result["outcome"] == "passed"


def test_a_long_answer_is_cut_in_log_and_result(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    answered(rig, "No, " + 5000 * "a")
    ended = run(ask(rig, FOUNDED, attempts=1))
    assert len(json.dumps(ended.result)) < 2048
    assert len(ended.result["answers"][0]["answer"]) <= 300
    logged = capsys.readouterr()
    assert "aaaa" in logged.out + logged.err
    assert 400 * "a" not in logged.out + logged.err


@pytest.mark.parametrize("character", ["x", "\u4e2d", "\U0001f600"])
@pytest.mark.parametrize("policy", ["warn", "skip", "fail"])
def test_many_long_answers_make_a_small_result_in_which_the_failed_ones_stay(
    rig: Rig, policy: str, character: str
) -> None:
    answered(rig, *[400 * character] * 30)
    questions: list[Any] = [f"{number} {200 * character}" for number in range(29)]
    bad = {"question": 300 * character, "contains": 500 * character}
    ended = run(ask(rig, *questions, bad, attempts=1, on_failed_answers=policy))
    if policy == "fail":
        assert len(ended.told) < 4000
        return
    assert len(json.dumps(ended.result)) < 2048
    assert (ended.result["passed"], ended.result["failed"]) == (29, 1)
    assert ended.result["answers"][0]["verdict"] == "failed"
