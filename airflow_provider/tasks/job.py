"""What one operator does, its arguments checked: the vendor's part of the road."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.errors import AgentKnowledgeError
from airflow_provider.refresh.observation import Observation, Target
from airflow_provider.refresh.record import Record
from airflow_provider.refresh.submit import Decision, Policy
from airflow_provider.refresh.wait import Purpose, Receipt, Rules, Wait
from airflow_provider.tasks.links import note_link
from airflow_provider.tasks.watch import Watch

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider.operators.base import RefreshOperator, WaitingOperator


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the vendor's answer to a write told."""

    receipt: Receipt = Receipt.PLAIN
    charged: Decimal = Decimal(0)
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The arguments of :class:`WaitingOperator`, as checked after templating."""

    waits: bool
    deferrable: bool
    poll_interval: float
    timeout: float
    max_read_failures: int
    start_grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Waiting):
    """The arguments of :class:`RefreshOperator`, as checked after templating."""

    version: str | None
    force: bool
    on_unconfirmed: str


def waiting(operator: WaitingOperator, check: Checker) -> dict[str, Any]:
    """Read the arguments that every waiting operator has."""
    return {
        "waits": check.flag("wait_for_completion", operator.wait_for_completion),
        "deferrable": check.flag("deferrable", operator.deferrable),
        "poll_interval": check.seconds("poll_interval", operator.poll_interval),
        "timeout": check.seconds("timeout", operator.timeout),
        "max_read_failures": check.count("max_read_failures", operator.max_read_failures),
        "start_grace": check.seconds("start_grace", operator.start_grace),
    }


def options(operator: RefreshOperator, check: Checker, context: Context) -> Options:
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


@dataclass(kw_only=True)
class Job(ABC):
    """
    What one operator does, its arguments checked: the vendor's part of the road.

    :param body: hash of what is sent
    :param name: what the record calls the target, where its key is not known before the write
    """

    target: Target
    rules: Rules
    watch: Watch
    options: Options
    body: str
    log: Any
    name: str = ""
    generation: str | None = None
    ready_statuses: tuple[str, ...] = ()
    dry_run: bool = False
    on_running: str = "adopt"
    price: str = ""

    def observe(self) -> Observation:
        """Look before the write, with the client's patience."""
        return self.watch.observe()

    def wait(self, purpose: Purpose, **fields: Any) -> Wait:
        """Begin a wait by the caller's arguments."""
        return Wait(
            purpose=purpose,
            start_grace=self.options.start_grace,
            poll_interval=self.options.poll_interval,
            max_read_failures=self.options.max_read_failures,
            ready_statuses=self.ready_statuses,
            generation=self.generation,
            **fields,
        )

    @abstractmethod
    def policy(self, record: Record | None, seen: Observation) -> Policy:
        """Say what the caller wants."""

    @abstractmethod
    def write(self) -> Written:
        """Send the write, once."""

    @abstractmethod
    def trigger(self, wait: Wait, record: Record | None, not_before: float) -> BaseTrigger:
        """Build the trigger that goes on with a wait."""

    @abstractmethod
    def refusal(self, decision: Decision) -> AgentKnowledgeError:
        """Say in the vendor's terms why an end could not be seen."""

    def link(self, context: Context) -> None:
        """Note where a person looks at the target, for the operator's extra link."""
        note_link(context, lambda: self.watch.console_url, self.target.key)

    def afford(self) -> None:  # noqa: B027 - only a paid write costs anything
        """Look whether a write is within the ceilings that are shared with other tasks; may refuse."""

    def reserve(self) -> None:  # noqa: B027
        """Note the cost of a write about to be sent; may refuse."""

    def release(self) -> None:  # noqa: B027
        """Take the note back: nothing was charged."""

    @abstractmethod
    def accepts(self, seen: Observation) -> bool:
        """May ``on_unconfirmed='accept'`` take this for the end?"""

    def ended_well(self, seen: Observation) -> AgentKnowledgeError | None:
        """Look at a proven success once more: some of it may have failed."""
        return None
