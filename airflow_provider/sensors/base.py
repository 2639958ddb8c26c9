"""What both sensors share: one wait in three modes, and one verdict in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider.tasks.mapping import NamedWhenMapped

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.keywords import TimedSensorKwargs
    from airflow_provider.refresh.report import Report
    from airflow_provider.tasks.sensor import SensorTask


class RefreshSensor(NamedWhenMapped, BaseSensorOperator):
    """
    Wait until a target is ready; sends nothing but reads, and costs nothing.

    A *final* verdict (failed, unconfirmed, an unknown status beyond the grace, 401 …) fails without a retry;
    *could not look* is retryable; a passed deadline is an ``AirflowSensorTimeout``. ``soft_fail`` turns a
    final verdict or a timeout into *skipped*, ``never_fail`` every failure; alike in all three modes.

    :param since: what to wait for. None: a gate on the present state. An operator's ``.output``: the end of
        that refresh, proven from where the operator stopped. A vendor time: a run whose marker is later
    :param deferrable: wait in the triggerer
    :param start_grace: seconds that a missing, unknown, idle or unproven status may stay
    :param max_read_failures: failed reads in a row after which the sensor gives up
    :param timeout: seconds; with ``mode="reschedule"`` it starts anew with each try
    """

    _common_template_fields = ("since", "start_grace", "max_read_failures")

    def __init__(
        self,
        *,
        since: Any = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_grace: float | str,
        max_read_failures: int | str = 5,
        **kwargs: Unpack[TimedSensorKwargs],
    ) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.deferrable = deferrable
        self.start_grace = start_grace
        self.max_read_failures = max_read_failures

    def _task(self, context: Context, generation: str | None = None) -> SensorTask:
        """
        Check the arguments, all at once, and say what is looked at.

        :param generation: the API generation that an earlier process of this task found
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it looks at")

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        from airflow_provider.refresh.wait import Verdict

        with self._task(context) as task:
            report = task.look()
            if report.verdict is Verdict.WAIT:
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(is_done=True, xcom_value=task.end(report))

    def execute(self, context: Context) -> Any:
        """Wait in the mode that was asked for."""
        return self._ended(lambda: self._execute(context))

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider.tasks.sensor import SensorMemory

        if self.mode == "reschedule" and not self.deferrable:
            memory = SensorMemory(context, self.log)
            known = memory.read()
            with self._task(context, known.generation if known else None) as task:
                return task.reschedule(memory)
        with self._task(context) as task:
            return task.defer() if self.deferrable else task.stay()

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Take the trigger's report; needs nothing else."""
        from airflow_provider.tasks.deferral import report_from

        report: Report = report_from(event)
        with self._task(context, report.wait.generation) as task:
            return task.end(report)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume, past the base sensor's own rules, whose verdicts differ between modes."""
        return self._ended(lambda: BaseOperator.resume_execution(self, next_method, next_kwargs, context))

    def _ended(self, run: Callable[[], Any]) -> Any:
        from airflow_provider.tasks.failures import said_in_the_log

        with said_in_the_log(self.log):
            return self._verdict(run)

    def _verdict(self, run: Callable[[], Any]) -> Any:
        from airflow_provider.tasks.airflow_exceptions import (
            AirflowRescheduleException,
            TaskDeferralTimeout,
        )

        try:
            try:
                return run()
            except TaskDeferralTimeout as error:
                raise AirflowSensorTimeout(*error.args) from error
        except (AirflowSkipException, AirflowRescheduleException):
            raise
        except (AirflowFailException, AirflowSensorTimeout) as error:
            if self.soft_fail or self.never_fail:
                flag = "soft_fail" if self.soft_fail else "never_fail"
                raise AirflowSkipException(f"Skipped, as {flag} asks: {error}") from error
            raise
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException(f"Skipped, as never_fail asks: {error}") from error
            raise
