"""The body of a streamed response, as the rest of the package sees it.

In: an open response. Out: its bytes, and errors of ours if it breaks off or goes silent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress

import httpx

from langchain_claude_cloud.platform.http.bodies import AsyncBody, Body
from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES, Where, failure

# After message_stop a body should end at once. If it does not, a new connection is cheaper
# than the wait: a TLS handshake takes one to three tenths of a second.
DRAIN_SECONDS = 0.25
"""How long a stream that was left after its last event may take to end."""

_DRAIN_LIMIT = 65_536

# A read returns without a turn of the event loop while the kernel has data. Whoever needs
# longer for it than the server needs to send more would keep the loop to himself.
_TURN_SECONDS = 0.01


class ByteStream:
    """The body of a streamed response.

    Attributes:
        status: The HTTP status: 2xx.
        headers: Header names, in lower case, to values.
    """

    def __init__(self, response: httpx.Response, body: Body, where: Where) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        self._body = body
        self._where = where
        self._is_at_end = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
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
        """Let go of the connection: closed at once unless all was read."""
        with suppress(*TRANSPORT_FAILURES):
            self._body.close()


class AsyncByteStream:
    """The body of a streamed response, on an event loop.

    Attributes:
        status: The HTTP status: 2xx.
        headers: Header names, in lower case, to values.
    """

    def __init__(self, response: httpx.Response, body: AsyncBody, where: Where) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        self._body = body
        self._where = where
        self._is_at_end = False
        self._resumed = time.monotonic()
        self._busy = 0.0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await self._let_others_run()
        try:
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

    async def _let_others_run(self) -> None:
        """Give the loop a turn, every time that the reader has worked for so long."""
        self._busy += time.monotonic() - self._resumed
        if self._busy > _TURN_SECONDS:
            self._busy = 0.0
            await asyncio.sleep(0)

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
        """Let go of the connection: closed at once unless all was read."""
        with suppress(*TRANSPORT_FAILURES):
            await self._body.aclose()
