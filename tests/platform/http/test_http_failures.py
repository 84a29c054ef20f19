"""Everything that can go wrong on the way is an error of ours that says where."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from http_fakes import MODEL, PATIENT, Exchange, FakePlatform, Server, asend, read_stream, receive

from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    LocalLimitError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http import sending
from langchain_claude_cloud.platform.timeouts import Timeouts

both = pytest.mark.parametrize("mode", ["thread", "loop"])
HASTY = Timeouts(connect=0.2, start=0.2, idle=0.2)


@contextmanager
def _raises(kind: type[ClaudeCloudError]) -> Iterator[Any]:
    """Expect an error that says where it happened, and shows no secret."""
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value
    assert type(error) is kind
    assert (error.platform, error.model, error.region) == ("vertex", MODEL, "nowhere-1")
    assert "nowhere-1" in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "token-" not in "".join(traceback.format_exception(error))


@both
def test_refused(mode: str) -> None:
    """Nobody listens: the message names the host and the way out."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with _raises(ConnectionFailedError) as caught:
            receive(mode, FakePlatform(), OutgoingRequest("POST", url))
    assert "refused" in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.is_retryable


@both
def test_no_such_host(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without an address points at the region and base_url."""
    monkeypatch.setenv("NO_PROXY", "*")
    for host in ("no-such-host.invalid", "a" * 64 + ".invalid"):
        request = OutgoingRequest("POST", f"https://{host}/")
        with _raises(ConnectionFailedError) as caught:
            receive(mode, FakePlatform(), request)
        assert "region" in str(caught.value)


@both
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://no-such-proxy.invalid:3128"])
def test_no_such_proxy(mode: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is not reached is what to check, and not the region."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    request = OutgoingRequest("POST", f"https://{mode}.{proxy[7]}.invalid/")
    with _raises(ConnectionFailedError) as caught:
        receive(mode, FakePlatform(), request)
    assert "proxy that HTTPS_PROXY names" in str(caught.value)
    assert "region and base_url" not in str(caught.value)


@both
def test_nobody_accepts(mode: str) -> None:
    """A connection that is not answered in time is a timeout that names its setting."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for client in (first, second):
            client.settimeout(0)
            client.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        with _raises(RequestTimeoutError) as caught:
            receive(mode, FakePlatform(), OutgoingRequest("POST", url), timeouts=HASTY)
    assert "connect" in str(caught.value)


@both
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\ncontent-"])
def test_reset_before_the_response(mode: str, sent: bytes) -> None:
    """A connection that ends before the head is over was not a response."""

    async def hang_up(exchange: Exchange) -> None:
        await exchange.send(sent)
        await exchange.finish()

    with Server(hang_up) as server, _raises(ConnectionFailedError) as caught:
        receive(mode, FakePlatform(), server.request())
    assert "Server disconnected" in str(caught.value)


@both
@pytest.mark.parametrize("is_abrupt", [True, False])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_cut_in_mid_body(mode: str, framing: str, is_abrupt: bool) -> None:  # noqa: FBT001  a table
    """A body that breaks off is an error, of a stream and of a whole response alike."""

    async def cut(exchange: Exchange) -> None:
        if framing == "chunked":
            await exchange.begin()
            await exchange.send(b"ff\r\ndata: hello")
        else:
            await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nhello")
        await asyncio.sleep(0.05)
        if is_abrupt:
            await exchange.hang_up()
        else:
            await exchange.finish()

    with Server(cut) as server:
        with _raises(StreamInterruptedError):
            read_stream(mode, FakePlatform(), server.request())
        with _raises(StreamInterruptedError):
            receive(mode, FakePlatform(), server.request())
        server.wait_closed(2)


@both
def test_a_body_that_is_not_chunked_as_it_says(mode: str) -> None:
    """Garbage in the framing is not handed out as text."""

    async def garbage(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.send(b"data: hello\r\n\r\n")
        await exchange.wait_for_hang_up()

    with Server(garbage) as server:
        # If the head came in the same packet, the library takes the whole for damaged.
        with pytest.raises((StreamInterruptedError, ConnectionFailedError)):
            read_stream(mode, FakePlatform(), server.request())
        server.wait_closed(1)


@both
def test_a_damaged_body_is_not_waited_for(mode: str) -> None:
    """Also if the head and a sound part of it came before, and the connection stays open."""

    async def garbage(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(b"data: hello\n\n")
        await asyncio.sleep(0.2)
        await exchange.send(b"zz\r\n")
        await exchange.wait_for_hang_up()

    with Server(garbage) as server, pytest.raises(StreamInterruptedError):
        read_stream(mode, FakePlatform(), server.request(), timeouts=PATIENT)


@both
@pytest.mark.parametrize("is_stream", [True, False])
def test_a_stall_before_the_response(mode: str, is_stream: bool) -> None:  # noqa: FBT001  a table
    """The wait for the response has its own limit, which idle does not shorten."""

    async def stall(exchange: Exchange) -> None:
        await exchange.wait_for_hang_up()

    read = read_stream if is_stream else receive
    with Server(stall) as server:
        with _raises(RequestTimeoutError) as caught:
            read(mode, FakePlatform(), server.request(), timeouts=Timeouts(2.0, 0.3, 0.1))
        assert "'start'" in str(caught.value)
        # A model may be writing, and bills each time: only streams are asked again.
        assert caught.value.is_retryable == is_stream
        server.wait_closed(1)


@both
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_stall_in_the_body(mode: str, framing: str) -> None:
    """Silence between events has its own limit, which start does not lengthen."""

    async def stall(exchange: Exchange) -> None:
        if framing == "chunked":
            await exchange.begin()
            await exchange.chunk(b"data: 1\n\n")
        else:
            await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\ndata")
        await exchange.wait_for_hang_up()

    with Server(stall) as server:
        with _raises(RequestTimeoutError) as caught:
            read_stream(mode, FakePlatform(), server.request(), timeouts=Timeouts(2.0, 60.0, 0.2))
        assert "'idle'" in str(caught.value)
        assert caught.value.is_retryable
        with _raises(RequestTimeoutError) as caught:
            receive(mode, FakePlatform(), server.request(), timeouts=Timeouts(2.0, 60.0, 0.2))
        assert not caught.value.is_retryable
        server.wait_closed(2)


@both
def test_idle_is_between_events_and_not_the_whole(mode: str) -> None:
    """A stream may take any time as long as something comes."""

    async def slowly(exchange: Exchange) -> None:
        await asyncio.sleep(0.3)
        await exchange.begin()
        for _ in range(6):
            await asyncio.sleep(0.25)
            await exchange.chunk(b"x")
        await exchange.end()

    limits = Timeouts(connect=20.0, start=20.0, idle=1.2)
    with Server(slowly) as server:
        assert read_stream(mode, FakePlatform(), server.request(), timeouts=limits) == b"x" * 6


@both
def test_a_server_that_takes_nothing(mode: str) -> None:
    """A request that cannot be sent is a timeout too."""

    class Deaf(Server):
        async def _read(self, *_: object) -> None:
            await asyncio.sleep(30)

    async def never(exchange: Exchange) -> None:
        raise AssertionError(exchange)

    with Deaf(never) as server, _raises(RequestTimeoutError) as caught:
        receive(mode, FakePlatform(), server.request(b"x" * 29_000_000), timeouts=HASTY)
    assert "did not read the request" in str(caught.value)


@both
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            b'{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}',
            InvalidRequestError,
        ),
        (404, b'[{"error":{"code":404,"message":"no","status":"NOT_FOUND"}}]', NotFoundError),
        (
            429,
            b'{"type":"error","error":{"type":"rate_limit_error","message":"no"}}',
            RateLimitError,
        ),
        (500, b"<html>", ServerError),
        (
            529,
            b'{"type":"error","error":{"type":"overloaded_error","message":"no"}}',
            OverloadedError,
        ),
    ],
)
def test_a_refusal_is_read_by_the_platform(
    mode: str, status: int, body: bytes, kind: type[ClaudeCloudError]
) -> None:
    """Status, headers and body reach the platform; the connection is used again."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.reply(status, body, {"Retry-After": "7", "request-id": "req_1"})

    with Server(refuse) as server:
        for read in (receive, read_stream):
            with pytest.raises(kind) as caught:
                read(mode, FakePlatform(), server.request())
            assert caught.value.status_code == status
            assert caught.value.request_id == "req_1"
        assert server.opened == (1 if mode == "thread" else 2)


@both
@pytest.mark.parametrize("trouble", ["endless", "stalled", "late", "cut"])
def test_a_refusals_body_is_read_as_far_as_it_comes(mode: str, trouble: str) -> None:
    """The status counts; a body that is too long or does not come is not waited for."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n")
        await exchange.chunk(b"sorry")
        if trouble == "cut":
            exchange.writer.write_eof()
        while trouble == "endless" and not exchange.reader.at_eof():
            await exchange.chunk(b"x" * 100_000)
        await exchange.wait_for_hang_up()

    with Server(refuse) as server:
        limits = Timeouts(2.0, 60.0, 0.3)
        if trouble == "late":  # the call's whole time is over first
            ends = time.monotonic() + 0.5
            limits = Timeouts(2.0, 60.0, 9.0).within(lambda: ends - time.monotonic())
        with pytest.raises(ServerError, match="sorry") as caught:
            receive(mode, FakePlatform(), server.request(), timeouts=limits)
        assert caught.value.status_code == 503
        assert len(caught.value.body or "") < 10_000
        server.wait_closed(1)


