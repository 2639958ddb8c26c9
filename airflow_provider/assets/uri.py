"""What both schemes share."""

from __future__ import annotations

from urllib.parse import SplitResult


def normalize(uri: SplitResult, form: str) -> tuple[str, list[str]]:
    """
    Split a URI into its first word and the rest, in lower case where case means nothing.

    :raises ValueError: it has a port, a query or a fragment, which these addresses do not
    """
    if uri.query or uri.fragment or ":" in uri.netloc or "@" in uri.netloc:
        raise ValueError(f"URI format {uri.scheme}:// must be {form}, without port, query or fragment")
    return uri.netloc.lower(), [part for part in uri.path.split("/") if part]
