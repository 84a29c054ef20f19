"""HTTP clients, shared by everything in the process that talks to the same endpoint.

In: an endpoint's URL. Out: an httpx client that holds its connections: one for all threads,
and one for each event loop. None of them is kept on a model, so that models can be copied,
pickled, and used on one loop after the other. A forked child starts with none.

The clients do not follow redirects, keep no cookies and have no limit on connections.
"""

from __future__ import annotations

import atexit
import os
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from langchain_claude_cloud.platform._common import SharedLock
from langchain_claude_cloud.platform.http.environment import origin_of
from langchain_claude_cloud.platform.http.loops import loop_state
from langchain_claude_cloud.platform.http.transport import LoopTransport, ThreadTransport


class ThreadPool:
    """The client that all threads share for one origin."""

    def __init__(self, origin: str) -> None:
        parts = httpx.URL(origin)
        self._transport = ThreadTransport(parts.scheme, parts.host)
        self.client = httpx.Client(
            transport=self._transport, trust_env=False, cookies=_no_cookies()
        )

    def close(self) -> None:
        """Close the connections that are not in use, and the others after use.

        The client stays usable for a thread that holds it already.
        """
        self._transport.close()


class LoopPool:
    """The client that the tasks of a loop share for one origin."""

    def __init__(self, origin: str) -> None:
        parts = httpx.URL(origin)
        self._transport = LoopTransport(parts.scheme, parts.host)
        self.client = httpx.AsyncClient(
            transport=self._transport, trust_env=False, cookies=_no_cookies()
        )

    async def aclose(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        await self._transport.aclose()


_thread_pools: dict[str, ThreadPool] = {}
_lock = SharedLock()


def thread_client(url: str) -> httpx.Client:
    """Return the client for an endpoint that the process's threads share.

    Raises:
        ConfigurationError: The URL is not an absolute http or https URL.
    """
    origin = origin_of(url)
    pool = _thread_pools.get(origin)
    if pool is None:
        with _lock:
            pool = _thread_pools.get(origin) or ThreadPool(origin)
            _thread_pools[origin] = pool
    return pool.client


def loop_client(url: str) -> httpx.AsyncClient:
    """Return the client for an endpoint that the running loop's tasks share.

    Raises:
        ConfigurationError: The URL is not an absolute http or https URL.
        RuntimeError: No asyncio event loop is running.
    """
    origin = origin_of(url)
    pools = loop_state().pools
    pool = pools.get(origin)
    if not isinstance(pool, LoopPool):
        pool = pools[origin] = LoopPool(origin)
    return pool.client


def close_pools(endpoint: str | None = None) -> None:
    """Close the connections that threads have kept open.

    Those in use are closed when their response is, and a later call opens new ones.

    Args:
        endpoint: Any URL of the endpoint; None for every endpoint.
    """
    with _lock:
        origins = list(_thread_pools) if endpoint is None else [origin_of(endpoint)]
        closing = [_thread_pools.pop(origin) for origin in origins if origin in _thread_pools]
    for pool in closing:
        pool.close()


async def aclose_pools(endpoint: str | None = None) -> None:
    """Close the connections that the running loop has kept open, as `close_pools` does.

    Args:
        endpoint: Any URL of the endpoint; None for every endpoint.
    """
    pools = loop_state().pools
    origins = list(pools) if endpoint is None else [origin_of(endpoint)]
    for pool in [pools.pop(origin) for origin in origins if origin in pools]:
        await pool.aclose()


# A process that ends does so without warnings about sockets that it had kept open.
atexit.register(close_pools)


def _no_cookies() -> CookieJar:
    """Return a jar that takes nothing: the client serves more than one identity."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_thread_pools.clear)
