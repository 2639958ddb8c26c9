"""
What a vendor brings, and what it gets for it: the page to read before one is added.

A vendor is one folder below this one. It describes requests and reads answers; it sends nothing, waits for nothing, and
knows neither Airflow nor another vendor. It brings, each as one plain object or function:

- **endpoints**, functions that return a :class:`~airflow_provider.http.call.Call`, and **models** for their answers;
- a :class:`Target`: what a wait looks at, with its table from status to phase;
- :class:`Rules`: by which named :class:`Proof` a read belongs to *this* refresh, and what has to end before a write;
- a :class:`Refresh` for each operator that writes over something, a :class:`Create` for each that makes something anew;
- optionally a :class:`~airflow_provider.sync.destination.Destination`, for a whole knowledge base.

It gets for it: operators and sensors in every mode, the record and its trace (paid at most once, on any Airflow),
retries and rate limits, one poller for all waits, sync, events, lineage, results.

An operator of such a vendor is thin: it checks its arguments, builds a refresh, and hands both to
:class:`~airflow_provider.tasks.refresh_task.RefreshTask`, or to
:class:`~airflow_provider.tasks.create_task.CreateTask`. ``operators/sendkit.py`` shows the shortest one.
"""

from __future__ import annotations

from airflow_provider.refresh.create import Create, Found, Shows
from airflow_provider.refresh.observation import Observation, Phase, Target
from airflow_provider.refresh.submit import Refresh, WriteReceipt
from airflow_provider.refresh.wait import Proof, Purpose, Receipt, Rules, Wait

__all__ = [
    "Create",
    "Found",
    "Observation",
    "Phase",
    "Proof",
    "Purpose",
    "Receipt",
    "Refresh",
    "Rules",
    "Shows",
    "Target",
    "Wait",
    "WriteReceipt",
]
