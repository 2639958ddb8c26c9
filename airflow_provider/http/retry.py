"""
When to send a call again: one pure rule, given to tenacity for sync and for async.

A call that charges or creates is never sent again, whatever the answer: how it ended is settled by reading.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider import errors
from airflow_provider.http.call import Call
from airflow_provider.http.settings import Settings

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState, Retrying

TRANSIENT: tuple[type[errors.ApiError], ...] = (
    errors.TransportError,  # no answer: refused, reset, timed out
    errors.TruncatedResponseError,  # an answer that broke off
    errors.RateLimitedError,  # 429 that is no quota: waiting helps
    errors.ServerError,  # 5xx, 408, 425: the vendor says that it was its own fault, or too early
)


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How patient a client is; times in seconds.

    :param base: the first wait is drawn from [0, base), each next from twice as much
    """

    attempts: int = 5
    base: float = 1.0
    cap: float = 60.0
    deadline: float = 300.0

    @classmethod
    def of(cls, settings: Settings, left: float | None = None) -> Policy:
        """
        Return the policy that the settings ask for.

        :param left: seconds until the caller needs no answer any more
        """
        deadline = settings.total_deadline if left is None else min(settings.total_deadline, left)
        return cls(attempts=settings.attempts, cap=settings.retry_cap, deadline=deadline)


def delay(
    call: Call[Any],
    outcome: BaseException,
    attempt: int,
    elapsed: float,
    policy: Policy,
    rand: Callable[[], float],
) -> float | None:
    """
    Return how long to wait before the call is sent again; None: do not.

    ``Retry-After`` is a floor, to which the jitter is added, so that those who were turned away together do
    not come back together. A wait that would pass the deadline is not begun.

    :param outcome: the error of the attempt that just ended
    :param attempt: its number, from 1
    :param elapsed: seconds since the first attempt began
    :param rand: uniform in [0, 1)
    """
    if not call.repeatable or not isinstance(outcome, TRANSIENT) or attempt >= policy.attempts:
        return None
    if call.upload is not None and isinstance(outcome, errors.TransportError) and outcome.sent:
        return None  # a signed URL is good for one success, which may have been this one
    jitter = rand() * min(policy.cap, policy.base * 2.0 ** min(attempt - 1, 30))
    floor = outcome.retry_after or 0.0
    wait = floor + jitter if floor == 0.0 else floor + min(jitter, policy.base)
    return wait if elapsed + wait <= policy.deadline else None


class _Rule:
    """The rule in tenacity's terms: its predicate is asked first, so it settles the wait as well."""

    def __init__(self, call: Call[Any], policy: Policy, rand: Callable[[], float]) -> None:
        self._call, self._policy, self._rand = call, policy, rand
        self._wait = 0.0

    def again(self, state: RetryCallState) -> bool:
        outcome = state.outcome.exception() if state.outcome is not None else None
        if outcome is None:
            return False
        elapsed = state.seconds_since_start or 0.0
        wait = delay(self._call, outcome, state.attempt_number, elapsed, self._policy, self._rand)
        self._wait = wait or 0.0
        return wait is not None

    def wait(self, state: RetryCallState) -> float:
        return self._wait


def retrying(
    call: Call[Any],
    policy: Policy,
    *,
    rand: Callable[[], float],
    sleep: Callable[[float], None],
    told: Callable[[RetryCallState], None],
) -> Retrying:
    """Return tenacity's loop for a synchronous client."""
    from tenacity import Retrying

    rule = _Rule(call, policy, rand)
    return Retrying(retry=rule.again, wait=rule.wait, sleep=sleep, before_sleep=told, reraise=True)


def async_retrying(
    call: Call[Any],
    policy: Policy,
    *,
    rand: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    told: Callable[[RetryCallState], None],
) -> AsyncRetrying:
    """Return tenacity's loop for an asynchronous client."""
    from tenacity import AsyncRetrying

    rule = _Rule(call, policy, rand)
    return AsyncRetrying(retry=rule.again, wait=rule.wait, sleep=sleep, before_sleep=told, reraise=True)
