"""Fetching the images and documents that a prompt names by URL; no cloud does it itself.

In: https URLs. Out: bytes and MIME types, or an error that says why not.

The URL may come from anyone, so it must not reach what only this machine can reach: the name
is resolved once, every address must be public, the connection goes to one of those very
addresses, and the same holds for each redirect. Nothing of ours goes along: no credentials,
no cookies. Tests replace the resolver and the network; the policy has no switch.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import httpcore
import httpx

from langchain_claude_cloud.errors import ClaudeCloudError, InvalidInputError
from langchain_claude_cloud.platform.http.addresses import is_public
from langchain_claude_cloud.platform.http.backend import LoopBackend
from langchain_claude_cloud.platform.http.environment import proxy_for, user_agent
from langchain_claude_cloud.platform.http.failures import TRANSPORT_FAILURES
from langchain_claude_cloud.platform.http.loops import in_single_flight
from langchain_claude_cloud.platform.http.media_types import media_type_of
from langchain_claude_cloud.platform.http.transport import LoopTransport

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a host name and a port into IP addresses."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_ACCEPT = "image/png, image/jpeg, image/gif, image/webp, application/pdf, text/*, */*;q=0.5"
_AT_ONCE = 8
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class FetchedMedia:
    """What a URL gave.

    Attributes:
        media_type: The MIME type, by content where the content tells.
        data: The bytes.
    """

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much a fetch may take.

    Attributes:
        max_bytes: The size of one piece of media.
        seconds: The time for one, redirects included.
        redirects: How many redirects are followed.
    """

    max_bytes: int = 32_000_000
    seconds: float = 30.0
    redirects: int = 3


_LIMITS = FetchLimits()


class _RefusedError(Exception):
    """Why a URL was not fetched."""


