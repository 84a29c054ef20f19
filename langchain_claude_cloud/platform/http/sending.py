"""Sending a request to a cloud, from a thread or from an event loop.

Every failure becomes an error of this package that names the platform, model and region. There is
one attempt, and a second one with renewed credentials; the caller does the retries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial

import httpx

from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError
from langchain_claude_cloud.platform.base import HttpResponse, PlatformRequest
from langchain_claude_cloud.platform.http.byte_streams import AsyncByteStream, ByteStream
from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES, client_failure
from langchain_claude_cloud.platform.http.pool import call_ends, loop_transport, thread_transport
from langchain_claude_cloud.platform.timeouts import (
    aprepare,
    finite,
    in_single_flight,
    in_thread,
    prepare,
    within_call,
)

_NOT_RENEWED = "The credentials were not renewed"
# Hashing a body takes 0.8 ms a megabyte, which a loop can spare only once.
_LARGE_BODY = 1_000_000


def open_stream(request: PlatformRequest, client: httpx.Client | None = None) -> ByteStream:
    """Send a request and return its response's body as it comes.

    Args:
        request: What to send, and where.
        client: The caller's own client instead of the shared one.

    Returns:
        The body, an iterable of bytes, and the context manager that closes it.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    request.check()
    prepare(request.platform, request.timeouts)
    token = call_ends.set(time.monotonic() + request.timeouts.remaining())
    try:
        return _exchange(request, client)
    except Exception as cause:  # noqa: BLE001  a caller's client may raise anything
        problem = _problem(cause, request, client)
    finally:
        call_ends.reset(token)
    raise problem


async def aopen_stream(
    request: PlatformRequest, client: httpx.AsyncClient | None = None
) -> AsyncByteStream:
    """Send a request and return its response's body as it comes, as `open_stream` does.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    request.check()
    await aprepare(request.platform, request.timeouts)
    try:
        async with asyncio.timeout(finite(request.timeouts.remaining())):
            return await _aexchange(request, client)
    except Exception as cause:  # noqa: BLE001  a caller's client may raise anything
        problem = _problem(cause, request, client)
    raise problem


def _problem(
    cause: Exception, request: PlatformRequest, client: httpx.Client | httpx.AsyncClient | None
) -> Exception:
    """Return what to raise for what came of an exchange."""
    if isinstance(cause, ClaudeCloudError):
        return cause.with_traceback(None)  # whose frames hold the credentials
    if client is None and not isinstance(cause, TRANSPORT_FAILURES):
        return cause
    return client_failure(cause, request)


def _exchange(
    request: PlatformRequest, client: httpx.Client | None, *, may_renew: bool = True
) -> ByteStream:
    """Send the request; once more with other credentials if the cloud calls them expired."""
    platform = request.platform
    signed = platform.sign(request.request)
    built = _build(request, client, signed)
    if client is None:
        response = thread_transport(built.url, platform.ca_bundle).handle_request(built)
        response.request = built  # as a client does, for who stands in for the network
    else:
        response = client.send(built, auth=None, stream=True, follow_redirects=False)
    stream = ByteStream(response, request)
    if response.is_success:
        return stream
    error = request.refusal(stream.status, stream.headers, stream.read_refusal())
    if not may_renew or not platform.is_expired(error):
        raise error
    if not within_call(request.timeouts, partial(platform.refresh, signed), _NOT_RENEWED):
        raise error
    return _exchange(request, client, may_renew=False)


async def _aexchange(
    request: PlatformRequest, client: httpx.AsyncClient | None, *, may_renew: bool = True
) -> AsyncByteStream:
    """Send the request, as `_exchange` does; whatever may block runs in a thread."""
    platform, sign = request.platform, partial(request.platform.sign, request.request)
    signed = await in_thread(sign) if len(request.request.content) > _LARGE_BODY else sign()
    built = _build(request, client, signed)
    if client is None:
        pool = loop_transport(built.url, platform.ca_bundle)
        response = await pool.handle_async_request(built)
        response.request = built
    else:
        response = await client.send(built, auth=None, stream=True, follow_redirects=False)
    stream = AsyncByteStream(response, request)
    if response.is_success:
        return stream
    error = request.refusal(stream.status, stream.headers, await stream.read_refusal())
    if not may_renew or not platform.is_expired(error):
        raise error
    renew = partial(in_thread, partial(platform.refresh, signed))
    if not await in_single_flight(("refresh", platform.refresh), renew):
        raise error
    return await _aexchange(request, client, may_renew=False)


def _build(
    request: PlatformRequest,
    client: httpx.Client | httpx.AsyncClient | None,
    signed: Mapping[str, str],
) -> httpx.Request:
    """Return the request as a client or a transport of ours sends it."""
    outgoing, limits = request.request, request.timeouts
    timeout = httpx.Timeout(
        connect=limits.bounded(limits.connect),
        read=limits.bounded(limits.start),
        write=limits.bounded(limits.idle),
        pool=finite(limits.remaining()),
    )
    return (httpx.Request if client is None else client.build_request)(
        outgoing.method,
        outgoing.url,
        headers=request.headers(signed),
        content=outgoing.content,
        extensions={"timeout": timeout.as_dict(), "limits": limits},
    )


def send(request: PlatformRequest, client: httpx.Client | None = None) -> HttpResponse:
    """Send a request and read the whole response.

    Takes and raises what `open_stream` does.
    """
    with open_stream(request, client) as stream:
        return HttpResponse(stream.status, stream.headers, b"".join(stream))


async def asend(request: PlatformRequest, client: httpx.AsyncClient | None = None) -> HttpResponse:
    """Send a request and read the whole response, as `send` does, on an event loop.

    Takes and raises what `open_stream` does.
    """
    async with await aopen_stream(request, client) as stream:
        body = b"".join([piece async for piece in stream])
        return HttpResponse(stream.status, stream.headers, body)


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
