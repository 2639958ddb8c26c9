"""Asking a replica, and judging its answers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from typing import Any

from airflow_provider.errors import ApiError, RateLimitedError, is_ambiguous
from airflow_provider.refresh.observation import shorten
from airflow_provider.refresh.schedule import pause_for
from airflow_provider.vendors.sensay import endpoints
from airflow_provider.vendors.sensay.answers import Question
from airflow_provider.vendors.sensay.delete import Send

#: Characters of an answer in the log, and of all answers in the result, which stays small however many there are.
_LOGGED, _ROOM = 300, 1500

#: Seconds between two attempts, and the longest that a rate limit is waited out.
_PAUSE, _LONGEST = 1.0, 120.0


def ask(
    send: Send, replica_uuid: str, questions: Sequence[Question], log: Any
) -> tuple[dict[str, Any], str | None]:
    """
    Ask everything, then judge.

    :returns: the result, and what to say if an answer was not as expected
    """
    began = time.time()
    asked = [_answered(send, replica_uuid, question, log) for question in questions]
    failed = [each for each in asked if each["verdict"] == "failed"]
    result = {
        "vendor": "sensay",
        "target": f"replicas/{replica_uuid}",
        "outcome": "failed" if failed else "passed",
        "passed": len(asked) - len(failed),
        "failed": len(failed),
        "attempts": sum(each["attempts"] for each in asked),
        "seconds": round(time.time() - began, 3),
        "answers": _cut(asked),
    }
    if not failed:
        return result, None
    first = "; ".join(f"{each['question']!r:.120}: {each['reason']}" for each in failed[:5])
    count = f"{len(failed)} of {len(asked)} questions failed"
    return result, f"Replica {replica_uuid} did not answer as expected: {count}. {first}."


def _cut(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the result has room for: shorter texts first, then fewer questions, the failed ones last to go."""
    short: list[dict[str, Any]] = []
    for width in (300, 120, 60, 24):
        short = [
            each | {name: shorten(each[name], width) for name in ("question", "answer", "reason")}
            for each in asked
        ]
        if len(json.dumps(short)) <= _ROOM:
            return short
    short.sort(key=lambda each: each["verdict"] != "failed")
    while len(json.dumps(short)) > _ROOM:
        short.pop()
    return short


def _answered(send: Send, replica_uuid: str, question: Question, log: Any) -> dict[str, Any]:
    """
    Ask until an answer is as expected.

    :raises ApiError: no attempt got an answer at all, or no further one could
    """
    answer, reason, failure = "", "", None
    for attempt in range(1, question.attempts + 1):
        if attempt > 1:
            time.sleep(_PAUSE)
        try:
            answer = _asked(send, replica_uuid, question.question)
        except ApiError as error:
            if not is_ambiguous(error):
                raise
            failure, reason = error, f"no answer: {error.message}"
            log.warning("Attempt %d of %d: %s", attempt, question.attempts, error.message)
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


def _asked(send: Send, replica_uuid: str, question: str) -> str:
    """Ask once; a rate limit was no attempt, so it is waited out."""
    deadline = time.time() + _LONGEST
    while True:
        try:
            return send(endpoints.ask(replica_uuid, question))
        except RateLimitedError as error:
            pause = pause_for(error.retry_after, 5.0, deadline - time.time(), random.random())
            if pause is None:
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
