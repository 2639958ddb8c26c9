"""A source read as a sync reads it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from airflow_provider.sources import Document
from airflow_provider.sources.items import source_of
from airflow_provider.sources.values import Skip, key_of
from airflow_provider.sync.content import ReadingRules
from airflow_provider.sync.documents import Wanted
from airflow_provider.sync.reading import Reading
from airflow_provider.sync.spool import Spool

PLACE = "sensay:03db5651-cb61-4bdf-9ef0-89561f7c9c53"


@contextlib.contextmanager
def reading(
    documents: Any,
    *,
    keep: Any = lambda _: True,
    spool: Spool | None = None,
    stat_cache: dict[str, list[Any]] | None = None,
    **rules: Any,
) -> Iterator[Reading]:
    """Read a source once; it may be read again as long as the block lasts."""
    with spool or Spool() as place:
        made = Reading(
            source_of(documents), ReadingRules(destination=PLACE, **rules), place, keep, stat_cache
        )
        made.read()
        yield made


def read(documents: Any, **rules: Any) -> dict[str, Wanted]:
    """Read a source once; its documents by their keys."""
    with reading(documents, **rules) as done:
        return {document.key: document for document in done.wanted}


def keys(documents: Any, **arguments: Any) -> list[str]:
    """Only what a source lists, and would send."""
    listed = source_of(documents).documents(**arguments)
    return [key_of(each.key) for each in listed if isinstance(each, Document)]


def skips(documents: Any, **rules: Any) -> dict[str, tuple[Skip, str]]:
    """What a source holds and does not send, with the reason."""
    found = read(documents, **rules)
    return {key: (each.skip, each.detail) for key, each in found.items() if each.skip is not None}
