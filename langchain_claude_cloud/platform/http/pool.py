"""Pools of connections, shared by everything in the process that talks to the same endpoint.

There is one pool for all threads, and one for each event loop. None of them is kept on a model,
so that models can be copied, pickled, and used on one loop after the other. A forked child starts
with none. Their connections are fewer than the files that the process may open: a call waits
until one is free.

The connections of threads are stock httpx, with limits that hold. httpcore limits each read and
each attempt to connect. `DeadlineBackend` is its seam for the network, through which the whole of
a wait is limited: all of a host's addresses, a proxy's answer and TLS, a head that comes byte by
byte. The connections of event loops are in `async_transport`.
"""

from __future__ import annotations

import atexit
import math
import os
import socket
import threading
import time
from contextvars import ContextVar
from functools import partial
from ssl import SSLContext
from typing import Final, NamedTuple, TypeVar

import httpcore
import httpx

from langchain_claude_cloud.platform.http import environment, loops
from langchain_claude_cloud.platform.shared_state import shared_lock
from langchain_claude_cloud.platform.timeouts import finite, run_within

MOST_POOLS: Final = 64
"""How many endpoints threads keep connections to, and each event loop."""

call_ends: ContextVar[float] = ContextVar("langchain_claude_cloud_call_ends", default=math.inf)
"""When the time of the call is up that this thread sends a request for."""

_PIECE = 65_536
_PROXIES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")

T = TypeVar("T")


class PoolKey(NamedTuple):
    """What tells pools apart: connections of one serve whoever would open the same."""

    origin: str
    certificates: environment.Certificates | None
    proxies: int

    @classmethod
    def of(cls, url: httpx.URL | str, ca_bundle: str | None) -> PoolKey:
        """Return the key for a URL of an endpoint."""
        # httpx leaves out the scheme's own port.
        parsed = httpx.URL(url)
        origin = f"{parsed.scheme}://{parsed.netloc.decode()}"
        is_secure = parsed.scheme == "https"
        certificates = environment.Certificates.of_process(ca_bundle) if is_secure else None
        # A hash of what names the proxy: a password may be in it, and frames show keys.
        return cls(origin, certificates, hash(tuple(map(os.environ.get, _PROXIES))))

    def settings(self) -> tuple[SSLContext | None, httpx.Proxy | None]:
        """Return what connections are made with."""
        url = httpx.URL(self.origin)
        context = environment.tls_context(self.certificates) if self.certificates else None
        return context, environment.proxy_settings(url.scheme, url.host)


_thread_pools: dict[PoolKey, ThreadTransport] = {}
_lock = shared_lock()


def thread_transport(url: httpx.URL | str, ca_bundle: str | None = None) -> ThreadTransport:
    """Return the connections to an endpoint that the process's threads share.

    Args:
        url: Any URL of the endpoint.
        ca_bundle: A file or folder of certificates that are trusted besides.

    Raises:
        ConfigurationError: The certificates or the proxy that the environment names are none.
    """
    key = PoolKey.of(url, ca_bundle)
    with _lock:
        pool = _thread_pools.get(key)
        if pool is None:
            pool = _thread_pools[key] = ThreadTransport(*key.settings())
            if len(_thread_pools) > MOST_POOLS:
                _thread_pools.pop(next(iter(_thread_pools))).close()
    return pool


async def loop_transport(
    url: httpx.URL | str, ca_bundle: str | None = None
) -> httpx.AsyncBaseTransport:
    """Return the connections to an endpoint that the running loop's tasks share.

    Takes and raises what `thread_transport` does.
    """
    from langchain_claude_cloud.platform.http.async_transport import LoopTransport  # noqa: PLC0415  aiohttp

    pools, key = loops.loop_state().pools, PoolKey.of(url, ca_bundle)
    pool = pools.get(key)
    if pool is None:
        pool = pools[key] = LoopTransport(*key.settings())
        if len(pools) > MOST_POOLS:
            await pools.pop(next(iter(pools))).aclose()
    return pool


def close_pools(endpoint: str | None = None) -> None:
    """Close the connections that threads have kept open.

    Those in use are closed when their response is, and a later call opens new ones.

    Args:
        endpoint: Any URL of the endpoint; None for every endpoint.
    """
    with _lock:
        closing = _take(_thread_pools, endpoint)
    for pool in closing:
        pool.close()


async def aclose_pools(endpoint: str | None = None) -> None:
    """Close the connections that the running loop has kept open, as `close_pools` does.

    Args:
        endpoint: Any URL of the endpoint; None for every endpoint.
    """
    for pool in _take(loops.loop_state().pools, endpoint):
        await pool.aclose()


def _take(pools: dict[PoolKey, T], endpoint: str | None) -> list[T]:
    origin = PoolKey.of(endpoint, None).origin if endpoint is not None else None
    return [pools.pop(key) for key in list(pools) if origin in (None, key.origin)]


# A process that ends does so without warnings about sockets that it had kept open.
atexit.register(close_pools)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_thread_pools.clear)


