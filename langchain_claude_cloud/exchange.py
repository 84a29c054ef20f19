"""A call and its routes in, the cloud's answer out: the stages put together.

request -> platform -> response, with retries and failover around them. Everything that
decides is in `langchain_claude_cloud.attempts`, for sync and async alike; the two differ by
the loops here, and by how they wait.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from jiter import from_json
from langchain_core.messages import AIMessage

from langchain_claude_cloud._types import JsonObject, Operation
from langchain_claude_cloud.attempts import Attempts, Call, WriterOf
from langchain_claude_cloud.errors import ClaudeCloudError, ServerError
from langchain_claude_cloud.platform import http
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.response.answer import Answer
from langchain_claude_cloud.response.blocks import Silent, Sink
from langchain_claude_cloud.response.message import Origin, build_message
from langchain_claude_cloud.response.stream import ResponseStream

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import FetchedMedia, HttpResponse

T = TypeVar("T")

_SHOWN_BYTES: Final = 4096


def stream(call: Call, writer_of: WriterOf[T]) -> Iterator[T]:
    """Send a call and yield what the writer makes of the answer, as it comes.

    What it makes of the end comes when the connection is free again: langchain-core's v3
    events are pulled up to the last one, and then the generator is left as it is.

    Raises:
        ClaudeCloudError: The cloud refused, or the answer broke off; then with what had
            arrived of it as ``partial_message``.
    """
    run = Attempts(call, "stream")
    while True:
        reader: ResponseStream[T] | None = None
        last: list[T] = []
        try:
            request = _prepare(run)
            with http.open_stream(
                run.route.platform, request, client=call.client, **run.transport()
            ) as response:
                reader = run.reader(response.headers, writer_of)
                for data in response:
                    for output in reader.feed(data):
                        if reader.answer.complete:
                            last.append(output)
                        else:
                            yield output
                    if reader.answer.complete:
                        break
                last += reader.close()
            run.plan.succeeded()
        except ClaudeCloudError as error:
            time.sleep(run.failed(error, reader))
        else:
            yield from last
            return


async def astream(call: Call, writer_of: WriterOf[T]) -> AsyncIterator[T]:
    """Do what `stream` does, on an event loop.

    Raises:
        ClaudeCloudError: See `stream`.
    """
    run = Attempts(call, "stream")
    while True:
        reader: ResponseStream[T] | None = None
        last: list[T] = []
        try:
            request = await _aprepare(run)
            async with http.aopen_stream(
                run.route.platform, request, client=call.async_client, **run.transport()
            ) as response:
                reader = run.reader(response.headers, writer_of)
                async for data in response:
                    for output in reader.feed(data):
                        if reader.answer.complete:
                            last.append(output)
                        else:
                            yield output
                    if reader.answer.complete:
                        break
                last += reader.close()
            run.plan.succeeded()
        except ClaudeCloudError as error:
            await asyncio.sleep(run.failed(error, reader))
        else:
            for output in last:
                yield output
            return


def complete(call: Call) -> AIMessage:
    """Send a call and return the whole answer.

    Raises:
        ClaudeCloudError: The cloud refused, or what it sent is not an answer.
    """
    if call.is_streamed_internally:
        collector = _Collector(call)
        for _ in stream(call, collector.begin):
            pass
        return collector.message()
    run, response = _send(call, "invoke")
    return _read_message(run, response)


async def acomplete(call: Call) -> AIMessage:
    """Do what `complete` does, on an event loop.

    Raises:
        ClaudeCloudError: See `complete`.
    """
    if call.is_streamed_internally:
        collector = _Collector(call)
        async for _ in astream(call, collector.begin):
            pass
        return collector.message()
    run, response = await _asend(call, "invoke")
    return _read_message(run, response)


def count_tokens(call: Call) -> int:
    """Ask a cloud how many tokens a call's prompt has.

    Raises:
        ClaudeCloudError: The cloud refused; not every region counts for every model.
    """
    return _read_count(*_send(call, "count_tokens"))


async def acount_tokens(call: Call) -> int:
    """Do what `count_tokens` does, on an event loop.

    Raises:
        ClaudeCloudError: See `count_tokens`.
    """
    return _read_count(*await _asend(call, "count_tokens"))


def _send(call: Call, operation: Operation) -> tuple[Attempts, HttpResponse]:
    run = Attempts(call, operation)
    while True:
        try:
            request = _prepare(run)
            response = http.send(run.route.platform, request, client=call.client, **run.transport())
            run.plan.succeeded()
        except ClaudeCloudError as error:
            time.sleep(run.failed(error))
        else:
            return run, response


async def _asend(call: Call, operation: Operation) -> tuple[Attempts, HttpResponse]:
    run = Attempts(call, operation)
    while True:
        try:
            request = await _aprepare(run)
            response = await http.asend(
                run.route.platform, request, client=call.async_client, **run.transport()
            )
            run.plan.succeeded()
        except ClaudeCloudError as error:
            await asyncio.sleep(run.failed(error))
        else:
            return run, response


def _prepare(run: Attempts) -> OutgoingRequest:
    http.prepare(run.route.platform)
    request = run.build()
    urls = run.missing_urls(request)
    if urls:
        fetcher = run.call.url_fetcher
        run.add_media(urls, http.fetch_all(urls) if fetcher is None else _fetch_by(fetcher, urls))
    return run.finish(request)


async def _aprepare(run: Attempts) -> OutgoingRequest:
    await http.aprepare(run.route.platform)
    request = run.build()
    urls = run.missing_urls(request)
    if urls:
        fetcher = run.call.url_fetcher
        if fetcher is None:
            run.add_media(urls, await http.afetch_all(urls))
        else:
            run.add_media(urls, await asyncio.to_thread(_fetch_by, fetcher, urls))
    return run.finish(request)


def _fetch_by(fetcher: Callable[[str], bytes], urls: Sequence[str]) -> list[FetchedMedia]:
    """Get media the caller's own way; their types are told by their content."""
    found = [fetcher(url) for url in urls]
    return [http.FetchedMedia(http.media_type_of(data, None), data) for data in found]


