"""What a test can ask for beyond the vendors' good manners: late reads, odd answers, hostile texts."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider.sandbox.client import Sandbox

pytest_plugins = ["airflow_provider.sandbox.fixtures"]

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
HOSTILE = "crawl \ud800 failed \x00 here"


def data(client: httpx.Client, path: str) -> dict[str, Any]:
    told: dict[str, Any] = client.get(path).json()["data"]
    return told


def marker(client: httpx.Client, path: str) -> Any:
    return data(client, path)["knowledgeBase"]["lastScrapedAt"]


def recipes() -> list[str]:
    table = PAGE.partition("### Recipes")[2].partition("###")[0]
    return re.findall(r"`((?:fault|options|set_agent|set_entry)\([^`]*\))`", table)


@pytest.mark.parametrize("recipe", recipes())
def test_every_recipe_is_understood(knowledge_sandbox: Sandbox, recipe: str) -> None:
    if "…" in recipe:
        recipe = recipe.replace("…", "'x'")
    exec(f"sandbox.{recipe}", {"sandbox": knowledge_sandbox, "other": "664b"})


# --- reads that lag ------------------------------------------------------------------------------------------


def test_a_lagging_read_tells_an_agent_as_it_was_before_and_after_a_retrain(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.options(read_lag_seconds=10, pending_seconds=5, training_seconds=5)
    before = data(sendkit, agent)
    assert sendkit.post(f"{agent}/retrain").json()["data"]["trainingStatus"] == "pending"
    assert sendkit.post(f"{agent}/retrain").status_code == 409
    seen = []
    for step in (0, 8, 4, 5, 6):
        knowledge_sandbox.advance(step)
        told = data(sendkit, agent)
        moved = told["knowledgeBase"]["lastScrapedAt"] > before["knowledgeBase"]["lastScrapedAt"]
        seen.append((told["trainingStatus"], moved))
    assert seen == [
        ("completed", False),
        ("completed", False),
        ("pending", False),
        ("training", False),
        ("completed", True),
    ]


def test_a_lagging_read_tells_a_profile_as_it_was(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.options(read_lag_seconds=10)
    sendkit.patch(agent, json={"name": "One", "persona": {"tone": "casual"}})
    knowledge_sandbox.advance(5)
    sendkit.patch(agent, json={"name": "Two"})
    names = []
    for step in (0, 6, 5):
        knowledge_sandbox.advance(step)
        names.append((data(sendkit, agent)["name"], data(sendkit, agent)["persona"]["tone"]))
    assert names == [("Sales Agent", "professional"), ("One", "casual"), ("Two", "casual")]


@pytest.mark.parametrize("older", [False, True])
def test_a_lagging_read_tells_an_entry_as_it_was_before_and_after_a_write(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str, older: bool
) -> None:
    read = f"/v1/training/{knowledge_sandbox.entry_id}" if older else entry
    text, stamp = ("raw_text", "updated_at") if older else ("rawText", "updatedAt")
    knowledge_sandbox.options(read_lag_seconds=10)
    before = sensay.get(read).json()
    sensay.patch(entry, json={"rawText": "All is new.", "title": "New"})
    assert sensay.get(read).json() == before
    knowledge_sandbox.advance(9)
    assert sensay.get(read).json() == before
    knowledge_sandbox.advance(2)
    after = sensay.get(read).json()
    assert (after["title"], after[text], after[stamp] > before[stamp]) == ("New", "All is new.", True)


@pytest.mark.parametrize("delete_status", [200, 202])
def test_a_lagging_read_knows_neither_what_is_new_nor_what_is_gone(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str, delete_status: int
) -> None:
    knowledge_sandbox.options(read_lag_seconds=10, list_lag_seconds=20, delete_status=delete_status)
    created = sensay.post(base, json={"text": "new", "title": "A new one"}).json()["results"][0]
    path = f"{base}/{created['knowledgeBaseID']}"

    def seen() -> tuple[int, int]:
        return sensay.get(path).status_code, sensay.get(base).json()["total"]

    assert seen() == (404, 1)
    knowledge_sandbox.advance(11)
    assert seen() == (200, 1)
    knowledge_sandbox.advance(10)
    assert seen() == (200, 2)
    sensay.delete(path)
    assert sensay.patch(path, json={"title": "too late"}).status_code == 404
    assert seen() == (200, 2)
    knowledge_sandbox.advance(11)
    assert seen() == (404, 2)
    knowledge_sandbox.advance(10)
    assert seen() == (404, 1)


def test_every_second_read_may_come_from_a_database_that_lags(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, sensay: httpx.Client, agent: str, entry: str, base: str
) -> None:
    knowledge_sandbox.fault("stale", method="GET", seconds=20, every=2, times=None)
    sendkit.post(f"{agent}/retrain")
    assert [data(sendkit, agent)["trainingStatus"] for _ in range(4)] == ["pending", "completed"] * 2
    sensay.patch(entry, json={"title": "New"})
    old = "Company information"
    older = f"/v1/training/{knowledge_sandbox.entry_id}"
    assert [sensay.get(path).json()["title"] for path in (entry, entry, older, older)] == ["New", old] * 2
    sensay.post(base, json={"text": "second"})
    assert [sensay.get(base).json()["total"] for _ in range(2)] == [2, 1]
    assert [len(sensay.get("/v1/training").json()["items"]) for _ in range(2)] == [2, 1]


def test_what_a_test_sets_is_so_at_once_and_somebody_elses_run_is_not(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, sensay: httpx.Client, agent: str, entry: str
) -> None:
    knowledge_sandbox.options(read_lag_seconds=10)
    knowledge_sandbox.set_agent(trainingStatus="failed")
    knowledge_sandbox.set_entry(title="Set")
    (seeded,) = knowledge_sandbox.seed(agents=[{"name": "Seeded"}])["agents"]
    assert data(sendkit, agent)["trainingStatus"] == "failed"
    assert sensay.get(entry).json()["title"] == "Set"
    assert data(sendkit, f"/v1/agents/{seeded}")["name"] == "Seeded"
    knowledge_sandbox.set_agent(foreign_run=True)
    assert data(sendkit, agent)["trainingStatus"] == "failed"
    assert sendkit.post(f"{agent}/retrain").status_code == 409


# --- answers that were changed on the way --------------------------------------------------------------------


@pytest.mark.parametrize("style", ["z", "offset", "zone", "no_zone", "epoch_ms"])
def test_a_marker_is_the_same_instant_in_another_spelling(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, style: str
) -> None:
    knowledge_sandbox.fault("edit", method="GET", marker_style=style, skip=1)
    plain, spelt = marker(sendkit, agent), marker(sendkit, agent)
    assert spelt != plain
    if style == "epoch_ms":
        assert spelt / 1000 == datetime.fromisoformat(plain).timestamp()
    else:
        text = spelt + "Z" if style == "no_zone" else spelt
        assert datetime.fromisoformat(text) == datetime.fromisoformat(plain)


@pytest.mark.parametrize("path", ["/knowledge-base/", "/training/", "/knowledge-base$", "/v1/training$"])
def test_a_marker_goes_back_in_reads_and_in_lists(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str, entry: str, path: str
) -> None:
    url = {
        "/knowledge-base/": entry,
        "/training/": f"/v1/training/{knowledge_sandbox.entry_id}",
        "/knowledge-base$": base,
        "/v1/training$": "/v1/training",
    }[path]

    def stamp() -> str:
        told = sensay.get(url).json()
        told = told["items"][0] if "items" in told else told
        return str(told.get("updatedAt") or told.get("updated_at"))

    knowledge_sandbox.fault("edit", method="GET", path=path, marker_shift=-604_800, skip=1)
    true, moved, again = stamp(), stamp(), stamp()
    assert (datetime.fromisoformat(true) - datetime.fromisoformat(moved)).days == 7
    assert moved[-6:] == true[-6:] == "+00:00"
    assert again == true


def test_an_accepted_retrain_may_answer_oddly_or_not_at_all(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.fault("body", shape="empty", method="POST")
    empty = sendkit.post(f"{agent}/retrain")
    assert (empty.status_code, empty.content, len(knowledge_sandbox.charges)) == (202, b"", 1)
    knowledge_sandbox.advance(60)
    odd = {"data.trainingProgress": "87%", "data.persona": [], "data.uploadedDocuments.*.fileSize": 1.5}
    knowledge_sandbox.fault("edit", method="POST", members=odd, missing=["data.name", "meta.jobs.0.type"])
    told = sendkit.post(f"{agent}/retrain").json()
    assert (told["data"]["trainingProgress"], told["data"]["persona"]) == ("87%", [])
    assert told["data"]["uploadedDocuments"][0]["fileSize"] == 1.5
    assert ("name" in told["data"], "type" in told["meta"]["jobs"][0]) == (False, False)
    assert told["meta"]["creditsCharged"] == 10
    assert len(knowledge_sandbox.charges) == 2


def test_a_retrain_may_run_and_answer_409(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.fault("status_after", method="POST", path="/retrain$", status=409)
    refused = sendkit.post(f"{agent}/retrain")
    assert (refused.status_code, refused.json()["error"]) == (409, "Conflict")
    assert len(knowledge_sandbox.charges) == 1
    assert data(sendkit, agent)["trainingStatus"] == "pending"


def test_the_answer_of_another_object(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, sensay: httpx.Client, agent: str, entry: str, base: str
) -> None:
    (other,) = knowledge_sandbox.seed(agents=[{"name": "Other"}])["agents"]
    (second,) = knowledge_sandbox.seed(entries=[{"title": "Second"}])["entries"]
    knowledge_sandbox.fault("swap", method="GET", path="/agents/", to=f"/v1/agents/{other}")
    knowledge_sandbox.fault("swap", method="GET", path="/knowledge-base/", to=f"{base}/{second}")
    knowledge_sandbox.fault("edit", method="GET", path="/knowledge-base/", members={"id": 7})
    assert [data(sendkit, agent)["_id"] for _ in range(2)] == [other, knowledge_sandbox.agent_id]
    assert [sensay.get(entry).json()["id"] for _ in range(3)] == [second, 7, knowledge_sandbox.entry_id]


def test_a_list_may_be_empty_or_short_once(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, sensay: httpx.Client, base: str
) -> None:
    knowledge_sandbox.seed(many={"count": 5})
    knowledge_sandbox.fault("edit", method="GET", path="/knowledge-base$", items=0)
    knowledge_sandbox.fault("edit", method="GET", path="/knowledge-base$", items=2, members={"total": 40})
    knowledge_sandbox.fault("edit", method="GET", path="/v1/(agents|training)$", items=0, times=2)
    told = [sensay.get(base).json() for _ in range(3)]
    assert told[0] == {"success": True, "items": [], "total": 0}
    assert [(len(each["items"]), each["total"]) for each in told[1:]] == [(2, 40), (6, 6)]
    assert sendkit.get("/v1/agents").json() == {"success": True, "data": []}
    assert sensay.get("/v1/training").json() == {"success": True, "items": []}


@pytest.mark.parametrize("status", [403, 404])
def test_a_proxy_may_answer_one_read_in_html(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str, status: int
) -> None:
    knowledge_sandbox.fault("status", method="GET", status=status, body="<html>Forbidden</html>")
    page, good = sensay.get(entry), sensay.get(entry)
    assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert good.json()["status"] == "READY"


def test_members_that_are_not_there_are_made_and_what_is_no_json_stays(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.set_agent(raw={"knowledgeBase": None})
    knowledge_sandbox.fault(
        "edit", members={"data.knowledgeBase.lastScrapedAt": "x"}, missing=["a.b", "data.c.d"]
    )
    assert data(sendkit, agent)["knowledgeBase"] == {"lastScrapedAt": "x"}
    knowledge_sandbox.fault("edit", method="GET", path="/file-types", items=1, members={"a": 1})
    secret = {"X-ORGANIZATION-SECRET": knowledge_sandbox.sensay_connection["password"]}
    assert sendkit.get("/v1/knowledge-base/file-types", headers=secret).json()["a"] == 1


# --- objects that are odd ------------------------------------------------------------------------------------


def test_a_deleted_agent_may_still_be_read(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    sendkit.post(f"{agent}/retrain")
    knowledge_sandbox.set_agent(isActive=False)
    assert sendkit.get(agent).status_code == 404
    knowledge_sandbox.options(deleted_agents_readable=True)
    assert (data(sendkit, agent)["isActive"], data(sendkit, agent)["trainingStatus"]) == (False, "pending")
    assert sendkit.get("/v1/agents").json()["data"] == []
    assert sendkit.post(f"{agent}/retrain").status_code == 404
    knowledge_sandbox.set_agent(isActive=True)
    assert sendkit.delete(agent).is_success
    assert data(sendkit, agent)["isActive"] is False


def test_titles_may_be_cut_by_a_patch_only(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str, entry: str
) -> None:
    knowledge_sandbox.options(patch_title_cut=5)
    sensay.patch(entry, json={"title": "Opening hours"})
    created = sensay.post(base, json={"text": "x", "title": "Opening hours"}).json()["results"][0]
    titles = [sensay.get(path).json()["title"] for path in (entry, f"{base}/{created['knowledgeBaseID']}")]
    assert titles == ["Openi", "Opening hours"]


def test_hostile_texts_go_out_as_escapes(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, sensay: httpx.Client, agent: str, base: str, entry: str
) -> None:
    options = knowledge_sandbox.options(
        training_outcome="failed", training_error=HOSTILE, entry_outcome="UNPROCESSABLE", entry_error=HOSTILE
    )
    assert options["training_error"] == HOSTILE
    document = {"fileName": HOSTILE, "status": "completed"}
    knowledge_sandbox.set_agent(profile={"name": HOSTILE}, documents=[document])
    knowledge_sandbox.set_entry(title=HOSTILE)
    sendkit.post(f"{agent}/retrain")
    sensay.patch(entry, json={"rawText": "new"})
    knowledge_sandbox.advance(60)
    told = sendkit.get(agent)
    assert b"\\ud800" in told.content
    assert b"\\u0000" in told.content
    shown = told.json()["data"]
    assert (shown["name"], shown["trainingError"]) == (HOSTILE, HOSTILE)
    assert shown["uploadedDocuments"][0]["fileName"] == HOSTILE
    assert sendkit.get("/v1/agents").json()["data"][0]["name"] == HOSTILE
    for read in (sensay.get(entry).json(), sensay.get(base).json()["items"][0]):
        assert (read["title"], read["error"]["message"]) == (HOSTILE, HOSTILE)
    assert sensay.get(f"/v1/training/{knowledge_sandbox.entry_id}").json()["title"] == HOSTILE
    knowledge_sandbox.fault("status", status=500, body={"error": HOSTILE})
    assert sendkit.get(agent).json() == {"error": HOSTILE}
    knowledge_sandbox.fault("body", shape="wrong_shape", body=HOSTILE)
    assert sendkit.get(agent).json() == HOSTILE
    knowledge_sandbox.fault("status", status=502, body=f"<p>{HOSTILE}")
    assert sendkit.get(agent).status_code == 502
    assert knowledge_sandbox.state()["agents"][0]["name"] == HOSTILE
    assert knowledge_sandbox.options(latency=0)["training_error"] == HOSTILE
    assert len(knowledge_sandbox.faults()) == 3
