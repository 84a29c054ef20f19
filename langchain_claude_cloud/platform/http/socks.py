"""Connections through a SOCKS proxy, for which python-socks asks it.

httpcore's own way waits for the proxy without a limit, leaves open what was refused, takes an
answer in two packets for none, and writes the password into its log. aiohttp has none.
"""

from __future__ import annotations

import importlib.util
import socket
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeAlias

import httpx

from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.http.environment import with_options
from langchain_claude_cloud.platform.timeouts import finite, start_thread

Target: TypeAlias = tuple[str, int]
"""A host, whose name the proxy looks up, and a port."""

_DEFAULT_PORT: Final = 1080


def split(proxy: httpx.Proxy | None) -> tuple[httpx.Proxy | None, httpx.Proxy | None]:
    """Return a proxy as one that the HTTP library asks, or as one of SOCKS; the other is None.

    Raises:
        ConfigurationError: It is one of SOCKS, and the package for that is missing.
    """
    if proxy is None or not proxy.url.scheme.startswith("socks"):
        return proxy, None
    if importlib.util.find_spec("python_socks") is None:
        raise ConfigurationError(
            "The environment names a SOCKS proxy, which needs another package: "
            "pip install python-socks."
        )
    return None, proxy


def address_of(proxy: httpx.Proxy) -> tuple[str, int]:
    """Return the host and port of a proxy."""
    return proxy.url.host, proxy.url.port or _DEFAULT_PORT


def connect(proxy: httpx.Proxy, address: str, target: Target, seconds: float) -> socket.socket:
    """Return a connection through a proxy. Blocks.

    Args:
        proxy: The proxy.
        address: Its IP address.
        target: Where the connection is to lead.
        seconds: How long to wait for it.

    Raises:
        OSError: The proxy was not reached in time, refused, or does not speak SOCKS.
    """
    from python_socks import ProxyError  # noqa: PLC0415  optional
    from python_socks.sync import Proxy  # noqa: PLC0415  as above

    limit = finite(seconds)
    asked = start_thread(partial(Proxy(**_settings(proxy, address)).connect, *target, limit))
    try:
        return with_options(asked.result(limit))
    except ProxyError as cause:
        raise OSError(str(cause)) from cause
    except TimeoutError:
        asked.add_done_callback(_close_late)
        raise


async def aconnect(
    proxy: httpx.Proxy, address: str, target: Target, seconds: float | None
) -> socket.socket:
    """Return a connection through a proxy, as `connect` does, on an event loop.

    Raises:
        OSError: The proxy was not reached in time, refused, or does not speak SOCKS.
    """
    from python_socks import ProxyError  # noqa: PLC0415  optional
    from python_socks.async_.asyncio import Proxy  # noqa: PLC0415  as above

    try:
        way = Proxy(**_settings(proxy, address))
        return with_options(await way.connect(*target, seconds))
    except ProxyError as cause:
        raise OSError(str(cause)) from cause


def _settings(proxy: httpx.Proxy, address: str) -> dict[str, Any]:
    from python_socks import ProxyType  # noqa: PLC0415  optional

    user, password = proxy.auth or (None, None)
    port = address_of(proxy)[1]
    where = {"proxy_type": ProxyType.SOCKS5, "host": address, "port": port}
    return {**where, "username": user, "password": password, "rdns": True}


def _close_late(asked: Future[socket.socket]) -> None:
    """Close a connection that nobody waits for any more."""
    if asked.exception() is None:
        asked.result().close()
