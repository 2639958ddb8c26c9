"""
Where documents come from: a folder, a table, a list, a function.

``from airflow_provider.sources import Document, Folder, Query``
"""

from __future__ import annotations

from airflow_provider.sources.document import Document
from airflow_provider.sources.folder import Folder
from airflow_provider.sources.query import Query

__all__ = ["Document", "Folder", "Query"]
