"""Sending a request to a cloud and reading its response, in a thread or on an event loop.

Every failure becomes an error of this package that names the platform, model and region. There is
one attempt, and a second one with renewed credentials; the caller does the retries. A body is read
piece by piece, with a limit on the wait for each. Its connection serves the next request if it was
read to the end, and is closed at once if not.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, cast

import httpx
from httpx._transports.default import ResponseStream

from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.platform import timeouts as waits
from langchain_claude_cloud.platform.base import HttpResponse, PlatformRequest, request_id_in
from langchain_claude_cloud.platform.http import failures, pool

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http.async_transport import LoopBody

RESPONSE_LIMIT = 64_000_000
"""How many bytes a response that is not streamed may have."""

_MOMENT = 0.05
# The status is known already; the text is not worth a long wait.
_REFUSAL = (1_000_000, 10.0)
"""How many bytes of a refusal are read, in how many seconds."""

# After message_stop a body should end at once. If it does not, a new connection is cheaper
# than the wait: a TLS handshake takes one to three tenths of a second.
_DRAIN = (65_536, 0.25)
"""How many bytes may follow the last event of a stream, in how many seconds."""

# Whoever needs longer for what arrived than the server needs to send more would keep the loop.
_TURN_SECONDS = 0.01
_ANY_WRAPPER = 47  # zlib's number for "gzip or zlib, as the first bytes say"

# Hashing a body takes 0.8 ms a megabyte, which a loop can spare only once.
_LARGE_BODY = 1_000_000


def open_stream(request: PlatformRequest, client: httpx.Client | None = None) -> ByteStream:
    """Send a request and return its response's body as it comes.

    Args:
        request: What to send, and where.
        client: The caller's own client instead of the shared one.

    Returns:
        The body, an iterable of bytes, and the context manager that closes it.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    request.check()
    waits.prepare(request.platform, request.timeouts)
    token = pool.call_ends.set(monotonic() + request.timeouts.remaining())
    try:
        return _exchange(request, client)
    except ClaudeCloudError as refused:
        problem: Exception = refused.with_traceback(None)  # whose frames hold the credentials
    except Exception as cause:  # noqa: BLE001  a caller's client may raise anything
        problem = failures.no_response(cause, request, client)
    finally:
        pool.call_ends.reset(token)
    raise problem


