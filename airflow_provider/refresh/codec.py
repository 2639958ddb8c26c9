"""One way from our frozen values to the JSON that Airflow stores, and back."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Build an adapter on first use; building one costs milliseconds."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def dump(value: Any) -> dict[str, Any]:
    """Return plain JSON; fields that hold their default are left out, so stored values stay small."""
    data: dict[str, Any] = _adapter(type(value)).dump_python(value, mode="json", exclude_defaults=True)
    return data


def load(kind: type[T], data: Any) -> T:
    """
    Rebuild a value; unknown keys are ignored and missing ones take their default (rolling upgrades).

    :raises ValueError: the data is not such a value
    """
    try:
        value: T = _adapter(kind).validate_python(data)
    except ValidationError as error:
        raise ValueError(f"not a {kind.__name__}: {error.error_count()} fields do not fit") from None
    return value
