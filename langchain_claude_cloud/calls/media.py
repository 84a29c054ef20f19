"""The images and documents that the messages of one call name by URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from langchain_claude_cloud.calls.media_cache import MediaCache
from langchain_claude_cloud.calls.steps import Fetch, Steps
from langchain_claude_cloud.errors import InvalidInputError, RequestTooLargeError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.http import Timeouts
from langchain_claude_cloud.request.messages.media import (
    find_url_sources,
    inline_sources,
    needed_urls,
)

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import FetchedMedia


class CallMedia:
    """The media of one call.

    Attributes:
        is_fetching: Whether it is being got; what fails then fails on every route.
        notices: What is missing, to be said in the log.

    Args:
        cache: Where it is kept; None: it is not.
    """

    def __init__(self, cache: MediaCache | None) -> None:
        self.is_fetching = False
        self.notices: list[str] = []
        self._cache = cache
        self._found: dict[str, FetchedMedia | InvalidInputError] = {}

    def get(self, body: JsonObject, most_bytes: int, timeouts: Callable[[], Timeouts]) -> Steps:
        """Get what a body names and is not there yet.

        Args:
            body: A Messages API body.
            most_bytes: How large a request may be; in it media is a third larger.
            timeouts: Says how much is left of the call's whole time.

        Raises:
            InvalidInputError: Something that the user has sent last cannot be got.
            RequestTooLargeError: All together is too large.
        """
        self.is_fetching = False
        urls = find_url_sources(body)
        self._take_kept(urls)
        found = [self._found.get(url) for url in urls]
        used = sum(
            len(media.data)
            for media in found
            if media is not None and not isinstance(media, InvalidInputError)
        )
        missing = [url for url, media in zip(urls, found, strict=True) if media is None]
        if not missing:
            return
        optional = frozenset(missing) - needed_urls(body)
        self.is_fetching = True
        left = max(0, most_bytes * 3 // 4 - used)
        try:
            outcomes = yield Fetch(missing, optional, left, timeouts())
        except RequestTooLargeError:
            self.is_fetching = False  # another cloud may take more
            raise
        self.is_fetching = False
        for url, outcome in zip(missing, outcomes, strict=True):
            self._note(url, outcome)

    def inlined(self, body: JsonObject) -> JsonObject:
        """Return a body in which the fetched data takes the place of URLs."""
        return inline_sources(body, self._found) if self._found else body

    def _take_kept(self, urls: list[str]) -> None:
        if self._cache is None:
            return
        for url in urls:
            media = self._cache.get(url)
            if url not in self._found and media is not None:
                self._found[url] = media

    def _note(self, url: str, outcome: FetchedMedia | InvalidInputError) -> None:
        self._found[url] = outcome
        if isinstance(outcome, InvalidInputError):
            self.notices.append(
                f"An earlier image or document is sent as a line of text: {outcome}"
            )
        elif self._cache is not None:
            self._cache.put(url, outcome)
