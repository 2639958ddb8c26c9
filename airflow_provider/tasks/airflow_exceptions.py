"""Airflow exceptions that common-compat does not carry, from where each version keeps them."""

from __future__ import annotations

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralTimeout
except ImportError:  # Airflow 3.1
    from airflow.exceptions import (  # type: ignore[no-redef]
        AirflowRescheduleException,
        TaskDeferralTimeout,
    )

__all__ = ["AirflowRescheduleException", "TaskDeferralTimeout"]
