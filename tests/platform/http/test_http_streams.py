"""Streams over real sockets: what is read, and what becomes of the connection."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing

import anyio
import httpx
import pytest
from http_fakes import (
    MODEL,
    PATIENT,
    Exchange,
    FakePlatform,
    Server,
    aopen_stream,
    asend,
    open_stream,
    read_stream,
    receive,
)

from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http.pool import ThreadTransport, thread_transport
from langchain_claude_cloud.platform.timeouts import Timeouts

both = pytest.mark.parametrize("mode", ["thread", "loop"])
PIECES = [b"event: a\n\n", b"x" * 70_000, "データ".encode(), b"\r\n0\r\n\r\n"]


async def _stream(exchange: Exchange) -> None:
    await exchange.stream(*PIECES)


async def _endless(exchange: Exchange) -> None:
    """Send for ever, until the client hangs up."""
    await exchange.begin()
    while not exchange.reader.at_eof():
        await exchange.chunk(b"data: tick\n\n")
        await asyncio.sleep(0.01)


async def _silent_after_stop(exchange: Exchange) -> None:
    """Send the last event, and never end the body."""
    await exchange.begin()
    await exchange.chunk(b"event: message_stop\n\n")
    await exchange.wait_for_hang_up()


async def _late_end(exchange: Exchange) -> None:
    """End the body a moment after the last event, in a packet of its own."""
    await exchange.begin()
    await exchange.chunk(b"event: message_stop\n\n")
    await asyncio.sleep(0.05)
    await exchange.end()


@both
def test_a_stream_is_read_to_the_byte(mode: str) -> None:
    """The payload arrives whole, whatever it contains."""
    with Server(_stream) as server:
        assert read_stream(mode, FakePlatform(), server.request()) == b"".join(PIECES)


@both
@pytest.mark.parametrize("length", [1, 3, 50])
def test_cut_anywhere_the_payload_is_the_same(mode: str, length: int) -> None:
    """Packets end where they like: in the head, in a chunk's size, in a line break."""
    head = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire = head + b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"

    async def dribble(exchange: Exchange) -> None:
        for start in range(0, len(wire), length):
            await exchange.send(wire[start : start + length])
            await asyncio.sleep(0.001)

    with Server(dribble) as server:
        assert read_stream(mode, FakePlatform(), server.request()) == b"hello world"
        assert read_stream(mode, FakePlatform(), server.request()) == b"hello world"
        assert server.opened == (1 if mode == "thread" else 2)


@both
@pytest.mark.parametrize("framing", ["length", "until-close", "gzip"])
def test_other_framings_are_read_through_the_library(mode: str, framing: str) -> None:
    """A proxy may turn a chunked body into another; the payload is the same."""
    text = b"data: 1\n\n" * 1_000

    async def answer(exchange: Exchange) -> None:
        if framing == "length":
            await exchange.reply(body=text)
        elif framing == "gzip":
            await exchange.begin({"content-encoding": "gzip"})
            await exchange.chunk(gzip.compress(text))
            await exchange.end()
        else:
            await exchange.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + text)
            await exchange.finish()

    with Server(answer) as server:
        assert read_stream(mode, FakePlatform(), server.request()) == text


def test_threads_reuse_the_connection_of_a_stream() -> None:
    """Streams that were read to their last event cost one connection in all."""
    with Server(_stream) as server:
        for _ in range(5):
            read_stream("thread", FakePlatform(), server.request())
        assert (server.opened, server.closed) == (1, 0)


async def test_tasks_reuse_the_connection_of_a_stream() -> None:
    """On one loop the same holds, and for whole responses as well."""
    with Server(_stream) as server:
        for _ in range(5):
            async with await aopen_stream(FakePlatform(), server.request()) as stream:
                assert b"".join([piece async for piece in stream]) == b"".join(PIECES)
        assert (server.opened, server.closed) == (1, 0)


