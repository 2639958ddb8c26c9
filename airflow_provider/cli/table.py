"""A look as a table, once or kept current."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from airflow_provider.cli.look import Look, Row, State

_STYLES = {
    State.READY: "green",
    State.IN_PROGRESS: "yellow",
    State.FAILED: "bold red",
    State.UNKNOWN: "bold magenta",
}


def table(seen: Look) -> Group:
    """Return what a person looks at: a table for each connection, and below them what could not be read."""
    tables: dict[str, Table] = {}
    for row in seen.rows:
        tables.setdefault(row.connection, _empty(row)).add_row(*_cells(row))
    problems = [f"[bold red]{escape(problem)}[/]" for problem in seen.problems]
    return Group(*tables.values(), *problems)


def watch(look: Callable[[], Look], console: Console, every: float, sleep: Callable[[float], None]) -> Look:
    """
    Look again and again until Ctrl-C.

    :param every: seconds between two looks
    :return: what was seen last
    """
    seen = look()
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                now = time.strftime("%H:%M:%S")
                live.update(
                    Group(table(seen), f"[dim]{now}, every {every:g} s; Ctrl-C ends it[/]"), refresh=True
                )
                sleep(every)
                seen = look()
        except KeyboardInterrupt:
            return seen


def _empty(row: Row) -> Table:
    title = f"{escape(row.connection)} [dim]({row.vendor})[/]"
    shown = Table(box=None, header_style="dim", pad_edge=False, title=title, title_justify="left")
    shown.add_column(row.kind, no_wrap=True)  # an id that is broken or cut short cannot be copied
    shown.add_column("state", no_wrap=True)
    shown.add_column("last refresh, UTC")
    shown.add_column("holds")
    return shown


def _cells(row: Row) -> tuple[str, ...]:
    name = f"\n[dim]{escape(row.name)}[/]" if row.name else ""
    state = f"[{_STYLES[row.state]}]{row.state.replace('_', ' ')}[/]"
    status = f"\n[dim]{escape(row.status)}[/]" if row.status else ""
    holds = "\n".join(f"{word.replace('_', ' ')}: {count}" for word, count in row.counts.items())
    note = f"\n[red]{escape(row.note)}[/]" if row.note else ""
    return escape(row.id) + name, state + status, _minute(row.last_refresh), escape(holds) + note


def _minute(time_of_vendor: str | None) -> str:
    """Return a vendor's time as people read it; anything else as it stands."""
    try:
        moment = datetime.fromisoformat(time_of_vendor or "")
    except ValueError:
        return escape(time_of_vendor or "")
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).strftime("%Y-%m-%d %H:%M")
