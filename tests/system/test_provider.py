"""The installed wheel as Airflow's own commands see it."""

from __future__ import annotations

import json

from tests.system.stack import AirflowStack

DISTRIBUTION = "airflow-provider-agent-knowledge"


def test_airflow_lists_the_provider_without_a_warning(stack: AirflowStack) -> None:
    printed = stack.airflow("providers", "get", DISTRIBUTION, "--output", "json")
    (provider,) = json.loads(printed)
    assert provider["Provider"] == DISTRIBUTION


def test_airflow_lists_both_hooks_without_a_warning(stack: AirflowStack) -> None:
    # Warnings go to the same stream and would not be JSON.
    hooks = json.loads(stack.airflow("providers", "hooks", "--output", "json"))
    ours = {hook["connection_type"]: hook["class"] for hook in hooks if hook["package_name"] == DISTRIBUTION}
    assert ours == {
        "sendkit": "airflow_provider.hooks.sendkit.SendKitHook",
        "sensay": "airflow_provider.hooks.sensay.SensayHook",
    }
