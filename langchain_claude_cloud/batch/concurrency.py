"""How many inputs are under way, and how fast they are begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from langchain_claude_cloud.errors import ConfigurationError

FIRST: Final = 8
MOST: Final = 500
"""More would cost memory: each call under way keeps its prompt and its answer."""

_SECONDS_A_MINUTE: Final = 60.0
_BURST_SECONDS: Final = 0.1


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
            self.limit = max(1, self.limit // 2)
            self._halved_at = now


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class RateBudget:
    """So many units a minute, without bursts. What was guessed wrong is made up for later.

    Args:
        per_minute: How many; None for any number.
        name: The argument, for errors.
        clock: Returns the time in seconds.

    Raises:
        ConfigurationError: It is no number above zero.
    """

    def __init__(self, per_minute: float | None, name: str, clock: Callable[[], float]) -> None:
        if per_minute is not None and not per_minute > 0:
            raise ConfigurationError(f"{name} is {per_minute!r}: give a number above 0, or None.")
        self._rate = (per_minute or 0.0) / _SECONDS_A_MINUTE
        self._clock = clock
        self._credit = 0.0
        self._at = clock()

    def wait(self) -> float:
        """Return how many seconds pass before there is something to spend; 0 if there is."""
        if not self._rate:
            return 0.0
        now = self._clock()
        most = max(self._rate * _BURST_SECONDS, 1.0)
        self._credit = min(self._credit + (now - self._at) * self._rate, most)
        self._at = now
        return 0.0 if self._credit >= 0.0 else -self._credit / self._rate

    def spend(self, units: float) -> None:
        """Spend units; negative ones come back."""
        self._credit -= units


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
