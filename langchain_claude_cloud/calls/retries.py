"""What follows a failed attempt: `decide` tells why a request was not sent again.

It reads the state of a call in `Attempts`. Nothing here sends or waits.
"""

from __future__ import annotations

import errno
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Final, Literal, TypeAlias

from langchain_claude_cloud.calls.memory import MEMORY, Memory
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    InvalidInputError,
    InvalidRequestError,
    LocalLimitError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.routing.routes import Route

logger = logging.getLogger("langchain_claude_cloud")

_SHOWN: Final = 10
_QUOTED: Final = 300
_BEFORE: Final = "Before that:"
RETRYABLE_STATUSES: Final = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""

_BASE_SECONDS: Final = 0.5
_CAP_SECONDS: Final = 8.0
# A server that asks for more than a minute is not asking for a retry within this call.
_LONGEST_RETRY_AFTER: Final = 60.0
_LOCAL_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


def delay_before_retry(
    error: ClaudeCloudError, attempt: int, max_retries: int, draw: Callable[[], float]
) -> float | None:
    """Return how many seconds to wait before the request is sent again; None to give up.

    An error says of itself whether it may be retried: ``is_retryable`` is False on a quota of
    zero, a spend limit and a read timeout of a request that is not streamed.

    Args:
        error: Why the last attempt failed.
        attempt: How many attempts were made, the failed one included: 1 or more.
        max_retries: How often a request is sent again at most.
        draw: Returns a random number in [0, 1).
    """
    may_pass = error.status_code is None or error.status_code in RETRYABLE_STATUSES
    asked = error.retry_after or 0.0
    is_too_long = asked > _LONGEST_RETRY_AFTER
    if attempt > max_retries or not error.is_retryable or not may_pass or is_too_long:
        return None
    ceiling = min(_CAP_SECONDS, _BASE_SECONDS * 2.0 ** min(attempt - 1, 16))
    return max(asked, draw() * ceiling)


Scope: TypeAlias = Literal["endpoint", "fit", "request", "machine", "call"]
"""What an error is about.

``endpoint``: another route may answer, and perhaps this one later. ``fit``: this route cannot
take this request, another may. ``request``: the cloud calls it invalid, and so would the routes
after this one. ``machine``: a limit here, whatever the route. ``call``: the call ends.
"""


def scope_of(error: ClaudeCloudError) -> Scope:
    """Return what an error is about."""
    if _is_local_limit(error):
        return "machine"
    if isinstance(error, ConfigurationError):
        return "fit"
    if isinstance(error, InvalidRequestError):
        # What was refused here did not reach a cloud: this route cannot take it.
        is_local = isinstance(error, InvalidInputError) or error.status_code is None
        return "fit" if is_local else "request"
    if isinstance(error, RequestTimeoutError) and not error.is_retryable:
        return "call"  # one that was not streamed may still be working, and be billed
    return "endpoint"


def _is_local_limit(error: ClaudeCloudError) -> bool:
    """Whether a limit of this machine is the reason, such as that of open files."""
    cause: BaseException | None = error
    for _ in range(10):
        if isinstance(cause, LocalLimitError) or getattr(cause, "errno", None) in _LOCAL_LIMITS:
            return True
        cause = cause and (cause.__cause__ or cause.__context__)
    return False


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt of a call that failed.

    Attributes:
        route: Where it went.
        error: Why it failed.
    """

    route: Route
    error: ClaudeCloudError


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
        # Of a single route nothing is known but what this call finds out: it is asked anyway.
        self._circuits = self.memory.circuits if len(self.routes) > 1 else None
        self.go_to(self.next_untried() or 0)

    def go_to(self, index: int) -> None:
        """Send the next attempt to a route."""
        self.current, self.route = index, self.routes[index]
        self._began = self.memory.clock()

    def next_untried(self) -> int | None:
        """Return the route to try first: a healthy one in the user's order, else the soonest."""
        untried = [
            index
            for index, tries in enumerate(self.tries)
            if not tries and self.ready_at[index] is not None
        ]
        circuits = self._circuits
        if not circuits or not untried:
            return untried[0] if untried else None
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

    def record(self, error: ClaudeCloudError, scope: Scope) -> None:
        """Note a failed attempt: of its route, and of those that it speaks for."""
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
        if scope == "endpoint" and self._circuits:
            self._circuits.record_failure(self.route.place, error.retry_after)
        else:
            self.release()

    def succeeded(self) -> None:
        """Note that the current route answered."""
        if self._circuits:
            self._circuits.record_success(self.route.place, self._began)

    def release(self) -> None:
        """End the probe of a circuit, if this call was one: it began to answer, or it ends."""
        if self._circuits:
            self._circuits.release(self.route.place, self._probe)

    def metadata(self) -> tuple[JsonObject, ...]:
        """Return the failed attempts for response metadata, if any went elsewhere than this one."""
        if all(failed.route is self.route for failed in self.failures):
            return ()
        told: list[JsonObject] = []
        for failed in self.failures:
            known = {
                "platform": failed.route.config.cloud,
                "region": failed.error.region or failed.route.known_region(),
                "error": type(failed.error).__name__,
                "status_code": failed.error.status_code,
                "error_type": failed.error.error_type,
                "request_id": failed.error.request_id,
            }
            told.append({key: value for key, value in known.items() if value is not None})
        return tuple(told)


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Send the request again.

    Attributes:
        index: Which of the routes it goes to.
        seconds: How long to wait before.
    """

    index: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the call.

    Attributes:
        error: The error that the caller gets.
    """

    error: ClaudeCloudError


