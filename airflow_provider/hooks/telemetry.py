"""What is seen from outside: counters, timers and spans. Names and tags stand in the docs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

_PREFIX = "agent_knowledge"


def count(what: str, vendor: str, number: int = 1, **tags: str) -> None:
    """Add to ``agent_knowledge.<what>``: submits, adoptions, reattachments, skips, polls, rate_limited."""
    from airflow.providers.common.compat.sdk import Stats

    Stats.incr(f"{_PREFIX}.{what}", number, tags={"vendor": vendor, **tags})


def credits_spent(vendor: str, credits: Decimal) -> None:
    """Add to ``agent_knowledge.credits``, in whole credits, rounded up: counters are whole numbers."""
    if credits > 0:
        count("credits", vendor, int(credits.to_integral_value(rounding="ROUND_CEILING")))


def waited(vendor: str, seconds: float, outcome: str) -> None:
    """Time ``agent_knowledge.wait``, from the submit to the end."""
    from airflow.providers.common.compat.sdk import Stats

    Stats.timing(f"{_PREFIX}.wait", seconds * 1000.0, tags={"vendor": vendor, "outcome": outcome})


@contextmanager
def span(name: str, vendor: str, target: str) -> Iterator[None]:
    """Open an OpenTelemetry span ``agent_knowledge.<name>``; free where tracing is not configured."""
    from opentelemetry import trace

    tracer = trace.get_tracer("airflow_provider")
    attributes = {"agent_knowledge.vendor": vendor, "agent_knowledge.target": target}
    with tracer.start_as_current_span(f"{_PREFIX}.{name}", attributes=attributes):
        yield
