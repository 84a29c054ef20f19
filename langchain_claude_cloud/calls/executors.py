"""Executes the steps of a driver, in a thread or on an event loop.

Only here do sync and async calls differ. The driver decides what is done next, and
`langchain_claude_cloud.platform.http` sends and receives the bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.callbacks.manager import AsyncRunManager, RunManager

from langchain_claude_cloud import LazyModule
from langchain_claude_cloud.calls import steps
from langchain_claude_cloud.calls.media import afetch_media, fetch_media
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.platform import timeouts
from langchain_claude_cloud.platform.http import aload

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import sending
else:  # it imports httpx, which `aload` does off the event loop
    sending = LazyModule("langchain_claude_cloud.platform.http.sending")

T = TypeVar("T")

_NOT_FETCHED = "The images and documents were not fetched"
_NOT_FOUND_OUT = "The cloud did not say what the ARN stands for"


def execute(driver: steps.Steps[None], clients: steps.Clients) -> Iterator[Any]:
    """Do the steps, and yield what is decoded of streams.

    The outputs of a response's last event are yielded only after its connection was let go and
    the driver has ended: langchain-core stops pulling at the last v3 event.

    Raises:
        ClaudeCloudError: The driver raised it.
    """
    outcome: object = None
    last: list[Any] = []
    try:
        while (step := _next_step(driver, outcome)) is not None:
            yield from last
            last, outcome = [], None
            try:
                if isinstance(step, steps.Stream):
                    with sending.open_stream(step, clients.client) as response:
                        reader = step.begin(response.headers)
                        for data in response:
                            yield from reader.feed(data)
                            if reader.complete:
                                break
                        last = list(reader.close())
                else:
                    outcome = _do(step, clients)
            except ClaudeCloudError as error:
                outcome = error
    finally:
        driver.close()
    yield from last


async def aexecute(driver: steps.Steps[None], clients: steps.Clients) -> AsyncIterator[Any]:
    """Do what `execute` does, on an event loop.

    Raises:
        ClaudeCloudError: The driver raised it.
    """
    outcome: object = None
    last: list[Any] = []
    try:
        while (step := _next_step(driver, outcome)) is not None:
            for output in last:
                yield output
            last, outcome = [], None
            try:
                if isinstance(step, steps.Stream):
                    async with await sending.aopen_stream(step, clients.async_client) as response:
                        reader = step.begin(response.headers)
                        async for data in response:
                            for output in reader.feed(data):
                                yield output
                            if reader.complete:
                                break
                        last = list(reader.close())
                else:
                    outcome = await _ado(step, clients)
            except ClaudeCloudError as error:
                outcome = error
    finally:
        driver.close()
    for output in last:
        yield output


def _next_step(driver: steps.Steps[None], outcome: object) -> steps.Step | None:
    """Tell the driver what came of a step; return the next one, None at the end."""
    try:
        if isinstance(outcome, ClaudeCloudError):
            _forget_suppressed(outcome)
            return driver.throw(outcome)
        return driver.send(outcome)
    except StopIteration:
        return None


def _forget_suppressed(error: BaseException) -> None:
    """Let go of what an error leaves out of its traceback: error trackers store it all the same.

    The libraries for credentials quote the requests and replies that secrets travel in.
    """
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if link.__suppress_context__:
            link.__context__ = None
        link = link.__cause__ or link.__context__


def run(driver: steps.Steps[T], clients: steps.Clients = steps.NO_CLIENTS) -> T:
    """Do the steps of a driver that hands nothing out, and return what it returns.

    Raises:
        ClaudeCloudError: The driver raised it.
    """
    returned: list[T] = []
    for _ in execute(_return_to(returned, driver), clients):
        pass
    return returned[0]


async def arun(driver: steps.Steps[T], clients: steps.Clients = steps.NO_CLIENTS) -> T:
    """Do what `run` does, on an event loop.

    Raises:
        ClaudeCloudError: The driver raised it.
    """
    returned: list[T] = []
    async for _ in aexecute(_return_to(returned, driver), clients):
        pass
    return returned[0]


def _return_to(returned: list[T], driver: steps.Steps[T]) -> steps.Steps[None]:
    returned.append((yield from driver))


def _do(step: steps.Step, clients: steps.Clients) -> object:
    match step:
        case steps.Prepare():
            timeouts.prepare(step.platform, step.timeouts)
        case steps.Send():
            return sending.send(step, clients.client)
        case steps.Fetch():
            fetching = partial(fetch_media, step, clients)
            return timeouts.within_call(step.timeouts, fetching, _NOT_FETCHED)
        case steps.Wait():
            manager = clients.run_manager
            if step.retry and isinstance(manager, RunManager) and manager.handlers:
                manager.on_retry(step.retry())
            time.sleep(step.seconds)
        case steps.Once():
            timeouts.within_call(step.timeouts, partial(_find_out, step, clients), _NOT_FOUND_OUT)
    return None


async def _ado(step: steps.Step, clients: steps.Clients) -> object:
    match step:
        case steps.Prepare():
            await aload()
            await timeouts.aprepare(step.platform, step.timeouts)
        case steps.Send():
            return await sending.asend(step, clients.async_client)
        case steps.Fetch():
            fetching = afetch_media(step, clients)
            return await timeouts.awithin_call(step.timeouts, fetching, _NOT_FETCHED)
        case steps.Wait():
            manager = clients.run_manager
            if step.retry and isinstance(manager, AsyncRunManager) and manager.handlers:
                await manager.on_retry(step.retry())
            await asyncio.sleep(step.seconds)
        case steps.Once():
            finding = timeouts.in_single_flight(step.key, lambda: arun(step.steps(), clients))
            await timeouts.awithin_call(step.timeouts, finding, _NOT_FOUND_OUT)
    return None


def _find_out(step: steps.Once, clients: steps.Clients) -> None:
    with MEMORY.lock_for(step.key):
        if not step.is_known():
            run(step.steps(), clients)
