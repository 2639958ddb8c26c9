"""What a sync knows when it hands over to the triggerer, and gets back: small, whatever the number of documents."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from airflow_provider.refresh import codec
from airflow_provider.sync.progress import SyncWait, Verdict

E = TypeVar("E", bound=StrEnum)


class Given(StrEnum):
    """Whether a later run tries a document again that this run has given up."""

    LATER = "l"
    NEVER = "n"


class Done(StrEnum):
    """What this run did for a document; one letter, since there may be many."""

    CREATED = "c"
    UPDATED = "u"
    RENAMED = "r"
    JOINED = "j"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """
    A run's memory between two of its processes.

    :param started: seconds since the epoch
    :param deadline: when the whole run gives up
    :param plan: digest of the plan it began with
    :param version: of the source as it was read; :attr:`done` speaks of that source only
    :param done: what was done for each document, in the order of the key hashes; packed
    :param given_up: key hashes that are not tried again, with the reason; the first of them
    :param refused: all of them, packed as well
    :param superseded: entries that were removed because another took their place
    :param polls: looks so far
    """

    started: float
    deadline: float
    plan: str
    version: str
    done: str = ""
    given_up: dict[str, str] | None = None
    refused: str = ""
    superseded: int = 0
    polls: int = 0


def pack(keys: Iterable[str], done: Mapping[str, StrEnum]) -> str:
    """Write what was done for each key; twenty thousand creates are sixty characters."""
    letters = "".join(done.get(key, "-") for key in sorted(keys))
    return base64.b64encode(zlib.compress(letters.encode(), 9)).decode()


def unpack(keys: Iterable[str], packed: str, kind: type[E]) -> dict[str, E]:
    """
    Read what :func:`pack` wrote for the same keys.

    :raises ValueError: it was written for others
    """
    letters = zlib.decompress(base64.b64decode(packed)).decode() if packed else ""
    names = sorted(keys)
    if packed and len(names) != len(letters):
        raise ValueError("the source has another number of documents")
    return {key: kind(letter) for key, letter in zip(names, letters, strict=False) if letter != "-"}


SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """
    What a sync's trigger tells: the end of the wait, and what the worker had given it to carry.

    :param error: the last failed look, as the error tree writes it
    """

    wait: SyncWait
    verdict: Verdict
    carried: Carried
    error: dict[str, Any] | None = None

    def to_event(self) -> dict[str, Any]:
        """Return plain JSON with its schema version."""
        return {"schema": SCHEMA, **codec.dump(self)}

    @staticmethod
    def from_event(event: Any) -> SyncReport:
        """
        Rebuild a report.

        :raises ValueError: the event is missing, malformed or of a later schema
        """
        if not isinstance(event, dict) or event.get("schema") != SCHEMA:
            raise ValueError("the trigger's event is not a sync's report of schema 1")
        return codec.load(SyncReport, event)
