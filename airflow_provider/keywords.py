"""
The arguments of Airflow's own classes that operators and sensors hand on, by name and type.

For editors and type checkers only: ``**kwargs: Unpack[…]`` lets them see a misspelt ``on_runing=``. Nothing here is
imported when a DAG runs. It lists what any of Airflow 3.1 to 3.4 takes; Airflow itself refuses what its version does
not know.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Required, TypedDict

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import DAG, TaskGroup


class TaskKwargs(TypedDict, total=False):
    """What ``BaseOperator`` takes, but for the task's name."""

    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: Any
    on_failure_callback: Any
    on_success_callback: Any
    on_retry_callback: Any
    on_skipped_callback: Any
    pre_execute: Any
    post_execute: Any
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class BaseOperatorKwargs(TaskKwargs, total=False):
    """What ``BaseOperator`` takes."""

    task_id: Required[str]


class BaseSensorKwargs(BaseOperatorKwargs, total=False):
    """What ``BaseSensorOperator`` takes; ``poke_interval`` has another default in each of ours."""

    timeout: timedelta | float | None
    soft_fail: bool
    mode: str
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool


class TimedSensorKwargs(BaseSensorKwargs, total=False):
    """What ``BaseSensorOperator`` takes, with the interval that each of ours names."""

    poke_interval: Required[timedelta | float]


class SensorKwargs(BaseSensorKwargs, total=False):
    """What ``RefreshSensor`` takes, but for the same."""

    since: Any
    deferrable: bool
    max_read_failures: int | str
