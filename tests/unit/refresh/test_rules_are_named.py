"""The rules stand in the docs under the names and in the order that the code gives them."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider.vendors.sendkit.agent import AgentProof
from airflow_provider.vendors.sensay.entry import EntryProof

PAGE = Path(__file__).parents[3] / "docs" / "how-it-decides.md"


def test_the_page_numbers_every_rule_as_the_code_names_it() -> None:
    numbered = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \|", PAGE.read_text(), re.MULTILINE)
    names = [*AgentProof.__members__, *EntryProof.__members__]
    assert numbered == [(str(number), name) for number, name in enumerate(names, 1)]
