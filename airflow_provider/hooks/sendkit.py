"""The hook for SendKit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.hooks.base import KnowledgeHook

if TYPE_CHECKING:
    from airflow_provider.http.settings import Settings
    from airflow_provider.vendors.connection import AnyConnection
    from airflow_provider.vendors.sendkit.models import Agent, ProcessReceipt, RetrainReceipt, UploadSlot

PLATFORM_PREFIX = "sk_user_"
"""A platform key; a workspace key begins with ``sk_`` alone, so this is the one to look for."""


def settings_from_connection(connection: AnyConnection, extra: object) -> Settings:
    """
    Turn a ``sendkit`` connection into settings; pure.

    Agents belong to a workspace: a platform key must name it in a header that the reference page of the
    retrain does not mention, and a workspace key must not. https://docs.sendkit.ai/

    :raises InvalidConnectionError: naming all that is wrong, by the labels of the form
    """
    from airflow_provider.http.settings import Settings
    from airflow_provider.vendors.connection import ConnectionReader

    reader = ConnectionReader("sendkit", connection, extra)
    key, workspace = reader.secret(), reader.header("workspace_id")
    common = reader.common()
    if key.startswith(PLATFORM_PREFIX) and workspace is None:
        reader.problem(
            f"{reader.label('workspace_id')} is missing: a platform key ({PLATFORM_PREFIX}…) needs it"
        )
    if key and not key.startswith(PLATFORM_PREFIX) and workspace is not None:
        reader.problem(
            f"{reader.label('workspace_id')} must be empty: a workspace key is bound to its own workspace"
        )
    reader.settle()
    headers = [("X-Api-Key", key)]
    if workspace is not None:
        headers.append(("X-Workspace-Id", workspace))
    return Settings(vendor="sendkit", headers=tuple(headers), **common)


class SendKitHook(KnowledgeHook):
    """
    SendKit by an Airflow connection.

    :param sendkit_conn_id: id of a connection of type ``sendkit``: the API key in the password field
    """

    conn_type = "sendkit"
    conn_name_attr = "sendkit_conn_id"
    default_conn_name = "sendkit_default"
    hook_name = "SendKit"

    settings_from_connection = staticmethod(settings_from_connection)

    def __init__(self, sendkit_conn_id: str = default_conn_name) -> None:
        super().__init__(sendkit_conn_id)
        self.sendkit_conn_id = sendkit_conn_id

    def list_agents(self) -> tuple[Agent, ...]:
        """List the active agents of the workspace; free."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return self.send(sendkit.list_agents())

    def get_agent(self, agent_id: str) -> Agent:
        """Read an agent, with the status of its training; free."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return self.send(sendkit.get_agent(agent_id))

    def retrain(self, agent_id: str) -> RetrainReceipt:
        """
        Queue a retrain: **10 credits**, sent once, without waiting for its end.

        ``SendKitRetrainAgentOperator`` waits, and does not pay twice.
        """
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return self.send(sendkit.retrain(agent_id))

    def update_agent(
        self, agent_id: str, *, name: str | None = None, company_url: str | None = None
    ) -> Agent:
        """Change an agent; ``company_url`` is the site that future retrains read."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return self.send(sendkit.update_agent(agent_id, name=name, company_url=company_url))

    def upload_document(self, agent_id: str, filename: str, content_type: str, file_size: int) -> UploadSlot:
        """Ask where to PUT a document; then :meth:`put_upload`, then :meth:`process_document`."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return self.send(sendkit.upload_document(agent_id, filename, content_type, file_size))

    def upload_document_multipart(
        self, agent_id: str, filename: str, content: bytes, content_type: str
    ) -> UploadSlot:
        """Send a document in one request."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        return self.send(sendkit.upload_document_multipart(agent_id, filename, content, content_type))

    def put_upload(self, url: str, content: bytes, content_type: str) -> None:
        """PUT a document to a signed URL."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        self.send(sendkit.put_upload(url, content, content_type))

    def process_document(
        self, agent_id: str, *, file_key: str, file_url: str, file_name: str, file_type: str, file_size: int
    ) -> ProcessReceipt:
        """Queue the indexing of one uploaded document."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        call = sendkit.process_document(
            agent_id,
            file_key=file_key,
            file_url=file_url,
            file_name=file_name,
            file_type=file_type,
            file_size=file_size,
        )
        return self.send(call)

    def delete_document(self, agent_id: str, file_key: str) -> None:
        """Remove one document from an agent."""
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        self.send(sendkit.delete_document(agent_id, file_key))

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form; Airflow 3.1 looks for this on the class itself, an inherited one it does not see."""
        from airflow_provider.vendors.connection import ui_field_behaviour

        return ui_field_behaviour(cls.conn_type)

    def _look(self, settings: Settings) -> str:
        from airflow_provider.http.client import Client
        from airflow_provider.vendors.sendkit import endpoints as sendkit

        with Client(settings) as client:
            agents = client.send(sendkit.list_agents(), retry=False)
        platform = any(name == "X-Workspace-Id" for name, _ in settings.headers)
        kind = "platform key with its workspace" if platform else "workspace key"
        return (
            f"{settings.base_url} accepts the {kind} and lists {len(agents)} agent(s). Nothing was changed."
        )
