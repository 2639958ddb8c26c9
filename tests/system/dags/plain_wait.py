"""A deferral of Airflow's own, so that the stack is tested apart from what runs on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator, task


class WaitOperator(BaseOperator):
    """Sleep on the triggerer for as many seconds as the run's conf asks."""

    def execute(self, context: Any) -> NoReturn:
        seconds = context["dag_run"].conf.get("seconds", 3)
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=seconds)), method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> dict[str, Any]:
        return {"conf": context["dag_run"].conf}


with DAG("plain_wait", schedule=None) as dag:

    @task
    def after(result: dict[str, Any]) -> int:
        return len(result)

    after(WaitOperator(task_id="wait").output)  # type: ignore[arg-type]
