"""Reads the body of a response.

It is read piece by piece, with a limit on the wait for each. Its connection serves the next
request if it was read to the end, and is closed at once if not.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from time import monotonic
from typing import TYPE_CHECKING, cast

import httpx
from httpx._transports.default import ResponseStream

from langchain_claude_cloud.errors import ClaudeCloudError, ServerError
from langchain_claude_cloud.errors.types import REQUEST_ID_HEADERS
from langchain_claude_cloud.platform.base import PlatformRequest
from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES, failure
from langchain_claude_cloud.platform.http.pool import DeadlineStream

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

    def _too_large(self) -> ClaudeCloudError:
        error = self._request.error(
            ServerError,
            f"{self._request.label} answered with more than {RESPONSE_LIMIT:,} bytes, which no "
            "message has. Check that base_url is the cloud's endpoint.",
        )
        error.is_retryable = False
        return error

    def _identify(self, error: BaseException) -> None:
        """Let an error that came after the head name the request to the cloud's support."""
        if isinstance(error, ClaudeCloudError) and error.request_id is None:
            known = (self.headers.get(name) for name in REQUEST_ID_HEADERS)
            error.request_id = next(filter(None, known), None)


class ByteStream(_Response, Iterator[bytes], AbstractContextManager["ByteStream"]):
    """The body of a response, for a thread.

    Leaving its context normally, after the last event, drains what is left of the body (for a
    quarter of a second at most) so that the connection is used again; leaving it by an
    exception, ``GeneratorExit`` included, closes the connection at once.
    """

    def __init__(self, response: httpx.Response, request: PlatformRequest) -> None:
        super().__init__(response, request)
        network = response.extensions.get("network_stream")
        self._network = network if isinstance(network, DeadlineStream) else None
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
            self._read_rest(*_DRAIN)
        else:
            self._identify(error)
        with suppress(*TRANSPORT_FAILURES):
            # The end may have come with the last piece; to read on takes no wait.
            while self._network is not None and self._read(0.0):
                pass
        with suppress(*TRANSPORT_FAILURES):
            self._response.close()

    def __next__(self) -> bytes:
        """Return the next piece."""
        timeouts = self._request.timeouts
        try:
            piece = self._read(timeouts.bounded(timeouts.idle))
        except TRANSPORT_FAILURES as cause:
            broken = failure(cause, self._request, "body")
        else:
            self._left -= len(piece)
            if self._left < 0:
                raise self._too_large()
            if piece:
                return piece
            raise StopIteration
        raise broken

    def read_refusal(self) -> bytes:
        """Return the body of a refusal as far as it comes, and let go of the connection."""
        with self:
            return self._read_rest(*_REFUSAL)

    def _read_rest(self, most: int, seconds: float) -> bytes:
        rest, timeouts = b"", self._request.timeouts
        ends = monotonic() + min(seconds, timeouts.idle, timeouts.remaining())
        with suppress(*TRANSPORT_FAILURES):
            while not self._is_at_end and len(rest) < most and (left := ends - monotonic()) > 0:
                rest += self._read(left, most)
        return rest[:most]

    def _read(self, seconds: float, most: int = 0) -> bytes:
        """Return the next piece, or nothing at the end.

        Args:
            seconds: How long to wait for it.
            most: How much may be unpacked of it; 0 for all.
        """
        if self._network is not None:
            self._network.allow(seconds)
        elif seconds != self._seconds:
            self._limit(seconds)
        for piece in self._iterators[-1]:
            found = piece if self._unpacker is None else self._unpacker.decompress(piece, most)
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
        self._pieces = (
            response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw()
        )
        self._resumed = monotonic()
        self._busy = 0.0

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Let go of the connection: closed at once unless all was read."""
        try:
            if error is None:
                await self._read_rest(*_DRAIN)
            else:
                self._identify(error)
        finally:
            with suppress(*TRANSPORT_FAILURES):
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
        except TRANSPORT_FAILURES as cause:
            broken = failure(cause, self._request, "body")
        else:
            self._resumed = monotonic()
            self._left -= len(piece)
            if self._left < 0:
                raise self._too_large()
            if piece:
                return piece
            raise StopAsyncIteration
        raise broken

    async def read_refusal(self) -> bytes:
        """Return the body of a refusal as far as it comes, and let go of the connection."""
        async with self:
            return await self._read_rest(*_REFUSAL)

    async def _read_rest(self, most: int, seconds: float) -> bytes:
        rest, timeouts = b"", self._request.timeouts
        # A moment before the call's time is over, which would hide the status.
        ends = monotonic() + min(seconds, timeouts.idle, timeouts.remaining() - _MOMENT)
        with suppress(*TRANSPORT_FAILURES):
            while not self._is_at_end and len(rest) < most and (left := ends - monotonic()) > 0:
                rest += await self._read(left, most)
        return rest[:most]

    async def _read(self, seconds: float, most: int = 0) -> bytes:
        while True:
            if self._body is not None:
                piece = await self._body.read(seconds)
            else:
                async with asyncio.timeout(seconds):
                    piece = await anext(self._pieces, b"")
            self._is_at_end = not piece
            if self._unpacker is None or not piece:
                return piece
            if found := self._unpacker.decompress(piece, most):
                return found
