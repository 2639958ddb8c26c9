"""When does a watcher look next?"""

from __future__ import annotations

#: Seconds until the next look: the longest after failures in a row, and after one that will not heal by itself.
LONGEST_GAP, REST = 900.0, 900.0

_JITTER = 0.05


def next_watch(
    poll_interval: float, failures: int, rand: float, retry_after: float | None = None, *, final: bool = False
) -> float:
    """
    Return the seconds until a watcher looks again.

    A watcher has no deadline. After failures in a row the gap doubles up to :data:`LONGEST_GAP`; after a
    failure that will not heal by itself (a wrong key, an agent that is gone) it is :data:`REST`.

    :param failures: failed looks in a row
    :param rand: a random number in [0, 1)
    :param final: the failure is of the kind that no waiting cures, twice in a row
    """
    if final:
        gap = max(REST, poll_interval)
    else:
        gap = min(poll_interval * 2.0 ** min(failures, 10), max(LONGEST_GAP, poll_interval))
    return max(gap * (1.0 - _JITTER * rand), retry_after or 0.0)
