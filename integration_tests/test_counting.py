"""Tokens are counted by the cloud, in its own way; what cannot be sent is estimated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator

TOOL = {"name": "f", "description": "d" * 400, "input_schema": {"type": "object", "properties": {}}}
HISTORY: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("a " * 50),
    AIMessage("b " * 50),
    HumanMessage("c " * 50),
    AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "t1"}]),
    ToolMessage("r", tool_call_id="t1"),
]


@pytest.fixture
def emulator() -> Iterator[CloudEmulator]:
    """A running emulator."""
    with CloudEmulator() as running:
        yield running


@pytest.fixture(params=["vertex", "bedrock"])
def model(request: pytest.FixtureRequest, emulator: CloudEmulator) -> ChatClaudeCloud:
    """A model of either cloud."""
    return ChatClaudeCloud(model="claude-sonnet-5-5", platform=getattr(emulator, request.param)())


async def test_a_prompt_is_counted_with_its_tools(
    emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """Sync and async ask the same, under the model's base id; tools count."""
    bare = model.count_tokens(HISTORY[:2])
    assert await model.acount_tokens(HISTORY[:2]) == bare
    assert model.count_tokens(HISTORY[:2], tools=[TOOL]) > bare + 50
    assert {request.operation for request in emulator.requests} == {"count_tokens"}
    assert all("global." not in request.model for request in emulator.requests)
    assert model.get_num_tokens("a " * 50) > 10


def test_nothing_is_asked_for_nothing(emulator: CloudEmulator, model: ChatClaudeCloud) -> None:
    """An empty list has no tokens, and costs no request."""
    assert model.count_tokens([]) == 0
    assert model.get_num_tokens_from_messages([]) == 0
    assert emulator.requests == []


@pytest.mark.parametrize("strategy", ["first", "last"])
def test_trim_messages_takes_the_model_as_its_counter(
    model: ChatClaudeCloud, strategy: str
) -> None:
    """It asks about any slice of a history; those that could not be sent are estimated."""
    trimmed = trim_messages(HISTORY, max_tokens=60, token_counter=model, strategy=strategy)  # type: ignore[arg-type]
    assert 0 < len(trimmed) < len(HISTORY)
    assert model.get_num_tokens_from_messages([ToolMessage("r" * 330, tool_call_id="t9")]) >= 100
