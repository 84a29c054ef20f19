"""Owns all state that the calls of a process share.

The key of each entry is, or begins with, `Route.place`, which identifies an endpoint and an
identity. Each table has a size limit, and its entries expire. A test that needs a fresh process
calls `MEMORY.reset()`.
"""

from __future__ import annotations

import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.calls.pacing import Pacing
from langchain_claude_cloud.calls.rate_limit import MINUTE, MinuteWindow, RateLimit
from langchain_claude_cloud.catalogue.bedrock import ArnTarget
from langchain_claude_cloud.catalogue.media_types import FetchedMedia
from langchain_claude_cloud.platform.shared_state import ExpiringTable, shared_lock

logger = logging.getLogger("langchain_claude_cloud")

HOUR: Final = 3600.0
OPEN_SECONDS: Final = 30.0
"""For an endpoint that failed without saying for how long; doubled each time in a row."""

LONGEST_OPEN_SECONDS: Final = 300.0
"""How far repeated failures lengthen that."""

_draw = random.SystemRandom().random


_circuits_change: Final = shared_lock()


@dataclass(eq=False)
class CircuitBreaker:
    """The circuit breaker of an endpoint: whether it fails at the moment, and for how long.

    The circuit is closed while the endpoint answers. A failure opens it for a while; then it is
    half-open: one call at a time is let through as a probe, and its outcome closes the circuit or
    opens it again. Otherwise a thousand tasks at once could overload an endpoint that has just
    recovered.

    Attributes:
        clock: Returns the time in seconds.
        draw: Returns a random number in [0, 1).
        openings: How often it was opened in a row; 0: it is closed.
        open_until: From then on it is half-open.
        failed_at: When the endpoint failed last.
        probe_until: Until when nobody else probes.
        prober: Stands for the call that probes.
    """

    clock: Callable[[], float]
    draw: Callable[[], float]
    openings: int = 0
    open_until: float = -math.inf
    failed_at: float = -math.inf
    probe_until: float = -math.inf
    prober: object = None

    def remaining(self) -> float:
        """Return for how many seconds no other call should go there; 0 for a closed circuit."""
        return max(0.0, max(self.open_until, self.probe_until) - self.clock())

    def admit(self, call: object) -> bool:
        """Whether a call may go there: the circuit is closed, or the call is now its probe.

        Args:
            call: Stands for the call. It is kept.
        """
        with _circuits_change:
            now = self.clock()
            if now < max(self.open_until, self.probe_until):
                return False
            if self.openings:
                # A call that takes its time does not keep others from probing.
                self.probe_until, self.prober = now + 30.0, call
            return True

    def end_probe(self, call: object) -> None:
        """Let another call probe, if this one did: it has no outcome, or begins to be answered.

        It takes no lock: the call may be a generator that the garbage collector closes, anywhere,
        so also while this very thread holds the lock.
        """
        if self.prober is call:
            self.probe_until = -math.inf

    def record_failure(self, asked: float | None = None) -> None:
        """Open the circuit.

        Args:
            asked: For how many seconds, if the endpoint said so.
        """
        with _circuits_change:
            now = self.clock()
            is_open = now < self.open_until
            # Calls that were under way when it failed say nothing new when they fail, too.
            self.openings += 0 if is_open else 1
            if not is_open or asked is not None:
                base = OPEN_SECONDS if asked is None else min(asked, HOUR)
                doubled = base * 2.0 ** min(self.openings - 1, 16)
                seconds = max(base, min(doubled, LONGEST_OPEN_SECONDS))
                # Spreads the return of many processes; later than asked, never sooner.
                self.open_until = max(self.open_until, now + seconds * (1.0 + 0.2 * self.draw()))
            self.failed_at, self.probe_until = now, -math.inf

    def record_success(self, sent_at: float) -> None:
        """Close the circuit.

        Args:
            sent_at: When the answered call was sent; if it failed after that, that counts more.
        """
        with _circuits_change:
            if sent_at >= self.failed_at:
                self.openings = 0
                self.open_until = self.failed_at = self.probe_until = -math.inf


