"""Pacing: after a throttle, the calls of this process to one endpoint and model share a rate.

Each call by itself backs off blindly, and a burst against a quota loses those that were unlucky
three times. Together they know what the endpoint took in the last second: they go on a little
slower than that, and add to the rate while nothing is refused (additive increase,
multiplicative decrease). Without a throttle nobody waits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.platform._common import SharedLock

DECREASE: Final = 0.9
"""What is left of the measured rate after a throttle."""

_MOST_DECREASE: Final = 0.5
_INCREASE_A_SECOND: Final = 0.03
"""How much of the rate is added each second while nothing is refused."""

_SLOWEST: Final = 0.2
_FEWEST_AT_FIRST: Final = 1.0
# After this long without a refusal the limit is not where it was, and is looked for faster.
_CALM_SECONDS: Final = 8.0
_FASTER_A_SECOND: Final = 0.25
_FORGOTTEN_AFTER: Final = 60.0
_MEASURED_SECONDS: Final = 1.0
# Waiters look again at least so often: the rate may have changed.
_LONGEST_WAIT: Final = 1.0
_SHORTEST_WAIT: Final = 0.002
_BURST_SECONDS: Final = 0.05
_LONGEST_PAUSE: Final = 60.0
_MOST_PLACES: Final = 1000


@dataclass
class _Traffic:
    """What is known of one endpoint.

    Attributes:
        epoch: When the current measurement began: the last throttle that changed the rate.
        sent: Requests that were sent since.
        refused: How many of them were throttled.
        rate: Requests a second; None while nothing was throttled.
        credit: How many may be sent at once.
        credited_at: When credit was added last.
        paused_until: Nothing is sent before.
        throttled_at: When a request was throttled last.
        served: How many tickets were used or given back.
    """

    epoch: float
    sent: int = 0
    refused: int = 0
    rate: float | None = None
    base: float = 0.0
    credit: float = 0.0
    credited_at: float = 0.0
    paused_until: float = 0.0
    throttled_at: float = 0.0
    served: int = 0
    tickets: itertools.count[int] = field(default_factory=itertools.count)


@dataclass
class Ticket:
    """A call's place in the queue of an endpoint.

    Attributes:
        number: Which it is; None while it did not have to wait.
        sent_at: When the call was sent.
    """

    number: int | None = None
    sent_at: float = 0.0


class Pacing:
    """The pace of all endpoints of a process, by `Route.place`.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._traffic: dict[Hashable, _Traffic] = {}
        self._lock = SharedLock()

    def wait(self, place: Hashable, ticket: Ticket) -> float:
        """Return how many seconds a call should wait before it asks again; 0: it is sent now.

        Args:
            place: The endpoint.
            ticket: The call's, the same each time it asks.
        """
        with self._lock:
            now = self._clock()
            traffic = self._traffic.get(place)
            if traffic is None:
                traffic = self._traffic[place] = _Traffic(now)
                self._make_room()
            seconds = 0.0 if traffic.rate is None else self._wait(traffic, ticket, now)
            if not seconds:
                self._send(traffic, ticket, now)
            return seconds

    def throttled(self, place: Hashable, ticket: Ticket, asked: float | None) -> None:
        """Slow down, after a request was refused for its quota.

        Args:
            place: The endpoint.
            ticket: The request's.
            asked: For how many seconds it is not to be sent again, if the endpoint said so.
        """
        with self._lock:
            now = self._clock()
            traffic = self._traffic.get(place)
            if traffic is None:
                return
            self._credit(traffic, now)
            traffic.throttled_at = now
            traffic.refused += 1
            is_old = traffic.rate is not None and ticket.sent_at <= traffic.epoch
            if is_old:
                # Sent before the rate was set: what the endpoint took was less than it seemed.
                traffic.base = max(_SLOWEST, traffic.base - DECREASE / _MEASURED_SECONDS)
                traffic.rate = min(traffic.rate or traffic.base, max(traffic.base, _SLOWEST))
                return
            self._begin_epoch(traffic, now, asked)

    def release(self, place: Hashable, ticket: Ticket) -> None:
        """Give back the ticket of a call that ended while it waited. It takes no lock."""
        traffic = self._traffic.get(place)
        if traffic is not None and ticket.number is not None:
            traffic.served += 1
            ticket.number = None

    def rate(self, place: Hashable) -> float | None:
        """Return the requests a second that are sent there; None where nobody waits."""
        traffic = self._traffic.get(place)
        return traffic.rate if traffic else None

    def _send(self, traffic: _Traffic, ticket: Ticket, now: float) -> None:
        if traffic.rate is None and now - traffic.epoch > 2 * _MEASURED_SECONDS:
            elapsed = now - traffic.epoch  # only the last second or two are measured
            traffic.epoch, traffic.sent = now - _MEASURED_SECONDS, int(traffic.sent / elapsed)
        traffic.sent += 1
        ticket.sent_at = now
        if ticket.number is not None:
            traffic.served += 1
            ticket.number = None

    def _wait(self, traffic: _Traffic, ticket: Ticket, now: float) -> float:
        self._credit(traffic, now)
        if traffic.rate is None:
            return 0.0
        if now < traffic.paused_until:
            return min(traffic.paused_until - now, _LONGEST_WAIT)
        if traffic.credit >= 1.0:
            traffic.credit -= 1.0
            return 0.0
        if ticket.number is None:
            ticket.number = next(traffic.tickets)
        before = max(0, ticket.number - traffic.served)
        seconds = (before + 1.0 - traffic.credit) / traffic.rate
        return max(_SHORTEST_WAIT, min(seconds, _LONGEST_WAIT))

    def _credit(self, traffic: _Traffic, now: float) -> None:
        """Add what the time that went by is worth, to the credit and to the rate."""
        if traffic.rate is None:
            return
        elapsed, traffic.credited_at = max(0.0, now - traffic.credited_at), now
        most = max(1.0, traffic.rate * _BURST_SECONDS)
        traffic.credit = min(traffic.credit + elapsed * traffic.rate, most)
        calm = now - traffic.throttled_at
        step = _INCREASE_A_SECOND if calm < _CALM_SECONDS else _FASTER_A_SECOND
        traffic.rate += elapsed * max(traffic.rate * step, _SLOWEST)
        if calm > _FORGOTTEN_AFTER:
            traffic.rate, traffic.epoch, traffic.sent, traffic.refused = None, now, 0, 0

    def _begin_epoch(self, traffic: _Traffic, now: float, asked: float | None) -> None:
        elapsed = max(now - traffic.epoch, _MEASURED_SECONDS)
        measured = max(0.0, traffic.sent - traffic.refused) / elapsed
        is_first = traffic.rate is None
        if traffic.rate is None:
            measured = max(measured, _FEWEST_AT_FIRST)
        else:
            measured = min(max(measured, traffic.rate * _MOST_DECREASE), traffic.rate)
        mostly_refused = traffic.refused * 2 > traffic.sent
        traffic.base = measured * DECREASE
        traffic.rate = max(_SLOWEST, traffic.base)
        if asked and (is_first or mostly_refused):
            traffic.paused_until = max(traffic.paused_until, now + min(asked, _LONGEST_PAUSE))
        # One call that is sent again by itself does not wait for more than its own backoff.
        traffic.credit, traffic.credited_at = 1.0, now
        traffic.epoch, traffic.sent, traffic.refused = now, 0, 0

    def _make_room(self) -> None:
        if len(self._traffic) > _MOST_PLACES:
            del self._traffic[min(self._traffic, key=lambda place: self._traffic[place].epoch)]
