"""The guard that keeps the tests on this machine."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from environment import Loopback, is_on_this_machine


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "cloud.test"])
async def test_what_leaves_this_machine_is_refused_and_remembered(
    host: str, loopback: Loopback
) -> None:
    """By sockets, by event loops and by HTTP clients alike."""
    with pytest.raises(PermissionError, match="stay on loopback"):
        socket.create_connection((host, 9), timeout=1)
    with pytest.raises(PermissionError, match="stay on loopback"):
        await asyncio.open_connection(host, 9)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises((PermissionError, httpx.ConnectError)):
            await client.get(f"http://{host}/" if ":" not in host else f"http://[{host}]/")
    assert len(loopback.refused) >= 3
    assert all(repr(host) in line for line in loopback.refused)
    loopback.refused.clear()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", b"localhost", None])
def test_this_machine_is_let_through(host: object) -> None:
    """In every spelling that a library uses."""
    assert is_on_this_machine(host)
