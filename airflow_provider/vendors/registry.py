"""
Which vendors there are: ours, and those that other packages bring.

A package names its vendor by an entry point of the group :data:`GROUP` that leads to a :class:`Vendor`; the module it
stands in has to be light, since each command reads it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

GROUP: Final = "agent_knowledge.vendors"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """
    One vendor, by the names of its parts; a part is imported when it is needed.

    :param name: the connection type, the scheme of its assets, the word in results
    :param label: how the vendor writes itself
    :param conn_id: the default connection
    :param hook: ``module:Class`` of its hook, which takes a connection id
    :param status: module with ``rows`` and ``documents``, see :mod:`airflow_provider.vendors.status`; None: the
        command line shows nothing of it
    """

    name: str
    label: str
    conn_id: str
    hook: str
    status: str | None = None

    def make_hook(self, conn_id: str) -> Any:
        """Return the vendor's hook on a connection."""
        module, _, name = self.hook.partition(":")
        return getattr(import_module(module), name)(conn_id)

    def status_module(self) -> Any:
        """Return the module that reads rows; None if there is none."""
        return import_module(self.status) if self.status else None


OURS = (
    Vendor(
        name="sendkit",
        label="SendKit",
        conn_id="sendkit_default",
        hook="airflow_provider.hooks.sendkit:SendKitHook",
        status="airflow_provider.vendors.sendkit.status",
    ),
    Vendor(
        name="sensay",
        label="Sensay",
        conn_id="sensay_default",
        hook="airflow_provider.hooks.sensay:SensayHook",
        status="airflow_provider.vendors.sensay.status",
    ),
)


@cache
def vendors() -> dict[str, Vendor]:
    """Return all vendors by name; one that cannot be loaded costs itself alone."""
    found = {vendor.name: vendor for vendor in OURS}
    for entry in entry_points(group=GROUP):
        where = f"Entry point '{entry.name}' ({entry.value})"
        try:
            vendor = entry.load()
        except Exception as error:
            log.warning("%s cannot be loaded: %s: %s", where, type(error).__name__, error)
            continue
        if not isinstance(vendor, Vendor):
            log.warning("%s names no Vendor", where)
        elif vendor.name in found:
            log.warning("%s names '%s', which is there already", where, vendor.name)
        else:
            found[vendor.name] = vendor
    return found
