"""The rooms offer their public names, at no cost until one is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType
from typing import assert_type

import pytest

from airflow_provider import hooks, operators, sensors, triggers
from airflow_provider.hooks.sensay import SensayHook
from airflow_provider.lazy import VENDORS
from airflow_provider.operators.sendkit import SendKitRetrainAgentOperator
from airflow_provider.sensors.sendkit import SendKitAgentTrainedSensor
from airflow_provider.triggers.sensay import SensayKnowledgeBaseEntryTrigger

ROOMS = (hooks, operators, sensors, triggers)
NAMES = [(room, name) for room in ROOMS for name in room.__all__]


@pytest.mark.parametrize(("room", "name"), NAMES, ids=lambda each: getattr(each, "__name__", each))
def test_a_name_of_a_room_is_the_one_of_its_module(room: ModuleType, name: str) -> None:
    found = getattr(room, name)
    assert found is getattr(importlib.import_module(found.__module__), name)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_a_room_offers_every_public_class_that_its_vendors_modules_define(room: ModuleType) -> None:
    modules = [importlib.import_module(f"{room.__name__}.{vendor}") for vendor in VENDORS]
    defined = {
        name
        for module in modules
        for name, each in vars(module).items()
        if isinstance(each, type) and each.__module__ == module.__name__ and name.lower().startswith(VENDORS)
    }
    assert set(room.__all__) == defined


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_a_room_lists_its_names_and_knows_no_others(room: ModuleType) -> None:
    assert set(room.__all__) <= set(dir(room))
    with pytest.raises(AttributeError, match=f"module '{room.__name__}' has no attribute 'SendKitNothing'"):
        _ = room.SendKitNothing


def test_a_room_imports_its_vendors_only_when_a_name_is_asked_for() -> None:
    code = (
        "import sys; from airflow_provider import hooks, operators, sensors, triggers; "
        "print(sorted(name for name in sys.modules if name.startswith('airflow')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {"airflow_provider", "airflow_provider.lazy", *(room.__name__ for room in ROOMS)}
    assert done.stdout.strip() == str(sorted(rooms))


def test_a_type_checker_sees_the_classes_and_refuses_other_names() -> None:
    """`make lint` checks these lines; an ignore that is not needed is an error there."""
    assert_type(hooks.SensayHook, type[SensayHook])
    assert_type(operators.SendKitRetrainAgentOperator, type[SendKitRetrainAgentOperator])
    assert_type(sensors.SendKitAgentTrainedSensor, type[SendKitAgentTrainedSensor])
    assert_type(triggers.SensayKnowledgeBaseEntryTrigger, type[SensayKnowledgeBaseEntryTrigger])
    for other in (
        lambda: hooks.SendKitOther,  # type: ignore[attr-defined]
        lambda: operators.SendKitOther,  # type: ignore[attr-defined]
        lambda: sensors.SendKitOther,  # type: ignore[attr-defined]
        lambda: triggers.SendKitOther,  # type: ignore[attr-defined]
    ):
        with pytest.raises(AttributeError):
            other()
