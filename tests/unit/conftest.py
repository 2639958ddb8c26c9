"""
Two efforts for the property and model-based tests: ``quick`` for every day, ``thorough`` for 5,000 examples.

``HYPOTHESIS_PROFILE=thorough pytest tests/unit``, or ``--hypothesis-profile=thorough``.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A walk through the whole loop is no unit of time that a deadline for one example would suit.
_common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], report_multiple_bugs=False)

settings.register_profile("quick", _common, max_examples=100)
settings.register_profile("thorough", _common, max_examples=5000, stateful_step_count=50)

# The option of the command line is read after this.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
