"""A retry policy for Airflow 3.3 and later; importing it on an older Airflow fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import RetryDecision, RetryPolicy

from airflow_provider.errors import InvalidArgumentError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: Since Airflow 3.4: run the task again later, without using a retry.
_reschedule = getattr(RetryDecision, "reschedule", None)

#: Seconds; no vendor's wish puts a task to sleep for longer.
_LONGEST = 86_400.0


class KnowledgeRetryPolicy(RetryPolicy):
    """
    Wait for the vendor without using up retries, and fail at once what no retry can cure.

    - A rate limit (429) waits as long as the vendor asks.
    - Somebody else's run under ``on_running="fail"`` (:class:`~airflow_provider.errors.AlreadyRunningError`)
      is waited for, ``retry_delay`` at a time.
    - A malformed request (400) and a conflict (409) on a write fail. Most of what no retry can cure never
      gets here: those errors are ``AirflowFailException`` and fail on every Airflow version.
    - Anything else is left to the next policy of a ``ChainRetryPolicy``, or to ``retries``.

    From Airflow 3.4 on the two waits *reschedule* the task: it is ``up_for_reschedule``, and ``retries`` are
    untouched. That has a bound; past it, and on Airflow 3.3, each wait is a retry after the same delay. The
    policy never adds retries.

    Nothing was sent or charged in either case, so to run again costs no more than one run.

    :param max_reschedules: how often one try may be rescheduled, from any cause (a sensor's own pokes count);
        None: any number of times
    :param reschedule_timeout: how long after its first reschedule a try may be rescheduled again; None: for
        ever. Both None: never rescheduled

    :raises InvalidArgumentError: when the DAG is parsed
    """

    def __init__(
        self,
        *,
        max_reschedules: int | None = None,
        reschedule_timeout: timedelta | None = timedelta(hours=1),
    ) -> None:
        if max_reschedules is not None and max_reschedules < 1:
            raise InvalidArgumentError(f"max_reschedules has to be at least 1, not {max_reschedules}.")
        if reschedule_timeout is not None and reschedule_timeout <= timedelta(0):
            raise InvalidArgumentError(f"reschedule_timeout has to be positive, not {reschedule_timeout}.")
        self.max_reschedules = max_reschedules
        self.reschedule_timeout = reschedule_timeout

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide on the error's type; the context tells what was rescheduled before."""
        from airflow_provider.errors import (
            AlreadyRunningError,
            BadRequestError,
            ConflictError,
            RateLimitedError,
        )

        if isinstance(exception, RateLimitedError) and exception.retry_after is not None:
            delay = timedelta(seconds=min(max(exception.retry_after, 1.0), _LONGEST))
            return self._later(context, delay, f"The vendor asked to wait {exception.retry_after:.0f} s")
        if isinstance(exception, AlreadyRunningError):
            return self._later(context, None, "Somebody else's run is active")
        if isinstance(exception, (BadRequestError, ConflictError)):
            return RetryDecision.fail(
                f"{type(exception).__name__}: the same request would meet the same answer"
            )
        return RetryDecision.default()

    def _later(self, context: Context | None, delay: timedelta | None, reason: str) -> RetryDecision:
        """Run again after a delay, the task's own if None: rescheduled where that is possible, else by a retry."""
        from airflow_provider.tasks.deferral import executor_lag

        # Past a bound Airflow would drop the delay with the reschedule: ask for a retry that keeps it.
        if _reschedule is None or self._is_at_bound(context):
            return RetryDecision.retry(delay, reason)
        if delay is None and context is not None:
            delay = context["ti"].task.retry_delay
        if delay is not None:
            delay = max(delay, timedelta(seconds=executor_lag()))
        decision: RetryDecision = _reschedule(
            delay,
            max_reschedules=self.max_reschedules,
            reschedule_timeout=self.reschedule_timeout,
            reason=reason,
        )
        return decision

    def _is_at_bound(self, context: Context | None) -> bool:
        if self.max_reschedules is None and self.reschedule_timeout is None:
            return True
        times = 0 if context is None else context.get("task_reschedule_count", 0)
        if context is None or not times:
            return False
        if self.max_reschedules is not None and times >= self.max_reschedules:
            return True
        first = context["ti"].get_first_reschedule_date(context)
        return (
            self.reschedule_timeout is not None
            and first is not None
            and datetime.now(UTC) - first >= self.reschedule_timeout
        )

    def serialize(self) -> dict[str, Any]:
        """Return the settings as JSON."""
        timeout = self.reschedule_timeout
        return {
            "max_reschedules": self.max_reschedules,
            "reschedule_timeout": None if timeout is None else timeout.total_seconds(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> KnowledgeRetryPolicy:
        """Rebuild; what was stored before there were settings gets the defaults."""
        settings = dict(data)
        if settings.get("reschedule_timeout") is not None:
            settings["reschedule_timeout"] = timedelta(seconds=settings["reschedule_timeout"])
        return cls(**settings)
