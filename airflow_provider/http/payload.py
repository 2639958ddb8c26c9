"""The tolerance that every model shares, and the one way from parsed JSON into a model."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider.http.call import JSON, Answer, ShapeError, acknowledged

M = TypeVar("M", bound="Tolerant")
T = TypeVar("T")


class Tolerant(BaseModel):
    """
    A vendor's object: unknown members are ignored, every member may be absent or null.

    Neither vendor says which members are required or may be null, so only a value of the wrong *kind* (a
    text where an object belongs) is refused. An unknown enum member stays the text it is.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )


def _without_nulls(value: Any) -> Any:
    if value is None:
        return ()
    return [item for item in value if item is not None] if isinstance(value, list) else value


Many = Annotated[tuple[T, ...], BeforeValidator(_without_nulls)]
"""A list that may be null or hold nulls; both read as *nothing there*."""


def plain(text: str | None) -> str | None:
    """Return an enum member as the plain text it is: Airflow stores texts, not our enums."""
    return None if text is None else str(text)


def read(model: type[M], data: JSON, where: str = "") -> M:
    """
    Read an object.

    :param where: the place of ``data`` in the answer, for the message
    """
    if not isinstance(data, dict):
        raise ShapeError(f"{where or 'the answer'} is not an object")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Never the input itself: it may hold a customer's text, or be huge.
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        named = [f"{'.'.join([where, *map(str, f['loc'])]).strip('.')}: {f['msg']}" for f in faults[:3]]
        raise ShapeError("; ".join(named)[:500]) from None


def body_of(answer: Answer) -> dict[str, JSON]:
    """Return the answer as an object; refuse one whose ``success`` contradicts its status."""
    if not isinstance(answer.json, dict):
        raise ShapeError("the answer is not an object")
    acknowledged(answer)
    return answer.json
