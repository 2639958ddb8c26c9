"""A list from another task, or what a function yields; and which of all the sources an argument means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.document import Document, SkippedDocument
from airflow_provider.sources.files import given_file
from airflow_provider.sources.folder import Folder, has_glob
from airflow_provider.sources.query import Query


class Source(Protocol):
    """Documents, one after the other."""

    def documents(self, *, may_be_empty: bool = False) -> Iterator[Document | SkippedDocument]:
        """
        Yield all there are; an iteration that ends without an error was whole.

        :param may_be_empty: nothing at all is what the caller expects
        """


class Items:
    """
    A list (an XCom, mostly), or a function that yields.

    :param items: documents, their members as dicts, paths of files, globs, other sources, or lists of these
    """

    def __init__(self, items: Iterable[object] | Callable[[], Iterable[object]]) -> None:
        self.items = items

    def __str__(self) -> str:
        """Name it the same at each parse: it stands in the serialized DAG."""
        name = getattr(self.items, "__qualname__", None) or type(self.items).__name__
        return f"{getattr(self.items, '__module__', '')}.{name}".lstrip(".")

    __repr__ = __str__

    def documents(self, *, may_be_empty: bool = False) -> Iterator[Document | SkippedDocument]:
        """Yield each as a document."""
        for number, item in enumerate(_flat(self.items() if callable(self.items) else self.items), start=1):
            if isinstance(item, str) and has_glob(item) and not given_file(item).exists():
                yield from _of_glob(item, number, may_be_empty=may_be_empty)
                continue
            if isinstance(item, (Folder, Query, Items)):
                yield from item.documents(may_be_empty=may_be_empty)
            else:
                yield Document.of(item, f"item {number}")


def _of_glob(text: str, number: int, *, may_be_empty: bool) -> Iterator[Document | SkippedDocument]:
    """Yield what a glob means; brackets that mean nothing are the name of a given file that is not there."""
    found = False
    for document in Folder(text).documents(may_be_empty=may_be_empty):
        found = True
        yield document
    if not found and not any(each in text for each in "*?{"):
        yield Document.of(text, f"item {number}")


def _flat(items: Any) -> Iterator[object]:
    """Yield what lists in lists hold: any mapped task's output is one."""
    if isinstance(items, (str, bytes, Document, SkippedDocument, Mapping)) or not isinstance(items, Iterable):
        yield items
        return
    for item in items:
        yield from _flat(item)


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
