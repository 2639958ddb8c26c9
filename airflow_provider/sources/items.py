"""A list from another task, or what a function yields; and which of all the sources an argument means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.document import Document
from airflow_provider.sources.folder import Folder
from airflow_provider.sources.query import Query


class Source(Protocol):
    """Documents, one after the other."""

    def documents(self) -> Iterator[Document]:
        """Yield all there are; an iteration that ends without an error was whole."""


class Items:
    """
    A list (an XCom, mostly), or a function that yields.

    :param items: documents, their members as dicts, or paths of files
    """

    def __init__(self, items: Iterable[object] | Callable[[], Iterable[object]]) -> None:
        self.items = items

    def __str__(self) -> str:
        """Name it the same at each parse: it stands in the serialized DAG."""
        name = getattr(self.items, "__qualname__", None) or type(self.items).__name__
        return f"{getattr(self.items, '__module__', '')}.{name}".lstrip(".")

    __repr__ = __str__

    def documents(self) -> Iterator[Document]:
        """Yield each as a document."""
        items: Any = self.items() if callable(self.items) else self.items
        if isinstance(items, (str, bytes, Document, Mapping)) or not isinstance(items, Iterable):
            items = [items]
        for number, item in enumerate(items, start=1):
            yield Document.of(item, f"item {number}")


def source_of(documents: object) -> Source:
    """
    Return what the argument ``documents`` means.

    :raises InvalidArgumentError: it is no source
    """
    if isinstance(documents, (Folder, Query, Items)):
        return documents
    if isinstance(documents, str) or hasattr(documents, "read_bytes"):
        return Folder(str(documents))
    if callable(documents) or (
        isinstance(documents, Iterable) and not isinstance(documents, (bytes, Mapping))
    ):
        return Items(documents)
    raise InvalidArgumentError(
        f"documents is {type(documents).__name__}; expected a URL with a glob, a Query, a list of documents or a "
        "function that yields them. Nothing was sent."
    )
