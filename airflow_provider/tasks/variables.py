"""
What is remembered of a target across DAG runs, and across clears: Airflow Variables, through the task SDK.

A Variable serves concrete, templated and mapped ids alike on Airflow 3.1 to 3.4, and no clear touches it. No store here
compares and sets, so two tasks at the same moment may both read the old value: the daily ceiling is a soft one.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import RecordUnreadableError
from airflow_provider.refresh.wait import Purpose, Receipt

if TYPE_CHECKING:
    from airflow_provider.refresh.observation import Target
    from airflow_provider.refresh.result import RefreshResult
    from airflow_provider.refresh.wait import Wait

_PREFIX = "agent_knowledge"

#: Days whose credits are kept: one that ends meanwhile may still give something back.
_DAYS = 2


def name_of(kind: str, vendor: str, key: str) -> str:
    """Return the name of a Variable about one target."""
    return f"{_PREFIX}.{kind}.{vendor}.{key.replace('/', '.')}"


def read(name: str) -> dict[str, Any]:
    """
    Return a Variable's members; nothing if there is none.

    :raises RecordUnreadableError: it could not be read, or somebody wrote something else into it
    """
    try:
        text = _asked(name)
        value = json.loads(text) if text else {}
    except Exception as error:
        raise RecordUnreadableError(
            f"The Variable '{name}' could not be read ({type(error).__name__}: {error}). Nothing was sent, since it "
            "says what is under way or paid already. A retry reads again; if it is no JSON any more, delete it."
        ) from error
    if not isinstance(value, dict):
        raise RecordUnreadableError(
            f"The Variable '{name}' is none of this provider's: it holds no JSON object. Nothing was sent, since it "
            "says what is under way or paid already. Delete the Variable; a retry then begins without it."
        )
    return value


def _asked(name: str) -> str | None:
    """
    Ask the API server itself, where these Variables are written.

    ``Variable.get`` would take a failure to read for *there is none*, in which case a run might be paid twice. It also
    masks the members of JSON that it parses, and a masked git sha is no help.
    """
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time import comms, task_runner

    answer = task_runner.SUPERVISOR_COMMS.send(comms.GetVariable(key=name))
    if isinstance(answer, comms.ErrorResponse) and answer.error is ErrorType.VARIABLE_NOT_FOUND:
        return None
    if not isinstance(answer, comms.VariableResult):
        raise RuntimeError(f"the supervisor answered {type(answer).__name__}")
    return answer.value


def write(name: str, value: dict[str, Any], description: str) -> None:
    """Write a Variable; one without members is deleted."""
    from airflow.providers.common.compat.sdk import Variable

    if value:
        Variable.set(name, value, description=description, serialize_json=True)
    else:
        Variable.delete(name)


def delivered(target: Target) -> dict[str, Any]:
    """Return the note of the last delivered refresh of this target; its ``version`` is what matters."""
    return read(_delivered(target))


def remember_delivered(
    target: Target, result: RefreshResult, wait: Wait, run_id: object, *, written: float
) -> None:
    """
    Note the version of a refresh whose end is proven; nothing where it has none.

    Nor where a later write is noted already: an old run that is cleared proves an end that has been overwritten.

    The present state, seen by a sensor or taken unproven, says nothing of a version. A run that somebody else
    started (adopted after a 409) may not have read this version of the source, so it is not noted either.

    :param written: when the write was begun, seconds since the epoch
    """
    proven = wait.purpose is Purpose.OWN and result.confirmed
    if result.version is None or not proven or wait.receipt is Receipt.CONFLICT:
        return
    noted = delivered(target).get("written")
    if isinstance(noted, (int, float)) and noted > written:
        return
    note = {
        "version": result.version,
        "written": written,
        "marker": result.marker,
        "finished": result.finished,
        "run_id": str(run_id),
    }
    restore_delivered(target, note)


def forget_delivered(target: Target, written: float) -> None:
    """
    Drop a note before a write: until its end is proven nobody can say which version is there.

    What stays says when the write was begun, so that the late end of an older one is not noted meanwhile.
    """
    restore_delivered(target, {"written": written})


def restore_delivered(target: Target, note: dict[str, Any]) -> None:
    """Write a note, or put it back."""
    write(_delivered(target), note, f"Last version delivered to {target.key}")


def _delivered(target: Target) -> str:
    return name_of("delivered", target.vendor, target.key)


def spent_on(target: Target, day: str) -> Decimal:
    """
    Return the credits noted for one day (UTC, ``YYYY-MM-DD``).

    :raises RecordUnreadableError: the note is no number; taken for nought it would open the ceiling
    """
    name = name_of("credits", target.vendor, target.key)
    noted = read(name).get(day, 0)
    try:
        credits = Decimal(str(noted))
        if credits.is_finite():
            return credits
    except InvalidOperation:
        pass
    raise RecordUnreadableError(
        f"The Variable '{name}' says {noted!r:.40} for {day}, which is no amount of credits. Nothing was sent. Mend or "
        "delete the Variable; a retry reads again."
    )


def note_spent(target: Target, day: str, credits: Decimal) -> None:
    """Add to a day's credits (a negative number takes back); the last two days are kept."""
    name = name_of("credits", target.vendor, target.key)
    days = read(name) | {day: str(spent_on(target, day) + credits)}
    kept = {each: days[each] for each in sorted(days)[-_DAYS:]}
    write(name, kept, f"Credits spent on {target.key} by day (UTC)")
