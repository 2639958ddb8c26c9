"""Which triggerer runs a watcher: Airflow 3.4 lets an event trigger name a queue, an older one says so."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from airflow import __version__
from airflow.triggers.base import BaseEventTrigger

from airflow_provider.errors import InvalidArgumentError
from airflow_provider.triggers.sendkit import SendKitAgentTrainedEventTrigger
from airflow_provider.triggers.sensay import SensayKnowledgeBaseChangedEventTrigger
from airflow_provider.triggers.watcher import Watcher

Make = Callable[..., Watcher[Any, Any]]

REPLICA = "12345678-1234-1234-1234-1234567890ab"

WATCHERS = pytest.mark.parametrize(
    "make",
    [
        lambda **queue: SendKitAgentTrainedEventTrigger(agent_id="a" * 24, **queue),
        lambda **queue: SensayKnowledgeBaseChangedEventTrigger(replica_uuid=REPLICA, **queue),
    ],
    ids=["sendkit", "sensay"],
)

TAKES_QUEUE = "queue" in inspect.signature(BaseEventTrigger.__init__).parameters


def test_the_airflow_at_hand_is_the_one_it_says() -> None:
    major, minor = (int(part) for part in __version__.split(".")[:2])
    assert ((major, minor) >= (3, 4)) is TAKES_QUEUE


@WATCHERS
def test_a_queue_is_told_airflow_or_refused_with_the_version_it_needs(make: Make) -> None:
    if not TAKES_QUEUE:
        with pytest.raises(
            InvalidArgumentError, match=rf"queue needs Airflow 3\.4 or later, this is {__version__}"
        ):
            make(queue="team-a")
        return
    from airflow.serialization.encoders import encode_trigger

    assert encode_trigger(make(queue="team-a"))["queue"] == "team-a"
    assert "queue" not in encode_trigger(make())


@WATCHERS
@pytest.mark.parametrize("queue", ["", " ", 7])
def test_a_queue_without_a_name_is_an_error_of_the_dag(make: Make, queue: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="queue must be a text"):
        make(queue=queue)


@WATCHERS
def test_a_queue_is_no_argument_so_stored_triggers_load_and_looks_stay_shared(make: Make) -> None:
    plain = make(queue=None)
    placed = make(queue="team-a") if TAKES_QUEUE else plain
    assert placed.serialize() == plain.serialize()
    assert placed.shared_stream_key() == plain.shared_stream_key()
    _, stored = plain.serialize()
    assert "queue" not in stored
    again = type(plain)(**stored)
    assert again.serialize() == plain.serialize()
    assert getattr(again, "queue", None) is None
