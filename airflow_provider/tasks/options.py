"""The arguments that tasks have in common, as checked after templating."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider.arguments import Checker

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class WaitingArguments(Protocol):
    """The arguments of an operator that waits, as a DAG author or a template left them."""

    wait_for_completion: Any
    deferrable: Any
    poll_interval: Any
    timeout: Any
    max_read_failures: Any
    start_grace: Any


class RefreshArguments(WaitingArguments, Protocol):
    """The arguments of an operator that refreshes something."""

    version: Any
    force: Any
    on_unconfirmed: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How to wait."""

    waits: bool
    deferrable: bool
    poll_interval: float
    timeout: float
    max_read_failures: int
    start_grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Waiting):
    """What every refresh is told."""

    version: str | None
    force: bool
    on_unconfirmed: str


def waiting(operator: WaitingArguments, check: Checker) -> dict[str, Any]:
    """Read the arguments that every waiting operator has."""
    return {
        "waits": check.flag("wait_for_completion", operator.wait_for_completion),
        "deferrable": check.flag("deferrable", operator.deferrable),
        "poll_interval": check.seconds("poll_interval", operator.poll_interval),
        "timeout": check.seconds("timeout", operator.timeout),
        "max_read_failures": check.count("max_read_failures", operator.max_read_failures),
        "start_grace": check.seconds("start_grace", operator.start_grace),
    }


def options(operator: RefreshArguments, check: Checker, context: Context) -> Options:
    """Read the arguments that every refresh has."""
    run = context.get("dag_run")
    run_conf = getattr(run, "conf", None) or {}
    return Options(
        **waiting(operator, check),
        version=check.label("version", operator.version),
        force=check.flag("force", operator.force)
        or check.flag("force_refresh", run_conf.get("force_refresh", False)),
        on_unconfirmed=check.word("on_unconfirmed", operator.on_unconfirmed, ("fail", "accept")),
    )
