"""
Which generation of the Sensay API a connection speaks.

``auto`` decides on the answer to one free request, once per process; nothing is remembered of a failure.
What is decided belongs into records, results and trigger arguments, so that it is not asked again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from airflow_provider import errors

if TYPE_CHECKING:
    from airflow_provider.http.settings import Settings

log = logging.getLogger(__name__)

Generation = Literal["knowledge-base", "training"]

KNOWLEDGE_BASE: Generation = "knowledge-base"
TRAINING: Generation = "training"
CHOICES = ("auto", KNOWLEDGE_BASE, TRAINING)

# The path is not there: a server of the older generation. (410: gone, 405: known for something else.)
ABSENT = frozenset({404, 405, 410})

# These say something about the key, the moment or the network, and nothing about the generation.
SAYS_NOTHING = (
    errors.AuthenticationError,
    errors.ForbiddenError,
    errors.QuotaExceededError,
    errors.RateLimitedError,
    errors.ServerError,
    errors.TransportError,
    errors.TruncatedResponseError,
)

_remembered: dict[str, Generation] = {}


def named(settings: Settings) -> Generation | None:
    """Return what the connection names; None: ``auto``."""
    if settings.api == KNOWLEDGE_BASE:
        return KNOWLEDGE_BASE
    return TRAINING if settings.api == TRAINING else None


def known(settings: Settings, found: str | None = None) -> Generation | None:
    """Return what the connection names, what was found before, or what this process has learnt; None: ask."""
    if (said := named(settings)) is not None:
        return said
    for generation in (KNOWLEDGE_BASE, TRAINING):
        if found == generation:
            return generation
    return _remembered.get(settings.key)


def decide(error: errors.ApiError | None) -> Generation:
    """
    Decide on the answer to ``GET /v1/knowledge-base/file-types``; pure.

    :param error: how it failed; None if it is the documented success
    """
    if error is None:
        return KNOWLEDGE_BASE
    if error.status in ABSENT:
        return TRAINING
    if isinstance(error, SAYS_NOTHING):
        raise error
    raise errors.InvalidResponseError(
        f"Cannot tell which generation of the Sensay API the connection speaks: {error.message}",
        advice="Check its Base URL, or set its API generation (extra 'api') to knowledge-base or training.",
        status=error.status,
        request_id=error.request_id,
    )


def settle(settings: Settings, error: errors.ApiError | None) -> Generation:
    """Decide, and remember it for these settings."""
    generation = decide(error)
    if generation == TRAINING:
        log.warning(
            "%s does not know the knowledge-base API, so the older training API is used, which the vendor "
            "removed on 2025-10-08. Set the connection's API generation (extra 'api') to say which it is.",
            settings.base_url,
        )
    _remembered[settings.key] = generation
    return generation


def explain(generation: Generation, settings: Settings) -> str:
    """Say which generation is spoken and how it was chosen, for a message about a 404."""
    if settings.api == "auto":
        return f"generation '{generation}', found out by asking (connection extra 'api' is 'auto')"
    return f"generation '{generation}', named by the connection (extra 'api')"


def forget() -> None:
    """Forget what was learnt."""
    _remembered.clear()
