"""The attempts of one request: where they went, and which routes are left to try.

This is the state that `langchain_claude_cloud.calls.decision.decide` reads. Nothing here sends
or waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from langchain_claude_cloud.calls.memory import MEMORY, Memory
from langchain_claude_cloud.calls.retries import delay_before_retry, is_local_limit
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.routing.routes import Route

Scope: TypeAlias = Literal["endpoint", "fit", "request", "machine", "call"]
"""What an error is about.

``endpoint``: another route may answer, and perhaps this one later. ``fit``: this route cannot
take this request, another may. ``request``: the cloud calls it invalid, and so would the routes
after this one. ``machine``: a limit here, whatever the route. ``call``: the call ends.
"""

_ABOUT_ENDPOINT = (
    AuthenticationError,
    ConnectionFailedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
_QUOTED = 300


def scope_of(error: ClaudeCloudError) -> Scope:
    """Return what an error is about."""
    if is_local_limit(error):
        return "machine"
    if isinstance(error, ConfigurationError):
        return "fit"
    if isinstance(error, InvalidRequestError):
        # What was refused here did not reach a cloud: this route cannot take it.
        is_local = isinstance(error, InvalidInputError) or error.status_code is None
        return "fit" if is_local else "request"
    if isinstance(error, RequestTimeoutError):
        # One that was not streamed may still be working, and be billed.
        return "endpoint" if error.is_retryable else "call"
    return "endpoint" if isinstance(error, _ABOUT_ENDPOINT) else "call"


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
class Attempts:
    """The attempts of one request.

    Attributes:
        routes: Where it may go, in the user's order.
        max_retries: How often a route is asked again at most.
        remaining: Says how many seconds the call has left.
        memory: What is known of the endpoints.
        failures: The attempts that failed, in order.
        current: Which route the attempt goes to.
        tries: How often each route was tried.
        ready_at: When each route may be tried again; None: it is ruled out for this request.
        count: How many requests were sent, or kept from being sent by an error.
        has_content: Whether a part of the answer was handed out.
    """

    routes: Sequence[Route]
    max_retries: int = 2
    remaining: Callable[[], float] = lambda: math.inf
    memory: Memory = MEMORY
    failures: list[FailedAttempt] = field(default_factory=list)
    current: int = 0
    tries: list[int] = field(init=False)
    ready_at: list[float | None] = field(init=False)
    count: int = 0
    has_content: bool = False
    _began: float = 0.0
    _probe: object = field(default_factory=object)

    def __post_init__(self) -> None:
        self.tries = [0] * len(self.routes)
        self.ready_at = [-math.inf] * len(self.routes)
        self.go_to(self.next_untried() or 0)

    @property
    def route(self) -> Route:
        """Where the current attempt goes."""
        return self.routes[self.current]

    @property
    def has_choice(self) -> bool:
        """Whether there is more than one route."""
        return len(self.routes) > 1

    def go_to(self, index: int) -> None:
        """Send the next attempt to a route."""
        self.current = index
        self._began = self.memory.clock()

    def next_untried(self) -> int | None:
        """Return the route to try first: a healthy one in the user's order, else the soonest."""
        untried = [
            index
            for index, tries in enumerate(self.tries)
            if not tries and self.ready_at[index] is not None
        ]
        if not self.has_choice or not untried:
            return untried[0] if untried else None
        circuits = self.memory.circuits
        for index in untried:
            if circuits.admit(self.routes[index].place, self._probe):
                return index
        return min(untried, key=lambda index: circuits.remaining(self.routes[index].place))

    def next_ready(self) -> tuple[int, float] | None:
        """Return the tried route that may be tried again soonest, and in how many seconds."""
        tried = ((at, index) for index, at in enumerate(self.ready_at) if self.tries[index])
        ready = [(at, index) for at, index in tried if at is not None]
        if not ready:
            return None
        at, index = min(ready)
        return index, max(0.0, at - self.memory.clock())

    def record(self, error: ClaudeCloudError) -> Scope:
        """Note a failed attempt: of its route, and of those that it speaks for."""
        scope = scope_of(error)
        self.failures.append(FailedAttempt(self.route, error))
        self.tries[self.current] += 1
        delay = None
        if scope in ("endpoint", "machine"):
            tries, draw = self.tries[self.current], self.memory.draw
            delay = delay_before_retry(error, tries, self.max_retries, draw)
        self.ready_at[self.current] = None if delay is None else self.memory.clock() + delay
        if scope == "request":
            # What is wrong with it is wrong further down the list, too. Routes before this one
            # were passed over, or may pass: they are asked all the same.
            self.ready_at[self.current :] = [None] * (len(self.routes) - self.current)
        self._record_health(error, scope)
        return scope

    def succeeded(self) -> None:
        """Note that the current route answered."""
        if self.has_choice:
            self.memory.circuits.record_success(self.route.place, self._began)

    def broke_off(self, error: ClaudeCloudError) -> None:
        """Note that an answer broke off, of which a part was handed out.

        A stream is cut by whatever lies between here and the cloud, too: only what the cloud
        itself reported counts against the route.
        """
        reported = isinstance(error, RateLimitError | ServerError)
        self._record_health(error, "endpoint" if reported else "call")

    def release(self) -> None:
        """End the probe of a circuit, if this call was one: it began to answer, or it ends."""
        if self.has_choice:
            self.memory.circuits.release(self.route.place, self._probe)

    def switched_from(self) -> list[FailedAttempt]:
        """Return the failed attempts, if any of them went elsewhere than the current one."""
        elsewhere = any(failed.route is not self.route for failed in self.failures)
        return list(self.failures) if elsewhere else []

    def _record_health(self, error: ClaudeCloudError, scope: Scope) -> None:
        if not self.has_choice:
            return
        if scope == "endpoint":
            self.memory.circuits.record_failure(self.route.place, error.retry_after)
        else:
            self.release()
