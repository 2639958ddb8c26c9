"""A retry policy for Airflow 3.3 and later; importing it on an older Airflow fails."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import RetryDecision, RetryPolicy

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class KnowledgeRetryPolicy(RetryPolicy):
    """
    What no retry can cure fails at once, and a rate limit waits as long as the vendor asks.

    Most of the first kind never gets here: those errors are ``AirflowFailException`` and fail on every
    Airflow version. This adds a malformed request (400) and a conflict (409) on a write.

    Use it as ``retry_policy=KnowledgeRetryPolicy()`` on a task or in ``default_args``. It never adds tries:
    ``retries`` stays the limit.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide on the error's type alone."""
        from airflow_provider.errors import BadRequestError, ConflictError, RateLimitedError

        if isinstance(exception, RateLimitedError) and exception.retry_after is not None:
            delay = timedelta(seconds=exception.retry_after)
            return RetryDecision.retry(delay, f"The vendor asked to wait {exception.retry_after:.0f} s")
        if isinstance(exception, (BadRequestError, ConflictError)):
            return RetryDecision.fail(
                f"{type(exception).__name__}: the same request would meet the same answer"
            )
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Nothing to tell: the policy has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> KnowledgeRetryPolicy:
        """Rebuild."""
        return cls()
