"""Pacing: after a throttle, the calls of this process to one endpoint and model share a rate.

Each call by itself backs off blindly, and a burst against a quota loses those that were unlucky
three times. Together they know what the endpoint took in the last second: they send a little
slower than that, and raise the rate while nothing is refused (additive increase,
multiplicative decrease). Without a throttle only a burst of hundreds of calls is spread a little.

A small quota of a minute is found by how many were taken of a burst. What goes beyond that is tried
one by one, after longer and longer pauses, by calls that may be sent again after it. The last try
of a call is kept for a time when the endpoint takes requests, and for a while before it nothing is
sent.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.platform.shared_state import shared_lock

DECREASE: Final = 0.94
"""What is left of the measured rate after a throttle."""

# A process that sends thousands at once would hear of the first refusal after the last was sent.
# It begins with so many at once, and then so many a second: about what one event loop can send.
_FIRST_BURST: Final = 4.0
_UNKNOWN_RATE: Final = 500.0

_MINUTE: Final = 60.0
_SLOWEST: Final = 0.2
# After this long without a refusal the limit is not where it was, and is looked for faster.
_CALM_SECONDS: Final = 1.0
_MEASURED_SECONDS: Final = 1.0
# Waiters look again at least so often: the rate may have changed.
_LONGEST_WAIT: Final = 1.0
# Almost a second more than a minute: the endpoint counts from when a request reaches it.
_REMEMBERED: Final = 60.9
_MOST_REFUSED: Final = 0.5
_CALM_FOR_RETRIES: Final = (0.0, 0.1, 1.0)
# After so long without a refusal a last try needs no room.
_CALM_FOR_ALL: Final = 10.0
_FEW: Final = 5
# So long after a minute in which nothing was taken, no quota of a minute is waited for.
_LONGEST_DROUGHT: Final = 120.0


@dataclass
class Ticket:
    """A call's place in the queue of an endpoint.

    Attributes:
        number: Which it is; None while it did not have to wait.
        sent_at: When the call was sent.
        tries: How often it was sent before. One that was refused already waits for a calm
            moment: it has fewer chances left than others.
        is_last: Whether it is not sent again.
        room_at: When there is room for a last try, as in `Pacing`; None while none was made.
    """

    number: int | None = None
    sent_at: float = 0.0
    tries: int = 0
    is_last: bool = False
    room_at: float | None = None


@dataclass(eq=False)
class Pacing:
    """The pace of one endpoint, for all calls of a process.

    Attributes:
        clock: Returns the time in seconds.
        epoch: The last throttle that changed the rate.
        sent_at: When a request was sent last.
        sent: Requests that were sent since.
        refused: How many of them were throttled.
        taken: When those requests of the last minute were sent that were not throttled.
        most: So many of a small quota are taken in a minute, as far as is known: more are tried
            one by one.
        is_crowd: Whether several calls share the quota: a lone one waits for its own backoff.
        refused_since: Since when nothing is taken.
        drought: For how many seconds nothing was taken, the last time that it was so.
        rate: Requests a second; None while nothing was throttled.
        is_first: Whether the rate is the one that was set first.
        is_searching: Whether the rate is a guess: it grows quickly, up to the next refusal.
        pauses: How often in a row most of the requests were refused.
        credit: How many may be sent at once.
        credited_at: When credit was added last.
        paused_until: Nothing is sent before.
        room_at: When a last try is sent, nothing having been sent for a while before.
        throttled_at: When a request was throttled last.
        delay: How many seconds a refusal takes to come.
        issued: How many calls were given a number, since they had to wait.
        served: How many numbers were used or given back.
    """

    clock: Callable[[], float]
    epoch: float = 0.0
    sent_at: float = 0.0
    sent: int = 0
    refused: int = 0
    taken: list[float] = field(default_factory=list)
    most: float = math.inf
    is_crowd: bool = False
    refused_since: float = math.inf
    drought: float = _MINUTE
    rate: float | None = None
    is_first: bool = False
    is_searching: bool = False
    pauses: int = 0
    credit: float = _FIRST_BURST
    credited_at: float = 0.0
    paused_until: float = 0.0
    room_at: float = 0.0
    throttled_at: float = 0.0
    delay: float = 0.0
    served: int = 0
    issued: int = 0
    _lock: threading.Lock = field(default_factory=shared_lock)

    def wait(self, ticket: Ticket) -> float:
        """Return how many seconds a call should wait before it asks again; 0: it is sent now.

        Args:
            ticket: The call's, the same each time it asks.
        """
        with self._lock:
            now = self.clock()
            self._credit(now)
            seconds = 0.0 if self.rate is None else self._hold(ticket, now)
            # An event loop that is busy beginning calls wakes none of those that wait: in a first
            # burst nobody passes them.
            has_turn = self.rate or ticket.number is not None or self.issued == self.served
            if self.credit < 1.0 or not has_turn or seconds > 0:
                return self._queue(ticket, seconds)
            self.credit -= 1.0
            self.taken.append(now)
            self.sent += 1
            self.sent_at = ticket.sent_at = now
        self.release(ticket)
        return 0.0

    def throttled(self, ticket: Ticket, asked: float | None) -> None:
        """Slow down, after a request was refused for its quota.

        Args:
            ticket: The request's.
            asked: For how many seconds it is not to be sent again, if the endpoint said so.
        """
        if asked is not None and asked > _MINUTE:
            # Nobody's call waits for so long: other calls end with what the endpoint says, too.
            asked = None
        with self._lock:
            now = self.clock()
            self._credit(now)
            place = bisect_left(self.taken, ticket.sent_at)
            if self.taken[place : place + 1] == [ticket.sent_at]:
                del self.taken[place]
            self.throttled_at = now
            self._last_taken(now)  # it ends the time when nothing was taken
            self.refused_since = min(self.refused_since, now)
            self.delay = min(_MEASURED_SECONDS, max(now - ticket.sent_at, self.delay / 2))
            # What was sent before there was a rate, and is refused, was no part of it.
            is_older = ticket.sent_at < self.epoch
            if self.rate is None or (self.is_first and is_older):
                self._begin(now, max(asked or 0.0, 1.5 * self.delay))
            elif not is_older:
                self.refused += 1
                self._slow_down(now, asked)

    def release(self, ticket: Ticket) -> None:
        """Give back the ticket of a call that was sent, or ended while it waited.

        It takes no lock: the call may be a generator that the garbage collector closes.
        """
        if ticket.number is not None:
            self.served += 1
            ticket.number = None

    def _queue(self, ticket: Ticket, seconds: float) -> float:
        """Give a call its number, and return when it asks again if it may not go sooner."""
        if ticket.number is None:
            ticket.number = self.issued
            self.issued += 1
        if seconds <= 0:
            before = max(0, ticket.number - self.served)
            seconds = (before + 1.0 - self.credit) / (self.rate or _UNKNOWN_RATE)
        return max(0.002, min(seconds, _LONGEST_WAIT))

    def _hold(self, ticket: Ticket, now: float) -> float:
        """Return how many seconds a call waits after a throttle, whatever the rate."""
        if ticket.room_at == self.room_at:
            return self.room_at - now
        if now < self.paused_until:
            return self.paused_until - now
        calm = now - self.throttled_at
        is_taken = self._last_taken(now) >= self.epoch
        until_answered = self.sent_at + self._answered_after - now
        waiting = self.issued - self.served
        if len(self.taken) > _FEW or (len(self.taken) and waiting > 1 and until_answered <= 0):
            self.is_crowd = True
        # At a border of minutes twice as many are taken; with more it is no quota of a minute.
        if len(self.taken) > self.most * 2.5:
            self.most = math.inf
        seconds = _CALM_FOR_RETRIES[min(ticket.tries, len(_CALM_FOR_RETRIES) - 1)] - calm
        is_last = ticket.is_last and self.is_crowd
        if is_last and not is_taken:
            seconds = max(seconds, self.drought - calm)
        if is_last and self.most < math.inf:
            between = self.sent_at + _MINUTE / self.most - now
            # It leaves some room: with a quota of tokens requests differ.
            is_full = len(self.taken) >= self.most * 0.75
            return max(seconds, until_answered, between, _LONGEST_WAIT if is_full else 0.0)
        if len(self.taken) >= self.most:
            return max(seconds, until_answered)
        needs_room = is_last and seconds <= 0 and calm < _CALM_FOR_ALL
        return self._make_room(ticket, now) if needs_room else seconds

    def _make_room(self, ticket: Ticket, now: float) -> float:
        """Keep the others from sending before a last try; return how many seconds it waits.

        The rate grows up to the next refusal, which would hit a last try as any other.
        """
        rate = self.rate or _SLOWEST
        ticket.room_at = self.room_at = now + min(5.0 / rate, _MEASURED_SECONDS)
        self.paused_until = self.room_at + min(1.0 / rate, _MEASURED_SECONDS)
        self.credit, self.credited_at = 1.0, self.paused_until
        return self.room_at - now

    def _credit(self, now: float) -> None:
        """Add what the time that went by is worth, to the credit and to the rate."""
        del self.taken[: bisect_left(self.taken, now - _REMEMBERED)]
        calm = now - max(self.throttled_at, self.epoch)
        is_idle = calm > _MINUTE and self.issued == self.served
        if is_idle:
            self.drought, self.refused_since = _MINUTE, math.inf
        elapsed = max(0.0, now - self.credited_at)
        self.credited_at = max(now, self.credited_at)
        if self.rate is None:
            self.credit = min(self.credit + elapsed * _UNKNOWN_RATE, _FIRST_BURST)
            return
        most = max(2.0, self.rate / 20)
        self.credit = self.credit + elapsed * self.rate
        is_limiting = self.credit < most  # whether calls wait for the rate
        self.credit = min(self.credit, most)
        step = 0.03  # of the rate, each second
        # What was sent at this rate has been answered by now.
        is_confirmed = calm > 2 * self.delay
        if is_confirmed and self.is_searching and calm > _CALM_SECONDS / 2:
            step = 1.0
        elif is_confirmed and calm > _CALM_SECONDS:
            # Faster the longer it lasts: another process may have ended.
            step = 0.05 * max(1.0, calm / 1.5)
        if is_limiting:
            self.rate += elapsed * max(self.rate * step, _SLOWEST)
        if is_idle or now - self.refused_since > _LONGEST_DROUGHT:
            self.rate, self.epoch, self.sent, self.refused = None, now, 0, 0
            self.most, self.is_crowd, self.credit = math.inf, False, _FIRST_BURST

    def _begin(self, now: float, pause: float) -> None:
        """Set the first rate: what was taken in the best of the last seconds."""
        # A burst has used up what there was for this second. One call that is sent again by
        # itself does not wait for more than its own backoff.
        is_burst = len(self.taken) > _FEW
        self.rate, first = self._first_rate()
        left = first + _MEASURED_SECONDS - now
        self.is_first = self.is_searching = True
        self._limit(20)
        self._begin_epoch(now, max(pause, left if is_burst else 0.0))

    def _slow_down(self, now: float, asked: float | None) -> None:
        """Lower the rate, once it is clear which part is refused."""
        is_clear = self.is_crowd and self.most < math.inf and self.refused == self.sent
        if now - self.epoch < _MEASURED_SECONDS and not is_clear:
            return
        rate, share = self.rate or _SLOWEST, self.refused / max(self.sent, 1)
        was_searching, self.is_searching = self.is_searching, share > _MOST_REFUSED
        pauses, pause = 0, 0.0
        if self.is_searching:
            self._limit(60)
            pauses, pause = self.pauses + 1, max(asked or 0.0, 2.0 ** min(self.pauses, 4))
        rate *= max(0.5, min(1.0 - share, 0.75 if was_searching else DECREASE))
        self.rate, self.is_first, self.pauses = max(_SLOWEST, rate), False, pauses
        self._begin_epoch(now, pause)

    def _limit(self, small: int) -> None:
        """Note a quota of a minute that is small; a larger one is found by its rate alone."""
        if len(self.taken) <= small:
            self.most = min(self.most, max(1, len(self.taken)))

    def _begin_epoch(self, now: float, pause: float) -> None:
        self.paused_until = max(self.paused_until, now + pause)
        self.credit, self.credited_at = 1.0, max(now, self.paused_until)
        self.epoch, self.sent, self.refused = self.credited_at, 0, 0
        self.room_at = 0.0

    @property
    def _answered_after(self) -> float:
        """How many seconds after it was sent a request is taken, unless it was refused."""
        return 0.05 + 2 * self.delay

    def _last_taken(self, now: float) -> float:
        """Return when the last request that was taken was sent; note how long none had been.

        It is taken if it was not refused in the time that a refusal takes.
        """
        known = bisect_left(self.taken, now - self._answered_after)
        taken = self.taken[known - 1] if known else -math.inf
        if taken > self.refused_since:
            self.drought, self.refused_since = taken - self.refused_since, math.inf
        return taken

    def _first_rate(self) -> tuple[float, float]:
        """Return the rate of the fastest of the last seconds, and when it began.

        A process that sends thousands at once hears of the first refusal after the last was sent,
        seconds later: the refusals say which of these seconds they are of.
        """
        newest = self.taken[-1] if self.taken else -math.inf

        def taken_in(first: float) -> int:
            return bisect_left(self.taken, first + 1.0) - bisect_left(self.taken, first)

        first = max((newest - tenth / 10 for tenth in range(50)), key=taken_in)
        return max(1.0, DECREASE * taken_in(first)), first
