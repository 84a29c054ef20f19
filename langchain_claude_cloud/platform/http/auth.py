"""Signing, as httpx does authentication.

A platform's `httpx.Auth` prepares credentials, signs, and where the cloud calls them expired
renews them once and sends again. On an event loop whatever may block runs in a thread, once for
all tasks that wait for it.
"""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import suppress
from functools import partial

import httpx

from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform
from langchain_claude_cloud.platform.http.byte_streams import set_read_timeout
from langchain_claude_cloud.platform.http.failures import (
    TRANSPORT_FAILURES,
    Where,
    bad_header,
)
from langchain_claude_cloud.platform.http.loops import in_single_flight, in_thread
from langchain_claude_cloud.platform.http.preparing import aprepare, prepare, within_call
from langchain_claude_cloud.platform.http.sync_transport import DeadlineStream

ERROR_BODY_LIMIT = 1_000_000
"""How many bytes of a refusal are read."""

# Hashing a body takes 0.8 ms a megabyte, which a loop can spare only once.
_LARGE_BODY = 1_000_000
_FIRST_REFUSAL = 400
_FIRST_UNANSWERED = 300
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ANY_WRAPPER = 47  # zlib's number for "gzip or zlib, as the first bytes say"
# The status is known already; the text is not worth a long wait.
_REFUSAL_SECONDS = 10.0


def check_headers(headers: Mapping[str, str], where: Where) -> None:
    """Refuse headers that HTTP cannot carry, before a library quotes them.

    Raises:
        ConfigurationError: A name or a value holds a line break or the like.
    """
    for name, value in headers.items():
        is_sound = value.isascii() and (value.isprintable() or not value)
        if not (is_sound and _HEADER_NAME.fullmatch(name)):
            raise bad_header(where, name)


class PlatformAuth(httpx.Auth):
    """Signs one request, whichever client sends it.

    Attributes:
        refusal: What the last response says, if it is a refusal; its body has been read.
    """

    def __init__(self, platform: Platform, outgoing: OutgoingRequest, where: Where) -> None:
        self._platform = platform
        self._outgoing = outgoing
        self._where = where
        self.refusal: ClaudeCloudError | None = None

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign and send; on expired credentials, renew them and send once more."""
        prepare(self._platform, self._where.timeouts)
        used = self._apply(request, self._platform.sign(self._outgoing), {})
        response = yield request
        if response.status_code < _FIRST_UNANSWERED:
            return
        self._note(response, self._read(response))
        if not self._is_expired() or not self._refresh(used):
            return
        self._apply(request, self._platform.sign(self._outgoing), used)
        response = yield request
        self._note(response, self._read(response))

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign and send; on expired credentials, renew them and send once more."""
        await aprepare(self._platform, self._where.timeouts)
        used = self._apply(request, await self._sign(), {})
        response = yield request
        if response.status_code < _FIRST_UNANSWERED:
            return
        self._note(response, await self._aread(response))
        if not self._is_expired() or not await self._arefresh(used):
            return
        self._apply(request, await self._sign(), used)
        response = yield request
        self._note(response, await self._aread(response))

    async def _sign(self) -> dict[str, str]:
        if len(self._outgoing.content) > _LARGE_BODY:
            return await in_thread(partial(self._platform.sign, self._outgoing))
        return self._platform.sign(self._outgoing)

    def _refresh(self, used: Mapping[str, str]) -> bool:
        renew = partial(self._platform.refresh, used)
        return within_call(self._where.timeouts, renew, "The credentials were not renewed")

    async def _arefresh(self, used: Mapping[str, str]) -> bool:
        renew = partial(self._platform.refresh, used)
        return await in_single_flight(("refresh", self._platform.refresh), renew)

    def _apply(
        self, request: httpx.Request, signed: dict[str, str], used: Mapping[str, str]
    ) -> dict[str, str]:
        check_headers(signed, self._where)
        for name in used:
            request.headers.pop(name, None)
        request.headers.update(signed)
        return signed

    def _is_expired(self) -> bool:
        return self.refusal is not None and self._platform.is_expired(self.refusal)

    def _note(self, response: httpx.Response, body: bytes) -> None:
        self.refusal = None
        if response.status_code >= _FIRST_REFUSAL:
            self.refusal = self._platform.read_error(
                response.status_code, dict(response.headers), body, model=self._where.model
            )

    def _read(self, response: httpx.Response) -> bytes:
        """Read a refusal's body, as far as it comes; leave the body of an answer alone."""
        if response.status_code < _FIRST_UNANSWERED:
            return b""
        seconds = min(self._where.timeouts.idle, _REFUSAL_SECONDS)
        set_read_timeout(response, seconds)
        network = response.extensions.get("network_stream")
        if isinstance(network, DeadlineStream):
            network.allow(seconds)
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _BoundedBody(response.stream, seconds)
        coding = _take_coding(response)
        return _unpacked(response.read(), coding)

    async def _aread(self, response: httpx.Response) -> bytes:
        if response.status_code < _FIRST_UNANSWERED:
            return b""
        if isinstance(response.stream, httpx.AsyncByteStream):
            seconds = min(self._where.timeouts.idle, _REFUSAL_SECONDS)
            response.stream = _AsyncBoundedBody(response.stream, seconds)
        coding = _take_coding(response)
        return _unpacked(await response.aread(), coding)


def _take_coding(response: httpx.Response) -> str:
    """Keep httpx from unpacking a body, which it does whatever its size."""
    if response.is_stream_consumed:
        return ""
    coding: str = response.headers.pop("content-encoding", "")
    return coding.strip().lower()


def _unpacked(body: bytes, coding: str) -> bytes:
    """Return a refusal that was compressed although asked not to be, as far as the limit."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(_ANY_WRAPPER).decompress(body, ERROR_BODY_LIMIT)
    except zlib.error:
        return b""


class _BoundedBody(httpx.SyncByteStream):
    """A body that ends early where it is too long, too slow or breaks: the status counts."""

    def __init__(self, inner: httpx.SyncByteStream, seconds: float) -> None:
        self._inner = inner
        self._ends = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        left = ERROR_BODY_LIMIT
        with suppress(*TRANSPORT_FAILURES):
            for piece in self._inner:
                yield piece[:left]
                left -= len(piece)
                if left <= 0 or time.monotonic() > self._ends:
                    break

    def close(self) -> None:
        self._inner.close()


class _AsyncBoundedBody(httpx.AsyncByteStream):
    """The same on an event loop."""

    def __init__(self, inner: httpx.AsyncByteStream, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = ERROR_BODY_LIMIT
        ends = asyncio.get_running_loop().time() + self._seconds
        pieces = aiter(self._inner)
        with suppress(*TRANSPORT_FAILURES):
            while left > 0:
                async with asyncio.timeout_at(ends):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                yield piece[:left]
                left -= len(piece)

    async def aclose(self) -> None:
        await self._inner.aclose()
