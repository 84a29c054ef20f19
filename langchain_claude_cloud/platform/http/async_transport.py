"""Connections of event loops: httpx over aiohttp, with limits that hold.

aiohttp connects, encrypts, keeps connections and parses HTTP. What it has no setting for is here:
one limit for all that making a connection takes, one for the whole head of a response, name
resolution that the end of ``asyncio.run`` does not wait for, and closing at once.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeAlias

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from langchain_claude_cloud.platform.http.byte_streams import BODY
from langchain_claude_cloud.platform.http.environment import (
    KEEPALIVE_SECONDS,
    connection_limit,
    keepalive_options,
)
from langchain_claude_cloud.platform.http.loops import in_single_flight, loop_state
from langchain_claude_cloud.platform.http.timeouts import Timeouts, finite

LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[tuple[str, int]]]]
"""Turns a host name and a port into IP addresses and ports."""

_READ_SIZE = 16_384
_PIECE = _LONGEST_HEADER = 65_536
_AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
# After so long the server may have closed connections while the loop did not run; to see that
# takes two turns of the loop, too much for each of many requests.
_FRESH_SECONDS = 0.5


class _Exchange:
    """One request on its way through aiohttp.

    Attributes:
        url: Where it goes, percent-encoded as it was signed; aiohttp would normalize it.
        response: The response, once it has begun.
        is_uploading: Whether the request's body is on its way.
    """

    def __init__(self, url: str, timeouts: Timeouts, timer: asyncio.Timeout) -> None:
        self.url = url
        self.response: aiohttp.ClientResponse | None = None
        self.is_uploading = False
        self._timeouts = timeouts
        self._timer = timer

    def allow_upload(self) -> None:
        """Limit the time for the next piece of the request's body."""
        self.is_uploading = True
        self._allow(self._timeouts.idle)

    def allow_start(self) -> None:
        """Limit the time until the response's head is there."""
        self.is_uploading = False
        self._allow(self._timeouts.start)

    def _allow(self, seconds: float) -> None:
        if self.response is None:
            self._timer.reschedule(asyncio.get_running_loop().time() + seconds)


_current: ContextVar[_Exchange] = ContextVar("langchain_claude_cloud_exchange")


