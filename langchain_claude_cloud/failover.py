"""A call's routes and its errors in, where and when to send it next out.

Each route is tried once before any is tried again. A route that throttled or failed cools
down for as long as it said, for the whole process; a healthy one is stuck to, because the
prompt cache lives with it. Nothing here sends or waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConnectionFailedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)
from langchain_claude_cloud.routes import Route

logger = logging.getLogger("langchain_claude_cloud")

_SWITCHES: Final = (
    AuthenticationError,
    ConnectionFailedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
_COOL_DOWN_SECONDS: Final = 30.0
"""For a route that failed without saying for how long."""

Delay = Callable[[ClaudeCloudError, int], float | None]


class Health:
    """Which routes of this process are cooling down, by platform, region and model."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str | None, str], float] = {}
        self._lock = threading.Lock()

    def remaining(self, route: Route) -> float:
        """Return for how many seconds a route still cools down; 0 if it is healthy."""
        return max(0.0, self._until.get(_place(route), 0.0) - self._clock())

    def failed(self, route: Route, error: ClaudeCloudError) -> None:
        """Let a route cool down after an error of its endpoint."""
        seconds = error.retry_after or _COOL_DOWN_SECONDS
        with self._lock:
            self._until[_place(route)] = self._clock() + seconds

    def answered(self, route: Route) -> None:
        """Count a route as healthy again."""
        with self._lock:
            self._until.pop(_place(route), None)


HEALTH: Final = Health()
"""The health of this process's routes."""


def _place(route: Route) -> tuple[str, str | None, str]:
    return (route.config.cloud, route.known_region(), route.model)


@dataclass
class Plan:
    """The attempts of one call.

    Attributes:
        routes: Where it may go, in the user's order.
        delay: Says how long to wait before a further round, None to give up.
        health: What is known of the routes.
        route: Where the current attempt goes.
    """

    routes: Sequence[Route]
    delay: Delay
    health: Health = HEALTH
    _round: int = 1
    _earlier: ClaudeCloudError | None = None
    _queue: list[Route] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start_round()

    @property
    def route(self) -> Route:
        """Where the next attempt goes."""
        return self._queue[0]

    def succeeded(self) -> None:
        """Note that the current route answered."""
        if len(self.routes) > 1:
            self.health.answered(self.route)

    def failed(self, error: ClaudeCloudError) -> float:
        """Decide what follows an attempt that failed before anything was handed out.

        Returns:
            Seconds to wait before the next attempt, whose route is `route` then.

        Raises:
            ClaudeCloudError: The error itself, when there is no further attempt.
        """
        if len(self.routes) > 1 and _switches(error):
            failed = self._queue.pop(0)
            self.health.failed(failed, error)
            if self._queue:
                _log_switch(failed, self.route, error)
                self._earlier = _chain(error, self._earlier)
                return 0.0
        seconds = self.delay(error, self._round)
        if seconds is None:
            raise _chain(error, self._earlier)
        self._earlier = _chain(error, self._earlier)
        self._round += 1
        self._start_round()
        return seconds

    def _start_round(self) -> None:
        """Put the healthy routes first, in the user's order, then those soonest healthy."""
        self._queue = sorted(self.routes, key=self.health.remaining)


def _switches(error: ClaudeCloudError) -> bool:
    """Whether another route may answer what this one did not.

    A request that ran out of time without being streamed is not sent elsewhere (its error
    says that it is not retryable): it may still be working, and be billed.
    """
    return isinstance(error, _SWITCHES) or (
        isinstance(error, RequestTimeoutError) and error.is_retryable
    )


def _chain(error: ClaudeCloudError, earlier: ClaudeCloudError | None) -> ClaudeCloudError:
    """Let an error show the one before it, if it has no cause of its own."""
    if error.__cause__ is None and earlier is not None and error is not earlier:
        error.__cause__ = earlier
        error.add_note(f"Before that: {earlier}")
    return error


def _log_switch(failed: Route, following: Route, error: ClaudeCloudError) -> None:
    logger.warning(
        "%s in %s failed with %s; the call goes on with %s in %s.",
        failed.config.cloud,
        failed.known_region(),
        type(error).__name__,
        following.config.cloud,
        following.known_region(),
    )
