"""
What is remembered of a target across DAG runs: Airflow Variables, written through the task SDK.

A Variable serves concrete, templated and mapped ids alike on Airflow 3.1 to 3.3. No store here compares
and sets, so two tasks at the same moment may both read the old value: the daily ceiling is a soft one.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider.refresh.wait import Receipt

if TYPE_CHECKING:
    from airflow_provider.refresh.observation import Target
    from airflow_provider.refresh.wait import Wait

_PREFIX = "agent_knowledge"


def _name(kind: str, target: Target) -> str:
    return f"{_PREFIX}.{kind}.{target.vendor}.{target.key.replace('/', '.')}"


def _read(name: str) -> dict[str, Any]:
    from airflow.providers.common.compat.sdk import Variable

    # Read as text: Airflow masks the members of a JSON Variable that it parses, and a masked git sha is no help.
    text = Variable.get(name, default=None)
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _write(name: str, value: dict[str, Any], description: str) -> None:
    from airflow.providers.common.compat.sdk import Variable

    Variable.set(name, value, description=description, serialize_json=True)


def delivered_version(target: Target) -> str | None:
    """Return the version that the last delivered refresh of this target had."""
    version = _read(_name("delivered", target)).get("version")
    return None if version is None else str(version)


def remember_delivered(target: Target, result: dict[str, Any], wait: Wait, run_id: object) -> None:
    """
    Note the version of a refresh whose end is proven, or accepted; nothing where it has none.

    A run that somebody else started (adopted after a 409) may not have read this version of the source, so it
    is not noted.
    """
    version = result.get("version")
    if version is None or wait.receipt is Receipt.CONFLICT:
        return
    note = {
        "version": version,
        "marker": result["marker"],
        "finished": result["finished"],
        "run_id": str(run_id),
    }
    _write(_name("delivered", target), note, f"Last version delivered to {target.key}")


def forget_delivered(target: Target) -> None:
    """Drop the note before a write: until its end is proven nobody can say which version is there."""
    from airflow.providers.common.compat.sdk import Variable

    Variable.delete(_name("delivered", target))


def spent_on(target: Target, day: str) -> Decimal:
    """Return the credits noted for one day (UTC, ``YYYY-MM-DD``)."""
    return Decimal(str(_read(_name("credits", target)).get(day, 0)))


def note_spent(target: Target, day: str, credits: Decimal) -> None:
    """Add to a day's credits (a negative number takes back); days before it are dropped."""
    total = spent_on(target, day) + credits
    _write(_name("credits", target), {day: str(total)}, f"Credits spent on {target.key} that day (UTC)")
