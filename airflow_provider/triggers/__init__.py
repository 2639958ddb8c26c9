"""Triggers: wait on the triggerer; they only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider.lazy import names_of

if TYPE_CHECKING:
    from airflow_provider.triggers.sendkit import SendKitAgentTrainedEventTrigger, SendKitTrainingTrigger
    from airflow_provider.triggers.sensay import (
        SensayKnowledgeBaseChangedEventTrigger,
        SensayKnowledgeBaseEntryTrigger,
    )
else:
    __getattr__, __dir__ = names_of(__name__)

__all__ = [
    "SendKitAgentTrainedEventTrigger",
    "SendKitTrainingTrigger",
    "SensayKnowledgeBaseChangedEventTrigger",
    "SensayKnowledgeBaseEntryTrigger",
]
