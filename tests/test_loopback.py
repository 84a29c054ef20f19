"""The guard that keeps the tests on this machine."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from environment import Loopback, is_on_this_machine


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.com"])
async def test_what_leaves_this_machine_is_refused_and_remembered(
    host: str, loopback: Loopback
) -> None:
    """By sockets, by event loops and by HTTP clients alike."""
    with pytest.raises(OSError, match="stay on loopback"):
        socket.create_connection((host, 9), timeout=1)
    with pytest.raises(OSError, match="stay on loopback"):
        await asyncio.open_connection(host, 9)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises((OSError, httpx.ConnectError)):
            await client.get(f"http://{host}/" if ":" not in host else f"http://[{host}]/")
    assert len(loopback.refused) >= 3
    assert set(loopback.refused) == {host}
    loopback.refused.clear()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "LOCALHOST.", b"localhost", None]
)
def test_this_machine_is_let_through(host: object) -> None:
    """In every spelling that a library uses."""
    assert is_on_this_machine(host)


def test_a_name_that_is_never_there_may_be_looked_up(loopback: Loopback) -> None:
    """The answer is the one that every resolver must give, without asking any."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("no-such-host.invalid", 443)
    assert loopback.refused == []


@pytest.mark.parametrize("name", ["192.0.2.1", "2001:db8::1", "0x7f.1"])
def test_an_address_may_be_looked_up(name: str, loopback: Loopback) -> None:
    """It is a number already, so nobody is asked."""
    assert socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    assert loopback.refused == []
