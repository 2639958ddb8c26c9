"""The commands and their options, once for ``python -m airflow_provider`` and for ``airflow``."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="What SendKit agents and Sensay replicas know.",
)

_EXIT_CODES = (
    "[bold]Exit codes[/bold]\n\n"
    "0  all are ready\n\n"
    "1  at least one failed, or has a status that nobody knows\n\n"
    "2  wrong usage, or a connection could not be read\n\n"
    "3  none failed, and at least one is in progress (SendKit's 'pending': queued, or never trained)"
)

Connections = Annotated[
    list[str] | None, typer.Argument(help="Ids of connections.", show_default="the default ones")
]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", metavar="ID", help="Only this agent or replica; repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object in place of the table.")]


@app.command(epilog=_EXIT_CODES)
def status(
    connections: Connections = None,
    ids: Ids = None,
    as_json: AsJson = False,
    keep_current: Annotated[
        bool, typer.Option("--watch", help="Keep the table current until Ctrl-C.")
    ] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks of --watch.", min=1)] = 10.0,
) -> None:
    """
    Show how the agents and replicas of a connection are: state, last refresh, documents or entries.

    It only reads, and costs nothing.
    """
    from rich.console import Console

    from airflow_provider.cli.look import look
    from airflow_provider.cli.table import table, watch

    if as_json and keep_current:
        raise typer.BadParameter("--json and --watch exclude each other")
    _as_airflow_does()
    console = Console(file=sys.stdout)
    with _log_on_stderr():
        if keep_current:
            seen = watch(lambda: look(connections or [], ids or []), console, every, time.sleep)
        else:
            seen = look(connections or [], ids or [])
    if as_json:
        typer.echo(json.dumps(seen.to_json(), indent=2))
    elif not keep_current:
        console.print(table(seen))
    raise typer.Exit(int(seen.exit))


_PLAN_EXIT_CODES = (
    "[bold]Exit codes[/bold]\n\n"
    "0  nothing to do\n\n"
    "1  there is no plan, or it would be refused\n\n"
    "2  there is something to do (also for wrong usage, which prints how to use it)"
)


@app.command(epilog=_EXIT_CODES)
def documents(
    connections: Connections = None,
    ids: Ids = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed, and why.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    List the documents that agents and replicas hold, with what the vendor says of each.

    It only reads, and costs nothing.
    """
    from rich.console import Console

    from airflow_provider.cli.look import documents as read
    from airflow_provider.cli.table import document_table

    _as_airflow_does()
    with _log_on_stderr():
        seen = read(connections or [], ids or [], failed=failed)
    if as_json:
        typer.echo(json.dumps(seen.to_json(), indent=2))
    else:
        Console(file=sys.stdout).print(document_table(seen))
    raise typer.Exit(int(seen.exit))


@app.command(epilog=_PLAN_EXIT_CODES)
def plan(
    dag_id: Annotated[str, typer.Argument(help="Id of the DAG.")],
    task_id: Annotated[str, typer.Argument(help="Id of its sync.")],
    dag_file: Annotated[
        str | None, typer.Option("--file", help="Read the DAG from this file, not from Airflow's bundles.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Show what a sync would create, change and delete if its task ran now; sends nothing, and costs nothing.

    Templates are rendered here; what only a run has (another task's output) is an error that says so.
    """
    from rich.console import Console

    from airflow_provider.cli import plan as plans
    from airflow_provider.cli.table import plan_table

    _as_airflow_does()
    try:
        with _log_on_stderr():
            made = plans.plan(dag_id, task_id, dag_file)
    except Exception as error:
        typer.echo(
            json.dumps({"error": plans.problem(error)}) if as_json else plans.problem(error), err=not as_json
        )
        raise typer.Exit(int(plans.Exit.ERROR)) from None
    if as_json:
        typer.echo(json.dumps(made.to_json(), indent=2))
    else:
        Console(file=sys.stdout).print(plan_table(made))
    raise typer.Exit(int(made.exit))


@app.command()
def cleanup(
    apply: Annotated[
        bool, typer.Option("--apply", help="Remove them; without it they are only listed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of the list.")] = False,
) -> None:
    """
    List the Airflow Variables that this provider keeps: versions delivered, credits of a day, open paid runs.

    Remove them only while no refresh runs: it would forget what it has paid for.
    """
    from airflow_provider.cli import cleanup as leftovers

    _as_airflow_does()
    with _log_on_stderr():
        found = leftovers.cleanup(apply=apply)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
        return
    for name in found.variables:
        typer.echo(name)
    number = len(found.variables)
    told = f"{number} Variable{'' if number == 1 else 's'} of this provider"
    if apply:
        told += " removed."
    else:
        told += ". Nothing was removed; --apply removes." if number else "."
    typer.echo(told)


def _as_airflow_does() -> None:
    """As `airflow connections test` does: what stands in the metadata database is then found too."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def sandbox(context: typer.Context) -> None:
    """Serve both vendors on this machine, to try and test DAGs without a key and without credits."""
    from airflow_provider.sandbox.__main__ import app as its_own

    its_own(context.args, prog_name=context.command_path)


@contextlib.contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Keep log lines out of what a script reads: Airflow's handlers, set up now or later, write to stdout."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.__stdout__):
            handler.setStream(sys.stderr)
    with contextlib.redirect_stdout(sys.stderr):
        yield
