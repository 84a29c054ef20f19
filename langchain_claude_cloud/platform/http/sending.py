"""Sending a request to a cloud, from a thread or from an event loop.

Every failure becomes an error of this package that names the platform, model and region. There is
one attempt, and a second one with renewed credentials; the caller does the retries.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Self
from urllib.parse import urlsplit

import httpx

from langchain_claude_cloud.config.checks import is_loopback
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform
from langchain_claude_cloud.platform.http import failures
from langchain_claude_cloud.platform.http.byte_streams import AsyncByteStream, ByteStream
from langchain_claude_cloud.platform.http.environment import USER_AGENT
from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES, Where
from langchain_claude_cloud.platform.http.loops import in_single_flight, in_thread
from langchain_claude_cloud.platform.http.pool import loop_transport, thread_transport
from langchain_claude_cloud.platform.http.preparing import aprepare, prepare, within_call
from langchain_claude_cloud.platform.http.sync_transport import call_ends
from langchain_claude_cloud.platform.timeouts import Timeouts, finite

RESPONSE_LIMIT = 64_000_000
"""How many bytes a response that is not streamed may have."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Hashing a body takes 0.8 ms a megabyte, which a loop can spare only once.
_LARGE_BODY = 1_000_000


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response that was read to its end.

    Attributes:
        status: The HTTP status: 2xx.
        headers: Header names, in lower case, to values.
        body: The body's bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Call:
    """One request on its way: what both the threads' and the tasks' side need."""

    platform: Platform
    outgoing: OutgoingRequest
    where: Where

    @classmethod
    def check(
        cls,
        platform: Platform,
        request: OutgoingRequest,
        *,
        model: str,
        timeouts: Timeouts,
        is_stream: bool,
    ) -> Self:
        """Refuse what must not be sent, before credentials are even loaded."""
        where = Where(platform.name, platform.region, model, request.url, is_stream, timeouts)
        parts = urlsplit(request.url)
        host = parts.hostname or ""
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        if not host or not is_safe:
            raise failures.insecure(where)
        limit = platform.max_body_bytes
        if len(request.content) > limit:
            raise failures.too_large(where, len(request.content), limit)
        defaults = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
        headers = _checked({**defaults, **request.headers}, where)
        return cls(platform, replace(request, headers=headers), where)

    def sign(self) -> dict[str, str]:
        """Return the credential headers."""
        return _checked(self.platform.sign(self.outgoing), self.where)

    def build(
        self, client: httpx.Client | httpx.AsyncClient | None, signed: Mapping[str, str]
    ) -> httpx.Request:
        """Return the request as a client or a transport of ours sends it."""
        limits = self.where.timeouts
        timeout = httpx.Timeout(
            connect=limits.bounded(limits.connect),
            read=limits.bounded(limits.start),
            write=limits.bounded(limits.idle),
            pool=finite(limits.remaining()),
        )
        return (httpx.Request if client is None else client.build_request)(
            self.outgoing.method,
            self.outgoing.url,
            headers={**self.outgoing.headers, **signed},
            content=self.outgoing.content,
            extensions={"timeout": timeout.as_dict(), "limits": limits},
        )

    def failure(self, cause: Exception) -> ClaudeCloudError:
        """Return the error for what a client raised, perhaps the caller's own."""
        if isinstance(cause, httpx.HTTPStatusError):  # a hook of the caller's client
            response = cause.response
            body = response.content if response.is_stream_consumed else b""
            return failures.refused(
                self.platform, self.where, response.status_code, dict(response.headers), body
            )
        if isinstance(cause, TRANSPORT_FAILURES):
            return failures.failure(cause, self.where, "start")
        return failures.failed_client(cause, self.where)


def _checked(headers: dict[str, str], where: Where) -> dict[str, str]:
    """Refuse headers that HTTP cannot carry, before a library quotes them."""
    for name, value in headers.items():
        is_sound = value.isascii() and (value.isprintable() or not value)
        if not (is_sound and _HEADER_NAME.fullmatch(name)):
            raise failures.bad_header(where, name)
    return headers


