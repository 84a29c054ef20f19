"""Keeps images and documents that were fetched by URL for the next turns of a conversation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from langchain_claude_cloud.platform.locks import SharedLock

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http import FetchedMedia

KEPT_SECONDS: Final = 3600.0
"""How long media is kept by its URL: the turns of a conversation name it again and again."""

KEPT_BYTES: Final = 64_000_000
"""How much is kept for the process: two of the largest requests."""


class MediaCache:
    """Media by URL, bounded in bytes; what was used least recently goes first.

    A URL is asked for without credentials, so whoever has it may see its data. What a
    caller's own `url_fetcher` returns is not kept: it may depend on who asks.

    Args:
        clock: Returns the time in seconds.
        most_bytes: How much is kept.
    """

    def __init__(self, clock: Callable[[], float], most_bytes: int = KEPT_BYTES) -> None:
        self._clock, self._most = clock, most_bytes
        self._kept: OrderedDict[str, tuple[FetchedMedia, float]] = OrderedDict()
        self._lock = SharedLock()
        self.bytes = 0

    def get(self, url: str) -> FetchedMedia | None:
        """Return what was fetched from a URL; None if that is not kept."""
        with self._lock:
            media, ends = self._kept.get(url, (None, 0.0))
            if media is None:
                return None
            if self._clock() >= ends:
                self._drop(url)
                return None
            self._kept.move_to_end(url)
            return media

    def put(self, url: str, media: FetchedMedia) -> None:
        """Keep what was fetched from a URL."""
        with self._lock:
            self._drop(url)
            self._kept[url] = (media, self._clock() + KEPT_SECONDS)
            self.bytes += len(media.data)
            while self.bytes > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, url: str) -> None:
        media, _ = self._kept.pop(url, (None, 0.0))
        if media is not None:
            self.bytes -= len(media.data)
