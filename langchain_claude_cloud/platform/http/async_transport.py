"""Connections of event loops: httpx over aiohttp, with limits that hold.

aiohttp connects, encrypts, keeps connections and parses HTTP. What it has no setting for is here:
name resolution that the end of ``asyncio.run`` does not wait for, one limit for all that connecting
takes, one for the whole head of a response and one for each piece of its body, closing at once, and
failures that say what happened.
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
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from langchain_claude_cloud.platform.http import environment, loops
from langchain_claude_cloud.platform.timeouts import Timeouts, in_thread

_READ_SIZE = 16_384
_PIECE = _LONGEST_HEADER = 65_536
_AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
# After so long the server may have closed connections while the loop did not run; to see that
# takes two turns of the loop, too much for each of many requests.
_FRESH_SECONDS = 0.5

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
    for option in environment.SOCKET_OPTIONS:
        created.setsockopt(*option)
    loops.loop_state().remember_socket(created)
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
        used: Any = self.transport and self.transport.get_extra_info("socket")
        if used is not None:  # another handle on it: uvloop's own cannot be shut down
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
            keepalive_timeout=environment.KEEPALIVE_SECONDS,
            limit=environment.connection_limit(),
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


@dataclass(slots=True)
class Exchange:
    """One request on its way through aiohttp.

    Attributes:
        url: Where it goes, percent-encoded as it was signed; aiohttp would normalize it.
        timeouts: The limits.
        timer: Ends the wait for what comes next, up to the response's head.
        late: What the end of that wait is.
        response: The response, once it has begun.
    """

    url: str
    timeouts: Timeouts
    timer: asyncio.Timeout
    late: type[httpx.TimeoutException] = httpx.PoolTimeout
    response: aiohttp.ClientResponse | None = None

    def allow(self, seconds: float, late: type[httpx.TimeoutException]) -> None:
        """Limit the time for what comes next."""
        if self.response is None:
            self.late = late
            self.timer.reschedule(asyncio.get_running_loop().time() + seconds)


current_exchange: ContextVar[Exchange] = ContextVar("langchain_claude_cloud_exchange")
"""The request that the running task sends."""


async def _observe(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    exchange = current_exchange.get()
    request.url = type(request.url)(exchange.url, encoded=True)
    exchange.response = await handler(request)
    return exchange.response


async def _connect(*_: object) -> None:
    exchange = current_exchange.get()
    exchange.allow(exchange.timeouts.connect, httpx.ConnectTimeout)


async def _await_head(*_: object) -> None:
    exchange = current_exchange.get()
    exchange.allow(exchange.timeouts.start, httpx.ReadTimeout)


def _limits() -> aiohttp.TraceConfig:
    """Return what aiohttp calls when a request has come further."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(_connect)
    trace.on_connection_create_end.append(_await_head)
    trace.on_connection_reuseconn.append(_await_head)
    return trace


class Upload(httpx.AsyncByteStream):
    """A large request's body, in pieces of which each shows that the request gets on.

    aiohttp sends bytes in one go, and warns of those that are larger than a megabyte.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        exchange = current_exchange.get()
        for start in range(0, len(self._content), _PIECE):
            exchange.allow(exchange.timeouts.idle, httpx.WriteTimeout)
            yield self._content[start : start + _PIECE]
        await _await_head()


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
        self._connector = Connector(verify, look_up)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC_HEADERS,
            middlewares=(_observe,),
            trace_configs=[_limits()],
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            read_bufsize=_LONGEST_HEADER,
        )
        super().__init__(verify=verify or False, proxy=proxy, client=self._session)
        self._loop = asyncio.get_running_loop()
        self._used_at = 0.0
        loops.loop_state().sessions.add(self._session)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, its body unread."""
        timeouts: Timeouts = request.extensions["limits"]
        request.extensions["timeout"] = {}  # the timers are here
        if len(request.content) > _PIECE:
            request.stream = Upload(request.content)
            del request._content  # noqa: SLF001  else httpx_aiohttp takes that
        if self._loop.time() - self._used_at > _FRESH_SECONDS:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(None) as timer:
                exchange = Exchange(str(request.url), timeouts, timer)
                current_exchange.set(exchange)
                response = await super().handle_async_request(request)
        except TimeoutError:
            raise exchange.late("") from None
        except (httpx.HTTPError, aiohttp.ClientError, ValueError) as cause:
            raise _as_httpx(cause) from cause
        self._used_at = self._loop.time()
        if exchange.response is not None:
            response.stream = response.extensions["loop_body"] = LoopBody(exchange.response)
        return response

    async def aclose(self) -> None:
        """Close the connections that are not in use, and the others after use."""
        loops.loop_state().sessions.discard(self._session)
        self._connector.retire()
        self._session.detach()


def _with_header(proxy: httpx.Proxy) -> httpx.Proxy:
    """Return a proxy with its password as a header: aiohttp's own way is deprecated."""
    login = ":".join(proxy.auth or ()).encode()
    headers = {"Proxy-Authorization": f"Basic {b64encode(login).decode()}"}
    return httpx.Proxy(proxy.url, headers=headers)


class LoopBody(AsyncIterator[bytes], httpx.AsyncByteStream):
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
        # One timer for many pieces: to set and cancel one for each costs more than to parse it.
        self._ends = self._loop.time() + seconds
        if self._timer is None and not math.isinf(seconds):
            self._timer = self._loop.call_at(self._ends, self._check)
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

    def _check(self) -> None:
        self._timer = None
        if self._is_waiting and self._ends > self._loop.time():
            self._timer = self._loop.call_at(self._ends, self._check)
        elif self._is_waiting:
            self._response.content.set_exception(httpx.ReadTimeout(""))

    async def __anext__(self) -> bytes:
        """Return the next piece, however long it takes."""
        if piece := await self.read(math.inf):
            return piece
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Let go of the connection: closed at once unless all was read."""
        if self._timer is not None:
            self._timer.cancel()
        self._response.close()


_KINDS: tuple[tuple[type[BaseException], type[httpx.HTTPError]], ...] = (
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (UnicodeError, httpx.ConnectError),  # a host name that DNS does not take
    (ValueError, httpx.LocalProtocolError),
)
"""What a failure of aiohttp is for httpx; of any other the connection broke, a `ReadError`."""

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
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return f"{cause.status} {cause.message}"
    # aiohttp's own text of a malformed response has the URL, with the secret of a signed one.
    if isinstance(cause, aiohttp.ClientResponseError):
        return cause.message
    # Of a head that broke off, aiohttp shows the parts.
    is_cut = isinstance(cause, aiohttp.ServerDisconnectedError)
    return "Server disconnected" if is_cut else str(inner or cause)
