"""What every request can reach: the world, the traffic, the faults; replaced as one by a reset."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from airflow_provider.sandbox.app.faults import FaultQueue
from airflow_provider.sandbox.app.holding import Holds
from airflow_provider.sandbox.app.limits import RateLimit
from airflow_provider.sandbox.app.traffic import Connections, Traffic
from airflow_provider.sandbox.options import Options
from airflow_provider.sandbox.state.world import World

LAG = "sandbox_lag"
"""Key of a request's scope: by how many seconds this one read lags."""


class Site:
    """
    One running sandbox.

    :param base_url: as clients reach it; set once the port is known
    """

    def __init__(
        self, options: Options, base_url: str = "http://127.0.0.1:8765", verbose: bool = False
    ) -> None:
        self.start_options = options
        self.base_url = base_url
        self.verbose = verbose
        self.connections = Connections()
        self.holds = Holds()
        self.reset()

    def reset(self) -> None:
        """As it was at the start; whoever is held is let go without an answer."""
        self.holds.release_all("drop")
        self.world = World(self.start_options)
        self.faults = FaultQueue()
        self.traffic = Traffic()
        self.rate = RateLimit()

    def upload_url(self, key: str, vendor: str) -> str:
        """Another host name than the API's, so that a client which sends its key along is found out."""
        scheme, _, rest = self.base_url.partition("://")
        port = rest.rpartition(":")[2]
        host = self.world.options.storage_host
        return f"{scheme}://{host}:{port}/_storage/{vendor}/{key}?signature={key[:12]}"


def site_of(request: Request) -> Site:
    site = request.app.state.site
    assert isinstance(site, Site)
    return site


def world_of(request: Request) -> World:
    return site_of(request).world


def read_at(request: Request) -> float:
    """The moment whose state a read of one agent or entry tells."""
    return _then(request, world_of(request).options.read_lag_seconds)


def listed_at(request: Request) -> float:
    return _then(request, world_of(request).options.list_lag_seconds)


def _then(request: Request, lag: float) -> float:
    return world_of(request).now - float(request.scope.get(LAG, lag))


def request_id_of(request: Request) -> str:
    """The id under which this request is logged, charged and, at Sensay, answered."""
    return str(request.scope.get("sandbox_request_id", "sbx1::local:local::00000"))


AnySite = Annotated[Site, Depends(site_of)]
AnyWorld = Annotated[World, Depends(world_of)]
ReadAt = Annotated[float, Depends(read_at)]
ListedAt = Annotated[float, Depends(listed_at)]
RequestId = Annotated[str, Depends(request_id_of)]