class _Collector:
    """Keeps the answer of a call that is streamed although it is wanted whole."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._origin: Origin | None = None
        self._writer = _LastAnswer()

    def begin(self, origin: Origin) -> Sink[None]:
        """Start over, for the response that has begun."""
        self._origin = origin
        return self._writer

    def message(self) -> AIMessage:
        """Return the message, once the stream has ended."""
        answer, origin = self._writer.answer, self._origin
        if answer is None or origin is None:  # the stream would have raised
            raise RuntimeError("no answer was collected")
        return build_message(
            answer, origin, version=self._call.version, with_usage=self._call.with_usage
        )


class _LastAnswer(Silent):
    """A sink that remembers the answer it was told of last."""

    answer: Answer | None = None

    def begin(self, answer: Answer) -> Sequence[None]:
        """Remember the answer."""
        self.answer = answer
        return ()


def _read_message(run: Attempts, response: HttpResponse) -> AIMessage:
    origin = run.origin(response.headers)
    try:
        answer = Answer.of_message(_read_json(response))
        return build_message(
            answer, origin, version=run.call.version, with_usage=run.call.with_usage
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _not_understood(run, response, error) from None


def _read_count(run: Attempts, response: HttpResponse) -> int:
    try:
        body = _read_json(response)
        return int(body["input_tokens"] if "input_tokens" in body else body["inputTokens"])
    except (KeyError, TypeError, ValueError) as error:
        raise _not_understood(run, response, error) from None


def _read_json(response: HttpResponse) -> JsonObject:
    try:
        body = from_json(response.body)
    except ValueError:
        body = json.loads(response.body)
    if not isinstance(body, dict):
        raise TypeError("not a JSON object")
    return body


def _not_understood(run: Attempts, response: HttpResponse, cause: Exception) -> ServerError:
    origin = run.origin(response.headers)
    return ServerError(
        f"The answer is not of the documented form ({cause!r}). Is something between here and "
        "the cloud answering in its place?",
        platform=run.route.config.cloud,
        model=origin.model,
        region=origin.region,
        status_code=response.status,
        request_id=origin.request_id,
        body=response.body[:_SHOWN_BYTES].decode("utf-8", "replace"),
    )
