"""A true answer with some members changed."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from airflow_provider.sandbox.app.faults import EditFault
from airflow_provider.sandbox.app.responses import Json
from airflow_provider.sandbox.state.clock import respell

MARKERS = ("lastScrapedAt", "updatedAt", "updated_at")


def edited(fault: EditFault, status: int, body: bytes) -> Response:
    """
    :param body: the true one; what is no JSON stays as it is
    """
    try:
        told = json.loads(body)
    except ValueError:
        return Response(body, status)
    if fault.items is not None:
        _shorten(told, fault.items)
    if fault.marker_shift or fault.marker_style:
        _respell(told, fault)
    for path, value in fault.members.items():
        _put(told, path.split("."), value)
    for path in fault.missing:
        _drop(told, path.split("."))
    return Json(told, status)


def _shorten(told: Any, items: int) -> None:
    """Sensay's ``items`` and ``total``; SendKit's list is ``data``."""
    if not isinstance(told, dict):
        return
    for name in ("items", "data"):
        if isinstance(told.get(name), list):
            told[name] = told[name][:items]
            if "total" in told:
                told["total"] = len(told[name])


def _respell(told: Any, fault: EditFault) -> None:
    for each in _within(told):
        for name in MARKERS:
            if isinstance(each.get(name), str):
                each[name] = respell(each[name], fault.marker_style, fault.marker_shift)


def _within(told: Any) -> list[dict[str, Any]]:
    """Every object in it."""
    inner = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    own = [told] if isinstance(told, dict) else []
    return own + [found for each in inner for found in _within(each)]


def _put(told: Any, path: list[str], value: Any) -> None:
    """What is no object on the way becomes one."""
    first, *rest = path
    for key in _keys(told, first):
        if not rest:
            told[key] = value
        else:
            if not isinstance(told.get(key) if isinstance(told, dict) else told[key], dict | list):
                told[key] = {}
            _put(told[key], rest, value)


def _drop(told: Any, path: list[str]) -> None:
    first, *rest = path
    for key in _keys(told, first):
        if rest and (isinstance(told, list) or key in told):
            _drop(told[key], rest)
        elif isinstance(told, dict):
            told.pop(key, None)


def _keys(told: Any, part: str) -> list[Any]:
    """The keys of an object or the places of a list that one part of a path means."""
    if isinstance(told, dict):
        return list(told) if part == "*" else [part]
    if isinstance(told, list):
        return [at for at in range(len(told)) if part in ("*", str(at))]
    return []