def decide(
    error: ClaudeCloudError, attempts: Attempts, *, is_of_call: bool = False
) -> SendAgain | GiveUp:
    """Return what follows a failed attempt. The first rule that applies decides.

    * The call's time is over, or what it needs from elsewhere is missing: the call ends.
    * A part of the answer was handed out: nothing is sent again. A stream is cut by whatever
      lies between here and the cloud: only what the cloud itself reported counts against the
      route.
    * A request that is not streamed and was not answered in time may still be billed: the call
      ends.
    * A limit of this machine: the same route again, after the backoff; no other is blamed.
    * A route that was not tried yet is tried at once, the user's first before those after it.
      A route that cannot take the request (a server tool, the size, its configuration) is
      skipped. What a cloud itself calls invalid is not sent to the routes after it.
    * A route that was tried and may pass is tried again when it may: after its backoff, or
      what it asked for, as often as ``max_retries`` says.
    * Else the call ends, with the error that tells most.

    Args:
        error: Why the attempt failed.
        attempts: The attempts so far, this one not recorded yet.
        is_of_call: Whether the error is about the call as a whole, whatever its route.
    """
    is_cut = attempts.has_content and not isinstance(error, RateLimitError | ServerError)
    scope = "call" if is_of_call or is_cut else scope_of(error)
    attempts.record(error, scope)
    if scope == "call" or attempts.has_content:
        return GiveUp(_chain(error, attempts.failures))
    has_time = attempts.remaining() > 0
    following = attempts.next_untried() if scope != "machine" and has_time else None
    if following is not None:
        return SendAgain(following)
    ready = attempts.next_ready()
    if ready is None:
        return GiveUp(_chain(_most_telling(error, attempts), attempts.failures))
    if ready[1] >= attempts.remaining():
        return GiveUp(_chain(_out_of_time(error, attempts, ready[1]), attempts.failures))
    return SendAgain(*ready)


def _most_telling(error: ClaudeCloudError, attempts: Attempts) -> ClaudeCloudError:
    """Return the error to raise.

    What a cloud says of the request itself comes first. Then what may pass: whoever retries the
    whole call goes by ``is_retryable``. What was refused here comes last, and of that the first,
    as the user's first platform is what matters most.
    """
    errors = [failed.error for failed in attempts.failures]
    about_request = [other for other in errors if scope_of(other) == "request"]
    if about_request:
        return about_request[-1]
    last = {id(failed.route): failed.error for failed in attempts.failures}
    passing = [other for other in last.values() if other.is_retryable]
    if passing:
        return error if error.is_retryable else passing[-1]
    if scope_of(error) != "fit":
        return error
    said = [other for other in last.values() if scope_of(other) != "fit"]
    return said[-1] if said else errors[0]


def _out_of_time(error: ClaudeCloudError, attempts: Attempts, wait: float) -> ClaudeCloudError:
    error = _most_telling(error, attempts)
    error.add_note(
        f"Not sent again: the call has {max(0.0, attempts.remaining()):.1f} s left, and the next "
        f"attempt would be in {wait:.1f} s. Raise timeout={{'total': seconds}} to allow it."
    )
    return error


def log_retry(attempts: Attempts, seconds: float) -> None:
    """Say that a request is sent again: at INFO to the same route, as a warning to another."""
    failed, route = attempts.failures[-1], attempts.route
    error, level = failed.error, logging.INFO
    what, following = "failed with", "the request is sent again"
    if failed.route is not route:
        level = logging.WARNING
        following = f"the call moves to {route.config.cloud} in {route.known_region()}"
        if isinstance(error, InvalidRequestError | ConfigurationError):
            what = "cannot take the request:"
    logger.log(
        level,
        "%s in %s %s %s (HTTP %s, request id %s); %s in %.2f s (attempt %d).",
        failed.route.config.cloud,
        failed.route.known_region(),
        what,
        type(error).__name__,
        error.status_code,
        error.request_id,
        following,
        seconds,
        attempts.count + 1,
    )


def _chain(error: ClaudeCloudError, failures: Sequence[FailedAttempt]) -> ClaudeCloudError:
    """Let an error show the attempts before it, as its causes and in a note."""
    others = [failed.error for failed in failures if failed.error is not error]
    if not others:
        return error
    seen: set[int] = set()
    end = _end_of_causes(error, seen)
    for other in reversed(others):
        # One exception may have ended several attempts: tasks share a token's renewal.
        if id(other) in seen:
            break
        end.__cause__ = other
        end = _end_of_causes(other, seen)
    if not any(note.startswith(_BEFORE) for note in getattr(error, "__notes__", ())):
        told = [
            f"- {type(other).__name__}: {shorten(str(other), _QUOTED)}"
            for other in others[-_SHOWN:]
        ]
        error.add_note("\n".join([_BEFORE, *told]))
    return error


def _end_of_causes(error: BaseException, seen: set[int]) -> BaseException:
    seen.add(id(error))
    while error.__cause__ is not None and id(error.__cause__) not in seen:
        error = error.__cause__
        seen.add(id(error))
    return error
