"""What a source yields: a document, or the name of one that is not sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.values import Skip

#: Members of a loader's metadata that tell the parts of one file apart, and what they are called here.
_PARTS = {"page_number": "page", "page": "page", "row_index": "row", "item_index": "item"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """
    One document of a source. Numbers, UUIDs and dates may stand where a text is meant, JSON where its text is.

    :param key: the source's own, lasting name for it: a path within the folder, a primary key. It tells
        documents apart for ever, so never a temporary path. A changed key is a new document
    :param title: what the vendor's list shows; if none is given, that of a Markdown file, or else the key
    :param text: its text; exactly one of ``text``, ``file`` and ``url``
    :param file: a whole path or an object-storage URL of it; read when it is needed, and no earlier
    :param url: a public page, which the vendor reads itself
    :param version: your name for its content; a URL is read again only when its version changes
    :param metadata: what else is known of it; carried along, and sent where the vendor has a place for it
    """

    key: Any
    title: Any = None
    text: Any = field(default=None, repr=False)
    file: Any = None
    url: Any = None
    version: Any = None
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)

    @staticmethod
    def of(item: object, where: str) -> Document | SkippedDocument:
        """
        Read what a list, a function or a query holds: a document, its members by name, or a file's path.

        :param where: names the item in messages
        :raises InvalidArgumentError: it is none of these
        """
        if isinstance(item, Document | SkippedDocument):
            return item
        if isinstance(item, Mapping):
            members = {str(name): value for name, value in item.items()}
            if "key" not in members and isinstance(members.get("metadata"), Mapping):
                members = _loaded(members)
            known = {each.name for each in fields(Document)}
            strange = sorted(set(members) - known)
            if strange or "key" not in members:
                trouble = (
                    f"has unknown members {strange}" if strange else "has no key, nor a loader's file_path"
                )
                raise InvalidArgumentError(
                    f"documents: {where} {trouble}; a document has {sorted(known)}. Nothing was sent."
                )
            return Document(**members)
        if isinstance(item, str) or hasattr(item, "read_bytes"):
            return Document(key=str(item), file=item)
        raise InvalidArgumentError(
            f"documents: {where} is {type(item).__name__}; expected a Document, a dict or a path. Nothing was sent."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedDocument:
    """
    A document that the source has and that is not sent; it is present, so nothing of it is deleted.

    :param detail: why, in words
    """

    key: str
    skip: Skip
    detail: str = ""


def _loaded(members: dict[str, Any]) -> dict[str, Any]:
    """Name what Airflow's ``DocumentLoaderOperator`` returns: ``text``, and ``metadata`` that tells the file."""
    metadata = members["metadata"]
    path, name = (str(metadata.get(each) or "") for each in ("file_path", "file_name"))
    path = path or str(metadata.get("source") or "")  # LangChain's word
    if not (path or name):
        return members
    scheme, found, rest = path.partition("://")
    path = (rest.rpartition("@")[2] if found else scheme).lstrip("/") or name
    parts = {word: metadata[each] for each, word in _PARTS.items() if metadata.get(each) is not None}
    return {
        "key": path + "".join(f"#{word}={number}" for word, number in parts.items()),
        "title": ", ".join(
            [name or path.rpartition("/")[2], *(f"{word} {number}" for word, number in parts.items())]
        ),
        **members,
    }