@both
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_and_not_followed(mode: str, status: int) -> None:
    """Credentials go where they were sent, and nowhere else; the target's query stays unsaid."""

    async def redirect(exchange: Exchange) -> None:
        location = "https://user:password@elsewhere.example/path?token=hidden"
        await exchange.reply(status, b"", {"location": location})

    with Server(redirect) as server, httpx.Client(follow_redirects=True) as client:
        with _raises(InvalidRequestError) as caught:
            receive(mode, FakePlatform(), server.request())
        assert "https://elsewhere.example" in str(caught.value)
        assert "base_url" in str(caught.value)
        assert "hidden" not in str(caught.value)
        assert "password" not in str(caught.value)
        assert caught.value.status_code == status
        with _raises(InvalidRequestError):
            receive("thread", FakePlatform(), server.request(), client=client)
        assert len(server.requests) == 2


@both
@pytest.mark.parametrize("url", ["http://cloud.test/", "http://10.0.0.1/", "ftp://localhost/"])
def test_plain_http_is_refused_before_anything_is_sent(mode: str, url: str) -> None:
    """Secrets go over TLS, and not even credentials are loaded for anything else."""
    platform = FakePlatform()
    with _raises(ConfigurationError) as caught:
        receive(mode, platform, OutgoingRequest("POST", url))
    if url.startswith("http:"):
        assert "https" in str(caught.value)
    assert platform.prepares == 0


