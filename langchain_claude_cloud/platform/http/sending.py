"""Sending a request to a cloud, from a thread or from an event loop.

In: a platform, a request, limits. Out: the response, or its body as a stream of bytes; and
whatever goes wrong as an error of ours that names the platform, model and region. One
attempt, plus one more with renewed credentials; retries are the caller's business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import httpx

from langchain_claude_cloud.config.shapes import is_loopback
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.types import REQUEST_ID_HEADERS
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform
from langchain_claude_cloud.platform.http import failures
from langchain_claude_cloud.platform.http.auth import PlatformAuth, check_headers
from langchain_claude_cloud.platform.http.bodies import open_async_body, open_body
from langchain_claude_cloud.platform.http.byte_streams import AsyncByteStream, ByteStream
from langchain_claude_cloud.platform.http.environment import user_agent
from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES, Where
from langchain_claude_cloud.platform.http.pool import loop_client, thread_client
from langchain_claude_cloud.platform.http.timeouts import Timeouts

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
        complete = OutgoingRequest(
            request.method, request.url, {**defaults, **request.headers}, request.content
        )
        return cls(platform, complete, where)

    def build(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        timeouts = self.where.timeouts
        return client.build_request(
            self.outgoing.method,
            self.outgoing.url,
            headers=dict(self.outgoing.headers),
            content=self.outgoing.content,
            timeout=httpx.Timeout(
                connect=timeouts.connect,
                read=timeouts.start,
                write=timeouts.idle,
                pool=timeouts.start,
            ),
        )

    def auth(self) -> PlatformAuth:
        return PlatformAuth(self.platform, self.outgoing, self.where)

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
    try:
        chosen = client or thread_client(call.outgoing.url)
        response = chosen.send(call.build(chosen), auth=auth, stream=True, follow_redirects=False)
    except TRANSPORT_FAILURES as cause:
        problem = failures.failure(cause, call.where, "start")
    else:
        refusal = call.problem(response, auth)
        if refusal is None:
            return response
        response.close()
        problem = refusal
    raise problem


async def _astart(call: _Call, client: httpx.AsyncClient | None) -> httpx.Response:
    auth = call.auth()
    try:
        chosen = client or loop_client(call.outgoing.url)
        response = await chosen.send(
            call.build(chosen), auth=auth, stream=True, follow_redirects=False
        )
    except TRANSPORT_FAILURES as cause:
        problem = failures.failure(cause, call.where, "start")
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
    with _opened(call, client) as stream:
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
    async with _aopened(call, client) as stream:
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
        A context that gives the body, which is iterated for bytes of any length.

    Raises:
        ClaudeCloudError: The cloud refused, was not reached, took too long or broke off.
    """
    call = _Call.check(platform, request, model=model, timeouts=timeouts, is_stream=True)
    return _opened(call, client)


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
    return _aopened(call, client)


def _identify(error: BaseException, headers: Mapping[str, str]) -> None:
    """Let an error that came after the response's head name the request to the cloud's support."""
    if isinstance(error, ClaudeCloudError) and error.request_id is None:
        error.request_id = next(
            (headers[name] for name in REQUEST_ID_HEADERS if name in headers), None
        )


@contextmanager
def _opened(call: _Call, client: httpx.Client | None) -> Iterator[ByteStream]:
    response = _start(call, client)
    stream = ByteStream(response, open_body(response), call.where)
    try:
        yield stream
    except BaseException as error:
        stream.close()
        _identify(error, stream.headers)
        raise
    stream.finish()


@asynccontextmanager
async def _aopened(call: _Call, client: httpx.AsyncClient | None) -> AsyncIterator[AsyncByteStream]:
    response = await _astart(call, client)
    stream = AsyncByteStream(response, open_async_body(response), call.where)
    try:
        yield stream
    except BaseException as error:
        await stream.aclose()
        _identify(error, stream.headers)
        raise
    await stream.finish()
