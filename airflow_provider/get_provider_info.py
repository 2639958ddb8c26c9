"""What Airflow reads at every process start; imports nothing."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider: hooks, connection forms, operators, sensors and triggers."""
    return {
        "package-name": "airflow-provider-agent-knowledge",
        "name": "Agent Knowledge",
        "description": "Refresh what an AI agent knows, prove it, and never pay for it twice.",
    }
