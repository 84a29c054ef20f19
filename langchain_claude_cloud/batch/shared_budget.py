"""Shares one rate limit among the workers of a Ray cluster, in an actor."""

from __future__ import annotations

import itertools
import time
from typing import Any

from langchain_claude_cloud.calls.rate_limit import MinuteWindow, RateLimit, Reservation


class SharedBudget:
    """What all workers sent in the last minute; it runs in an actor.

    Nobody queues here: a worker that was lost while it waits must not hold up the others.

    Args:
        limit: How much all of them may send in any minute.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._window = MinuteWindow(limit, time.monotonic)
        self._sent: dict[int, Reservation] = {}
        self._numbers = itertools.count()

    def wait(self, tokens: float) -> tuple[float, int]:
        """Reserve a request, if there is room for it.

        Args:
            tokens: How many tokens it reserves.

        Returns:
            How many seconds it waits before it asks again, 0 if it is sent now; and its number.
        """
        reservation, number = Reservation(tokens), next(self._numbers)
        seconds = self._window.wait(reservation)
        if seconds:
            self._window.release(reservation)
        else:
            self._forget()
            self._sent[number] = reservation
        return seconds, number

    def correct(self, number: int, tokens: float, requests: int) -> None:
        """Say how many tokens and requests were used in place of what was reserved."""
        self._window.correct(self._sent.pop(number, Reservation()), tokens, requests)

    def _forget(self) -> None:
        """Forget what the window has forgotten: it is a minute old."""
        for number, reservation in list(itertools.islice(self._sent.items(), 2)):
            if reservation.sent_at is None:
                del self._sent[number]


class RayBudget:
    """A worker's side of `SharedBudget`.

    Args:
        actor: Ray's handle of the actor.
    """

    def __init__(self, actor: Any) -> None:  # noqa: ANN401 - Ray is an extra
        self._actor = actor

    async def wait(self, reservation: Reservation) -> float:
        """Return how many seconds a request waits before it asks again; 0: it is sent now."""
        seconds: float
        seconds, reservation.number = await self._actor.wait.remote(reservation.tokens)
        return seconds

    def correct(self, reservation: Reservation, tokens: float, requests: int) -> None:
        """Say how many tokens and requests were used in place of what was reserved."""
        self._actor.correct.remote(reservation.number, tokens, requests)
