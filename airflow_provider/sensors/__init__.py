"""Sensors: they only wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider.lazy import names_of

if TYPE_CHECKING:
    from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
    from airflow_provider.sensors.sensay import SensayKnowledgeBaseEntryReadySensor
else:
    __getattr__, __dir__ = names_of(__name__)

__all__ = [
    "SendKitAgentTrainedSensor",
    "SensayKnowledgeBaseEntryReadySensor",
]
