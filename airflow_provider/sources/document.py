"""What a source yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """
    One document of a source.

    :param key: the source's own, lasting name for it: a path within the folder, a primary key. It tells
        documents apart for ever, so never a temporary path. A changed key is a new document
    :param title: what the vendor's list shows; the key, if none is given
    :param text: its text; exactly one of ``text``, ``file`` and ``url``
    :param file: a path or an object-storage URL of it; read when it is needed, and no earlier
    :param url: a public page, which the vendor reads itself
    :param version: your name for its content; a URL is read again only when its version changes
    """

    key: str
    title: str | None = None
    text: str | None = field(default=None, repr=False)
    file: Any = None
    url: str | None = None
    version: str | None = None

    @staticmethod
    def of(item: object, where: str) -> Document:
        """
        Read what a list, a function or a query holds: a document, its members by name, or a file's path.

        :param where: names the item in messages
        :raises InvalidArgumentError: it is none of these
        """
        if isinstance(item, Document):
            return item
        if isinstance(item, Mapping):
            known = {each.name for each in fields(Document)}
            strange = sorted(str(name) for name in item if name not in known)
            if strange or item.get("key") is None:
                trouble = f"has unknown members {strange}" if strange else "has no key"
                raise InvalidArgumentError(
                    f"documents: {where} {trouble}; a document has {sorted(known)}. Nothing was sent."
                )
            return Document(**{str(name): value for name, value in item.items()})
        if isinstance(item, str) or hasattr(item, "read_bytes"):
            return Document(key=str(item), file=item)
        raise InvalidArgumentError(
            f"documents: {where} is {type(item).__name__}; expected a Document, a dict or a path. Nothing was sent."
        )
