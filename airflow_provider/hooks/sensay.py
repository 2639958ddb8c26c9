"""The hook for Sensay, both generations of its API."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider.hooks.base import KnowledgeHook

if TYPE_CHECKING:
    from airflow_provider.http.client import Client
    from airflow_provider.http.settings import Settings
    from airflow_provider.vendors.connection import AnyConnection
    from airflow_provider.vendors.sensay.generation import Generation
    from airflow_provider.vendors.sensay.models import CreateReceipt, FileTypes, ReplicaPage
    from airflow_provider.vendors.sensay.values import Deletion, Entry, EntryPage, FileSlot

API_VERSION = "2025-03-25"
USER_ID_TYPES = ("discord", "telegram", "embed")


def settings_from_connection(connection: AnyConnection, extra: object) -> Settings:
    """
    Turn a ``sensay`` connection into settings; pure.

    The organization secret alone has full access; with a user id it acts as that user.
    https://docs.sensay.io/authentication

    :raises InvalidConnectionError: naming all that is wrong, by the labels of the form
    """
    from airflow_provider.http.settings import Settings
    from airflow_provider.vendors.connection import ConnectionReader
    from airflow_provider.vendors.sensay import generation as generations

    reader = ConnectionReader("sensay", connection, extra)
    secret, user, version = reader.secret(), reader.header("user_id"), reader.header("api_version")
    user_type = reader.choice("user_id_type", USER_ID_TYPES)
    api = reader.choice("api", generations.CHOICES) or "auto"
    common = reader.common()
    if user_type is not None and user is None:
        reader.problem(f"{reader.label('user_id_type')} is set although {reader.label('user_id')} is not")
    if version is not None and not _is_date(version):
        reader.problem(f"{reader.label('api_version')} must be a date like {API_VERSION}")
    reader.settle()
    headers = [("X-ORGANIZATION-SECRET", secret), ("X-API-Version", version or API_VERSION)]
    if user is not None:
        headers.append(("X-USER-ID", user))
    if user_type is not None:
        headers.append(("X-USER-ID-TYPE", user_type))
    return Settings(vendor="sensay", headers=tuple(headers), api=api, **common)


class SensayHook(KnowledgeHook):
    """
    Sensay by an Airflow connection.

    Methods that begin with ``training_`` speak the older generation, which the vendor removed in 2025.

    :param sensay_conn_id: id of a connection of type ``sensay``: the organization secret in the password field
    """

    conn_type = "sensay"
    conn_name_attr = "sensay_conn_id"
    default_conn_name = "sensay_default"
    hook_name = "Sensay"

    settings_from_connection = staticmethod(settings_from_connection)

    def __init__(self, sensay_conn_id: str = default_conn_name) -> None:
        super().__init__(sensay_conn_id)
        self.sensay_conn_id = sensay_conn_id

    # --- which generation ---------------------------------------------------------------------------------

    def generation(self, found: str | None = None) -> Generation:
        """
        Return the generation the connection names; if it names none, ask once per process.

        :param found: what an earlier process of the same task found; then nobody is asked
        """
        with self.get_conn() as client:
            return generation_of(client, found)

    async def ageneration(self) -> Generation:
        """Return the generation, from an event loop."""
        from airflow_provider.errors import ApiError
        from airflow_provider.http.client import AsyncClient
        from airflow_provider.vendors.sensay import endpoints as sensay
        from airflow_provider.vendors.sensay import generation as generations

        settings = await self.asettings()
        if (known := generations.known(settings)) is not None:
            return known
        failure = None
        async with AsyncClient(settings) as client:
            try:
                await client.send(sensay.file_types())
            except ApiError as error:
                failure = error
        return generations.settle(settings, failure)

    # --- the current generation ---------------------------------------------------------------------------

    def file_types(self) -> FileTypes:
        """Read which files the vendor takes; free."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.file_types())

    def create_text(self, replica_uuid: str, text: str, *, title: str | None = None) -> CreateReceipt:
        """Create an entry from a text; sent once."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.create_text(replica_uuid, text, title=title))

    def create_url(
        self, replica_uuid: str, url: str, *, title: str | None = None, auto_refresh: bool | None = None
    ) -> CreateReceipt:
        """Create an entry from a public page or a video; sent once."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.create_url(replica_uuid, url, title=title, auto_refresh=auto_refresh))

    def create_file(self, replica_uuid: str, filename: str, *, title: str | None = None) -> CreateReceipt:
        """Create an entry for a file, whose bytes then go to its signed URL by :meth:`put_upload`."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.create_file(replica_uuid, filename, title=title))

    def put_upload(self, signed_url: str, content: bytes, content_type: str) -> None:
        """PUT a file's bytes to its signed URL."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        self.send(sensay.put_upload(signed_url, content, content_type))

    def list_entries(self, replica_uuid: str, **filters: Any) -> EntryPage:
        """Read one page of entries; the filters are those of ``vendors.sensay.endpoints.list_entries``."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.list_entries(replica_uuid, **filters))

    def get_entry(self, replica_uuid: str, entry_id: int | str) -> Entry:
        """Read one entry."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.get_entry(replica_uuid, entry_id))

    def update_entry(
        self, replica_uuid: str, entry_id: int | str, *, raw_text: str | None = None, title: str | None = None
    ) -> None:
        """Replace the text or the title of an entry, without waiting for it to be ready."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        self.send(sensay.update_entry(replica_uuid, entry_id, raw_text=raw_text, title=title))

    def delete_entry(self, replica_uuid: str, entry_id: int | str) -> Deletion:
        """Delete an entry: at once, or accepted and done within 24 hours."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.delete_entry(replica_uuid, entry_id))

    def list_replicas(self, *, page: int = 1, page_size: int = 24) -> ReplicaPage:
        """Read one page of the organization's replicas, in either generation; free."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.list_replicas(page=page, page_size=page_size))

    def ask(self, replica_uuid: str, content: str, *, skip_chat_history: bool = True) -> str:
        """Ask a replica and return its answer; sent once."""
        from airflow_provider.vendors.sensay import endpoints as sensay

        return self.send(sensay.ask(replica_uuid, content, skip_chat_history=skip_chat_history))

    # --- the older generation -----------------------------------------------------------------------------

    def training_create_entry(self, replica_uuid: str) -> int:
        """Create an empty entry and return its id; sent once."""
        from airflow_provider.vendors.sensay import training_endpoints as sensay_training

        return self.send(sensay_training.create_entry(replica_uuid))

    def training_update_entry(
        self,
        replica_uuid: str,
        entry_id: int | str,
        *,
        raw_text: str | None = None,
        processed_text: str | None = None,
        vector_entry_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Replace an entry's content; exactly the given members are sent."""
        from airflow_provider.vendors.sensay import training_endpoints as sensay_training

        call = sensay_training.update_entry(
            replica_uuid,
            entry_id,
            raw_text=raw_text,
            processed_text=processed_text,
            vector_entry_id=vector_entry_id,
            metadata=metadata,
        )
        self.send(call)

    def training_get_entry(self, entry_id: int | str) -> Entry:
        """Read one entry of the organization."""
        from airflow_provider.vendors.sensay import training_endpoints as sensay_training

        return self.send(sensay_training.get_entry(entry_id))

    def training_list_entries(self, **filters: Any) -> EntryPage:
        """Read one page of entries; see :func:`airflow_provider.vendors.sensay.training_endpoints.list_entries`."""
        from airflow_provider.vendors.sensay import training_endpoints as sensay_training

        return self.send(sensay_training.list_entries(**filters))

    def training_delete_entry(self, entry_id: int | str) -> Deletion:
        """Delete an entry and its vectors."""
        from airflow_provider.vendors.sensay import training_endpoints as sensay_training

        return self.send(sensay_training.delete_entry(entry_id))

    def training_file_upload_url(self, replica_uuid: str, filename: str) -> FileSlot:
        """Create an entry for a file and return where its bytes go; sent once."""
        from airflow_provider.vendors.sensay import training_endpoints as sensay_training

        return self.send(sensay_training.file_upload_url(replica_uuid, filename))

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form; Airflow 3.1 looks for this on the class itself, an inherited one it does not see."""
        from airflow_provider.vendors.connection import ui_field_behaviour

        return ui_field_behaviour(cls.conn_type)

    def _look(self, settings: Settings) -> str:
        from airflow_provider.http.client import Client
        from airflow_provider.vendors.sensay import endpoints as sensay
        from airflow_provider.vendors.sensay import generation as generations
        from airflow_provider.vendors.sensay import training_endpoints as sensay_training

        with Client(settings) as client:
            spoken = generations.known(settings) or _asked(client, retry=False)
            if spoken == generations.TRAINING:
                client.send(sensay_training.list_entries(limit=1), retry=False)
                seen = "lists its entries"
            else:
                client.send(sensay.file_types(), retry=False)
                seen = "lists its file types"
        return (
            f"{settings.base_url} accepts the organization secret and {seen}; "
            f"{generations.explain(spoken, settings)}. Nothing was changed."
        )


def generation_of(client: Client, found: str | None = None) -> Generation:
    """Return the generation that a client's connection speaks; see :meth:`SensayHook.generation`."""
    from airflow_provider.vendors.sensay import generation as generations

    return generations.known(client.settings, found) or _asked(client)


def _asked(client: Client, *, retry: bool = True) -> Generation:
    from airflow_provider.errors import ApiError
    from airflow_provider.vendors.sensay import endpoints as sensay
    from airflow_provider.vendors.sensay import generation as generations

    failure = None
    try:
        client.send(sensay.file_types(), retry=retry)
    except ApiError as error:
        failure = error
    return generations.settle(client.settings, failure)


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
