"""
What Airflow reads at every process start; imports nothing.

The two connection forms are written here and nowhere else: the hooks take their labels from it, for messages
and for Airflow 3.1, which still asks the hook class.
"""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider: hooks, connection forms, operators, sensors and triggers."""
    return {
        "package-name": "airflow-provider-agent-knowledge",
        "name": "Agent Knowledge",
        "description": "Refresh what an AI agent knows, prove it, and never pay for it twice.",
        "integrations": [
            {
                "integration-name": "SendKit",
                "external-doc-url": "https://docs.sendkit.ai/",
                "tags": ["service"],
            },
            {
                "integration-name": "Sensay",
                "external-doc-url": "https://docs.sensay.io/",
                "tags": ["service"],
            },
        ],
        "hooks": _modules("hooks"),
        "operators": _modules("operators"),
        "sensors": _modules("sensors"),
        "triggers": _modules("triggers"),
        "task-decorators": [
            {
                "name": "sensay_documents",
                "class-name": "airflow_provider.decorators.sensay.sensay_documents",
            }
        ],
        "cli": ["airflow_provider.cli.commands.get_commands"],
        "extra-links": [
            "airflow_provider.operators.links.SendKitAgentLink",
            "airflow_provider.operators.links.SensayEntryLink",
        ],
        "asset-uris": [
            _asset_uri("sendkit"),
            _asset_uri("sensay"),
        ],
        "connection-types": [
            {
                "connection-type": "sendkit",
                "hook-class-name": "airflow_provider.hooks.sendkit.SendKitHook",
                "hook-name": "SendKit",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login"],
                    "relabeling": {"host": "Base URL", "password": "API key"},
                    "placeholders": {
                        "host": "https://api.sendkit.ai",
                        "port": "443",
                        "password": "sk_… (workspace key) or sk_user_… (platform key)",
                    },
                },
                "conn-fields": {
                    "workspace_id": _text(
                        "Workspace ID",
                        "Needed with a platform key (sk_user_…); leave it empty with a workspace key.",
                    ),
                    **_common_fields(),
                },
            },
            {
                "connection-type": "sensay",
                "hook-class-name": "airflow_provider.hooks.sensay.SensayHook",
                "hook-name": "Sensay",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login"],
                    "relabeling": {"host": "Base URL", "password": "Organization secret"},
                    "placeholders": {"host": "https://api.sensay.io", "port": "443"},
                },
                "conn-fields": {
                    "api": _choice(
                        "API generation",
                        "The vendor replaced its training API by the knowledge-base API in 2025. "
                        "'auto' asks once per process; naming one saves that request.",
                        ["auto", "knowledge-base", "training"],
                        default="auto",
                    ),
                    "api_version": _text("API version", "X-API-Version, a date; default 2025-03-25."),
                    "user_id": _text("User ID", "Act as this user; empty: as the organization."),
                    "user_id_type": _choice(
                        "User ID type",
                        "Set if User ID is that of a linked account.",
                        ["", "discord", "telegram", "embed"],
                        default="",
                    ),
                    **_common_fields(),
                },
            },
        ],
    }


def _modules(room: str) -> list[dict[str, Any]]:
    return [
        {"integration-name": name, "python-modules": [f"airflow_provider.{room}.{name.lower()}"]}
        for name in ("SendKit", "Sensay")
    ]


def _asset_uri(vendor: str) -> dict[str, Any]:
    return {
        "schemes": [vendor],
        "handler": f"airflow_provider.assets.{vendor}.sanitize_uri",
        "to_openlineage_converter": "airflow_provider.assets.lineage.convert",
    }


def _common_fields() -> dict[str, Any]:
    return {
        "requests_per_second": _number(
            "Requests per second", "Ceiling for each process, evenly spaced; empty: none.", exclusive=0
        ),
        "max_in_flight": {
            "label": "Requests in flight",
            "description": "Connections and requests at a time, for each process; default 8.",
            "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 64},
        },
        "connect_timeout": _number(
            "Connect timeout", "Seconds to open a connection; default 10.", exclusive=0
        ),
        "read_timeout": _number(
            "Read timeout", "Longest silence of the server, in seconds; default 100.", exclusive=0
        ),
        "proxy": {
            "label": "Proxy",
            "description": "http(s)://host:port; empty: what the environment says.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        "ca_file": _text("CA file", "PEM file to trust in place of the usual authorities."),
        "allow_http": {
            "label": "Allow http",
            "description": "Send the secret unencrypted to a Base URL that is not this machine.",
            "schema": {"type": ["boolean", "null"], "default": False},
        },
        "console_url": _text(
            "Console URL",
            "Where a person looks, for links; may hold {agent_id}, {replica_uuid} and {entry_id}.",
        ),
    }


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


def _number(label: str, description: str, *, exclusive: float) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "exclusiveMinimum": exclusive}
    return {"label": label, "description": description, "schema": schema}


def _choice(label: str, description: str, choices: list[str], *, default: str) -> dict[str, Any]:
    schema = {"type": ["string", "null"], "enum": choices, "default": default}
    return {"label": label, "description": description, "schema": schema}