async def aopen_stream(
    request: PlatformRequest, client: httpx.AsyncClient | None = None
) -> AsyncByteStream:
    """Send a request and return its response's body as it comes, as `open_stream` does.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    request.check()
    await waits.aprepare(request.platform, request.timeouts)
    try:
        async with asyncio.timeout(waits.finite(request.timeouts.remaining())):
            return await _aexchange(request, client)
    except ClaudeCloudError as refused:
        problem: Exception = refused.with_traceback(None)  # whose frames hold the credentials
    except Exception as cause:  # noqa: BLE001  a caller's client may raise anything
        problem = failures.no_response(cause, request, client)
    raise problem


def _exchange(
    request: PlatformRequest, client: httpx.Client | None, *, may_renew: bool = True
) -> ByteStream:
    """Send the request; once more with other credentials if the cloud calls them expired."""
    platform = request.platform
    signed = platform.sign(request.request)
    built = _build(request, client, signed)
    if client is None:
        response = pool.thread_transport(built.url, platform.ca_bundle).handle_request(built)
        response.request = built  # as a client does, for who stands in for the network
    else:
        response = client.send(built, auth=None, stream=True, follow_redirects=False)
    stream = ByteStream(response, request)
    if response.is_success:
        return stream
    with stream:
        body = stream.read_rest(*_REFUSAL)
    error = request.refusal(stream.status, stream.headers, body)
    if may_renew and platform.is_expired(error):
        renew = partial(platform.refresh, signed)
        if waits.within_call(request.timeouts, renew, "The credentials were not renewed"):
            return _exchange(request, client, may_renew=False)
    raise error


async def _aexchange(
    request: PlatformRequest, client: httpx.AsyncClient | None, *, may_renew: bool = True
) -> AsyncByteStream:
    """Send the request, as `_exchange` does; whatever may block runs in a thread."""
    platform, sign = request.platform, partial(request.platform.sign, request.request)
    signed = await waits.in_thread(sign) if len(request.request.content) > _LARGE_BODY else sign()
    built = _build(request, client, signed)
    if client is None:
        transport = await pool.loop_transport(built.url, platform.ca_bundle)
        response = await transport.handle_async_request(built)
        response.request = built
    else:
        response = await client.send(built, auth=None, stream=True, follow_redirects=False)
    stream = AsyncByteStream(response, request)
    if response.is_success:
        return stream
    async with stream:
        body = await stream.read_rest(*_REFUSAL)
    error = request.refusal(stream.status, stream.headers, body)
    if may_renew and platform.is_expired(error):
        renew = partial(waits.in_thread, partial(platform.refresh, signed))
        if await waits.in_single_flight(("refresh", platform.refresh), renew):
            return await _aexchange(request, client, may_renew=False)
    raise error


def _build(
    request: PlatformRequest,
    client: httpx.Client | httpx.AsyncClient | None,
    signed: Mapping[str, str],
) -> httpx.Request:
    """Return the request as a client or a transport of ours sends it."""
    outgoing, limits = request.request, request.timeouts
    timeout = {
        "connect": limits.bounded(limits.connect),
        "read": limits.bounded(limits.start),
        "write": limits.bounded(limits.idle),
        "pool": waits.finite(limits.remaining()),
    }
    make = httpx.Request if client is None else client.build_request
    headers, content = request.headers(signed), outgoing.content
    options = {"timeout": timeout, "limits": limits}
    return make(outgoing.method, outgoing.url, headers=headers, content=content, extensions=options)


def send(request: PlatformRequest, client: httpx.Client | None = None) -> HttpResponse:
    """Send a request and read the whole response.

    Takes and raises what `open_stream` does.
    """
    with open_stream(request, client) as stream:
        return HttpResponse(stream.status, stream.headers, b"".join(stream))


async def asend(request: PlatformRequest, client: httpx.AsyncClient | None = None) -> HttpResponse:
    """Send a request and read the whole response, as `send` does, on an event loop.

    Takes and raises what `open_stream` does.
    """
    async with await aopen_stream(request, client) as stream:
        body = b"".join([piece async for piece in stream])
        return HttpResponse(stream.status, stream.headers, body)


class _Response:
    """A response whose body is read.

    Attributes:
        status: The HTTP status.
        headers: Header names, in lower case, to values.
    """

    def __init__(self, response: httpx.Response, request: PlatformRequest) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        self._request = request
        self._response = response
        self._is_at_end = False
        self._left = math.inf if request.is_stream else RESPONSE_LIMIT
        # A proxy may compress although it is asked not to.
        coding = self.headers.get("content-encoding", "").strip().lower()
        is_packed = coding in ("gzip", "x-gzip", "deflate") and not response.is_stream_consumed
        self._unpacker = zlib.decompressobj(_ANY_WRAPPER) if is_packed else None

    def _identify(self, error: BaseException) -> None:
        """Let an error that came after the head name the request to the cloud's support."""
        if isinstance(error, ClaudeCloudError) and error.request_id is None:
            error.request_id = request_id_in(self.headers)


