"""From an Airflow connection to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider.lazy import names_of

if TYPE_CHECKING:
    from airflow_provider.hooks.sendkit import SendKitHook
    from airflow_provider.hooks.sensay import SensayHook
else:
    __getattr__, __dir__ = names_of(__name__)

__all__ = [
    "SendKitHook",
    "SensayHook",
]
