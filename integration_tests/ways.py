"""Every way to ask a model, and two platforms to ask, for tests of resilience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from clouds import platform_of
from langchain_core.messages import AIMessage

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator

WORDS: Final = "One two three four five six seven eight nine ten. " * 4
OTHER: Final = {"vertex": "bedrock", "bedrock": "vertex"}
SOON: Final = 0.01

Way = Callable[..., Any]


def pair(emulator: CloudEmulator, first: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model with two platforms, one cloud first and the other second."""
    platforms = [platform_of(emulator, name) for name in (first, OTHER[first])]
    given: Any = {"model": "claude-sonnet-4-6", "max_tokens": 512, "max_retries": 0, **fields}
    return ChatClaudeCloud(platform=platforms, **given)


def asked(emulator: CloudEmulator) -> list[str]:
    """Return the clouds that were asked, in order."""
    return [request.platform for request in emulator.requests]


async def invoke(model: ChatClaudeCloud, **arguments: Any) -> AIMessage:
    """Ask, blocking."""
    return model.invoke("Count.", **arguments)


async def ainvoke(model: ChatClaudeCloud, **arguments: Any) -> AIMessage:
    """Ask on the event loop."""
    return await model.ainvoke("Count.", **arguments)


async def stream(model: ChatClaudeCloud, **arguments: Any) -> Any:
    """Stream, blocking, and add up."""
    chunks = list(model.stream("Count.", **arguments))
    return chunks[0] + chunks[1:]


async def astream(model: ChatClaudeCloud, **arguments: Any) -> Any:
    """Stream on the event loop, and add up."""
    chunks = [chunk async for chunk in model.astream("Count.", **arguments)]
    return chunks[0] + chunks[1:]


async def events(model: ChatClaudeCloud, **arguments: Any) -> Any:
    """Stream events, blocking."""
    return model.stream_events("Count.", version="v3", **arguments).output


async def aevents(model: ChatClaudeCloud, **arguments: Any) -> Any:
    """Stream events on the event loop."""
    return await (await model.astream_events("Count.", version="v3", **arguments))


async def invoke_long(model: ChatClaudeCloud, **arguments: Any) -> AIMessage:
    """Ask for an answer that is long enough to be streamed internally."""
    return model.invoke("Count.", max_tokens=64_000, **arguments)


async def ainvoke_long(model: ChatClaudeCloud, **arguments: Any) -> AIMessage:
    """Do the same on the event loop."""
    return await model.ainvoke("Count.", max_tokens=64_000, **arguments)


WHOLE: Final = (invoke, ainvoke)
STREAMS: Final = (stream, astream, events, aevents)
LONG: Final = (invoke_long, ainvoke_long)
WAYS: Final = (*WHOLE, *STREAMS, *LONG)

every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
every_stream = pytest.mark.parametrize("way", STREAMS, ids=lambda way: way.__name__)
