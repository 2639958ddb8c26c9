"""Users and replicas of the Sensay organisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider.sandbox.state.clock import iso_micro


@dataclass(slots=True)
class User:
    """https://docs.sensay.io/operation/operation-post-v1-users"""

    id: str
    email: str | None = None
    name: str | None = None
    linked_accounts: list[dict[str, str]] = field(default_factory=list)

    def show(self) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "email": self.email,
            "name": self.name,
            "linkedAccounts": self.linked_accounts,
        }
        return {"success": True} | {key: value for key, value in shown.items() if value is not None}

    def is_linked(self, account_type: str, account_id: str) -> bool:
        return {"accountType": account_type, "accountID": account_id} in self.linked_accounts


@dataclass(slots=True)
class Replica:
    """https://docs.sensay.io/operation/operation-post-v1-replicas"""

    uuid: str
    profile: dict[str, Any]
    created_at: float
    chats: int = 0

    @property
    def owner(self) -> str:
        return str(self.profile["ownerID"])

    def show(self) -> dict[str, Any]:
        return self.profile | {"uuid": self.uuid}

    def show_listed(self) -> dict[str, Any]:
        """With the older members that a list repeats in snake_case."""
        return self.show() | {
            "profile_image": self.profile.get("profileImage"),
            "short_description": self.profile["shortDescription"],
            "introduction": self.profile["greeting"],
            "created_at": iso_micro(self.created_at),
            "owner_uuid": None,
            "voice_enabled": False,
            "video_enabled": False,
            "chat_history_count": self.chats,
            "system_message": self.profile["llm"].get("systemMessage", ""),
            "discord_integration": None,
            "telegram_integration": None,
        }
