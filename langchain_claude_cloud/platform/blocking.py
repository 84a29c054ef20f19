"""Runs work that blocks: in a thread, for a limited time, once for all tasks that wait for it.

Above all that is loading the credentials.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import math
import threading
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias, TypeVar

from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.platform.base import Platform
from langchain_claude_cloud.platform.timeouts import Timeouts, finite

T = TypeVar("T")
_NO_LIMIT = Timeouts()
_ISSUERS = {
    "bedrock": "AWS sent no credentials",
    "vertex": "Google sent no credentials",
}
_ATTRIBUTE = "_langchain_claude_cloud_flights"
_Flights: TypeAlias = dict[Hashable, asyncio.Task[Any]]


def start_thread(work: Callable[[], T]) -> Future[T]:
    """Run blocking work in a thread of its own, which the end of the program does not wait for."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()  # whoever no longer waits leaves it to run

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as cause:  # noqa: BLE001  handed to the one who waits
            outcome.set_exception(cause)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
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
    flights = flights_of(asyncio.get_running_loop())
    flight: asyncio.Task[T] | None = flights.get(key)
    if flight is None:
        flight = flights[key] = asyncio.create_task(work())
        flight.add_done_callback(partial(_land, flights, key))
    try:
        return await asyncio.shield(flight)
    except ClaudeCloudError as shared:
        own = copy.copy(shared)
    raise own


def flights_of(loop: asyncio.AbstractEventLoop) -> _Flights:
    """Return what the tasks of a loop wait for together.

    It is an attribute of the loop, so that both go at the same time. A dictionary with weak keys
    would not do: tasks refer to their loop, so a value would keep its own key alive.
    """
    flights: _Flights = vars(loop).setdefault(_ATTRIBUTE, {})
    return flights


def _land(flights: _Flights, key: Hashable, flight: asyncio.Task[Any]) -> None:
    flights.pop(key, None)
    if not flight.cancelled():
        flight.exception()  # Seen, even if everybody who waited was cancelled.


def prepare(platform: Platform, timeouts: Timeouts = _NO_LIMIT) -> None:
    """Load or renew a platform's credentials, as `aprepare` does for tasks.

    Args:
        platform: The platform.
        timeouts: Limits the wait to what is left of the call's whole time.

    Raises:
        ClaudeCloudError: No usable credentials, or not in time.
    """
    if platform.needs_prepare():
        within_call(timeouts, platform.prepare, _ISSUERS[platform.name])


async def aprepare(platform: Platform, timeouts: Timeouts = _NO_LIMIT) -> None:
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
