"""Every fault kind over a real socket, and what was performed behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from airflow_provider.sandbox.client import Sandbox, SandboxRefused

pytest_plugins = ["airflow_provider.sandbox.fixtures"]


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_a_status_takes_the_place_of_the_effect(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.fault("status", method="POST", path="/retrain$", status=429, retry_after=3)
    refused = sendkit.post(f"{agent}/retrain")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
    assert refused.json() == {"error": "Too Many Requests", "message": "Too Many Requests", "code": 429}
    assert knowledge_sandbox.charges == []
    assert sendkit.post(f"{agent}/retrain").status_code == 202


def test_retry_after_may_be_a_date_of_the_vendors_clock(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.options(clock_skew=86_400)
    knowledge_sandbox.fault("status", status=503, retry_after=30, retry_after_format="date")
    refused = sendkit.get(agent)
    wait = parsedate_to_datetime(refused.headers["Retry-After"]) - parsedate_to_datetime(
        refused.headers["Date"]
    )
    assert 28 <= wait.total_seconds() <= 31
    assert parsedate_to_datetime(refused.headers["Date"]).timestamp() > time.time() + 86_000


def test_a_500_after_acceptance_has_charged(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.fault("status_after", method="POST", status=500)
    assert sendkit.post(f"{agent}/retrain").status_code == 500
    assert len(knowledge_sandbox.charges) == 1


@pytest.mark.parametrize("reset", [True, False])
def test_a_lost_answer_has_charged(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, reset: bool
) -> None:
    knowledge_sandbox.fault("lose_answer", path="/retrain$", reset=reset)
    with pytest.raises(httpx.ReadError if reset else httpx.RemoteProtocolError):
        sendkit.post(f"{agent}/retrain")
    assert len(knowledge_sandbox.charges) == 1
    assert sendkit.post(f"{agent}/retrain").status_code == 409


@pytest.mark.parametrize("reset", [True, False])
def test_a_dropped_request_was_never_performed(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, reset: bool
) -> None:
    knowledge_sandbox.fault("drop", path="/retrain$", reset=reset)
    with pytest.raises(httpx.ReadError if reset else httpx.RemoteProtocolError):
        sendkit.post(f"{agent}/retrain")
    assert knowledge_sandbox.charges == []


@pytest.mark.parametrize(("when", "charges"), [("before", 0), ("after", 1)])
def test_a_slow_post_outlasts_the_client(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, when: str, charges: int
) -> None:
    knowledge_sandbox.fault("delay", method="POST", seconds=0.5, when=when)
    with pytest.raises(httpx.ReadTimeout):
        sendkit.post(f"{agent}/retrain", timeout=0.2)
    assert len(knowledge_sandbox.charges) == charges
    while knowledge_sandbox.state()["in_flight"]:
        time.sleep(0.02)
    assert len(knowledge_sandbox.charges) == 1


@pytest.mark.parametrize(("when", "charges"), [("before", 0), ("after", 1)])
def test_a_request_is_held_before_or_after_it_is_performed(
    knowledge_sandbox: Sandbox,
    sendkit: httpx.Client,
    agent: str,
    thread: ThreadPoolExecutor,
    when: str,
    charges: int,
) -> None:
    knowledge_sandbox.fault("hold", method="POST", path="/retrain$", when=when)
    posting: Future[httpx.Response] = thread.submit(sendkit.post, f"{agent}/retrain")
    (held,) = knowledge_sandbox.held(at_least=1)
    assert (held["when"], held["path"], held["client_gone"]) == (when, f"{agent}/retrain", False)
    assert len(knowledge_sandbox.charges) == charges
    assert knowledge_sandbox.release(held["id"]) == [held["id"]]
    assert posting.result(5).status_code == 202
    assert len(knowledge_sandbox.charges) == 1
    assert knowledge_sandbox.held() == []


@pytest.mark.parametrize(("action", "charges"), [("continue", 1), ("drop", 0)])
def test_a_request_held_before_outlives_its_client(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, action: str, charges: int
) -> None:
    knowledge_sandbox.fault("hold", method="POST", when="before")
    with pytest.raises(httpx.ReadTimeout):
        sendkit.post(f"{agent}/retrain", timeout=0.2)
    while not knowledge_sandbox.held(at_least=1)[0]["client_gone"]:
        time.sleep(0.01)
    knowledge_sandbox.release(action=action)
    while knowledge_sandbox.state()["in_flight"]:
        time.sleep(0.01)
    assert len(knowledge_sandbox.charges) == charges


def test_a_reset_lets_go_of_whoever_is_held(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, thread: ThreadPoolExecutor
) -> None:
    knowledge_sandbox.fault("hold")
    getting = thread.submit(sendkit.get, agent)
    knowledge_sandbox.held(at_least=1)
    knowledge_sandbox.reset()
    assert isinstance(getting.exception(5), httpx.ReadError)
    assert knowledge_sandbox.charges == []


@pytest.mark.parametrize(
    ("shape", "content"),
    [("not_json", b"<!doctype"), ("wrong_shape", b"[]"), ("empty", b""), ("cut_json", b'{"succ')],
)
def test_a_body_can_be_spoilt(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, shape: str, content: bytes
) -> None:
    knowledge_sandbox.fault("body", shape=shape)
    answer = sendkit.get(agent)
    assert answer.status_code == 200
    assert answer.content.startswith(content)
    with pytest.raises((ValueError, AssertionError)):
        assert isinstance(answer.json(), dict)


def test_a_body_can_end_in_the_middle(knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str) -> None:
    knowledge_sandbox.fault("body", shape="cut_connection")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sendkit.get(agent)


def test_a_body_can_be_huge_and_can_dribble(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.fault("body", shape="huge", size=300_000)
    knowledge_sandbox.fault("body", shape="dribble", chunk=500, seconds=0.01)
    assert len(sendkit.get(agent).content) > 300_000
    assert sendkit.get(agent).json()["success"] is True


def test_a_redirect_leads_away(knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str) -> None:
    knowledge_sandbox.fault("redirect", location="http://127.0.0.1:9/", status=302)
    answer = sendkit.get(agent)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/")


def codes(client: httpx.Client, path: str, count: int) -> list[int]:
    return [client.get(path).status_code for _ in range(count)]


def test_faults_can_skip_repeat_alternate_and_be_forgotten(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    knowledge_sandbox.fault("status", status=503, skip=1, times=2)
    assert codes(sendkit, agent, 4) == [200, 503, 503, 200]
    knowledge_sandbox.fault("status", status=500, every=2, times=None)
    assert codes(sendkit, agent, 4) == [200, 500, 200, 500]
    assert [fault["fired"] for fault in knowledge_sandbox.faults()] == [2, 2]
    knowledge_sandbox.clear_faults()
    assert codes(sendkit, agent, 2) == [200, 200]


def test_chance_is_the_same_in_every_run(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str
) -> None:
    runs = []
    for _ in range(2):
        knowledge_sandbox.reset()
        knowledge_sandbox.fault("status", status=503, probability=0.5, seed=7, times=None)
        runs.append(codes(sendkit, agent, 20))
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}


@pytest.mark.parametrize("body", [{"kind": "nonsense"}, {"kind": "status"}, {"kind": "drop", "tiems": 2}])
def test_a_fault_that_is_misspelt_is_refused(knowledge_sandbox: Sandbox, body: dict[str, Any]) -> None:
    with pytest.raises(SandboxRefused):
        knowledge_sandbox.fault(**body)


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
def test_a_rate_limit_answers_429_and_says_when_to_come_back(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, form: str
) -> None:
    knowledge_sandbox.options(rate_limit=3, rate_limit_retry_after=form)
    answers = [sendkit.get(agent) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert ("Retry-After" in answers[-1].headers) is (form != "none")


def test_latency_is_waited_by_each_request_on_its_own(
    knowledge_sandbox: Sandbox, sendkit: httpx.Client, agent: str, thread: ThreadPoolExecutor
) -> None:
    knowledge_sandbox.options(latency=0.1)
    start = time.monotonic()
    list(thread.map(lambda _: sendkit.get(agent), range(4)))
    assert 0.1 <= time.monotonic() - start < 0.35
    assert knowledge_sandbox.state()["most_in_flight"] == 4


def test_uploads_can_fail_too(knowledge_sandbox: Sandbox, sensay: httpx.Client, base: str) -> None:
    url = sensay.post(base, json={"filename": "a.txt"}).json()["results"][0]["signedURL"]
    knowledge_sandbox.fault("status", path="^/_storage/", status=503, body="busy")
    codes = [httpx.put(url, content=b"x", trust_env=False).status_code for _ in range(2)]
    assert codes == [503, 200]


def test_many_threads_may_steer_at_once(knowledge_sandbox: Sandbox) -> None:
    threads = [
        threading.Thread(target=knowledge_sandbox.seed, kwargs={"many": {"count": 10}}) for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert knowledge_sandbox.state()["entry_total"] == 81
