"""What one event loop has open: its pools of connections.

The state of a loop is made on first use and kept as an attribute of the loop, so that both go at
the same time. (A dictionary with weak keys would not do: connections refer to their loop, so a
value would keep its own key alive.) A loop that ends as ``asyncio.run`` ends it closes its
connections itself; those of a loop that is merely closed or forgotten are closed from outside.
"""

from __future__ import annotations

import asyncio
import os
import socket
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING

from langchain_claude_cloud.platform.shared_state import shared_lock

if TYPE_CHECKING:
    import aiohttp
    import httpx

    from langchain_claude_cloud.platform.http.pool import PoolKey

_ATTRIBUTE = "_langchain_claude_cloud_state"
_states: weakref.WeakSet[LoopState] = weakref.WeakSet()
_states_lock = shared_lock()
open_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
"""Sockets of ours, so that a forked child does not hold them open."""


class LoopState:
    """The resources of one event loop.

    Attributes:
        pools: The HTTP clients of the loop, by the endpoint they lead to.
        sessions: What has connections open.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.pools: dict[PoolKey, httpx.AsyncBaseTransport] = {}
        self.sessions: set[aiohttp.ClientSession] = set()
        self._sockets: dict[int, socket.socket] = {}
        self._loop = weakref.ref(loop)
        self._guardian = self._close_at_shutdown()
        # Runs up to the yield without suspending, which registers the generator with the
        # loop: `loop.shutdown_asyncgens`, that asyncio.run calls, then runs its `finally`.
        with suppress(StopIteration):
            self._guardian.__anext__().send(None)

    @property
    def is_stale(self) -> bool:
        """Whether the loop was closed."""
        loop = self._loop()
        return loop is None or loop.is_closed()

    def remember_socket(self, each: socket.socket) -> None:
        """Note a socket, so that it is closed with the loop, and in a forked child."""
        self._sockets[each.fileno()] = each  # in place of a closed one
        open_sockets.add(each)

    async def _close_at_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            loop = self._loop()
            if loop is not None and getattr(loop, _ATTRIBUTE, None) is self:
                delattr(loop, _ATTRIBUTE)
            for session in list(self.sessions):
                await session.close()

    def abandon(self) -> None:
        """Close what a loop left open that nobody will run again."""
        self.pools.clear()
        while self.sessions:
            with suppress(StopIteration, RuntimeError):
                self.sessions.pop().close().send(None)
        for each in self._sockets.values():
            each.close()

    def __del__(self) -> None:
        # aiohttp would log an error for a session that nobody closed.
        if self.is_stale:
            self.abandon()


def loop_state() -> LoopState:
    """Return the state of the running loop.

    Raises:
        RuntimeError: No asyncio event loop is running.
    """
    loop = asyncio.get_running_loop()
    state = getattr(loop, _ATTRIBUTE, None)
    if not isinstance(state, LoopState):
        state = LoopState(loop)
        setattr(loop, _ATTRIBUTE, state)
        with _states_lock:
            stale = [each for each in _states if each.is_stale]
            _states.add(state)
        for each in stale:  # closed without being shut down
            each.abandon()
    return state


def _forget_in_child() -> None:
    # The copies only: the connections stay the parent's, and nothing is sent. A child that
    # kept them would keep a stream running that the parent has abandoned.
    for each in list(open_sockets):
        each.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
