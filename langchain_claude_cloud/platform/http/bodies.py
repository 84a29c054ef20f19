"""Reading the body of a response, with a limit on the silence between two pieces.

In: an httpx response whose headers have arrived. Out: its payload, piece by piece, and the
connection ready for the next request once all of it was read.

A chunked body on one of our own connections is read past h11 (`chunked` says why). h11 is
left believing that the body was empty, which keeps the connection's state what it should
be. Everything else, such as what a caller's own client returns, is read the usual way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import httpx

from langchain_claude_cloud.platform.http.chunked import ChunkedDecoder, MalformedChunkError
from langchain_claude_cloud.platform.http.streams import READ_SIZE, LoopStream
from langchain_claude_cloud.platform.http.threads import ThreadStream

_LAST_CHUNK = b"0\r\n\r\n"
_CUT = "the connection was closed before the end of the body"


class Body(Protocol):
    """A body that threads read."""

    def read(self, timeout: float) -> bytes:
        """Return the next piece; nothing at the end. Waits so many seconds at most."""

    def close(self) -> None:
        """Let go of the connection: closed unless all was read."""


class AsyncBody(Protocol):
    """A body that tasks read."""

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109  the connection has the timer
        """Return the next piece; nothing at the end. Waits so many seconds at most."""

    async def aclose(self) -> None:
        """Let go of the connection: closed unless all was read."""


def open_body(response: httpx.Response) -> Body:
    """Return the body of a response to a thread."""
    network = response.extensions.get("network_stream")
    if isinstance(network, ThreadStream) and network.is_at_body and _is_plain_chunked(response):
        return _ChunkedBody(response, network)
    return _WholeBody(response)


def open_async_body(response: httpx.Response) -> AsyncBody:
    """Return the body of a response to a task."""
    network = response.extensions.get("network_stream")
    if isinstance(network, LoopStream) and network.is_at_body and _is_plain_chunked(response):
        return _AsyncChunkedBody(response, network)
    return _AsyncWholeBody(response)


def _is_plain_chunked(response: httpx.Response) -> bool:
    framing: str = response.headers.get("transfer-encoding", "")
    is_chunked = framing.strip().lower() == "chunked"
    return is_chunked and response.http_version == "HTTP/1.1" and not _is_encoded(response)


def _is_encoded(response: httpx.Response) -> bool:
    encoding: str = response.headers.get("content-encoding", "identity")
    return encoding.strip().lower() != "identity"


def set_read_timeout(response: httpx.Response, seconds: float) -> None:
    """Limit the silence between two pieces of a body that httpx reads."""
    # httpcore looks at the extension when the iteration over a body begins.
    timeouts = response.request.extensions.get("timeout")
    if isinstance(timeouts, dict):
        timeouts["read"] = seconds


class _Chunks:
    """What chunked bodies have in common: payload that came before a fault is not lost."""

    def __init__(self) -> None:
        self._decoder = ChunkedDecoder()
        self._failure: MalformedChunkError | None = None

    def _decode(self, data: bytes) -> bytes:
        try:
            return self._decoder.feed(data)
        except MalformedChunkError as error:
            if not error.payload:
                raise
            self._failure = error
            return error.payload

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure


class _ChunkedBody(_Chunks):
    """A chunked body on a connection of ours, for threads."""

    def __init__(self, response: httpx.Response, network: ThreadStream) -> None:
        super().__init__()
        self._response = response
        self._network = network

    def read(self, timeout: float) -> bytes:
        self._check()
        while not self._decoder.is_finished:
            data = self._network.read(READ_SIZE, timeout)
            if not data:
                raise httpx.RemoteProtocolError(_CUT)
            payload = self._decode(data)
            if self._decoder.is_finished:
                self._finish()
            if payload:
                return payload
        return b""

    def _finish(self) -> None:
        if not self._decoder.excess:
            self._network.push_back(_LAST_CHUNK)
            for _ in self._response.iter_raw():
                pass
        self.close()

    def close(self) -> None:
        self._response.close()


class _AsyncChunkedBody(_Chunks):
    """A chunked body on a connection of ours, for tasks."""

    def __init__(self, response: httpx.Response, network: LoopStream) -> None:
        super().__init__()
        self._response = response
        self._network = network

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109  the connection has the timer
        self._check()
        while not self._decoder.is_finished:
            data = await self._network.read(READ_SIZE, timeout)
            if not data:
                raise httpx.RemoteProtocolError(_CUT)
            payload = self._decode(data)
            if self._decoder.is_finished:
                await self._finish()
            if payload:
                return payload
        return b""

    async def _finish(self) -> None:
        if not self._decoder.excess:
            self._network.push_back(_LAST_CHUNK)
            async for _ in self._response.aiter_raw():
                pass
        await self.aclose()

    async def aclose(self) -> None:
        await self._response.aclose()


class _WholeBody:
    """Any body, read through httpx, for threads."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._timeout: float | None = None
        self._iterators: list[Iterator[bytes]] = []

    def read(self, timeout: float) -> bytes:
        if timeout != self._timeout:
            self._restart(timeout)
        piece = next(self._iterators[-1], None)
        while piece == b"":
            piece = next(self._iterators[-1], None)
        if piece is None:
            self.close()
        return piece or b""

    def _restart(self, timeout: float) -> None:
        # httpcore takes the timeout when an iteration begins, and a second one goes on
        # where the first stopped. The first is kept: dropping it would close the response.
        self._timeout = timeout
        set_read_timeout(self._response, timeout)
        if _is_encoded(self._response):
            self._iterators.append(self._response.iter_bytes())
        elif isinstance(self._response.stream, httpx.SyncByteStream):
            self._iterators.append(iter(self._response.stream))

    def close(self) -> None:
        self._response.close()


class _AsyncWholeBody:
    """Any body, read through httpx, for tasks."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._iterator: AsyncIterator[bytes] | None = None

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109  the connection has the timer
        if self._iterator is None:
            set_read_timeout(self._response, timeout)
            self._iterator = self._response.aiter_bytes()
        piece = await anext(self._iterator, None)
        while piece == b"":
            piece = await anext(self._iterator, None)
        if piece is None:
            await self.aclose()
        return piece or b""

    async def aclose(self) -> None:
        await self._response.aclose()
