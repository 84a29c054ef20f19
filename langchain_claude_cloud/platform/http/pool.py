"""HTTP clients, shared by everything in the process that talks to the same endpoint.

There is one client for all threads, and one for each event loop. None of them is kept on a model,
so that models can be copied, pickled, and used on one loop after the other. A forked child starts
with none. The clients follow no redirects and keep no cookies, and their connections are fewer
than the files that the process may open: a call waits until one is free.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
from collections.abc import Hashable, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import httpx

from langchain_claude_cloud.platform.http.environment import (
    Certificates,
    origin_of,
    proxy_settings,
    tls_context,
)
from langchain_claude_cloud.platform.http.loops import loop_state
from langchain_claude_cloud.platform.http.sync_transport import ThreadTransport
from langchain_claude_cloud.platform.locks import SharedLock

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http.async_transport import LoopTransport


MOST_POOLS: Final = 64
"""How many endpoints threads keep connections to, and each event loop."""

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class _Key(NamedTuple):
    """What tells pools apart: connections of one serve whoever would open the same."""

    origin: str
    certificates: Certificates | None


class ThreadPool:
    """The client that all threads share for one endpoint."""

    def __init__(self, key: _Key) -> None:
        context, proxy = _settings(key)
        self.transport = ThreadTransport(context, proxy)
        self.client = httpx.Client(transport=self.transport, trust_env=False, cookies=_no_cookies())


class LoopPool:
    """The client that the tasks of a loop share for one endpoint."""

    def __init__(self, key: _Key) -> None:
        context, proxy = _settings(key)
        self.transport: LoopTransport | httpx.AsyncHTTPTransport
        if proxy is not None and proxy.url.scheme.startswith("socks"):
            # aiohttp speaks to no such proxy.
            self.transport = httpx.AsyncHTTPTransport(verify=context or False, proxy=proxy)
        else:
            from langchain_claude_cloud.platform.http.async_transport import (  # noqa: PLC0415  aiohttp
                LoopTransport,
            )

            self.transport = LoopTransport(context, proxy)
        self.client = httpx.AsyncClient(
            transport=self.transport, trust_env=False, cookies=_no_cookies()
        )

    async def retire(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        if isinstance(self.transport, httpx.AsyncHTTPTransport):
            await self.transport.aclose()
        else:
            await self.transport.retire()


def _settings(key: _Key) -> tuple[ssl.SSLContext | None, httpx.Proxy | None]:
    url = httpx.URL(key.origin)
    context = tls_context(key.certificates) if key.certificates is not None else None
    return context, proxy_settings(url.scheme, url.host)


def _key(url: str, ca_bundle: str | None) -> _Key:
    origin = origin_of(url)
    is_secure = origin.startswith("https:")
    return _Key(origin, Certificates.of_process(ca_bundle) if is_secure else None)


_thread_pools: dict[_Key, ThreadPool] = {}
_lock = SharedLock()


def thread_client(url: str, ca_bundle: str | None = None) -> httpx.Client:
    """Return the client for an endpoint that the process's threads share.

    Args:
        url: Any URL of the endpoint.
        ca_bundle: A file or folder of certificates that are trusted besides.

    Raises:
        ConfigurationError: The URL is not an absolute http or https URL, or the certificates or
            the proxy that the environment names are none.
    """
    key = _key(url, ca_bundle)
    pool = _thread_pools.get(key)
    if pool is None:
        with _lock:
            pool = _thread_pools.get(key) or ThreadPool(key)
            _thread_pools[key] = pool
            retired = _oldest(_thread_pools)
        if isinstance(retired, ThreadPool):
            retired.transport.retire()
    return pool.client


def loop_client(url: str, ca_bundle: str | None = None) -> httpx.AsyncClient:
    """Return the client for an endpoint that the running loop's tasks share.

    Takes and raises what `thread_client` does.

    Raises:
        RuntimeError: No asyncio event loop is running.
    """
    state = loop_state()
    key = _key(url, ca_bundle)
    pool = state.pools.get(key)
    if not isinstance(pool, LoopPool):
        pool = state.pools[key] = LoopPool(key)
        retired = _oldest(state.pools)
        if isinstance(retired, LoopPool):
            task = asyncio.create_task(retired.retire())
            state.retiring.add(task)
            task.add_done_callback(state.retiring.discard)
    return pool.client


def _oldest(pools: dict[_K, _V]) -> _V | None:
    """Take out the oldest pool if there are too many; its connections in use are closed later."""
    return pools.pop(next(iter(pools))) if len(pools) > MOST_POOLS else None


def close_pools(endpoint: str | None = None) -> None:
    """Close the connections that threads have kept open.

    Those in use are closed when their response is, and a later call opens new ones.

    Args:
        endpoint: Any URL of the endpoint; None for every endpoint.
    """
    with _lock:
        keys = _keys_of(endpoint, _thread_pools)
        closing = [_thread_pools.pop(key) for key in keys]
    for pool in closing:
        pool.transport.retire()


async def aclose_pools(endpoint: str | None = None) -> None:
    """Close the connections that the running loop has kept open, as `close_pools` does.

    Args:
        endpoint: Any URL of the endpoint; None for every endpoint.
    """
    pools = loop_state().pools
    for pool in [pools.pop(key) for key in _keys_of(endpoint, pools)]:
        if isinstance(pool, LoopPool):
            await pool.retire()


def _keys_of(endpoint: str | None, pools: Iterable[_K]) -> list[_K]:
    if endpoint is None:
        return list(pools)
    origin = origin_of(endpoint)
    return [key for key in pools if isinstance(key, _Key) and key.origin == origin]


# A process that ends does so without warnings about sockets that it had kept open.
atexit.register(close_pools)


def _no_cookies() -> CookieJar:
    """Return a jar that takes nothing: the client serves more than one identity."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_thread_pools.clear)
