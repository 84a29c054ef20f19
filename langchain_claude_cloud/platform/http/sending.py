"""Sending a request to a cloud, from a thread or from an event loop.

Whatever goes wrong becomes an error of ours that names the platform, model and region. There is
one attempt, and one more with renewed credentials; retries are the caller's business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

import httpx

from langchain_claude_cloud.config.shapes import is_loopback
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.types import REQUEST_ID_HEADERS
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform
from langchain_claude_cloud.platform.http import failures
from langchain_claude_cloud.platform.http.auth import PlatformAuth, check_headers
from langchain_claude_cloud.platform.http.byte_streams import AsyncByteStream, ByteStream
from langchain_claude_cloud.platform.http.environment import user_agent
from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES, Where
from langchain_claude_cloud.platform.http.own_clients import failed_client, refused_by_hook
from langchain_claude_cloud.platform.http.pool import loop_client, thread_client
from langchain_claude_cloud.platform.http.sync_transport import call_ends
from langchain_claude_cloud.platform.http.timeouts import Timeouts, finite

RESPONSE_LIMIT = 64_000_000
"""How many bytes a response that is not streamed may have."""

_OK, _REDIRECT, _REFUSAL = 200, 300, 400


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
        if not _may_have_secrets(request.url):
            raise failures.insecure(where)
        limit = platform.max_body_bytes
        if len(request.content) > limit:
            raise failures.too_large(where, len(request.content), limit)
        check_headers(request.headers, where)
        defaults = {"user-agent": user_agent(), "accept-encoding": "identity"}
        complete = replace(request, headers={**defaults, **request.headers})
        return cls(platform, complete, where)

    def build(
        self, client: httpx.Client | httpx.AsyncClient, *, read: float | None
    ) -> httpx.Request:
        """Return the request.

        Args:
            client: Sends it.
            read: How long to wait for the answer to begin; None where the transport has timers.
        """
        limits = self.where.timeouts
        return client.build_request(
            self.outgoing.method,
            self.outgoing.url,
            headers=dict(self.outgoing.headers),
            content=self.outgoing.content,
            timeout=httpx.Timeout(
                connect=limits.connect, read=read, write=limits.idle, pool=self.wait()
            ),
            extensions={"limits": limits},
        )

    def wait(self) -> float | None:
        """Return how long to wait for one of the connections, of which there are so many."""
        return finite(self.where.timeouts.remaining)

    @property
    def ca_bundle(self) -> str | None:
        """Certificates that the platform's settings name."""
        return getattr(self.platform, "ca_bundle", None)

    def auth(self) -> PlatformAuth:
        return PlatformAuth(self.platform, self.outgoing, self.where)

    def failure(self, cause: Exception) -> ClaudeCloudError:
        """Return the error for what a client raised, perhaps the caller's own."""
        if isinstance(cause, httpx.HTTPStatusError):
            return refused_by_hook(cause, self.platform, self.where)
        if isinstance(cause, TRANSPORT_FAILURES):
            return failures.failure(cause, self.where, "start")
        return failed_client(cause, self.where)

    def problem(self, response: httpx.Response, auth: PlatformAuth) -> ClaudeCloudError | None:
        """Return what a response's status says is wrong, if anything."""
        if _OK <= response.status_code < _REDIRECT:
            return None
        if response.status_code >= _REFUSAL and auth.refusal is not None:
            return auth.refusal
        location = response.headers.get("location", "")
        return failures.redirected(self.where, response.status_code, location)


