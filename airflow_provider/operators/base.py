"""What every operator that waits has in common; light, since the scheduler parses it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Unpack

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider.arguments import OnUnconfirmed, check_words
from airflow_provider.tasks.mapping import NamedWhenMapped

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider.keywords import BaseOperatorKwargs
    from airflow_provider.operators.keywords import TimedWaitingKwargs
    from airflow_provider.refresh.report import Report
    from airflow_provider.tasks.record_store import RecordStore
    from airflow_provider.tasks.refresh_task import RefreshTask


class WaitingOperator(NamedWhenMapped, BaseOperator):
    """
    Write something, then wait until the vendor is through with it.

    :param wait_for_completion: False returns after the write and a few looks
    :param deferrable: wait in the triggerer and free the worker slot
    :param poll_interval: seconds; the longest gap between two looks, unless a rate limit stretches it
    :param timeout: seconds (or a timedelta) from the submit. The task then fails, the remote run goes on,
        and a retry re-attaches to it
    :param max_read_failures: failed reads in a row after which the wait gives up; a retry re-attaches
    :param start_grace: seconds that a terminal, missing or unknown status may stay without evidence
    """

    _waiting_template_fields = ("poll_interval", "timeout", "max_read_failures", "start_grace")

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | str,
        timeout: float | str | timedelta = 3600,
        max_read_failures: int | str = 5,
        start_grace: float | str,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.max_read_failures = max_read_failures
        self.start_grace = start_grace

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Describe the refresh to OpenLineage, from what the task holds; nothing is read anew."""
        from airflow_provider.assets.lineage import lineage_of
        from airflow_provider.tasks.publish import RESULT

        return lineage_of(getattr(self, RESULT, None), self._lineage_source())

    def _lineage_source(self) -> str | None:
        """Return the address of the document that the refresh read, if it has one."""
        return None


class RefreshOperator(WaitingOperator):
    """
    Submit a refresh, then wait for the proof that *this* refresh finished.

    The write happens on a worker, once; waiting happens on the worker or, with ``deferrable``, in the
    triggerer, which only reads.

    :param wait_for_completion: False returns after the submit and a few looks; a sensor given this task's
        output as ``since`` then proves the end just as well
    :param version: your name for the source content (git sha, ``max(updated_at)``, a hash): if the last
        delivered refresh had the same, the task does nothing
    :param force: refresh even so; also by ``{"force_refresh": true}`` in the run's conf
    :param on_unconfirmed: ``fail`` or ``accept`` an end that nothing ties to this refresh
    """

    _common_template_fields = (
        *WaitingOperator._waiting_template_fields,
        "version",
        "force",
        "on_unconfirmed",
    )

    def __init__(
        self,
        *,
        version: str | None = None,
        force: bool | str = False,
        on_unconfirmed: OnUnconfirmed | str = "fail",
        **kwargs: Unpack[TimedWaitingKwargs],
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.force = force
        self.on_unconfirmed = on_unconfirmed
        check_words(self, on_unconfirmed=OnUnconfirmed)

    #: Does a write charge or create, so that no clear may lose sight of it?
    _traced = False

    def _task(self, context: Context, records: RecordStore, generation: str | None) -> RefreshTask:
        """
        Check the arguments, all at once, and say what is to be done; nothing is written.

        :param generation: the API generation that an earlier process of this task found
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it does")

    def execute(self, context: Context) -> dict[str, Any]:
        """Decide, write at most once, look, and wait or defer."""
        return self._run(context, None)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Take the trigger's report and go on; needs nothing else."""
        from airflow_provider.tasks.deferral import report_from

        return self._run(context, report_from(event))

    def _run(self, context: Context, report: Report | None) -> dict[str, Any]:
        from airflow_provider.tasks.failures import said_in_the_log

        with said_in_the_log(self.log):
            return self._refresh(context, report)

    def _refresh(self, context: Context, report: Report | None) -> dict[str, Any]:
        from airflow_provider.tasks.record_store import RecordStore

        records = RecordStore(context, self.log, traced=self._traced)
        record = records.begin(report)
        found = (
            record.generation
            if record is not None
            else report.wait.generation
            if report is not None
            else None
        )
        task = self._task(context, records, found)
        try:
            return task.run(record, report)
        finally:
            task.close()

    def on_kill(self) -> None:
        """Say what becomes of the remote run: the vendors have no call that cancels it."""
        self.log.warning(
            "Killed. What was submitted goes on at the vendor, since there is no call that cancels it; nothing "
            "is refunded. A retry or a clear of this task re-attaches to it%s",
            "" if self.wait_for_completion else " if it has not ended",
        )
