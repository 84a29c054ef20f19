"""Servers that do exactly the wrong thing, and count what they see of their clients.

They count connections and requests, and connections that are still open. All listeners of a
process share one thread; each case of a test has a listener, and so a port, of its own.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self, TypeAlias
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fault_wire import Break, Step
from servers import close_server

_PATIENCE: Final = 10.0
# Zero seconds of lingering: closing sends a reset, and drops what was not sent yet.
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Heard:
    """A request that a listener read.

    Attributes:
        number: Its number at this listener, from 1.
        head: Its head, with the empty line.
        body: Its body.
    """

    number: int
    head: bytes
    body: bytes


@dataclass(frozen=True)
class Relay:
    """An answer that another server gives, byte for byte.

    Attributes:
        url: Any URL of that server.
    """

    url: str


Reply: TypeAlias = Iterable[Step] | Relay
Handler: TypeAlias = Callable[[Heard], Reply]
"""Says what a listener does with a request."""


class Listener:
    """One port, what comes to it, and what became of it.

    Args:
        handler: Answers requests.
        greeting: What happens as soon as a client has sent anything, instead of HTTP.
        tls: The server's side of TLS, if it speaks that.

    Attributes:
        requests: The requests that were read.
        opened: How many connections were accepted.
        closed: How many of them are closed again, by either side.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        greeting: Iterable[Step] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handler = handler
        self._greeting = greeting
        self._tls = tls
        self._changed = threading.Condition()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Heard] = []
        self.opened = 0
        self.closed = 0
        self.port = 0

    @property
    def origin(self) -> str:
        """The listener's address, without a path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections are open."""
        return self.opened - self.closed

    def wait_until_open(self, count: int) -> int:
        """Wait until so many connections are open, and return how many are."""
        with self._changed:
            self._changed.wait_for(lambda: self.open == count, _PATIENCE)
            return self.open

    async def start(self) -> None:
        """Begin to listen; on the servers' loop."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=128)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and break what is open; on the servers' loop."""
        if self._server is not None:
            await close_server(self._server)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._count(opened=1)
        try:
            if self._tls is not None:
                await writer.start_tls(self._tls)
            await self._converse(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._count(closed=1)

    def _count(self, *, opened: int = 0, closed: int = 0) -> None:
        with self._changed:
            self.opened += opened
            self.closed += closed
            self._changed.notify_all()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._greeting is not None:
            await reader.read(1)
            await _perform(self._greeting, reader, writer)
            return
        upstream = _Upstream(writer)
        try:
            while True:
                heard = await self._read(reader)
                reply = self._handler(heard)
                if isinstance(reply, Relay):
                    await upstream.forward(reply, heard)
                elif not await _perform(reply, reader, writer):
                    return
        finally:
            await upstream.close()

    async def _read(self, reader: asyncio.StreamReader) -> Heard:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        sizes = [line.partition(":")[2] for line in lines if line.startswith("content-length:")]
        body = await reader.readexactly(int(sizes[0]) if sizes else 0)
        with self._changed:
            heard = Heard(len(self.requests) + 1, head, body)
            self.requests.append(heard)
        return heard


async def _perform(
    steps: Iterable[Step], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Do what the steps say; whether the connection may be used for another request."""
    for step in steps:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
            continue
        if isinstance(step, float):
            await asyncio.sleep(step)
            continue
        if step is Break.RESET:
            _reset(writer)
            return False
        if step is Break.CLOSE:
            writer.write_eof()
        # Nothing more is said; the client is to go away.
        while await reader.read(65_536):
            pass
        return False
    return True


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


class _Upstream:
    """The connection to another server that one client's requests are passed on to."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self._client = client
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def forward(self, relay: Relay, heard: Heard) -> None:
        """Pass a request on; its answer goes to the client as it comes."""
        if self._writer is None:
            parts = urlsplit(relay.url)
            reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port)
            self._task = asyncio.create_task(self._pass_back(reader))
        self._writer.write(heard.head + heard.body)
        await self._writer.drain()

    async def _pass_back(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(65_536):
                self._client.write(data)
                await self._client.drain()
        except OSError:
            pass
        # The other side broke off: so does this one.
        self._client.transport.abort()

    async def close(self) -> None:
        """Break the connection, if there is one."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()


@dataclass
class Servers:
    """The thread that all listeners of a process run in. A context."""

    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, name="faults", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(_settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def _run(self, work: Awaitable[None]) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(work), self._loop).result(_PATIENCE)

    def start(self, listener: Listener) -> Listener:
        """Begin to listen."""
        self._run(listener.start())
        return listener

    def stop(self, listener: Listener) -> None:
        """Stop listening."""
        self._run(listener.stop())


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _settle() -> None:
    # Connections that were aborted tell their protocols on the loop's next turns.
    for _ in range(5):
        await asyncio.sleep(0)


@contextmanager
def nobody() -> Iterator[int]:
    """Give a port on which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        yield port


@cache
def tls_of_nobody() -> ssl.SSLContext:
    """Return a server's TLS context, with a certificate that no client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=2120))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pair.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        context.load_cert_chain(path)
    return context
