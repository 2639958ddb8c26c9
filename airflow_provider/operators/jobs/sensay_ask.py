"""Asking a replica, and judging its answers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.errors import (
    AnswersFailedError,
    ApiError,
    RateLimitedError,
    is_ambiguous,
)
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.refresh.observation import shorten
from airflow_provider.tasks.failures import refuse
from airflow_provider.vendors.sensay import endpoints as sensay
from airflow_provider.vendors.sensay.answers import Question, read_questions

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.http.client import Client
    from airflow_provider.operators.sensay import SensayAskReplicaOperator

#: Characters of an answer in the log, and of all answers in the result, which stays small however many there are.
_LOGGED, _ROOM = 300, 1500

#: Seconds between two attempts, and the longest that a rate limit is waited out.
_PAUSE, _LONGEST = 1.0, 120.0


def ask(operator: SensayAskReplicaOperator, context: Context) -> dict[str, Any]:
    """Ask everything, then judge."""
    check = Checker()
    replica_uuid = check.uuid("replica_uuid", operator.replica_uuid)
    attempts = check.count("attempts", operator.attempts)
    policy = check.word("on_failed_answers", operator.on_failed_answers, ("fail", "warn", "skip"))
    questions = read_questions(check, operator.questions, attempts)
    for place, question in enumerate(questions):
        if len(question.question) > sensay.MAX_QUESTION:
            check.problems.append(f"questions[{place}] has more than {sensay.MAX_QUESTION} characters")
    refuse(type(operator).__name__, check.problems)
    began = time.time()
    with SensayHook(operator.sensay_conn_id).get_conn() as client:
        told = [_answered(client, replica_uuid, question, operator.log) for question in questions]
    failed = [each for each in told if each["verdict"] == "failed"]
    result = {
        "vendor": "sensay",
        "target": f"replicas/{replica_uuid}",
        "outcome": "failed" if failed else "passed",
        "passed": len(told) - len(failed),
        "failed": len(failed),
        "attempts": sum(each["attempts"] for each in told),
        "seconds": round(time.time() - began, 3),
        "answers": _cut(told),
    }
    if not failed:
        return result
    first = "; ".join(f"{each['question']!r:.120}: {each['reason']}" for each in failed[:5])
    count = f"{len(failed)} of {len(told)} questions failed"
    message = f"Replica {replica_uuid} did not answer as expected: {count}. {first}."
    if policy == "fail":
        raise AnswersFailedError(f"{message} Nothing was changed. A retry asks again.")
    operator.log.warning("%s", message)
    if policy == "skip":
        _skip_downstream(context, result)
    return result


def _cut(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the result has room for: shorter texts first, then fewer questions, the failed ones last to go."""
    short: list[dict[str, Any]] = []
    for width in (300, 120, 60, 24):
        short = [
            each | {name: shorten(each[name], width) for name in ("question", "answer", "reason")}
            for each in told
        ]
        if len(json.dumps(short)) <= _ROOM:
            return short
    short.sort(key=lambda each: each["verdict"] != "failed")
    while len(json.dumps(short)) > _ROOM:
        short.pop()
    return short


def _answered(client: Client, replica_uuid: str, question: Question, log: Any) -> dict[str, Any]:
    """
    Ask until an answer is as expected.

    :raises ApiError: no attempt got an answer at all, or no further one could
    """
    answer, reason, failure = "", "", None
    for attempt in range(1, question.attempts + 1):
        if attempt > 1:
            time.sleep(_PAUSE)
        try:
            answer = _asked(client, replica_uuid, question.question)
        except ApiError as error:
            if not is_ambiguous(error):
                raise
            failure, reason = error, f"no answer: {error}"
            log.warning("Attempt %d of %d: %s", attempt, question.attempts, error)
            continue
        failure = None
        trouble = question.trouble(answer)
        log.info("Asked: %s", shorten(question.question, _LOGGED))
        log.info("Answer (attempt %d of %d): %s", attempt, question.attempts, shorten(answer, _LOGGED))
        if trouble is None:
            return _verdict(question, "passed", attempt, answer, None)
        reason = trouble
        log.info("Not as expected: %s", trouble)
    if failure is not None:
        raise failure
    return _verdict(question, "failed", question.attempts, answer, reason)


def _asked(client: Client, replica_uuid: str, question: str) -> str:
    """Ask once; a rate limit was no attempt, so it is waited out."""
    deadline = time.time() + _LONGEST
    while True:
        try:
            return client.send(sensay.ask(replica_uuid, question))
        except RateLimitedError as error:
            pause = error.retry_after if error.retry_after is not None else 5.0
            if time.time() + pause > deadline:
                raise
            time.sleep(pause)


def _verdict(
    question: Question, verdict: str, attempts: int, answer: str, reason: str | None
) -> dict[str, Any]:
    return {
        "question": question.question,
        "verdict": verdict,
        "attempts": attempts,
        "answer": answer,
        "reason": reason,
    }


def _skip_downstream(context: Context, result: dict[str, Any]) -> None:
    """End well, and skip what is directly downstream, as Airflow's own short circuit does."""
    from airflow.providers.common.compat.sdk import DownstreamTasksSkipped

    task = context["task"]
    if getattr(task, "do_xcom_push", True):
        context["ti"].xcom_push(key="return_value", value=result)
    below = task.get_direct_relatives(upstream=False)
    raise DownstreamTasksSkipped(tasks=sorted(each.task_id for each in below if not each.is_teardown))