@both
def test_a_request_over_the_clouds_limit_is_not_sent(mode: str) -> None:
    """The limit is checked here, where it costs nothing, and named."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply()

    platform = FakePlatform(max_body_bytes=1_000)
    with Server(answer) as server:
        receive(mode, platform, server.request(b"x" * 1_000))
        with _raises(RequestTooLargeError) as caught:
            receive(mode, platform, server.request(b"x" * 1_001))
        assert "1,000" in str(caught.value)
        assert len(server.requests) == 1


@both
def test_an_answer_without_end_is_given_up(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole response has a limit, since it is held in memory."""
    monkeypatch.setattr(sending, "RESPONSE_LIMIT", 10_000)

    async def flood(exchange: Exchange) -> None:
        await exchange.begin()
        while not exchange.reader.at_eof():
            await exchange.chunk(b"x" * 10_000)
            await asyncio.sleep(0)

    with Server(flood) as server:
        with _raises(ServerError) as caught:
            receive(mode, FakePlatform(), server.request())
        assert "10,000" in str(caught.value)
        server.wait_closed(1)


@both
@pytest.mark.parametrize("suffix", ["\n", "\r\nx-evil: 1", "…", "\x00"])
def test_a_credential_that_http_cannot_carry(mode: str, suffix: str) -> None:
    """A key that was copied with its line break is refused without being quoted."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply()

    with Server(answer) as server:
        with _raises(ConfigurationError) as caught:
            receive(mode, FakePlatform(suffix=suffix), server.request())
        assert "'authorization'" in str(caught.value)
        with _raises(ConfigurationError):
            receive(mode, FakePlatform(), server.request(**{"x-extra": "a" + suffix}))
        assert server.requests == []


@both
def test_a_header_name_that_http_cannot_carry(mode: str) -> None:
    """What the HTTP library refuses to send is a refused configuration."""
    with Server(_never) as server, _raises(ConfigurationError):
        receive(mode, FakePlatform(), server.request(**{"x y": "1"}))


async def _never(exchange: Exchange) -> None:
    raise AssertionError(exchange)


@both
def test_an_idle_connection_that_the_server_closed_is_not_used(mode: str) -> None:
    """A server may hang up between two requests, and the second does not notice."""

    async def once(exchange: Exchange) -> None:
        await exchange.reply()
        exchange.writer.close()

    async def on_a_loop(server: Server) -> None:
        for count in range(1, 4):
            await asend(FakePlatform(), server.request())
            await asyncio.to_thread(server.wait_closed, count)

    with Server(once) as server:
        if mode == "loop":
            asyncio.run(on_a_loop(server))
        else:
            for count in range(1, 4):
                receive(mode, FakePlatform(), server.request())
                server.wait_closed(count)
        assert len(server.requests) == 3


def _use_up_files() -> None:
    """Let this process open no further file."""
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (free, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )


@pytest.fixture
def _files() -> Iterator[None]:
    """Give the process its files back."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@both
@pytest.mark.usefixtures("_files")
def test_no_file_left_for_a_connection(mode: str) -> None:
    """That is this machine's limit: the error says how to raise it, and blames no cloud."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        request = OutgoingRequest("POST", f"http://127.0.0.1:{unused.getsockname()[1]}/", {}, b"1")

        async def ask() -> None:
            # What a process imports with its first request it opens files for.
            with suppress(ConnectionFailedError):
                await asend(FakePlatform(), request)
            _use_up_files()
            await asend(FakePlatform(), request)

        with _raises(LocalLimitError) as caught:
            if mode == "loop":
                asyncio.run(ask())
            else:
                with suppress(ConnectionFailedError):
                    receive(mode, FakePlatform(), request)
                _use_up_files()
                receive(mode, FakePlatform(), request)
    assert "ulimit -n" in str(caught.value)
    assert "max_concurrency" in str(caught.value)
