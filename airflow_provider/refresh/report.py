"""What a wait tells when it is over; it travels as the trigger's event, through the metadata database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from airflow_provider.refresh import codec
from airflow_provider.refresh.observation import Observation
from airflow_provider.refresh.record import Record
from airflow_provider.refresh.wait import Verdict, Wait

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    The end of a wait, complete: whoever reads it needs nothing else.

    :param seen: the last observation, None if no read succeeded
    :param error: the last failed read, as the error tree writes it
    :param record: the record as it stood when the wait began, None for a sensor
    :param target: key of what was looked at; None: told by a version that did not say so
    """

    wait: Wait
    verdict: Verdict
    seen: Observation | None = None
    error: dict[str, Any] | None = None
    record: Record | None = None
    target: str | None = None

    def to_event(self) -> dict[str, Any]:
        """Return plain JSON with its schema version."""
        return {"schema": SCHEMA, **codec.dump(self)}

    @staticmethod
    def from_event(event: Any) -> Report:
        """
        Rebuild a report; what is none fails closed instead of falling through to success.

        :raises ValueError: the event is missing, malformed or of a later schema
        """
        if not isinstance(event, dict) or event.get("schema") != SCHEMA:
            raise ValueError("the trigger's event is not a report of schema 1")
        return codec.load(Report, event)
