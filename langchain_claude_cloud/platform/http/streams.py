"""Byte streams over a socket, for httpcore's connections.

In: a connected socket. Out: reads, writes and TLS with timeouts. Every read stops at the
end of a response's head, so that the body behind it can be read without h11.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import httpcore

from langchain_claude_cloud.platform.http.chunked import HeadBoundary
from langchain_claude_cloud.platform.http.loops import remember_socket

T = TypeVar("T")

READ_SIZE = 65_536
"""How many bytes are asked of a socket at a time."""

_WRITE_SIZE = 65_536


class LoopStream(httpcore.AsyncNetworkStream):
    """A stream that knows where a response's head ends.

    Attributes:
        is_at_body: Whether the last read returned the end of a head, and nothing was read
            since: the next byte is the first of the body.
    """

    def __init__(self) -> None:
        self._boundary = HeadBoundary()
        self._held = b""
        self.is_at_body = False

    async def receive(self, max_bytes: int, timeout: float | None) -> bytes:  # noqa: ASYNC109
        """Return the next bytes, at most so many; none at the end."""
        raise NotImplementedError

    async def transmit(self, data: bytes, timeout: float | None) -> None:  # noqa: ASYNC109
        """Send bytes."""
        raise NotImplementedError

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return the next bytes, not past the end of a head; none at the end.

        Raises:
            httpcore.ReadError: The connection broke.
            httpcore.ReadTimeout: Nothing came in time.
        """
        self.is_at_body = False
        if self._held:
            data, self._held = self._held, b""
        else:
            data = await self.receive(max_bytes, timeout)
        if self._boundary.is_searching:
            data, self._held = self._boundary.split(data)
            self.is_at_body = not self._boundary.is_searching
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send bytes of a request.

        Raises:
            httpcore.WriteError: The connection broke.
            httpcore.WriteTimeout: The peer took nothing in time.
        """
        if buffer:
            if not self._boundary.is_searching:
                self._boundary.begin()
            await self.transmit(buffer, timeout)

    def push_back(self, data: bytes) -> None:
        """Let the next read return these bytes."""
        self._held = data + self._held

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Return a stream that is encrypted over this one.

        Raises:
            httpcore.ConnectError: The handshake failed.
            httpcore.ConnectTimeout: The handshake took too long.
        """
        stream = TLSStream(self, ssl_context, server_hostname)
        try:
            async with asyncio.timeout(timeout):
                await stream.shake_hands()
        except TimeoutError as cause:
            await self.aclose()
            raise httpcore.ConnectTimeout(str(cause)) from cause
        except (OSError, httpcore.ReadError, httpcore.WriteError) as cause:
            await self.aclose()
            raise httpcore.ConnectError(str(cause)) from cause
        except BaseException:
            await self.aclose()
            raise
        return stream


