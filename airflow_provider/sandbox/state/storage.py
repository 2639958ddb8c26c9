"""Upload URLs and the bytes that arrived by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Upload:
    """
    One signed URL.

    :param content_type: a PUT with any other is refused, as by a signature that covers it; ``None``: any will do
    :param entry_id: the Sensay entry that waits for it; ``None`` for a SendKit document
    """

    key: str
    vendor: Literal["sendkit", "sensay"]
    filename: str
    expires_at: float
    content_type: str | None = None
    agent_id: str | None = None
    entry_id: int | None = None
    content: bytes | None = None
