"""Executes the steps of a driver, in a thread or on an event loop.

Only here do sync and async calls differ. The driver decides what is done next, and
`langchain_claude_cloud.platform.http` sends and receives the bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_claude_cloud import LazyModule
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.calls.steps import (
    Clients,
    Fetch,
    Once,
    Prepare,
    Send,
    Step,
    Steps,
    Stream,
    Wait,
)
from langchain_claude_cloud.catalogue.media_types import media_type_of
from langchain_claude_cloud.errors import ClaudeCloudError, InvalidInputError
from langchain_claude_cloud.errors.redaction import clean
from langchain_claude_cloud.platform.http.blocking import (
    aprepare,
    awithin_call,
    in_single_flight,
    in_thread,
    prepare,
    within_call,
)

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import fetch, sending
    from langchain_claude_cloud.platform.http.fetch import FetchedMedia
else:  # they import httpx, which `aprepare` does off the event loop
    fetch = LazyModule("langchain_claude_cloud.platform.http.fetch")
    sending = LazyModule("langchain_claude_cloud.platform.http.sending")

_SHOWN = 300
_NOT_FETCHED = "The images and documents were not fetched"
_NOT_FOUND_OUT = "The cloud did not say what the ARN stands for"


def execute(steps: Steps, clients: Clients) -> Iterator[Any]:
    """Do the steps, and yield what is decoded of streams.

    What the end of a response makes is yielded when its connection is free again, and the
    driver knows of it: langchain-core's v3 events are pulled up to the last one, and then the
    generator is left as it is.

    Raises:
        ClaudeCloudError: The driver raised it.
    """
    outcome: object = None
    last: list[Any] = []
    try:
        while (step := _next_step(steps, outcome)) is not None:
            yield from last
            last = []
            try:
                if isinstance(step, Stream):
                    with sending.open_stream(step, clients.client) as response:
                        reader = step.begin(response.headers)
                        for data in response:
                            for output in reader.feed(data):
                                if reader.complete:
                                    last.append(output)
                                else:
                                    yield output
                            if reader.complete:
                                break
                        last += reader.close()
                    outcome = None
                else:
                    outcome = _do(step, clients)
            except ClaudeCloudError as error:
                outcome, last = error, []
    finally:
        steps.close()
    yield from last


async def aexecute(steps: Steps, clients: Clients) -> AsyncIterator[Any]:
    """Do what `execute` does, on an event loop.

    Raises:
        ClaudeCloudError: The driver raised it.
    """
    outcome: object = None
    last: list[Any] = []
    try:
        while (step := _next_step(steps, outcome)) is not None:
            for output in last:
                yield output
            last = []
            try:
                if isinstance(step, Stream):
                    async with await sending.aopen_stream(step, clients.async_client) as response:
                        reader = step.begin(response.headers)
                        async for data in response:
                            for output in reader.feed(data):
                                if reader.complete:
                                    last.append(output)
                                else:
                                    yield output
                            if reader.complete:
                                break
                        last += reader.close()
                    outcome = None
                else:
                    outcome = await _ado(step, clients)
            except ClaudeCloudError as error:
                outcome, last = error, []
    finally:
        steps.close()
    for output in last:
        yield output


def _next_step(steps: Steps, outcome: object) -> Step | None:
    """Tell the driver what came of a step; return the next one, None at the end."""
    try:
        if isinstance(outcome, ClaudeCloudError):
            _forget_suppressed(outcome)
            return steps.throw(outcome)
        return steps.send(outcome)
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


def run(steps: Steps, clients: Clients) -> None:
    """Do the steps of a driver that hands nothing out."""
    for _ in execute(steps, clients):
        pass


async def arun(steps: Steps, clients: Clients) -> None:
    """Do what `run` does, on an event loop."""
    async for _ in aexecute(steps, clients):
        pass


def _do(step: Step, clients: Clients) -> object:
    match step:
        case Prepare():
            prepare(step.platform, step.timeouts)
        case Send():
            return sending.send(step, clients.client)
        case Fetch():
            fetcher = clients.url_fetcher
            fetching = (
                partial(_media_fetcher(step).fetch, step.urls)
                if fetcher is None
                else partial(_fetch_by, fetcher, step)
            )
            return within_call(step.timeouts, fetching, _NOT_FETCHED)
        case Wait():
            manager = clients.run_manager
            if step.retry and manager is not None and manager.handlers:
                manager.on_retry(step.retry())
            time.sleep(step.seconds)
        case Once():
            within_call(step.timeouts, partial(_find_out, step, clients), _NOT_FOUND_OUT)
    return None


async def _ado(step: Step, clients: Clients) -> object:
    match step:
        case Prepare():
            await aprepare(step.platform, step.timeouts)
        case Send():
            return await sending.asend(step, clients.async_client)
        case Fetch():
            fetcher = clients.url_fetcher
            fetching = (
                _media_fetcher(step).afetch(step.urls)
                if fetcher is None
                else in_thread(partial(_fetch_by, fetcher, step))
            )
            return await awithin_call(step.timeouts, fetching, _NOT_FETCHED)
        case Wait():
            manager = clients.async_run_manager
            if step.retry and manager is not None and manager.handlers:
                await manager.on_retry(step.retry())
            await asyncio.sleep(step.seconds)
        case Once():
            finding = in_single_flight(step.key, lambda: arun(step.steps(), clients))
            await awithin_call(step.timeouts, finding, _NOT_FOUND_OUT)
    return None


def _find_out(step: Once, clients: Clients) -> None:
    with MEMORY.lock_for(step.key):
        if not step.is_known():
            run(step.steps(), clients)


def _media_fetcher(step: Fetch) -> fetch.MediaFetcher:
    return fetch.MediaFetcher(optional=step.optional, most_bytes=step.most_bytes)


def _fetch_by(
    fetcher: Callable[[str], bytes], step: Fetch
) -> list[FetchedMedia | InvalidInputError]:
    """Get media the caller's own way; their types are told by their content."""
    found: list[FetchedMedia | InvalidInputError] = []
    budget = fetch.MediaBudget(step.most_bytes)
    for url in step.urls:
        try:
            data = _get(fetcher, url)
        except InvalidInputError as error:
            if url not in step.optional:
                raise
            found.append(error)
        else:
            budget.take(len(data))
            found.append(fetch.FetchedMedia(media_type_of(data, None), data))
    return found


def _get(fetcher: Callable[[str], bytes], url: str) -> bytes:
    try:
        data: object = fetcher(url)
    except ClaudeCloudError:
        raise
    except Exception as cause:  # noqa: BLE001  the caller's code may raise anything
        # Signed URLs carry their secret in the query, and such errors name the URL.
        said = clean(str(cause).replace(url, fetch.without_query(url)), _SHOWN)
        happened = f"raised {type(cause).__name__} ({said})"
    else:
        if isinstance(data, bytes | bytearray):
            return bytes(data)
        happened = f"returned a {type(data).__name__}, not bytes"
    raise InvalidInputError(f"url_fetcher {happened} for {fetch.without_query(url)}.")
