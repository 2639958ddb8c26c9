"""The rate limit: so many requests in any second of real time."""

from __future__ import annotations

import time
from collections import deque

from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.clock import http_date


class RateLimit:
    def __init__(self) -> None:
        self._admitted: deque[float] = deque()

    def admits(self, limit: float, now: float | None = None) -> float | None:
        """``None`` if admitted, else the seconds until the next request would be."""
        now = time.monotonic() if now is None else now
        window = max(1.0, 1.0 / limit)
        while self._admitted and self._admitted[0] <= now - window:
            self._admitted.popleft()
        if len(self._admitted) < limit * window:
            self._admitted.append(now)
            return None
        return self._admitted[0] + window - now


def retry_after(wait: float, options: Options) -> dict[str, str]:
    """The header that names the wait, rounded up to whole seconds, in the configured form."""
    seconds = int(wait) + 1
    if options.rate_limit_retry_after == "none":
        return {}
    if options.rate_limit_retry_after == "date":
        return {"Retry-After": http_date(time.time() + options.clock_skew + seconds)}
    return {"Retry-After": str(seconds)}
