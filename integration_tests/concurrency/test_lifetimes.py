"""Streams that are cancelled, abandoned or left early: their connection is closed at once.

The server says one thing and is silent then, so that only the client can end a connection.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from raw_clouds import PATIENCE, Exchange, RawClouds, answer_events, answer_prompt, until
from raw_models import identity_in_environment, issued_model_on, model_on

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.http.async_transport import LoopTransport, look_up

CLOUDS = ["vertex", "bedrock"]


async def _answer(exchange: Exchange) -> None:
    """Answer, but for prompts that want the beginning of an answer, or nothing at all."""
    if exchange.prompt == "begin":
        await exchange.begin()
        await exchange.events(answer_events("Hello")[:3])
        await exchange.wait_for_hang_up()
    elif exchange.prompt == "mute":
        await exchange.wait_for_hang_up()
    elif exchange.prompt == "later":
        await exchange.reply(b"{}", 429, {"retry-after": "25"})
    else:
        await answer_prompt(exchange)


@pytest.fixture
def server() -> Iterator[RawClouds]:
    """A server that falls silent."""
    with RawClouds(_answer) as running:
        yield running


async def _nothing_is_left(server: RawClouds, closed: int = 1) -> None:
    """Wait until the server has seen connections close and no task but this one lives."""
    assert await until(lambda: server.closed == closed)
    assert await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def _aclose(llm: ChatClaudeCloud) -> None:
    stream = llm.astream("begin")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]


async def _break(llm: ChatClaudeCloud) -> None:
    async for _ in llm.astream("begin"):
        break


async def _drop(llm: ChatClaudeCloud) -> None:
    stream = llm.astream("begin")
    await anext(stream)
    del stream


async def _raise(llm: ChatClaudeCloud) -> None:
    with suppress(LookupError):
        async with aclosing(llm.astream("begin")) as stream:  # type: ignore[type-var]
            async for _ in stream:
                raise LookupError


async def _cancel(llm: ChatClaudeCloud) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in llm.astream("begin"):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _time_out(llm: ChatClaudeCloud) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            async for _ in llm.astream("begin"):
                pass


async def _break_a_chain(llm: ChatClaudeCloud) -> None:
    async for _ in (llm | StrOutputParser()).astream("begin"):
        break


async def _break_events(llm: ChatClaudeCloud) -> None:
    async for event in llm.astream_events("begin", version="v2"):
        if event["event"] == "on_chat_model_stream":
            break


async def _fail_beside(llm: ChatClaudeCloud) -> None:
    """Let a sibling in a task group fail, which cancels the stream."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in llm.astream("begin"):
            begun.set()

    async def fail() -> None:
        await begun.wait()
        raise LookupError

    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            group.create_task(fail())


WAYS = [
    _aclose,
    _break,
    _drop,
    _raise,
    _cancel,
    _time_out,
    _break_a_chain,
    _break_events,
    _fail_beside,
]


@pytest.mark.parametrize("leave", WAYS)
async def test_a_stream_that_is_left_on_a_loop_closes_its_connection(
    server: RawClouds, cloud: str, leave: Callable[[ChatClaudeCloud], Awaitable[None]]
) -> None:
    """However it is left, the server sees it at once; no task stays, the next call works."""
    llm = model_on(server, cloud)
    await leave(llm)
    await _nothing_is_left(server)
    assert (await llm.ainvoke("hi")).text == "You said: hi"
    await llm.aclose()
    await _nothing_is_left(server, closed=2)