class SocketStream(LoopStream):
    """A stream over a socket that the loop watches while somebody waits for it."""

    def __init__(
        self,
        connected: socket.socket,
        loop: asyncio.AbstractEventLoop,
        registry: set[socket.socket],
    ) -> None:
        super().__init__()
        self._socket = connected
        self._descriptor = connected.fileno()
        self._loop = loop
        self._registry = registry
        self._is_watched = False
        self._waiter: asyncio.Future[bytes] | None = None
        self._max_bytes = READ_SIZE
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        registry.add(connected)
        remember_socket(connected)

    async def receive(self, max_bytes: int, timeout: float | None) -> bytes:  # noqa: ASYNC109
        """Return the next bytes of the socket; none at its end."""
        if not self._is_watched:
            try:
                return self._socket.recv(max_bytes)
            except (BlockingIOError, InterruptedError):
                self._loop.add_reader(self._descriptor, self._on_readable)
                self._is_watched = True
            except OSError as cause:
                raise httpcore.ReadError(str(cause)) from cause
        self._max_bytes = max_bytes
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._waiter = waiter
        if timeout is not None:
            self._set_deadline(timeout)
        try:
            return await waiter
        finally:
            self._waiter = None

    def _on_readable(self) -> None:
        waiter = self._waiter
        if waiter is None:
            # Nobody waits: leave the bytes with the kernel, which holds back the peer.
            self._loop.remove_reader(self._descriptor)
            self._is_watched = False
        elif not waiter.done():
            try:
                waiter.set_result(self._socket.recv(self._max_bytes))
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as cause:
                waiter.set_exception(httpcore.ReadError(str(cause)))

    def _set_deadline(self, timeout: float) -> None:
        # One timer serves many reads: it is set anew when it rings too early. A timer a
        # read would leave thousands of cancelled ones in the loop's heap.
        self._deadline = self._loop.time() + timeout
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._loop.time() >= self._deadline:
            waiter.set_exception(httpcore.ReadTimeout("nothing came in time"))
        else:
            self._timer = self._loop.call_at(self._deadline, self._on_timer)

    async def transmit(self, data: bytes, timeout: float | None) -> None:  # noqa: ASYNC109
        """Send bytes, waiting for the socket where it is full."""
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[self._socket.send(view[:_WRITE_SIZE]) :]
                except (BlockingIOError, InterruptedError):
                    async with asyncio.timeout(timeout):
                        await self._wait_until_writable()
        except TimeoutError as cause:
            raise httpcore.WriteTimeout(str(cause)) from cause
        except OSError as cause:
            raise httpcore.WriteError(str(cause)) from cause

    async def _wait_until_writable(self) -> None:
        waiter = self._loop.create_future()
        self._loop.add_writer(self._descriptor, _wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._descriptor)

    async def aclose(self) -> None:
        """Close the socket at once; what was not read is lost."""
        if self._socket.fileno() < 0:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._socket.close()
        self._registry.discard(self._socket)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(httpcore.ReadError("the connection was closed"))

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a stream: the socket, or whether it is readable."""
        if info == "socket":
            return self._socket
        if info == "is_readable":
            return bool(self._held) or _is_readable(self._socket)
        return None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _is_readable(each: socket.socket) -> bool:
    """Whether a read would return at once: on an idle connection, that the peer hung up."""
    try:
        each.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    return True


class TLSStream(LoopStream):
    """A stream that is encrypted over another."""

    def __init__(
        self, inner: LoopStream, context: ssl.SSLContext, server_hostname: str | None
    ) -> None:
        super().__init__()
        self._inner = inner
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )

    async def shake_hands(self) -> None:
        """Do the TLS handshake.

        Raises:
            ssl.SSLError: The peer's certificate or protocol is not acceptable.
        """
        await self._drive(self._tls.do_handshake, None)

    async def receive(self, max_bytes: int, timeout: float | None) -> bytes:  # noqa: ASYNC109
        """Return the next decrypted bytes; none at the end."""
        try:
            return await self._drive(partial(self._tls.read, max_bytes), timeout)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as cause:
            raise httpcore.ReadError(str(cause)) from cause

    async def transmit(self, data: bytes, timeout: float | None) -> None:  # noqa: ASYNC109
        """Encrypt and send bytes, a piece at a time: the loop is not held up by big bodies."""
        view = memoryview(data)
        try:
            while view:
                piece = view[:_WRITE_SIZE]
                sent = await self._drive(partial(self._tls.write, piece), timeout)
                view = view[sent:]
        except ssl.SSLError as cause:
            raise httpcore.WriteError(str(cause)) from cause

    async def _drive(self, step: Callable[[], T], timeout: float | None) -> T:  # noqa: ASYNC109
        while True:
            try:
                outcome = step()
            except ssl.SSLWantReadError:
                await self._flush(timeout)
                data = await self._inner.receive(READ_SIZE, timeout)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                await self._flush(timeout)
                return outcome

    async def _flush(self, timeout: float | None) -> None:  # noqa: ASYNC109
        if self._outgoing.pending:
            await self._inner.transmit(self._outgoing.read(), timeout)

    async def aclose(self) -> None:
        """Close the connection at once, without a farewell."""
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a stream."""
        if info == "ssl_object":
            return self._tls
        if info == "is_readable" and self._held:
            return True
        return self._inner.get_extra_info(info)
