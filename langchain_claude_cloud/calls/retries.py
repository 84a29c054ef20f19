"""What follows a failed attempt: `decide` tells why a request was not sent again.

It reads the state of a call in `Attempts`. Nothing here sends or waits.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from textwrap import shorten
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from langchain_claude_cloud import errors
from langchain_claude_cloud.calls.memory import MEMORY, CircuitBreaker, Memory
from langchain_claude_cloud.errors.explanation import is_local_limit, say_more
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.routing.routes import Route

if TYPE_CHECKING:
    from tenacity import RetryCallState

logger = logging.getLogger("langchain_claude_cloud")

_BEFORE: Final = "Before that:"
# Calls that wait for as long to be sent have several others before them.
_LONG_WAIT: Final = 1.0
RETRYABLE_STATUSES: Final = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""

# A server that asks for more than a minute is not asking for a retry within this call.
_MOST_ASKED: Final = 60.0


def delay_before_retry(
    error: errors.ClaudeCloudError, attempt: int, max_retries: int, draw: Callable[[], float]
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
    # What the body calls a throttle or an overload is one, whatever the status.
    is_busy = isinstance(error, errors.RateLimitError | errors.OverloadedError)
    may_pass = is_busy or error.status_code in (None, *RETRYABLE_STATUSES)
    asked = error.retry_after or 0.0
    if not (attempt <= max_retries and error.is_retryable and may_pass and asked <= _MOST_ASKED):
        return None
    return max(asked, draw() * min(8.0, 0.25 * 2.0 ** min(attempt, 16)))


Scope: TypeAlias = Literal["endpoint", "fit", "request", "machine", "call"]
"""What an error is about.