class ByteStream(_Response, Iterator[bytes], AbstractContextManager["ByteStream"]):
    """The body of a response, for a thread.

    Leaving its context normally, after the last event, drains what is left of the body (for a
    quarter of a second at most) so that the connection is used again; leaving it by an
    exception, ``GeneratorExit`` included, closes the connection at once.
    """

    def __init__(self, response: httpx.Response, request: PlatformRequest) -> None:
        super().__init__(response, request)
        network = response.extensions.get("network_stream")
        self._network = network if isinstance(network, pool.DeadlineStream) else None
        self._stream = cast("httpx.SyncByteStream", response.stream)
        is_consumed = response.is_stream_consumed  # by a hook of the caller's client
        self._iterators = [iter([response.content]) if is_consumed else iter(self._stream)]
        # Of a caller's client; its other transports may have streams that start over.
        inner = getattr(self._stream, "_stream", None)
        self._may_continue = isinstance(inner, ResponseStream) and not is_consumed
        self._seconds = math.nan

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Let go of the connection: closed at once unless its end is here already."""
        if error is None:
            self.read_rest(*_DRAIN)
        else:
            self._identify(error)
        with suppress(*failures.TRANSPORT_FAILURES):
            # The end may have come with the last piece; to read on takes no wait.
            while self._network is not None and self._read(0.0):
                pass
        with suppress(*failures.TRANSPORT_FAILURES):
            self._response.close()

    def __next__(self) -> bytes:
        """Return the next piece."""
        timeouts = self._request.timeouts
        try:
            piece = self._read(timeouts.bounded(timeouts.idle))
        except failures.TRANSPORT_FAILURES as cause:
            broken = failures.failure(cause, self._request, has_begun=True)
        else:
            self._left -= len(piece)
            if self._left < 0:
                raise failures.too_large(self._request, RESPONSE_LIMIT)
            if piece:
                return piece
            raise StopIteration
        raise broken

    def read_rest(self, most: int, seconds: float) -> bytes:
        """Return what is left of the body: at most so many bytes, of so many seconds."""
        rest, timeouts = b"", self._request.timeouts
        ends = monotonic() + min(seconds, timeouts.idle, timeouts.remaining())
        with suppress(*failures.TRANSPORT_FAILURES):
            while not self._is_at_end and len(rest) < most and (left := ends - monotonic()) > 0:
                rest += self._read(left)
        return rest[:most]

    def _read(self, seconds: float) -> bytes:
        """Return the next piece, or nothing at the end, and wait so long for it."""
        if self._network is not None:
            self._network.allow(seconds)
        elif seconds != self._seconds:
            self._limit(seconds)
        for piece in self._iterators[-1]:
            found = piece if self._unpacker is None else self._unpacker.decompress(piece)
            if found:
                return found
        self._is_at_end = True
        return b""

    def _limit(self, seconds: float) -> None:
        # On a caller's own client httpcore takes the timeout when an iteration begins, and a
        # second one goes on where the first stopped. The first is kept: dropping it would close
        # the response.
        self._seconds = seconds
        self._response.request.extensions["timeout"]["read"] = seconds
        if self._may_continue:
            self._iterators.append(iter(self._stream))


class AsyncByteStream(
    _Response, AsyncIterator[bytes], AbstractAsyncContextManager["AsyncByteStream"]
):
    """The body of a response, for a task: as `ByteStream`.

    Cancellation closes the connection at once. One of ours is closed without a turn of the loop,
    so that several generators that are ended at the same time do not get in each other's way.
    """

    def __init__(self, response: httpx.Response, request: PlatformRequest) -> None:
        super().__init__(response, request)
        # Of a connection of ours.
        self._body: LoopBody | None = response.extensions.get("loop_body")
        if self._body is None:  # else httpcore ends each wait after what was allowed for the head
            response.request.extensions["timeout"]["read"] = None
        is_consumed = response.is_stream_consumed  # by a hook
        self._pieces = response.aiter_bytes() if is_consumed else response.aiter_raw()
        self._resumed = monotonic()
        self._busy = 0.0

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Let go of the connection: closed at once unless all was read."""
        try:
            if error is None:
                await self.read_rest(*_DRAIN)
            else:
                self._identify(error)
        finally:
            with suppress(*failures.TRANSPORT_FAILURES):
                await self._response.aclose()

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        self._busy += monotonic() - self._resumed
        if self._busy > _TURN_SECONDS:
            self._busy = 0.0
            await asyncio.sleep(0)
        timeouts = self._request.timeouts
        try:
            piece = await self._read(timeouts.bounded(timeouts.idle))
        except failures.TRANSPORT_FAILURES as cause:
            broken = failures.failure(cause, self._request, has_begun=True)
        else:
            self._resumed = monotonic()
            self._left -= len(piece)
            if self._left < 0:
                raise failures.too_large(self._request, RESPONSE_LIMIT)
            if piece:
                return piece
            raise StopAsyncIteration
        raise broken

    async def read_rest(self, most: int, seconds: float) -> bytes:
        """Return what is left of the body, as `ByteStream.read_rest` does."""
        rest, timeouts = b"", self._request.timeouts
        # A moment before the call's time is over, which would hide the status.
        seconds = min(seconds, timeouts.idle, timeouts.remaining() - _MOMENT)
        with suppress(*failures.TRANSPORT_FAILURES):
            async with asyncio.timeout(seconds):
                while not self._is_at_end and len(rest) < most:
                    rest += await self._read(seconds)
        return rest[:most]

    async def _read(self, seconds: float) -> bytes:
        while True:
            if self._body is not None:
                piece = await self._body.read(seconds)
            else:
                async with asyncio.timeout(seconds):
                    piece = await anext(self._pieces, b"")
            self._is_at_end = not piece
            if self._unpacker is None or not piece:
                return piece
            if found := self._unpacker.decompress(piece):
                return found
