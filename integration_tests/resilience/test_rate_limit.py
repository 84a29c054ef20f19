"""`requests_per_minute` and `tokens_per_minute` of a model hold for all its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.errors import RequestTimeoutError
from langchain_claude_cloud.testing import CloudEmulator

MODEL = "claude-sonnet-4-6"


@pytest.fixture
def emulator() -> Iterator[CloudEmulator]:
    """An emulator for a process that has seen nothing yet."""
    MEMORY.reset()
    with CloudEmulator() as emulator:
        yield emulator


def _model(emulator: CloudEmulator, cloud: str, **fields: Any) -> ChatClaudeCloud:
    return ChatClaudeCloud(model=MODEL, platform=getattr(emulator, cloud)(), **fields)


def _ask(model: ChatClaudeCloud, way: str) -> None:
    if way == "invoke":
        model.invoke("Hi")
    elif way == "stream":
        list(model.stream("Hi"))
    elif way == "ainvoke":
        asyncio.run(model.ainvoke("Hi"))
    else:
        asyncio.run(_stream(model))


async def _stream(model: ChatClaudeCloud) -> None:
    async for _ in model.astream("Hi"):
        pass


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_a_call_without_room_waits_as_long_as_it_may(
    emulator: CloudEmulator, cloud: str, way: str
) -> None:
    """Counting is not limited; another instance with the same limit shares it."""
    model = _model(emulator, cloud, requests_per_minute=2)
    _ask(model, way)
    model.count_tokens("Hi")
    _ask(model.model_copy(), way)
    sent = len(emulator.requests)
    again = _model(emulator, cloud, requests_per_minute=2, timeout={"total": 0.2})
    with pytest.raises(RequestTimeoutError, match="requests_per_minute=2 left no room"):
        _ask(again, way)
    assert len(emulator.requests) == sent
    _ask(_model(emulator, cloud, requests_per_minute=3), way)


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_tokens_are_reserved_as_bedrock_does_and_given_back(
    emulator: CloudEmulator, way: str
) -> None:
    """The longest answer is reserved; of what came, each token of the answer counts five times."""
    fields = {"tokens_per_minute": 10_000.0, "max_tokens": 9_500}
    model = _model(emulator, "bedrock", **fields)
    for _ in range(3):
        _ask(model, way)
    ((window, _),) = MEMORY.minutes._entries.values()
    usage = model.invoke("Hi").usage_metadata
    assert usage is not None
    assert window._tokens == 4 * (usage["input_tokens"] + 5 * usage["output_tokens"])


def test_a_refused_request_counts_without_tokens(emulator: CloudEmulator) -> None:
    """The cloud did not take it, but it was asked."""
    emulator.fault(status=429, times=1)
    model = _model(emulator, "vertex", requests_per_minute=9, tokens_per_minute=9_000)
    usage = model.invoke("Hi").usage_metadata
    assert usage is not None
    ((window, _),) = MEMORY.minutes._entries.values()
    assert [each.tokens for each in window._sent] == [0, usage["total_tokens"]]


async def test_a_cancelled_call_does_not_hold_up_others(emulator: CloudEmulator) -> None:
    """It leaves the queue."""
    model = _model(emulator, "vertex", requests_per_minute=1)
    await model.ainvoke("Hi")
    task = asyncio.create_task(model.ainvoke("Hi"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ((window, _),) = MEMORY.minutes._entries.values()
    assert window._first() is None
