"""One wait's subscription to a poller."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider.errors import ApiError, TransportError
from airflow_provider.triggerer.rounds import believable

if TYPE_CHECKING:
    from airflow_provider.refresh.observation import EntryList, Observation, Target
    from airflow_provider.triggerer.poller import Poller

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Subscription:
    """
    One wait's subscription to a poller; an object of its own, never keyed by target or task.

    :param status: the status last seen, by which a list can be narrowed
    :param marker: the marker last seen, by which a list that is behind shows
    :ivar entry_list: the target's entry_list
    :ivar due: when the next look is due, on the loop's clock
    :ivar gap: the pause that was asked for before it
    """

    poller: Poller
    target: Target
    status: str | None = None
    marker: str | None = None
    entry_list: EntryList | None = field(init=False)
    due: float = 0.0
    gap: float = 0.0
    _answer: asyncio.Future[Observation] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.entry_list = self.target.entry_list

    async def observe(self, pause: float, patience: float) -> Observation:
        """
        Wait for an observation of the target that is read about ``pause`` seconds from now.

        :param patience: seconds after which to give up, however long the vendor takes
        :raises ApiError: the read failed, or did not end in time
        """
        loop = asyncio.get_running_loop()
        self.gap, self.due = pause, loop.time() + pause
        self._answer = loop.create_future()
        self.poller = self.poller.in_charge(self)
        self.poller.expect(self)
        late = loop.call_later(patience, self._give_up)
        try:
            # Its own future, never the poller's task: that would carry one wait's cancel into all others.
            seen = await self._answer
        finally:
            late.cancel()
            self._answer = None
        self.status, self.marker = seen.status, seen.marker
        return seen

    def _give_up(self) -> None:
        self.answer(
            TransportError(
                "It was not read in time: the vendor is slow, or the reads of this connection pause for a rate limit."
            )
        )

    @property
    def waits(self) -> bool:
        """Is a look asked for and not yet answered?"""
        return self._answer is not None and not self._answer.done()

    def answer(self, answer: Observation | ApiError) -> None:
        """Answer the look that is asked for, if any."""
        if self._answer is None or self._answer.done():
            return
        if isinstance(answer, ApiError):
            self._answer.set_exception(answer)
        else:
            self._answer.set_result(answer)

    def take_in(self, answer: Any, *, listed: bool = False) -> bool:
        """
        Tell what an answer says of the target.

        :param listed: the answer is an item of a list
        :return: False: the list may be behind, so nothing was answered
        """
        try:
            seen = self.target.observe(answer)
        except ApiError as error:
            self.answer(error)
            return True
        except Exception as error:
            log.exception("An answer for %s could not be read", self.target.key)
            self.answer(TransportError(f"An answer could not be read: {type(error).__name__}: {error}"))
            return True
        if listed and not believable(seen, self.status, self.marker):
            return False
        self.answer(seen)
        return True

    def unsubscribe(self) -> None:
        """End the subscription; safe to call at any time, more than once."""
        self.poller.unsubscribe(self)
