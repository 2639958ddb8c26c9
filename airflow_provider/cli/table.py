"""A look as a table, once or kept current."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from airflow_provider.cli.look import Look
from airflow_provider.cli.plan import SyncPlan
from airflow_provider.vendors.status import DocumentRow, Row, State

_STYLES = {
    State.READY: "green",
    State.IN_PROGRESS: "yellow",
    State.FAILED: "bold red",
    State.UNKNOWN: "bold magenta",
}


def table(seen: Look[Row]) -> Group:
    """Return what a person looks at: a table for each connection, and below them what could not be read."""
    tables: dict[str, Table] = {}
    for row in seen.rows:
        tables.setdefault(row.connection, _empty(row)).add_row(*_cells(row))
    return Group(*tables.values(), *_problems(seen.problems))


def document_table(seen: Look[DocumentRow]) -> Group:
    """Return the documents, a table for each target, and below them what could not be read."""
    tables: dict[str, Table] = {}
    for row in seen.rows:
        if row.target not in tables:
            title = f"{escape(row.target)} [dim]({escape(row.connection)})[/]"
            shown = Table(box=None, header_style="dim", pad_edge=False, title=title, title_justify="left")
            for name in ("document", "state", "sync", "changed, UTC", "why"):
                shown.add_column(name)
            tables[row.target] = shown
        state = f"[{_STYLES[row.state]}]{row.state.replace('_', ' ')}[/]"
        tables[row.target].add_row(
            f"{escape(row.title)}\n[dim]{escape(row.id)}[/]",
            state + (f"\n[dim]{escape(row.status)}[/]" if row.status else ""),
            row.sync_id or "",
            _minute(row.updated),
            escape(row.note or ""),
        )
    empty = [] if seen.rows or seen.problems else ["No such document."]
    return Group(*tables.values(), *empty, *_problems(seen.problems))


#: What is done to the knowledge base, in a colour.
_ACTION_STYLES = {"create": "green", "superseded": "red", "delete": "red"}


def plan_table(plan: SyncPlan) -> Group:
    """Return a plan: what would change, one line each, and the sum of it all."""
    shown = Table(box=None, header_style="dim", pad_edge=False, title_justify="left")
    for name in ("action", "document", "why"):
        shown.add_column(name)
    for row in plan.changes:
        style = _ACTION_STYLES.get(row["action"], "yellow")
        shown.add_row(
            f"[{style}]{row['action']}[/]", escape(str(row["key"])), escape(row.get("reason") or "")
        )
    counts = ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in plan.result["counts"].items())
    refused = plan.result.get("refused")
    parts: list[RenderableType] = [f"[bold]{escape(str(plan.result['target']))}[/]"]
    if plan.changes:
        parts.append(shown)
    parts.append(f"Plan {plan.result['plan']}: {counts or 'nothing'}. Nothing was sent.")
    if refused:
        parts.append(f"[bold red]Applied, it would be refused: {escape(refused)}[/]")
    return Group(*parts)


def _problems(problems: Iterable[str]) -> list[str]:
    return [f"[bold red]{escape(problem)}[/]" for problem in problems]


def watch(
    look: Callable[[], Look[Row]], console: Console, every: float, sleep: Callable[[float], None]
) -> Look[Row]:
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
