"""One way from our frozen values to the JSON that Airflow stores, and back."""

from __future__ import annotations

from collections.abc import Mapping
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
        value: T = _adapter(kind).validate_python(_renamed(data))
    except ValidationError as error:
        raise ValueError(f"not a {kind.__name__}: {error.error_count()} fields do not fit") from None
    return value


def _renamed(data: Any) -> Any:
    """
    Give what version 0.1 stored its present names.

    A wait's first read counted for the vendor with generations alone, and what had been seen was no rule's name yet.
    """
    if isinstance(data, list):
        return [_renamed(each) for each in data]
    if not isinstance(data, Mapping):
        return data
    data = {key: _renamed(value) for key, value in data.items()}
    if not {"purpose", "deadline", "start_grace"} <= data.keys():
        return data
    written, evidence = data.pop("written", None), data.get("evidence")
    if written is not None and data.get("generation"):
        data.setdefault("first_read", written)
    if isinstance(evidence, dict) and "looked_at" not in evidence:
        seen = evidence.get("active"), evidence.pop("stepped_back", None)
        if data["purpose"] == "own" and any(seen):
            evidence.setdefault("proven", "SEEN_ACTIVE" if seen[0] else "STEPPED_BACK")
    return data
