"""``python -m airflow_provider.sandbox``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from airflow_provider.sandbox.options import Options, problems
from airflow_provider.sandbox.server import Ready, serve

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)

_EPILOG = (
    "[bold]Options of the world[/bold] (for --set; also PATCH /_sandbox/options while it runs):\n\n"
    + "\n\n".join(
        f"[cyan]{name}[/cyan] = {json.dumps(field.get_default(call_default_factory=True))}: {field.description}"
        for name, field in Options.model_fields.items()
    )
    + "\n\nFaults, held requests, seeds and the ledger of charges: /_sandbox, described at /docs."
)


@app.command(epilog=_EPILOG)
def main(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.", min=0, max=65535)] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to bind. It asks for no password: leave it on loopback.")
    ] = "127.0.0.1",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the world, see below; repeatable."),
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(help="Sensay generation: both, knowledge-base or training.", show_default="both"),
    ] = None,
    time_scale: Annotated[
        float | None,
        typer.Option(help="World seconds per real second: 10 makes everything ten times faster."),
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write a JSON with address, connections, ids and pid once it listens.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="One line per request.")] = False,
    with_parent: Annotated[
        bool, typer.Option(help="End when the process that started this one ends.")
    ] = False,
) -> None:
    """
    SendKit and Sensay on your own machine, to try and test DAGs without a key and without credits.

    Prints two AIRFLOW_CONN_… lines to paste into the shell that runs Airflow, and the ids of an agent, a replica
    and an entry that are there from the start. Everything lives in memory and is gone when it stops (Ctrl-C).
    """
    wanted = dict(_setting(text) for text in set_ or [])
    if generation is not None:
        wanted["sensay_generation"] = generation
    if time_scale is not None:
        wanted["time_scale"] = time_scale
    try:
        options = Options.model_validate(wanted)
    except ValidationError as error:
        raise typer.BadParameter(f"{problems(error)}. --help lists the options.") from None

    def ready(told: Ready) -> None:
        _greet(told)
        if ready_file is not None:
            told.write(ready_file)

    try:
        serve(options, host=host, port=port, verbose=verbose, on_ready=ready, with_parent=with_parent)
    except OSError as error:
        typer.echo(f"Cannot listen on {host}:{port}: {error.strerror}. Try --port 0.", err=True)
        raise typer.Exit(1) from None


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"--set takes NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _greet(told: Ready) -> None:
    text = (
        f"Both vendors listen at {told.base_url}\n",
        f"export AIRFLOW_CONN_SENDKIT_DEFAULT='{told.sendkit_connection}'",
        f"export AIRFLOW_CONN_SENSAY_DEFAULT='{told.sensay_connection}'",
        "",
        f"SendKit agent    {told.agent_id}",
        f"Sensay replica   {told.replica_uuid}",
        f"Sensay entry     {told.entry_id}",
        f"Sensay user      {told.user_id}",
        "",
        f"API page         {told.base_url}/docs   ({told.base_url}/openapi.json)",
        f"State            {told.base_url}/_sandbox/state",
    )
    typer.echo("\n".join(text))


if __name__ == "__main__":
    app(prog_name="python -m airflow_provider.sandbox")