def test_leaving_after_the_last_event_drains_the_rest_in_a_thread() -> None:
    """The reader stops at message_stop; the end of the body comes later, and is taken in."""
    with Server(_late_end) as server:
        for _ in range(3):
            with open_stream(FakePlatform(), server.request()) as stream:
                assert next(iter(stream)) == b"event: message_stop\n\n"
        assert (server.opened, server.closed) == (1, 0)


async def test_leaving_after_the_last_event_drains_the_rest_on_a_loop() -> None:
    """The same for tasks."""
    with Server(_late_end) as server:
        for _ in range(3):
            async with await aopen_stream(FakePlatform(), server.request()) as stream:
                assert await anext(aiter(stream)) == b"event: message_stop\n\n"
        assert (server.opened, server.closed) == (1, 0)


def test_draining_gives_up_soon_in_a_thread() -> None:
    """A body that does not end after its last event costs its connection, not minutes."""
    with Server(_silent_after_stop) as server:
        began = time.monotonic()
        with open_stream(FakePlatform(), server.request(), model=MODEL, timeouts=PATIENT) as stream:
            next(iter(stream))
        assert time.monotonic() - began < 10
        server.wait_closed(1)


async def test_draining_gives_up_soon_on_a_loop() -> None:
    """The same for tasks."""
    with Server(_silent_after_stop) as server:
        began = time.monotonic()
        async with await aopen_stream(
            FakePlatform(), server.request(), model=MODEL, timeouts=PATIENT
        ) as stream:
            await anext(aiter(stream))
        assert time.monotonic() - began < 10
        server.wait_closed(1)


def _pieces(server: Server) -> Generator[bytes, None, None]:
    with open_stream(FakePlatform(), server.request()) as stream:
        yield from stream


async def _apieces(server: Server) -> AsyncGenerator[bytes, None]:
    async with await aopen_stream(FakePlatform(), server.request()) as stream:
        async for piece in stream:
            yield piece


def test_an_abandoned_generator_closes_the_connection_at_once() -> None:
    """A thread that stops in mid-stream does not leave the model writing."""
    with Server(_endless) as server:
        with closing(_pieces(server)) as pieces:
            next(pieces)
        server.wait_closed(1)


def test_a_stream_is_closed_while_the_thread_takes_a_connection() -> None:
    """The garbage collector closes an abandoned stream anywhere, also there."""
    with Server(_endless) as server:
        pieces = _pieces(server)
        next(pieces)
        transport = thread_transport(server.request().url)
        assert isinstance(transport, ThreadTransport)

        def work() -> None:
            with transport._pool._optional_thread_lock:
                pieces.close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()


async def test_an_abandoned_async_generator_closes_the_connection_at_once() -> None:
    """The same for tasks."""
    with Server(_endless) as server:
        async with aclosing(_apieces(server)) as pieces:
            await anext(pieces)
        server.wait_closed(1)


def test_a_generator_that_is_dropped_closes_the_connection() -> None:
    """A reader that just goes away is noticed when its generator is collected."""
    with Server(_endless) as server:
        for _ in _pieces(server):
            break
        server.wait_closed(1)


def _read_and_raise(server: Server, kind: type[BaseException]) -> None:
    with open_stream(FakePlatform(), server.request()) as stream:
        next(iter(stream))
        raise kind


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_exception_closes_the_connection_at_once(kind: type[BaseException]) -> None:
    """What the reader raises goes through, and nothing is drained."""
    with Server(_endless) as server:
        with pytest.raises(kind):
            _read_and_raise(server, kind)
        server.wait_closed(1)


def test_an_exception_in_a_thread_does_not_wait_for_the_end_of_the_body() -> None:
    """Nothing is drained for a reader that gave up, however near the end is."""
    with Server(_late_end) as server:
        with pytest.raises(LookupError):
            _read_and_raise(server, LookupError)
        server.wait_closed(1)


async def test_an_exception_on_a_loop_does_not_wait_for_the_end_of_the_body() -> None:
    """The same for tasks."""

    async def read_and_raise(server: Server) -> None:
        async with await aopen_stream(FakePlatform(), server.request()) as stream:
            await anext(aiter(stream))
            raise LookupError

    with Server(_late_end) as server:
        with pytest.raises(LookupError):
            await read_and_raise(server)
        await asyncio.to_thread(server.wait_closed, 1)


