"""The reads of one wait in the triggerer: a round of looks, and a connection that is read anew after a 401."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from airflow_provider.errors import ApiError, AuthenticationError
from airflow_provider.triggerer import poller
from airflow_provider.triggerer.connections import settings_of

if TYPE_CHECKING:
    from airflow_provider.http.settings import Settings, SettingsSource
    from airflow_provider.refresh.observation import Observation, Target
    from airflow_provider.triggerer.subscription import Subscription


class WaitReads:
    """
    What one wait reads, round after round.

    :param hook: reads the connection
    :param dag_id: whose wait it is, as the triggerer says
    :param targets: what one round reads
    :param status: the status seen last, where there is one target
    :param marker: the marker seen last
    """

    def __init__(
        self,
        hook: SettingsSource,
        dag_id: str | None,
        targets: Sequence[Target],
        status: str | None = None,
        marker: str | None = None,
    ) -> None:
        self._hook = hook
        self._dag_id = dag_id
        self._targets = targets
        self._last = [(status, marker)] * len(targets)
        self._settings: Settings | None = None
        self._subscriptions: list[Subscription] = []
        self._round: dict[int, Observation] = {}

    async def __aenter__(self) -> Self:
        await self._subscribe()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()

    async def look(self, pause: float, patience: float) -> list[Observation]:
        """
        Read each target once, ``pause`` seconds from now.

        A 401 has the connection read anew and is asked again at once: a wait may last for days, and a key be rotated
        more than once in it.

        :param patience: seconds after which to give up, however long the vendor takes
        :raises ApiError: a read failed. The next round asks for what is missing alone: all at once might never be
            allowed by a rate limit
        """
        try:
            return await self._read(pause, patience)
        except AuthenticationError:
            self._unsubscribe()
            await self._subscribe()
            return await self._read(0.0, patience)

    async def _read(self, pause: float, patience: float) -> list[Observation]:
        missing = [place for place in range(len(self._targets)) if place not in self._round]
        if len(missing) == 1:
            self._round[missing[0]] = await self._subscriptions[missing[0]].observe(pause, patience)
        else:
            looks = await asyncio.gather(
                *(self._subscriptions[place].observe(pause, patience) for place in missing),
                return_exceptions=True,
            )
            faults = []
            for place, look in zip(missing, looks, strict=True):
                if isinstance(look, BaseException):
                    faults.append(look)
                else:
                    self._round[place] = look
            if faults:
                raise next((each for each in faults if not isinstance(each, ApiError)), faults[0])
        seen = [self._round[place] for place in range(len(self._targets))]
        self._round.clear()
        return seen

    async def _subscribe(self) -> None:
        self._settings = await settings_of(self._hook, self._dag_id, refused=self._settings)
        self._subscriptions = [
            poller.subscribe(self._settings, target, status, marker)
            for target, (status, marker) in zip(self._targets, self._last, strict=True)
        ]

    def _unsubscribe(self) -> None:
        for subscription in self._subscriptions:
            subscription.unsubscribe()
        self._last = [(each.status, each.marker) for each in self._subscriptions] or self._last
        self._subscriptions = []
