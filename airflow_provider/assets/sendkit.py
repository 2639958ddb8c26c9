"""``sendkit://agents/<id>``: what an agent knows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from airflow_provider.assets.uri import asset_at, normalize

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset


def agent_asset(agent_id: str) -> Asset:
    """Return the asset for what an agent knows; the same as ``Asset("sendkit://agents/<id>")``."""
    return asset_at(sanitize_uri, f"sendkit://agents/{agent_id}")


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Normalise a ``sendkit`` URI; Airflow calls this.

    :raises ValueError: it is not ``sendkit://agents/<id>``
    """
    agents, parts = normalize(uri, "sendkit://agents/<agent id>")
    if agents != "agents" or len(parts) != 1:
        raise ValueError("URI format sendkit:// must be sendkit://agents/<agent id>")
    return uri._replace(netloc=agents, path=f"/{parts[0]}")
