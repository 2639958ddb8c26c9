"""One address for one thing, however an author spells it; what is no such address is refused at parse."""

from __future__ import annotations

import pytest
from airflow.sdk import Asset

from airflow_provider.assets.sendkit import agent_asset
from airflow_provider.assets.sensay import entry_asset, knowledge_base_asset

AGENT = "65a1b2c3d4e5f6a7b8c9d0e1"
REPLICA = "03db5651-cb61-4bdf-9ef0-89561f7c9c53"


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        (f"sendkit://agents/{AGENT}", f"sendkit://agents/{AGENT}"),
        (f"sendkit://AGENTS/{AGENT}/", f"sendkit://agents/{AGENT}"),
        (
            f"sensay://replicas/{REPLICA.upper()}/knowledge-base",
            f"sensay://replicas/{REPLICA}/knowledge-base",
        ),
        (
            f"sensay://replicas/{REPLICA.replace('-', '')}/knowledge-base/",
            f"sensay://replicas/{REPLICA}/knowledge-base",
        ),
        (
            f"sensay://replicas/{REPLICA}/knowledge-base/0012345",
            f"sensay://replicas/{REPLICA}/knowledge-base/12345",
        ),
    ],
)
def test_a_uri_is_written_one_way(spelt: str, meant: str) -> None:
    assert Asset(spelt).uri == meant
    assert Asset(meant).uri == meant


@pytest.mark.parametrize(
    "wrong",
    [
        "sendkit://",
        "sendkit://agents",
        "sendkit://agents/",
        f"sendkit://agent/{AGENT}",
        f"sendkit://agents/{AGENT}/documents",
        f"sendkit://agents:8080/{AGENT}",
        f"sendkit://key@agents/{AGENT}",
        f"sendkit://agents/{AGENT}?force=1",
        "sensay://replicas",
        f"sensay://replicas/{REPLICA}",
        f"sensay://replicas/{REPLICA}/training/1",
        "sensay://replicas/nobody/knowledge-base",
        f"sensay://replicas/{REPLICA}/knowledge-base/first",
        f"sensay://replicas/{REPLICA}/knowledge-base/0",
        f"sensay://replicas/{REPLICA}/knowledge-base/-1",
        f"sensay://replicas/{REPLICA}/knowledge-base/1/2",
    ],
)
def test_what_is_no_such_address_is_refused_when_the_dag_is_parsed(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"s(endkit|ensay)://|URI"):
        Asset(wrong)


def test_the_helpers_build_the_same_assets_from_any_spelling() -> None:
    assert agent_asset(AGENT).uri == f"sendkit://agents/{AGENT}"
    assert knowledge_base_asset(REPLICA.upper()) == knowledge_base_asset(REPLICA)
    assert entry_asset(REPLICA.upper(), "0012345") == entry_asset(REPLICA, 12345)


def test_a_helpers_asset_is_the_one_that_an_author_writes_by_its_uri() -> None:
    # Airflow keeps one active asset for each URI: another name would push the author's out.
    for made in (agent_asset(AGENT), knowledge_base_asset(REPLICA), entry_asset(REPLICA, 1)):
        assert made == Asset(made.uri)


def test_a_helper_refuses_what_is_no_id() -> None:
    for make in (
        lambda: agent_asset(""),
        lambda: agent_asset("a/b"),
        lambda: knowledge_base_asset("nobody"),
        lambda: entry_asset(REPLICA, "first"),
        lambda: entry_asset(REPLICA, True),
    ):
        with pytest.raises(ValueError, match="URI format"):
            make()
