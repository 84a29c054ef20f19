"""The images and documents that the messages of one call name by URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from langchain_claude_cloud import LazyModule
from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.calls.steps import Clients, Fetch, Steps
from langchain_claude_cloud.catalogue.media_types import FetchedMedia, media_type_of
from langchain_claude_cloud.errors import ClaudeCloudError, InvalidInputError
from langchain_claude_cloud.errors.redaction import clean
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.fetch_policy import MediaBudget, without_query
from langchain_claude_cloud.platform.shared_state import ExpiringTable
from langchain_claude_cloud.platform.timeouts import Timeouts, in_thread
from langchain_claude_cloud.request.messages.fetched_media import inline_sources

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import fetch
else:  # it imports httpx
    fetch = LazyModule("langchain_claude_cloud.platform.http.fetch")


@dataclass
class CallMedia:
    """The media of one call.

    A URL is asked for without credentials, so whoever has it may see its data: it is kept for
    other calls. What a caller's own `url_fetcher` returns is not: it may depend on who asks.

    Attributes:
        cache: Where it is kept, by URL; None: it is not.
        is_fetching: Whether it is being got; what fails then fails on every route, unless it
            is too large: another cloud may take more.
    """

    cache: ExpiringTable[FetchedMedia] | None
    is_fetching: bool = False
    _found: dict[str, FetchedMedia | InvalidInputError] = field(default_factory=dict)

    def get(
        self, body: JsonObject, urls: Mapping[str, bool], most_bytes: int, timeouts: Timeouts
    ) -> Steps[JsonObject]:
        """Get what a body names and is not there yet; return the body with the data in it.

        Args:
            body: A Messages API body.
            urls: Those that it names; of each, whether the user has sent it last.
            most_bytes: How large a request may be; in it media is a third larger.
            timeouts: How much is left of the call's whole time.

        Raises:
            InvalidInputError: Something that the user has sent last cannot be got.
            RequestTooLargeError: All together is too large.
        """
        found = self._found
        if self.cache is not None:
            kept = {url: self.cache.get(url) for url in urls if url not in found}
            found.update((url, media) for url, media in kept.items() if media)
        missing = [url for url in urls if url not in found]
        if missing:
            used = sum(len(each.data) for each in found.values() if isinstance(each, FetchedMedia))
            left = max(0, most_bytes * 3 // 4 - used)
            optional = frozenset(url for url in missing if not urls[url])
            self.is_fetching = True
            outcomes = yield Fetch(missing, optional, left, timeouts)
            self.is_fetching = False
            found.update(zip(missing, outcomes, strict=True))
            self._keep(missing)
        return inline_sources(body, found)

    def _keep(self, urls: list[str]) -> None:
        """Keep media for an hour: the turns of a conversation name it again and again."""
        for url in urls:
            if isinstance(got := self._found[url], InvalidInputError):
                MEMORY.say_once(f"An earlier image or document is sent as a line of text: {got}")
            elif self.cache is not None:
                self.cache.put(url, got, HOUR)


Outcomes = list[FetchedMedia | InvalidInputError]


def fetch_media(step: Fetch, clients: Clients) -> Outcomes:
    """Get images and documents: by the package, or by a function of the caller's.

    Args:
        step: What is wanted.
        clients: Has the function, which the text of no frame shows: it may hold a secret.

    Raises:
        InvalidInputError: One that is wanted cannot be got.
        RequestTooLargeError: All together is too large.
    """
    if clients.url_fetcher is None:
        fetching = fetch.MediaFetcher(optional=step.optional, most_bytes=step.most_bytes)
        return fetching.fetch(step.urls)
    found: Outcomes = []
    budget = MediaBudget(step.most_bytes)
    for url in step.urls:
        try:
            data = _get(clients.url_fetcher, url)
        except InvalidInputError as error:
            if url not in step.optional:
                raise
            found.append(error)
        else:
            budget.take(len(data))
            found.append(FetchedMedia(media_type_of(data, None), data))
    return found


async def afetch_media(step: Fetch, clients: Clients) -> Outcomes:
    """Do what `fetch_media` does; the caller's function runs in a thread."""
    if clients.url_fetcher is not None:
        return await in_thread(partial(fetch_media, step, clients))
    fetching = fetch.MediaFetcher(optional=step.optional, most_bytes=step.most_bytes)
    return await fetching.afetch(step.urls)


def _get(fetcher: Callable[[str], bytes], url: str) -> bytes:
    try:
        data: object = fetcher(url)
    except ClaudeCloudError:
        raise
    except Exception as cause:  # noqa: BLE001  the caller's code may raise anything
        # Signed URLs carry their secret in the query, and such errors name the URL, or its path on.
        said = str(cause).replace(url, without_query(url))
        query = url.partition("?")[2]
        said = clean(said.replace(query, "[...]") if "=" in query else said, 300)
        happened = f"raised {type(cause).__name__} ({said})"
    else:
        if isinstance(data, bytes | bytearray):
            return bytes(data)
        happened = f"returned a {type(data).__name__}, not bytes"
    del fetcher  # error trackers store what frames hold
    raise InvalidInputError(f"url_fetcher {happened} for {without_query(url)}.")
