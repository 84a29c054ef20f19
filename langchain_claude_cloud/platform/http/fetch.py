"""Fetching the images and documents that a prompt names by URL; no cloud does it itself.

The URL may come from anyone, so it must not reach what only this machine can reach: the name
is resolved once, every address must be public, the connection goes to one of those very
addresses, and the same holds for each redirect. Nothing of ours goes along: no credentials,
no cookies. Tests replace the resolver and the network; the policy has no switch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

import httpx

from langchain_claude_cloud.catalogue.media_types import FetchedMedia, media_type_of
from langchain_claude_cloud.errors import ClaudeCloudError, InvalidInputError
from langchain_claude_cloud.errors.explanation import is_local_limit, local_limit
from langchain_claude_cloud.platform.base import USER_AGENT
from langchain_claude_cloud.platform.fetch_policy import MediaBudget, is_public, without_query
from langchain_claude_cloud.platform.http import environment, failures
from langchain_claude_cloud.platform.http.async_transport import LookUp, LoopTransport, look_up
from langchain_claude_cloud.platform.timeouts import Timeouts, start_thread

Network: TypeAlias = Callable[[str, int], tuple[str, int]]
"""Says where a checked address and port are reached."""

_ACCEPT = "image/png, image/jpeg, image/gif, image/webp, application/pdf, text/*, */*;q=0.5"
_LAST_PORT = 65_535


def _internet(address: str, port: int) -> tuple[str, int]:
    """Say that an address is reached at that address."""
    return address, port


class _RefusedError(Exception):
    """Why a URL was not fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFetcher:
    """Fetches images and documents, up to eight at a time.

    Attributes:
        optional: URLs whose failure is returned in place of what they give, not raised.
        most_bytes: How many bytes all together may have.
        seconds: The time for one, redirects included.
        redirects: How many redirects are followed.
        resolver: Looks names up; what it returns is checked.
        network: Says where the checked addresses are reached.
    """

    optional: Container[str] = frozenset()
    most_bytes: int = 32_000_000
    seconds: float = 30.0
    redirects: int = 3
    resolver: LookUp = look_up
    network: Network = _internet

    def fetch(self, urls: Sequence[str]) -> list[FetchedMedia | InvalidInputError]:
        """Fetch as `afetch` does, and wait for it; it may be called from anywhere."""
        return start_thread(lambda: asyncio.run(self.afetch(urls))).result()

    async def afetch(self, urls: Sequence[str]) -> list[FetchedMedia | InvalidInputError]:
        """Return what was fetched, in the order of the URLs.

        Raises:
            InvalidInputError: One may not be fetched, or cannot be; the others are given up.
            RequestTooLargeError: They have too many bytes together; nothing more is read then.
            ConfigurationError: The certificates that the environment names cannot be loaded.
        """
        gate = asyncio.Semaphore(8)
        budget = MediaBudget(self.most_bytes)

        async def one(url: str) -> FetchedMedia | InvalidInputError:
            async with gate:
                return await self._fetch(url, budget)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(url)) for url in urls]
        except* ClaudeCloudError as refused:
            first = refused.exceptions[0]
        else:
            return [task.result() for task in tasks]
        raise first

    async def _fetch(self, url: str, budget: MediaBudget) -> FetchedMedia | InvalidInputError:
        target = url
        try:
            async with asyncio.timeout(self.seconds):
                for _ in range(self.redirects + 1):
                    outcome = await self._get(target, budget)
                    if isinstance(outcome, FetchedMedia):
                        return outcome
                    target = outcome
            reason = f"it redirects more than {self.redirects} times"
        except TimeoutError:
            reason = f"it took longer than {self.seconds:g} s"
        except (_RefusedError, *failures.TRANSPORT_FAILURES) as cause:
            if is_local_limit(cause):
                raise local_limit(cause, f"to fetch {without_query(url)}") from None
            reason = str(cause)[:300] or type(cause).__name__
        text = f"{without_query(url)} was not fetched: {reason}."
        error = InvalidInputError(f"{text} Send the data itself (base64), or give a url_fetcher.")
        if url in self.optional:
            return error
        raise error

    async def _get(self, url: str, budget: MediaBudget) -> FetchedMedia | str:
        """Return the data of a URL, or the URL that it redirects to."""
        parsed = _parse(url)
        addresses = await self._addresses(parsed)
        headers = {"user-agent": USER_AGENT, "accept": _ACCEPT, "accept-encoding": "identity"}
        timeouts = Timeouts(connect=self.seconds, start=self.seconds, idle=self.seconds)
        request = httpx.Request("GET", parsed, headers=headers, extensions={"limits": timeouts})
        context = environment.tls_context(environment.Certificates.of_process())
        async with (
            LoopTransport(context, look_up=self._pinned(addresses)) as transport,
            aclosing(await transport.handle_async_request(request)) as response,
        ):
            if response.has_redirect_location:
                return str(parsed.join(response.headers["location"]))
            return await self._read(response, budget)

    def _pinned(self, addresses: Sequence[str]) -> LookUp:
        async def known(_: str, port: int) -> list[tuple[str, int]]:
            # Not looked up a second time: the answer may be another one.
            return [self.network(address, port) for address in addresses]

        return known

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        host = url.raw_host.decode("ascii").strip("[]")
        if environment.proxy_for("https", host) is not None:
            raise _RefusedError("behind a proxy (HTTPS_PROXY) its address cannot be checked")
        try:
            found = await self.resolver(host, url.port or 443)
        except (OSError, UnicodeError) as cause:
            raise _RefusedError(f"{host} has no address ({cause})") from cause
        addresses = [address for address, _ in found]
        if not addresses:
            raise _RefusedError(f"{host} has no address")
        for address in addresses:
            if not is_public(address):
                raise _RefusedError(f"{host} is at {address}, which is not a public address")
        return addresses

    async def _read(self, response: httpx.Response, budget: MediaBudget) -> FetchedMedia:
        if response.status_code != httpx.codes.OK:
            raise _RefusedError(f"the server answered HTTP {response.status_code}")
        content = response.headers.get("content-encoding", "").strip().lower()
        transfer = response.headers.get("transfer-encoding", "").strip().lower()
        if content not in {"", "identity"} or transfer not in {"", "chunked"}:
            # A few kilobytes may unpack to gigabytes, and nothing here needs it.
            raise _RefusedError("the server compresses it, though asked not to")
        data = bytearray()
        async for piece in response.aiter_raw():
            data += piece
            budget.take(len(piece))
        whole, declared = bytes(data), response.headers.get("content-type")
        return FetchedMedia(media_type_of(whole, declared), whole)


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
