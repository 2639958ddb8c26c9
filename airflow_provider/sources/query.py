"""A table, by a query through any SQL connection of Airflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.sources.document import Document, SkippedDocument
from airflow_provider.sources.files import given_file
from airflow_provider.sources.values import UnusableError

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

#: Rows fetched at a time; a driver that buffers on the client's side holds the whole answer all the same.
_ROWS = 500

_COLUMNS = ("key", "title", "text", "file", "url", "version", "metadata")


class Query:
    """
    The rows of a query; the connection's own provider runs it (``common.sql``).

    The columns are told by their names, in any case and order: ``key``; one of ``text``, ``url`` and ``file``;
    and, if you like, ``title``, ``version`` and ``metadata`` (JSON).

    :param sql: one statement, or a ``.sql`` file: beside the DAG, as in Airflow's own operators, or a whole path
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

    def documents(self, *, may_be_empty: bool = False) -> Iterator[Document | SkippedDocument]:
        """
        Yield one document for each row.

        :raises InvalidArgumentError: a column is missing or unknown, or the ``.sql`` file is not there
        """
        sql = self._statement()
        with closing(self._hook().get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql, self.parameters) if self.parameters else cursor.execute(sql)
            names = [str(column[0]).lower() for column in cursor.description or ()]
            self._check(names)
            number = 0
            while rows := cursor.fetchmany(_ROWS):
                for row in rows:
                    number += 1
                    yield Document.of(dict(zip(names, row, strict=True)), f"row {number} of the query")

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
                "may have 'title', 'version' and 'metadata', and nothing else (name them with AS). Nothing was sent."
            )

    def _statement(self) -> str:
        """Return the statement; a file is still one where no operator has rendered this query."""
        sql = str(self.sql).strip()
        if not sql.lower().endswith(".sql") or len(sql.split()) > 1:
            return sql
        try:
            return given_file(sql).read().decode("utf-8-sig")
        except (UnusableError, UnicodeDecodeError) as error:
            raise InvalidArgumentError(
                f"documents: {sql!r} cannot be read ({error}). Nothing was sent."
            ) from None
