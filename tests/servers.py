"""What the servers of the tests have in common."""

from __future__ import annotations

import asyncio

_TURNS = 10


async def close_server(server: asyncio.Server) -> None:
    """Close a server once every connection that it accepted has its handler.

    That takes some turns of the loop, and asyncio leaks a connection whose server is closed before.
    """
    for listener in server.sockets:
        asyncio.get_running_loop().remove_reader(listener)
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    server.close()
