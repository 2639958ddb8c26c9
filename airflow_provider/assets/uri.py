"""What both schemes share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit, urlunsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset


def asset_at(sanitize: Callable[[SplitResult], SplitResult], uri: str) -> Asset:
    """
    Return the asset of a URI, under the name that Airflow gives it if an author gives none.

    Airflow keeps one active asset for each name and each URI: an asset of another name would push out the
    one that a DAG is scheduled on.

    :raises ValueError: an id in it is none
    """
    from airflow.providers.common.compat.sdk import Asset

    plain = urlunsplit(sanitize(urlsplit(uri)))
    return Asset(name=plain, uri=plain)


def normalize(uri: SplitResult, form: str) -> tuple[str, list[str]]:
    """
    Split a URI into its first word and the rest, in lower case where case means nothing.

    :raises ValueError: it has a port, a query or a fragment, which these addresses do not
    """
    if uri.query or uri.fragment or ":" in uri.netloc or "@" in uri.netloc:
        raise ValueError(f"URI format {uri.scheme}:// must be {form}, without port, query or fragment")
    return uri.netloc.lower(), [part for part in uri.path.split("/") if part]