class Memory:
    """The state that the calls of a process share.

    Attributes:
        clock: Returns the time in seconds.
        draw: Returns a random number in [0, 1), for jitter.
        circuits: By place: whether an endpoint fails at the moment.
        paces: By place: how fast a throttled endpoint is asked.
        minutes: By place and limit: what was sent in the last minute.
        unsupported: By place: the features that an endpoint does not take.
        no_long_context: By place: endpoints that refused a context of 1M tokens.
        max_tokens: By place: a limit of answers that fits a small quota of tokens.
        arns: By place: what a Bedrock ARN stands for.
        uncounted: By place: endpoints that do not count tokens.
        counted: By place and kind of request: the last prompt that was counted.
        media: By URL: images and documents that were fetched.
        notices: What was said in the log already.
        locks: By what is found out: held while one thread does it for all.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(
        self, clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = _draw
    ) -> None:
        """Forget everything.

        Args:
            clock: The clock from now on.
            draw: The source of jitter from now on.
        """
        self.clock = clock
        self.draw = draw
        self.circuits: ExpiringTable[CircuitBreaker] = ExpiringTable(1000, clock)
        self.paces: ExpiringTable[Pacing] = ExpiringTable(1000, clock)
        self.minutes: ExpiringTable[MinuteWindow] = ExpiringTable(1000, clock)
        self.unsupported: ExpiringTable[frozenset[str]] = ExpiringTable(1000, clock)
        self.no_long_context: ExpiringTable[bool] = ExpiringTable(1000, clock)
        self.max_tokens: ExpiringTable[int] = ExpiringTable(1000, clock)
        self.arns: ExpiringTable[ArnTarget] = ExpiringTable(1000, clock)
        self.uncounted: ExpiringTable[bool] = ExpiringTable(1000, clock)
        self.counted: ExpiringTable[object] = ExpiringTable(100, clock)
        self.media: ExpiringTable[FetchedMedia] = ExpiringTable(
            64_000_000, clock, lambda media: len(media.data)
        )  # two of the largest requests
        self.notices: ExpiringTable[bool] = ExpiringTable(1000, clock)
        self.locks: ExpiringTable[threading.Lock] = ExpiringTable(1000, clock)

    def leave_queues(self) -> None:
        """Forget who waits for a turn: in a forked child they are not there to take it."""
        self.paces.clear()
        self.minutes.clear()

    def say_once(self, notice: str) -> None:
        """Log a warning, but once a day: an agent asks hundreds of times an hour."""
        if self.notices.put(notice, value=True, seconds=24 * HOUR):
            logger.warning("langchain-claude-cloud: %s", notice)

    def lock_for(self, key: Hashable) -> threading.Lock:
        """Return the lock that is held while one thread finds something out for all."""
        return self.locks.update(key, lambda lock: lock or shared_lock(), HOUR)

    def circuit(self, place: Hashable) -> CircuitBreaker:
        """Return whether an endpoint fails at the moment."""
        return self.circuits.update(
            place, lambda known: known or CircuitBreaker(self.clock, self.draw), 2 * HOUR
        )

    def pacing(self, place: Hashable) -> Pacing:
        """Return how fast an endpoint is asked."""
        return self.paces.update(place, lambda known: known or Pacing(self.clock), HOUR)

    def minute(self, place: Hashable, limit: RateLimit) -> MinuteWindow:
        """Return what was sent to an endpoint in the last minute under a limit of the user's."""
        return self.minutes.update(
            (place, limit), lambda known: known or MinuteWindow(limit, self.clock), 2 * MINUTE
        )


MEMORY: Final = Memory()
"""The state that the calls of this process share."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=MEMORY.leave_queues)
