"""The timeouts of a request, and work that is waited for within them.

Work that blocks runs in a thread, once for all tasks that wait for it. Above all that is loading
the credentials.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import math
import threading
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError, RequestTimeoutError
from langchain_claude_cloud.errors.types import Cloud

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.base import Platform

# Bedrock sends no pings, so that a model that thinks is silent; Vertex sends them.
_IDLE: dict[Cloud, float] = {"bedrock": 300.0, "vertex": 120.0}
# A loop's timers ring by as much too early.
_CLOCK_STEP = 0.01
# Twelve days, for who means "for ever": a socket's limit is counted in milliseconds of 32 bits.
_LONGEST = 1e6
T = TypeVar("T")
_ISSUERS = {"bedrock": "AWS sent no credentials", "vertex": "Google sent no credentials"}
_ATTRIBUTE = "_langchain_claude_cloud_flights"
_Flights: TypeAlias = dict[Hashable, asyncio.Task[Any]]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on each phase of a request, in seconds.

    Attributes:
        connect: For the connection to be made, TLS included.
        start: For the response's headers to arrive once the request is sent.
        idle: Between two pieces of the response's body.
        total: For a whole call, over all its attempts and the waits between them, until its
            answer is there or, of a stream, until its first content; None: no limit.
        remaining: Says how many seconds of ``total`` are left at the moment. It is asked whenever
            a wait begins, so it may stop to limit a stream that has content.
    """

    connect: float = 5.0
    start: float = 600.0
    idle: float = 120.0
    total: float | None = None
    remaining: Callable[[], float] = field(default=partial(float, "inf"), repr=False, compare=False)

    @classmethod
    def for_cloud(
        cls, cloud: Cloud, timeout: float | Mapping[str, float] | None = None
    ) -> Timeouts:
        """Return the timeouts for a cloud.

        Args:
            cloud: Whose default for ``idle`` applies.
            timeout: None for the defaults; a number of seconds for ``start`` and ``idle``;
                or a mapping of any of ``connect``, ``start``, ``idle`` and ``total`` to seconds.

        Returns:
            The timeouts.

        Raises:
            ConfigurationError: An unknown name, or a value that is not a positive number.
        """
        if timeout is None:
            return cls(idle=_IDLE[cloud])
        given = timeout if isinstance(timeout, Mapping) else {"start": timeout, "idle": timeout}
        for name, value in given.items():
            if name not in ("connect", "start", "idle", "total") or not _is_time(value):
                raise ConfigurationError(
                    f"timeout={timeout!r}: give a positive number of seconds, or a mapping of "
                    "'connect', 'start', 'idle' (between events), 'total' (with retries) to them."
                )
        limits = {name: float(min(value, _LONGEST)) for name, value in given.items()}
        return replace(cls(idle=_IDLE[cloud]), **limits)  # type: ignore[arg-type]  # no `remaining`

    def within(self, remaining: Callable[[], float]) -> Timeouts:
        """Return these limits for a call of which so much time is left."""
        return replace(self, remaining=remaining)

    def bounded(self, seconds: float) -> float:
        """Return a limit, or what is left of the call's whole time if that is less.

        Raises:
            TimeoutError: Nothing is left of it.
        """
        left = self.remaining()
        if left <= 0:
            raise TimeoutError
        return min(seconds, left)

    def ran_out(self, what: str) -> RequestTimeoutError:
        """Return the error for something that was not done in the call's whole time.

        Args:
            what: What did not happen, as the beginning of a sentence.
        """
        text = f"{what} within the rest of the call's {self.total:g} s."
        return RequestTimeoutError(f"{text} Raise timeout={{'total': seconds}}.")

    @property
    def is_over(self) -> bool:
        """Whether it is the call's whole time that ran out, not one of the limits."""
        return self.remaining() <= _CLOCK_STEP


def finite(seconds: float) -> float | None:
    """Return a time for a timer, which takes None for no limit."""
    return None if math.isinf(seconds) else seconds


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and value is not True and 0 < value < math.inf


NO_TOTAL = Timeouts()
"""The limits of a call whose whole time is not limited."""


