"""
What ``airflow`` learns of our command line; it is loaded by every ``airflow`` command, so it imports nothing.

The sub-commands take all that follows them as it stands: their options are written once, in
:mod:`airflow_provider.cli.main`, for ``airflow agent-knowledge`` and ``python -m airflow_provider`` alike.
"""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

NAME = "agent-knowledge"


class Everything(Arg):
    """All that follows the name of a command, ``--help`` included."""

    def __init__(self) -> None:
        # Airflow's own class carries no annotations.
        super().__init__(("arguments",), nargs=argparse.REMAINDER)  # type: ignore[no-untyped-call]

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Take options for plain words too: to argparse they would be unknown options of its own."""
        parser.prefix_chars = "\0"
        super().add_to_parser(parser)


def get_commands() -> list[CLICommand]:
    """Return ``airflow agent-knowledge``; Airflow 3.2 and later call this."""
    return [
        GroupCommand(
            name=NAME,
            help="What AI agents and replicas know",
            subcommands=(
                ActionCommand(
                    name="status",
                    help="Show how the agents and replicas of a connection are",
                    func=_run,
                    args=(Everything(),),
                ),
                ActionCommand(
                    name="documents",
                    help="List the documents that they hold, or those that failed",
                    func=_run,
                    args=(Everything(),),
                ),
                ActionCommand(
                    name="plan",
                    help="Show what a sync would do if its task ran now",
                    func=_run,
                    args=(Everything(),),
                ),
                ActionCommand(
                    name="cleanup",
                    help="List the Variables that this provider keeps, or remove them",
                    func=_run,
                    args=(Everything(),),
                ),
                ActionCommand(
                    name="sandbox",
                    help="Serve both vendors on this machine, without a key and without credits",
                    func=_run,
                    args=(Everything(),),
                ),
            ),
        )
    ]


def _run(args: Any) -> NoReturn:
    import sys

    from airflow_provider.cli.main import app

    app([args.subcommand, *args.arguments], prog_name=f"airflow {NAME}")
    sys.exit()
