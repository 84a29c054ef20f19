"""The body of a streamed response, as the rest of the package sees it.

It is read piece by piece, with a limit on the wait for each. Its connection serves the next
request if it was read to the end, and is closed at once if not.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Protocol

import httpx

from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES, Where, failure
from langchain_claude_cloud.platform.http.sync_transport import DeadlineStream

# After message_stop a body should end at once. If it does not, a new connection is cheaper
# than the wait: a TLS handshake takes one to three tenths of a second.
DRAIN_SECONDS = 0.25
"""How long a stream that was left after its last event may take to end."""

BODY = "langchain_claude_cloud_body"
"""The extension of a response with the body of a connection of ours, on an event loop."""

_DRAIN_LIMIT = 65_536
# Whoever needs longer for what arrived than the server needs to send more would keep the loop.
_TURN_SECONDS = 0.01


def is_encoded(response: httpx.Response) -> bool:
    """Whether a body is compressed, although it was asked not to be."""
    encoding: str = response.headers.get("content-encoding", "identity")
    return encoding.strip().lower() != "identity"


class ByteStream:
    """The body of a streamed response.

    Attributes:
        status: The HTTP status: 2xx.
        headers: Header names, in lower case, to values.
    """

    def __init__(self, response: httpx.Response, where: Where) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        self._response = response
        self._where = where
        self._is_at_end = False
        self._body = SyncBody(response)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            self._where.timeouts.check()
            piece = self._body.read(self._where.timeouts.idle)
        except TRANSPORT_FAILURES as cause:
            broken = failure(cause, self._where, "body")
        else:
            if piece:
                return piece
            self._is_at_end = True
            raise StopIteration
        raise broken

    def finish(self) -> None:
        """Read what little is left, so that the connection can be used again; then close."""
        deadline = time.monotonic() + DRAIN_SECONDS
        left = _DRAIN_LIMIT
        with suppress(*TRANSPORT_FAILURES):
            while not self._is_at_end and left > 0 and time.monotonic() < deadline:
                piece = self._body.read(DRAIN_SECONDS)
                left -= len(piece)
                self._is_at_end = not piece
        self.close()

    def close(self) -> None:
        """Let go of the connection: closed at once unless its end is here already."""
        with suppress(*TRANSPORT_FAILURES):
            self._body.skip_what_is_here()
        with suppress(*TRANSPORT_FAILURES):
            self._response.close()


class SyncBody:
    """A body that a thread reads."""

    def __init__(self, response: httpx.Response) -> None:
        network = response.extensions.get("network_stream")
        self._network = network if isinstance(network, DeadlineStream) else None
        self._response = response
        self._seconds = math.nan
        self._iterators: list[Iterator[bytes]] = []

    def read(self, seconds: float) -> bytes:
        """Return the next piece, or nothing at the end.

        Args:
            seconds: How long to wait for it.
        """
        if self._network is not None:
            self._network.allow(seconds)
        if not self._iterators or self._must_restart(seconds):
            self._start(seconds)
        for piece in self._iterators[-1]:
            if piece:
                return piece
        return b""

    def skip_what_is_here(self) -> None:
        """Read on as far as it takes no wait: the end may have come with the last piece."""
        while self._network is not None and self.read(0.0):
            pass

    def _must_restart(self, seconds: float) -> bool:
        # On a caller's own client httpcore takes the timeout when an iteration begins, and a
        # second one goes on where the first stopped.
        return self._network is None and seconds != self._seconds and not is_encoded(self._response)

    def _start(self, seconds: float) -> None:
        self._seconds = seconds
        set_read_timeout(self._response, seconds)
        if is_encoded(self._response):
            self._iterators.append(self._response.iter_bytes())
        elif isinstance(self._response.stream, httpx.SyncByteStream):
            # The first is kept: dropping it would close the response.
            self._iterators.append(iter(self._response.stream))


def set_read_timeout(response: httpx.Response, seconds: float) -> None:
    """Limit the silence between two pieces of a body on a caller's own client."""
    timeouts = response.request.extensions.get("timeout")
    if isinstance(timeouts, dict):
        timeouts["read"] = seconds


class AsyncByteStream:
    """The body of a streamed response, on an event loop.

    Attributes:
        status: The HTTP status: 2xx.
        headers: Header names, in lower case, to values.
    """

    def __init__(self, response: httpx.Response, where: Where) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        self._where = where
        self._body = _open_async_body(response)
        self._is_at_end = False
        self._resumed = time.monotonic()
        self._busy = 0.0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._busy += time.monotonic() - self._resumed
        if self._busy > _TURN_SECONDS:
            self._busy = 0.0
            await asyncio.sleep(0)
        try:
            self._where.timeouts.check()
            piece = await self._body.read(self._where.timeouts.idle)
        except TRANSPORT_FAILURES as cause:
            broken = failure(cause, self._where, "body")
        else:
            self._resumed = time.monotonic()
            if piece:
                return piece
            self._is_at_end = True
            raise StopAsyncIteration
        raise broken

    async def finish(self) -> None:
        """Read what little is left, so that the connection can be used again; then close."""
        try:
            if not self._is_at_end:
                await self._drain()
        finally:
            await self.aclose()

    async def _drain(self) -> None:
        left = _DRAIN_LIMIT
        with suppress(*TRANSPORT_FAILURES):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._is_at_end and left > 0:
                    piece = await self._body.read(DRAIN_SECONDS)
                    left -= len(piece)
                    self._is_at_end = not piece

    async def aclose(self) -> None:
        """Let go of the connection: closed at once unless all was read.

        One of ours is closed without a turn of the loop, so that several generators that are
        ended at the same time do not get in each other's way.
        """
        with suppress(*TRANSPORT_FAILURES):
            await self._body.aclose()


class AsyncBody(Protocol):
    """A body that a task reads."""

    async def read(self, seconds: float) -> bytes:
        """Return the next piece, or nothing at the end; wait so many seconds at most."""

    async def aclose(self) -> None:
        """Let go of the connection: closed at once unless all was read."""


def _open_async_body(response: httpx.Response) -> AsyncBody:
    ours: AsyncBody | None = response.extensions.get(BODY)
    return _AnyAsyncBody(response) if ours is None or is_encoded(response) else ours


class _AnyAsyncBody:
    """A body that is compressed, or comes from a caller's own client."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._pieces = response.aiter_bytes()

    async def read(self, seconds: float) -> bytes:
        """Return the next piece, or nothing at the end; wait so many seconds at most."""
        async with asyncio.timeout(seconds):
            async for piece in self._pieces:
                if piece:
                    return piece
        return b""

    async def aclose(self) -> None:
        """Let go of the connection: closed at once unless all was read."""
        await self._response.aclose()
