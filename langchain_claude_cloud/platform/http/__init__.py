"""All HTTP of the package: pools, signing, sending, retries, fetching media.

httpx is imported on first use of what needs it, not with the package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from langchain_claude_cloud.platform.http.media_types import media_type_of
from langchain_claude_cloud.platform.http.timeouts import Timeouts

if TYPE_CHECKING:
    from langchain_claude_cloud.platform.http.byte_streams import AsyncByteStream, ByteStream
    from langchain_claude_cloud.platform.http.fetch import (
        FetchedMedia,
        FetchLimits,
        MediaBudget,
        afetch_each,
        fetch_each,
        without_query,
    )
    from langchain_claude_cloud.platform.http.loops import in_thread
    from langchain_claude_cloud.platform.http.pool import aclose_pools, close_pools
    from langchain_claude_cloud.platform.http.preparing import (
        aprepare,
        awithin_call,
        prepare,
        within_call,
    )
    from langchain_claude_cloud.platform.http.sending import (
        HttpResponse,
        aopen_stream,
        asend,
        check_client,
        open_stream,
        send,
    )

_HOMES = {
    "AsyncByteStream": "byte_streams",
    "ByteStream": "byte_streams",
    "FetchLimits": "fetch",
    "FetchedMedia": "fetch",
    "HttpResponse": "sending",
    "MediaBudget": "fetch",
    "afetch_each": "fetch",
    "fetch_each": "fetch",
    "aclose_pools": "pool",
    "awithin_call": "preparing",
    "within_call": "preparing",
    "check_client": "sending",
    "without_query": "fetch",
    "aopen_stream": "sending",
    "aprepare": "preparing",
    "asend": "sending",
    "close_pools": "pool",
    "in_thread": "loops",
    "open_stream": "sending",
    "prepare": "preparing",
    "send": "sending",
}

__all__ = [
    "AsyncByteStream",
    "ByteStream",
    "FetchLimits",
    "FetchedMedia",
    "HttpResponse",
    "MediaBudget",
    "Timeouts",
    "aclose_pools",
    "afetch_each",
    "aopen_stream",
    "aprepare",
    "asend",
    "awithin_call",
    "check_client",
    "close_pools",
    "fetch_each",
    "in_thread",
    "media_type_of",
    "open_stream",
    "prepare",
    "send",
    "within_call",
    "without_query",
]


def __getattr__(name: str) -> object:
    """Import on first use what needs httpx."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
