"""Operators: submit, then wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider.lazy import names_of

if TYPE_CHECKING:
    from airflow_provider.operators.sendkit import (
        SendKitRetrainAgentOperator,
        SendKitSyncDocumentsOperator,
        SendKitUploadDocumentOperator,
    )
    from airflow_provider.operators.sensay import (
        SensayAskReplicaOperator,
        SensayCreateKnowledgeBaseEntryOperator,
        SensayDeleteKnowledgeBaseEntryOperator,
        SensaySyncKnowledgeBaseOperator,
        SensayUpdateKnowledgeBaseEntryOperator,
    )
else:
    __getattr__, __dir__ = names_of(__name__)

__all__ = [
    "SendKitRetrainAgentOperator",
    "SendKitSyncDocumentsOperator",
    "SendKitUploadDocumentOperator",
    "SensayAskReplicaOperator",
    "SensayCreateKnowledgeBaseEntryOperator",
    "SensayDeleteKnowledgeBaseEntryOperator",
    "SensaySyncKnowledgeBaseOperator",
    "SensayUpdateKnowledgeBaseEntryOperator",
]
