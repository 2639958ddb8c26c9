"""What both hooks share: from a connection id to settings, from settings to an answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from airflow.providers.common.compat.sdk import BaseHook

if TYPE_CHECKING:
    from airflow_provider.http.call import Call
    from airflow_provider.http.client import Client
    from airflow_provider.http.settings import Settings
    from airflow_provider.vendors.connection import AnyConnection

T = TypeVar("T")


class KnowledgeHook(BaseHook):
    """
    A vendor's connection, ready to send.

    The connection is read anew each time settings are asked for, so a rotated key is picked up; whoever
    sends many calls asks once, by ``with hook.get_conn() as client``.

    :param conn_id: id of the Airflow connection
    """

    conn_type: ClassVar[str]
    conn_name_attr: ClassVar[str]
    default_conn_name: ClassVar[str]
    hook_name: ClassVar[str]

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    @staticmethod
    @abstractmethod
    def settings_from_connection(connection: AnyConnection, extra: object) -> Settings:
        """Turn a connection into settings, or raise all that is wrong with it at once; pure."""

    def settings(self) -> Settings:
        """Read the connection; for a worker."""
        from airflow.providers.common.compat.sdk import mask_secret

        connection = self.get_connection(self.conn_id)
        settings = self._heard(self.settings_from_connection(connection, connection.extra_dejson))
        for secret in (*settings.secrets, settings.proxy):
            if secret and len(secret) >= 5:  # Airflow warns about shorter ones
                mask_secret(secret)
        return settings

    async def asettings(self) -> Settings:
        """
        Read the connection without blocking the event loop; for a trigger.

        Airflow masks the password itself here; our own masking would be a synchronous call to the
        supervisor, which deadlocks in a triggerer.
        """
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson

        connection = await get_async_connection(self.conn_id, hook=self)
        extra = await get_async_extra_dejson(connection)
        return self._heard(self.settings_from_connection(connection, extra))

    @staticmethod
    def _heard(settings: Settings) -> Settings:
        from airflow_provider import telemetry

        return replace(settings, on_rate_limit=telemetry.rate_limited)

    def get_conn(self) -> Client:
        """Return a client; use it in a ``with`` statement."""
        from airflow_provider.http.client import Client

        return Client(self.settings())

    @contextmanager
    def handed_on(self) -> Iterator[Client]:
        """Open a client for somebody who will close it; closed here if that comes to nothing."""
        client = self.get_conn()
        try:
            yield client
        except BaseException:
            client.close()
            raise

    def send(self, call: Call[T], *, retry: bool = True) -> T:
        """
        Send one call over a connection of its own.

        :param retry: False: exactly one attempt
        """
        with self.get_conn() as client:
            return client.send(call, retry=retry)

    async def asend(self, call: Call[T], *, retry: bool = True) -> T:
        """
        Send one call from an event loop, over a connection of its own.

        :param retry: False: exactly one attempt
        """
        from airflow_provider.http.client import AsyncClient

        async with AsyncClient(await self.asettings()) as client:
            return await client.send(call, retry=retry)

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection: free, changes nothing, and says what was looked at."""
        from airflow_provider.errors import AgentKnowledgeError, InvalidConnectionError

        try:
            # Airflow tests a form under an id that it makes up for the moment, so no message shows one.
            return True, self._look(replace(self.settings(), conn_id=""))
        except InvalidConnectionError as error:
            return False, str(InvalidConnectionError("", error.problems))
        except AgentKnowledgeError as error:
            return False, str(error)

    @abstractmethod
    def _look(self, settings: Settings) -> str:
        """Read something that needs the key, and say what was seen."""
