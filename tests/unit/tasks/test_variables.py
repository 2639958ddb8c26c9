"""What is remembered in Airflow Variables: credits by day, and no word of failure taken for absence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest

from airflow_provider.errors import RecordUnreadableError
from airflow_provider.tasks import variables
from airflow_provider.vendors.sendkit.agent import AgentTarget

AGENT = AgentTarget("664a1b2c3d4e5f6a7b8c9d0e")
NAME = "agent_knowledge.credits.sendkit.agents.664a1b2c3d4e5f6a7b8c9d0e"


class Variables:
    """Airflow's, for one test."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def set(self, key: str, value: Any, **_: Any) -> None:
        self.texts[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        del self.texts[key]


@pytest.fixture
def kept() -> Iterator[dict[str, str]]:
    stand_in = Variables()
    with (
        mock.patch("airflow.providers.common.compat.sdk.Variable", stand_in, create=True),
        mock.patch.object(variables, "_asked", stand_in.texts.get),
    ):
        yield stand_in.texts


def test_giving_back_yesterdays_credits_leaves_todays(kept: dict[str, str]) -> None:
    variables.note_spent(AGENT, "2026-01-01", Decimal(10))
    variables.note_spent(AGENT, "2026-01-02", Decimal(10))
    variables.note_spent(AGENT, "2026-01-01", Decimal(-10))
    assert variables.spent_on(AGENT, "2026-01-02") == 10
    assert variables.spent_on(AGENT, "2026-01-01") == 0


def test_two_days_are_kept(kept: dict[str, str]) -> None:
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        variables.note_spent(AGENT, day, Decimal("0.5"))
    assert json.loads(kept[NAME]) == {"2026-01-02": "0.5", "2026-01-03": "0.5"}


@pytest.mark.parametrize("text", ["spoilt", "[]", '"10"', '{"2026-01-01": "many"}', '{"2026-01-01": "NaN"}'])
def test_what_is_no_note_of_credits_is_not_nought(kept: dict[str, str], text: str) -> None:
    kept[NAME] = text
    with pytest.raises(RecordUnreadableError, match=NAME):
        variables.spent_on(AGENT, "2026-01-01")


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_nothing_noted_is_nought(kept: dict[str, str], text: str | None) -> None:
    if text is not None:
        kept[NAME] = text
    assert variables.spent_on(AGENT, "2026-01-01") == 0
