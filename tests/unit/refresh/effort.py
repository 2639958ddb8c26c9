"""How many examples a test tries, in the profile that was asked for."""

from __future__ import annotations

from hypothesis import settings


def effort(quick: int, steps: int = 50) -> settings:
    """
    Return the settings of a test.

    :param quick: examples, unless the profile is ``thorough``
    :param steps: steps of one example of a model-based test, unless the profile is ``thorough``
    """
    if settings.get_current_profile_name() == "thorough":
        return settings.get_profile("thorough")
    return settings(settings.get_profile("quick"), max_examples=quick, stateful_step_count=steps)
