"""Connections for event loops: sockets that are read straight from the loop.

In: a host and a port. Out: a stream that httpcore drives. Stock httpcore goes through
anyio and asyncio's transports, which costs 150-200 us of CPU for each wake-up on the machine
this was measured on; a raw socket with a reader callback costs 20-30. Backpressure is the
kernel's: nothing is read that nobody waits for.

Loops that cannot watch sockets (Windows' proactor) get anyio's streams.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import Any, TypeAlias

import httpcore

from langchain_claude_cloud.platform.http.environment import keepalive_options
from langchain_claude_cloud.platform.http.loops import in_single_flight, loop_state
from langchain_claude_cloud.platform.http.streams import SocketStream

Target: TypeAlias = tuple[socket.AddressFamily, tuple[Any, ...]]
"""An address family and the socket address in it."""

# RFC 8305, section 8: the recommended delay between two connection attempts.
_STAGGER_SECONDS = 0.25


Lookup: TypeAlias = Callable[..., Sequence[tuple[Any, ...]]]
"""What `socket.getaddrinfo` is; it may block."""


class LoopBackend(httpcore.AsyncNetworkBackend):
    """httpcore's network, on an asyncio event loop.

    Args:
        lookup: Finds a host's addresses.
    """

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a host, racing its addresses.

        Raises:
            httpcore.ConnectError: Nothing answers there.
            httpcore.ConnectTimeout: Nothing answered in time.
        """
        loop = asyncio.get_running_loop()
        if not _can_watch_sockets(loop):
            fallback = httpcore.AnyIOBackend()
            return await fallback.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            async with asyncio.timeout(timeout):
                connected = await _race(await self._resolve(host, port))
        except TimeoutError as cause:
            raise httpcore.ConnectTimeout(str(cause)) from cause
        except OSError as cause:
            raise httpcore.ConnectError(_explain(cause)) from cause
        return SocketStream(connected, loop, loop_state().sockets)

    async def _resolve(self, host: str, port: int) -> list[Target]:
        """Return the addresses of a host, the families in turn."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
            return [(family, (host, port))]
        # Not `loop.getaddrinfo`: that takes one of the few threads of the loop's executor,
        # and a server that does not answer would hold up the end of asyncio.run.
        lookup = partial(self._lookup, host, port, type=socket.SOCK_STREAM)
        found = await in_single_flight(("lookup", id(self._lookup), host, port), lookup)
        targets = [(family, address) for family, _, _, _, address in found]
        first = [target for target in targets if target[0] == targets[0][0]]
        rest = [target for target in targets if target[0] != targets[0][0]]
        return [target for target in chain(*zip_longest(first, rest)) if target is not None]

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def _can_watch_sockets(loop: asyncio.AbstractEventLoop) -> bool:
    return type(loop).add_reader is not asyncio.AbstractEventLoop.add_reader


def _explain(cause: OSError) -> str:
    """Say why a connection failed, as blocking sockets do: asyncio says only that it did."""
    if isinstance(cause, socket.gaierror) or not cause.errno:
        return str(cause)
    return f"[Errno {cause.errno}] {os.strerror(cause.errno)}"


async def _race(targets: list[Target]) -> socket.socket:
    """Return the first connection of several staggered attempts; drop the others."""
    if len(targets) == 1:
        return await _connect(targets[0])
    waiting = list(targets)
    running: set[asyncio.Task[socket.socket]] = set()
    failures: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connect(waiting.pop(0))))
            patience = _STAGGER_SECONDS if waiting else None
            done, _ = await asyncio.wait(
                running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                running.discard(attempt)
                failure = attempt.exception()
                if failure is None:
                    running |= done - {attempt}
                    return attempt.result()
                failures.append(failure)
    finally:
        for attempt in running:
            attempt.add_done_callback(_drop)
            attempt.cancel()
    raise failures[0] if failures else OSError("the host has no address")


def _drop(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connect(target: Target) -> socket.socket:
    family, address = target
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(0)
        for option in keepalive_options():
            connecting.setsockopt(*option)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connecting, address)
    except BaseException:
        connecting.close()
        raise
    return connecting
