"""
What is seen from outside: counters, timers and spans. Names and tags stand in ``docs/observability.md``.

Nothing here may harm a refresh: whatever a metrics or tracing backend raises is logged and forgotten.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

_PREFIX = "agent_knowledge"

log = logging.getLogger(__name__)


@contextmanager
def harmless(what: str) -> Iterator[None]:
    """Run something that only tells of a refresh: its failure is a log line."""
    try:
        yield
    except Exception as error:
        log.warning("%s failed, the refresh goes on: %s: %s", what, type(error).__name__, error)


def count(what: str, vendor: str, number: int = 1, **tags: str) -> None:
    """Add to ``agent_knowledge.<what>``."""
    with harmless(f"Counting {what}"):
        from airflow.providers.common.compat.sdk import Stats

        Stats.incr(f"{_PREFIX}.{what}", number, tags={"vendor": vendor, **tags})


def rate_limited(vendor: str) -> None:
    """Add to ``agent_knowledge.rate_limited``, at each 429."""
    count("rate_limited", vendor)


def credits_spent(vendor: str, credits: Decimal) -> None:
    """Add to ``agent_knowledge.credits``, in whole credits, rounded up: counters are whole numbers."""
    if credits > 0:
        count("credits", vendor, int(credits.to_integral_value(rounding="ROUND_CEILING")))


def waited(vendor: str, seconds: float, outcome: str) -> None:
    """Time ``agent_knowledge.wait``, from the submit to the end."""
    with harmless("Timing the wait"):
        from airflow.providers.common.compat.sdk import Stats

        Stats.timing(f"{_PREFIX}.wait", seconds * 1000.0, tags={"vendor": vendor, "outcome": outcome})


@contextmanager
def span(name: str, vendor: str, target: str) -> Iterator[None]:
    """Open an OpenTelemetry span ``agent_knowledge.<name>``; free where tracing is not configured."""
    opened = None
    with harmless("Opening a span"):
        opened = _open(name, {f"{_PREFIX}.vendor": vendor, f"{_PREFIX}.target": target})
    try:
        yield
    finally:
        if opened is not None:
            # The span notes how the block ended; whatever it makes of that, the block's own end stands.
            with harmless("Closing a span"):
                _close(opened)


def _open(name: str, attributes: dict[str, str]) -> AbstractContextManager[object] | None:
    from opentelemetry import trace

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return (
            None  # nobody listens, and a span that goes nowhere costs memory: there may be thousands of waits
        )
    tracer = trace.get_tracer("airflow_provider")
    opened = tracer.start_as_current_span(f"{_PREFIX}.{name}", attributes=attributes)
    opened.__enter__()
    return opened


def _close(opened: object) -> None:
    kind, error, trace = sys.exc_info()
    try:
        opened.__exit__(kind, error, trace)  # type: ignore[attr-defined]
    except BaseException as raised:
        if raised is not error:
            raise
