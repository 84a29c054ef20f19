"""How a SOCKS proxy (version 5, RFC 1928 and 1929) is asked for a connection.

httpcore's own way waits for the proxy without a limit, leaves open what was refused, takes an
answer in two packets for none, and writes the password into its log. aiohttp has none.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, TypeAlias

import httpx

Dialog: TypeAlias = Generator[tuple[bytes, int], bytes, None]
"""Yields what to send and how many bytes come back, and is sent those."""

HUNG_UP: Final = "it hung up"
"""What is said of a proxy that does."""

_DEFAULT_PORT: Final = 1080
_NAME: Final = 3
_ADDRESS_SIZES: Final = {1: 4, 4: 16}


def address_of(proxy: httpx.Proxy) -> tuple[str, int]:
    """Return the host and port of a proxy."""
    return proxy.url.host, proxy.url.port or _DEFAULT_PORT


def is_socks(proxy: httpx.Proxy | None) -> bool:
    """Whether a proxy is one of SOCKS."""
    return proxy is not None and proxy.url.scheme.startswith("socks")


def ask_for(proxy: httpx.Proxy, host: str, port: int) -> Dialog:
    """Ask for a connection to a host, whose name the proxy looks up.

    Raises:
        OSError: The proxy refused, or does not speak SOCKS.
    """
    login = [part.encode() for part in proxy.auth or ()]
    method = 2 if login else 0
    if (yield bytes((5, 1, method)), 2) != bytes((5, method)):
        wanted = "does not take a user and password" if login else "wants another login than none"
        raise OSError(f"it does not speak SOCKS5, or {wanted}")
    if login and (yield b"\x01" + b"".join(map(_with_length, login)), 2)[1] != 0:
        raise OSError("it refused the user and password")
    target = _with_length(host.encode("ascii")) + port.to_bytes(2, "big")
    _, code, _, kind = yield bytes((5, 1, 0, _NAME)) + target, 4
    if code != 0:
        raise OSError(f"it did not connect to {host}:{port} (SOCKS code {code})")
    size = (yield b"", 1)[0] if kind == _NAME else _ADDRESS_SIZES.get(kind, 0)
    yield b"", size + 2  # the address that the proxy itself uses there


def _with_length(field: bytes) -> bytes:
    return len(field).to_bytes(1, "big") + field
