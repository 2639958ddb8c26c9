"""A table, by a query through any SQL connection of Airflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.document import Document

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

#: Rows fetched at a time; a driver that buffers on the client's side holds the whole answer all the same.
_ROWS = 500

#: Numbers and dates are written as texts; bytes are not, they would read ``b'…'``.
_AS_IT_IS = (str, bytes, bytearray, memoryview, type(None))

_COLUMNS = ("key", "title", "text", "file", "url", "version")


class Query:
    """
    The rows of a query; the connection's own provider runs it (``common.sql``).

    The columns are told by their names, in any case and order: ``key``; one of ``text``, ``url`` and ``file``;
    and, if you like, ``title`` and ``version``.

    :param sql: one statement
    :param conn_id: the connection
    :param parameters: values for the statement's placeholders
    """

    template_fields = ("sql", "conn_id", "parameters")

    def __init__(
        self, sql: str, conn_id: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> None:
        self.sql = sql
        self.conn_id = conn_id
        self.parameters = parameters

    def __str__(self) -> str:
        return f"{self.conn_id}: {' '.join(str(self.sql).split())[:120]}"

    __repr__ = __str__

    def documents(self) -> Iterator[Document]:
        """
        Yield one document for each row.

        :raises InvalidArgumentError: a column is missing or unknown, or a row has no key
        """
        with closing(self._hook().get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(self.sql, self.parameters) if self.parameters else cursor.execute(self.sql)
            names = [str(column[0]).lower() for column in cursor.description or ()]
            self._check(names)
            number = 0
            while rows := cursor.fetchmany(_ROWS):
                for row in rows:
                    number += 1
                    yield self._document(dict(zip(names, row, strict=True)), number)

    def _hook(self) -> DbApiHook:
        from airflow.providers.common.compat.sdk import BaseHook

        hook: Any = BaseHook.get_connection(self.conn_id).get_hook()
        if not hasattr(hook, "get_conn") or not hasattr(hook, "get_records"):
            raise InvalidArgumentError(
                f"documents: connection '{self.conn_id}' ({type(hook).__name__}) runs no SQL. Nothing was sent."
            )
        return hook  # type: ignore[no-any-return]

    def _check(self, names: list[str]) -> None:
        strange = sorted(set(names) - set(_COLUMNS))
        doubled = sorted({name for name in names if names.count(name) > 1})
        content = {"text", "url", "file"} & set(names)
        if strange or doubled or "key" not in names or not content:
            raise InvalidArgumentError(
                f"documents: the query gives the columns {names}; it needs 'key' and one of 'text', 'url', 'file', "
                "may have 'title' and 'version', and nothing else (name them with AS). Nothing was sent."
            )

    def _document(self, row: dict[str, Any], number: int) -> Document:
        if row["key"] is None or not str(row["key"]).strip():
            raise InvalidArgumentError(f"documents: row {number} of the query has no key. Nothing was sent.")
        texts = {name: value if isinstance(value, _AS_IT_IS) else str(value) for name, value in row.items()}
        return Document.of(texts, f"row {number} of the query")
