"""JSON as any JSON parser takes it, whatever a test put into it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response


class Json(JSONResponse):
    """A lone surrogate, which UTF-8 cannot carry, goes out as its escape, and NaN as NaN."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


class JsonRoute(APIRoute):
    """What an endpoint returns is the answer: not validated, since it may be wrong on purpose."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **declared: Any) -> None:
        status = declared.get("status_code") or 200

        @wraps(endpoint)
        async def answering(*args: Any, **kwargs: Any) -> Response:
            told = await endpoint(*args, **kwargs)
            return told if isinstance(told, Response) else Json(told, status)

        # FastAPI before 0.118, which Airflow 3.1 came with, looks annotations up where the wrapper was written.
        answering.__signature__ = inspect.signature(endpoint, eval_str=True)  # type: ignore[attr-defined]
        super().__init__(path, answering, **declared)