@pytest.mark.parametrize("fields", [{}, {"max_tokens": 60_000}], ids=["whole", "streamed inside"])
@pytest.mark.parametrize("prompt", ["mute", "begin"])
async def test_a_cancelled_call_closes_its_connection(
    server: RawClouds, cloud: str, prompt: str, fields: dict[str, Any]
) -> None:
    """A call that waits for headers, or for more of its answer, ends when it is cancelled."""
    llm = model_on(server, cloud, **fields)
    task = asyncio.create_task(llm.ainvoke(prompt))
    assert await until(lambda: server.active == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _nothing_is_left(server)


async def test_a_call_that_waits_for_its_next_attempt_ends_when_cancelled(
    server: RawClouds, cloud: str
) -> None:
    """It does not send once more, and does not sleep on."""
    task = asyncio.create_task(model_on(server, cloud, max_retries=2).ainvoke("later"))
    assert await until(lambda: len(server.requests) == 1 and server.active == 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(server.requests) == 1


def _close_generator(llm: ChatClaudeCloud) -> None:
    stream = llm.stream("begin")
    next(stream)
    stream.close()  # type: ignore[attr-defined]


def _drop_generator(llm: ChatClaudeCloud) -> None:
    next(llm.stream("begin"))


def _break_loop(llm: ChatClaudeCloud) -> None:
    for _ in llm.stream("begin"):
        break


def _raise_in_loop(llm: ChatClaudeCloud) -> None:
    with suppress(LookupError):
        for _ in llm.stream("begin"):
            raise LookupError


def _break_chain_loop(llm: ChatClaudeCloud) -> None:
    # Not `llm | parser`: core 1.7 reads a chain's input to its end when its generator is
    # closed in a thread (Runnable._transform_stream_with_config).
    for _ in (RunnableLambda(str) | llm).stream("begin"):
        break


@pytest.mark.parametrize(
    "leave",
    [_close_generator, _drop_generator, _break_loop, _raise_in_loop, _break_chain_loop],
)
def test_a_stream_that_is_left_in_a_thread_closes_its_connection(
    server: RawClouds, cloud: str, leave: Callable[[ChatClaudeCloud], None]
) -> None:
    """However it is left, the server sees it at once, and the next call works."""
    llm = model_on(server, cloud)
    leave(llm)
    server.wait_closed(1)
    assert llm.invoke("hi").text == "You said: hi"
    llm.close()
    server.wait_closed(2)


def test_a_stream_that_was_read_to_its_end_keeps_its_connection(
    server: RawClouds, cloud: str
) -> None:
    """The counterpart: what was not abandoned is used again, whoever asks."""
    llm = model_on(server, cloud)
    for _ in range(3):
        assert "".join(chunk.text for chunk in llm.stream("hi")) == "You said: hi"
    assert llm.invoke("hi").text == "You said: hi"
    assert (server.opened, server.closed) == (1, 0)
    llm.close()
    server.wait_closed(1)


def test_the_end_of_a_loop_ends_what_runs_on_it(server: RawClouds, cloud: str) -> None:
    """asyncio.run closes forgotten tasks' and generators' connections, without a warning."""
    llm = model_on(server, cloud)
    kept: list[AsyncIterator[Any]] = []

    async def main() -> None:
        kept.append(llm.astream("begin"))
        await anext(kept[0])
        forgotten = asyncio.create_task(llm.ainvoke("mute"))
        assert await until(lambda: server.active == 2)
        assert not forgotten.done()
        await llm.ainvoke("hi")

    asyncio.run(main())
    server.wait_closed(3)
    assert server.opened == 3


def test_the_end_of_a_loop_does_not_wait_for_credentials(
    server: RawClouds, cloud: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled call's thread may still wait for a token; asyncio.run returns all the same."""
    identity_in_environment(server, tmp_path, monkeypatch)
    released = threading.Event()

    async def hold() -> None:
        await until(released.is_set)

    server.issuer.before_answer = hold
    llm = issued_model_on(server, cloud)

    async def main() -> None:
        task = asyncio.create_task(llm.ainvoke("hi"))
        assert await until(lambda: len(server.issuer.issued) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    others = set(threading.enumerate())
    asyncio.run(main())
    waiting = set(threading.enumerate()) - others
    assert waiting, "the token is still waited for"
    released.set()
    for thread in waiting:
        thread.join(PATIENCE)
    assert server.requests == []


def test_the_end_of_a_loop_does_not_wait_for_name_servers(server: RawClouds, cloud: str) -> None:
    """Nor does it for a host name that nobody resolves."""
    asked, released = threading.Event(), threading.Event()
    finished: list[bool] = []

    def ask(*_: object, **__: object) -> list[tuple[Any, ...]]:
        asked.set()
        released.wait(PATIENCE)
        finished.append(True)
        return []

    async def main() -> None:
        transport = LoopTransport(None, look_up=partial(look_up, ask=ask))
        async with httpx.AsyncClient(transport=transport) as client:
            llm = model_on(server, cloud, host="localhost", http_async_client=client)
            task = asyncio.create_task(llm.ainvoke("hi"))
            assert await until(asked.is_set)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert finished == []
    released.set()


class OneLoopTransport(httpx.AsyncHTTPTransport):
    """What httpx's own is with a connection kept alive: of the event loop of the first request."""

    loop: asyncio.AbstractEventLoop | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, on the first loop."""
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop():
            raise RuntimeError("Event loop is closed")
        return await super().handle_async_request(request)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_clients_second_event_loop_is_an_error_that_says_so(
    server: RawClouds, cloud: str
) -> None:
    """Its connections are of the first; the package's own clients serve any number of loops."""
    transport = OneLoopTransport(limits=httpx.Limits(max_keepalive_connections=0))
    given = model_on(server, cloud, http_async_client=httpx.AsyncClient(transport=transport))

    async def ask(llm: ChatClaudeCloud) -> None:
        await llm.ainvoke("Hi", max_tokens=50)

    async def stream(llm: ChatClaudeCloud) -> None:
        assert [chunk async for chunk in llm.astream("Hi")]

    asyncio.run(ask(given))
    for way in (ask, stream):
        with pytest.raises(ConfigurationError, match=r"client for each.*http_async_client"):
            asyncio.run(way(given))
    for way in (ask, stream):
        asyncio.run(way(given.model_copy(update={"http_async_client": None})))
