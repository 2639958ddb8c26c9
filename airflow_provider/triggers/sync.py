"""Waiting for a whole sync in the triggerer, by totals: its arguments name no document."""

from __future__ import annotations

import random
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from airflow_provider.triggers.base import LATE, WaitTrigger

if TYPE_CHECKING:
    from airflow_provider.hooks.base import KnowledgeHook
    from airflow_provider.refresh.observation import Target
    from airflow_provider.sync.progress import SyncWait
    from airflow_provider.sync.saved_state import SavedState, SyncReport


class KnowledgeSyncTrigger(WaitTrigger):
    """
    Wait until nothing of a sync is on its way.

    :param carried: what the worker wants back, as JSON
    """

    _killed = (
        "The task was marked or cleared while it waited. The vendor goes on with what was sent; the next run plans "
        "anew and sends only what is missing."
    )

    def __init__(self, *, carried: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.carried = carried

    @classmethod
    def of(cls, wait: SyncWait, carried: SavedState, not_before: float, **arguments: Any) -> Self:
        """
        Build a trigger from typed values.

        :param arguments: the connection, and what the vendor's trigger adds
        """
        from airflow_provider.refresh import codec

        return cls(wait=codec.dump(wait), carried=codec.dump(carried), not_before=not_before, **arguments)

    @abstractmethod
    def _targets(self) -> Sequence[Target]:
        """What is read."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        path, arguments = super().serialize()
        return path, arguments | {"carried": self.carried}

    async def _report(self) -> SyncReport:
        from airflow_provider.errors import ApiError
        from airflow_provider.refresh import codec
        from airflow_provider.sync import progress
        from airflow_provider.sync.progress import SyncWait, Verdict, tally
        from airflow_provider.sync.saved_state import SavedState, SyncReport
        from airflow_provider.sync.waiting import read_failed
        from airflow_provider.triggerer.reads import WaitReads

        wait = codec.load(SyncWait, self.wait)
        carried = codec.load(SavedState, self.carried)
        failure: ApiError | None = None
        async with WaitReads(self._hook(), self._dag_id, self._targets()) as reads:
            while True:
                now = time.time()
                pause = progress.next_look(
                    wait, now, random.random(), failure.retry_after if failure else None
                )
                try:
                    seen = tally(await reads.look(pause, max(pause, wait.deadline - now) + LATE))
                except ApiError as error:
                    failure = error
                    wait, verdict = read_failed(wait, failure, time.time())
                    self.log.warning("Look %d in a row failed: %s", wait.failures, failure)
                else:
                    failure, before = None, wait.last
                    wait, verdict = progress.look(wait, seen, time.time())
                    if seen != before:
                        self.log.info("%s", wait)
                if verdict is not Verdict.WAIT:
                    error_json = failure.to_json() if failure else None
                    return SyncReport(wait=wait, verdict=verdict, carried=carried, error=error_json)


class SensayKnowledgeBaseSyncTrigger(KnowledgeSyncTrigger):
    """
    Wait until no entry of a sync is in progress; five small requests a look, whatever their number.

    :param replica_uuid: the replica
    :param sync_id: the sync; other entries are not waited for. Empty: the whole knowledge base
    """

    def __init__(self, *, replica_uuid: str, sync_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.replica_uuid = replica_uuid
        self.sync_id = sync_id

    def _own_arguments(self) -> dict[str, Any]:
        return {"replica_uuid": self.replica_uuid, "sync_id": self.sync_id}

    def _targets(self) -> Sequence[Target]:
        from airflow_provider.vendors.sensay.totals import SensayTotals

        return SensayTotals(self.replica_uuid, self.sync_id).targets

    def _hook(self) -> KnowledgeHook:
        from airflow_provider.hooks.sensay import SensayHook

        return SensayHook(self.conn_id)


class SendKitDocumentsSyncTrigger(KnowledgeSyncTrigger):
    """
    Wait until no document of a sync is processing.

    :param agent_id: the agent
    :param sync_id: the sync; other documents are not waited for
    :param only: key hash of the one document that is waited for; empty: all of them
    """

    def __init__(self, *, agent_id: str, sync_id: str, only: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.agent_id = agent_id
        self.sync_id = sync_id
        self.only = only

    def _own_arguments(self) -> dict[str, Any]:
        return {"agent_id": self.agent_id, "sync_id": self.sync_id, "only": self.only}

    def _targets(self) -> Sequence[Target]:
        from airflow_provider.vendors.sendkit.totals import AgentDocuments

        return (AgentDocuments(self.agent_id, self.sync_id, self.only),)

    def _hook(self) -> KnowledgeHook:
        from airflow_provider.hooks.sendkit import SendKitHook

        return SendKitHook(self.conn_id)
