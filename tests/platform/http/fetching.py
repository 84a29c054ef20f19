"""Media fetched alone, or all or none, as tests want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_claude_cloud.catalogue.media_types import FetchedMedia
from langchain_claude_cloud.platform.http.fetch import MediaFetcher


async def afetch_all(urls: Sequence[str], **settings: Any) -> list[FetchedMedia]:
    """Fetch several, none of which may be missing."""
    found = await MediaFetcher(**settings).afetch(urls)
    return [media for media in found if isinstance(media, FetchedMedia)]


async def afetch_media(url: str, **settings: Any) -> FetchedMedia:
    """Fetch one."""
    return (await afetch_all([url], **settings))[0]


def fetch_all(urls: Sequence[str], **settings: Any) -> list[FetchedMedia]:
    """Fetch several, and wait for them."""
    return [
        media for media in MediaFetcher(**settings).fetch(urls) if isinstance(media, FetchedMedia)
    ]


def fetch_media(url: str, **settings: Any) -> FetchedMedia:
    """Fetch one, and wait for it."""
    return fetch_all([url], **settings)[0]
