"""The arguments of a knowledge base's sync, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.arguments import Checker
from airflow_provider.errors import InvalidArgumentError
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.sync import run as syncs
from airflow_provider.sync.content import ReadingRules
from airflow_provider.sync.manifest import Manifest
from airflow_provider.sync.options import read_options
from airflow_provider.tasks.failures import refuse
from airflow_provider.triggers.sync import SensayKnowledgeBaseSyncTrigger
from airflow_provider.vendors.sensay import generation as generations
from airflow_provider.vendors.sensay.documents import SensayKnowledgeBase
from airflow_provider.vendors.sensay.endpoints import unusable_url

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider.operators.sensay import SensaySyncKnowledgeBaseOperator
    from airflow_provider.sync.saved_state import SyncReport


def sync(
    operator: SensaySyncKnowledgeBaseOperator, context: Context, report: SyncReport | None
) -> dict[str, Any]:
    """Check the arguments, all at once, then sync."""
    check = Checker()
    replica_uuid = check.uuid("replica_uuid", operator.replica_uuid)
    options = read_options(operator, check)
    refuse(type(operator).__name__, check.problems)
    hook = SensayHook(operator.sensay_conn_id)
    found = None if report is None else generations.KNOWLEDGE_BASE
    if (spoken := hook.generation(found)) != generations.KNOWLEDGE_BASE:
        raise InvalidArgumentError(
            f"{type(operator).__name__} needs generation 'knowledge-base'; this was "
            f"{generations.explain(spoken, hook.settings())}. The older API takes no title with a text, so nothing "
            "could tell our entries from others, and it lists the whole organisation. Nothing was sent. Update single "
            "entries there with SensayUpdateKnowledgeBaseEntryOperator."
        )
    recipe = ReadingRules(
        destination=f"sensay:{replica_uuid}", encoding=options.encoding, refuses_url=unusable_url
    )
    header = {"host": hook.settings().base_url, "replica": replica_uuid, "sync": options.sync_id}
    manifest = Manifest.read(options.manifest, header, recipe.name)
    leaving = len(manifest.tombstones)
    return syncs.run(
        context,
        operator.log,
        report,
        hook=hook,
        destination=SensayKnowledgeBase(
            replica_uuid=replica_uuid, sync_id=options.sync_id, recipe=recipe, leaving=leaving
        ),
        manifest=manifest,
        options=options,
        make_trigger=lambda wait, saved, not_before: SensayKnowledgeBaseSyncTrigger.of(
            wait,
            saved,
            not_before,
            conn_id=operator.sensay_conn_id,
            replica_uuid=replica_uuid,
            sync_id=options.sync_id,
        ),
    )
