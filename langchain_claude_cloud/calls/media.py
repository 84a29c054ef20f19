"""The images and documents that the messages of one call name by URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from langchain_claude_cloud.calls.memory import MEMORY, ExpiringTable
from langchain_claude_cloud.calls.steps import Fetch, Steps
from langchain_claude_cloud.errors import InvalidInputError, RequestTooLargeError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.platform.timeouts import Timeouts
from langchain_claude_cloud.request.messages.media import (
    inline_sources,
    needed_urls,
)

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http.fetch import FetchedMedia

KEPT_SECONDS: Final = 3600.0
"""How long media is kept by its URL: the turns of a conversation name it again and again."""


@dataclass
class CallMedia:
    """The media of one call.

    A URL is asked for without credentials, so whoever has it may see its data: it is kept for
    other calls. What a caller's own `url_fetcher` returns is not: it may depend on who asks.

    Attributes:
        cache: Where it is kept, by URL; None: it is not.
        is_fetching: Whether it is being got; what fails then fails on every route.
    """

    cache: ExpiringTable[FetchedMedia] | None
    is_fetching: bool = False
    _found: dict[str, FetchedMedia | InvalidInputError] = field(default_factory=dict)

    def get(
        self, body: JsonObject, urls: Sequence[str], most_bytes: int, timeouts: Timeouts
    ) -> Steps:
        """Get what a body names and is not there yet; return the body with the data in it.

        Args:
            body: A Messages API body.
            urls: Those that it names.
            most_bytes: How large a request may be; in it media is a third larger.
            timeouts: How much is left of the call's whole time.

        Raises:
            InvalidInputError: Something that the user has sent last cannot be got.
            RequestTooLargeError: All together is too large.
        """
        self.is_fetching = False
        if self.cache is not None:
            kept = {url: self.cache.get(url) for url in urls if url not in self._found}
            self._found.update((url, media) for url, media in kept.items() if media)
        missing = [url for url in urls if url not in self._found]
        if missing:
            there = [self._found[url] for url in urls if url in self._found]
            used = sum(len(each.data) for each in there if not isinstance(each, InvalidInputError))
            left = max(0, most_bytes * 3 // 4 - used)
            yield from self._fetch(missing, frozenset(missing) - needed_urls(body), left, timeouts)
        return inline_sources(body, self._found)

    def _fetch(
        self, urls: list[str], optional: frozenset[str], left: int, timeouts: Timeouts
    ) -> Steps:
        self.is_fetching = True
        try:
            outcomes = yield Fetch(urls, optional, left, timeouts)
        except RequestTooLargeError:
            self.is_fetching = False  # another cloud may take more
            raise
        self.is_fetching = False
        for url, outcome in zip(urls, outcomes, strict=True):
            self._found[url] = outcome
            if isinstance(outcome, InvalidInputError):
                MEMORY.say_once(
                    f"An earlier image or document is sent as a line of text: {outcome}"
                )
            elif self.cache is not None:
                self.cache.put(url, outcome, KEPT_SECONDS)
