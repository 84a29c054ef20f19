"""Pools of connections as httpx transports.

In: an httpx request. Out: an httpx response whose connection goes back to the pool when
its body was read to the end, and is closed when it was not.

httpcore makes the connections, proxies included; only its pool is replaced. That one looks
at every connection for every request, twice, at a cost that grows with the square of their
number: 64 idle ones cost 1 ms a request. Here the connection that was used last is used
next, and only the one that was idle longest is looked at besides.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TypeVar

import httpcore
import httpx

from langchain_claude_cloud.platform.http.backend import LoopBackend
from langchain_claude_cloud.platform.http.environment import proxy_settings, tls_context
from langchain_claude_cloud.platform.http.threads import ThreadBackend

# Below the 350 s after which AWS's load balancers and NAT gateways drop an idle connection
# without a word, and below the minutes that front ends and firewalls usually grant.
KEEPALIVE_SECONDS = 60.0

_Connection = TypeVar(
    "_Connection", httpcore.ConnectionInterface, httpcore.AsyncConnectionInterface
)


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


class ThreadTransport(httpx.BaseTransport):
    """Connections to one origin, for any number of threads."""

    def __init__(self, scheme: str, host: str) -> None:
        self._maker = httpcore.ConnectionPool(
            ssl_context=tls_context() if scheme == "https" else None,
            proxy=proxy_settings(scheme, host),
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=ThreadBackend(),
        )
        self._idle: deque[httpcore.ConnectionInterface] = deque()
        # Of a kind that the thread which holds it may take again: the garbage collector may close
        # a forgotten stream at that moment, which gives its connection back.
        self._lock = threading.RLock()
        self._is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, its body unread."""
        core_request = httpcore.Request(
            method=request.method,
            url=_core_url(request.url),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        connection = self._take(core_request.url.origin)
        try:
            response = connection.handle_request(core_request)
        except BaseException:
            connection.close()
            raise
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_ThreadBody(response, connection, self),
            extensions=response.extensions,
        )

    def _take(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        stale: list[httpcore.ConnectionInterface] = []
        with self._lock:
            chosen = _choose(self._idle, stale)
        for connection in stale:
            connection.close()
        return chosen or self._maker.create_connection(origin)

    def give_back(self, connection: httpcore.ConnectionInterface) -> None:
        """Take back a connection whose response is closed."""
        with self._lock:
            if connection.is_idle() and not _has_excess(connection) and not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        with self._lock:
            self._is_closed = True
            idle = list(self._idle)
            self._idle.clear()
        for connection in idle:
            connection.close()


class _ThreadBody(httpx.SyncByteStream):
    """A response's body, which holds its connection."""

    def __init__(
        self,
        response: httpcore.Response,
        connection: httpcore.ConnectionInterface,
        transport: ThreadTransport,
    ) -> None:
        self._response = response
        self._connection = connection
        self._transport = transport
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, Iterable):
            raise TypeError("an asynchronous response in a thread")
        return iter(stream)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            try:
                self._response.close()
            finally:
                self._transport.give_back(self._connection)


class LoopTransport(httpx.AsyncBaseTransport):
    """Connections to one origin, for the tasks of one event loop."""

    def __init__(
        self,
        scheme: str,
        host: str,
        *,
        backend: httpcore.AsyncNetworkBackend | None = None,
        use_proxy: bool = True,
    ) -> None:
        self._maker = httpcore.AsyncConnectionPool(
            ssl_context=tls_context() if scheme == "https" else None,
            proxy=proxy_settings(scheme, host) if use_proxy else None,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=backend or LoopBackend(),
        )
        self._idle: deque[httpcore.AsyncConnectionInterface] = deque()
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, its body unread."""
        core_request = httpcore.Request(
            method=request.method,
            url=_core_url(request.url),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        connection = await self._take(core_request.url.origin)
        try:
            response = await connection.handle_async_request(core_request)
        except BaseException:
            await connection.aclose()
            raise
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_LoopBody(response, connection, self),
            extensions=response.extensions,
        )

    async def _take(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        stale: list[httpcore.AsyncConnectionInterface] = []
        chosen = _choose(self._idle, stale)
        for connection in stale:
            await connection.aclose()
        return chosen or self._maker.create_connection(origin)

    async def give_back(self, connection: httpcore.AsyncConnectionInterface) -> None:
        """Take back a connection whose response is closed."""
        if connection.is_idle() and not _has_excess(connection) and not self._is_closed:
            self._idle.append(connection)
        else:
            await connection.aclose()

    async def aclose(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        self._is_closed = True
        while self._idle:
            await self._idle.popleft().aclose()


class _LoopBody(httpx.AsyncByteStream):
    """A response's body, which holds its connection."""

    def __init__(
        self,
        response: httpcore.Response,
        connection: httpcore.AsyncConnectionInterface,
        transport: LoopTransport,
    ) -> None:
        self._response = response
        self._connection = connection
        self._transport = transport
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, AsyncIterable):
            raise TypeError("a blocking response on an event loop")
        return aiter(stream)

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            try:
                await self._response.aclose()
            finally:
                await self._transport.give_back(self._connection)


def _has_excess(connection: object) -> bool:
    """Whether more came over a connection than its response said.

    The next request would be answered with it: h11 keeps what follows a response and looks
    there first. httpcore wraps its connections, proxied ones twice, and says nothing of
    this; one that is not built as expected counts as unfit, which costs a handshake.
    """
    inner: object = connection
    while (wrapped := getattr(inner, "_connection", None)) is not None:
        inner = wrapped
    trailing = getattr(getattr(inner, "_h11_state", None), "trailing_data", (b"?", True))
    return bool(trailing[0])


def _choose(idle: deque[_Connection], stale: list[_Connection]) -> _Connection | None:
    """Return the connection that was used last, if it still works.

    Those that do not, and of the others the ones that were idle longest, go to ``stale``.
    """
    chosen: _Connection | None = None
    while idle and chosen is None:
        connection = idle.pop()
        if connection.has_expired():
            stale.append(connection)
        else:
            chosen = connection
    while idle and idle[0].has_expired():
        stale.append(idle.popleft())
    return chosen