async def _observe(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    exchange = _current.get()
    request.url = type(request.url)(exchange.url, encoded=True)
    exchange.response = await handler(request)
    return exchange.response


class Upload(httpx.AsyncByteStream):
    """A large request's body, in pieces of which each shows that the request gets on.

    aiohttp sends bytes in one go, and warns of those that are larger than a megabyte.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        exchange = _current.get()
        for start in range(0, len(self._content), _PIECE):
            exchange.allow_upload()
            yield self._content[start : start + _PIECE]
        exchange.allow_start()


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
    found = await in_single_flight(("look up", ask, host, port), work)
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
    for option in keepalive_options():
        created.setsockopt(*option)
    loop_state().remember_socket(created)
    return created


def _close_at_once(protocol: aiohttp.client_proto.ResponseHandler) -> None:
    """Close a connection, even if the loop is kept busy from now on.

    `protocol.close` waits up to half a minute for the other side to say goodbye.
    """
    if protocol.transport is not None:
        with suppress(OSError):
            protocol.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        protocol.abort()


class _Protocol(aiohttp.client_proto.ResponseHandler):
    """aiohttp's side of a connection, which lets no reader wait for a body that is damaged."""

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Note what ends the connection."""
        super().set_exception(exc, *cause)
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(exc)


class _Connector(aiohttp.TCPConnector):
    """aiohttp's pool, with one limit for all that making a connection takes."""

    _used_at = 0.0

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  aiohttp's own
        super().__init__(**options)
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
        _current.get().allow_start()
        return connection

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's signature
    ) -> aiohttp.client_proto.ResponseHandler:
        async with asyncio.timeout(timeout.sock_connect):
            return await super()._create_connection(req, traces, timeout)

    def _release(
        self,
        key: aiohttp.client_reqrep.ConnectionKey,
        protocol: aiohttp.client_proto.ResponseHandler,
        *,
        should_close: bool = False,
    ) -> None:
        if should_close or self._force_close or protocol.should_close:
            _close_at_once(protocol)
        super()._release(key, protocol, should_close=should_close)

    def retire(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        self._force_close = True
        for connections in self._conns.values():
            for protocol, _ in connections:
                _close_at_once(protocol)
        self._conns.clear()


class LoopTransport(AiohttpTransport):
    """Connections to one endpoint, for the tasks of one event loop.

    Args:
        verify: The TLS context; None for an endpoint without TLS.
        proxy: The proxy, if there is one.
        look_up: Finds a host's addresses.
    """

    def __init__(
        self,
        verify: ssl.SSLContext | None,
        proxy: httpx.Proxy | None = None,
        look_up: LookUp = look_up,
    ) -> None:
        proxy = _with_header(proxy) if proxy is not None and proxy.auth is not None else proxy
        super().__init__(verify=verify or False, proxy=proxy, client=self._new_session)
        self._look_up = look_up

    def _new_session(self) -> aiohttp.ClientSession:
        connector = _Connector(
            ssl=self.ssl_context,
            resolver=_Resolver(self._look_up),
            keepalive_timeout=KEEPALIVE_SECONDS,
            limit=connection_limit(),
            socket_factory=_new_socket,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC_HEADERS,
            middlewares=(_observe,),
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            read_bufsize=_LONGEST_HEADER,
        )
        loop_state().sessions.add(session)
        return session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, its body unread."""
        timeouts: Timeouts = request.extensions["limits"]
        # The head and the body have timers here.
        waits = {"connect": timeouts.connect, "pool": finite(timeouts.remaining())}
        request.extensions["timeout"] = waits
        if len(request.content) > _PIECE:
            request.stream = Upload(request.content)
            del request._content  # noqa: SLF001  else httpx_aiohttp takes that
        try:
            async with asyncio.timeout(None) as timer:
                exchange = _Exchange(str(request.url), timeouts, timer)
                _current.set(exchange)
                response = await super().handle_async_request(request)
        except TimeoutError:
            kind = httpx.WriteTimeout if exchange.is_uploading else httpx.ReadTimeout
            raise kind("") from None
        except (httpx.HTTPError, aiohttp.ClientError, ValueError) as cause:
            raise _as_httpx(cause) from cause
        if exchange.response is not None:
            response.stream = LoopBody(exchange.response)
            response.extensions[BODY] = response.stream
        return response

    async def retire(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        session, self.client = self.client, self._new_session
        if isinstance(session, aiohttp.ClientSession):
            loop_state().sessions.discard(session)
            if isinstance(session.connector, _Connector):
                session.connector.retire()
            session.detach()


class SocksTransport(httpx.AsyncHTTPTransport):
    """Connections through a SOCKS proxy, which aiohttp does not speak to."""

    async def retire(self) -> None:
        """Close the connections."""
        await self.aclose()


def new_loop_transport(
    verify: ssl.SSLContext | None, proxy: httpx.Proxy | None
) -> LoopTransport | SocksTransport:
    """Return new connections for the running loop; the arguments are those of the first class."""
    if proxy is not None and proxy.url.scheme.startswith("socks"):
        return SocksTransport(verify=verify or False, proxy=proxy)
    return LoopTransport(verify, proxy)


def _with_header(proxy: httpx.Proxy) -> httpx.Proxy:
    """Return a proxy with its password as a header: aiohttp's own way is deprecated."""
    login = ":".join(proxy.auth or ()).encode()
    headers = {"Proxy-Authorization": f"Basic {b64encode(login).decode()}"}
    return httpx.Proxy(proxy.url, headers=headers)


class LoopBody(httpx.AsyncByteStream):
    """A response's body.

    It is no generator: when a loop ends, asyncio closes all generators at the same time, and one
    that has another closed meanwhile gets in its way.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._failure: httpx.HTTPError | None = None
        self._ends = math.inf
        self._is_waiting = False
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, seconds: float) -> bytes:
        """Return the next piece, or nothing at the end.

        Args:
            seconds: How long to wait for it.

        Raises:
            httpx.HTTPError: The body broke off or went silent.
        """
        if self._failure is not None:
            raise self._failure
        self._limit(self._loop.time() + seconds)
        content = self._response.content
        try:
            self._is_waiting = True
            piece = await content.read(_READ_SIZE)
        except (httpx.ReadTimeout, *_FAILURES) as cause:
            # What came before the fault is not lost.
            self._failure = _as_httpx(cause)
            piece = content._read_nowait(-1)  # noqa: SLF001  the public one raises first
            if not piece:
                raise self._failure from self._failure.__cause__
        finally:
            self._is_waiting = False
        return piece

    def _limit(self, ends: float) -> None:
        # One timer for many pieces: to set and cancel one for each costs more than to parse it.
        self._ends = ends
        if self._timer is not None and self._timer.when() > ends:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and not math.isinf(ends):
            self._timer = self._loop.call_at(ends, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._is_waiting and self._ends > self._loop.time():
            self._timer = self._loop.call_at(self._ends, self._check)
        elif self._is_waiting:
            self._response.content.set_exception(httpx.ReadTimeout(""))

    def close(self) -> None:
        """Let go of the connection: closed at once unless all was read."""
        if self._timer is not None:
            self._timer.cancel()
        self._response.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if piece := await self.read(math.inf):
            return piece
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close it, as httpx wants it."""
        self.close()


_KINDS: tuple[tuple[type[BaseException], type[httpx.HTTPError]], ...] = (
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.http.HttpProcessingError, httpx.RemoteProtocolError),
    (aiohttp.ClientError, httpx.ReadError),
    (OSError, httpx.ReadError),
    (RuntimeError, httpx.ReadError),
    (UnicodeError, httpx.ConnectError),  # a host name that DNS does not take
    (ValueError, httpx.LocalProtocolError),
)


_FAILURES = (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError, RuntimeError)


def _as_httpx(cause: BaseException) -> httpx.HTTPError:
    """Return what httpx calls a failure of aiohttp.

    `httpx_aiohttp` takes a lost and a refused connection for a timeout.
    """
    if isinstance(cause, httpx.ReadTimeout):
        return cause  # our own
    if isinstance(cause, httpx.HTTPError) and cause.__cause__ is not None:
        cause = cause.__cause__
    kind = next((kind for known, kind in _KINDS if isinstance(cause, known)), httpx.ReadError)
    found = kind(_text(cause))
    found.__cause__ = cause
    return found


def _text(cause: BaseException) -> str:
    """Say why a connection failed, as blocking sockets do: asyncio says only that it did."""
    inner = getattr(cause, "os_error", None)
    code = (inner.errno or 0) if isinstance(inner, OSError) else 0
    if code in errno.errorcode and not isinstance(inner, socket.gaierror | ssl.SSLError):
        return f"[Errno {code}] {os.strerror(code)}"
    return str(inner or cause)
