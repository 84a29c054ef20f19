"""aiohttp's connections.

aiohttp connects, encrypts and keeps connections. What it has no setting for is here: name
resolution that the end of ``asyncio.run`` does not wait for, closing at once, and the end of a pool
of which some connections are in use.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from langchain_claude_cloud.platform.http.environment import (
    KEEPALIVE_SECONDS,
    SOCKET_OPTIONS,
    connection_limit,
)
from langchain_claude_cloud.platform.http.loops import loop_state
from langchain_claude_cloud.platform.timeouts import in_thread

LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[tuple[str, int]]]]
"""Turns a host name and a port into IP addresses and ports."""


async def look_up(
    host: str, port: int, ask: Callable[..., Sequence[tuple[Any, ...]]] = socket.getaddrinfo
) -> list[tuple[str, int]]:
    """Return the IP addresses of a host, as the system knows them.

    Args:
        host: The host's name.
        port: Goes with each address.
        ask: Asks the system, which may take its time.
    """
    # Not in the loop's executor: a silent name server would hold up the end of the program.
    found = await in_thread(partial(ask, host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys((str(address[0]), port) for *_, address in found))


class _Resolver(AbstractResolver):
    """Finds addresses by a function."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        return [
            ResolveResult(hostname=host, host=address, port=at, family=family, proto=0, flags=0)
            for address, at in await self._look_up(host, port)
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _new_socket(address_info: tuple[Any, ...]) -> socket.socket:
    created = socket.socket(*address_info[:3])
    for option in SOCKET_OPTIONS:
        created.setsockopt(*option)
    loop_state().remember_socket(created)
    return created


class _Protocol(aiohttp.client_proto.ResponseHandler):
    """aiohttp's side of a connection.

    It lets no reader wait for a body that is damaged.
    """

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Note what ends the connection."""
        super().set_exception(exc, *cause)
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(exc)

    def close(self) -> None:
        """Close the connection at once, even if the loop is kept busy from now on.

        aiohttp's own way waits up to half a minute for the other side to say goodbye.
        """
        if self.transport is not None:
            used = self.transport.get_extra_info("socket")
            # Another handle on it: what uvloop gives for its sockets cannot be shut down.
            with suppress(OSError), socket.fromfd(used.fileno(), used.family, used.type) as own:
                own.shutdown(socket.SHUT_RDWR)
            self.abort()


class Connector(aiohttp.TCPConnector):
    """aiohttp's pool of connections.

    Args:
        verify: The TLS context; None for an endpoint without TLS.
        look_up: Finds a host's addresses.
    """

    def __init__(self, verify: ssl.SSLContext | None, look_up: LookUp) -> None:
        super().__init__(
            ssl=verify or False,
            resolver=_Resolver(look_up),
            keepalive_timeout=KEEPALIVE_SECONDS,
            limit=connection_limit(),
            socket_factory=_new_socket,
        )
        self._factory = partial(_Protocol, loop=self._loop)  # type: ignore[assignment]  # partial is invariant

    def retire(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        self._force_close = True
        for connections in self._conns.values():
            for protocol, _ in connections:
                protocol.close()
        self._conns.clear()
