"""A call and its routes in, the cloud's answer out: the stages put together.

request -> platform -> response, with retries and failover around them. Everything that
decides is in `calls.attempts` and `calls.continuation`, for sync and async alike; the two
differ by the loops here, and by how they wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from langchain_core.messages import AIMessage

from langchain_claude_cloud.calls.attempts import Attempts, Call, WriterOf
from langchain_claude_cloud.calls.continuation import Turn, Unwritten, read_count
from langchain_claude_cloud.control_plane.base_models import afind_base_model, find_base_model
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.platform import http
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.response.stream import ResponseStream

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import FetchedMedia, HttpResponse

T = TypeVar("T")


def stream(call: Call, writer_of: WriterOf[T]) -> Iterator[T]:
    """Send a call and return what the writer makes of the answer, as it comes.

    What it makes of the end comes when the connection is free again: langchain-core's v3
    events are pulled up to the last one, and then the generator is left as it is.

    Raises:
        ClaudeCloudError: The cloud refused, or the answer broke off; then with what had
            arrived of it as ``partial_message``.
    """
    return _stream(Turn(call, "stream", writer_of))


def _stream(turn: Turn[T]) -> Iterator[T]:
    try:
        while not turn.is_over:
            run = turn.run
            reader: ResponseStream[T] | None = None
            last: list[T] = []
            try:
                request = _prepare(run)
                with http.open_stream(
                    run.route.platform, request, client=run.call.client, **run.transport()
                ) as response:
                    reader = turn.reader(response.headers)
                    for data in response:
                        for output in reader.feed(data):
                            if reader.complete:
                                last.append(output)
                            else:
                                yield output
                        if reader.complete:
                            break
                    last += reader.close()
                run.plan.succeeded()
                turn.ended()
            except ClaudeCloudError as error:
                _pause(run, error, reader)
            else:
                yield from last
    finally:
        turn.run.plan.let_others_try()


def astream(call: Call, writer_of: WriterOf[T]) -> AsyncIterator[T]:
    """Do what `stream` does, on an event loop.

    Raises:
        ClaudeCloudError: See `stream`.
    """
    return _astream(Turn(call, "stream", writer_of))


async def _astream(turn: Turn[T]) -> AsyncIterator[T]:
    try:
        while not turn.is_over:
            run = turn.run
            reader: ResponseStream[T] | None = None
            last: list[T] = []
            try:
                request = await _aprepare(run)
                async with http.aopen_stream(
                    run.route.platform, request, client=run.call.async_client, **run.transport()
                ) as response:
                    reader = turn.reader(response.headers)
                    async for data in response:
                        for output in reader.feed(data):
                            if reader.complete:
                                last.append(output)
                            else:
                                yield output
                        if reader.complete:
                            break
                    last += reader.close()
                run.plan.succeeded()
                turn.ended()
            except ClaudeCloudError as error:
                await _apause(run, error, reader)
            else:
                for output in last:
                    yield output
    finally:
        turn.run.plan.let_others_try()


def complete(call: Call) -> AIMessage:
    """Send a call and return the whole answer.

    Raises:
        ClaudeCloudError: The cloud refused, or what it sent is not an answer.
    """
    streamed = call.is_streamed_internally
    turn = Turn(call, "stream" if streamed else "invoke", partial(Unwritten, call))
    if streamed:
        for _ in _stream(turn):
            pass
    while not turn.is_over:
        turn.take(_send(turn.run))
    return turn.message()


async def acomplete(call: Call) -> AIMessage:
    """Do what `complete` does, on an event loop.

    Raises:
        ClaudeCloudError: See `complete`.
    """
    streamed = call.is_streamed_internally
    turn = Turn(call, "stream" if streamed else "invoke", partial(Unwritten, call))
    if streamed:
        async for _ in _astream(turn):
            pass
    while not turn.is_over:
        turn.take(await _asend(turn.run))
    return turn.message()


def count_tokens(call: Call) -> int:
    """Ask a cloud how many tokens a call's prompt has.

    Raises:
        ClaudeCloudError: The cloud refused; not every region counts for every model.
    """
    run = Attempts(call, "count_tokens")
    return read_count(run, _send(run))


async def acount_tokens(call: Call) -> int:
    """Do what `count_tokens` does, on an event loop.

    Raises:
        ClaudeCloudError: See `count_tokens`.
    """
    run = Attempts(call, "count_tokens")
    return read_count(run, await _asend(run))


def _send(run: Attempts) -> HttpResponse:
    try:
        while True:
            try:
                request = _prepare(run)
                response = http.send(
                    run.route.platform, request, client=run.call.client, **run.transport()
                )
                run.plan.succeeded()
            except ClaudeCloudError as error:
                _pause(run, error)
            else:
                return response
    finally:
        run.plan.let_others_try()


async def _asend(run: Attempts) -> HttpResponse:
    try:
        while True:
            try:
                request = await _aprepare(run)
                response = await http.asend(
                    run.route.platform, request, client=run.call.async_client, **run.transport()
                )
                run.plan.succeeded()
            except ClaudeCloudError as error:
                await _apause(run, error)
            else:
                return response
    finally:
        run.plan.let_others_try()


def _pause(run: Attempts, error: ClaudeCloudError, reader: ResponseStream[T] | None = None) -> None:
    """Wait for the next attempt, and tell LangChain's callbacks of it; or raise."""
    seconds = run.failed(error, reader)
    manager = run.call.run_manager
    if manager is not None and manager.handlers:
        manager.on_retry(run.retry_state(error, seconds))
    time.sleep(seconds)


async def _apause(
    run: Attempts, error: ClaudeCloudError, reader: ResponseStream[T] | None = None
) -> None:
    seconds = run.failed(error, reader)
    manager = run.call.async_run_manager
    if manager is not None and manager.handlers:
        await manager.on_retry(run.retry_state(error, seconds))
    await asyncio.sleep(seconds)


def _prepare(run: Attempts) -> OutgoingRequest:
    http.prepare(run.route.platform)
    find_base_model(run.route, run.call.client)
    request = run.build()
    urls = run.missing_urls(request)
    if urls:
        fetcher = run.call.url_fetcher
        run.add_media(urls, http.fetch_all(urls) if fetcher is None else _fetch_by(fetcher, urls))
    return run.finish(request)


async def _aprepare(run: Attempts) -> OutgoingRequest:
    await http.aprepare(run.route.platform)
    await afind_base_model(run.route, run.call.async_client)
    request = run.build()
    urls = run.missing_urls(request)
    if urls:
        fetcher = run.call.url_fetcher
        if fetcher is None:
            run.add_media(urls, await http.afetch_all(urls))
        else:
            run.add_media(urls, await http.in_thread(partial(_fetch_by, fetcher, urls)))
    return run.finish(request)


def _fetch_by(fetcher: Callable[[str], bytes], urls: Sequence[str]) -> list[FetchedMedia]:
    """Get media the caller's own way; their types are told by their content."""
    found = [fetcher(url) for url in urls]
    return [http.FetchedMedia(http.media_type_of(data, None), data) for data in found]
