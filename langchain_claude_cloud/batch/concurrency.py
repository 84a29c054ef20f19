"""Limits how many inputs are answered at once, and how fast they are started."""

from __future__ import annotations

import time
from typing import Final, Literal, Protocol

from langchain_claude_cloud.calls.rate_limit import MinuteWindow, RateLimit, Reservation
from langchain_claude_cloud.errors import ConfigurationError

FIRST: Final = 32
"""Never fewer: those that were refused wait some time for their next try, and others must be under
way meanwhile. The pace itself is not decided here."""

MOST: Final = 500
"""More would cost memory: each call under way keeps its prompt and its answer."""


class ConcurrencyLimit:
    """How many inputs may be under way: one more with each answer, half after a throttle.

    The pace of throttled endpoints is `calls.pacing`'s. This limit keeps what waits for it small.

    Args:
        asked: ``"auto"``, or a number that stays.

    Raises:
        ConfigurationError: It is neither.
    """

    def __init__(self, asked: int | Literal["auto"]) -> None:
        if asked != "auto" and not _is_count(asked):
            raise ConfigurationError(f"max_in_flight is {asked!r}: give 1 or more, or 'auto'.")
        self._is_fixed = asked != "auto"
        self.limit = FIRST if asked == "auto" else asked
        self._halved_at = float("-inf")

    def answered(self, in_flight: int) -> None:
        """Note an answer, and how many inputs were under way, it included."""
        if not self._is_fixed and in_flight >= self.limit:
            self.limit = min(self.limit + 1, MOST)

    def throttled(self, began: float, now: float) -> None:
        """Note a throttle of a call. Those that began before the last halving say nothing new.

        Args:
            began: When its input was begun.
            now: The time.
        """
        if not self._is_fixed and began >= self._halved_at:
            self.limit = max(FIRST, self.limit // 2)
            self._halved_at = now


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class Budget(Protocol):
    """Says when the next request may be sent."""

    async def wait(self, reservation: Reservation) -> float:
        """Return how many seconds a request waits before it asks again; 0: it is sent now."""

    def correct(self, reservation: Reservation, tokens: float, requests: int) -> None:
        """Say how many tokens and requests were used in place of what was reserved."""


class ProcessBudget:
    """The budget of one process.

    Args:
        limit: How much may be sent in any minute.

    Raises:
        ConfigurationError: A number is none, or below 1.
    """

    def __init__(self, limit: RateLimit) -> None:
        limit.check()
        self._window = MinuteWindow(limit, time.monotonic)
        self.correct = self._window.correct

    async def wait(self, reservation: Reservation) -> float:
        """Return how many seconds a request waits before it asks again; 0: it is sent now."""
        return self._window.wait(reservation)


class TokenGuess:
    """How many tokens the next input takes: as many as the others on average."""

    def __init__(self) -> None:
        self._inputs = 0
        self._tokens = 0

    def add(self, tokens: int) -> None:
        """Note what an input took."""
        self._inputs += 1
        self._tokens += tokens

    def __call__(self, value: object) -> float:
        """Return the guess for an input."""
        if self._inputs:
            return self._tokens / self._inputs
        return len(str(value)) / 3 + _FIRST_ANSWER


_FIRST_ANSWER: Final = 500
