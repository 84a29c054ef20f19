"""A platform and a server for the tests of the HTTP stage: real sockets, no network."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypedDict, Unpack

import httpx
from servers import close_server

from langchain_claude_cloud.errors import AuthenticationError, ClaudeCloudError, error_from_response
from langchain_claude_cloud.platform.base import (
    HttpResponse,
    OutgoingRequest,
    Platform,
    PlatformRequest,
)
from langchain_claude_cloud.platform.http import sending
from langchain_claude_cloud.platform.http.sending import AsyncByteStream, ByteStream
from langchain_claude_cloud.platform.timeouts import Timeouts

QUICK = Timeouts(connect=2.0, start=2.0, idle=2.0)
PATIENT = Timeouts(connect=30.0, start=30.0, idle=30.0)
"""Where something else must end sooner; what takes ten seconds then waited for these."""
MODEL = "claude-test"


@dataclass
class FakePlatform:
    """A platform whose token is a counter: it grows with each renewal.

    The first takes so many seconds, and what ``until`` waits for.
    """

    name: Any = "vertex"
    region: str = "nowhere-1"
    framing: Any = "sse"
    max_body_bytes: int = 30_000_000
    ca_bundle: str | None = None
    version: int = 0
    prepare_seconds: float = 0.0
    until: Callable[[], object] | None = None
    can_refresh: bool = True
    failure: ClaudeCloudError | None = None
    suffix: str = ""
    prepares: int = 0
    refreshes: int = 0
    threads: set[str] = field(default_factory=set)
    sign_threads: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def needs_prepare(self) -> bool:
        """Whether no token is there yet."""
        return self.version == 0

    def prepare(self) -> None:
        """Fetch the first token, slowly."""
        with self.lock:
            self.prepares += 1
            self.threads.add(threading.current_thread().name)
            time.sleep(self.prepare_seconds)
            if self.until is not None:
                self.until()
            if self.failure is not None:
                raise self.failure
            self.version = self.version or 1

    def refresh(self, used: Mapping[str, str]) -> bool:
        """Fetch another token, if the one in use is the newest."""
        with self.lock:
            self.refreshes += 1
            if not self.can_refresh:
                return False
            if used["authorization"] == f"Bearer token-{self.version}":
                self.version += 1
            return True

    def endpoint(self, model_id: str, operation: str) -> str:
        """Not asked for here."""
        raise NotImplementedError(model_id, operation)

    def rewrite(
        self, body: dict[str, Any], betas: Sequence[str], *, model_id: str, operation: str
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Not asked for here."""
        raise NotImplementedError(body, betas, model_id, operation)

    def sign(self, request: OutgoingRequest) -> dict[str, str]:
        """Return the token, and a header that only the first token needs."""
        self.sign_threads.append(threading.get_ident())
        extra = {"x-first": "1"} if self.version == 1 else {}
        assert request.url.startswith("http")
        return {"authorization": f"Bearer token-{self.version}{self.suffix}", **extra}

    def is_expired(self, error: ClaudeCloudError) -> bool:
        """Whether the server said so."""
        return isinstance(error, AuthenticationError) and "expired" in (error.body or "")

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, model: str
    ) -> ClaudeCloudError:
        """Read a refusal as the package does."""
        return error_from_response(
            status, headers, body, platform=self.name, model=model, region=self.region
        )


