"""Pools of connections, shared by everything in the process that talks to the same endpoint.

There is one pool for all threads, and one for each event loop. None of them is kept on a model,
so that models can be copied, pickled, and used on one loop after the other. A forked child starts
with none. Their connections are fewer than the files that the process may open: a call waits
until one is free.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import httpx

from langchain_claude_cloud.platform.http.environment import (
    Certificates,
    proxy_settings,
    tls_context,
)
from langchain_claude_cloud.platform.http.loops import loop_state
from langchain_claude_cloud.platform.http.sync_transport import ThreadTransport
from langchain_claude_cloud.platform.shared_state import shared_lock

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

    @classmethod
    def of(cls, url: httpx.URL | str, ca_bundle: str | None) -> _Key:
        # httpx leaves out the scheme's own port.
        parsed = httpx.URL(url)
        origin = f"{parsed.scheme}://{parsed.netloc.decode()}"
        is_secure = parsed.scheme == "https"
        return cls(origin, Certificates.of_process(ca_bundle) if is_secure else None)

    def settings(self) -> tuple[ssl.SSLContext | None, httpx.Proxy | None]:
        """Return what connections are made with."""
        url = httpx.URL(self.origin)
        context = tls_context(self.certificates) if self.certificates is not None else None
        return context, proxy_settings(url.scheme, url.host)


class SocksTransport(httpx.AsyncHTTPTransport):
    """Connections through a SOCKS proxy, which aiohttp does not speak to."""

    async def retire(self) -> None:
        """Close the connections."""
        await self.aclose()


_thread_pools: dict[_Key, ThreadTransport] = {}
_lock = shared_lock()


def thread_transport(url: httpx.URL | str, ca_bundle: str | None = None) -> ThreadTransport:
    """Return the connections to an endpoint that the process's threads share.

    Args:
        url: Any URL of the endpoint.
        ca_bundle: A file or folder of certificates that are trusted besides.

    Raises:
        ConfigurationError: The certificates or the proxy that the environment names are none.
    """
    key = _Key.of(url, ca_bundle)
    with _lock:
        pool = _thread_pools.get(key)
        if pool is None:
            pool = _thread_pools[key] = ThreadTransport(*key.settings())
            if (retired := _oldest(_thread_pools)) is not None:
                retired.retire()
    return pool


def loop_transport(
    url: httpx.URL | str, ca_bundle: str | None = None
) -> LoopTransport | SocksTransport:
    """Return the connections to an endpoint that the running loop's tasks share.

    Takes and raises what `thread_transport` does.

    Raises:
        RuntimeError: No asyncio event loop is running.
    """
    state = loop_state()
    key = _Key.of(url, ca_bundle)
    pool = state.pools.get(key)
    if pool is None:
        pool = state.pools[key] = _new_loop_transport(*key.settings())
        if (retired := _oldest(state.pools)) is not None:
            task = asyncio.create_task(retired.retire())
            state.retiring.add(task)
            task.add_done_callback(state.retiring.discard)
    return pool


def _new_loop_transport(
    context: ssl.SSLContext | None, proxy: httpx.Proxy | None
) -> LoopTransport | SocksTransport:
    if proxy is not None and proxy.url.scheme.startswith("socks"):
        return SocksTransport(verify=context or False, proxy=proxy)
    from langchain_claude_cloud.platform.http.async_transport import (  # noqa: PLC0415  aiohttp
        LoopTransport,
    )

    return LoopTransport(context, proxy)


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
        closing = [_thread_pools.pop(key) for key in _keys_of(endpoint, _thread_pools)]
    for pool in closing:
        pool.retire()


async def aclose_pools(endpoint: str | None = None) -> None:
    """Close the connections that the running loop has kept open, as `close_pools` does.

    Args:
        endpoint: Any URL of the endpoint; None for every endpoint.
    """
    pools = loop_state().pools
    for pool in [pools.pop(key) for key in _keys_of(endpoint, pools)]:
        await pool.retire()


def _keys_of(endpoint: str | None, pools: Iterable[_K]) -> list[_K]:
    origin = _Key.of(endpoint, None).origin if endpoint is not None else None
    return [key for key in pools if origin in (None, getattr(key, "origin", None))]


# A process that ends does so without warnings about sockets that it had kept open.
atexit.register(close_pools)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_thread_pools.clear)
