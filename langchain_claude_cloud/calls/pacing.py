"""Pacing: after a throttle, the calls of this process to one endpoint and model share a rate.

Each call by itself backs off blindly, and a burst against a quota loses those that were unlucky
three times. Together they know what the endpoint took in the last second: they send a little
slower than that, and raise the rate while nothing is refused (additive increase,
multiplicative decrease). Without a throttle only a burst of hundreds of calls is spread a little.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.platform.shared_state import shared_lock

DECREASE: Final = 0.94
"""What is left of the measured rate after a throttle."""

_MOST_DECREASE: Final = 0.5
_INCREASE_A_SECOND: Final = 0.03
"""How much of the rate is added each second while nothing is refused."""

# A process that sends thousands at once would hear of the first refusal after the last was sent.
# It begins with so many at once, and then so many a second: about what one event loop can send.
_FIRST_BURST: Final = 4.0
_UNKNOWN_RATE: Final = 500.0

_SLOWEST: Final = 0.2
_FEWEST_AT_FIRST: Final = 1.0
# After this long without a refusal the limit is not where it was, and is looked for faster.
_CALM_SECONDS: Final = 1.0
_FASTER_A_SECOND: Final = 0.05
# And faster the longer it lasts: another process may have ended.
_LONG_CALM_SECONDS: Final = 1.5
_SEARCH_A_SECOND: Final = 1.0
_AFTER_SEARCH: Final = 0.75
_FORGOTTEN_AFTER: Final = 60.0
_MEASURED_SECONDS: Final = 1.0
_SLOTS: Final = 10
"""Into how many parts a measured second is divided."""

# Waiters look again at least so often: the rate may have changed.
_LONGEST_WAIT: Final = 1.0
_SHORTEST_WAIT: Final = 0.002
_BURST_SECONDS: Final = 0.05
_SMALLEST_BURST: Final = 2.0
_MOST_SLOTS: Final = 5 * _SLOTS
_LONGEST_PAUSE: Final = 60.0
_LONGEST_OWN_PAUSE: Final = 16.0
_MOST_REFUSED: Final = 0.5
_CALM_FOR_RETRIES: Final = (0.0, 0.1, 1.0)
_FEW: Final = 5
_CLEARLY: Final = 5
_SAMPLE: Final = 50
_ROUND_TRIPS: Final = 1.5
_MOST_PLACES: Final = 1000


@dataclass
class _Traffic:
    """What is known of one endpoint.

    Attributes:
        epoch: The last throttle that changed the rate.
        sent: Requests that were sent since.
        refused: How many of them were throttled.
        began: When the first request was sent.
        taken: How many requests of each tenth of a second were not throttled, up to the first
            rate.
        rate: Requests a second; None while nothing was throttled.
        is_first: Whether the rate is the one that was set first.
        is_searching: Whether the rate is a guess: it grows quickly, up to the next refusal.
        is_limiting: Whether calls wait for the rate.
        pauses: How often in a row most of the requests were refused.
        credit: How many may be sent at once.
        credited_at: When credit was added last.
        paused_until: Nothing is sent before.
        throttled_at: When a request was throttled last.
        delay: How many seconds a refusal takes to come.
        issued: How many calls were given a number, since they had to wait.
        served: How many numbers were used or given back.
    """

    epoch: float
    began: float
    sent: int = 0
    refused: int = 0
    taken: dict[int, int] = field(default_factory=dict)
    rate: float | None = None
    is_first: bool = False
    is_searching: bool = False
    is_limiting: bool = True
    pauses: int = 0
    credit: float = _FIRST_BURST
    credited_at: float = 0.0
    paused_until: float = 0.0
    throttled_at: float = 0.0
    delay: float = 0.0
    served: int = 0
    issued: int = 0


@dataclass
class Ticket:
    """A call's place in the queue of an endpoint.

    Attributes:
        number: Which it is; None while it did not have to wait.
        sent_at: When the call was sent.
        tries: How often it was sent before. One that was refused already waits for a calm
            moment: it has fewer chances left than others.
    """

    number: int | None = None
    sent_at: float = 0.0
    tries: int = 0


class Pacing:
    """The pace of all endpoints of a process, by `Route.place`.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._traffic: dict[Hashable, _Traffic] = {}
        self._lock = shared_lock()

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
                traffic = self._traffic[place] = _Traffic(now, now, credited_at=now)
                if len(self._traffic) > _MOST_PLACES:
                    oldest = min(self._traffic, key=lambda each: self._traffic[each].epoch)
                    del self._traffic[oldest]
            seconds = self._wait(traffic, ticket, now)
            if seconds:
                return seconds
            if traffic.rate is None:
                slot = int((now - traffic.began) * _SLOTS / _MEASURED_SECONDS)
                traffic.taken[slot] = traffic.taken.get(slot, 0) + 1
                if len(traffic.taken) > _MOST_SLOTS:
                    del traffic.taken[min(traffic.taken)]
            traffic.sent += 1
            ticket.sent_at = now
        self.release(place, ticket)
        return 0.0

    def throttled(self, place: Hashable, ticket: Ticket, asked: float | None) -> None:
        """Slow down, after a request was refused for its quota.

        Args:
            place: The endpoint.
            ticket: The request's.
            asked: For how many seconds it is not to be sent again, if the endpoint said so.
        """
        if asked is not None and asked > _LONGEST_PAUSE:
            # Nobody's call waits for so long: other calls end with what the endpoint says, too.
            asked = None
        with self._lock:
            now = self._clock()
            traffic = self._traffic.get(place)
            if traffic is None:
                return
            self._credit(traffic, now)
            traffic.throttled_at = now
            traffic.delay = min(_MEASURED_SECONDS, max(now - ticket.sent_at, traffic.delay / 2))
            if traffic.rate is None:
                self._begin(traffic, ticket, now, max(asked or 0.0, _ROUND_TRIPS * traffic.delay))
            elif ticket.sent_at >= traffic.epoch:
                traffic.refused += 1
                is_clear = traffic.refused >= _CLEARLY and traffic.sent >= _SAMPLE
                if is_clear or now - traffic.epoch >= _MEASURED_SECONDS:
                    self._slow_down(traffic, now, asked)
            elif traffic.is_first:
                # Sent before there was a rate: the endpoint took less than it had seemed. The
                # others that were under way are waited for.
                more = now + min(now - ticket.sent_at, _MEASURED_SECONDS) / 2
                traffic.epoch = traffic.paused_until = max(traffic.paused_until, more)
                traffic.credited_at = traffic.paused_until
                traffic.rate = self._rate_without(traffic, ticket)

    def release(self, place: Hashable, ticket: Ticket) -> None:
        """Give back the ticket of a call that was sent, or ended while it waited.

        It takes no lock: the call may be a generator that the garbage collector closes.
        """
        traffic = self._traffic.get(place)
        if traffic is not None and ticket.number is not None:
            traffic.served += 1
            ticket.number = None

    def _wait(self, traffic: _Traffic, ticket: Ticket, now: float) -> float:
        self._credit(traffic, now)
        if now < traffic.paused_until:
            return min(traffic.paused_until - now, _LONGEST_WAIT)
        tries = min(ticket.tries, len(_CALM_FOR_RETRIES) - 1)
        calm = traffic.throttled_at + _CALM_FOR_RETRIES[tries] - now
        if calm > 0:
            return max(_SHORTEST_WAIT, min(calm, _LONGEST_WAIT))
        # An event loop that is busy beginning calls wakes none of those that wait: in a first burst
        # nobody passes them.
        has_turn = (
            traffic.rate is not None
            or ticket.number is not None
            or traffic.issued == traffic.served
        )
        if traffic.credit >= 1.0 and has_turn:
            traffic.credit -= 1.0
            return 0.0
        if ticket.number is None:
            ticket.number = traffic.issued
            traffic.issued += 1
        before = max(0, ticket.number - traffic.served)
        seconds = (before + 1.0 - traffic.credit) / (traffic.rate or _UNKNOWN_RATE)
        return max(_SHORTEST_WAIT, min(seconds, _LONGEST_WAIT))

    def _credit(self, traffic: _Traffic, now: float) -> None:
        """Add what the time that went by is worth, to the credit and to the rate."""
        elapsed = max(0.0, now - traffic.credited_at)
        traffic.credited_at = max(now, traffic.credited_at)
        if traffic.rate is None:
            traffic.credit = min(traffic.credit + elapsed * _UNKNOWN_RATE, _FIRST_BURST)
            return
        most = max(_SMALLEST_BURST, traffic.rate * _BURST_SECONDS)
        traffic.credit = traffic.credit + elapsed * traffic.rate
        traffic.is_limiting = traffic.credit < most
        traffic.credit = min(traffic.credit, most)
        calm = now - max(traffic.throttled_at, traffic.epoch)
        step = _INCREASE_A_SECOND
        # What was sent at this rate has been answered by now.
        is_confirmed = calm > 2 * traffic.delay
        if is_confirmed and traffic.is_searching and calm > _CALM_SECONDS / 2:
            step = _SEARCH_A_SECOND
        elif is_confirmed and calm > _CALM_SECONDS:
            step = _FASTER_A_SECOND * max(1.0, calm / _LONG_CALM_SECONDS)
        if traffic.is_limiting or traffic.rate < _FEWEST_AT_FIRST:
            traffic.rate += elapsed * max(traffic.rate * step, _SLOWEST)
        if calm > _FORGOTTEN_AFTER:
            traffic.rate, traffic.epoch, traffic.sent, traffic.refused = None, now, 0, 0
            traffic.began, traffic.taken, traffic.credit = now, {}, _FIRST_BURST

    def _begin(self, traffic: _Traffic, ticket: Ticket, now: float, pause: float) -> None:
        """Set the first rate: what was taken in the best of the last seconds."""
        # A burst has used up what there was for this second. One call that is sent again by
        # itself does not wait for more than its own backoff.
        is_burst = sum(traffic.taken.values()) > _FEW
        _, first = _best_second(traffic)
        left = traffic.began + (first / _SLOTS + 1.0) * _MEASURED_SECONDS - now
        traffic.rate = self._rate_without(traffic, ticket)
        traffic.is_first = traffic.is_searching = True
        self._begin_epoch(traffic, now, max(pause, left if is_burst else 0.0))

    def _rate_without(self, traffic: _Traffic, ticket: Ticket) -> float:
        """Return the first rate, now that one more request was refused.

        A process that sends thousands at once hears of the first refusal after the last was
        sent, seconds later: the refusals say which of these seconds they are of.
        """
        slot = int((ticket.sent_at - traffic.began) * _SLOTS / _MEASURED_SECONDS)
        if slot in traffic.taken:
            traffic.taken[slot] -= 1
        most, _ = _best_second(traffic)
        return max(_FEWEST_AT_FIRST, DECREASE * most)

    def _slow_down(self, traffic: _Traffic, now: float, asked: float | None) -> None:
        rate, share = traffic.rate or _SLOWEST, traffic.refused / max(traffic.sent, 1)
        elapsed = now - traffic.epoch
        if elapsed > _MEASURED_SECONDS / 4 and not traffic.is_limiting:
            rate = min(rate, traffic.sent / elapsed)  # a busy process sends less than it may
        was_searching = traffic.is_searching
        traffic.is_searching = share > _MOST_REFUSED
        rate *= max(_MOST_DECREASE, min(1.0 - share, _AFTER_SEARCH if was_searching else DECREASE))
        traffic.pauses = traffic.pauses + 1 if traffic.is_searching else 0
        pause = 0.0
        if traffic.is_searching:
            pause = max(asked or 0.0, min(2.0 ** (traffic.pauses - 1), _LONGEST_OWN_PAUSE))
        traffic.rate, traffic.is_first = max(_SLOWEST, rate), False
        self._begin_epoch(traffic, now, pause)

    def _begin_epoch(self, traffic: _Traffic, now: float, pause: float) -> None:
        traffic.paused_until = max(traffic.paused_until, now + pause)
        traffic.credit, traffic.credited_at = 1.0, max(now, traffic.paused_until)
        traffic.epoch, traffic.sent, traffic.refused = traffic.credited_at, 0, 0


def _best_second(traffic: _Traffic) -> tuple[int, int]:
    """Return how many were taken in the best second, and in which slot it begins."""
    return max(
        (
            (sum(traffic.taken.get(slot + later, 0) for later in range(_SLOTS)), slot)
            for slot in traffic.taken
        ),
        default=(0, 0),
    )