@dataclass
class Exchange:
    """One request as the server sees it, and the means to answer."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    number: int
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(
        self, status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole response with a length."""
        lines = [f"HTTP/1.1 {status} Status", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def begin(self, headers: Mapping[str, str] | None = None) -> None:
        """Send the head of a chunked response."""
        lines = ["HTTP/1.1 200 OK", "transfer-encoding: chunked"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def chunk(self, data: bytes) -> None:
        """Send a chunk."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """End a chunked response."""
        await self.send(b"0\r\n\r\n")

    async def stream(self, *pieces: bytes) -> None:
        """Send a whole chunked response."""
        await self.begin()
        for piece in pieces:
            await self.chunk(piece)
        await self.end()

    async def hang_up(self) -> None:
        """Reset the connection."""
        self.writer.transport.abort()

    async def finish(self) -> None:
        """End the connection in good order: what was sent arrives, and then its end."""
        self.writer.write_eof()
        await self.wait_for_hang_up()

    async def wait_for_hang_up(self) -> None:
        """Wait until the client closes, and be no hindrance to the end of the test."""
        while await self.reader.read(1024):
            pass


Handler = Callable[[Exchange], Awaitable[None]]


class Server:
    """An HTTP/1.1 server on loopback that does exactly what a test says."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.tls = tls
        self.requests: list[Exchange] = []
        self.opened = 0
        self.closed = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/v1/messages"

    def request(self, body: bytes = b"{}", **headers: str) -> OutgoingRequest:
        """Return a request to this server."""
        return OutgoingRequest(
            "POST", self.url, {"content-type": "application/json", **headers}, body
        )

    def wait_until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait for something to become true of the server."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds), (self.opened, self.closed)

    def wait_closed(self, count: int) -> None:
        """Wait until so many connections were closed."""
        self.wait_until(lambda: self.closed >= count)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, backlog=512, ssl=self.tls
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await close_server(server)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._changed:
            self.opened += 1
            connection = self.opened
        try:
            while exchange := await self._read(reader, writer, connection):
                await self.handler(exchange)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            with self._changed:
                self.closed += 1
                self._changed.notify_all()

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> Exchange | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        with self._changed:
            number = len(self.requests) + 1
            exchange = Exchange(method, target, headers, body, number, connection, reader, writer)
            self.requests.append(exchange)
            self._changed.notify_all()
        return exchange


class _Streamed(PlatformRequest):
    __slots__ = ()
    is_stream = True


class About(TypedDict, total=False):
    """What a request is sent with, besides its platform."""

    model: str
    timeouts: Timeouts


def _ask(
    kind: type[PlatformRequest],
    platform: Platform,
    request: OutgoingRequest,
    model: str = MODEL,
    timeouts: Timeouts = QUICK,
) -> PlatformRequest:
    return kind(platform, request, model, timeouts)


def open_stream(
    platform: Platform,
    request: OutgoingRequest,
    client: httpx.Client | None = None,
    **about: Unpack[About],
) -> ByteStream:
    """Open a stream from a thread."""
    return sending.open_stream(_ask(_Streamed, platform, request, **about), client)


async def aopen_stream(
    platform: Platform,
    request: OutgoingRequest,
    client: httpx.AsyncClient | None = None,
    **about: Unpack[About],
) -> AsyncByteStream:
    """Open a stream from an event loop."""
    return await sending.aopen_stream(_ask(_Streamed, platform, request, **about), client)


def send(
    platform: Platform,
    request: OutgoingRequest,
    client: httpx.Client | None = None,
    **about: Unpack[About],
) -> HttpResponse:
    """Send from a thread."""
    return sending.send(_ask(PlatformRequest, platform, request, **about), client)


async def asend(
    platform: Platform,
    request: OutgoingRequest,
    client: httpx.AsyncClient | None = None,
    **about: Unpack[About],
) -> HttpResponse:
    """Send from an event loop."""
    return await sending.asend(_ask(PlatformRequest, platform, request, **about), client)


def receive(mode: str, platform: FakePlatform, request: OutgoingRequest, **options: Any) -> Any:
    """Send a request from a thread or from an event loop, and return the response."""
    if mode == "thread":
        return send(platform, request, **options)
    return asyncio.run(asend(platform, request, **options))


def read_stream(
    mode: str, platform: FakePlatform, request: OutgoingRequest, **options: Any
) -> bytes:
    """Read a stream to its end, from a thread or from an event loop."""
    if mode == "thread":
        with open_stream(platform, request, **options) as stream:
            return b"".join(stream)

    async def read() -> bytes:
        async with await aopen_stream(platform, request, **options) as stream:
            return b"".join([piece async for piece in stream])

    return asyncio.run(read())


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy what arrives at one end of a tunnel to the other, until it ends."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
