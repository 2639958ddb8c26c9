"""The control panel and the pytest fixture."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import httpx
import pytest

from airflow_provider.sandbox.client import Sandbox, SandboxRefused

pytest_plugins = ["airflow_provider.sandbox.fixtures"]


def test_the_fixture_hands_out_connections_as_airflow_reads_them(knowledge_sandbox: Sandbox) -> None:
    told = json.loads(knowledge_sandbox.environment["AIRFLOW_CONN_SENDKIT_DEFAULT"])
    assert told == knowledge_sandbox.sendkit_connection
    assert set(told) == {"conn_type", "host", "password"}
    assert told["host"] == knowledge_sandbox.url
    assert json.loads(knowledge_sandbox.sensay_connection_json)["conn_type"] == "sensay"


def test_a_reset_forgets_everything(knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str) -> None:
    fresh = knowledge_sandbox.state()
    knowledge_sandbox.options(retrain_cost=1.5, credits=2)
    knowledge_sandbox.seed(agents=[{"name": "Other"}], many={"count": 3})
    knowledge_sandbox.fault("status", status=500, times=None, path="nothing")
    knowledge_sandbox.advance(3600)
    sendkit.post(f"{agent}/retrain")
    assert knowledge_sandbox.state()["credits_left"] == 0.5
    knowledge_sandbox.reset()
    again = knowledge_sandbox.state()
    moving = {"now", "agents", "entries"}
    assert {k: v for k, v in again.items() if k not in moving} == {
        k: v for k, v in fresh.items() if k not in moving
    }
    assert [shown["_id"] for shown in again["agents"]] == [knowledge_sandbox.agent_id]
    assert knowledge_sandbox.faults() == []


def test_requests_are_counted_by_template_and_logged_without_values(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, sensay: httpx.Client, agent: str
) -> None:
    sendkit.get(agent)
    sendkit.get(agent)
    sensay.get("/v1/users/me", headers={"X-USER-ID": knowledge_sandbox.user_id})
    assert knowledge_sandbox.count("GET", "/v1/agents/{agentId}") == 2
    assert knowledge_sandbox.count("GET", "/v1/users/me") == 1
    seen = knowledge_sandbox.requests
    assert [one["status"] for one in seen] == [200, 200, 200]
    assert "x-api-key" in seen[0]["headers"]
    assert knowledge_sandbox.sendkit_connection["password"] not in json.dumps(seen)
    assert seen[0]["connection"] == seen[1]["connection"] != seen[2]["connection"]
    assert knowledge_sandbox.state()["connections"] == {"opened": 2, "open": 2}


def test_an_option_that_does_not_exist_changes_nothing(knowledge_sandbox: Sandbox) -> None:
    with pytest.raises(SandboxRefused, match="latencie: no such option"):
        knowledge_sandbox.options(latency=1, latencie=1)
    assert knowledge_sandbox.state()["options"]["latency"] == 0


NEVER = [
    ("options", '{"lag": Infinity}'),
    ("options", '{"lag": NaN}'),
    ("options", '{"lag": 1e300}'),
    ("options", '{"clock_skew": 1e300}'),
    ("options", '{"clock_skew": -1e12}'),
    ("options", '{"time_scale": 1e300}'),
    ("options", '{"credits": Infinity}'),
    ("options", '{"rate_limit": 1e-300}'),
    ("options", '{"read_lag_seconds": 1e18}'),
    ("options", r'{"lag": "\ud800"}'),
    ("options", r'{"\ud800": 1}'),
    ("options", "[1]"),
    ("options", "{"),
    ("advance", '{"seconds": 1e300}'),
    ("advance", '{"seconds": Infinity}'),
    ("agents", '{"lastScrapedAt": "garbage"}'),
    ("agents", '{"lastScrapedAt": "0001-01-01T00:00:00+14:00"}'),
    ("agents", '{"lastScrapedAt": "9999-12-31T23:59:59-14:00"}'),
    ("agents", '{"trainingProgress": NaN}'),
    ("agents", '{"timeline": []}'),
    ("agents", '{"timeline": [{"after": 1e300, "trainingStatus": null}]}'),
    ("agents", '{"documents": [{"fileName": "a", "status": "processing", "after": 1e300}]}'),
    ("entries", '{"updatedAt": "garbage"}'),
    ("entries", '{"updatedAt": "0001-01-01T00:00:00+14:00"}'),
    ("entries", '{"timeline": []}'),
    ("entries", '{"timeline": [{"after": 1e300, "status": null}]}'),
    ("seed", '{"many": {"count": 0}}'),
    ("seed", '{"many": {"count": 100000000000}}'),
    ("seed", '{"entries": [{"timeline": []}]}'),
    ("faults", '{"kind": "status", "status": 500, "match": {"path": "("}}'),
    ("faults", '{"kind": "status", "status": 101}'),
    ("faults", r'{"kind": "status", "status": 500, "headers": {"a": "b\r\nc: d"}}'),
    ("faults", '{"kind": "status", "status": 500, "headers": {"a b": "c"}}'),
    ("faults", r'{"kind": "status", "status": 500, "headers": {"a": "\u0100"}}'),
    ("faults", '{"kind": "status", "status": 500, "retry_after": 1e300, "retry_after_format": "date"}'),
    ("faults", '{"kind": "body", "shape": "empty", "status": 7}'),
    ("faults", r'{"kind": "redirect", "location": "\ud800"}'),
    ("faults", '{"kind": "edit", "marker_shift": 1e300}'),
    ("faults", '{"kind": "delay", "seconds": Infinity}'),
]
ODD = [
    ("options", r'{"training_error": "\ud800", "entry_error": "\u0000"}'),
    ("options", r'{"websites": {"\ud800": "\u0000"}}'),
    ("options", r'{"retrain_answer_status": "\ud800"}'),
    ("options", r'{"storage_host": "a b\n"}'),
    ("options", '{"entry_stuck": "NOPE", "read_lag_seconds": 1e9, "clock_skew": -1e9}'),
    ("agents", r'{"profile": {"usage": {"x": NaN, "\ud800": 1}}}'),
    ("agents", '{"profile": {"persona": null, "companyInfo": 7}}'),
    ("agents", r'{"raw": {"persona": null, "x": NaN, "\ud800": 1}}'),
    ("agents", '{"missing": ["_id", "createdAt", "companyInfo", "persona"]}'),
    ("agents", r'{"documents": [{"fileName": "\ud800"}]}'),
    ("agents", r'{"trainingStatus": "\ud800", "totalPages": -1}'),
    ("agents", '{"timeline": [{"after": -5, "trainingStatus": "x"}]}'),
    ("entries", r'{"title": "\ud800", "rawText": "\u0000"}'),
    ("entries", r'{"status": "\ud800"}'),
    ("entries", '{"status": null, "missing": ["id"], "raw": {"x": NaN}}'),
    ("seed", r'{"entries": [{"replica_uuid": "nope", "url": "\ud800"}, {"filename": "\ud800"}]}'),
    ("seed", r'{"entries": [{"url": "http://[::1"}], "agents": [{"name": "\ud800"}]}'),
    ("seed", r'{"many": {"count": 2, "status": "\ud800", "title": "\ud800"}}'),
    ("faults", '{"kind": "status", "status": 204, "times": null}'),
    ("faults", '{"kind": "status", "status": 304, "body": "x", "times": null}'),
    ("faults", '{"kind": "status", "status": 500, "body": NaN, "times": null}'),
    ("faults", r'{"kind": "status", "status": 500, "error_code": "\ud800", "times": null}'),
    ("faults", '{"kind": "body", "shape": "empty", "status": 204, "times": null}'),
    ("faults", '{"kind": "edit", "members": {"": 1, ".": 2, "data.*.*": NaN}, "times": null}'),
    ("faults", '{"kind": "edit", "marker_shift": -1e9, "marker_style": "zone", "times": null}'),
    ("faults", r'{"kind": "swap", "to": "\ud800", "times": null}'),
]


@pytest.mark.parametrize(("what", "body"), NEVER + ODD)
def test_what_the_control_panel_takes_can_be_shown_and_what_cannot_is_refused(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, sensay: httpx.Client, base: str, what: str, body: str
) -> None:
    """Infinities, times out of range, lone surrogates, members of another type: never a 500, now or later."""
    sandbox, agent, entry = knowledge_sandbox, knowledge_sandbox.agent_id, knowledge_sandbox.entry_id
    path = {"agents": f"agents/{agent}", "entries": f"entries/{entry}"}.get(what, what)
    with httpx.Client(
        base_url=f"{sandbox.url}/_sandbox/", headers=sendkit.headers, trust_env=False
    ) as control:
        asked = control.request("PATCH" if what == "options" else "POST", path, content=body)
        assert (asked.status_code == 422) is ((what, body) in NEVER)
        assert asked.status_code < 500
        answers = [control.get("state"), control.get("faults"), control.patch("options", json={"latency": 0})]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
    looks = [
        sendkit.get(f"/v1/agents/{agent}"),
        sendkit.get("/v1/agents"),
        sensay.get(f"{base}/{entry}"),
        sensay.get(base),
        sensay.get(f"/v1/training/{entry}"),
        sensay.get("/v1/training"),
        sensay.post(base, json={"filename": "a.txt"}),
        sensay.post(base, json={"url": "https://a.example/"}),
        sendkit.patch(f"/v1/agents/{agent}", json={"persona": {"role": "r"}}),
        sendkit.post(f"/v1/agents/{agent}/retrain"),
    ]
    assert "Internal Server Error" not in [look.text for look in looks]


def test_time_can_run_faster(knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str) -> None:
    knowledge_sandbox.options(time_scale=100_000)
    sendkit.post(f"{agent}/retrain")
    assert sendkit.get(agent).json()["data"]["trainingStatus"] == "completed"


def test_the_vendors_clock_can_be_wrong(knowledge_sandbox: Sandbox, sensay: httpx.Client, entry: str) -> None:
    before = sensay.get(entry).json()["updatedAt"]
    knowledge_sandbox.options(clock_skew=86_400)
    assert sensay.get(entry).json()["updatedAt"][:10] > before[:10]


def test_twenty_thousand_entries_are_there_at_once(
    knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str
) -> None:
    seeded = knowledge_sandbox.seed(many={"count": 20_000, "title": "Article {n} [kb~main.{n}]"})
    assert seeded["many"]["last"] - seeded["many"]["first"] == 19_999
    assert sensay.get(base, params={"search": "kb~main", "pageSize": 0}).json()["total"] == 20_000
    last = sensay.get(base, params={"page": 201, "pageSize": 100, "sortOrder": "asc"}).json()["items"]
    assert [item["title"] for item in last] == ["Article 20000 [kb~main.20000]"]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"name": "A", "trainingStatus": "failed", "trainingError": "no"}, "failed"),
        ({"name": "A", "never_trained": True}, "pending"),
        ({"name": "A", "trainingStatus": None}, None),
    ],
)
def test_an_agent_can_be_seeded_in_any_state(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, wanted: dict[str, Any], status: str | None
) -> None:
    documents = [
        {"fileName": "a.pdf", "status": "processing", "after": 5},
        {"fileName": "b.pdf", "status": "failed"},
    ]
    (agent_id,) = knowledge_sandbox.seed(agents=[wanted | {"documents": documents}])["agents"]
    shown = sendkit.get(f"/v1/agents/{agent_id}").json()["data"]
    assert shown["trainingStatus"] == status
    assert "failed" in [document["status"] for document in shown["uploadedDocuments"]]
    knowledge_sandbox.advance(20)
    shown = sendkit.get(f"/v1/agents/{agent_id}").json()["data"]
    assert shown["uploadedDocuments"][0]["status"] == "completed"


def test_someone_elses_run_can_be_seeded(knowledge_sandbox: Sandbox, sendkit: httpx.Client) -> None:
    (agent_id,) = knowledge_sandbox.seed(
        agents=[{"foreign_run": True, "documents": [{"fileName": "a.pdf"}]}]
    )["agents"]
    shown = sendkit.get(f"/v1/agents/{agent_id}").json()["data"]
    assert (shown["trainingStatus"], shown["uploadedDocuments"][0]["status"]) == ("pending", "processing")
    assert knowledge_sandbox.charges == []


def test_files_and_urls_can_be_seeded(knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str) -> None:
    wanted = [{"url": "https://a.example/", "rawText": "a"}, {"filename": "b.pdf", "status": "UNPROCESSABLE"}]
    ids = knowledge_sandbox.seed(entries=wanted)["entries"]
    shown = [sensay.get(f"{base}/{entry_id}").json() for entry_id in ids]
    assert [(one["type"], one["status"]) for one in shown] == [
        ("website", "READY"),
        ("file", "UNPROCESSABLE"),
    ]


@pytest.mark.parametrize("path", ["/agents/none", "/entries/1", "/release/99"])
def test_what_is_not_there_is_a_404_of_the_control_panel(knowledge_sandbox: Sandbox, path: str) -> None:
    answer = httpx.post(f"{knowledge_sandbox.url}/_sandbox{path}", json={}, trust_env=False)
    assert answer.status_code == 404


def test_the_api_page_is_served(knowledge_sandbox: Sandbox) -> None:
    with urllib.request.urlopen(f"{knowledge_sandbox.url}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    assert "/v1/agents/{agentId}/retrain" in paths
    assert "/v1/replicas/{replicaUUID}/training/{trainingID}" in paths
    assert httpx.get(f"{knowledge_sandbox.url}/docs", trust_env=False).is_success
