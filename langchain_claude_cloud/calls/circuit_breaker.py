"""What is known of a process's endpoints: which of them are cooling down, and until when.

In: what happened at an endpoint. Out: whether the next call
may go there. Nothing here sends or waits.

An endpoint whose cool-down has ended is tried by one call at a time: a thousand tasks that
return to it at once would bring down what has just recovered. The others stay where they are
until it has answered.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Protocol

from langchain_claude_cloud.platform._common import SharedLock

COOL_DOWN_SECONDS: Final = 30.0
"""For an endpoint that failed without saying for how long; doubled each time in a row."""

LONGEST_COOL_DOWN: Final = 300.0
"""How far repeated failures lengthen a cool-down."""

_LONGEST_ASKED: Final = 3600.0
# Spreads the return of many processes; later than asked, never sooner.
_JITTER: Final = 0.2
# A call that takes its time does not keep others from trying.
_TRIAL_SECONDS: Final = 30.0
_FORGOTTEN_AFTER: Final = 600.0
_MOST_PLACES: Final = 1000
_draw = random.SystemRandom().random


@dataclass
class _Trouble:
    """An endpoint that failed.

    Attributes:
        until: When its cool-down ends.
        failed_at: When it failed last.
        cool_downs: How many it had in a row.
        trial_until: Until when a call tries whether it is back.
        trial_by: Which call that is.
    """

    until: float
    failed_at: float
    cool_downs: int = 0
    trial_until: float = 0.0
    trial_by: object = None


class Endpoint(Protocol):
    """What tells endpoints apart."""

    @property
    def place(self) -> Hashable:
        """The same for two of which one's trouble is the other's."""


class Health:
    """Which endpoints are cooling down.

    Args:
        clock: Returns the time in seconds.
        draw: Returns a random number in [0, 1).
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = _draw
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._troubles: dict[Hashable, _Trouble] = {}
        self._lock = SharedLock()

    def remaining(self, endpoint: Endpoint) -> float:
        """Return for how many seconds no other call should go there; 0 if it is healthy."""
        trouble = self._troubles.get(endpoint.place)
        if trouble is None:
            return 0.0
        return max(0.0, max(trouble.until, trouble.trial_until) - self._clock())

    def admit(self, endpoint: Endpoint, call: object) -> bool:
        """Whether a call may go there: it is healthy, or this call is to try it.

        Args:
            endpoint: Which it is.
            call: Stands for the call, which gives the trial back by `release`. It is kept.
        """
        with self._lock:
            trouble, now = self._troubles.get(endpoint.place), self._clock()
            if trouble is None:
                return True
            if now < max(trouble.until, trouble.trial_until):
                return False
            trouble.trial_until, trouble.trial_by = now + _TRIAL_SECONDS, call
            return True

    def failed(self, endpoint: Endpoint, asked: float | None = None) -> None:
        """Let an endpoint cool down.

        Args:
            endpoint: Which it is.
            asked: For how many seconds, if it said so.
        """
        with self._lock:
            now = self._clock()
            trouble = self._troubles.setdefault(endpoint.place, _Trouble(now, now))
            cooling = now < trouble.until
            if now - trouble.until > _FORGOTTEN_AFTER:
                trouble.cool_downs = 0
            # Calls that were under way when it failed say nothing new when they fail, too.
            trouble.cool_downs += 0 if cooling else 1
            if not cooling or asked is not None:
                trouble.until = max(trouble.until, now + self._cool_down(asked, trouble))
            trouble.failed_at = now
            trouble.trial_until, trouble.trial_by = 0.0, None
            self._make_room()

    def answered(self, endpoint: Endpoint, began: float) -> None:
        """Count an endpoint as healthy again.

        Args:
            endpoint: Which it is.
            began: When the answered call was sent; if it failed after that, that counts more.
        """
        with self._lock:
            trouble = self._troubles.get(endpoint.place)
            if trouble is not None and began >= trouble.failed_at:
                del self._troubles[endpoint.place]

    def release(self, endpoint: Endpoint, call: object) -> None:
        """Let others try an endpoint that this call was to try; another call's trial stays.

        It takes no lock: the call may be a generator that the garbage collector closes, anywhere,
        so also while this very thread holds the lock.
        """
        trouble = self._troubles.get(endpoint.place)
        if trouble is not None and trouble.trial_by is call:
            trouble.trial_until, trouble.trial_by = 0.0, None

    def forget(self) -> None:
        """Count all endpoints as healthy."""
        with self._lock:
            self._troubles.clear()

    def _cool_down(self, asked: float | None, trouble: _Trouble) -> float:
        base = COOL_DOWN_SECONDS if asked is None else min(asked, _LONGEST_ASKED)
        doubled = base * 2.0 ** min(trouble.cool_downs - 1, 16)
        return max(base, min(doubled, LONGEST_COOL_DOWN)) * (1.0 + _JITTER * self._draw())

    def _make_room(self) -> None:
        if len(self._troubles) > _MOST_PLACES:
            soonest = min(self._troubles, key=lambda place: self._troubles[place].until)
            del self._troubles[soonest]


HEALTH: Final = Health()
"""The health of this process's endpoints."""