def _may_have_secrets(url: str) -> bool:
    """Whether credentials may go to a URL: over TLS, or to this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )


def _start(call: _Call, client: httpx.Client | None) -> httpx.Response:
    """Send a request and return its response, the body unread."""
    auth = call.auth()
    token = call_ends.set(time.monotonic() + call.where.timeouts.remaining)
    try:
        chosen = client or thread_client(call.outgoing.url, call.ca_bundle)
        request = call.build(chosen, read=call.where.timeouts.start)
        response = chosen.send(request, auth=auth, stream=True, follow_redirects=False)
    except ClaudeCloudError:
        raise
    except Exception as cause:
        if client is None and not isinstance(cause, TRANSPORT_FAILURES):
            raise
        problem = call.failure(cause)
    else:
        refusal = call.problem(response, auth)
        if refusal is None:
            return response
        response.close()
        problem = refusal
    finally:
        call_ends.reset(token)
    raise problem


async def _astart(call: _Call, client: httpx.AsyncClient | None) -> httpx.Response:
    auth = call.auth()
    try:
        async with asyncio.timeout(finite(call.where.timeouts.remaining)):
            chosen = client or loop_client(call.outgoing.url, call.ca_bundle)
            request = call.build(chosen, read=None if client is None else call.where.timeouts.start)
            response = await chosen.send(request, auth=auth, stream=True, follow_redirects=False)
    except ClaudeCloudError:
        raise
    except Exception as cause:
        if client is None and not isinstance(cause, TRANSPORT_FAILURES):
            raise
        problem = call.failure(cause)
    else:
        refusal = call.problem(response, auth)
        if refusal is None:
            return response
        await response.aclose()
        problem = refusal
    raise problem


def send(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.Client | None = None,
) -> HttpResponse:
    """Send a request and read the whole response.

    Args:
        platform: Signs the request and reads a refusal.
        request: The request, unsigned.
        model: The model's id on that cloud, for errors.
        timeouts: The limits.
        client: The caller's own client instead of the shared one.

    Returns:
        The response; its status is 2xx.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, or took too long.
    """
    call = _Call.check(platform, request, model=model, timeouts=timeouts, is_stream=False)
    with _Opened(call, client) as stream:
        pieces: list[bytes] = []
        left = RESPONSE_LIMIT
        for piece in stream:
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise failures.answer_too_large(call.where, RESPONSE_LIMIT)
        return HttpResponse(stream.status, stream.headers, b"".join(pieces))


async def asend(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.AsyncClient | None = None,
) -> HttpResponse:
    """Send a request and read the whole response, as `send` does, on an event loop.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, or took too long.
    """
    call = _Call.check(platform, request, model=model, timeouts=timeouts, is_stream=False)
    async with _AsyncOpened(call, client) as stream:
        pieces: list[bytes] = []
        left = RESPONSE_LIMIT
        async for piece in stream:
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise failures.answer_too_large(call.where, RESPONSE_LIMIT)
        return HttpResponse(stream.status, stream.headers, b"".join(pieces))


def open_stream(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.Client | None = None,
) -> AbstractContextManager[ByteStream]:
    """Send a request and give its response's body as it comes.

    Leaving the context normally, after the last event, drains what is left of the body (for
    a quarter of a second at most) so that the connection is used again; leaving it by an
    exception, ``GeneratorExit`` included, closes the connection at once.

    Args:
        platform: Signs the request and reads a refusal.
        request: The request, unsigned.
        model: The model's id on that cloud, for errors.
        timeouts: The limits.
        client: The caller's own client instead of the shared one.

    Returns:
        A context manager that yields the body, an iterable of bytes.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    call = _Call.check(platform, request, model=model, timeouts=timeouts, is_stream=True)
    return _Opened(call, client)


def aopen_stream(
    platform: Platform,
    request: OutgoingRequest,
    *,
    model: str,
    timeouts: Timeouts,
    client: httpx.AsyncClient | None = None,
) -> AbstractAsyncContextManager[AsyncByteStream]:
    """Send a request and give its response's body as it comes, as `open_stream` does.

    Cancellation closes the connection at once.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    call = _Call.check(platform, request, model=model, timeouts=timeouts, is_stream=True)
    return _AsyncOpened(call, client)


def _identify(error: BaseException, headers: Mapping[str, str]) -> None:
    """Let an error that came after the response's head name the request to the cloud's support."""
    if isinstance(error, ClaudeCloudError) and error.request_id is None:
        error.request_id = next(
            (headers[name] for name in REQUEST_ID_HEADERS if name in headers), None
        )


class _Opened(AbstractContextManager[ByteStream]):
    """A request that is sent when its context is entered."""

    def __init__(self, call: _Call, client: httpx.Client | None) -> None:
        self._call = call
        self._client = client

    def __enter__(self) -> ByteStream:
        self._stream = ByteStream(_start(self._call, self._client), self._call.where)
        return self._stream

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            self._stream.finish()
        else:
            self._stream.close()
            _identify(error, self._stream.headers)


class _AsyncOpened(AbstractAsyncContextManager[AsyncByteStream]):
    """The same on an event loop.

    It is no generator: asyncio closes all of them at the same time when a loop ends, and one that
    has another closed meanwhile gets in its way.
    """

    def __init__(self, call: _Call, client: httpx.AsyncClient | None) -> None:
        self._call = call
        self._client = client

    async def __aenter__(self) -> AsyncByteStream:
        response = await _astart(self._call, self._client)
        self._stream = AsyncByteStream(response, self._call.where)
        return self._stream

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            await self._stream.finish()
        else:
            await self._stream.aclose()
            _identify(error, self._stream.headers)
