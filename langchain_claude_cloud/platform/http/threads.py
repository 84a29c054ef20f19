"""Connections for threads: httpcore's own sockets, with the two things they lack.

In: a host and a port. Out: a stream that httpcore drives, whose reads stop at the end of a
response's head (as those of `streams.LoopStream` do), and whose socket a forked child lets
go of.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable

import httpcore

from langchain_claude_cloud.platform.http.chunked import HeadBoundary
from langchain_claude_cloud.platform.http.environment import keepalive_options
from langchain_claude_cloud.platform.http.loops import remember_socket


class ThreadBackend(httpcore.NetworkBackend):
    """httpcore's network, with blocking sockets."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002  ours are set
    ) -> httpcore.NetworkStream:
        """Connect to a host.

        Raises:
            httpcore.ConnectError: Nothing answers there.
            httpcore.ConnectTimeout: Nothing answered in time.
        """
        options = keepalive_options()
        return ThreadStream(self._sockets.connect_tcp(host, port, timeout, local_address, options))

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class ThreadStream(httpcore.NetworkStream):
    """A blocking stream that knows where a response's head ends.

    Attributes:
        is_at_body: Whether the last read returned the end of a head, and nothing was read
            since: the next byte is the first of the body.
    """

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._boundary = HeadBoundary()
        self._held = b""
        self.is_at_body = False
        connected = inner.get_extra_info("socket")
        if isinstance(connected, socket.socket):
            remember_socket(connected)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes, not past the end of a head; none at the end.

        Raises:
            httpcore.ReadError: The connection broke.
            httpcore.ReadTimeout: Nothing came in time.
        """
        self.is_at_body = False
        if self._held:
            data, self._held = self._held, b""
        else:
            data = self._inner.read(max_bytes, timeout)
        if self._boundary.is_searching:
            data, self._held = self._boundary.split(data)
            self.is_at_body = not self._boundary.is_searching
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes of a request.

        Raises:
            httpcore.WriteError: The connection broke.
            httpcore.WriteTimeout: The peer took nothing in time.
        """
        if buffer:
            if not self._boundary.is_searching:
                self._boundary.begin()
            self._inner.write(buffer, timeout)

    def push_back(self, data: bytes) -> None:
        """Let the next read return these bytes."""
        self._held = data + self._held

    def close(self) -> None:
        """Close the connection at once."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return a stream that is encrypted over this one.

        Raises:
            httpcore.ConnectError: The handshake failed.
            httpcore.ConnectTimeout: The handshake took too long.
        """
        return ThreadStream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a stream."""
        if info == "is_readable" and self._held:
            return True
        return self._inner.get_extra_info(info)