async def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, as the system knows them."""
    # Not in the loop's executor: a silent name server would hold up the end of the program.
    found = await in_single_flight(
        ("resolve", host, port), partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def afetch_media(
    url: str,
    *,
    limits: FetchLimits = _LIMITS,
    resolver: Resolver = resolve,
    network: httpcore.AsyncNetworkBackend | None = None,
) -> FetchedMedia:
    """Fetch an image or a document.

    Args:
        url: An https URL.
        limits: How much it may take.
        resolver: Looks names up; what it returns is checked.
        network: Connects to the checked addresses.

    Returns:
        What the URL gave.

    Raises:
        InvalidInputError: The URL may not be fetched, or cannot be.
    """
    return await _Fetcher(limits, resolver, network or LoopBackend()).fetch(url)


async def afetch_all(
    urls: Sequence[str],
    *,
    limits: FetchLimits = _LIMITS,
    resolver: Resolver = resolve,
    network: httpcore.AsyncNetworkBackend | None = None,
) -> list[FetchedMedia]:
    """Fetch several images or documents, up to eight at a time.

    Takes what `afetch_media` takes, with ``limits`` for each of the URLs.

    Returns:
        What the URLs gave, in their order.

    Raises:
        InvalidInputError: One may not be fetched, or cannot be; the others are given up.
        ConfigurationError: The certificates that the environment names cannot be loaded.
    """
    gate = asyncio.Semaphore(_AT_ONCE)
    fetcher = _Fetcher(limits, resolver, network or LoopBackend())

    async def one(url: str) -> FetchedMedia:
        async with gate:
            return await fetcher.fetch(url)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(url)) for url in urls]
    except* ClaudeCloudError as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first


def fetch_media(
    url: str,
    *,
    limits: FetchLimits = _LIMITS,
    resolver: Resolver = resolve,
    network: httpcore.AsyncNetworkBackend | None = None,
) -> FetchedMedia:
    """Fetch an image or a document, as `afetch_media` does, and wait for it.

    Raises:
        InvalidInputError: The URL may not be fetched, or cannot be.
    """
    return fetch_all([url], limits=limits, resolver=resolver, network=network)[0]


def fetch_all(
    urls: Sequence[str],
    *,
    limits: FetchLimits = _LIMITS,
    resolver: Resolver = resolve,
    network: httpcore.AsyncNetworkBackend | None = None,
) -> list[FetchedMedia]:
    """Fetch several images or documents, as `afetch_all` does, and wait for them.

    It runs on an event loop of its own in a thread of its own, so that it may be called
    from anywhere.

    Raises:
        InvalidInputError: One may not be fetched, or cannot be.
    """
    outcome: list[list[FetchedMedia]] = []
    failed: list[BaseException] = []

    def run() -> None:
        fetching = afetch_all(urls, limits=limits, resolver=resolver, network=network)
        try:
            outcome.append(asyncio.run(fetching))
        except BaseException as cause:  # noqa: BLE001  raised where it is waited for
            failed.append(cause)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return outcome[0]


@dataclass(frozen=True, slots=True)
class _Fetcher:
    """The limits, and the world outside."""

    limits: FetchLimits
    resolver: Resolver
    network: httpcore.AsyncNetworkBackend

    async def fetch(self, url: str) -> FetchedMedia:
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._follow(url)
        except TimeoutError:
            reason = f"it took longer than {self.limits.seconds:g} s"
        except _RefusedError as cause:
            reason = str(cause)
        except TRANSPORT_FAILURES as cause:
            reason = str(cause)[:300] or type(cause).__name__
        raise InvalidInputError(
            f"{_without_query(url)} was not fetched: {reason}. Send the data itself "
            "(base64) instead of the URL, or give a url_fetcher."
        )

    async def _follow(self, url: str) -> FetchedMedia:
        for _ in range(self.limits.redirects + 1):
            outcome = await self._get(url)
            if isinstance(outcome, FetchedMedia):
                return outcome
            url = outcome
        raise _RefusedError(f"it redirects more than {self.limits.redirects} times")

    async def _get(self, url: str) -> FetchedMedia | str:
        """Return what a URL gives, or the URL that it redirects to."""
        parsed = _parse(url)
        addresses = await self._addresses(parsed)
        pinned = _PinnedNetwork(self.network, addresses)
        transport = LoopTransport(parsed.scheme, parsed.host, backend=pinned, use_proxy=False)
        headers = {"user-agent": user_agent(), "accept": _ACCEPT, "accept-encoding": "identity"}
        request = httpx.Request(
            "GET",
            parsed,
            headers=headers,
            extensions={"timeout": httpx.Timeout(self.limits.seconds).as_dict()},
        )
        response = await transport.handle_async_request(request)
        response.request = request
        try:
            if response.status_code in _REDIRECTS:
                return str(parsed.join(response.headers.get("location", "")))
            return await self._read(response)
        finally:
            await response.aclose()
            await transport.aclose()

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        host = url.raw_host.decode("ascii").strip("[]")
        if proxy_for("https", host) is not None:
            raise _RefusedError(
                "a proxy is configured (HTTPS_PROXY), behind which the address that it "
                "connects to cannot be checked"
            )
        try:
            addresses = await self.resolver(host, url.port or 443)
        except (OSError, UnicodeError) as cause:
            raise _RefusedError(f"{host} has no address ({cause})") from cause
        if not addresses:
            raise _RefusedError(f"{host} has no address")
        for address in addresses:
            if not is_public(address):
                raise _RefusedError(f"{host} is at {address}, which is not a public address")
        return addresses

    async def _read(self, response: httpx.Response) -> FetchedMedia:
        if response.status_code != _OK:
            raise _RefusedError(f"the server answered HTTP {response.status_code}")
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            # A few kilobytes may unpack to gigabytes, and nothing here needs it.
            raise _RefusedError("the server compresses it, though asked not to")
        size = 0
        pieces: list[bytes] = []
        async for piece in response.aiter_raw():
            pieces.append(piece)
            size += len(piece)
            if size > self.limits.max_bytes:
                raise _RefusedError(f"it is larger than {self.limits.max_bytes:,} bytes")
        data = b"".join(pieces)
        return FetchedMedia(media_type_of(data, response.headers.get("content-type")), data)


class _PinnedNetwork(httpcore.AsyncNetworkBackend):
    """A network on which every host is at the addresses that were checked."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, addresses: Sequence[str]) -> None:
        self._network = network
        self._addresses = addresses

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002  not looked up a second time: it may answer differently
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address that answers."""
        share = None if timeout is None else timeout / len(self._addresses)
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as cause:
                failure = cause
        raise failure


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        scheme, host = parsed.scheme, parsed.raw_host
    except (httpx.InvalidURL, ValueError, TypeError):
        raise _RefusedError("it is not a URL") from None
    if scheme in {"gs", "s3"}:
        raise _RefusedError(f"{scheme}:// objects are not fetched; sign an https URL for it")
    if scheme != "https" or not host:
        raise _RefusedError("only https URLs are fetched")
    if parsed.port is not None and not 0 < parsed.port <= _LAST_PORT:
        raise _RefusedError("it is not a URL")
    if parsed.userinfo:
        raise _RefusedError("it holds a user name or password")
    return parsed


def _without_query(url: str) -> str:
    """Return a URL for an error message: signed URLs carry their secret in the query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))[:300]
    except ValueError:
        return "The URL"
