"""When do we look next?"""

from __future__ import annotations

from airflow_provider.refresh.wait import Wait

#: Seconds after a submit at which the worker looks before it lets go of the task: what only a trigger has
#: seen is lost when the triggerer restarts.
FIRST_LOOKS = (0.0, 1.0, 2.0, 4.0, 8.0)

#: The seconds between them.
FIRST_PAUSES = tuple(b - a for a, b in zip((0.0, *FIRST_LOOKS), FIRST_LOOKS, strict=False))

#: Soon after a submit the gap is this share of the time that has passed since.
_EAGERNESS = 0.25

#: The shortest gap, in seconds: eagerness alone, and a deadline that has passed.
_EAGEREST, _AT_ONCE = 1.0, 0.05

#: A gap is cut by up to this share at random, so that waits which began together do not look together.
_JITTER = 0.05

#: The shortest pause before something is sent again, in seconds, and the share by which any is prolonged at random.
_LEAST_PAUSE, _LATENESS = 1.0, 0.1


def next_look(wait: Wait, now: float, rand: float) -> float:
    """
    Return the seconds until the next look.

    Quick right after the submit, then ``poll_interval``, never longer, jittered downwards; after a failed
    read the whole interval. Longer only where the vendor asked for it (``Retry-After``), or where the caller
    wants a sensor's exponential backoff. The last look happens at the deadline, unless the vendor asked not to be
    asked until after it (:meth:`~airflow_provider.refresh.wait.Wait.silenced`).

    :param rand: a random number in [0, 1)
    """
    gap, asked = wait.interval, wait.evidence.silent_until
    if asked is None and not wait.backoff:
        gap = min(gap, max(_EAGEREST, (now - wait.started) * _EAGERNESS))
    gap *= 1.0 - _JITTER * rand
    if asked is not None:
        gap = max(gap, asked - now)
    return max(_AT_ONCE, min(gap, wait.deadline - now))


def pause_for(retry_after: float | None, default: float, left: float, rand: float) -> float | None:
    """
    Return the seconds to pause before something is sent again: a write that was not accepted, a first look.

    At least a second, whatever the vendor names: a hot loop helps nobody. Up to 10 % more at random, since those whom
    one limit stopped should not come back together.

    :param retry_after: seconds the vendor asked to wait
    :param default: seconds where it named none
    :param left: seconds until the deadline
    :param rand: a random number in [0, 1)
    :returns: None where the pause would not end before the deadline
    """
    pause = max(default if retry_after is None else retry_after, _LEAST_PAUSE)
    if pause >= left:
        return None
    return min(pause * (1.0 + _LATENESS * rand), left)


#: Seconds until the next look: the longest after failures in a row, and after one that will not heal by itself.
LONGEST_GAP, REST = 900.0, 900.0


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