def start_thread(work: Callable[[], T]) -> Future[T]:
    """Run blocking work in a thread of its own, which the end of the program does not wait for."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()  # whoever no longer waits leaves it to run

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as cause:  # noqa: BLE001  handed to the one who waits
            outcome.set_exception(cause)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    try:
        thread.start()
    except RuntimeError as cause:
        from langchain_claude_cloud.errors.explanation import local_limit  # noqa: PLC0415  for an error only

        raise local_limit(cause, "for another thread") from None
    return outcome


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread of its own and return what it returns.

    Not in the loop's executor: that has few threads, which the whole program shares, and
    it holds up the end of ``asyncio.run`` until the last of them is done. Loading
    credentials may wait ten seconds for a metadata server that is not there.
    """
    return await asyncio.wrap_future(start_thread(work))


def run_within(seconds: float, work: Callable[[], T]) -> T:
    """Run blocking work for so many seconds at most, and return what it returns.

    Raises:
        TimeoutError: It is not done; it continues in a thread of its own.
    """
    return work() if math.isinf(seconds) else start_thread(work).result(seconds)


async def in_single_flight(key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do some work in a task, once for all tasks of the loop that ask while it runs.

    Args:
        key: What the work is, and whose: tasks with an equal key share it. An object in it is named
            by itself, not by its ``id``, which another object may have later.
        work: Starts the work.

    Returns:
        What the work returned. A task that is cancelled leaves it to the others.

    Raises:
        ClaudeCloudError: The work raised it; each task gets a copy of its own, to which it may
            add what it was doing.
    """
    # An attribute of the loop, so that both go at the same time. A dictionary with weak keys would
    # not do: tasks refer to their loop, so a value would keep its own key alive.
    flights: _Flights = vars(asyncio.get_running_loop()).setdefault(_ATTRIBUTE, {})
    flight: asyncio.Task[T] | None = flights.get(key)
    if flight is None:
        flight = flights[key] = asyncio.create_task(work())
        flight.add_done_callback(partial(_land, flights, key))
    try:
        return await asyncio.shield(flight)
    except ClaudeCloudError as shared:
        own = copy.copy(shared)
    raise own


def _land(flights: _Flights, key: Hashable, flight: asyncio.Task[Any]) -> None:
    flights.pop(key, None)
    if not flight.cancelled():
        flight.exception()  # Seen, even if everybody who waited was cancelled.


def prepare(platform: Platform, timeouts: Timeouts = NO_TOTAL) -> None:
    """Load or renew a platform's credentials, as `aprepare` does for tasks.

    Args:
        platform: The platform.
        timeouts: Limits the wait to what is left of the call's whole time.

    Raises:
        ClaudeCloudError: No usable credentials, or not in time.
    """
    if platform.needs_prepare():
        within_call(timeouts, platform.prepare, _ISSUERS[platform.name])


async def aprepare(platform: Platform, timeouts: Timeouts = NO_TOTAL) -> None:
    """Load or renew a platform's credentials, once for all tasks that wait.

    Args:
        platform: The platform.
        timeouts: Limits the wait to what is left of the call's whole time.

    Raises:
        ClaudeCloudError: No usable credentials, or not in time.
    """
    if platform.needs_prepare():
        work = partial(in_thread, platform.prepare)
        flight = in_single_flight(("prepare", platform.prepare), work)
        await awithin_call(timeouts, flight, _ISSUERS[platform.name])


def within_call(timeouts: Timeouts, work: Callable[[], T], what: str) -> T:
    """Run blocking work, in a thread of its own if the call's whole time is limited.

    Args:
        timeouts: Says how much of it is left.
        work: The work.
        what: What did not happen if it takes too long, as the beginning of a sentence.

    Raises:
        RequestTimeoutError: It takes longer.
    """
    try:
        return run_within(timeouts.remaining(), work)
    except TimeoutError:
        late = timeouts.ran_out(what)
    raise late


async def awithin_call(timeouts: Timeouts, work: Awaitable[T], what: str) -> T:
    """Wait for something as long as the call's whole time allows, as `within_call` does.

    Raises:
        RequestTimeoutError: It takes longer.
    """
    try:
        async with asyncio.timeout(finite(timeouts.remaining())):
            return await work
    except TimeoutError:
        late = timeouts.ran_out(what)
    raise late
