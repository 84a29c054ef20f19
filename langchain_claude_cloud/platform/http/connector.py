"""aiohttp's connections, with limits that hold.

aiohttp connects, encrypts and keeps connections. What it has no setting for is here: one limit
for all that making a connection takes, name resolution that the end of ``asyncio.run`` does not
wait for, and closing at once.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from langchain_claude_cloud.platform.http.environment import (
    KEEPALIVE_SECONDS,
    connection_limit,
    with_options,
)
from langchain_claude_cloud.platform.http.loops import loop_state
from langchain_claude_cloud.platform.timeouts import Timeouts, in_single_flight, in_thread

LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[tuple[str, int]]]]
"""Turns a host name and a port into IP addresses and ports."""

# After so long the server may have closed connections while the loop did not run; to see that
# takes two turns of the loop, too much for each of many requests.
_FRESH_SECONDS = 0.5


@dataclass(slots=True)
class Exchange:
    """One request on its way through aiohttp.

    Attributes:
        url: Where it goes, percent-encoded as it was signed; aiohttp would normalize it.
        timeouts: The limits.
        timer: Ends the wait for the response's head.
        response: The response, once it has begun.
        is_uploading: Whether the request's body is on its way.
    """

    url: str
    timeouts: Timeouts
    timer: asyncio.Timeout
    response: aiohttp.ClientResponse | None = None
    is_uploading: bool = False

    def allow(self, *, is_uploading: bool) -> None:
        """Limit the time for the next piece of the request's body, or else for the head."""
        self.is_uploading = is_uploading
        if self.response is None:
            seconds = self.timeouts.idle if is_uploading else self.timeouts.start
            self.timer.reschedule(asyncio.get_running_loop().time() + seconds)


current_exchange: ContextVar[Exchange] = ContextVar("langchain_claude_cloud_exchange")
"""The request that the running task sends."""


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
    work = partial(ask, host, port, type=socket.SOCK_STREAM)
    found = await in_single_flight(("look up", ask, host, port), partial(in_thread, work))
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
    created = with_options(socket.socket(*address_info[:3]))
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
    """aiohttp's pool, with one limit for all that making a connection takes.

    Args:
        verify: The TLS context; None for an endpoint without TLS.
        look_up: Finds a host's addresses.
    """

    _used_at = 0.0

    def __init__(self, verify: ssl.SSLContext | None, look_up: LookUp) -> None:
        super().__init__(
            ssl=verify or False,
            resolver=_Resolver(look_up),
            keepalive_timeout=KEEPALIVE_SECONDS,
            limit=connection_limit(),
            socket_factory=_new_socket,
        )
        self._factory = partial(_Protocol, loop=self._loop)  # type: ignore[assignment]  # partial is invariant

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's signature
    ) -> aiohttp.connector.Connection:
        """Return a connection, and count from now on how long the response takes."""
        if self._loop.time() - self._used_at > _FRESH_SECONDS:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        connection = await super().connect(req, traces, timeout)
        self._used_at = self._loop.time()
        current_exchange.get().allow(is_uploading=False)
        return connection

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's signature
    ) -> aiohttp.client_proto.ResponseHandler:
        async with asyncio.timeout(timeout.sock_connect):
            return await super()._create_connection(req, traces, timeout)

    def retire(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        self._force_close = True
        for connections in self._conns.values():
            for protocol, _ in connections:
                protocol.close()
        self._conns.clear()
