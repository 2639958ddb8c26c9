"""SendKit: has a training ended well since we last told of one?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider.refresh.observation import Observation, Phase, later

#: Seconds after an event in which a marker that moves by itself is the told run's own, come late.
SETTLE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCursor:
    """
    How far a watcher of one agent has told.

    :param phase: of the last look that said something
    :param marker: last seen at rest
    :param active: a run was seen since the last event
    :param told: when the last event was, in seconds since the epoch
    """

    phase: Phase
    marker: str | None = None
    active: bool = False
    told: float = 0.0


def agent_trained(
    cursor: AgentCursor | None, seen: Observation, now: float
) -> tuple[AgentCursor | None, bool]:
    """
    Take one look at an agent; return the new cursor, and whether a training has ended well since the old one.

    The first look of all tells nothing, unless it finds a run at work: then that run's end will be told. A
    run that began and ended between two looks shows by its marker alone. A failed run is not told.
    """
    if seen.phase is Phase.UNKNOWN or not seen.readable:
        return cursor, False
    before = cursor or AgentCursor(phase=seen.phase, marker=seen.marker)
    queued_anew = seen.phase is Phase.QUEUED and before.phase in (Phase.SUCCEEDED, Phase.FAILED)
    if seen.phase is Phase.RUNNING or seen.processing or queued_anew:
        return replace(before, phase=seen.phase, active=True), False
    if seen.phase is Phase.QUEUED:
        return replace(before, phase=seen.phase), False
    after = AgentCursor(phase=seen.phase, marker=seen.marker or before.marker, told=before.told)
    if seen.phase is Phase.FAILED:
        return after, False
    moved = later(seen.marker, before.marker) and now - before.told > SETTLE
    ended = before.active or moved or before.phase is not Phase.SUCCEEDED
    return (replace(after, told=now) if ended else after), ended
