"""A call's routes and its errors in, where and when to send it next out.

Each route is tried once before any is tried again. A route that throttled or failed cools
down for as long as it said, for the whole process; a healthy one is stuck to, because the
prompt cache lives with it. Nothing here sends or waits. What is known of the routes of the
process is in `langchain_claude_cloud.calls.circuit_breaker`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.calls.circuit_breaker import HEALTH, Health
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
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.routing.routes import Route

__all__ = ["HEALTH", "Delay", "FailedAttempt", "Plan", "may_be_answered_elsewhere"]

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
_QUOTED: Final = 300
_SHOWN: Final = 10
_BEFORE: Final = "Before that:"

Delay = Callable[[ClaudeCloudError, int], float | None]


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt of a call that failed before anything was handed out.

    Attributes:
        route: Where it went.
        error: Why it failed.
    """

    route: Route
    error: ClaudeCloudError

    def describe(self) -> JsonObject:
        """Return what response metadata says of it."""
        known = {
            "platform": self.route.config.cloud,
            "region": self.error.region or self.route.known_region(),
            "error": type(self.error).__name__,
            "status_code": self.error.status_code,
            "error_type": self.error.error_type,
            "request_id": self.error.request_id,
        }
        return {key: value for key, value in known.items() if value is not None}

    def __str__(self) -> str:
        """Say it in one line."""
        text = str(self.error)
        return f"{type(self.error).__name__}: {text[:_QUOTED]}{'...' * (len(text) > _QUOTED)}"