@pytest.mark.parametrize("when", ["connecting", "waiting for headers", "in the body"])
async def test_cancellation_closes_the_connection_at_once(when: str) -> None:
    """wait_for() on a call frees its connection at any point, without waiting for the server."""

    async def answer(exchange: Exchange) -> None:
        if when == "in the body":
            await exchange.begin()
            await exchange.chunk(b"data: 1\n\n")
        await exchange.wait_for_hang_up()

    async def consume(server: Server) -> None:
        platform = FakePlatform(prepare_seconds=0.3 if when == "connecting" else 0.0)
        async with await aopen_stream(
            platform, server.request(), model=MODEL, timeouts=PATIENT
        ) as stream:
            async for _ in stream:
                pass

    with Server(answer) as server:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(consume(server), 0.15)
        assert time.monotonic() - began < 10
        if when == "connecting":
            assert server.opened == 0
        else:
            server.wait_closed(1)


async def test_a_cancel_scope_closes_the_connection_at_once() -> None:
    """Such scopes cancel again at every await: the clean-up has to do without."""

    async def answer(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.wait_for_hang_up()

    with Server(answer) as server:
        with anyio.move_on_after(0.1) as scope:
            async with await aopen_stream(FakePlatform(), server.request()) as stream:
                await anext(aiter(stream))
        assert scope.cancelled_caught
        await asyncio.to_thread(server.wait_closed, 1)


def test_cancelled_work_does_not_hold_up_the_end_of_the_loop() -> None:
    """asyncio.run returns although a thread still waits for credentials."""
    loop_ended = threading.Event()
    waits = FakePlatform(until=lambda: loop_ended.wait(20))

    async def main(server: Server) -> None:
        async with asyncio.timeout(0.1):
            async with await aopen_stream(waits, server.request()):
                pass

    with Server(_stream) as server:
        with pytest.raises(TimeoutError):
            asyncio.run(main(server))
        assert waits.version == 0
        loop_ended.set()


async def test_tasks_stream_side_by_side_on_one_thread() -> None:
    """None of 64 calls is answered before all are sent, and they keep 64 connections."""
    all_there = asyncio.Barrier(64)

    async def together(exchange: Exchange) -> None:
        await all_there.wait()
        await exchange.stream(b"{}")

    async def one(server: Server) -> None:
        async with await aopen_stream(
            FakePlatform(version=1), server.request(), model=MODEL, timeouts=PATIENT
        ) as stream:
            assert [piece async for piece in stream] == [b"{}"]

    with Server(together) as server:
        for _ in range(2):
            await asyncio.gather(*[one(server) for _ in range(64)])
        assert (server.opened, server.closed) == (64, 0)


async def test_the_kernel_holds_back_what_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    """A reader that is slow holds back the server instead of filling memory or spinning."""
    sent = 0

    async def flood(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.begin()
        for _ in range(400):
            await exchange.chunk(b"x" * 100_000)
            sent += 100_000
        await exchange.end()

    with Server(flood) as server:
        async with await aopen_stream(FakePlatform(), server.request()) as stream:
            total = len(await anext(aiter(stream)))
            await asyncio.sleep(0.3)
            assert sent < 30_000_000
            async for piece in stream:
                total += len(piece)
        assert total == 40_000_000
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@both
def test_a_large_request_arrives_whole(mode: str) -> None:
    """Bodies larger than the socket's buffer go out in pieces."""

    async def count(exchange: Exchange) -> None:
        await exchange.reply(body=str(sum(exchange.body)).encode())

    body = bytes(range(256)) * 80_000
    with Server(count) as server:
        response = receive(mode, FakePlatform(), server.request(body))
        assert response.body == str(sum(body)).encode()


@both
def test_a_refusal_that_comes_before_the_body_was_taken_is_read(mode: str) -> None:
    """A server that refuses by the head alone is heard, not reported as a broken pipe."""

    async def never(exchange: Exchange) -> None:
        raise AssertionError(exchange)

    class Refusing(Server):
        async def _read(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
            )
            while await reader.read(65_536):
                pass

    with Refusing(never) as server:
        with pytest.raises(Exception, match=r"413|large") as caught:
            receive(
                mode,
                FakePlatform(),
                server.request(b"x" * 10_000_000),
                timeouts=Timeouts(2.0, 2.0, 0.5),
            )
        assert getattr(caught.value, "status_code", None) == 413


@pytest.mark.parametrize("count", [1, 3])
def test_a_callers_own_client_is_used_and_reuses_connections(count: int) -> None:
    """It may be any httpx client; its connections are drained as ours are."""
    with Server(_late_end) as server, httpx.Client(headers={"x-mine": "1"}) as client:
        for _ in range(count):
            with open_stream(FakePlatform(), server.request(), client=client) as stream:
                assert next(iter(stream)) == b"event: message_stop\n\n"
        assert server.opened == 1
        assert all(exchange.headers["x-mine"] == "1" for exchange in server.requests)


async def test_a_callers_own_async_client_is_used_and_reuses_connections() -> None:
    """The same for tasks."""
    with Server(_late_end) as server:
        async with httpx.AsyncClient(headers={"x-mine": "1"}) as client:
            for _ in range(3):
                async with await aopen_stream(
                    FakePlatform(), server.request(), client=client
                ) as stream:
                    assert await anext(aiter(stream)) == b"event: message_stop\n\n"
        assert server.opened == 1
        assert server.requests[-1].headers["x-mine"] == "1"


async def test_the_body_of_a_callers_own_client_has_other_limits_than_the_head() -> None:
    """Httpcore takes one limit for both, where nobody tells it better."""

    async def pause(exchange: Exchange) -> None:
        await exchange.begin()
        await asyncio.sleep(0.4)
        await exchange.end()

    with Server(pause) as server:
        async with httpx.AsyncClient() as client:
            limits = Timeouts(2.0, 0.2, 9.0)
            answer = await asend(FakePlatform(), server.request(), client, timeouts=limits)
        assert answer.body == b""


def test_a_callers_own_client_does_not_wait_for_a_body_that_does_not_end() -> None:
    """The short limit on draining holds there too."""
    with Server(_silent_after_stop) as server, httpx.Client() as client:
        began = time.monotonic()
        with open_stream(
            FakePlatform(), server.request(), model=MODEL, timeouts=PATIENT, client=client
        ) as stream:
            next(iter(stream))
        assert time.monotonic() - began < 10
        server.wait_closed(1)


@pytest.mark.parametrize("status", [200, 403])
def test_a_callers_stream_that_starts_over_is_read_once(status: int) -> None:
    """Iterated a second time, some streams begin again: those of test doubles and caches."""
    left = iter(range(1_000, 0, -1))
    timeouts = Timeouts(2.0, 2.0, 2.0, total=9.0).within(lambda: next(left) / 1_000)
    answer = httpx.Response(status, stream=httpx.ByteStream(b"null"))
    request = OutgoingRequest("POST", "https://cloud.test/")
    with httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as client:
        try:
            found = receive("thread", FakePlatform(), request, timeouts=timeouts, client=client)
            body = found.body.decode()
        except ClaudeCloudError as error:
            body = error.body
    assert body == "null"


@both
def test_what_goes_along_with_a_request(mode: str) -> None:
    """Our user agent, no compression, the caller's headers, and the credentials."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(headers={"set-cookie": "a=b; path=/", "X-Request-Id": "r1"})

    with Server(answer) as server:
        for _ in range(2):
            response = receive(mode, FakePlatform(), server.request(**{"x-extra": "1"}))
        assert response.headers["x-request-id"] == "r1"
        headers = server.requests[-1].headers
        assert headers["user-agent"].startswith("langchain-claude-cloud/")
        assert headers["accept-encoding"] == "identity"
        assert headers["x-extra"] == "1"
        assert headers["authorization"] == "Bearer token-1"
        assert "cookie" not in headers
        receive(mode, FakePlatform(), server.request(**{"user-agent": "mine"}))
        assert server.requests[-1].headers["user-agent"] == "mine"
