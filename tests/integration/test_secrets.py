"""No secret in a log line, an error, an XCom, a Variable, the task's state, a trigger, an event, a template."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.rig import AGENT, ENTRY, RETRAIN, Rig
from tests.integration.task import Killed, Outcome, TaskUnderTest

#: What a task tells its supervisor so that the logs are masked: it goes through the pipe and nowhere else.
_TO_THE_MASKER = "MaskSecret"


def _rotten(rig: Rig, kind: str, **fields: Any) -> None:
    for method, path in (("GET", f"({AGENT})|({ENTRY})"), ("POST", RETRAIN), ("PATCH", ENTRY)):
        rig.sandbox.fault(kind, method=method, path=path, times=None, **fields)


def _move(rig: Rig, host: str) -> None:
    for vendor in ("sendkit", "sensay"):
        rig.connect(vendor, host=host)


def _echo(rig: Rig) -> None:
    """Each vendor repeats the key that it was sent."""
    sendkit = {"error": "Forbidden", "message": f"key {rig.sandbox.sendkit_connection['password']} may not"}
    sensay = {"success": False, "error": f"secret {rig.sandbox.sensay_connection['password']} may not"}
    for path, body in ((AGENT, sendkit), (RETRAIN, sendkit), (ENTRY, sensay)):
        rig.sandbox.fault("status", path=path, status=403, body=body, times=None)


ENDS: dict[str, Callable[[Rig], object]] = {
    "well": lambda rig: None,
    "refused": lambda rig: _rotten(rig, "status", status=401),
    "forbidden_with_an_echo": _echo,
    "reset": lambda rig: rig.sandbox.fault(
        "drop", method="GET", path=f"({AGENT})|({ENTRY})", skip=1, times=None
    ),
    "not_json": lambda rig: _rotten(rig, "body", shape="not_json"),
    "redirect": lambda rig: _rotten(rig, "redirect"),
    "failed": lambda rig: rig.sandbox.options(training_outcome="failed", entry_outcome="UNPROCESSABLE"),
    "late": lambda rig: rig.sandbox.options(stuck="training", entry_stuck="RAW_TEXT"),
    "nobody_there": lambda rig: _move(rig, "http://127.0.0.1:9"),
    "wrong_host": lambda rig: _move(rig, "https://user:hidden-word@a.example/path?key=hidden-word"),
}


#: The other ends come at the first look, which is the worker's in both modes.
_MET_WHILE_WAITING = ("well", "reset", "failed", "late")


@pytest.mark.parametrize(
    ("end", "deferrable"), [*((end, False) for end in ENDS), *((end, True) for end in _MET_WHILE_WAITING)]
)
def test_no_secret_is_left_anywhere(
    rig: Rig,
    end: str,
    deferrable: bool,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    rig.speak("knowledge-base")
    ENDS[end](rig)
    (rig.scratch / "faq.txt").write_text("When do you open?")
    patience = {"deferrable": deferrable, "timeout": 2}
    tasks = [
        TaskUnderTest(make)
        for make in (
            rig.retrain(version="v1", max_credits_per_day=100, max_read_failures=2, **patience),
            rig.agent_sensor(max_read_failures=2, **patience),
            rig.update(version="v1", max_read_failures=2, **patience),
            rig.create(path=str(rig.scratch / "faq.txt"), title="FAQ", max_read_failures=2, **patience),
            rig.entry_sensor(max_read_failures=2, **patience),
            rig.delete(),
        )
    ]
    ends = [task.to_the_end() for task in tasks]
    left = [_all_that_is_kept(task, ended) for task, ended in zip(tasks, ends, strict=True)]
    out, err = capsys.readouterr()
    left += [out, err, caplog.text]
    secrets = _secrets(rig)
    assert [(secret, _around(text, secret)) for text in left for secret in secrets if secret in text] == []


def test_a_platform_key_and_a_proxys_password_are_no_less_secret(
    rig: Rig, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    extra = {"workspace_id": rig.sandbox.workspace_id}
    rig.connect("sendkit", extra, password=rig.sandbox.platform_key)
    task = TaskUnderTest(rig.retrain(deferrable=True))
    ended = task.to_the_end()
    assert ended.state == "success", ended.told
    extra["proxy"] = "http://me:hidden-word@127.0.0.1:9"
    rig.connect("sendkit", extra, password=rig.sandbox.platform_key)
    proxied = TaskUnderTest(rig.retrain())
    failed = proxied.to_the_end()
    assert failed.error is not None
    out, err = capsys.readouterr()
    for text in (_all_that_is_kept(task, ended), _all_that_is_kept(proxied, failed), out, err, caplog.text):
        assert rig.sandbox.platform_key not in text
        assert "hidden-word" not in text


def test_the_masker_is_told_before_the_first_request(rig: Rig) -> None:
    told: list[str] = []

    def watch(message: Any) -> None:
        if type(message).__name__ == _TO_THE_MASKER:
            told.append(str(message.value))
        if type(message).__name__ == "SetTaskStateStore":
            raise Killed

    task = TaskUnderTest(rig.retrain())
    task.supervisor.before = watch
    task.to_the_end()
    assert any(rig.sandbox.sendkit_connection["password"] in value for value in told)


def _secrets(rig: Rig) -> list[str]:
    return [
        str(rig.sandbox.sendkit_connection["password"]),
        str(rig.sandbox.sensay_connection["password"]),
        "hidden-word",
    ]


def _all_that_is_kept(task: TaskUnderTest, ended: Outcome) -> str:
    supervisor = task.supervisor
    sent = [message for message in supervisor.sent if type(message).__name__ != _TO_THE_MASKER]
    chain: list[str] = []
    error: BaseException | None = ended.error
    while error is not None:
        chain += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return repr(
        [
            sent,
            chain,
            ended.result,
            supervisor.xcoms,
            supervisor.variables,
            supervisor.task_state,
            task.deferral,
            task.events,
        ]
    )


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return text[max(0, at - 100) : at + 20]