@dataclass
class Plan:
    """The attempts of one call.

    Attributes:
        routes: Where it may go, in the user's order.
        delay: Says how long to wait before a route is tried again, given the error and how
            often it was tried; None to leave it.
        remaining: Says how many seconds the call has left.
        health: What is known of the routes.
        clock: Returns the time in seconds.
        failures: The attempts that failed, in order.
    """

    routes: Sequence[Route]
    delay: Delay
    remaining: Callable[[], float] = lambda: math.inf
    health: Health = HEALTH
    clock: Callable[[], float] = time.monotonic
    failures: list[FailedAttempt] = field(default_factory=list)
    _tries: list[int] = field(default_factory=list)
    _ready: dict[int, float] = field(default_factory=dict)
    _current: int = 0
    _began: float = 0.0
    _ticket: object = field(default_factory=object)

    def __post_init__(self) -> None:
        self._tries = [0] * len(self.routes)
        self._go_to(self._untried())

    @property
    def route(self) -> Route:
        """Where the next attempt goes."""
        return self.routes[self._current]

    def switched_from(self) -> list[FailedAttempt]:
        """Return the failed attempts, if any of them went elsewhere than the current one."""
        elsewhere = any(failed.route is not self.route for failed in self.failures)
        return list(self.failures) if elsewhere else []

    def let_others_try(self) -> None:
        """Give back what this call was to find out, if it was: whether its route works again.

        It began to answer, or the call ends without a verdict: cancelled, for example.
        """
        if self._has_choice:
            self.health.release(self.route, self._ticket)

    def succeeded(self) -> None:
        """Note that the current route answered."""
        if self._has_choice:
            self.health.answered(self.route, self._began)

    def failed(self, error: ClaudeCloudError) -> float:
        """Decide what follows an attempt that failed before anything was handed out.

        Returns:
            Seconds to wait before the next attempt, whose route is `route` then.

        Raises:
            ClaudeCloudError: Why there is no further attempt: the error itself, or where
                only that of another route may pass, that one. The others are chained to it.
        """
        failed = self._current
        self.failures.append(FailedAttempt(self.route, error))
        self._tries[failed] += 1
        self._note_health(error)
        self._plan_retry(error)
        may_switch = self._has_choice and may_be_answered_elsewhere(error)
        if may_switch and self.remaining() > 0 and 0 in self._tries:
            self._go_to(self._untried())
            self._log_switch(self.failures[-1])
            return 0.0
        if not self._ready or (self._has_choice and not may_switch):
            raise self._last_error(error)
        return self._retry(failed)

    def broken(self, error: ClaudeCloudError) -> ClaudeCloudError:
        """Return the error of a stream that broke off, with those before it.

        A stream is cut by whatever lies between here and the cloud, too: only what the cloud
        itself reported counts against the route.
        """
        if isinstance(error, RateLimitError | ServerError):
            self._note_health(error)
        return _chain(error, self.failures)

    def give_up(self, error: ClaudeCloudError) -> ClaudeCloudError:
        """Return an error that ends the call, with those before it; its route is not blamed."""
        self.let_others_try()
        return _chain(error, self.failures)

    @property
    def _has_choice(self) -> bool:
        return len(self.routes) > 1

    def _go_to(self, index: int) -> None:
        self._current = index
        self._began = self.clock()

    def _untried(self) -> int:
        """Return the route to try first: a healthy one in the user's order, else the soonest."""
        untried = [index for index, tries in enumerate(self._tries) if not tries]
        if not self._has_choice:
            return 0
        for index in untried:
            if self.health.admit(self.routes[index], self._ticket):
                return index
        return min(untried, key=lambda index: self.health.remaining(self.routes[index]))

    def _note_health(self, error: ClaudeCloudError) -> None:
        if not self._has_choice:
            return
        if may_be_answered_elsewhere(error):
            self.health.failed(self.route, error.retry_after)
        else:
            self.let_others_try()

    def _plan_retry(self, error: ClaudeCloudError) -> None:
        seconds = self.delay(error, self._tries[self._current])
        if seconds is None:
            self._ready.pop(self._current, None)
        else:
            self._ready[self._current] = self.clock() + seconds

    def _retry(self, failed: int) -> float:
        """Go to the route that may be tried again soonest; return how long to wait for it."""
        following = min(self._ready, key=lambda index: (self._ready[index], index))
        seconds = max(0.0, self._ready[following] - self.clock())
        if seconds >= self.remaining():
            raise self._last_error(self.failures[-1].error, wait=seconds)
        self._go_to(following)
        if following != failed:
            self._log_switch(self.failures[-1])
        return seconds

    def _last_error(
        self, error: ClaudeCloudError, *, wait: float | None = None
    ) -> ClaudeCloudError:
        """Return the error to raise: one that says that trying later may help, if any does."""
        last = {id(failed.route): failed.error for failed in self.failures}
        passing = [other for other in last.values() if other.is_retryable]
        if passing and may_be_answered_elsewhere(error) and not error.is_retryable:
            error = passing[-1]
        if wait is not None:
            error.add_note(
                f"Not sent again: of the call's time {max(0.0, self.remaining()):.1f} s are left, "
                f"and the next attempt would be in {wait:.1f} s (timeout={{'total': ...}})."
            )
        return _chain(error, self.failures)

    def _log_switch(self, failed: FailedAttempt) -> None:
        logger.warning(
            "%s in %s failed with %s (HTTP %s); the call goes on with %s in %s.",
            failed.route.config.cloud,
            failed.route.known_region(),
            type(failed.error).__name__,
            failed.error.status_code,
            self.route.config.cloud,
            self.route.known_region(),
        )


def may_be_answered_elsewhere(error: ClaudeCloudError) -> bool:
    """Whether another route may answer what this one did not.

    A request that ran out of time without being streamed is not sent elsewhere (its error
    says that it is not retryable): it may still be working, and be billed.
    """
    return isinstance(error, _SWITCHES) or (
        isinstance(error, RequestTimeoutError) and error.is_retryable
    )


def _chain(error: ClaudeCloudError, failures: Sequence[FailedAttempt]) -> ClaudeCloudError:
    """Let an error show the attempts before it, as its causes and in a note."""
    others = [failed for failed in failures if failed.error is not error]
    if not others:
        return error
    seen: set[int] = set()
    end = _end_of_causes(error, seen)
    for failed in reversed(others):
        # One exception may have ended several attempts: tasks share a token's renewal.
        if id(failed.error) in seen:
            break
        end.__cause__ = failed.error
        end = _end_of_causes(failed.error, seen)
    if not any(note.startswith(_BEFORE) for note in getattr(error, "__notes__", ())):
        error.add_note("\n".join([_BEFORE, *(f"- {failed}" for failed in others[-_SHOWN:])]))
    return error


def _end_of_causes(error: BaseException, seen: set[int]) -> BaseException:
    seen.add(id(error))
    while error.__cause__ is not None and id(error.__cause__) not in seen:
        error = error.__cause__
        seen.add(id(error))
    return error
