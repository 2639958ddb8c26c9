"""The one clock of the sandbox: it may run faster than the wall, jump ahead, and be wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from typing import Literal


class Clock:
    """
    World time in epoch seconds; everything that "takes a while" takes it on this clock.

    :param scale: world seconds per real second
    :param wall: where real time comes from
    """

    def __init__(self, scale: float = 1.0, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._scale = scale
        self._real_origin = self._world_origin = wall()

    def now(self) -> float:
        return self._world_origin + (self._wall() - self._real_origin) * self._scale

    def set_scale(self, scale: float) -> None:
        """Change the speed from here on; what has passed stays passed."""
        self._world_origin, self._real_origin = self.now(), self._wall()
        self._scale = scale

    def advance(self, seconds: float) -> None:
        """Jump ahead, so that a test need not wait."""
        self._world_origin += seconds


def iso(at: float, skew: float = 0.0) -> str:
    """SendKit's style: ``2024-12-25T10:00:00.123Z``. ``skew`` is how wrong the vendor's clock is."""
    moment = datetime.fromtimestamp(at + skew, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_micro(at: float, skew: float = 0.0) -> str:
    """Sensay's style: ``2025-04-15T08:11:00.093761+00:00``."""
    return datetime.fromtimestamp(at + skew, UTC).isoformat(timespec="microseconds")


MarkerStyle = Literal["z", "offset", "zone", "no_zone", "epoch_ms"]


def respell(text: str, style: MarkerStyle | None, shift: float) -> str | float:
    """A vendor's time, moved, as another serializer would write it; without a style as it was written."""
    try:
        at = parse_time(text) + shift
    except ValueError:
        return text
    match style:
        case "z":
            return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case "offset":
            return iso_micro(at)
        case "zone":
            return datetime.fromtimestamp(at, timezone(timedelta(hours=2))).isoformat()
        case "no_zone":
            return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()
        case "epoch_ms":
            return round(at * 1000, 3)
        case None:
            return iso(at) if text.endswith("Z") else iso_micro(at)


def http_date(at: float) -> str:
    """As in ``Date`` and, sometimes, ``Retry-After``."""
    return formatdate(at, usegmt=True)


def parse_time(text: str) -> float:
    """Epoch seconds of an ISO time; a time without zone is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
