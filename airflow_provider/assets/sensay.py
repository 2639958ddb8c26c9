"""``sensay://replicas/<uuid>/knowledge-base[/<entry>]``: what a replica knows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult
from uuid import UUID

from airflow_provider.assets.uri import asset_at, normalize

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset

_FORM = "sensay://replicas/<uuid>/knowledge-base[/<entry id>]"


def knowledge_base_asset(replica_uuid: str) -> Asset:
    """Return the asset for everything a replica knows; the same as an ``Asset`` of that URI."""
    return asset_at(sanitize_uri, f"sensay://replicas/{replica_uuid}/knowledge-base")


def entry_asset(replica_uuid: str, entry_id: int | str) -> Asset:
    """Return the asset for one entry of a knowledge base; the same as an ``Asset`` of that URI."""
    return asset_at(sanitize_uri, f"sensay://replicas/{replica_uuid}/knowledge-base/{entry_id}")


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Normalise a ``sensay`` URI: the UUID in its usual spelling, the entry id without zeros; Airflow calls this.

    :raises ValueError: it is not of the form above
    """
    replicas, parts = normalize(uri, _FORM)
    if replicas != "replicas" or len(parts) not in (2, 3) or parts[1] != "knowledge-base":
        raise ValueError(f"URI format sensay:// must be {_FORM}")
    try:
        parts[0] = str(UUID(parts[0]))
    except ValueError:
        raise ValueError(f"URI format sensay:// must be {_FORM}: the replica is no UUID") from None
    if len(parts) == 3:
        if not (parts[2].isascii() and parts[2].isdecimal()) or int(parts[2]) < 1:
            raise ValueError(f"URI format sensay:// must be {_FORM}: the entry is no positive integer")
        parts[2] = str(int(parts[2]))
    return uri._replace(netloc=replicas, path="/" + "/".join(parts))
