"""Keeps the calls of a model below so many requests and tokens in any minute.

A user who knows a quota, or wants to leave a part of it to others, sets
``requests_per_minute`` and ``tokens_per_minute``. What the cloud refuses all the same is the
business of `langchain_claude_cloud.calls.pacing`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.shared_state import shared_lock

MINUTE: Final = 60.0
# Answers that were shorter than reserved make room at any time: waiters look again.
_LONGEST_WAIT: Final = 1.0


class RateLimit(NamedTuple):
    """How much may be sent in any minute.

    Attributes:
        requests: How many requests; None for any number.
        tokens: How many tokens; None for any number.
    """

    requests: float | None = None
    tokens: float | None = None

    def check(self) -> Self:
        """Return the limit; refuse what is no number of 1 or more.

        Raises:
            ConfigurationError: It is none.
        """
        for name, value in self._asdict().items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and 1 <= value < math.inf):
                text = f"{name}_per_minute is {value!r:.80}: give 1 or more, or None."
                raise ConfigurationError(text)
        return self

    def __str__(self) -> str:
        """Name what is set, as the user wrote it."""
        given = self._asdict().items()
        return ", ".join(f"{name}_per_minute={value:g}" for name, value in given if value)


NO_LIMIT: Final = RateLimit()
"""Calls go out as they come."""


@dataclass(eq=False, slots=True)
class Reservation:
    """What one request takes of a minute.

    Attributes:
        tokens: How many tokens: reserved when it is sent, corrected by what it used.
        sent_at: When it was sent; None outside of the minute after that.
        number: Its place in the queue; None while it did not have to wait.
        is_waiting: Whether it still waits: it was not sent, and its call has not ended.
    """

    tokens: float = 0.0
    sent_at: float | None = None
    number: int | None = None
    is_waiting: bool = True


class MinuteWindow:
    """What was sent in the last minute under one limit, and what waits for room.

    Args:
        limit: How much may be sent.
        clock: Returns the time in seconds.
    """

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        requests = limit.requests
        # Ten requests may go out at once. Clouds look at shorter times than a minute, so a limit of
        # more than ten a second is spread evenly over the seconds.
        self._a_second = None if requests is None else max(10, math.ceil(requests / MINUTE))
        self._clock = clock
        self._sent: deque[Reservation] = deque()
        self._tokens = 0.0
        self._queue: deque[Reservation] = deque()
        self._returned: deque[Reservation] = deque()
        self._numbers = 0
        self._lock = shared_lock()

    def wait(self, reservation: Reservation) -> float:
        """Return how many seconds a request waits before it asks again; 0: it is sent now.

        Args:
            reservation: The request's, the same each time it asks.
        """
        with self._lock:
            now = self._clock()
            self._forget(now)
            first = self._first()
            # Nobody passes the first in the queue but where there is room for both: a large
            # request would wait for ever while small ones go by.
            ahead = [first] if first and first is not reservation else []
            has_room = self._has_room(*ahead, reservation)
            this_second = self._seconds_of_burst(now)
            if has_room and not this_second:
                self._send(reservation, now)
                return 0.0
            before = self._join_queue(reservation, first or reservation)
            seconds = _LONGEST_WAIT  # there is room for the first in the queue, who comes soon
            if has_room and self._a_second is not None:
                seconds = this_second + before // self._a_second
            elif self._sent:
                # They leave about as fast as those before them came.
                earliest = self._sent[0].sent_at or now
                seconds = earliest + MINUTE - now + before * MINUTE / len(self._sent)
            most = 5.0 if before else _LONGEST_WAIT
            return max(0.01, min(seconds, most))

    def correct(self, reservation: Reservation, tokens: float, requests: int = 1) -> None:
        """Say what became of a reservation.

        Args:
            reservation: It was sent.
            tokens: How many tokens it took.
            requests: How many requests it took; 0 if the answer came from elsewhere.
        """
        with self._lock:
            now = self._clock()
            self._forget(now)
            if reservation.sent_at is not None:
                self._tokens += tokens - reservation.tokens
                reservation.tokens = tokens
                if not requests:
                    self._take_back(reservation)
            for _ in range(1, requests):
                self._send(Reservation(), now)

    def release(self, reservation: Reservation, *, is_sent: bool = False) -> None:
        """End the wait of a request, and give back what was reserved for it if it was not sent.

        It takes no lock: the call may be a generator that the garbage collector closes while
        this very thread holds the lock.
        """
        reservation.is_waiting = False
        if not is_sent:
            self._returned.append(reservation)

    def _first(self) -> Reservation | None:
        while self._queue and not self._queue[0].is_waiting:
            self._queue.popleft()
        return self._queue[0] if self._queue else None

    def _has_room(self, *wanted: Reservation) -> bool:
        """Whether there is room; a request larger than the limit is sent by itself."""
        requests, tokens = self._limit
        if requests is not None and len(self._sent) + len(wanted) > requests:
            return False
        if tokens is None:
            return True
        return self._tokens + sum(min(each.tokens, tokens) for each in wanted) <= tokens

    def _seconds_of_burst(self, now: float) -> float:
        """Return how long to wait where as many were sent in the last second as may be."""
        if self._a_second is None or len(self._sent) < self._a_second:
            return 0.0
        earliest = self._sent[-self._a_second].sent_at or 0.0
        return max(0.0, earliest + 1.0 - now)

    def _send(self, reservation: Reservation, now: float) -> None:
        reservation.sent_at, reservation.is_waiting = now, False
        self._sent.append(reservation)
        self._tokens += reservation.tokens

    def _join_queue(self, reservation: Reservation, first: Reservation) -> int:
        """Return how many have waited for longer."""
        if reservation.number is None:
            self._numbers += 1
            reservation.number = self._numbers
            self._queue.append(reservation)
        return reservation.number - (first.number or reservation.number)

    def _take_back(self, reservation: Reservation) -> None:
        self._sent.remove(reservation)
        self._tokens -= reservation.tokens
        reservation.sent_at = None

    def _forget(self, now: float) -> None:
        while self._returned:
            if (returned := self._returned.popleft()).sent_at is not None:
                self._take_back(returned)
        while self._sent and (self._sent[0].sent_at or 0.0) <= now - MINUTE:
            oldest = self._sent.popleft()
            self._tokens -= oldest.tokens
            oldest.sent_at = None
        if not self._sent:
            self._tokens = 0.0  # no rounding adds up