``endpoint``: another route may answer, and perhaps this one later. ``fit``: this route cannot
take this request, another may. ``request``: the cloud calls it invalid, and so would the routes
after this one. ``machine``: a limit here, whatever the route. ``call``: the call ends.
"""


def scope_of(error: errors.ClaudeCloudError) -> Scope:
    """Return what an error is about."""
    if is_local_limit(error):
        return "machine"
    if isinstance(error, errors.ConfigurationError):
        return "fit"
    if isinstance(error, errors.InvalidRequestError):
        # What was refused here did not reach a cloud: this route cannot take it.
        if isinstance(error, errors.InvalidInputError) or error.status_code is None:
            return "fit"
        # A redirect is of the address, whatever the request.
        return "request" if error.status_code >= HTTPStatus.BAD_REQUEST else "endpoint"
    if isinstance(error, errors.RequestTimeoutError) and not error.is_retryable:
        return "call"  # one that was not streamed may still be working, and be billed
    return "endpoint"


@dataclass(eq=False, slots=True)
class Candidate:
    """A route that a request may go to.

    Attributes:
        route: The route.
        circuit: Whether its endpoint fails at the moment.
        tries: How often it was tried.
        ready_at: When it may be tried again; never, if it is ruled out for this request.
        is_crowded: Whether it is throttled, and many calls wait there before this one.
    """

    route: Route
    circuit: CircuitBreaker
    tries: int = 0
    ready_at: float = -math.inf
    is_crowded: bool = False


@dataclass
class Attempts:
    """The attempts of one request.

    Attributes:
        routes: Where it may go, in the user's order.
        max_retries: How often a route is asked again at most.
        remaining: Says how many seconds the call has left.
        memory: What is known of the endpoints.
        failures: The attempts that failed, in order: where each went, and why it failed.
        current: Which route the attempt goes to, and how often it was tried.
        route: The route alone.
        count: How many requests were sent, or kept from being sent by an error.
    """

    routes: Sequence[Route]
    max_retries: int = 2
    remaining: Callable[[], float] = lambda: math.inf
    memory: Memory = MEMORY
    failures: list[tuple[Route, errors.ClaudeCloudError]] = field(default_factory=list)
    current: Candidate = field(init=False)
    route: Route = field(init=False)
    count: int = 0
    _call: object = field(default_factory=object)

    def __post_init__(self) -> None:
        # Of a single route nothing is known but what this call finds out: it is asked anyway.
        memory, is_single = self.memory, len(self.routes) == 1
        own = CircuitBreaker(memory.clock, memory.draw)
        self._candidates = [
            Candidate(route, own if is_single else memory.circuit(route.place))
            for route in self.routes
        ]
        self.go_to(self.following() or self._candidates[0])

    def go_to(self, candidate: Candidate) -> None:
        """Send the next attempt to a route."""
        self.current, self.route = candidate, candidate.route
        self._began = self.memory.clock()

    def following(self, *, is_tried: bool = False) -> Candidate | None:
        """Return the route to try next; None if all are ruled out.

        What was not tried yet comes first: a healthy route in the user's order, else the one that
        may be healthy soonest. Then that which may be tried again soonest.

        Args:
            is_tried: Only routes that were tried count.
        """
        able = [each for each in self._candidates if each.ready_at < math.inf]
        untried = [] if is_tried else [each for each in able if not each.tries]
        if not untried:
            tried = (each for each in able if each.tries)
            return min(tried, key=lambda each: each.ready_at, default=None)
        for each in sorted(untried, key=lambda each: each.is_crowded):
            if each.circuit.admit(self._call):
                return each
        return min(untried, key=lambda each: each.circuit.remaining())

    def move_on(self, seconds: float) -> bool:
        """Go to a better route, while the call waits to be sent to the current one.

        That is one that is healthy where the current one failed meanwhile, or one that has no
        queue where the current one is throttled and has a long one.

        Args:
            seconds: How long the call is to wait before it asks again.

        Returns:
            Whether the route is another now.
        """
        current = self.current
        if current.tries:
            return False
        if seconds >= _LONG_WAIT and self.memory.pacing(current.route.place).rate is not None:
            current.is_crowded = True
        has_failed = current.circuit.failed_at >= self._began
        if not (has_failed or current.is_crowded):
            return False
        self.end_probes()  # to be admitted again, if this call is the probe
        following = self.following() or current
        if following is current:
            return False
        if following.is_crowded and not has_failed:
            self.end_probes()  # between two queues nobody goes to and fro
            return False
        self.go_to(following)
        return True

    def record(self, error: errors.ClaudeCloudError, scope: Scope) -> None:
        """Note a failed attempt: of its route, and of those that it speaks for."""
        current, memory = self.current, self.memory
        self.failures.append((current.route, error))
        current.tries += 1
        delay = None
        if scope in ("endpoint", "machine"):
            delay = delay_before_retry(error, current.tries, self.max_retries, memory.draw)
        current.ready_at = math.inf if delay is None else memory.clock() + delay
        if scope == "request":
            # What is wrong with it is wrong further down the list, too. Routes before this one
            # were passed over, or may pass: they are asked all the same.
            for each in self._candidates[self._candidates.index(current) :]:
                each.ready_at = math.inf
        self.end_probes()
        if scope == "endpoint":
            current.circuit.record_failure(error.retry_after)

    def succeeded(self) -> None:
        """Note that the current route answered."""
        self.current.circuit.record_success(self._began)

    def end_probes(self) -> None:
        """Let other calls probe where this one did."""
        for each in self._candidates:
            each.circuit.end_probe(self._call)

    def metadata(self) -> list[JsonObject] | None:
        """Return the failed attempts for response metadata, if any went elsewhere than this one."""
        if all(route is self.route for route, _ in self.failures):
            return None
        told: list[JsonObject] = []
        for route, error in self.failures:
            known = {
                "platform": route.config.cloud,
                "region": error.region or route.known_region,
                "error": type(error).__name__,
                "status_code": error.status_code,
                "error_type": error.error_type,
                "request_id": error.request_id,
            }
            told.append({key: value for key, value in known.items() if value is not None})
        return told


def decide(
    error: errors.ClaudeCloudError,
    attempts: Attempts,
    *,
    is_of_call: bool = False,
    has_content: bool = False,
) -> float:
    """Choose the route of the next attempt, and return how many seconds to wait before it.

    The first rule that applies decides.

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
        has_content: Whether a part of the answer was handed out.

    Raises:
        ClaudeCloudError: The call ends with it.
    """
    is_cut = has_content and not isinstance(error, errors.RateLimitError | errors.ServerError)
    scope = "call" if is_of_call or is_cut else scope_of(error)
    attempts.record(error, scope)
    failures = attempts.failures
    if scope == "call" or has_content:
        raise _with_earlier(error, failures)
    left = attempts.remaining()
    following = attempts.following(is_tried=scope == "machine" or left <= 0)
    seconds = max(0.0, following.ready_at - attempts.memory.clock()) if following else math.inf
    if following is not None and seconds < left:
        attempts.go_to(following)
        return seconds
    error = _most_telling(failures)
    if following is not None:
        why = f"the call has {max(0.0, left):.1f} s left, the next attempt is in {seconds:.1f} s"
        error.add_note(f"Not sent again: {why}. Raise timeout={{'total': seconds}} to allow it.")
    raise _with_earlier(error, failures)


def _most_telling(
    failures: Sequence[tuple[Route, errors.ClaudeCloudError]],
) -> errors.ClaudeCloudError:
    """Return the error to raise.

    What a cloud says of the request itself comes first. Then what may pass: whoever retries the
    whole call goes by ``is_retryable``. What was refused here comes last, and of that the first,
    as the user's first platform is what matters most. Else the newest counts.
    """
    newest_of_route: dict[int, errors.ClaudeCloudError] = {}
    for route, error in reversed(failures):
        newest_of_route.setdefault(id(route), error)

    def telling(error: errors.ClaudeCloudError) -> tuple[bool, bool, bool]:
        scope = scope_of(error)
        return scope == "request", error.is_retryable, scope != "fit"

    most = max(newest_of_route.values(), key=telling)
    return most if any(telling(most)) else failures[0][1]


def log_retry(attempts: Attempts, seconds: float) -> None:
    """Say that a request is sent again: at INFO to the same route, as a warning to another."""
    failed, error = attempts.failures[-1]
    level, following = logging.INFO, "the request is sent again"
    if failed is not attempts.route:
        level, following = logging.WARNING, f"the call moves to {_name(attempts.route)}"
    told, count = _in_short(failed, error), attempts.count + 1
    logger.log(level, "%s; %s in %.2f s (attempt %d).", told, following, seconds, count)


def _name(route: Route) -> str:
    cloud, region = route.config.cloud, route.known_region
    return f"{cloud} in {region}" if region else cloud


def _in_short(route: Route, error: errors.ClaudeCloudError) -> str:
    known = {"HTTP": error.status_code, "request id": error.request_id}
    told = "".join(f", {name} {value}" for name, value in known.items() if value)
    return f"{_name(route)}: {type(error).__name__}{told}"


def retry_state(attempts: Attempts, seconds: float, waited: float) -> RetryCallState:
    """Return what LangChain's ``on_retry`` takes, which is tenacity's own record.

    Its ``kwargs`` say which route failed and which comes next.

    Args:
        attempts: The attempts, of which the last one failed.
        seconds: How long the next one is waited for.
        waited: How long the call waits for all of them.
    """
    from tenacity import RetryCallState, Retrying  # noqa: PLC0415 - after a failure only

    (_, error), route = attempts.failures[-1], attempts.route
    following = {"platform": route.config.cloud, "region": route.known_region}
    failed = {"platform": error.platform, "region": error.region}
    state = RetryCallState(Retrying(), None, (), {"failed": failed, "next": following})
    state.attempt_number = attempts.count
    state.upcoming_sleep, state.idle_for = seconds, waited
    state.set_exception((type(error), error, error.__traceback__))
    return state


def _with_earlier(
    error: errors.ClaudeCloudError, failures: Sequence[tuple[Route, errors.ClaudeCloudError]]
) -> errors.ClaudeCloudError:
    """Let an error show the other attempts: as its causes, in a note, other routes in its text."""
    others = [other for _, other in failures if other is not error]
    for other in reversed(others):
        causes = _with_causes(error)
        # One exception may end several attempts, and calls: tasks share a token's renewal.
        if not set(causes) & set(_with_causes(other)):
            causes[-1].__cause__ = other
    if others and not any(note.startswith(_BEFORE) for note in getattr(error, "__notes__", ())):
        told = (f"- {type(other).__name__}: {shorten(str(other), 300)}" for other in others[-10:])
        error.add_note("\n".join([_BEFORE, *told]))
        newest = {id(route): (route, other) for route, other in failures}
        elsewhere = [_in_short(*each) for each in newest.values() if each[1] is not error]
        say_more(error, *([f"Also failed: {'; '.join(elsewhere)}."] if elsewhere else []))
    return error


def _with_causes(error: BaseException) -> list[BaseException]:
    """Return an error, its cause, the cause of that, and so on."""
    found = [error]
    while (cause := found[-1].__cause__) is not None and cause not in found:
        found.append(cause)
    return found