class ThreadTransport(httpx.HTTPTransport):
    """Connections to one endpoint, for any number of threads.

    Args:
        verify: The TLS context; None for an endpoint without TLS.
        proxy: The proxy, if there is one.
    """

    def __init__(self, verify: SSLContext | None, proxy: httpx.Proxy | None = None) -> None:
        most, seconds = environment.connection_limit(), environment.KEEPALIVE_SECONDS
        limits = httpx.Limits(max_connections=most, keepalive_expiry=seconds)
        super().__init__(verify=verify or False, proxy=proxy, limits=limits, trust_env=False)
        # httpx has no argument for the first. The second may be taken again by the thread that
        # holds it: the garbage collector may close a forgotten stream at that moment.
        self._pool._network_backend = DeadlineBackend()
        self._pool._optional_thread_lock = threading.RLock()  # type: ignore[assignment]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, its body unread."""
        with self._pool._optional_thread_lock:
            for connection in self._pool.connections:
                if connection.is_idle() and _has_excess(connection):
                    connection.close()
        return super().handle_request(request)

    def close(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        with self._pool._optional_thread_lock:
            self._pool._max_keepalive_connections = 0
            idle = self._pool._assign_requests_to_connections()
        self._pool._close_connections(idle)


def _has_excess(connection: object) -> bool:
    """Whether more came over a connection than its response said.

    The next request would be answered with it: h11 keeps what follows a response and looks there
    first, and httpcore says nothing of this. It wraps its connections, proxied ones twice; one
    that is not built as expected counts as unfit, which costs a handshake.
    """
    inner: object = connection
    while (wrapped := getattr(inner, "_connection", None)) is not None:
        inner = wrapped
    trailing = getattr(getattr(inner, "_h11_state", None), "trailing_data", (b"?", True))
    return bool(trailing[0])


class DeadlineBackend(httpcore.SyncBackend):
    """httpcore's network with one limit for all that connecting takes."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: object, **__: object
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers, with socket options of ours.

        Raises:
            httpcore.ConnectError: Nothing answers there.
            httpcore.ConnectTimeout: Nothing answered in time.
        """
        ends = min(time.monotonic() + (timeout or math.inf), call_ends.get())
        failure: Exception = httpcore.ConnectError("the host has no address")
        addresses = _look_up(host, port, ends)
        for tried, address in enumerate(addresses):
            # A silent address leaves the others their share.
            share = _left(ends, httpcore.ConnectTimeout) / (len(addresses) - tried)
            try:
                stream = super().connect_tcp(address, port, share, None, environment.SOCKET_OPTIONS)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as cause:
                failure = cause
            else:
                return DeadlineStream(stream, ends)
        raise failure


def _left(ends: float, late: type[Exception]) -> float:
    """Return the seconds until a moment, or raise if it has passed."""
    left = ends - time.monotonic()
    if left <= 0:
        raise late("")
    return left


def _look_up(host: str, port: int, ends: float) -> list[str]:
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = run_within(_left(ends, httpcore.ConnectTimeout), ask)
    except TimeoutError as cause:
        raise httpcore.ConnectTimeout("") from cause
    except OSError as cause:
        raise httpcore.ConnectError(str(cause)) from cause
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class DeadlineStream(httpcore.NetworkStream):
    """A connection on which a wait ends in time, however many reads it takes.

    A head is limited from the first read after the request; a body by `allow`.
    """

    def __init__(self, inner: httpcore.NetworkStream, connect_ends: float) -> None:
        self._inner = inner
        self._connect_ends = connect_ends
        self._ends: float | None = None
        self._late: type[Exception] = httpcore.ReadTimeout
        loops.open_sockets.add(inner.get_extra_info("socket"))

    def allow(self, seconds: float) -> None:
        """Limit the time until the next piece of the body is there."""
        self._ends = time.monotonic() + seconds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes; none at the end.

        Raises:
            httpcore.ReadError: The connection broke.
            httpcore.ReadTimeout: What is waited for was not there in time.
            httpcore.ConnectTimeout: A proxy did not make the connection in time.
        """
        if self._ends is None:
            self._ends = time.monotonic() + (timeout or math.inf)
        try:
            return self._inner.read(max_bytes, _left(min(self._ends, call_ends.get()), self._late))
        except httpcore.ReadTimeout as cause:
            raise self._late("") from cause

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes of a request.

        Raises:
            httpcore.WriteError: The connection broke.
            httpcore.WriteTimeout: The peer took nothing in time.
        """
        if not buffer:
            return
        self._ends, self._late = None, httpcore.ReadTimeout
        if buffer.startswith(b"CONNECT "):  # a proxy is asked
            self._ends, self._late = self._connect_ends, httpcore.ConnectTimeout
        # httpcore copies what is left with each packet that was taken.
        for start in range(0, len(buffer), _PIECE):
            seconds = min(timeout or math.inf, _left(call_ends.get(), httpcore.WriteTimeout))
            self._inner.write(buffer[start : start + _PIECE], finite(seconds))

    def close(self) -> None:
        """Close the connection at once."""
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, *_: object, **__: object
    ) -> httpcore.NetworkStream:
        """Return a stream that is encrypted over this one, in what is left of the time to connect.

        Raises:
            httpcore.ConnectError: The handshake failed.
            httpcore.ConnectTimeout: The handshake took too long.
        """
        left = _left(self._connect_ends, httpcore.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, left)
        return DeadlineStream(inner, self._connect_ends)

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a stream."""
        return self._inner.get_extra_info(info)
