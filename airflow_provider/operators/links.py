"""Links from a task to the vendor's console."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

from airflow_provider.tasks.links import LINK


class SendKitAgentLink(BaseOperatorLink):
    """The agent in SendKit's console."""

    name = "SendKit agent"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return what the task noted in this process; Airflow asks after each part of a run."""
        return str(getattr(operator, LINK, None) or "")


class SensayEntryLink(BaseOperatorLink):
    """The replica, or its entry, in Sensay's console."""

    name = "Sensay entry"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return what the task noted in this process; Airflow asks after each part of a run."""
        return str(getattr(operator, LINK, None) or "")
