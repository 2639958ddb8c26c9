"""The tolerance that every model shares, and the one way from parsed JSON into a model."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from airflow_provider.http.call import JSON, Answer, ShapeError, acknowledged
from airflow_provider.texts import one_line

M = TypeVar("M", bound="Tolerant")
T = TypeVar("T")


class Tolerant(BaseModel):
    """
    A vendor's object: unknown members are ignored, every member may be absent or null.

    Neither vendor says which members are required or may be null. A member of another type than documented (a text
    where an object belongs) reads as None, unless something decides on it: then the answer is refused. An unknown
    enum member stays the text it is.

    :cvar decisive: the members that may refuse an answer, by their names here
    """

    decisive: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(
        alias_generator=to_camel,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_only_by_what_decides(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            if not isinstance(data, dict):
                raise
            faults = error.errors(include_input=False, include_url=False, include_context=False)
            odd = {str(fault["loc"][0]) for fault in faults if fault["loc"]}
            names = {name for name, field in cls.model_fields.items() if odd & {name, field.alias}}
            if not odd or names & cls.decisive:
                raise
            odd |= names | {str(cls.model_fields[name].alias) for name in names}
        return handler({name: None if name in odd else value for name, value in data.items()})


def _without_nulls(value: Any) -> Any:
    if value is None:
        return ()
    return [item for item in value if item is not None] if isinstance(value, list) else value


Many = Annotated[tuple[T, ...], BeforeValidator(_without_nulls)]
"""A list that may be null or hold nulls; both read as *nothing there*."""


Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A whole number that a trigger's event can carry, also one that came as a text."""


def _as_words(value: Any) -> Any:
    if not isinstance(value, (dict, list)):
        return None if value is False else value
    message = value.get("message") if isinstance(value, dict) else None
    return message if isinstance(message, str) else one_line(json.dumps(value)[:1000], 200)


Words = Annotated[str | None, BeforeValidator(_as_words)]
"""What went wrong, in words, whatever they are wrapped in: of all members the one that a person needs."""


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