def open_stream(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.Client | None = None,
    is_stream: bool = True,
) -> ByteStream:
    """Send a request and return its response's body as it comes.

    Args:
        platform: Signs the request and reads a refusal.
        request: The request, unsigned.
        model: The model's id on that cloud, for errors.
        timeouts: The limits.
        client: The caller's own client instead of the shared one.
        is_stream: Whether the response is made piece by piece; else it is asked for only once.

    Returns:
        The body, an iterable of bytes, and the context manager that closes it.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    call = _Call.check(platform, request, model=model, timeouts=timeouts, is_stream=is_stream)
    prepare(platform, timeouts)
    token = call_ends.set(time.monotonic() + timeouts.remaining())
    try:
        return _exchange(call, client)
    except ClaudeCloudError as cause:
        problem = cause.with_traceback(None)  # whose frames hold the credentials
    except Exception as cause:
        if client is None and not isinstance(cause, TRANSPORT_FAILURES):
            raise
        problem = call.failure(cause)
    finally:
        call_ends.reset(token)
    raise problem


def _exchange(call: _Call, client: httpx.Client | None) -> ByteStream:
    """Send the request; once more with other credentials if the cloud calls them expired."""
    may_renew = True
    while True:
        signed = call.sign()
        request = call.build(client, signed)
        if client is None:
            pool = thread_transport(call.outgoing.url, call.platform.ca_bundle)
            response = pool.handle_request(request)
            response.request = request  # as a client does, for who stands in for the network
        else:
            response = client.send(request, auth=None, stream=True, follow_redirects=False)
        stream = ByteStream(response, call.where)
        if response.is_success:
            return stream
        body = stream.read_refusal()
        error = failures.refused(call.platform, call.where, stream.status, stream.headers, body)
        renew = partial(call.platform.refresh, signed)
        if not (
            may_renew
            and call.platform.is_expired(error)
            and within_call(call.where.timeouts, renew, "The credentials were not renewed")
        ):
            raise error
        may_renew = False


async def aopen_stream(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.AsyncClient | None = None,
    is_stream: bool = True,
) -> AsyncByteStream:
    """Send a request and return its response's body as it comes, as `open_stream` does.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    call = _Call.check(platform, request, model=model, timeouts=timeouts, is_stream=is_stream)
    await aprepare(platform, timeouts)
    try:
        async with asyncio.timeout(finite(timeouts.remaining())):
            return await _aexchange(call, client)
    except ClaudeCloudError as cause:
        problem = cause.with_traceback(None)  # whose frames hold the credentials
    except Exception as cause:
        if client is None and not isinstance(cause, TRANSPORT_FAILURES):
            raise
        problem = call.failure(cause)
    raise problem


async def _aexchange(call: _Call, client: httpx.AsyncClient | None) -> AsyncByteStream:
    """Send the request, as `_exchange` does; whatever may block runs in a thread."""
    is_large = len(call.outgoing.content) > _LARGE_BODY
    may_renew = True
    while True:
        signed = await in_thread(call.sign) if is_large else call.sign()
        request = call.build(client, signed)
        if client is None:
            pool = loop_transport(call.outgoing.url, call.platform.ca_bundle)
            response = await pool.handle_async_request(request)
            response.request = request
        else:
            response = await client.send(request, auth=None, stream=True, follow_redirects=False)
        stream = AsyncByteStream(response, call.where)
        if response.is_success:
            return stream
        body = await stream.read_refusal()
        error = failures.refused(call.platform, call.where, stream.status, stream.headers, body)
        renew = partial(call.platform.refresh, signed)
        if not (
            may_renew
            and call.platform.is_expired(error)
            and await in_single_flight(("refresh", call.platform.refresh), renew)
        ):
            raise error
        may_renew = False


def send(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.Client | None = None,
) -> HttpResponse:
    """Send a request and read the whole response.

    Takes and raises what `open_stream` does.
    """
    with open_stream(
        platform, request, model=model, timeouts=timeouts, client=client, is_stream=False
    ) as stream:
        body = bytearray()
        for piece in stream:
            body += piece
            if len(body) > RESPONSE_LIMIT:
                raise failures.answer_too_large(stream.where, RESPONSE_LIMIT)
        return HttpResponse(stream.status, stream.headers, bytes(body))


async def asend(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.AsyncClient | None = None,
) -> HttpResponse:
    """Send a request and read the whole response, as `send` does, on an event loop.

    Takes and raises what `open_stream` does.
    """
    async with await aopen_stream(
        platform, request, model=model, timeouts=timeouts, client=client, is_stream=False
    ) as stream:
        body = bytearray()
        async for piece in stream:
            body += piece
            if len(body) > RESPONSE_LIMIT:
                raise failures.answer_too_large(stream.where, RESPONSE_LIMIT)
        return HttpResponse(stream.status, stream.headers, bytes(body))


def check_client(name: str, client: object, *, is_async: bool) -> None:
    """Refuse a client of the caller's that cannot send anything.

    Args:
        name: The argument that it was given as.
        client: The client.
        is_async: Whether it is for calls on an event loop.

    Raises:
        ConfigurationError: It is no client of the wanted kind, or it is closed.
    """
    kind = httpx.AsyncClient if is_async else httpx.Client
    if not isinstance(client, kind):
        raise ConfigurationError(
            f"{name} is a {type(client).__module__}.{type(client).__qualname__}: give an "
            f"httpx.{kind.__name__}."
        )
    if client.is_closed:
        raise ConfigurationError(
            f"{name} is closed: keep it open as long as the model is used, or leave it out."
        )
