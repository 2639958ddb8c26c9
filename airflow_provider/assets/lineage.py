"""
What a refresh tells OpenLineage: from what was read, into what, at which price; all of it held already.

Nothing of OpenLineage is imported before Airflow asks, and Airflow asks only where its provider is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset
    from airflow.providers.openlineage.extractors import OperatorLineage

#: Name of the run facet.
FACET = "agentKnowledge_refresh"

#: Members of the result that the facet shows.
_TOLD = (
    "vendor",
    "target",
    "outcome",
    "status",
    "version",
    "marker",
    "credits_charged",
    "counts",
    "seconds",
    "polls",
    "confirmed",
    "ended",
    "dry_run",
)


def convert(asset: Asset, lineage_context: Any = None) -> Dataset | None:
    """Name an asset of ours as a dataset; Airflow's OpenLineage provider calls this for inlets and outlets."""
    return _dataset(asset.uri)


def lineage_of(result: dict[str, Any] | None, source: str | None = None) -> OperatorLineage[Any, Any] | None:
    """
    Describe a finished refresh.

    :param result: what the task returned; None if it did not come so far
    :param source: address of the document that was read, if there is one
    """
    if result is None:
        return None
    from airflow.providers.openlineage.extractors import OperatorLineage

    read = _dataset(source) if source else None
    written = _dataset(_uri(result))
    return OperatorLineage(
        inputs=[read] if read else [],
        outputs=[written] if written and not result.get("dry_run") else [],
        run_facets={FACET: _facet(result)},
    )


def _facet(result: dict[str, Any]) -> Any:
    import attrs
    from airflow.providers.common.compat.openlineage.facet import RunFacet

    kind = attrs.make_class("KnowledgeRefreshRunFacet", list(_TOLD), bases=(RunFacet,), kw_only=True)
    return kind(**{name: result.get(name) for name in _TOLD})


def _uri(result: dict[str, Any]) -> str:
    return f"{result['vendor']}://{result['target']}"


def _dataset(uri: str) -> Dataset | None:
    """Split an address as OpenLineage names things: who keeps it, and what it is called there."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(uri)
    if not parts.scheme:
        return Dataset(namespace="file", name=uri)
    name = parts.path if parts.scheme == "file" else parts.path.lstrip("/")
    if not name and not parts.netloc:
        return None
    netloc = parts.netloc.rpartition("@")[2]
    return Dataset(namespace=f"{parts.scheme}://{netloc}" if netloc else parts.scheme, name=name or "/")
