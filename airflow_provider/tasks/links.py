"""
Where a person looks at a target.

The vendors document no console addresses, so the connection says where: its *Console URL* may hold
``{agent_id}``, ``{replica_uuid}`` and ``{entry_id}``. Without it there is no link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: The attribute of a task in which its link is noted while it runs.
LINK = "_console_link"


def note_link(context: Context, console_url: str | None, key: str) -> None:
    """
    Note where a person looks at a target, for the operator's extra link.

    :param console_url: what the connection says
    """
    from airflow_provider import telemetry

    with telemetry.harmless("Building the link to the vendor's console"):
        setattr(context["task"], LINK, console_link(console_url, key))


def console_link(console_url: str | None, key: str) -> str:
    """
    Fill the ids of a target into the connection's console URL.

    An address that is neither https nor this machine's own makes no link, since a person is to click on it; nor does
    one that names an entry where the target is a whole knowledge base.

    :param key: ``agents/<id>`` or ``replicas/<uuid>/knowledge-base[/<id>]``
    """
    if not console_url or not _is_shown(console_url):
        return ""
    parts = key.split("/")
    names = ("{agent_id}",) if parts[0] == "agents" else ("{replica_uuid}", "{entry_id}")
    for placeholder, value in zip(names, parts[1::2], strict=False):
        console_url = console_url.replace(placeholder, quote(value, safe=""))
    return "" if any(name in console_url for name in names) else console_url


def _is_shown(url: str) -> bool:
    from airflow_provider.http.settings import is_loopback

    parts = urlsplit(url)
    here = parts.scheme == "http" and is_loopback(parts.hostname)
    return "@" not in parts.netloc and (parts.scheme == "https" or here)
